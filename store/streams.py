"""Streams of entries in a file of SQLite: their changes, their sizes, and the sweeping of what was taken away.

Whatever is taken away is gone at once for whoever reads; its rows are deleted afterwards, so many at a time,
because a million of them take a second in which nobody else could write.
"""

import sqlite3
from functools import singledispatch

from store.errors import StoreOrderError
from store.protocol import Append, Drop, Entry, Stream, StreamSize, Trim

PAGE_ENTRIES = 1000
"""Entries that are read in one piece of work: meanwhile nothing is written."""

PAGE_BODY_BYTES = 1024 * 1024
"""Bytes of bodies after which a piece ends."""

SWEPT_ENTRIES = 2000
"""Entries that are deleted in one piece of work: some milliseconds."""

ENTRY_BYTES = 16
"""Bytes that an entry takes beside its body, about."""

_FIND = "SELECT id, first, last, size_bytes FROM streams WHERE kind = ? AND owner = ? AND key = ?"
_BEGIN = "INSERT INTO streams (kind, owner, key, first, last, size_bytes) VALUES (?, ?, ?, ?, ?, 0)"
_GROW = "UPDATE streams SET last = ?, size_bytes = size_bytes + ? WHERE id = ?"
_ADD = "INSERT INTO entries (stream, number, made_ms, body) VALUES (?, ?, ?, ?)"
_CUT = "UPDATE streams SET first = ?, unswept = 1 WHERE id = ?"
_DROP = "UPDATE streams SET key = NULL, unswept = 1 WHERE id = ?"
_WALK = "SELECT number, made_ms, length(body) FROM entries WHERE stream = ? AND number >= ? ORDER BY number"
_UNSWEPT = "SELECT id, key, first FROM streams WHERE unswept LIMIT 1"
_BELOW = "SELECT number, length(body) FROM entries WHERE stream = ? AND number < ? ORDER BY number LIMIT ?"
_DELETE = "DELETE FROM entries WHERE stream = ? AND number <= ?"
_PAGE = """
SELECT number, body, made_ms FROM entries WHERE stream = ? AND number BETWEEN ? AND ? ORDER BY number
"""
_STREAMS = """
SELECT id, owner, key, first, last, size_bytes,
    (SELECT made_ms FROM entries WHERE stream = id AND number >= streams.first ORDER BY number LIMIT 1)
FROM streams WHERE kind = ? AND key IS NOT NULL AND id > ? ORDER BY id LIMIT ?
"""


@singledispatch
def change_stream(change: object, connection: sqlite3.Connection) -> None:
    """Make a change of a stream.

    Raises:
        StoreOrderError: an entry's number is not greater than the one before it.
        sqlite3.Error: it cannot be made.
    """
    raise TypeError(change, connection)


@change_stream.register
def _append(change: Append, connection: sqlite3.Connection) -> None:
    if not change.entries:
        return
    stream = change.stream
    found: tuple[int, int, int, int] | None = connection.execute(_FIND, _name(stream)).fetchone()
    last = -1 if found is None else found[2]
    for entry in change.entries:
        if entry.number <= last:
            raise StoreOrderError(f"Entry {entry.number} of {stream.kind} {stream.key} comes after entry {last}")
        last = entry.number
    if found is None:
        first = change.entries[0].number
        number = connection.execute(_BEGIN, (*_name(stream), first, last)).lastrowid
    else:
        number = found[0]
    connection.executemany(_ADD, [(number, each.number, each.made_ms, each.body) for each in change.entries])
    size_bytes = sum([len(each.body) for each in change.entries]) + ENTRY_BYTES * len(change.entries)
    connection.execute(_GROW, (last, size_bytes, number))


@change_stream.register
def _trim(change: Trim, connection: sqlite3.Connection) -> None:
    found: tuple[int, int, int, int] | None = connection.execute(_FIND, _name(change.stream)).fetchone()
    if found is None:
        return
    stream, first, last, size_bytes = found
    cut = max(change.first, first)
    size_bytes -= _size_below(connection, stream, cut)
    for number, made_ms, length in connection.execute(_WALK, (stream, cut)):
        is_too_much = change.most_bytes is not None and size_bytes > change.most_bytes
        if not is_too_much and made_ms >= change.made_before_ms:
            break
        size_bytes -= length + ENTRY_BYTES
        cut = number + 1
    if cut > first:
        connection.execute(_CUT, (min(cut, last + 1), stream))


def _size_below(connection: sqlite3.Connection, stream: int, number: int) -> int:
    query = f"SELECT coalesce(sum(length(body) + {ENTRY_BYTES}), 0) FROM entries WHERE stream = ? AND number < ?"  # noqa: S608
    (size_bytes,) = connection.execute(query, (stream, number)).fetchone()
    return int(size_bytes)


@change_stream.register
def _drop(change: Drop, connection: sqlite3.Connection) -> None:
    found = connection.execute(_FIND, _name(change.stream)).fetchone()
    if found is not None:
        connection.execute(_DROP, (found[0],))


def sweep(connection: sqlite3.Connection) -> bool:
    """Delete some of what was taken away; return whether there may be more of it."""
    found = connection.execute(_UNSWEPT).fetchone()
    if found is None:
        return False
    stream, key, first = found
    below = 2**63 - 1 if key is None else first
    rows = connection.execute(_BELOW, (stream, below, SWEPT_ENTRIES)).fetchall()
    if rows:
        connection.execute(_DELETE, (stream, rows[-1][0]))
        swept_bytes = sum([length + ENTRY_BYTES for _, length in rows])
        connection.execute("UPDATE streams SET size_bytes = size_bytes - ? WHERE id = ?", (swept_bytes, stream))
    if len(rows) < SWEPT_ENTRIES:
        if key is None:
            connection.execute("DELETE FROM streams WHERE id = ?", (stream,))
        else:
            connection.execute("UPDATE streams SET unswept = 0 WHERE id = ?", (stream,))
    return True


def read_entry_page(stream: Stream, first: int, last: int, connection: sqlite3.Connection) -> list[Entry]:
    """Read some entries from a number on, as many as go into one piece of work."""
    found = connection.execute(_FIND, _name(stream)).fetchone()
    page: list[Entry] = []
    size_bytes = 0
    if found is None:
        return page
    for row in connection.execute(_PAGE, (found[0], max(first, found[1]), last)):
        page.append(Entry(*row))
        size_bytes += len(row[1])
        if len(page) >= PAGE_ENTRIES or size_bytes >= PAGE_BODY_BYTES:
            break
    return page


def read_stream_page(kind: str, after: int, connection: sqlite3.Connection) -> list[tuple[int, StreamSize]]:
    """Measure some streams that began after the one of a number; each with its own number."""
    return [
        (number, StreamSize(Stream(kind, owner, key), first, last, size_bytes, oldest_ms))
        for number, owner, key, first, last, size_bytes, oldest_ms in connection.execute(
            _STREAMS, (kind, after, PAGE_ENTRIES)
        )
        if oldest_ms is not None
    ]


def _name(stream: Stream) -> tuple[str, str, str]:
    return stream.kind, stream.owner, stream.key
