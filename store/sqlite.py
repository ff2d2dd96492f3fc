"""A store in one file of SQLite, in a folder that it has for itself (https://sqlite.org/wal.html)."""

import os
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from store.errors import StoreError, StoreFullError, StoreReadOnlyError, translated
from store.migrations import migrate
from store.protocol import MAX_NUMBER, Change, Drop, Entry, Record, Removal, StoreSize, Stream, StreamSize, Trim
from store.reserve import RESERVE_BYTES, Reserve
from store.streams import change_stream, read_entry_page, read_stream_page, sweep
from store.writer import T, Work, Writer

FILE = "symbia.sqlite3"

PAGE_BYTES = 4096
PAGE_RECORDS = 64
"""Records that are read in one piece of work: meanwhile nothing is written."""

PAGE_BODY_BYTES = 1024 * 1024
"""Bytes of bodies after which a piece ends, so that large ones come one by one."""

DEFAULT_BOUND_BYTES = 16 * 1024**3

_TAKING = (Removal, Trim, Drop)

_PUT = """
INSERT INTO records (kind, owner, key, body) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, owner, key) DO UPDATE SET body = excluded.body
"""
_REMOVE = "DELETE FROM records WHERE kind = ? AND owner = ? AND key = ?"
_PAGE = "SELECT position, owner, key, body FROM records WHERE kind = ? AND position > ? ORDER BY position"
_ONE = "SELECT body FROM records WHERE kind = ? AND owner = ? AND key = ?"


class SqliteStore:
    """A store in a file. Made by :func:`open_sqlite_store`."""

    def __init__(self, writer: Writer, bound_bytes: int, reserve: Reserve) -> None:
        self._writer = writer
        self._bound_bytes = bound_bytes
        self._reserve = reserve

    async def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, in their order, or none; when this returns they are durable.

        What only takes away is done also where there is no room. What was taken away is deleted in pieces
        afterwards, between the writes of others.

        Raises:
            StoreError: they could not be made; none of them was.
        """
        if all(isinstance(change, _TAKING) for change in changes):
            await self._take_away(changes)
        else:
            await self._writer.run(partial(_change, changes))
        if any(isinstance(change, Trim | Drop) for change in changes):
            await self.sweep()

    async def sweep(self) -> None:
        """Delete what was taken away from streams, in pieces; where that fails, it is tried again another time."""
        with suppress(StoreError):
            while await self._writer.run(partial(_within_reserve, self._bound_bytes, sweep)):
                pass

    async def _take_away(self, changes: Sequence[Change]) -> None:
        work = partial(_within_reserve, self._bound_bytes, partial(_change, changes))
        try:
            await self._writer.run(work)
        except StoreFullError:
            await self._writer.run(lambda _: self._reserve.give_up())
            try:
                await self._writer.run(work)
            finally:
                await self._writer.run(lambda _: self._reserve.take())

    async def read_all(self, kind: str) -> AsyncIterator[Record]:
        """Read all records of a kind, in the order in which their keys first came.

        What is written meanwhile may be among them or not.

        Raises:
            StoreError: they cannot be read.
        """
        position = 0
        while page := await self._writer.run(partial(_read_page, kind, position)):
            for position, record in page:  # noqa: B007  the last one is where the next page begins
                yield record

    async def read(self, kind: str, owner: str, key: str) -> Record | None:
        """Read one record; None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        body = await self._writer.run(partial(_read_body, kind, owner, key))
        return None if body is None else Record(kind, owner, key, body)

    async def read_entries(self, stream: Stream, first: int = 0, last: int = MAX_NUMBER) -> AsyncGenerator[Entry]:
        """Read the entries of a stream with these numbers, in order; what is trimmed meanwhile may be missing.

        Raises:
            StoreError: they cannot be read.
        """
        while first <= last:
            page = await self._writer.run(partial(read_entry_page, stream, first, last))
            for entry in page:
                yield entry
            if not page:
                return
            first = page[-1].number + 1

    async def read_streams(self, kind: str) -> AsyncIterator[StreamSize]:
        """Measure all streams of a kind, in the order in which they began.

        Raises:
            StoreError: they cannot be read.
        """
        position = 0
        while page := await self._writer.run(partial(read_stream_page, kind, position)):
            for position, size in page:  # noqa: B007  the last one is where the next page begins
                yield size

    async def measure(self) -> StoreSize:
        """Measure the store.

        Raises:
            StoreError: it cannot be read.
        """
        return await self._writer.run(partial(_measure, self._bound_bytes))


