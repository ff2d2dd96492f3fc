"""The way of recordings into a store: chunks as they come, many together, their records, and what is to go.

An execution never waits for the disk: what that is too slow for, or refuses, is lost and counted. The record of a
recording and what is to go are small, and a later attempt writes them.
"""

from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from engine.errors import RecordingNotFoundError
from engine.journal.head import encode_head
from engine.journal.recorder import Chunk
from engine.journal.recording import Figures, Names, Recording
from engine.journal.shape import RecordingError
from engine.wall_clock import WallClock
from proto.codec import MalformedJsonError, decode_as, encode
from proto.graph import Recording as Level
from store.errors import StoreCorruptError, StoreError
from store.protocol import Append, Change, Drop, Entry, Record, Removal, Store, Stream, Trim

KIND = "recording"

WAITING_BYTES = 16 * 1024 * 1024
"""Bytes of chunks that wait to be written; what comes then is lost."""

WRITTEN_TOGETHER = 64
"""Chunks in one write."""

FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 5.0, 300.0
"""The time after which what the store has refused is tried again: at first, and at last."""


class KeptHead(msgspec.Struct, frozen=True, rename="camel"):
    """The record of a recording in the store."""

    level: Level
    began_ms: int
    figures: Figures
    names: Names
    head: msgspec.Raw


