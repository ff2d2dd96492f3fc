"""What is written of an execution last is that it is no more: nothing that came at its end stays on disk."""

from pathlib import Path

import pytest
import trio
import trio.testing
from msgspec import Raw

from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.durable_execution import DurableExecution
from engine.durability.entries import Told, encode_entry, stream_of
from engine.errors import IllegalTransitionError
from engine.keeping.keeper import Keeper
from engine.keeping.records import CHECKPOINT, PROGRESS
from engine.runtime import Runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from store.protocol import Append, Entry, Record
from store.sqlite import open_sqlite_store
from tests.engine.durability.runtimes import kept_runtime
from tests.engine.executions import document

PASS = document({"a": "symbia.core.passthrough"})


async def start(runtime: Runtime) -> DurableExecution:
    """Start a durable execution."""
    options = ExecuteOptions(completion="manual", durable=True)
    began = await runtime.execute((await runtime.library.load_graph(PASS)).id, options)
    execution = runtime._executions.underway[began.id]
    assert isinstance(execution, DurableExecution)
    return execution


async def left_in(folder: Path) -> list[tuple[str, str]]:
    """Kind and key of what is kept in a folder of executions that have not ended."""
    async with open_sqlite_store(folder) as store:
        records = [(kind, each.key) for kind in (CHECKPOINT, PROGRESS) async for each in store.read_all(kind)]
        return records + [("accepted", size.stream.key) async for size in store.read_streams("accepted")]


async def test_no_message_is_written_behind_the_end(tmp_path: Path) -> None:
    """One that is late is refused."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        execution.abandon()
        await execution.settled.wait()
        with pytest.raises(IllegalTransitionError):
            await execution.log.append(Told("pause"), lambda: None)
    assert await left_in(tmp_path) == []


async def test_no_checkpoint_is_written_behind_the_end(tmp_path: Path) -> None:
    """One whose moment was before the end comes to nothing."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        steps = execution._at_present()
        next(steps)
        execution.checkpoints._look = lambda: steps
        execution.abandon()
        await execution.settled.wait()
        await execution.checkpoints.take()
    assert await left_in(tmp_path) == []


async def test_a_log_that_closes_lets_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is being written is written; what waits for the next write is refused."""
    monkeypatch.setattr("engine.durability.acceptance_log.GROUP_ENTRIES", 1)
    async with open_sqlite_store(tmp_path) as store, trio.open_nursery() as nursery:
        log = AcceptanceLog(Keeper(store), stream_of("", "e"), nursery.start_soon, lambda: 0)
        begun: list[None] = []
        came: list[str] = []

        async def append() -> None:
            begun.append(None)
            try:
                await log.append(Told("pause"), lambda: None)
            except IllegalTransitionError:
                came.append("refused")
            else:
                came.append("written")

        async with trio.open_nursery() as both:
            both.start_soon(append)
            both.start_soon(append)
            while not came and (len(begun) < 2 or len(log._waiting) != 1):  # one is on its way to the disk
                await trio.lowlevel.checkpoint()
            await log.close(lambda: IllegalTransitionError("e", "write", "completed"))
        assert sorted(came) == ["refused", "written"]
        entries = [each.number async for each in store.read_entries(log.stream)]
        assert entries == [1]


async def test_what_nobody_has_is_swept_at_the_start(tmp_path: Path) -> None:
    """Logs and checkpoints without an execution go; those of one that goes on stay."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        await runtime.execution(execution.id).inject([Injection("a", "in", Raw(b"1"))])
        await execution.checkpoints.take()
        await runtime.execution(execution.id).inject([Injection("a", "in", Raw(b"2"))])
    async with open_sqlite_store(tmp_path) as store:
        lost = Append(stream_of("", "lost"), [Entry(1, encode_entry(Told("pause")))])
        await store.write([lost, Record(CHECKPOINT, "", "gone", b"x"), Record(PROGRESS, "", "gone", b"x")])
        await store.write([Append(stream_of("other", execution.id), [Entry(1, encode_entry(Told("pause")))])])
    async with kept_runtime(tmp_path) as runtime:
        await runtime.execution(execution.id).wait_quiescent()
        values = [bytes(each.value) for each in runtime.execution(execution.id).outputs()]
        assert values == [b"1", b"2"]
    assert {key for _, key in await left_in(tmp_path)} == {execution.id}


async def test_a_message_that_is_on_disk_is_accepted_also_at_rest(tmp_path: Path) -> None:
    """Who is told of a refusal may send it again: it must not be processed then, in whichever process."""
    async with kept_runtime(tmp_path) as runtime:
        execution = await start(runtime)
        async with trio.open_nursery() as nursery:
            receipts: list[int] = []

            async def inject() -> None:
                receipt = await runtime.execution(execution.id).inject([Injection("a", "in", Raw(b"1"))])
                receipts.append(receipt.accepted)

            nursery.start_soon(inject)
            while not execution.log._waiting:
                await trio.lowlevel.checkpoint()
            while execution.log._waiting:
                await trio.lowlevel.checkpoint()
            execution.suspend()
        assert receipts == [1]
    async with kept_runtime(tmp_path) as runtime:
        await runtime.execution(execution.id).wait_quiescent()
        assert [bytes(each.value) for each in runtime.execution(execution.id).outputs()] == [b"1"]
