"""The recordings of all executions: begun, ended, kept by owner within bounds, read, and let go of.

Without a store they are in memory and end with the process. With one, a single task writes chunks as they come,
many together; what the disk is too slow for is lost, and counted: an execution never waits for it.
"""

import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from uuid import uuid4

import msgspec
import trio

from engine.errors import RecordingNotFoundError
from engine.journal.head import Circumstances, Head, decode_head, encode_head
from engine.journal.recorder import Chunk, Recorder
from engine.journal.recording import Figures, Names, Recording, Why
from engine.journal.records import Reader, RecordingError
from engine.limits import EngineLimits
from engine.memory.ledger import Ledger
from engine.wall_clock import WallClock
from proto.codec import MalformedJsonError, decode_as, encode
from proto.graph import Recording as Level
from proto.recording import RecordingSummary
from store.errors import StoreCorruptError, StoreError
from store.protocol import Append, Change, Drop, Entry, Record, Removal, Store, Stream, Trim

KIND = "recording"

WAITING_BYTES = 16 * 1024 * 1024
"""Bytes of chunks that wait to be written; what comes then is lost."""

WRITTEN_TOGETHER = 64
"""Chunks in one write."""

SEAL_SECONDS = 0.5
"""The time after which what has been noted goes to the store, full or not."""

FLUSH_SECONDS = 5.0
"""The time at the end of a runtime for what still waits to be written."""

DAY_MS = 86_400_000


