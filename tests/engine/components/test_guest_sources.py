"""Sources written by authors: ``next`` is asked for more while there is room, in every language."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from engine.contracts.observer import FlowObserver
from engine.errors import InvalidComponentError
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecutionSnapshot, ExecutionState
from tests.engine.executions import document


def a_source(code: str, language: str = "javascript", **fields: Any) -> dict[str, Any]:
    """A component that is a source."""
    return {
        "id": "my.source",
        "name": "Source",
        "version": "1.0.0",
        "ports": {"inputs": [], "outputs": ["out"]},
        "execution": {"type": language, "source": code},
        "source": True,
        **fields,
    }


class Seen(FlowObserver):
    """The values that left the graph, as text, and its errors."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.has_error = trio.Event()

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del node_id, port
        self.values.append(value)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        del node_id, port, lane
        self.values.append(value)
        self.has_error.set()


@asynccontextmanager
async def opened() -> AsyncIterator[Runtime]:
    async with open_runtime() as runtime:
        yield runtime


async def ran(runtime: Runtime, component: dict[str, Any]) -> tuple[ExecutionSnapshot, list[bytes]]:
    """Register a source, and run it to its end."""
    await runtime.library.register_component(component)
    graph = await runtime.library.load_graph(document({"s": "my.source"}))
    seen = Seen()
    execution = await runtime.execute(graph.id)
    with runtime.execution(execution.id).watch(seen), trio.fail_after(10):
        finished = await runtime.execution(execution.id).wait_finished()
    return finished, seen.values


_THREE = "({next(ctx) { const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.emit('out', n); %s }})"


@pytest.mark.parametrize("language", ["javascript", "typescript"])
async def test_next_is_asked_until_it_says_the_end(language: str) -> None:
    """Nothing returned, or milliseconds: it is asked again; ``false`` ends the source, and its execution."""
    async with opened() as runtime:
        code = _THREE % "return n < 3 ? (n % 2 ? 20 : undefined) : false"
        finished, values = await ran(runtime, a_source(code, language))
    assert finished.state is ExecutionState.COMPLETED
    assert values == [b"1", b"2", b"3"]


async def test_an_error_of_next_is_an_error_of_the_node() -> None:
    """What it emitted in that call is not seen; it is asked again a little later."""
    async with opened() as runtime:
        code = (
            "(() => { let called = 0; return { async next(ctx) { ctx.emit('out', ++called);"
            " if (called === 1) throw new Error('away'); return false } } })()"
        )
        finished, values = await ran(runtime, a_source(code))
    assert finished.state is ExecutionState.COMPLETED
    assert (b"away" in values[0], values[1:]) == (True, [b"2"])


async def test_a_source_is_sent_nothing() -> None:
    """A source with an input port, or one that is stateless, is refused when it is registered."""
    async with opened() as runtime:
        for wrong in ({"ports": {"inputs": ["in"], "outputs": ["out"]}}, {"stateless": True}):
            with pytest.raises(InvalidComponentError):
                await runtime.library.register_component(a_source(_THREE % "", **wrong))


async def test_a_source_that_spins_is_cut_off_and_others_go_on() -> None:
    """Its time is bounded as that of any invocation is."""
    async with opened() as runtime:
        code = "({next(ctx) { if (ctx.getState('n')) return false; ctx.setState('n', 1); for (;;); }})"
        component = a_source(code)
        component["execution"]["limits"] = {"cpuMs": 50}
        await runtime.library.register_component(component)
        graph = await runtime.library.load_graph(document({"s": "my.source"}))
        execution = await runtime.execute(graph.id)
        with runtime.execution(execution.id).watch(seen := Seen()):
            await seen.has_error.wait()
            await runtime.execution(execution.id).stop()
    assert b"CpuLimitExceeded" in seen.values[0]
