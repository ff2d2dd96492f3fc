"""The recordings of all executions: begun, ended, kept by owner within bounds, read, and let go of.

Without a store they are in memory and end with the process. With one, a single task writes chunks as they come
(``recording_writer.py``).
"""

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from uuid import uuid4

import trio

from engine.cooperative.slices import Breaks
from engine.errors import RecordingNotFoundError
from engine.journal.flights import Flights
from engine.journal.head import Circumstances, Head, decode_head
from engine.journal.recorder import Chunk, Recorder
from engine.journal.recording import Recording, Why
from engine.journal.recording_writer import KIND, RecordingWriter, head_kept_in, stream_of
from engine.journal.records import Checkpointed, Lost, Reader
from engine.journal.shape import RecordingError
from engine.limits import EngineLimits
from engine.memory.ledger import Ledger
from engine.wall_clock import WallClock
from proto.recording import RecordingSummary
from store.errors import StoreError
from store.protocol import Record, Store

SEAL_SECONDS = 0.5
"""The time after which what has been noted goes to the store, full or not."""

FLUSH_SECONDS = 5.0
"""The time at the end of a runtime for what still waits to be written."""

SWEEP_SECONDS = 3600.0
"""The longest time between two looks at what is too old: somebody may set the time of day."""

DAY_MS = 86_400_000


