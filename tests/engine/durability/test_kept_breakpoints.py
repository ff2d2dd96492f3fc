"""Breakpoints of durable executions: they are there after a restart, before anything passes them."""

from pathlib import Path

import pytest
import trio
from msgspec import Raw

from engine.durability.durable_execution import DurableExecution
from engine.errors import NotKeptError
from engine.keeping.keeper import Keeper
from engine.keeping.records import BREAKPOINTS
from engine.runtime import Runtime
from proto.breakpoint import BreakpointRequest
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from store.sqlite import open_sqlite_store
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document

PAIR = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
DURABLE = ExecuteOptions(completion="manual", durable=True)


async def start(runtime: Runtime) -> str:
    """Start a durable execution; its id."""
    return (await runtime.execute((await runtime.library.load_graph(PAIR)).id, DURABLE)).id


async def inject(runtime: Runtime, execution: str, value: bytes) -> None:
    await runtime.execution(execution).inject([Injection("a", "in", Raw(value))])


async def wait_held(runtime: Runtime, execution: str, breakpoint_id: str, count: int) -> None:
    """Wait until a breakpoint holds so much."""
    while runtime.execution(execution).breakpoint(breakpoint_id).holding < count:
        await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("has_checkpoint", [False, True])
async def test_a_breakpoint_stops_after_a_restart_what_it_stopped_before(
    tmp_path: Path, *, has_checkpoint: bool
) -> None:
    """Under its id; what it held is held again, and goes on when it is let go."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        handle = runtime.execution(execution)
        first = await handle.set_breakpoint(BreakpointRequest(node="a"))
        second = await handle.set_breakpoint(BreakpointRequest(edge=0, when="value == 1"))
        await handle.remove_breakpoint(first.id)
        if has_checkpoint:
            await inject(runtime, execution, b"1")
            await wait_held(runtime, execution, second.id, 1)
            durable = runtime._executions.underway[execution]
            assert isinstance(durable, DurableExecution)
            await durable.checkpoints.take()
        else:
            await inject(runtime, execution, b"1")
    async with kept_runtime(tmp_path) as runtime:
        handle = runtime.execution(execution)
        assert [each.id for each in handle.breakpoints()] == [second.id]
        await wait_held(runtime, execution, second.id, 1)
        assert handle.head().state is ExecutionState.RUNNING
        assert handle.output_count == 0
        third = await handle.set_breakpoint(BreakpointRequest(node="b"))
        assert third.id not in (first.id, second.id)
        await handle.remove_breakpoint(third.id)
        await handle.remove_breakpoint(second.id)
        await handle.wait_quiescent()
        assert [bytes(each.value) for each in handle.outputs()] == [b"1"]
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).breakpoints() == []


async def test_breakpoints_go_with_their_execution(tmp_path: Path) -> None:
    """Nothing of them is on disk when it has ended."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        await runtime.execution(execution).set_breakpoint(BreakpointRequest(node="a"))
        await runtime.execution(execution).stop()
    async with open_sqlite_store(tmp_path) as store:
        assert [each async for each in store.read_all(BREAKPOINTS)] == []


async def test_a_breakpoint_that_cannot_be_kept_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds as long as the process does."""

    async def refuse(*_asked: object) -> None:
        raise NotKeptError("the store is full")

    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "keep", refuse)
            with pytest.raises(NotKeptError):
                await runtime.execution(execution).set_breakpoint(BreakpointRequest(node="a"))
        assert len(runtime.execution(execution).breakpoints()) == 1