class RecordingWriter:
    """The way of recordings into a store.

    Args:
        store: where they are kept.
        clock: the time of day.
        complain: called with each failure of the store.
        wake: called when there is something to write.

    Attributes:
        retry_seconds: when what was refused is to be tried again; 0 where nothing was.
    """

    def __init__(
        self, store: Store, clock: WallClock, complain: Callable[[StoreError], None], wake: Callable[[], None]
    ) -> None:
        self._store = store
        self._clock = clock
        self._complain = complain
        self._wake = wake
        self._waiting: deque[tuple[Recording, Chunk]] = deque()
        self._waiting_bytes = 0
        self._stale: dict[str, Recording] = {}  # those whose record is to be written anew
        self._changes: list[Change] = []  # what is to go
        self.retry_seconds = 0.0

    @property
    def has_room(self) -> bool:
        """True while one more chunk may wait."""
        return self._waiting_bytes <= WAITING_BYTES

    def write(self, recording: Recording, chunk: Chunk) -> bool:
        """Let a chunk go to the store; return False where too much waits for it already."""
        if not self.has_room:
            return False
        self._waiting.append((recording, chunk))
        self._waiting_bytes += len(chunk.body)
        self._wake()
        return True

    def keep_head(self, recording: Recording) -> None:
        """Write the record of a recording anew."""
        if not recording.is_forgotten:
            self._stale[recording.id] = recording
            self._wake()

    def forget(self, recording: Recording) -> None:
        """Let a recording go from the store."""
        self._stale.pop(recording.id, None)
        self.drop(stream_of(recording), Removal(KIND, recording.owner, recording.id))

    def drop(self, stream: Stream, *changes: Change) -> None:
        """Let a stream go from the store, and make other changes with that."""
        self._changes += [*changes, Drop(stream)]
        self._wake()

    async def write_waiting(self) -> None:
        """Write what waits, as far as the store takes it."""
        self.retry_seconds, before = 0.0, self.retry_seconds
        while self._waiting or self._stale or self._changes:
            is_done = await self._write_removals()
            stale, self._stale = self._stale, {}
            chunks = [self._waiting.popleft() for _ in range(min(len(self._waiting), WRITTEN_TOGETHER))]
            self._waiting_bytes -= sum([len(chunk.body) for _, chunk in chunks])
            try:
                refused = await self._write_together(list(stale.values()), chunks)
            except BaseException:  # cancelled before they were handed over: whoever comes next writes them
                self._stale = {**stale, **self._stale}
                self._waiting.extendleft(reversed(chunks))
                self._waiting_bytes += sum([len(chunk.body) for _, chunk in chunks])
                raise
            self._stale = {**refused, **self._stale}
            if (refused or not is_done) and not self._waiting:
                self.retry_seconds = min(max(2 * before, FIRST_RETRY_SECONDS), LAST_RETRY_SECONDS)
                return  # whoever comes next tries again

    async def _write_removals(self) -> bool:
        """Write what was let go of, by itself; keep it for the next time, and return False, where that fails."""
        changes, self._changes = self._changes, []
        if not changes:
            return True
        try:
            await self._store.write(changes)
        except BaseException as error:
            self._changes = changes + self._changes
            if not isinstance(error, StoreError):
                raise
            self._complain(error)
            return False
        return True

    async def _write_together(
        self, stale: Sequence[Recording], chunks: Sequence[tuple[Recording, Chunk]]
    ) -> dict[str, Recording]:
        """Write the records of recordings, and chunks; return those whose record was refused.

        What is refused together is tried again one by one, so that one of them costs no other its place.
        """
        heads, refused = await self._records_of(stale)
        own = [(each, chunk) for each, chunk in chunks if not each.is_forgotten]
        wanted = []
        for recording, chunk in own:
            if recording.wants(chunk):
                wanted.append((recording, chunk))
            else:
                recording.lose(chunk)
        if await self._try([each for _, each in heads], wanted):
            return refused
        for recording, head in heads:
            if not await self._try([head], []):
                refused[recording.id] = recording
        for recording in {each.id: each for each, _ in wanted}.values():
            for each, chunk in wanted:
                if each is recording and not (
                    recording.wants(chunk) and await self._try([], [(recording, chunk)])
                ):
                    recording.lose(chunk)
        return refused

    async def _try(self, heads: Sequence[Record], chunks: Sequence[tuple[Recording, Chunk]]) -> bool:
        """Write, and say so to the recordings; return whether the store has taken it."""
        now_ms = int(self._clock.milliseconds())
        made: list[Change] = [
            *heads,
            *[Append(stream_of(each), [Entry(chunk.last, chunk.body, now_ms)]) for each, chunk in chunks],
            *[
                Trim(stream_of(recording), first=recording.figures.first)
                for recording in {each.id: each for each, _ in chunks}.values()
                if recording.figures.is_trimmed
            ],
        ]
        if not made:
            return True
        try:
            await self._store.write(made)
        except StoreError as error:
            self._complain(error)
            return False
        for recording, chunk in chunks:
            recording.written(chunk.last)
        return True

    async def _records_of(
        self, recordings: Sequence[Recording]
    ) -> tuple[list[tuple[Recording, Record]], dict[str, Recording]]:
        """Make the records of recordings; return those, and the recordings whose head cannot be read now."""
        made, refused = [], {}
        for recording in recordings:
            try:
                made.append((recording, await _record_of(recording)))
            except (RecordingNotFoundError, RecordingError, StoreCorruptError):
                continue  # what it was of is not there any more
            except StoreError as error:
                self._complain(error)
                refused[recording.id] = recording
        return [(each, record) for each, record in made if not each.is_forgotten], refused


async def _record_of(recording: Recording) -> Record:
    head = msgspec.Raw(encode_head(await recording.head()))
    kept = KeptHead(recording.level, recording.began_ms, recording.figures, recording.names, head)
    return Record(KIND, recording.owner, recording.id, encode(kept))


def head_kept_in(record: Record) -> KeptHead:
    """Return what is in the record of a recording.

    Raises:
        StoreCorruptError: it cannot be read.
    """
    try:
        return decode_as(record.body, KeptHead, 2**60)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        raise StoreCorruptError(f"The recording {record.key} in the store cannot be read: {error}") from error


def stream_of(recording: Recording) -> Stream:
    """Return the stream of a recording's chunks."""
    return Stream(KIND, recording.owner, recording.id)
