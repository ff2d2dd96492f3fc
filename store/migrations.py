"""The shapes of the file, each made of the one before; a file knows its own in ``user_version``.

A shape that was released never changes: what is to be different is a further step, and the tests keep a file of
each shape, which must open.
"""

import sqlite3
from pathlib import Path

from store.errors import StoreCorruptError, StoreNewerError

APPLICATION_ID = 0x53594D42
"""Tells our files from those of other programs: "SYMB" (https://sqlite.org/pragma.html#pragma_application_id)."""

STEPS: tuple[tuple[str, ...], ...] = (
    (
        # `position` is the order in which keys first came; an update keeps it.
        """
        CREATE TABLE records (
            position INTEGER PRIMARY KEY,
            kind TEXT NOT NULL,
            owner TEXT NOT NULL,
            key TEXT NOT NULL,
            body BLOB NOT NULL,
            UNIQUE (kind, owner, key)
        )
        """,
        "CREATE INDEX records_by_kind ON records (kind, position)",
    ),
    (
        # `first` is the lowest number that is still there to be read, `last` the greatest that ever was. A stream
        # that was dropped has the key NULL, which no other equals, until its entries are swept away.
        """
        CREATE TABLE streams (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            owner TEXT NOT NULL,
            key TEXT,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            size_bytes INTEGER NOT NULL,
            unswept INTEGER NOT NULL DEFAULT 0,
            UNIQUE (kind, owner, key)
        )
        """,
        "CREATE INDEX unswept_streams ON streams (id) WHERE unswept",
        """
        CREATE TABLE entries (
            stream INTEGER NOT NULL,
            number INTEGER NOT NULL,
            made_ms INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (stream, number)
        ) WITHOUT ROWID
        """,
    ),
)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file to the present shape, in one transaction; one that is new is made.

    Raises:
        StoreNewerError: it has a later shape than this program knows.
        StoreCorruptError: it is another program's.
        sqlite3.Error: it cannot be read or written.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        shape = _known_shape(connection, path)
        for step in STEPS[shape:]:
            for statement in step:
                connection.execute(statement)
        if shape < len(STEPS):  # a full disk can still be opened, to make room on it
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(STEPS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _known_shape(connection: sqlite3.Connection, path: Path) -> int:
    """Return the shape of a file, 0 where it is new.

    Raises:
        StoreNewerError: this program does not know it.
        StoreCorruptError: it is another program's.
    """
    shape = _pragma(connection, "user_version")
    is_new = shape == 0 and _pragma(connection, "schema_version") == 0
    if not is_new and _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreCorruptError(f"{path} is a database of another program: choose another folder")
    if shape > len(STEPS):
        raise StoreNewerError(
            f"{path} was written by a later version of this program (shape {shape}, and {len(STEPS)} is known "
            "here): run that version, or choose another folder"
        )
    return shape


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)
