"""A store in one file of SQLite, in a folder that it has for itself (https://sqlite.org/wal.html)."""

import os
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from store.errors import StoreError, StoreReadOnlyError, translated
from store.migrations import migrate
from store.protocol import Change, Record, Removal, StoreSize
from store.writer import Writer

FILE = "symbia.sqlite3"

PAGE_BYTES = 4096
PAGE_RECORDS = 64
"""Records that are read in one piece of work: meanwhile nothing is written."""

PAGE_BODY_BYTES = 1024 * 1024
"""Bytes of bodies after which a piece ends, so that large ones come one by one."""

DEFAULT_BOUND_BYTES = 16 * 1024**3

_PUT = """
INSERT INTO records (kind, owner, key, body) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, owner, key) DO UPDATE SET body = excluded.body
"""
_REMOVE = "DELETE FROM records WHERE kind = ? AND owner = ? AND key = ?"
_PAGE = "SELECT position, owner, key, body FROM records WHERE kind = ? AND position > ? ORDER BY position"
_ONE = "SELECT body FROM records WHERE kind = ? AND owner = ? AND key = ?"


class SqliteStore:
    """A store in a file. Made by :func:`open_sqlite_store`."""

    def __init__(self, writer: Writer, bound_bytes: int) -> None:
        self._writer = writer
        self._bound_bytes = bound_bytes

    async def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, in their order, or none; when this returns they are durable.

        Raises:
            StoreError: they could not be made; none of them was.
        """
        await self._writer.run(partial(_change, changes))

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
    try:
        yield SqliteStore(writer, bound_bytes)
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
        connection.execute(f"PRAGMA max_page_count = {max(1, bound_bytes // PAGE_BYTES)}")
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
        if isinstance(change, Removal):
            connection.execute(_REMOVE, (change.kind, change.owner, change.key))
        else:
            connection.execute(_PUT, (change.kind, change.owner, change.key, change.body))


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
