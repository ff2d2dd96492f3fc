"""What is left of an execution that has ended, where no garbage collector comes by: nothing that counts."""

import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import trio

from engine.errors import MemoryBoundError
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import document

VALUE_BYTES = 500_000
HELD_BYTES = 15_000_000


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Cycles stay for the length of a test."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield
    tracemalloc.stop()
    gc.enable()


KEEPER = {
    "id": "custom.keeper",
    "name": "Keeper",
    "version": "1.0.0",
    "ports": {"inputs": ["in"], "outputs": ["out"]},
    "execution": {
        "type": "javascript",
        "source": "return { process(ctx, port, value) { ctx.setState(ctx.getState('n') ?? 'n', value) } }",
        "limits": {"stateBytes": 4_000_000},
    },
}

SPINNER = {
    **KEEPER,
    "id": "custom.spinner",
    "execution": {"type": "javascript", "source": "return { process() { for (;;) {} } }"},
}

GRAPHS: dict[str, dict[str, Any]] = {
    "messages that are held": document({"a": "symbia.core.passthrough"}),
    "messages in inboxes": document(
        {"a": "symbia.core.passthrough", "b": {"component": "symbia.core.delay", "config": {"ms": 3_600_000}}},
        ["a:out > b:in"],
    ),
    "delayed values": document({"a": {"component": "symbia.core.delay", "config": {"ms": 3_600_000}}}),
    "gathered values": document({"a": {"component": "symbia.core.accumulator", "config": {"count": 1_000}}}),
    "halves of pairs": document(
        {"a": {"component": "symbia.core.merge", "config": {"mode": "zip", "inputs": ["in", "b"]}}}
    ),
    "states": document({"a": "custom.keeper"}),
    "a message that is worked on": document({"a": "custom.spinner"}),
    "a chain of guests": document(
        {f"{name}": {"component": "symbia.core.map", "config": {"expression": "value"}} for name in "abc"},
        ["a:out > b:in", "b:out > c:in"],
    ),
}


async def fill(runtime: Runtime, execution: str, pause: bool) -> None:
    if pause:
        await runtime.execution(execution).pause()
    for number in range(HELD_BYTES // VALUE_BYTES):
        value = msgspec.Raw(b'"' + b"%06d" % number + b"x" * VALUE_BYTES + b'"')
        try:
            await runtime.execution(execution).inject([Injection("a", "in", value)])
        except MemoryBoundError:
            return


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("what", GRAPHS)
async def test_memory_comes_back_at_the_end_of_an_execution(what: str) -> None:
    """Whatever it held is free as soon as it has ended, cycles or not; four times in a row."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(KEEPER)
        await runtime.library.register_component(SPINNER)
        graph = await runtime.library.load_graph(GRAPHS[what])
        base = 0
        for turn in range(5):
            execution = (await runtime.execute(graph.id, ExecuteOptions(completion="manual"))).id
            await fill(runtime, execution, what in ("messages that are held", "a chain of guests"))
            await trio.sleep(0.02)
            await runtime.execution(execution).stop()
            held, _ = tracemalloc.get_traced_memory()
            if turn == 0:
                base = held
            assert held < base + 1_500_000, f"{held - base:,} bytes more after turn {turn}"