class Recordings:
    """All recordings.

    Args:
        limits: how many are kept, and how much.
        clock: the time of day.
        store: where they are kept; in memory where it is None.
        complain: called with each failure of the store.
    """

    def __init__(
        self,
        limits: EngineLimits,
        clock: WallClock,
        store: Store | None = None,
        complain: Callable[[StoreError], None] = lambda _: None,
    ) -> None:
        self._limits = limits
        self._ledger = Ledger(0, 0)
        self._clock = clock
        self._store = store
        self._by_id: dict[str, Recording] = {}
        self._has_come = trio.Event()
        self._writer = None if store is None else RecordingWriter(store, clock, complain, self._wake)
        self._recorders: dict[str, Recorder] = {}
        self._flights = Flights()
        self._has_written = trio.Event()

    def charge(self, ledger: Ledger) -> None:
        """Charge what is in memory from now on."""
        self._ledger = ledger

    @property
    def limit_bytes(self) -> int:
        """The bytes that are kept of one recording."""
        return self._limits.recording_bytes

    def now_ms(self) -> int:
        """Return the time of day, in milliseconds since 1970."""
        return int(self._clock.milliseconds())

    # Making

    def begin(self, recorder: Recorder, recording: Recording, detach: Callable[[], None]) -> None:
        """Let a recorder's chunks be kept; ``detach`` takes it away from its execution."""
        self._by_id[recording.id] = recording
        self._recorders[recording.id] = recorder
        recording.seal = recorder.seal

        def stop(why: Why) -> None:
            recording.end(why, self.now_ms())
            self._recorders.pop(recording.id, None)
            detach()
            self._keep_head(recording)
            self._wake()

        recording.stop = stop
        recording.note_lost = recorder.lost
        recording.note_figures = partial(self._keep_head, recording)
        self._keep_head(recording)
        self._enforce(recording.owner)
        self._wake()

    def open(self, recording_id: str, owner: str, circumstances: Circumstances) -> Recording:
        """Return a new recording, in place of an earlier one; nothing is noted yet."""
        self._flights.end(recording_id)
        if recording_id in self._by_id:
            self._forget(self._by_id[recording_id])
        return Recording(
            recording_id,
            owner,
            circumstances.level,
            circumstances.began_ms,
            self._limits.recording_bytes,
            self._ledger.account(owner),
            None if self._writer is None else self._writer.write,
        )

    @property
    def flight_bytes(self) -> int:
        """The bytes that are kept of an execution which nobody records; 0 for none."""
        return self._limits.flight_recorder_bytes

    def take_off(self, execution_id: str, owner: str, circumstances: Circumstances) -> Recording:
        """Return a recording that is kept only where its execution fails (:meth:`land`)."""
        return Recording(
            execution_id,
            owner,
            circumstances.level,
            circumstances.began_ms,
            self._limits.flight_recorder_bytes,
            self._ledger.account(owner),
        )

    def fly(self, recorder: Recorder, recording: Recording, detach: Callable[[], None]) -> None:
        """Let the latest of a recorder's chunks be kept in memory."""
        self._flights.begin(recorder, recording, detach, self.now_ms)

    def land(self, execution_id: str) -> None:
        """Keep what was noted of an execution that has failed, though nobody had asked for it."""
        recording = self._flights.land(execution_id)
        if recording is None:
            return
        if execution_id in self._by_id:
            self._forget(self._by_id[execution_id])
        self._by_id[recording.id] = recording
        recording.note_figures = partial(self._keep_head, recording)
        if self._writer is not None:
            recording.goes_to(self._writer.write)
        self._keep_head(recording)
        self._enforce(recording.owner)
        self._wake()

    def end(self, recording_id: str, why: Why) -> None:
        """Note nothing more, where something is noted."""
        self._flights.end(recording_id)
        recording = self._by_id.get(recording_id)
        if recording is not None and recording.is_open:
            recording.seal()
            recording.stop(why)
            self._enforce(recording.owner)

    async def take_in(self, head: Head, chunks: Sequence[bytes], owner: str) -> RecordingSummary:
        """Keep a recording that came from elsewhere; its chunks are read, so that nothing damaged is kept.

        Raises:
            RecordingError: it is damaged.
            MemoryBoundError: there is no memory for it.
        """
        circumstances = Circumstances(
            level=head.level, began_ms=head.began_ms, is_from_start=head.is_from_start, seed=head.seed
        )
        recording = self.open(str(uuid4()), owner, circumstances)
        recording.has_head(head)
        account_bytes = sum([len(chunk) for chunk in chunks])
        self._ledger.require(owner, account_bytes)
        self._by_id[recording.id] = recording
        try:
            await self._fill(recording, head, chunks)
        except BaseException:
            self._forget(recording)
            raise
        recording.end("ended", self.now_ms())
        self._keep_head(recording)
        self._enforce(owner)
        return recording.summary()

    async def _fill(self, recording: Recording, head: Head, chunks: Sequence[bytes]) -> None:
        reader, figures, breaks = Reader(head.shape, is_foreign=True), recording.figures, Breaks()
        figures.has_holes = not head.is_whole
        before = 0
        for body in chunks:
            first = last = moment = 0
            for record in reader.read(body):
                first, last = first or record.number, max(last, record.number)
                if isinstance(record, Checkpointed):
                    moment = record.sequence
                if isinstance(record, Lost):
                    figures.lost = record.count
                    figures.has_holes = True
                await breaks.offer()
            last = max(last, before + 1)  # there may be nothing but values, for what comes behind them
            await self._wait_for_room()
            begins = not figures.segments
            recording.keep(Chunk(first or last, last, body, begins_segment=begins, moment=moment))
            if figures.last != last:
                raise RecordingError(f"a recording has at most {self._limits.recording_bytes:,} bytes here")
            before = last
            await trio.lowlevel.checkpoint()
        figures.is_complete = not figures.has_holes

    async def _wait_for_room(self) -> None:
        """Wait while the disk has too much to write already."""
        while self._writer is not None and not self._writer.has_room:
            await self._has_written.wait()

    # Reading

    def recording(self, recording_id: str, owner: str | None = None) -> Recording:
        """Return one recording.

        Raises:
            RecordingNotFoundError: there is none with this id, or it is somebody else's.
        """
        recording = self._by_id.get(recording_id)
        if recording is None or owner not in (None, recording.owner):
            raise RecordingNotFoundError(recording_id)
        return recording

    def of(self, owner: str | None) -> list[Recording]:
        """Return all recordings, or those of one owner, in the order in which they began."""
        return [each for each in self._by_id.values() if owner in (None, each.owner)]

    async def chunks(self, recording: Recording, first: int = 0) -> AsyncGenerator[bytes]:
        """Yield the chunks of a recording from the one on that has a record; what has been noted just now, too.

        Raises:
            StoreError: they cannot be read.
        """
        recording.seal()
        waiting = list(recording.chunks)  # before the store is read: they may be there by then, and nowhere else
        after = 0
        if self._store is not None:
            async with aclosing(self._store.read_entries(stream_of(recording), first)) as entries:
                async for entry in entries:
                    after = entry.number
                    yield entry.body
        for chunk in waiting:
            if chunk.last > after and chunk.last >= first:
                yield chunk.body

    # Letting go

    def remove(self, recording_id: str, owner: str | None = None) -> None:
        """Let go of a recording; one that is still being made is made no more.

        Raises:
            RecordingNotFoundError: there is none with this id, or it is somebody else's.
        """
        self._forget(self.recording(recording_id, owner))

    def _forget(self, recording: Recording) -> None:
        recording.stop("stopped")
        recording.is_forgotten = True
        del self._by_id[recording.id]
        recording.empty()
        if self._writer is not None:
            self._writer.forget(recording)

    def _enforce(self, owner: str) -> None:
        """Let go of an owner's recordings that are too old, and of the oldest that are too many or too large."""
        oldest_ms = self.now_ms() - self._limits.recording_days * DAY_MS
        own = [each for each in self._by_id.values() if each.owner == owner and not each.is_open]
        if self._limits.recording_days > 0:
            for each in own:
                if each.figures.ended_ms <= oldest_ms:
                    self._forget(each)
            own = [each for each in own if not each.is_forgotten]
        size = sum([each.figures.size_bytes for each in own])
        for count, each in zip(range(len(own), 0, -1), own, strict=True):
            is_too_large = count > 1 and size > self._limits.owner_recording_bytes  # the newest one stays
            if count <= self._limits.recordings and not is_too_large:
                break
            size -= each.figures.size_bytes
            self._forget(each)

    def _sweep(self) -> float:
        """Let go of what is too old; return after how many seconds something else will be."""
        days = self._limits.recording_days
        if not days:
            return math.inf
        oldest_ms = self.now_ms() - days * DAY_MS
        ended = [each for each in self._by_id.values() if not each.is_open]
        for owner in {each.owner for each in ended if each.figures.ended_ms <= oldest_ms}:
            self._enforce(owner)
        following = min([each.figures.ended_ms for each in ended if not each.is_forgotten], default=math.inf)
        return max(0.001, min((following - oldest_ms) / 1000, SWEEP_SECONDS))

    # The store

    def _keep_head(self, recording: Recording) -> None:
        if self._writer is not None:
            self._writer.keep_head(recording)

    def _wake(self) -> None:
        self._has_come.set()

    async def run(self) -> None:
        """Write what is to be kept, and let go of what is too old, for ever."""
        due = trio.current_time()  # when all is sealed that has been noted
        while True:
            seconds = self._sweep()
            if self._writer is not None:
                if self._recorders:
                    seconds = min(seconds, max(0.0, due - trio.current_time()))
                seconds = min(seconds, self._writer.retry_seconds or math.inf)
            with trio.move_on_after(seconds):
                await self._has_come.wait()
            self._has_come = trio.Event()
            if self._writer is not None:
                if trio.current_time() >= due:
                    due = trio.current_time() + SEAL_SECONDS
                    for recorder in list(self._recorders.values()):
                        recorder.seal()
                await self._write_waiting(self._writer)

    async def _write_waiting(self, writer: RecordingWriter) -> None:
        await writer.write_waiting()
        self._has_written.set()
        self._has_written = trio.Event()

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Write at the end of the block what still waits, as far as there is time for it."""
        try:
            yield
        finally:
            with trio.move_on_after(FLUSH_SECONDS, shield=True):
                if self._writer is not None:
                    await self._write_waiting(self._writer)

    async def restore(self) -> int:
        """Take in what an earlier process has left; return how many there are.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._store is None or self._writer is None:
            return 0
        found: list[Recording] = []
        sizes = {size.stream: size async for size in self._store.read_streams(KIND)}
        async for record in self._store.read_all(KIND):
            recording = self._restored(record)
            size = sizes.pop(stream_of(recording), None)
            figures = recording.figures
            if size is not None:
                figures.first, figures.last, figures.size_bytes = figures.first or 1, size.last, size.size_bytes
            if not figures.why_ended:
                recording.end("cut off", self.now_ms())
                self._keep_head(recording)
            found.append(recording)
        for recording in sorted(found, key=lambda each: each.began_ms):  # the oldest goes first
            self._by_id[recording.id] = recording
        for stream in sizes:
            self._writer.drop(stream)
        for owner in {each.owner for each in self._by_id.values()}:
            self._enforce(owner)
        return len(self._by_id)

    def _restored(self, record: Record) -> Recording:
        kept = head_kept_in(record)
        recording = Recording(
            record.key,
            record.owner,
            kept.level,
            kept.began_ms,
            self._limits.recording_bytes,
            self._ledger.account(record.owner),
            None if self._writer is None else self._writer.write,
        )
        recording.figures = kept.figures
        store = self._store

        async def read() -> Head:
            found = None if store is None else await store.read(KIND, record.owner, record.key)
            if found is None:
                raise RecordingNotFoundError(record.key)
            return decode_head(bytes(head_kept_in(found).head))

        recording.reads_head(read, kept.names)
        return recording
