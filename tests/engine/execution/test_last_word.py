"""A component's last word, ``flush``: said once, when no further message comes, before ``cleanup``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState
from proto.message import Injection
from tests.engine.executions import OutputTap

SUM = """return {
  process(ctx, port, value) {
    ctx.setState('sum', (ctx.getState('sum') ?? 0) + value);
    ctx.log('info', `${value}`);
  },
  flush(ctx) { ctx.emit('out', ctx.getState('sum') ?? 'nothing'); ctx.log('info', 'flush'); },
  cleanup(ctx) { ctx.log('info', 'cleanup'); },
};"""


def component(component_id: str, source: str, **fields: Any) -> dict[str, Any]:
    """Return a definition with one input and one output."""
    return {
        "id": component_id,
        "name": component_id,
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source},
        **fields,
    }


def row(*components: str, **fields: Any) -> dict[str, Any]:
    """Return a graph of nodes that feed each other."""
    nodes = [{"id": f"n{index}", "component": each, **fields} for index, each in enumerate(components)]
    edges = [
        {"source": {"node": f"n{index}", "port": "out"}, "target": {"node": f"n{index + 1}", "port": "in"}}
        for index in range(len(components) - 1)
    ]
    return {"symbia": "1.0", "name": "row", "nodes": nodes, "edges": edges}


@asynccontextmanager
async def opened(*components: dict[str, Any], chaining: bool = True) -> AsyncIterator[Runtime]:
    """Open a runtime that knows these components."""
    async with open_runtime(chaining=chaining) as runtime:
        for each in components:
            await runtime.library.register_component(each)
        yield runtime


class Ran(msgspec.Struct):
    """What came of a run."""

    execution: ExecutionSnapshot
    logs: list[tuple[str, str]]
    outputs: list[Any]


async def run(runtime: Runtime, graph: dict[str, Any], *values: Any, stopping: bool = False) -> Ran:
    """Run a graph on values for its first node, to its completion or until it is stopped."""
    loaded = await runtime.library.load_graph(graph)
    started = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
    handle = runtime.execution(started.id)
    tap = OutputTap()
    with handle.watch(tap):
        messages = [Injection("n0", "in", msgspec.Raw(msgspec.json.encode(value))) for value in values]
        await handle.inject(messages)
        await handle.wait_quiescent()
        await (handle.stop() if stopping else handle.complete())
        ended = await handle.wait_finished()
    logs = [(entry.node_id, entry.message) for entry in runtime.execution(started.id).logs()]
    return Ran(ended, logs, [msgspec.json.decode(value) for _, _, value in tap.outputs])


@pytest.mark.parametrize("chaining", [True, False])
async def test_the_last_word_is_said_once_and_goes_through_those_behind(chaining: bool) -> None:
    """Nodes that feed others speak first; what they say is a message of the next, whose word comes after it."""
    async with opened(component("custom.sum", SUM), chaining=chaining) as runtime:
        ran = await run(runtime, row("custom.sum", "custom.sum"), 1, 2)
    assert (ran.execution.state, ran.outputs) == (ExecutionState.COMPLETED, [3])
    assert ran.logs[:5] == [("n0", "1"), ("n0", "2"), ("n0", "flush"), ("n1", "3"), ("n1", "flush")]
    assert sorted(ran.logs[5:]) == [("n0", "cleanup"), ("n1", "cleanup")]
    assert ran.execution.unprocessed == 0


async def test_a_stopped_execution_says_no_last_word() -> None:
    """What is stopped is cleaned up only: it was not told that its input has ended."""
    async with opened(component("custom.sum", SUM)) as runtime:
        ran = await run(runtime, row("custom.sum"), 1, stopping=True)
    assert (ran.execution.state, ran.outputs) == (ExecutionState.CANCELLED, [])
    assert [message for _, message in ran.logs] == ["1", "cleanup"]


@pytest.mark.parametrize("chaining", [True, False])
async def test_an_error_of_the_last_word_is_an_error_of_the_node(chaining: bool) -> None:
    """It fails the execution where nothing takes it, undoes what was said, and takes an edge of the error port."""
    broken = SUM.replace("ctx.log('info', 'flush')", "throw new RangeError('no end')")
    async with opened(
        component("custom.broken", broken), component("custom.sum", SUM), chaining=chaining
    ) as runtime:
        ran = await run(runtime, row("custom.sum", "custom.broken"), 1)
        assert (ran.execution.state, ran.outputs) == (ExecutionState.FAILED, [])
        assert ran.execution.error is not None
        assert ran.execution.error.message == "Node n1 failed: RangeError: no end"
        graph = row("custom.sum", "custom.broken", "symbia.core.passthrough")
        graph["edges"][1]["source"]["port"] = "error"
        ran = await run(runtime, graph, 1)
        assert ran.execution.state is ExecutionState.COMPLETED
        assert [output["message"] for output in ran.outputs] == ["no end"]


async def test_the_last_word_fits_its_port() -> None:
    """A last word that does not fit the schema of its port is an error, as every emission."""
    ports = {"inputs": ["in"], "outputs": [{"name": "out", "schema": {"type": "number"}}]}
    async with opened(component("custom.sum", SUM, ports=ports, validate=True)) as runtime:
        ran = await run(runtime, row("custom.sum"))
    assert ran.execution.error is not None
    assert "does not fit its schema" in ran.execution.error.message


async def test_a_guest_that_was_replaced_speaks_for_the_whole_instance() -> None:
    """Where the guest was destroyed, the next one is opened for the last word, and has the state."""
    spinning = SUM.replace("ctx.setState", "if (value === 'spin') for (;;); ctx.setState")
    code = {"type": "javascript", "source": spinning, "limits": {"cpuMs": 20}}
    async with opened(component("custom.sum", SUM, execution=code)) as runtime:
        ran = await run(runtime, row("custom.sum", onError="continue"), 5, "spin")
    assert (ran.execution.state, ran.outputs) == (ExecutionState.COMPLETED, [5])


async def test_the_last_word_has_the_limits_of_an_invocation() -> None:
    """It computes as long as an invocation may, and not for ever."""
    spinning = component(
        "custom.spin",
        "return { process() {}, flush() { for (;;); } };",
        execution={
            "type": "javascript",
            "source": "return { process() {}, flush() { for (;;); } };",
            "limits": {"cpuMs": 20},
        },
    )
    async with opened(spinning) as runtime:
        ran = await run(runtime, row("custom.spin", "custom.spin"), 1)
    assert ran.execution.error is not None
    assert "CpuLimitExceeded" in ran.execution.error.message


async def test_the_last_word_of_several_is_said_by_one() -> None:
    """A stateless component that runs several at once is asked once."""
    stateless = component(
        "custom.last", "return { process() {}, flush(ctx) { ctx.emit('out', 1); } };", stateless=True
    )
    async with opened(stateless) as runtime:
        ran = await run(runtime, row("custom.last", concurrency=5), 1, 2, 3)
    assert ran.outputs == [1]


@pytest.mark.parametrize("chaining", [True, False])
async def test_what_was_made_of_apocryphal_values_is_apocryphal(chaining: bool) -> None:
    """A last word is made of all that came, so it is in the tightest lane that there was."""
    async with opened(component("custom.sum", SUM), chaining=chaining) as runtime:
        loaded = await runtime.library.load_graph(row("custom.sum", "custom.sum"))
        started = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        handle = runtime.execution(started.id)
        lanes: list[int] = []

        class Lanes(OutputTap):
            def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
                del node_id, port, value
                lanes.append(lane)

        with handle.watch(Lanes()):
            await handle.inject([Injection("n0", "in", msgspec.Raw(b"1"), "apocryphal")], final=True)
            await handle.wait_finished()
    assert lanes == [1]
