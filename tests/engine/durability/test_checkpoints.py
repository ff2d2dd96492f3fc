"""Checkpoints of durable executions: the log before them goes, and a restart begins from them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.lowlevel
from msgspec import Raw

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import encoded
from engine.cooperative.slices import Steps
from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.checkpoints import CheckpointCounters, Checkpoints, Moment, Progress, read_checkpoint
from engine.durability.durable_execution import DurableExecution
from engine.durability.entries import stream_of
from engine.durability.outside_calls import KeptCalls
from engine.errors import MemoryBoundError, NotKeptError
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime
from proto.edge_command import Drop
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from store.protocol import Record
from store.sqlite import open_sqlite_store
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document, node

OFTEN = EngineLimits(kept_outputs=100, checkpoint_messages=1)
SUMS = document(
    {"a": "symbia.core.passthrough", "sum": node("symbia.core.accumulator", config={"count": 3})},
    ["a:out > sum:in"],
)
DURABLE = ExecuteOptions(completion="manual", durable=True)


async def injected(runtime: Runtime, execution_id: str, *values: int) -> None:
    """Inject numbers one by one, and wait until a checkpoint has all of them."""
    for value in values:
        await runtime.execution(execution_id).inject([Injection("a", "in", Raw(str(value).encode()))])
    await runtime.execution(execution_id).wait_quiescent()
    while runtime.durability().age_seconds:  # noqa: ASYNC110  nobody tells of it
        await trio.sleep(0.001)


async def outputs(runtime: Runtime, execution_id: str) -> list[bytes]:
    """The values that have left, when nothing is in flight."""
    await runtime.execution(execution_id).wait_quiescent()
    return [bytes(each.value) for each in runtime.execution(execution_id).outputs()]


async def test_a_restart_begins_from_a_checkpoint(tmp_path: Path) -> None:
    """With what nodes hold, the outputs and the counters of then; nothing of the log before it is there."""
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await injected(runtime, execution, 1, 2, 3, 4)
        assert runtime.durability().checkpoints.failed == 0
    async with open_sqlite_store(tmp_path) as store:
        assert [each async for each in store.read_entries(stream_of("", execution))] == []
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        await injected(runtime, execution, 5, 6)
        assert await outputs(runtime, execution) == [b"[1,2,3]", b"[4,5,6]"]
        assert runtime.execution(execution).snapshot().metrics.messages_processed == 12
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        await runtime.execution(execution).complete()
        ended = await runtime.execution(execution).wait_finished()
        assert (ended.state, ended.metrics.messages_processed) == (ExecutionState.COMPLETED, 12)


async def test_what_holds_messages_back_goes_on_as_paused(tmp_path: Path) -> None:
    """A checkpoint of a paused execution has what it holds; what came after it is held behind that."""
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await injected(runtime, execution, 1)
        await runtime.execution(execution).pause()
        for value in (b"2", b"3"):
            await runtime.execution(execution).inject([Injection("a", "in", Raw(value))])
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        assert runtime.execution(execution).head().state is ExecutionState.PAUSED
        await runtime.execution(execution).resume()
        assert await outputs(runtime, execution) == [b"[1,2,3]"]


@pytest.mark.parametrize("damage", [b"", b"\x93", b"no checkpoint"])
async def test_a_damaged_checkpoint_is_said_and_kept(tmp_path: Path, damage: bytes) -> None:
    """The execution does not go on, and nothing of it is thrown away."""
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await injected(runtime, execution, 1, 2)
    for kind in ("checkpoint", "progress"):
        async with open_sqlite_store(tmp_path) as store:
            (record,) = [each async for each in store.read_all(kind)]
            await store.write([Record(kind, "", record.key, damage)])
        async with kept_runtime(tmp_path, OFTEN) as runtime:
            head = runtime.execution(execution).head()
            assert head.state is ExecutionState.PENDING
            assert head.error is not None
            assert "checkpoint cannot be read" in head.error.message
        async with open_sqlite_store(tmp_path) as store:
            await store.write([record])
    async with kept_runtime(tmp_path, OFTEN) as runtime:
        await injected(runtime, execution, 3)
        assert await outputs(runtime, execution) == [b"[1,2,3]"]


async def test_a_checkpoint_that_fails_leaves_the_log(tmp_path: Path) -> None:
    """It is counted, and what was accepted is there after a restart."""
    limits = EngineLimits(kept_outputs=100, checkpoint_messages=1)
    async with kept_runtime(tmp_path, limits, bound_bytes=200_000) as runtime:
        big = document({"a": "symbia.core.delay", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
        big["nodes"][0]["config"] = {"ms": 3_600_000}
        execution = (await runtime.execute((await runtime.library.load_graph(big)).id, DURABLE)).id
        await runtime.execution(execution).inject([Injection("a", "in", Raw(b'"' + b"x" * 100_000 + b'"'))])
        while not runtime.durability().checkpoints.failed:
            await trio.sleep(0.001)
            assert not runtime.durability().checkpoints.taken
    async with kept_runtime(tmp_path) as runtime:
        await trio.testing.wait_all_tasks_blocked()
        assert runtime.execution(execution).statistics().in_flight == 1


async def test_checkpoints_are_written_in_the_order_of_their_moments(tmp_path: Path) -> None:
    """Two at once, of which the first takes longer: the later one is what a restart finds."""
    positions = iter((1, 2))

    def look() -> Steps[Moment]:
        position = next(positions)
        for _ in range(20 if position == 1 else 0):
            end = time.perf_counter() + 0.002
            while time.perf_counter() < end:
                pass
            yield
        moment = Checkpoint(execution_id="e", graph_id="g", taken_ms=0)
        return Moment(moment, Progress(position, is_told_to_pause=False, calls=KeptCalls()), position)

    async with open_sqlite_store(tmp_path) as store, trio.open_nursery() as nursery:
        keeper = Keeper(store)
        log = AcceptanceLog(keeper, stream_of("", "e"), nursery.start_soon, lambda: 0)
        checkpoints = Checkpoints(log, keeper, EngineLimits(), CheckpointCounters(), look, lambda: 0)
        async with trio.open_nursery() as both:
            both.start_soon(checkpoints.take)
            await trio.lowlevel.checkpoint()
            both.start_soon(checkpoints.take)
        found = await read_checkpoint(keeper, "", "e")
        assert found is not None
        assert found[0].position == 2


async def test_what_is_done_to_edges_is_there_after_a_kill(tmp_path: Path) -> None:
    """A held edge is held, and a message that was dropped does not come back."""
    with trio.CancelScope() as process:
        async with kept_runtime(tmp_path) as runtime:
            execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
            edge = runtime.execution(execution).edge("0")
            await edge.pause()
            for value in (b"1", b"2", b"3", b"4"):
                await runtime.execution(execution).inject([Injection("a", "in", Raw(value))])
            while (await runtime.execution(execution).read_waiting("0", 100))[1] < 4:
                await trio.lowlevel.checkpoint()
            assert (await edge.drop(Drop(where="@ == `2`"))).messages == 1
            process.cancel()
            await trio.lowlevel.checkpoint()
    async with kept_runtime(tmp_path) as runtime:
        edge = runtime.execution(execution).edge("0")
        await edge.resume()
        assert await outputs(runtime, execution) == [b"[1,3,4]"]


async def test_what_is_done_to_edges_is_refused_without_its_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told that it outlives the process where it does not."""

    async def refuse(*_asked: object) -> None:
        raise NotKeptError("the store is full")

    async with kept_runtime(tmp_path) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "keep", refuse)
            with pytest.raises(NotKeptError):
                await runtime.execution(execution).edge("0").pause()
        assert runtime.durability().checkpoints.failed == 1


