"""Streams of a store: entries go to the end, in order, are trimmed at the beginning, and dropped as a whole."""

import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import StoreFullError, StoreOrderError
from store.protocol import Append, Change, Drop, Entry, Record, Removal, Stream, Trim
from store.sqlite import FILE, SqliteStore, open_sqlite_store
from store.streams import ENTRY_BYTES, SWEPT_ENTRIES

ONE, OTHER = Stream("recording", "o", "one"), Stream("recording", "", "other")


async def numbers(store: SqliteStore, stream: Stream, first: int = 0, last: int = 2**63 - 1) -> list[int]:
    return [each.number async for each in store.read_entries(stream, first, last)]


def entries(*numbers: int, body: bytes = b"x", made_ms: int = 0) -> list[Entry]:
    return [Entry(number, body, made_ms) for number in numbers]


async def test_entries_are_there_when_the_store_is_opened_again(tmp_path: Path) -> None:
    """In their order, each stream for itself, and by a range of numbers."""
    async with open_sqlite_store(tmp_path) as store:
        await store.write([Append(ONE, entries(1, 2, 5)), Append(OTHER, [Entry(7, b"seven", 70)])])
        await store.write([Append(ONE, entries(9)), Append(OTHER, [])])
    async with open_sqlite_store(tmp_path) as store:
        assert await numbers(store, ONE) == [1, 2, 5, 9]
        assert await numbers(store, ONE, 2, 5) == [2, 5]
        assert await numbers(store, ONE, 6, 5) == []
        assert [each async for each in store.read_entries(OTHER)] == [Entry(7, b"seven", 70)]
        sizes = [each async for each in store.read_streams("recording")]
        assert [(each.stream, each.first, each.last) for each in sizes] == [(ONE, 1, 9), (OTHER, 7, 7)]
        assert sizes[1].size_bytes == 5 + ENTRY_BYTES
        assert sizes[1].oldest_ms == 70
        assert [each async for each in store.read_streams("another")] == []


async def test_an_entry_out_of_order_is_refused_with_all_that_came_with_it(tmp_path: Path) -> None:
    """A number is given once, also where its entry has been trimmed."""
    async with open_sqlite_store(tmp_path) as store:
        await store.write([Append(ONE, entries(1, 2, 3))])
        await store.write([Trim(ONE, first=4)])
        for wrong in ([3], [4, 4], [6, 5]):
            with pytest.raises(StoreOrderError, match="of recording one comes after entry"):
                await store.write([Record("graph", "", "a", b"{}"), Append(ONE, entries(*wrong))])
        assert await store.read("graph", "", "a") is None
        assert [each async for each in store.read_streams("recording")] == []
        await store.write([Append(ONE, entries(4))])
        assert await numbers(store, ONE) == [4]


async def test_a_stream_is_trimmed_by_number_age_and_bytes(tmp_path: Path) -> None:
    """Only at its beginning: an old entry after a young one stays."""
    each_bytes = 100 + ENTRY_BYTES
    async with open_sqlite_store(tmp_path) as store:
        for number, made_ms in enumerate([10, 20, 50, 30, 60, 70], 1):
            await store.write([Append(ONE, entries(number, body=bytes(100), made_ms=made_ms))])
        await store.write([Trim(ONE, made_before_ms=40)])
        assert await numbers(store, ONE) == [3, 4, 5, 6]
        await store.write([Trim(ONE, most_bytes=3 * each_bytes)])
        assert await numbers(store, ONE) == [4, 5, 6]
        await store.write([Trim(ONE, first=6), Trim(ONE, first=2), Trim(OTHER, first=9)])
        assert await numbers(store, ONE) == [6]
        (size,) = [each async for each in store.read_streams("recording")]
        assert size.size_bytes == each_bytes
        await store.write([Trim(ONE, most_bytes=0)])
        assert await numbers(store, ONE) == []


async def test_a_stream_that_was_dropped_begins_anew(tmp_path: Path) -> None:
    """Nothing of the old one is seen, and nothing of it is left in the file."""
    many = SWEPT_ENTRIES * 2 + 7
    async with open_sqlite_store(tmp_path) as store:
        await store.write([Append(ONE, entries(*range(many), body=bytes(100)))])
        full = (await store.measure()).bytes_used
        await store.write([Drop(ONE), Drop(OTHER), Append(ONE, entries(3))])
        assert await numbers(store, ONE) == [3]
        await store.write([Drop(ONE)])
        assert (await store.measure()).bytes_used < full / 5
    connection = sqlite3.connect(tmp_path / FILE)
    left = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("streams", "entries")]
    connection.close()
    assert left == [(0,), (0,)]


async def test_others_write_while_a_large_stream_is_swept(tmp_path: Path) -> None:
    """Deleting goes in pieces, between the writes of others."""
    async with open_sqlite_store(tmp_path) as store:
        await store.write([Append(ONE, entries(*range(SWEPT_ENTRIES * 5)))])
        done: list[str] = []

        async def drop() -> None:
            await store.write([Drop(ONE)])
            done.append("dropped")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drop)
            await trio.testing.wait_all_tasks_blocked()
            await store.write([Record("graph", "", "a", b"{}")])
            done.append("written")
        assert done == ["written", "dropped"]