@asynccontextmanager
async def open_sqlite_store(folder: Path, bound_bytes: int = DEFAULT_BOUND_BYTES) -> AsyncIterator[SqliteStore]:
    """Open the store in a folder, which is made where there is none; nobody else can open it meanwhile.

    Args:
        folder: this user's alone, if it is made here.
        bound_bytes: what the file may have at most; beyond it nothing more is written.

    Raises:
        StoreError: it cannot be opened; the message says why, and what to do.
    """
    path = folder / FILE
    writer = Writer(_opened(path, bound_bytes), partial(translated, path=path))
    reserve = Reserve(folder, min(RESERVE_BYTES, bound_bytes))
    store = SqliteStore(writer, bound_bytes, reserve)
    try:
        await writer.run(lambda _: reserve.take())
        await store.sweep()  # what an earlier process has left
        yield store
    finally:
        await writer.aclose()


def _opened(path: Path, bound_bytes: int) -> sqlite3.Connection:
    """Open the file, make it ours alone, and bring it to the present shape.

    Raises:
        StoreError: it cannot be opened.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let others read it
    except OSError as error:
        raise StoreReadOnlyError(
            f"{path} cannot be made or opened: {error.strerror}; let this user do so, or choose another folder"
        ) from error
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise translated(error, path) from error
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a power failure takes nothing that was acknowledged
        _bound(connection, bound_bytes)
        migrate(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _change(changes: Sequence[Change], connection: sqlite3.Connection) -> None:
    for change in changes:
        if isinstance(change, Record):
            connection.execute(_PUT, (change.kind, change.owner, change.key, change.body))
        elif isinstance(change, Removal):
            connection.execute(_REMOVE, (change.kind, change.owner, change.key))
        else:
            change_stream(change, connection)


def _within_reserve(bound_bytes: int, work: Work[T], connection: sqlite3.Connection) -> T:
    """Do what takes away, with a few pages more than the bound: to delete may take one for a moment."""
    _bound(connection, bound_bytes + RESERVE_BYTES)
    try:
        return work(connection)
    finally:
        _bound(connection, bound_bytes)


def _bound(connection: sqlite3.Connection, size_bytes: int) -> None:
    connection.execute(f"PRAGMA max_page_count = {max(1, size_bytes // PAGE_BYTES)}")


def _read_page(kind: str, after: int, connection: sqlite3.Connection) -> list[tuple[int, Record]]:
    page: list[tuple[int, Record]] = []
    size_bytes = 0
    for position, owner, key, body in connection.execute(_PAGE, (kind, after)):
        page.append((position, Record(kind, owner, key, body)))
        size_bytes += len(body)
        if len(page) >= PAGE_RECORDS or size_bytes >= PAGE_BODY_BYTES:
            break
    return page


def _read_body(kind: str, owner: str, key: str, connection: sqlite3.Connection) -> bytes | None:
    row: tuple[bytes] | None = connection.execute(_ONE, (kind, owner, key)).fetchone()
    return None if row is None else row[0]


def _measure(bound_bytes: int, connection: sqlite3.Connection) -> StoreSize:
    def number(query: str) -> int:
        (value,) = connection.execute(query).fetchone()
        return int(value)

    pages = number("PRAGMA page_count") - number("PRAGMA freelist_count")
    return StoreSize(number("SELECT count(*) FROM records"), pages * PAGE_BYTES, bound_bytes)
