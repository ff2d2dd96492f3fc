"""All that was noted of one execution: chunks in memory, and those that are in the store already.

At the level ``inputs`` a recording without its beginning is worth nothing, and neither is one with a hole: it ends
where it would become too large, and where something of it is lost. At ``full`` the latest is what one wants to
look at, so its oldest segments go, and it goes on behind a hole; it can be read then, but not run again.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import in_slices
from engine.journal.head import Circumstances, Head, head_of
from engine.journal.recorder import Chunk
from engine.memory.ledger import Account
from proto.graph import Recording as Level
from proto.recording import RecordingSummary

Why = Literal["", "ended", "stopped", "too large", "no memory", "cut off", "lost", "failed"]
"""The reason why nothing more is noted; empty while something is."""

CHUNK_OVERHEAD_BYTES = 200
"""Bytes of memory of a chunk beside its body."""


class Figures(msgspec.Struct, rename="camel"):
    """The figures of a recording.

    Attributes:
        first: the number of its first record; 0 where there is none.
        last: that of its last one.
        size_bytes: of all that is kept of it.
        lost: records that could not be kept.
        is_complete: whether nothing is lacking from where it began.
        why_ended: why nothing more is noted.
        ended_ms: when that was, in milliseconds since 1970; 0 before.
        segments: the number of the first record of each part that can be read by itself, and its bytes.
        is_trimmed: whether its oldest part has gone.
        has_holes: whether something is lacking in the midst of it.
        moments: of each checkpoint, its own number, and the one up to which everything is in it.
    """

    first: int = 0
    last: int = 0
    size_bytes: int = 0
    lost: int = 0
    is_complete: bool = True
    why_ended: Why = ""
    ended_ms: int = 0
    segments: list[tuple[int, int]] = []
    is_trimmed: bool = False
    has_holes: bool = False
    moments: list[tuple[int, int]] = []


class Names(msgspec.Struct, frozen=True, rename="camel"):
    """The names of what was recorded; each field is as in :class:`proto.recording.RecordingSummary`."""

    execution_id: str
    graph_id: str
    graph_name: str
    graph_version: int


class Recording:
    """The recording of one execution, or one that came from elsewhere.

    Args:
        recording_id: unique among all of them.
        owner: whose it is.
        level: what is noted.
        began_ms: when it began, in milliseconds since 1970.
        limit_bytes: what is kept of it.
        account: charged with what is in memory.
        write: takes what is to go into the store, or says that too much waits; None where there is none.

    Attributes:
        figures: what is counted of it.
        chunks: those in memory that are not in the store.
        names: of what was recorded.
        is_forgotten: whether nothing of it is kept any more.
    """

    def __init__(
        self,
        recording_id: str,
        owner: str,
        level: Level,
        began_ms: int,
        limit_bytes: int,
        account: Account | None = None,
        write: "Callable[[Recording, Chunk], bool] | None" = None,
    ) -> None:
        self.id = recording_id
        self.owner = owner
        self.level = level
        self.began_ms = began_ms
        self.figures = Figures()
        self.chunks: deque[Chunk] = deque()
        self._limit_bytes = limit_bytes
        self._account = account
        self._write = write
        self._head: Callable[[], Awaitable[Head]]  # set by whoever makes it, as are the names
        self.names = Names("", "", "", 0)
        self.is_forgotten = False
        self._is_broken = False  # whether what comes next may need what was lost
        self.stop: Callable[[Why], None] = lambda _: None  # set by whoever records
        self.seal: Callable[[], None] = lambda: None
        self.note_lost: Callable[[int], int] = lambda _: 0
        self.note_figures: Callable[[], None] = lambda: None  # its record in the store says something old

    # Its head

    def speaks_of(self, execution_id: str, graph: LoadedGraph, circumstances: Circumstances) -> None:
        """Let its head be made of these when it is asked for."""

        async def make() -> Head:
            head = await in_slices(head_of(execution_id, graph, circumstances))
            self.has_head(head)
            return head

        self._head = make
        self.names = Names(execution_id, graph.id, graph.definition.name, graph.number)

    def has_head(self, head: Head) -> None:
        """Let this be its head."""

        async def give() -> Head:
            return head

        self._head = give
        self.names = Names(head.execution_id, head.graph_id, head.name, head.graph_version)

    def reads_head(self, read: Callable[[], Awaitable[Head]], names: Names) -> None:
        """Let its head be read each time it is asked for."""
        self._head, self.names = read, names

    async def head(self) -> Head:
        """Return what was recorded; it says so if that is lacking its beginning, or has holes."""
        head, figures = await self._head(), self.figures
        return msgspec.structs.replace(
            head,
            is_from_start=head.is_from_start and not figures.is_trimmed,
            is_whole=head.is_whole and not (figures.is_trimmed or figures.has_holes),
        )

    # Its chunks

    @property
    def is_open(self) -> bool:
        """True while something more may be noted."""
        return not self.figures.why_ended

    def keep(self, chunk: Chunk) -> None:
        """Keep a chunk; end where there is no room for it."""
        if not self.is_open:
            return
        figures, size = self.figures, len(chunk.body)
        if not self._has_room(chunk):
            self._miss(chunk)
            return
        segments = figures.segments
        if chunk.begins_segment or not segments:
            segments.append((chunk.first, 0))
        segments[-1] = (segments[-1][0], segments[-1][1] + size)
        figures.size_bytes += size
        figures.first = figures.first or chunk.first
        figures.last = chunk.last
        if chunk.moment:
            figures.moments.append((chunk.last, chunk.moment))
        self.chunks.append(chunk)

    def _has_room(self, chunk: Chunk) -> bool:
        """Return whether a chunk has found its place."""
        size = len(chunk.body)
        while self.figures.size_bytes + size > self._limit_bytes:
            if self.level == "inputs" or len(self.figures.segments) <= 1:
                self.stop("too large")
                return False
            self._drop_segment()
        while self._account is not None and not self._account.try_charge(
            size + CHUNK_OVERHEAD_BYTES, "recordings"
        ):
            if self.level == "inputs" or self._write is not None or len(self.figures.segments) <= 1:
                self.stop("no memory")
                return False
            self._drop_segment()
        if self._write is None or self._write(self, chunk):
            return True
        self._let_go(chunk)
        return False

    def _drop_segment(self) -> None:
        """Let go of the oldest segment."""
        _, size = self.figures.segments.pop(0)
        first = self.figures.segments[0][0]
        self.figures.size_bytes -= size
        self.figures.first = first
        self.figures.moments = [each for each in self.figures.moments if each[1] >= first]
        self.figures.is_complete = False
        self.figures.is_trimmed = True
        self.note_figures()
        while self.chunks and self.chunks[0].first < first:
            self._let_go(self.chunks.popleft())

    def _let_go(self, chunk: Chunk) -> None:
        if self._account is not None:
            self._account.release(len(chunk.body) + CHUNK_OVERHEAD_BYTES, "recordings")

    def segment_of(self, number: int) -> int:
        """Return the number of a record from which on a record can be read: the first one of its segment."""
        return max([first for first, _ in self.figures.segments if first <= number], default=0)

    def wants(self, chunk: Chunk) -> bool:
        """Return whether a chunk that waits is wanted still: behind a hole only what can be read by itself is."""
        if self._is_broken and chunk.begins_segment and self.level != "inputs":
            self._is_broken = False
        return not self._is_broken

    def moment_before(self, at: int) -> tuple[int, int] | None:
        """Return the last checkpoint whose moment is at or before a record: its number, and that of its moment."""
        return max([each for each in self.figures.moments if each[1] <= at + 1], default=None)

    def lose(self, chunk: Chunk) -> None:
        """Let go of a chunk that could not be written."""
        self._is_broken = True
        if chunk in self.chunks:
            self.chunks.remove(chunk)
            self._let_go(chunk)
        self.figures.size_bytes -= len(chunk.body)
        self._miss(chunk)

    def _miss(self, chunk: Chunk) -> None:
        """Count a chunk as lost; end there, or go on and say so in the next one."""
        figures = self.figures
        figures.lost += chunk.last - chunk.first + 1
        figures.is_complete = False
        if self.level == "inputs":
            self.stop("lost")
        elif self.is_open:
            figures.has_holes = True
            figures.lost += self.note_lost(figures.lost)
        self.note_figures()

    def written(self, last: int) -> None:
        """Let go of chunks that are in the store: all up to the one whose last record has this number."""
        while self.chunks and self.chunks[0].last <= last:
            self._let_go(self.chunks.popleft())

    def goes_to(self, write: "Callable[[Recording, Chunk], bool]") -> None:
        """Let what is in memory go to the store."""
        for chunk in list(self.chunks):
            if not write(self, chunk):
                self.lose(chunk)

    def end(self, why: Why, now_ms: int) -> None:
        """Note nothing more."""
        if self.is_open:
            self.figures.why_ended = why
            self.figures.ended_ms = now_ms
        self.stop = lambda _: None
        self.seal = lambda: None
        self.note_lost = lambda _: 0

    def empty(self) -> None:
        """Let go of all that is in memory."""
        for chunk in self.chunks:
            self._let_go(chunk)
        self.chunks.clear()

    def summary(self) -> RecordingSummary:
        """Return what a list says of it."""
        names, figures = self.names, self.figures
        return RecordingSummary(
            id=self.id,
            execution_id=names.execution_id,
            graph_id=names.graph_id,
            graph_name=names.graph_name,
            graph_version=names.graph_version,
            level=self.level,
            state=figures.why_ended or "recording",
            first=figures.first,
            last=figures.last,
            size_bytes=figures.size_bytes,
            lost=figures.lost,
            is_complete=figures.is_complete,
            began_ms=self.began_ms,
            ended_ms=figures.ended_ms,
        )