async def test_a_fault_in_one_last_checkpoint_costs_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted, and the others are taken."""
    async with kept_runtime(tmp_path) as runtime:
        graph = await runtime.library.load_graph(SUMS)
        for _ in range(2):
            execution = (await runtime.execute(graph.id, DURABLE)).id
            await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))])
        faults = [ZeroDivisionError()]

        def faulty(moment: Checkpoint, grow: Callable[[int], None]) -> Steps[bytes]:
            if faults:
                raise faults.pop()
            return encoded(moment, grow)

        monkeypatch.setattr("engine.durability.checkpoints.encoded", faulty)
        await runtime.suspend()
        counters = runtime.durability().checkpoints
        assert (counters.failed, counters.taken) == (1, 1)


async def test_what_is_processed_makes_a_checkpoint_due(tmp_path: Path) -> None:
    """Also where nothing has been accepted since the last one."""
    graph = document({"a": node("symbia.core.passthrough")})
    async with kept_runtime(tmp_path) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(graph)).id, DURABLE)).id
        durable = runtime._executions.underway[execution]
        assert isinstance(durable, DurableExecution)
        await durable.checkpoints.take()
        assert not runtime.durability().age_seconds
        durable.shared.counters.processed += 1
        assert runtime.durability().age_seconds
        await durable.checkpoints.take()
        durable.shared.outputs.count += 1
        assert runtime.durability().age_seconds


async def test_a_checkpoint_is_charged_to_its_owner_while_it_is_made(tmp_path: Path) -> None:
    """Whoever fills queues pays for the copy of them, too; when it is on disk, nothing is charged any more."""
    async with kept_runtime(tmp_path) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await runtime.execution(execution).pause()
        value = b'"' + b"x" * 100_000 + b'"'
        await runtime.execution(execution).inject([Injection("a", "in", Raw(value))])
        durable = runtime._executions.underway[execution]
        assert isinstance(durable, DurableExecution)
        before = runtime.ledger.held_by("")
        await durable.checkpoints.take()
        assert runtime.ledger.statistics().peak_bytes > before + 2 * len(value)
        assert runtime.ledger.held_by("") == before


async def test_a_checkpoint_without_room_in_memory_is_refused(tmp_path: Path) -> None:
    """The log has what it would have had, so nothing is lost; it is counted, and tried again."""
    limits = EngineLimits(kept_outputs=100, owner_memory_bytes=3_000_000, checkpoint_ms=3_600_000)
    value = b'"' + b"x" * 500_000 + b'"'
    async with kept_runtime(tmp_path, limits) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await runtime.execution(execution).pause()
        for _ in range(3):
            await runtime.execution(execution).inject([Injection("a", "in", Raw(value))])
        durable = runtime._executions.underway[execution]
        assert isinstance(durable, DurableExecution)
        held = runtime.ledger.held_by("")
        with pytest.raises(MemoryBoundError):
            await durable.checkpoints.take()
        assert (runtime.durability().checkpoints.failed, runtime.ledger.held_by("")) == (1, held)
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).statistics().held == 3


async def test_what_was_paused_goes_on_as_paused_on_a_full_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it is paused is on disk already: nothing is written for it, and nothing fails."""

    async def refuse(*_asked: object) -> None:
        raise NotKeptError("the store is full")

    async with kept_runtime(tmp_path) as runtime:
        execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
        await runtime.execution(execution).pause()
        await runtime.execution(execution).inject([Injection("a", "in", Raw(b"1"))])
    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "keep", refuse)
        async with kept_runtime(tmp_path) as runtime:
            head = runtime.execution(execution).head()
            assert (head.state, head.error) == (ExecutionState.PAUSED, None)
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).statistics().held == 1


async def test_what_was_resumed_after_a_checkpoint_goes_on_as_running(tmp_path: Path) -> None:
    """The log has the last word, and not the checkpoint that was taken of a paused execution."""
    with trio.CancelScope() as process:
        async with kept_runtime(tmp_path) as runtime:
            execution = (await runtime.execute((await runtime.library.load_graph(SUMS)).id, DURABLE)).id
            await runtime.execution(execution).pause()
            durable = runtime._executions.underway[execution]
            assert isinstance(durable, DurableExecution)
            await durable.checkpoints.take()
            await runtime.execution(execution).resume()
            process.cancel()
            await trio.lowlevel.checkpoint()
    async with kept_runtime(tmp_path) as runtime:
        assert runtime.execution(execution).head().state is ExecutionState.RUNNING
