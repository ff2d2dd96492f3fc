"""The part of a runtime that outlives its process: graphs before they are answered for, executions soon after.

A graph is on disk before whoever sent it hears that it was taken. Of an execution its start and its end are
written together with those of others, a moment later, because nobody is promised more: nothing of a run waits for
a disk. Without a store nothing is kept, and nothing here costs anything.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec
import trio

from engine.errors import NotKeptError
from store.errors import StoreError
from store.protocol import Change, Entry, Record, RecordChange, Store, Stream

MOST_AT_ONCE = 500
"""Changes of executions in one write."""

MOST_WAITING = 20_000
"""Changes of executions that wait to be written; of more, the oldest are lost, and counted."""

FLUSH_SECONDS = 5.0
"""The time at the end of a runtime for what still waits to be written."""


class KeeperStatistics(msgspec.Struct, frozen=True):
    """A keeper's counters.

    Attributes:
        written: changes that are on disk.
        waiting: those of executions that are not yet.
        lost: those of executions that could not be written.
        failures: writes that failed.
    """

    written: int
    waiting: int
    lost: int
    failures: int


class Keeper:
    """The writing of what outlives the process, and the reading of it at the next start.

    Args:
        store: where it goes; None where nothing is to outlive the process.
        complain: called with each failure of the store that no caller hears of.
    """

    def __init__(self, store: Store | None, complain: Callable[[StoreError], None] = lambda _: None) -> None:
        self._store = store
        self._complain = complain
        self._waiting: dict[tuple[str, str, str], RecordChange] = {}
        self._has_come = trio.Event()
        self._written = 0
        self._lost = 0
        self._failures = 0

    @property
    def is_keeping(self) -> bool:
        """True where there is a store."""
        return self._store is not None

    @property
    def store(self) -> Store | None:
        """The store; None where nothing outlives the process."""
        return self._store

    def complain(self, error: StoreError) -> None:
        """Complain of a failure of the store that no caller hears of."""
        self._failures += 1
        self._complain(error)

    async def keep(self, changes: Sequence[Change]) -> None:
        """Make changes; when this returns they are on disk, all of them.

        A caller that is cancelled meanwhile gets the answer first, so what it does next without waiting belongs to
        the changes.

        Raises:
            NotKeptError: they could not be made; none of them was.
        """
        if self._store is None or not changes:
            return
        try:
            await self._store.write(changes)
        except StoreError as error:
            self._failures += 1
            self._complain(error)
            raise NotKeptError(error.reason) from error
        self._written += len(changes)

    def keep_later(self, change: RecordChange) -> None:
        """Make a change soon; a later one of the same record takes its place."""
        if self._store is None:
            return
        place = (change.kind, change.owner, change.key)
        self._waiting.pop(place, None)
        self._waiting[place] = change
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self._lost += 1
        self._has_come.set()

    async def run(self) -> None:
        """Write what is to be kept soon, for ever."""
        while True:
            await self._has_come.wait()
            self._has_come = trio.Event()
            await self._write_waiting()

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Write at the end of the block what still waits, as far as there is time for it."""
        try:
            yield
        finally:
            await self._flush()

    async def _flush(self) -> None:
        with trio.move_on_after(FLUSH_SECONDS, shield=True):
            await self._write_waiting()
        self._lost += len(self._waiting)
        self._waiting = {}

    async def _write_waiting(self) -> None:
        while self._store is not None and self._waiting:
            changes = {place: self._waiting.pop(place) for place in list(self._waiting)[:MOST_AT_ONCE]}
            try:
                await self._store.write(list(changes.values()))
            except StoreError as error:
                self._failures += 1
                self._lost += len(changes)
                self._complain(error)
            except BaseException:  # cancelled before they were handed over: whoever comes next writes them
                self._waiting = {**changes, **self._waiting}
                raise
            else:
                self._written += len(changes)

    async def read(self, kind: str, owner: str, key: str) -> bytes | None:
        """Return the body of one record that was kept; None where there is none.

        Raises:
            StoreError: it cannot be read.
        """
        record = None if self._store is None else await self._store.read(kind, owner, key)
        return None if record is None else record.body

    async def entries(self, stream: Stream, after: int = 0) -> AsyncGenerator[Entry]:
        """Yield the entries of a stream with greater numbers than ``after``, in order.

        Raises:
            StoreError: they cannot be read.
        """
        if self._store is not None:
            async with aclosing(self._store.read_entries(stream, after + 1)) as entries:
                async for entry in entries:
                    yield entry

    async def streams(self, kind: str) -> list[tuple[str, str]]:
        """Return owner and key of each stream of a kind.

        Raises:
            StoreError: they cannot be read.
        """
        if self._store is None:
            return []
        return [(size.stream.owner, size.stream.key) async for size in self._store.read_streams(kind)]

    async def kept(self, kind: str) -> AsyncIterator[Record]:
        """Yield all that was kept of a kind, in the order in which it came.

        Raises:
            StoreError: it cannot be read.
        """
        if self._store is not None:
            async for record in self._store.read_all(kind):
                yield record

    def statistics(self) -> KeeperStatistics:
        """Return the counters of now."""
        return KeeperStatistics(self._written, len(self._waiting), self._lost, self._failures)
