"""A store on disk: all or none, durable, in order, and clear where it cannot."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import (
    StoreClosedError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreNewerError,
)
from store.migrations import STEPS
from store.protocol import Record, RecordChange, Removal
from store.sqlite import FILE, SqliteStore, open_sqlite_store

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def record(key: str, body: bytes = b"{}", kind: str = "graph", owner: str = "") -> Record:
    return Record(kind, owner, key, body)


async def all_of(store: SqliteStore, kind: str = "graph") -> list[Record]:
    return [each async for each in store.read_all(kind)]


async def test_what_was_written_is_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    """In the order in which the keys first came; a later body takes the place of an earlier one."""
    async with open_sqlite_store(tmp_path / "data") as store:
        await store.write([record("b", b"1"), record("a", b"2"), record("c", b"3", kind="component")])
        await store.write([record("b", b"4"), Removal("graph", "", "nothing")])
    async with open_sqlite_store(tmp_path / "data") as store:
        assert await all_of(store) == [record("b", b"4"), record("a", b"2")]
        assert await store.read("component", "", "c") == record("c", b"3", kind="component")
        assert await store.read("component", "someone", "c") is None
        assert (await store.measure()).records == 3


async def test_changes_are_made_all_or_none(tmp_path: Path) -> None:
    """A body that the file has no room for takes those before it with it; what was there stays."""
    async with open_sqlite_store(tmp_path, bound_bytes=256 * 1024) as store:
        await store.write([record("first")])
        with pytest.raises(StoreFullError, match="has no room left"):
            await store.write(
                [record("second"), record("large", bytes(1024 * 1024)), Removal("graph", "", "first")]
            )
        assert await all_of(store) == [record("first")]
        await store.write([record("third")])
        size = await store.measure()
        assert size.bytes_used <= size.bytes_bound == 256 * 1024


async def test_a_piece_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    """Writes that go to disk together are still each for itself."""
    outcomes: dict[str, str] = {}
    async with open_sqlite_store(tmp_path, bound_bytes=256 * 1024) as store:

        async def write(key: str, body: bytes) -> None:
            try:
                await store.write([record(key, body)])
            except StoreFullError:
                outcomes[key] = "refused"
            else:
                outcomes[key] = "written"

        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(write, f"{number:02}", bytes(1024 * 1024) if number % 10 == 5 else b"{}")
        assert sorted(key for key, outcome in outcomes.items() if outcome == "refused") == ["05", "15", "25", "35"]
        assert sorted(each.key for each in await all_of(store)) == sorted(
            key for key, outcome in outcomes.items() if outcome == "written"
        )


async def test_many_records_are_read_in_pieces(tmp_path: Path) -> None:
    """More than go into one piece, large ones among them, and each once."""
    async with open_sqlite_store(tmp_path) as store:
        written = [record(str(number), bytes(300_000 if number % 40 == 0 else 10)) for number in range(300)]
        await store.write(written)
        assert await all_of(store) == written


async def test_a_caller_that_is_cancelled_still_learns_what_became_of_its_write(tmp_path: Path) -> None:
    """What was handed over is done, and the answer comes before the cancellation."""
    async with open_sqlite_store(tmp_path) as store:
        with trio.CancelScope() as scope:
            scope.cancel()
            with pytest.raises(trio.Cancelled):
                await store.write([record("never handed over")])
        told: list[str] = []

        async def write() -> None:
            await store.write([record("handed over")])
            told.append("written")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            await trio.testing.wait_all_tasks_blocked()  # it has been handed over
            nursery.cancel_scope.cancel()
        assert told == ["written"]
        assert [each.key for each in await all_of(store)] == ["handed over"]


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Nobody waits for ever for a thread that has ended."""
    async with open_sqlite_store(tmp_path) as store:
        pass
    with pytest.raises(StoreClosedError, match="has been closed"):
        await store.write([record("late")])


async def test_one_process_has_a_store_at_a_time(tmp_path: Path) -> None:
    """The second is told, and the first is not disturbed."""
    async with open_sqlite_store(tmp_path) as store:
        with pytest.raises(StoreLockedError, match="is in use by another process"):
            async with open_sqlite_store(tmp_path):
                pass
        await store.write([record("undisturbed")])


async def test_a_store_of_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """The older program touches nothing."""
    async with open_sqlite_store(tmp_path) as store:
        await store.write([record("kept")])
    _execute(tmp_path, "PRAGMA user_version = 999")
    with pytest.raises(StoreNewerError, match=r"later version of this program \(shape 999, and \d+ is known"):
        async with open_sqlite_store(tmp_path):
            pass
    _execute(tmp_path, f"PRAGMA user_version = {len(STEPS)}")
    async with open_sqlite_store(tmp_path) as store:
        assert await all_of(store) == [record("kept")]


