"""Recordings of which something is lacking say so, can be read, and are not taken for whole ones."""

import io
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from engine.journal import recording_writer
from engine.journal.file import RecordingFile
from engine.journal.records import Lost
from engine.journal.shape import RecordingError
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.replaying.script import check_beginning
from engine.runtime import Runtime, open_runtime
from store.errors import StoreError
from store.protocol import Append, Change, Record
from store.sqlite import SqliteStore, open_sqlite_store
from tests.engine.executions import document
from tests.engine.journal.recorded import ended, file_of, records_of, started, values_to

ROW = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
LARGE = '"' + "x" * 60_000 + '"'


@asynccontextmanager
async def kept(folder: Path, **options: Any) -> AsyncIterator[tuple[Runtime, SqliteStore]]:
    async with open_sqlite_store(folder) as store, open_runtime(keeper=Keeper(store), **options) as runtime:
        await runtime.restore()
        yield runtime, store


def refuse(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, is_refused: Callable[[Sequence[Change]], bool]
) -> None:
    """Let the disk refuse writes."""
    write = store.write

    async def writing(changes: Sequence[Change]) -> None:
        if is_refused(changes):
            raise StoreError("the disk is full")
        await write(changes)

    monkeypatch.setattr(store, "write", writing)


def has_chunk(changes: Sequence[Change]) -> bool:
    return any(isinstance(each, Append) for each in changes)


async def inject(runtime: Runtime, execution_id: str, *values: Any) -> None:
    """Inject one value after the other, and let each of them be sealed into a chunk, and written."""
    for value in values:
        await runtime.execution(execution_id).inject(values_to("a", value))
        await runtime.execution(execution_id).wait_quiescent()
        runtime.recordings.recording(execution_id).seal()
        recording = runtime.recordings.recording(execution_id)
        while recording.chunks:
            await trio.lowlevel.checkpoint()


async def test_inputs_end_where_something_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before can be run again; what comes later is not noted."""
    async with kept(tmp_path) as (runtime, store):
        execution_id = await started(runtime, ROW, "inputs")
        await inject(runtime, execution_id, 1)
        with monkeypatch.context() as patch:
            refuse(store, patch, has_chunk)
            await inject(runtime, execution_id, 2)
        await inject(runtime, execution_id, 3)
        await ended(runtime, execution_id)
        summary = runtime.recordings.recording(execution_id).summary()
        assert (summary.state, summary.is_complete, summary.lost > 0) == ("lost", False, True)
        records = await records_of(runtime, execution_id)
        assert [each.value for each in records if hasattr(each, "value")] == [b"1"]
        check_beginning(await runtime.recordings.recording(execution_id).head())


async def test_what_was_lost_of_everything_is_said_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the rest names a large value that was lost; it cannot be run again, nor can its file."""
    async with kept(tmp_path) as (runtime, store):
        execution_id = await started(runtime, ROW, "full")
        await inject(runtime, execution_id, 1)
        with monkeypatch.context() as patch:
            refuse(store, patch, has_chunk)
            await inject(runtime, execution_id, LARGE)
        await inject(runtime, execution_id, LARGE, 3)
        await ended(runtime, execution_id)
        records = await records_of(runtime, execution_id)
        lost = [each.count for each in records if isinstance(each, Lost)]
        assert lost[-1:] == [runtime.recordings.recording(execution_id).figures.lost]
        values = [each.value for each in records if hasattr(each, "value")]
        assert (values.count(b"1"), values.count(LARGE.encode()), values.count(b"3")) == (3, 3, 3)
        file = RecordingFile(io.BytesIO(await file_of(runtime, execution_id)))
    with pytest.raises(RecordingError, match="parts of it are lacking"):
        check_beginning(file.head)
    async with open_runtime() as runtime:
        taken = await runtime.recordings.take_in(file.head, list(file.chunks()), "")
        assert (taken.is_complete, taken.lost) == (False, lost[-1])


@pytest.mark.parametrize("is_kept", [False, True])
async def test_what_has_lost_its_beginning_is_not_run_again(tmp_path: Path, is_kept: bool) -> None:
    """Its file says so, too; and after the process has died in the midst of it, it is still said."""
    limits = EngineLimits(recording_bytes=2_500_000)
    async with kept(tmp_path, limits=limits) as (runtime, store):
        execution_id = await started(runtime, ROW, "full")
        for number in range(70):
            await inject(runtime, execution_id, LARGE.replace("x", str(number % 10), 1 + number))
        recording = runtime.recordings.recording(execution_id)
        assert recording.figures.first > 1
        head = (await recording.head()) if not is_kept else None
        kept_heads = [record async for record in store.read_all("recording")]
    if is_kept:
        async with open_sqlite_store(tmp_path) as store:
            await store.write(kept_heads)  # as they were while the execution ran
        async with kept(tmp_path, limits=limits) as (runtime, _):
            recording = runtime.recordings.recording(execution_id)
            assert (recording.summary().state, recording.summary().is_complete) == ("cut off", False)
            head = await recording.head()
    assert head is not None
    assert not head.is_from_start
    with pytest.raises(RecordingError, match="parts of it are lacking"):
        check_beginning(head)


async def test_a_record_that_the_disk_refused_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some seconds, though nothing else comes."""
    monkeypatch.setattr(recording_writer, "FIRST_RETRY_SECONDS", 0.01)
    refusals: list[int] = []

    def is_refused(changes: Sequence[Change]) -> bool:
        is_head = any(isinstance(each, Record) and each.kind == "recording" for each in changes)
        refusals.extend([1] if is_head else [])
        return is_head and len(refusals) <= 3

    async with kept(tmp_path) as (runtime, store):
        refuse(store, monkeypatch, is_refused)
        execution_id = await started(runtime, ROW, "full")
        await ended(runtime, execution_id)
        with trio.fail_after(60):
            while not (found := [each async for each in store.read_all("recording")]):
                await trio.lowlevel.checkpoint()
    assert [each.key for each in found] == [execution_id]
