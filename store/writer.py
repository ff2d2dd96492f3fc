"""The one thread that speaks with the file: pieces of work in their order, many of them in one transaction.

Making a transaction durable takes a disk about as long for one change as for a hundred. So what has come while the
last transaction was made durable goes into the next one together (group commit); each piece is all or nothing for
itself, by a savepoint. Nothing is done on the event loop but handing over and fetching.
"""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

import trio

from store.errors import StoreClosedError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MAX_TOGETHER = 256
"""Pieces of work in one transaction: those in it wait for one another."""

MAX_WAITING = 4096
"""Pieces that wait for the thread; whoever comes then waits for a place."""


class _Job:
    """A piece of work, and what has become of it."""

    __slots__ = ("done", "error", "result", "token", "work")

    def __init__(self, work: Work[Any], token: trio.lowlevel.TrioToken) -> None:
        self.work = work
        self.token = token
        self.done = trio.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def report(self) -> None:
        """Tell whoever waits for it that it is done; from the thread."""
        _tell(self.token, self.done)


class Writer:
    """A thread with a connection, until it is closed.

    Args:
        connection: in autocommit, usable from another thread, and this object's from now on.
        translate: makes an error for callers of one of SQLite.
    """

    def __init__(
        self, connection: sqlite3.Connection, translate: Callable[[sqlite3.Error], Exception] = lambda error: error
    ) -> None:
        self._connection = connection
        self._translate = translate
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._places = trio.Semaphore(MAX_WAITING)
        self._token = trio.lowlevel.current_trio_token()
        self._ended = trio.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="store writer", daemon=True)
        self._thread.start()

    async def run(self, work: Work[T]) -> T:
        """Let the thread do a piece of work, in a transaction; return what it returned, once that is durable.

        A caller that is cancelled gets the answer all the same, if the work has been handed over.

        Raises:
            StoreClosedError: the writer is closed.
            Exception: what the work raised, translated; its changes are undone.
        """
        async with self._places:
            if self._is_closed:
                raise StoreClosedError("The store has been closed")
            job = _Job(work, self._token)
            self._jobs.put(job)
            with trio.CancelScope(shield=True):
                await job.done.wait()
        if isinstance(job.error, sqlite3.Error):
            raise self._translate(job.error) from job.error
        if job.error is not None:
            raise job.error
        return cast("T", job.result)

    async def aclose(self) -> None:
        """Do what has been handed over, then close the connection and end the thread."""
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
        with trio.CancelScope(shield=True):
            await self._ended.wait()

    # In the thread

    def _serve(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                if len(batch) == 1 or not self._run_all(batch):
                    for job in batch:  # one has brought all of them down; alone, the others may pass
                        self._run_all([job])
                for job in batch:
                    job.report()
            self._connection.close()
        finally:
            _tell(self._token, self._ended)

    def _next_batch(self) -> list[_Job] | None:
        """Return what waits, at most so much as goes together, once there is something; None at the end."""
        first = self._jobs.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < MAX_TOGETHER:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:
                self._jobs.put(None)  # the end is for the next round; nothing comes after it
                break
            batch.append(job)
        return batch

    def _run_all(self, batch: list[_Job]) -> bool:
        """Run pieces of work in one transaction, and outlive whatever happens: those who wait must hear of it."""
        try:
            return self._run_together(batch)
        except BaseException as error:  # noqa: BLE001  they cannot be cancelled, and this thread is the only one
            batch[0].error = error
            return len(batch) == 1

    def _run_together(self, batch: list[_Job]) -> bool:
        """Run pieces of work in one transaction; whether that held for all of them, those that failed included.

        Where the transaction itself fails, nothing of it is there, and a single piece has the error.
        """
        connection = self._connection
        try:
            if connection.in_transaction:  # the last one could not even be undone
                connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")
            for job in batch:
                self._run_one(job)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):  # it is tried again before the next one
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if len(batch) > 1:
                return False
            batch[0].error = error
        return True

    def _run_one(self, job: _Job) -> None:
        """Run one piece of work, and undo what it did if it fails.

        Raises:
            sqlite3.Error: the whole transaction is gone with it, as when the disk is full.
        """
        connection = self._connection
        job.result, job.error = None, None
        connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(connection)
        except BaseException as error:
            if not connection.in_transaction and isinstance(error, sqlite3.Error):
                raise
            job.error = error
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")


def _tell(token: trio.lowlevel.TrioToken, event: trio.Event) -> None:
    """Set an event from the thread; where the program has ended, nobody waits for it."""
    with suppress(trio.RunFinishedError):
        token.run_sync_soon(event.set)
