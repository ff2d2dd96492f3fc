"""Recordings are kept: across restarts where there is a store, each owner's for themselves, within bounds."""

import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec import Raw

from engine.errors import RecordingNotFoundError
from engine.journal.file import RecordingFile
from engine.journal.recordings import DAY_MS, SEAL_SECONDS
from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions
from proto.message import Injection
from store.errors import StoreError
from store.protocol import Change, Record, Removal, Stream
from store.sqlite import SqliteStore, open_sqlite_store
from tests.engine.executions import document
from tests.engine.journal.recorded import ended, file_of, records_of, started, values_to

ROW = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])


@asynccontextmanager
async def kept(folder: Path, **options: Any) -> AsyncIterator[tuple[Runtime, SqliteStore]]:
    async with open_sqlite_store(folder) as store, open_runtime(keeper=Keeper(store), **options) as runtime:
        await runtime.restore()
        yield runtime, store


async def recorded(runtime: Runtime, *values: Any, level: Any = "full") -> str:
    execution_id = await started(runtime, ROW, level)
    await runtime.execution(execution_id).inject(values_to("a", *values))
    await ended(runtime, execution_id)
    return execution_id


async def test_a_recording_is_there_after_a_restart(tmp_path: Path) -> None:
    """With every record, its figures and its head; removed, nothing of it is left in the store."""
    async with kept(tmp_path) as (runtime, _):
        execution_id = await recorded(runtime, *range(300), '"' + "x" * 10_000 + '"')
        before = await records_of(runtime, execution_id)
        summary = runtime.recordings.recording(execution_id).summary()
        file = await file_of(runtime, execution_id)
    async with kept(tmp_path) as (runtime, store):
        assert runtime.recordings.recording(execution_id).summary().last == summary.last
        assert runtime.recordings.recording(execution_id).names.graph_name == "A test"
        assert await records_of(runtime, execution_id) == before
        assert await file_of(runtime, execution_id) == file
        runtime.recordings.remove(execution_id)
        await trio.testing.wait_all_tasks_blocked()
    async with kept(tmp_path) as (runtime, store):
        assert runtime.recordings.of(None) == []
        assert [each async for each in store.read_streams("recording")] == []


async def test_what_is_being_noted_goes_to_the_store_now_and_then(tmp_path: Path) -> None:
    """So that a process that dies loses a moment; the recording says that it was cut off."""
    async with kept(tmp_path) as (runtime, store):
        execution_id = await started(runtime, ROW, "full")
        await runtime.execution(execution_id).inject(values_to("a", 1))
        stream = Stream("recording", "", execution_id)
        with trio.fail_after(20 * SEAL_SECONDS):
            while not [entry async for entry in store.read_entries(stream)]:  # noqa: ASYNC110 - on another thread
                await trio.sleep(SEAL_SECONDS / 10)
        (head,) = [record async for record in store.read_all("recording")]
    async with open_sqlite_store(tmp_path) as store:
        await store.write([head])  # as it was while the execution ran
    async with kept(tmp_path) as (runtime, _):
        recording = runtime.recordings.recording(execution_id)
        assert recording.summary().state == "cut off"
        assert {each.number for each in await records_of(runtime, execution_id)} >= {3, 4}


async def test_a_disk_that_fails_stops_no_execution(tmp_path: Path) -> None:
    """What could not be written is counted as lost, and complained of."""
    complaints: list[StoreError] = []
    async with (
        open_sqlite_store(tmp_path, bound_bytes=200_000) as store,
        open_runtime(keeper=Keeper(store, complaints.append)) as runtime,
    ):
        await store.write([Record("filler", "", "f", bytes(120_000))])
        execution_id = await started(runtime, ROW, "full")
        for number in range(10):
            await runtime.execution(execution_id).inject(values_to("a", '"' + str(number) * 60_000 + '"'))
            await runtime.execution(execution_id).wait_quiescent()
        await ended(runtime, execution_id)
        figures = runtime.recordings.recording(execution_id).figures
        while not complaints or runtime.recordings.recording(execution_id).chunks:
            await store.read("nothing", "", "")  # a turn of the disk
        assert figures.lost > 0
        assert not figures.is_complete
        assert runtime.execution(execution_id).head().state == "completed"


