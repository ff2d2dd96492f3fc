"""The feed of subscribers with the same wishes: chunks of encoded events, and each reader's place among them.

A feed is a log with a bounded memory. Each event is appended once, however many read it; a reader is the place
of the next chunk. What lies before the slowest reader is let go. Where a feed keeps more than it may, its oldest
chunks of flow are emptied: what is left of them is their count, which those who come by add to what they missed.
Lifecycle events are kept.
"""

from collections.abc import Hashable, Sequence
from typing import Any

from engine.memory.ledger import Account
from service.live.encoding import Encoded
from service.live.limits import FEED_BYTES, FEED_EVENTS, FEED_LIFECYCLE_EVENTS

OTHERS_SHARE = 8
"""The part of an owner's memory, one of so many, that feeds leave free for what would be refused without it."""

BASE_BYTES = 4 * 1024 * 1024
"""Bytes that the feeds of one execution keep all the same: an owner without memory still sees what it is used
for."""


def is_short(account: Account | None, size_bytes: int = 0) -> bool:
    """Return whether an owner has too little memory left for so much more of what they are shown."""
    if account is None or account.held("feeds") + size_bytes <= BASE_BYTES:
        return False
    ledger = account.ledger
    return ledger.refusal(account.owner, size_bytes + ledger.owner_bytes // OTHERS_SHARE) is not None


class FeedMemory:
    """The memory of all feeds together.

    Where it is too much, those that keep most give up, whoever it is that adds: a client that reads nothing of
    many executions must not cost those their events who read.

    Attributes:
        limit_bytes: that they may keep.
        used_bytes: that they keep now.
        feeds: those that keep anything.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self.feeds: set[Feed] = set()

    def has_room(self, account: Account | None, size_bytes: int) -> bool:
        """Return whether so much more may be kept, at somebody's expense."""
        return self.used_bytes + size_bytes <= self.limit_bytes and not is_short(account, size_bytes)

    def hold(self, account: Account | None, size_bytes: int) -> None:
        """Keep so much more, at somebody's expense."""
        self.used_bytes += size_bytes
        if account is not None:
            account.note(size_bytes, "feeds")

    def release(self, account: Account | None, size_bytes: int) -> None:
        """Keep so much less."""
        self.used_bytes -= size_bytes
        if account is not None:
            account.release(size_bytes, "feeds")

    def make_room(self) -> None:
        """Let the largest feeds give up until there is room for a while, for it takes a look at all of them."""
        if self.used_bytes <= self.limit_bytes:
            return
        enough = self.limit_bytes * 7 // 8
        while self.used_bytes > enough and self.feeds:
            for feed in sorted(self.feeds, key=lambda each: each.size_bytes, reverse=True):
                feed.give_up_half()
                if self.used_bytes <= enough:
                    break


class Chunk:
    """Events that go together, in the forms in which transports send them, each made once.

    Attributes:
        events: in order; empty where they were given up.
        size: bytes of their payloads.
        form_bytes: of the forms that were made of them.
        is_lifecycle: whether they are never given up.
        lost: events that stood here, or came here, and were given up.
        is_last: whether nothing follows, because the execution has ended.
    """

    __slots__ = ("events", "form_bytes", "forms", "is_last", "is_lifecycle", "lost", "size")

    def __init__(self, events: Sequence[Encoded], *, is_lifecycle: bool = False, is_last: bool = False) -> None:
        self.events = events
        self.size = sum(len(payload) for _, payload in events)
        self.is_lifecycle = is_lifecycle
        self.is_last = is_last
        self.lost = 0
        self.form_bytes = 0
        self.forms: dict[Hashable, Any] = {}

    def give_up(self) -> None:
        """Keep only how many events there were."""
        self.lost += len(self.events)
        self.events = ()
        self.size = self.form_bytes = 0
        self.forms.clear()


class Reader:
    """One subscriber's place in a feed.

    Attributes:
        place: of the next chunk that it has not read; None until it begins.
    """

    def __init__(self) -> None:
        self.place: int | None = None


class Feed:
    """The log of one execution's events for one selection.

    Args:
        memory: shared by all feeds.
        account: of the owner of the execution, whose memory it is.
        max_events: flow events that are kept.
        max_bytes: bytes of those.
        max_lifecycle_events: lifecycle events that are kept for the slowest reader.
    """

    def __init__(
        self,
        memory: FeedMemory,
        account: Account | None = None,
        max_events: int = FEED_EVENTS,
        max_bytes: int = FEED_BYTES,
        max_lifecycle_events: int = FEED_LIFECYCLE_EVENTS,
    ) -> None:
        self._memory = memory
        self._account = account
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._max_lifecycle_events = max_lifecycle_events
        self._chunks: list[Chunk] = []
        self._first = 0  # the place of the first of them
        self._oldest_full = 0  # no flow chunk before this place has events
        self._events = 0
        self._bytes = 0
        self._lifecycle_events = 0
        self.readers: list[Reader] = []

    @property
    def end(self) -> int:
        """The place of the next chunk that will be appended."""
        return self._first + len(self._chunks)

    @property
    def size_bytes(self) -> int:
        """Bytes of the flow that it keeps."""
        return self._bytes

    @property
    def is_crowded(self) -> bool:
        """True while half of what may be kept is waiting for the slowest reader."""
        if self._is_half_full:
            self.let_go()
        return self._is_half_full

    @property
    def _is_half_full(self) -> bool:
        return 2 * self._events > self._max_events or 2 * self._bytes > self._max_bytes

    def open_reader(self) -> Reader:
        """Open a reader; it reads nothing before it begins."""
        reader = Reader()
        self.readers.append(reader)
        return reader

    def begin(self, reader: Reader) -> None:
        """Let a reader read what is appended from now on."""
        reader.place = self.end

    def close_reader(self, reader: Reader) -> None:
        """Read no more."""
        self.readers.remove(reader)
        self.let_go()

    def append(self, chunk: Chunk) -> list[Reader]:
        """Add events; those readers who are so far behind that lifecycle events would have to be given up."""
        self._chunks.append(chunk)
        if chunk.is_lifecycle:
            self._lifecycle_events += len(chunk.events)
        else:
            self._events += len(chunk.events)
            self._hold(chunk.size)
        self.let_go()
        while self._is_over():
            self._give_up_oldest()
        if is_short(self._account):
            self.give_up_half()  # what is shown of its executions is the first that an owner does without
        self._memory.make_room()
        if self._lifecycle_events <= self._max_lifecycle_events:
            return []
        slowest = self._slowest()
        return [reader for reader in self.readers if reader.place == slowest]

    def note_form(self, chunk: Chunk, size_bytes: int) -> None:
        """Another form was made of a chunk that was just read; it is kept with it."""
        if not chunk.is_lifecycle:
            chunk.form_bytes += size_bytes
            self._hold(size_bytes)

    def read(self, reader: Reader, max_bytes: int) -> list[Chunk]:
        """Read the next chunks of a reader, of at most so many bytes, but one; its place moves behind them."""
        if reader.place is None:
            return []
        start = reader.place - self._first
        stop, size = start, 0
        while stop < len(self._chunks) and (stop == start or size + self._chunks[stop].size <= max_bytes):
            size += self._chunks[stop].size
            stop += 1
        found = self._chunks[start:stop]
        reader.place += len(found)
        return found

    def _is_over(self) -> bool:
        if self._oldest_full >= self.end or not self._events:
            return False
        return self._events > self._max_events or self._bytes > self._max_bytes

    def give_up_half(self) -> None:
        """Give up the older half of the flow."""
        enough = self._bytes // 2
        while self._bytes > enough:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        place = max(self._oldest_full, self._first)
        chunk = self._chunks[place - self._first]
        self._oldest_full = place + 1
        if not chunk.is_lifecycle:
            self._forget(chunk)
            chunk.give_up()

    def let_go(self) -> None:
        """Drop what all readers have read. Not done at each read, because it looks at all readers."""
        slowest = self._slowest()
        read = slowest - self._first
        if read <= 0:
            return
        for chunk in self._chunks[:read]:
            if chunk.is_lifecycle:
                self._lifecycle_events -= len(chunk.events)
            else:
                self._forget(chunk)
        del self._chunks[:read]
        self._first = slowest

    def _slowest(self) -> int:
        """Return the place of the reader that is furthest behind."""
        return min((reader.place for reader in self.readers if reader.place is not None), default=self.end)

    def _hold(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        self._memory.hold(self._account, size_bytes)
        if size_bytes:
            self._memory.feeds.add(self)

    def _forget(self, chunk: Chunk) -> None:
        self._events -= len(chunk.events)
        held = chunk.size + chunk.form_bytes
        self._bytes -= held
        self._memory.release(self._account, held)
        if not self._bytes:
            self._memory.feeds.discard(self)