async def test_a_file_of_the_first_shape_is_brought_to_this_one(tmp_path: Path) -> None:
    """Its records are there, and streams can begin."""
    connection = sqlite3.connect(tmp_path / FILE)
    connection.executescript("""
        CREATE TABLE records (
            position INTEGER PRIMARY KEY, kind TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL,
            body BLOB NOT NULL, UNIQUE (kind, owner, key)
        );
        CREATE INDEX records_by_kind ON records (kind, position);
        INSERT INTO records (kind, owner, key, body) VALUES ('graph', 'o', 'a', x'7b7d');
        PRAGMA application_id = 0x53594D42;
        PRAGMA user_version = 1;
    """)
    connection.close()
    async with open_sqlite_store(tmp_path) as store:
        assert await store.read("graph", "o", "a") == Record("graph", "o", "a", b"{}")
        await store.write([Append(ONE, entries(1))])
    async with open_sqlite_store(tmp_path) as store:
        assert await numbers(store, ONE) == [1]


async def test_a_store_at_its_bound_still_takes_what_makes_room(tmp_path: Path) -> None:
    """Streams are trimmed and dropped, records removed; after that there is room."""
    async with open_sqlite_store(tmp_path, bound_bytes=512 * 1024) as store:
        for stream in (ONE, OTHER):
            await store.write([Append(stream, entries(*range(1000), body=bytes(40)))])
        last = await fill(store)
        await store.write([Trim(ONE, first=500)])
        await store.write([Removal("filler", "", str(last)), Drop(OTHER)])
        await store.write([Append(ONE, entries(1000, body=bytes(10_000)))])
        assert await numbers(store, ONE) == list(range(500, 1001))


async def test_a_disk_that_is_full_still_takes_what_makes_room(tmp_path: Path) -> None:
    """The room that was set aside is given up for it, and set aside again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = await trio.run_process(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False, capture_stderr=True
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        async with open_sqlite_store(disk) as store:
            await store.write([Append(ONE, entries(*range(4000), body=bytes(40)))])
            (disk / "somebody else's").write_bytes(b"")
            last = await fill(store)
            fill_up(disk / "somebody else's")
            for number in range(last + 1):
                await store.write([Removal("filler", "", str(number))])
            await store.write([Drop(ONE)])
            assert [each async for each in store.read_streams("recording")] == []
            assert [each async for each in store.read_all("filler")] == []
        async with open_sqlite_store(disk) as store:
            assert [each async for each in store.read_all("filler")] == []
    finally:
        await trio.run_process(["umount", str(disk)])


async def fill(store: SqliteStore) -> int:
    """Write records until not even the smallest has room; return the number of the last one."""
    number, size = 0, 200_000
    while size:
        try:
            await store.write([Record("filler", "", str(number), bytes(size))])
            number += 1
        except StoreFullError:
            size //= 2
    return number - 1


def fill_up(path: Path) -> None:
    """Leave not a byte on the disk of a file."""
    with path.open("ab", buffering=0) as file:
        size = 65536
        while size:
            try:
                file.write(bytes(size))
            except OSError:
                size //= 2


STREAMS = st.sampled_from([ONE, OTHER])
CHANGES = st.lists(
    st.one_of(
        st.tuples(STREAMS, st.lists(st.integers(1, 3), max_size=5), st.integers(0, 9)),
        st.builds(Trim, STREAMS, st.integers(0, 30), st.integers(0, 9), st.none() | st.integers(0, 100)),
        st.builds(Drop, STREAMS),
    ),
    max_size=12,
)


@settings(max_examples=25)
@given(CHANGES)
def test_a_stream_is_a_list_that_loses_its_beginning(
    changes: Sequence[tuple[Stream, list[int], int] | Trim | Drop],
) -> None:
    """Whatever is appended, trimmed and dropped, it reads as a list of Python would."""
    expected: dict[Stream, list[Entry]] = {ONE: [], OTHER: []}
    last = {ONE: -1, OTHER: -1}
    done: list[Change] = []
    for change in changes:
        if isinstance(change, tuple):
            stream, gaps, made_ms = change
            added = []
            for gap in gaps:
                last[stream] += gap
                added.append(Entry(last[stream], bytes(gap), made_ms))
            expected[stream] += added
            done.append(Append(stream, added))
        elif isinstance(change, Drop):
            expected[change.stream], last[change.stream] = [], -1
            done.append(change)
        else:
            kept = [each for each in expected[change.stream] if each.number >= change.first]
            while kept and (
                kept[0].made_ms < change.made_before_ms
                or (change.most_bytes is not None and size_of(kept) > change.most_bytes)
            ):
                del kept[0]
            expected[change.stream] = kept
            done.append(change)

    async def run(folder: Path) -> dict[Stream, list[Entry]]:
        async with open_sqlite_store(folder) as store:
            for change in done:
                await store.write([change])
            return {stream: [each async for each in store.read_entries(stream)] for stream in expected}

    with tempfile.TemporaryDirectory(prefix="store-") as folder:
        assert trio.run(run, Path(folder)) == expected


def size_of(entries: Sequence[Entry]) -> int:
    return sum(len(each.body) + ENTRY_BYTES for each in entries)