async def test_a_removal_that_the_disk_refused_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not back after a restart."""
    async with kept(tmp_path) as (runtime, _):
        execution_id = await recorded(runtime, 1)
    async with kept(tmp_path) as (runtime, store):
        write, failed = store.write, trio.Event()

        async def failing(changes: Sequence[Change]) -> None:
            if not failed.is_set() and any(isinstance(each, Removal) for each in changes):
                failed.set()
                raise StoreError("the disk is full")
            await write(changes)

        monkeypatch.setattr(store, "write", failing)
        runtime.recordings.remove(execution_id)
        await failed.wait()
    async with kept(tmp_path) as (runtime, _):
        assert not runtime.recordings.of(None)


async def test_of_too_many_the_oldest_go() -> None:
    """By number, by bytes and by age; those of another owner stay."""
    now = [1_000_000_000.0]
    limits = EngineLimits(recordings=2, owner_recording_bytes=100_000, recording_days=1)
    async with open_runtime(limits=limits, clock=WallClock(lambda: now[0])) as runtime:
        graph = await runtime.library.load_graph(ROW, owner="other")
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual", recording="full"))
        await ended(runtime, execution.id)
        first, second, third = [await recorded(runtime, number) for number in range(3)]
        assert [each.id for each in runtime.recordings.of("")] == [second, third]
        large = await recorded(runtime, '"' + "x" * 120_000 + '"')
        assert [each.id for each in runtime.recordings.of("")] == [large]
        assert [each.id for each in runtime.recordings.of("other")] == [execution.id]
        now[0] += 2 * DAY_MS / 1000
        last = await recorded(runtime, 1)
        assert [each.id for each in runtime.recordings.of("")] == [last]
        assert first not in {each.id for each in runtime.recordings.of(None)}


@pytest.mark.usefixtures("autojump_clock")
async def test_what_is_too_old_goes_by_itself() -> None:
    """Also the newest one, and one that ended before another that began earlier."""
    limits = EngineLimits(recording_days=1)
    async with open_runtime(limits=limits, clock=WallClock(trio.current_time)) as runtime:
        first = await started(runtime, ROW, "full", timeout_ms=0)
        await recorded(runtime, 1)
        await trio.sleep(DAY_MS / 2000)
        await ended(runtime, first)
        await trio.sleep(DAY_MS / 2000 + 1)
        assert [each.id for each in runtime.recordings.of(None)] == [first]
        await trio.sleep(DAY_MS / 2000)
        assert runtime.recordings.of(None) == []


async def test_none_are_kept_where_none_may_be() -> None:
    """The newest one goes, too."""
    async with open_runtime(limits=EngineLimits(recordings=0)) as runtime:
        await recorded(runtime, 1)
        assert runtime.recordings.of(None) == []


async def test_after_a_restart_the_oldest_is_still_the_oldest(tmp_path: Path) -> None:
    """Whatever their ids are."""
    now = [1_000_000_000.0]
    async with kept(tmp_path, clock=WallClock(lambda: now[0])) as (runtime, _):
        began = []
        for number in range(5):
            now[0] += 1
            began.append(await recorded(runtime, number))
    async with kept(tmp_path, limits=EngineLimits(recordings=3)) as (runtime, _):
        assert [each.id for each in runtime.recordings.of(None)] == began[2:]


async def test_a_recording_is_its_owner_s_alone() -> None:
    """Others find nothing, by any way."""
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, 1)
        assert runtime.recordings.recording(execution_id, "").id == execution_id
        with pytest.raises(RecordingNotFoundError, match=f"Recording not found: {execution_id}"):
            runtime.recordings.recording(execution_id, "stranger")
        with pytest.raises(RecordingNotFoundError):
            runtime.recordings.remove(execution_id, "stranger")
        assert runtime.recordings.of("stranger") == []


async def test_a_file_is_taken_in_as_a_recording(tmp_path: Path) -> None:
    """On another machine, with another id; it is the same recording."""
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, 1, 2)
        before = await records_of(runtime, execution_id)
        content = await file_of(runtime, execution_id)
    file = RecordingFile(io.BytesIO(content))
    async with kept(tmp_path) as (runtime, _):
        taken = await runtime.recordings.take_in(file.head, list(file.chunks()), "")
        assert (taken.execution_id, taken.state) == (execution_id, "ended")
        assert taken.id != execution_id
        assert await records_of(runtime, taken.id) == before
    async with kept(tmp_path) as (runtime, _):
        assert await file_of(runtime, taken.id) == content


async def test_a_recording_outlives_the_end_of_its_execution_only_as_long_as_it_is_kept() -> None:
    """It is there when the execution has been forgotten, until it is removed itself."""
    async with open_runtime() as runtime:
        execution_id = await recorded(runtime, 1)
        await runtime.execution(execution_id).forget()
        assert await records_of(runtime, execution_id)
        runtime.recordings.remove(execution_id)
        with pytest.raises(RecordingNotFoundError):
            runtime.recordings.recording(execution_id)


async def test_a_recording_that_is_removed_while_it_is_made_is_made_no_more() -> None:
    """The execution goes on, and nobody takes note."""
    async with open_runtime() as runtime:
        execution_id = await started(runtime, ROW, "full")
        handle = runtime.execution(execution_id)
        await handle.inject(values_to("a", 1))
        await handle.wait_quiescent()
        runtime.recordings.remove(execution_id)
        await handle.inject([Injection("a", "in", Raw(b"2"))])
        await ended(runtime, execution_id)
        assert runtime.recordings.of(None) == []
