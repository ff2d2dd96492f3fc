"""The ways in which a store fails; each message says what happened, where, and what to do."""

import sqlite3
from pathlib import Path


class StoreError(Exception):
    """The store cannot do what it was asked for. What it was to write is not there, not even in parts.

    The message is for whoever runs the program, and names the file; ``reason`` is for everybody.
    """

    reason = "the store cannot be used"


class StoreLockedError(StoreError):
    """Another process has the store."""

    reason = "the store is in use by another process"


class StoreReadOnlyError(StoreError):
    """The store cannot be written by this user."""

    reason = "the store cannot be written"


class StoreFullError(StoreError):
    """There is no room for what was to be written: on the disk, or below the store's own bound."""

    reason = "the store is full"


class StoreCorruptError(StoreError):
    """The file is damaged, or is no store."""

    reason = "the store is damaged"


class StoreNewerError(StoreError):
    """A later version of this program has written the store."""

    reason = "the store is of a later version"


class StoreOrderError(StoreError):
    """An entry was to go to the end of a stream whose number is not greater than the last one's."""

    reason = "an entry is out of order"


class StoreClosedError(StoreError):
    """The store has been closed."""

    reason = "the service is stopping"


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return what an error of SQLite means to whoever runs the service."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # an extended code has its kind in the lowest byte
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreLockedError(f"{path} is in use by another process: stop that one, or choose another folder")
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return StoreReadOnlyError(
            f"{path} cannot be written: see to it that this user may, or choose another folder"
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(
            f"{path} has no room left: make room on its disk, or delete graphs where it is at its bound"
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return StoreCorruptError(
            f"{path} is damaged, or is no store ({error}): move it away, and put back a copy if there is one"
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreReadOnlyError(f"{path} cannot be opened: see to it that its folder is there, and this user's")
    return StoreError(f"{path} cannot be used: {error}")
