"""The thread of the store on a disk that fails: everybody hears of it, and work goes on when the disk does."""

import sqlite3
from typing import Any

import pytest
import trio

from store.writer import Writer


class FailingDisk(sqlite3.Connection):
    """A connection some of whose statements fail, as on a disk that is gone."""

    failing: dict[str, Exception] = {}  # noqa: RUF012  set by each test for its own

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        if statement in self.failing:
            raise self.failing[statement]
        return super().execute(statement, *arguments)


def writer_on(failing: dict[str, Exception]) -> tuple[Writer, FailingDisk]:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, factory=FailingDisk)
    connection.execute("CREATE TABLE t (n INTEGER)")
    connection.failing = failing
    return Writer(connection), connection


def add(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO t VALUES (1)")


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


@pytest.mark.parametrize(
    "failing",
    [
        {
            "COMMIT": sqlite3.OperationalError("disk I/O error"),
            "ROLLBACK": sqlite3.OperationalError("disk I/O error"),
        },
        {"BEGIN IMMEDIATE": MemoryError("none left")},
        {"RELEASE job": MemoryError("none left")},
    ],
)
async def test_a_disk_that_fails_leaves_nobody_waiting(failing: dict[str, Exception]) -> None:
    """Whoever waits for the thread cannot be cancelled; the next ones get their turn."""
    writer, connection = writer_on(failing)
    failures: list[Exception] = []

    async def fail() -> None:
        try:
            await writer.run(add)
        except (sqlite3.Error, MemoryError) as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(fail)
    assert len(failures) == 3
    connection.failing = {}
    assert await writer.run(count) == 0
    await writer.run(add)
    assert await writer.run(count) == 1
    await writer.aclose()
