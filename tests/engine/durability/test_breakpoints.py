"""Durable executions that breakpoints stop."""

from pathlib import Path

import pytest
import trio
from msgspec import Raw

from engine.errors import NotKeptError
from engine.keeping.keeper import Keeper
from engine.runtime import Runtime
from proto.breakpoint import BreakpointAction, BreakpointRequest
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document

GRAPH = document({"a": "symbia.core.passthrough"})
DURABLE = ExecuteOptions(completion="manual", durable=True)


async def stopped(runtime: Runtime, action: BreakpointAction = "hold") -> str:
    """Start an execution that a message makes stand still, or pauses; return its id."""
    graph = await runtime.library.load_graph(GRAPH)
    execution = runtime.execution((await runtime.execute(graph.id, DURABLE)).id)
    await execution.set_breakpoint(BreakpointRequest(node="a", scope="execution", action=action))
    await execution.inject([Injection("a", "in", Raw(b"1"))])
    return execution.id


async def wait_hit(runtime: Runtime, execution_id: str) -> None:
    """Wait until its breakpoint has seen something."""
    while not runtime.execution(execution_id).breakpoints()[0].hits:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("way", ["kill", "rest"])
async def test_what_stood_still_for_a_breakpoint_goes_on_after_a_restart(tmp_path: Path, way: str) -> None:
    """It stands still once more, because the breakpoint goes on, too; nothing else holds it, or has paused it."""
    with trio.CancelScope() as process:
        async with kept_runtime(tmp_path) as runtime:
            execution = await stopped(runtime)
            await wait_hit(runtime, execution)
            assert runtime.execution(execution).head().state is ExecutionState.PAUSED
            if way == "kill":
                process.cancel()
                await trio.lowlevel.checkpoint()
    async with kept_runtime(tmp_path) as runtime:
        await wait_hit(runtime, execution)
        assert runtime.execution(execution).head().state is ExecutionState.PAUSED
        await runtime.execution(execution).release("b1", "continue")
        await runtime.execution(execution).wait_quiescent()
        assert [bytes(each.value) for each in runtime.execution(execution).outputs()] == [b"1"]


async def test_a_pause_that_cannot_be_kept_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The execution says so in its log, and goes on."""

    async def refuse(*_asked: object) -> None:
        raise NotKeptError("the store is full")

    async with kept_runtime(tmp_path) as runtime:
        held = await stopped(runtime, "hold")
        await wait_hit(runtime, held)
        await runtime.execution(held).release("b1", "continue")
        await runtime.execution(held).wait_quiescent()
        await runtime.execution(held).remove_breakpoint("b1")
        await runtime.execution(held).set_breakpoint(BreakpointRequest(node="a", action="pause"))
        execution = runtime.execution(held)
        with monkeypatch.context() as patch:
            await execution.inject([Injection("a", "in", Raw(b"2"))])
            patch.setattr(Keeper, "keep", refuse)
            await execution.wait_quiescent()
        assert [bytes(each.value) for each in execution.outputs()] == [b"1", b"2"]
        (line,) = execution.logs()
        assert line.message.startswith("Breakpoint b2 cannot pause: ")