async def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    """Text, and a database of another program."""
    text = b"something else, which somebody may still need" * 100
    (tmp_path / FILE).write_bytes(text)
    with pytest.raises(StoreCorruptError, match="is damaged, or is no store"):
        async with open_sqlite_store(tmp_path):
            pass
    assert (tmp_path / FILE).read_bytes() == text
    (tmp_path / FILE).unlink()
    _execute(tmp_path, "CREATE TABLE theirs (a)")
    with pytest.raises(StoreCorruptError, match="of another program"):
        async with open_sqlite_store(tmp_path):
            pass


async def test_a_damaged_page_is_said_where_it_is_met(tmp_path: Path) -> None:
    """Nothing wrong is read out of it."""
    async with open_sqlite_store(tmp_path) as store:
        await store.write([record(str(number), b"x" * 2000) for number in range(200)])
    with (tmp_path / FILE).open("r+b") as file:
        file.seek(5 * 4096)
        file.write(os.urandom(40 * 4096))
    async with open_sqlite_store(tmp_path) as store:
        with pytest.raises(StoreCorruptError, match="is damaged"):
            await all_of(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_folder_of_somebody_else_is_said(tmp_path: Path) -> None:
    """Whether the file is there or not."""
    for folder in (tmp_path / "new", tmp_path / "old"):
        folder.mkdir(mode=0o755)
    done = _as_somebody_else(tmp_path / "new")
    assert "cannot be made or opened: Permission denied" in done
    (tmp_path / "old" / FILE).write_bytes(b"")
    assert "cannot be made or opened: Permission denied" in _as_somebody_else(tmp_path / "old")


def test_the_file_is_its_users_alone(tmp_path: Path) -> None:
    """Whoever else is on the machine reads no graphs."""

    async def make() -> None:
        async with open_sqlite_store(tmp_path / "data"):
            pass

    trio.run(make)
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0
    assert (tmp_path / "data" / FILE).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("after", [1, 7, 30])
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, after: int) -> None:
    """A process that writes as fast as it can is killed; all that it has said to be written is there, whole."""
    program = """
import sys, trio
from pathlib import Path
from store.protocol import Record
from store.sqlite import open_sqlite_store
async def main():
    async with open_sqlite_store(Path(sys.argv[1])) as store:
        async def write(number):
            pair = [Record("graph", "", f"{number}{half}", bytes(5000)) for half in "ab"]
            await store.write(pair)
            print(number, flush=True)
        for start in range(0, 10_000, 5):
            async with trio.open_nursery() as nursery:
                for number in range(start, start + 5):
                    nursery.start_soon(write, number)
trio.run(main)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(after)]
        process.send_signal(signal.SIGKILL)
        told += [int(line) for line in process.stdout.read().split()]
    there = {each.key for each in trio.run(_read, tmp_path)}
    assert {f"{number}{half}" for number in told for half in "ab"} <= there
    assert {key[:-1] + "b" for key in there if key.endswith("a")} == {key for key in there if key.endswith("b")}


CHANGES = st.lists(
    st.lists(
        st.one_of(
            st.builds(
                Record,
                st.sampled_from("gc"),
                st.sampled_from(["", "o"]),
                st.sampled_from("abc"),
                st.binary(max_size=9),
            ),
            st.builds(Removal, st.sampled_from("gc"), st.sampled_from(["", "o"]), st.sampled_from("abc")),
        ),
        max_size=5,
    ),
    max_size=6,
)


@settings(max_examples=25)
@given(CHANGES)
def test_a_store_is_an_ordered_table(batches: Sequence[Sequence[RecordChange]]) -> None:
    """Whatever is written and removed, it reads as a dict of Python would."""
    expected: dict[tuple[str, str, str], Record] = {}
    for change in (change for batch in batches for change in batch):
        place = (change.kind, change.owner, change.key)
        if isinstance(change, Record):
            expected[place] = change
        else:
            expected.pop(place, None)

    async def run(folder: Path) -> list[Record]:
        async with open_sqlite_store(folder) as store:
            for batch in batches:
                await store.write(batch)
            return [*await all_of(store, "g"), *await all_of(store, "c")]

    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        found = trio.run(run, Path(folder))
    assert [each for kind in "gc" for each in expected.values() if each.kind == kind] == found


async def _read(folder: Path) -> list[Record]:
    async with open_sqlite_store(folder) as store:
        return await all_of(store)


def _execute(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / FILE)
    connection.execute(statement)
    connection.commit()
    connection.close()


def _as_somebody_else(folder: Path) -> str:
    """Open the store of a folder as another user; the error."""

    async def attempt() -> None:
        async with open_sqlite_store(folder):
            pass

    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(NOBODY)
            trio.run(attempt)
        except StoreError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return os.read(reading, 4096).decode()