class KeptHead(msgspec.Struct, frozen=True, rename="camel"):
    """The record of a recording in the store."""

    level: Level
    began_ms: int
    figures: Figures
    names: Names
    head: msgspec.Raw


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
        self._complain = complain
        self._by_id: dict[str, Recording] = {}
        self._waiting: deque[tuple[Recording, Chunk]] = deque()
        self._waiting_bytes = 0
        self._stale: dict[str, Recording] = {}  # those whose record is to be written anew
        self._changes: list[Change] = []  # what is to go
        self._has_come = trio.Event()
        self._recorders: dict[str, Recorder] = {}

    def charge(self, ledger: Ledger) -> None:
        """Charge what is in memory from now on."""
        self._ledger = ledger

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

        recording.stop = stop
        self._keep_head(recording)
        self._enforce(recording.owner)

    def open(self, recording_id: str, owner: str, circumstances: Circumstances) -> Recording:
        """Return a new recording, in place of an earlier one; nothing is noted yet."""
        if recording_id in self._by_id:
            self._forget(self._by_id[recording_id])
        return Recording(
            recording_id,
            owner,
            circumstances.level,
            circumstances.began_ms,
            self._limits.recording_bytes,
            self._ledger.account(owner),
            self._write if self._store is not None else None,
        )

    def end(self, recording_id: str, why: Why) -> None:
        """Note nothing more, where something is noted."""
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
        reader = Reader(head.shape)
        for body in chunks:
            first = last = 0
            for record in reader.read(body):
                first, last = first or record.number, record.number
            if last:
                recording.keep(Chunk(first, last, body, begins_segment=not recording.figures.segments))
            await trio.lowlevel.checkpoint()
        if not recording.figures.is_complete:
            raise RecordingError(f"a recording has at most {self._limits.recording_bytes:,} bytes here")

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
            async with aclosing(self._store.read_entries(_stream_of(recording), first)) as entries:
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
        self._stale.pop(recording.id, None)
        del self._by_id[recording.id]
        recording.empty()
        if self._store is not None:
            self._changes += [Removal(KIND, recording.owner, recording.id), Drop(_stream_of(recording))]
            self._has_come.set()

    def _enforce(self, owner: str) -> None:
        """Let go of an owner's oldest recordings that are too many, too large together, or too old."""
        own = [each for each in self._by_id.values() if each.owner == owner and not each.is_open]
        size = sum([each.figures.size_bytes for each in own])
        oldest_ms = self.now_ms() - self._limits.recording_days * DAY_MS
        count = len(own)
        for each in own[:-1]:  # the newest one stays, however large
            is_old = self._limits.recording_days > 0 and each.figures.ended_ms < oldest_ms
            if count <= self._limits.recordings and size <= self._limits.owner_recording_bytes and not is_old:
                break
            count -= 1
            size -= each.figures.size_bytes
            self._forget(each)

    # The store

    def _write(self, recording: Recording, chunk: Chunk) -> bool:
        """Let a chunk go to the store; return False where too much waits for it already."""
        if self._waiting_bytes > WAITING_BYTES:
            return False
        self._waiting.append((recording, chunk))
        self._waiting_bytes += len(chunk.body)
        self._has_come.set()
        return True

    def _keep_head(self, recording: Recording) -> None:
        if self._store is not None:
            self._stale[recording.id] = recording
            self._has_come.set()

    async def run(self) -> None:
        """Write what is to be kept, for ever."""
        while True:
            with trio.move_on_after(SEAL_SECONDS if self._store is not None and self._recorders else math.inf):
                await self._has_come.wait()
            self._has_come = trio.Event()
            for recorder in self._recorders.values():
                recorder.seal()
            await self._write_waiting()

    @asynccontextmanager
    async def flushing(self) -> AsyncIterator[None]:
        """Write at the end of the block what still waits, as far as there is time for it."""
        try:
            yield
        finally:
            with trio.move_on_after(FLUSH_SECONDS, shield=True):
                await self._write_waiting()

    async def _write_waiting(self) -> None:
        while self._store is not None and (self._waiting or self._stale or self._changes):
            if not await self._write_removals(self._store) and not (self._waiting or self._stale):
                return  # whoever comes next tries again
            stale, self._stale = self._stale, {}
            chunks = [self._waiting.popleft() for _ in range(min(len(self._waiting), WRITTEN_TOGETHER))]
            self._waiting_bytes -= sum([len(chunk.body) for _, chunk in chunks])
            try:
                written = await self._write_together(self._store, stale.values(), chunks)
            except BaseException:  # cancelled before they were handed over: whoever comes next writes them
                self._stale = {**stale, **self._stale}
                self._waiting.extendleft(reversed(chunks))
                self._waiting_bytes += sum([len(chunk.body) for _, chunk in chunks])
                raise
            for recording, chunk in chunks:
                if written:
                    recording.written(chunk.last)
                else:
                    recording.lose(chunk)

    async def _write_removals(self, store: Store) -> bool:
        """Write what was let go of, by itself; keep it for the next time, and return False, where that fails."""
        changes, self._changes = self._changes, []
        if not changes:
            return True
        try:
            await store.write(changes)
        except BaseException as error:
            self._changes = changes + self._changes
            if not isinstance(error, StoreError):
                raise
            self._complain(error)
            return False
        return True

    async def _write_together(
        self,
        store: Store,
        stale: Iterable[Recording],
        chunks: Sequence[tuple[Recording, Chunk]],
    ) -> bool:
        """Write the records of recordings, and chunks; return whether that was possible."""
        now_ms = self.now_ms()
        made: list[Change] = [await self._record_of(each) for each in stale if self._by_id.get(each.id) is each]
        own = [(each, chunk) for each, chunk in chunks if self._by_id.get(each.id) is each]
        for recording, chunk in own:
            made.append(Append(_stream_of(recording), [Entry(chunk.last, chunk.body, now_ms)]))
        made += [
            Trim(_stream_of(recording), first=recording.figures.first)
            for recording in {each.id: each for each, _ in own}.values()
            if recording.is_trimmed
        ]
        try:
            await store.write(made)
        except StoreError as error:
            self._complain(error)
            return False
        return True

    async def _record_of(self, recording: Recording) -> Record:
        head = msgspec.Raw(encode_head(await recording.head()))
        kept = KeptHead(recording.level, recording.began_ms, recording.figures, recording.names, head)
        return Record(KIND, recording.owner, recording.id, encode(kept))

    async def restore(self) -> int:
        """Take in what an earlier process has left; return how many there are.

        Raises:
            StoreError: the store cannot be read.
        """
        if self._store is None:
            return 0
        sizes = {size.stream: size async for size in self._store.read_streams(KIND)}
        async for record in self._store.read_all(KIND):
            recording = self._restored(record)
            size = sizes.pop(_stream_of(recording), None)
            figures = recording.figures
            if size is not None:
                figures.first, figures.last, figures.size_bytes = figures.first or 1, size.last, size.size_bytes
            if not figures.why_ended:
                recording.end("cut off", self.now_ms())
                self._keep_head(recording)
            self._by_id[recording.id] = recording
        self._changes += [Drop(stream) for stream in sizes]
        for owner in {each.owner for each in self._by_id.values()}:
            self._enforce(owner)
        return len(self._by_id)

    def _restored(self, record: Record) -> Recording:
        kept = _kept_in(record)
        recording = Recording(
            record.key,
            record.owner,
            kept.level,
            kept.began_ms,
            self._limits.recording_bytes,
            self._ledger.account(record.owner),
            self._write,
        )
        recording.figures = kept.figures
        store = self._store

        async def read() -> Head:
            found = None if store is None else await store.read(KIND, record.owner, record.key)
            if found is None:
                raise RecordingNotFoundError(record.key)
            return decode_head(bytes(_kept_in(found).head))

        recording.reads_head(read, kept.names)
        return recording


def _kept_in(record: Record) -> KeptHead:
    try:
        return decode_as(record.body, KeptHead, 2**60)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        raise StoreCorruptError(f"The recording {record.key} in the store cannot be read: {error}") from error


def _stream_of(recording: Recording) -> Stream:
    return Stream(KIND, recording.owner, recording.id)
