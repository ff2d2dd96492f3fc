"""An inbox of which somebody holds an edge, or looks at each message before its node sees it.

    edge that is held ──> aside, a queue of its own ── step, release ──┐
    other edges ──────────────────────────────────────────────────> queue ── judge ──> node

An inbox that nobody controls is an ordinary one and pays nothing; ``controlled`` lets it take this class, beside
its own, and ``let_go`` gives it back. So whoever knows it, and whoever sleeps in it, goes on.

What comes along a held edge stands *aside*, in an inbox of its own with the same bounds: it blocks its source as
a full inbox does, and the other edges go on. What is let go comes to the end of the queue: all of its edge that is
there is older. Then it is on no bound, as what a chain gives back, so a node may have twice its capacity before
it for a moment, and once more for each other edge that was held.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice

import msgspec
import trio

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox
from engine.execution.inbox_open import OpenInbox
from engine.execution.inbox_statistics import InboxStatistics

Judge = Callable[[Sequence[Message]], Awaitable[Sequence[Sequence[int]]]]
"""Asked of the messages that are about to be taken, of each once: which edges are to be held from it on. It may
take its time, and answer for the first of them only."""

Verdict = tuple[Message, Sequence[int]]
"""A message as it was judged, and the edges that are to be held from it on."""


class ControlledInbox(OpenInbox):
    """An inbox of which some edges are held, or of which each message is judged. Made by ``controlled``.

    Attributes:
        judge: asked of each message before its node is handed it; nobody where it is None.
        tell: told of each edge that is held from now on, or no more.
    """

    judge: Judge | None
    tell: Callable[[int, bool], None] | None
    _judging: trio.StrictFIFOLock
    _asides: dict[int, OpenInbox]
    # Bytes of those in the queue that were let through by name or were judged, by their number: they are judged
    # no more, and count as let through until they are taken.
    _through: dict[int, int]

    def begin_control(self) -> None:
        """Begin as one that holds nothing."""
        self.judge = self.tell = None
        self._judging = trio.StrictFIFOLock()
        self._asides = {}
        self._through = {}

    @property
    def is_free(self) -> bool:
        """True where nothing is held and nobody judges."""
        return not self._asides and self.judge is None

    @property
    def held_edges(self) -> Sequence[int]:
        """The edges that are held."""
        return tuple(self._asides)

    # Holding

    def hold(self, edge: int, *, but: frozenset[int] = frozenset()) -> None:
        """Hold an edge with all that waits on it, but for the messages of some numbers. Idempotent."""
        if edge not in self._asides:
            aside = self._asides[edge] = self._make_aside()
            if self.tell is not None:
                self.tell(edge, True)
            waiting = self.withdraw(lambda message: message.edge == edge and message.sequence not in but)
            for message in waiting:
                self._through.pop(message.sequence, None)
            aside.put_back(waiting, behind=True)

    def release(self, edge: int) -> None:
        """Hold an edge no more: what stands aside goes on, the messages of blocked senders too. Idempotent."""
        aside = self._asides.pop(edge, None)
        if aside is not None:
            if self.tell is not None:
                self.tell(edge, False)
            messages = aside.withdraw_all()
            self._admitted |= aside._admitted  # noqa: SLF001 - one of us
            aside.close()
            super().put_back(messages, behind=True)

    def step(self, edge: int, count: int) -> list[Message]:
        """Let messages of a held edge through, unjudged, as many as there may be before the node; return them."""
        aside = self._asides[edge]
        gone: list[Message] = []
        room = self._room
        size = sum(self._through.values())
        for message in aside.waiting():
            size += len(message.value)
            is_full = len(self._through) >= max(1, room.capacity_messages) or size > room.capacity_bytes
            if len(gone) == count or (is_full and self._through):
                break
            self._through[message.sequence] = len(message.value)
            gone.append(message)
        for _ in gone:
            aside.take_one_nowait()
        super().put_back(gone, behind=True)
        return gone

    def _make_aside(self) -> OpenInbox:
        room = self._room
        account = None if room.lease is None else room.lease.account
        return OpenInbox(
            max(1, room.capacity_messages),
            room.capacity_bytes,
            self.overflow,
            self._batch_bytes,
            account,
            self._starvation,
        )

    # Judging

    def take_batch_nowait(self, limit: int) -> list[Message]:
        if self.judge is not None:
            limit = self._judged(limit)
        batch = super().take_batch_nowait(limit) if limit else []
        for message in batch:
            self._through.pop(message.sequence, None)
        return batch

    def _judged(self, limit: int) -> int:
        """Return how many of the messages that would be taken next may be: they were judged, or have stepped."""
        first = islice(self._queue, limit)
        unjudged = (index for index, message in enumerate(first) if message.sequence not in self._through)
        return next(unjudged, limit)

    async def look_ahead(self, limit: int) -> None:
        """Let the messages be judged that would be taken next. What is held then is here no more."""
        async with self._judging:  # several workers may come to the same messages
            judge = self.judge
            messages = [each for each in islice(self._queue, limit) if each.sequence not in self._through]
            verdicts = await judge(messages) if judge is not None and messages else ()
            if verdicts and self.judge is judge:
                judged = zip(messages, verdicts, strict=False)
                self._take_note({each.sequence: (each, edges) for each, edges in judged})

    def _take_note(self, verdicts: dict[int, Verdict]) -> None:
        """Let messages through that were judged, by their number, or hold edges from them on.

        What somebody has taken in hand meanwhile is left alone: it is not there, or is judged again as it is now.
        """
        before: list[int] = []
        holds: list[tuple[Sequence[int], frozenset[int]]] = []
        for message in self._turns():
            if not verdicts:
                break
            judged, edges = verdicts.pop(message.sequence, (None, ()))
            if judged is message:
                self._note_judged(message)
                if edges:
                    holds.append((edges, frozenset(before)))
            before.append(message.sequence)
        for edges, but in holds:
            for edge in edges:
                self.hold(edge, but=but)

    def _turns(self) -> Iterator[Message]:
        """Yield the messages that may be taken, in the order in which they would be."""
        return iter(self._queue)

    def _note_judged(self, message: Message) -> None:
        self._through[message.sequence] = len(message.value)

    def is_unjudged(self, message: Message) -> bool:
        """Return whether a message waits to be judged, as it is: it neither steps nor stands aside."""
        return message.sequence not in self._through and any(each is message for each in self._turns())

    # What waits

    def waiting_on(self, edge: int) -> list[Message]:
        """Return the messages that wait on an edge, the oldest first; they stay."""
        aside = self._asides.get(edge)
        if aside is not None:
            return aside.waiting()
        return [message for message in self._queue if message.edge == edge]

    def held_on(self, edge: int) -> int:
        """Return how many messages of an edge stand aside."""
        return len(self._asides.get(edge, ()))

    def has_room_on(self, edge: int, messages: int, size: int) -> bool:
        """Return whether so many messages more, of so many bytes together, may wait on an edge now."""
        return self._asides.get(edge, self).takes(messages, size)

    def may_grow_on(self, edge: int, size: int) -> bool:
        """Return whether what waits on an edge may become larger by so many bytes, where there is memory for it.

        Raises:
            MemoryBoundError: there is none.
        """
        return self._asides.get(edge, self).may_grow(size)

    def rearrange_on(self, edge: int, messages: Sequence[Message]) -> None:
        """Let these messages wait on an edge, in the place of those that do. Who adds one has asked for room."""
        aside = self._asides.get(edge)
        inbox = self if aside is None else aside
        inbox.rearrange(messages, lambda message: message.edge == edge)
        if aside is None and self._through:
            here = {message.sequence for message in self._queue}
            self._through = {number: size for number, size in self._through.items() if number in here}

    # As an inbox

    def __len__(self) -> int:
        return len(self._queue) + sum(map(len, self._asides.values()))

    @property
    def leased_bytes(self) -> int:
        return super().leased_bytes + sum(aside.leased_bytes for aside in self._asides.values())

    def statistics(self) -> InboxStatistics:
        own = super().statistics()
        asides = [aside.statistics() for aside in self._asides.values()]
        return msgspec.structs.replace(
            own,
            current_buffer_used=own.current_buffer_used + sum(each.current_buffer_used for each in asides),
            current_buffer_bytes=own.current_buffer_bytes + sum(each.current_buffer_bytes for each in asides),
            tasks_waiting_send=own.tasks_waiting_send + sum(each.tasks_waiting_send for each in asides),
            dropped_messages=own.dropped_messages + sum(each.dropped_messages for each in asides),
            held_messages=sum(each.current_buffer_used for each in asides),
        )

    def waiting(self) -> list[Message]:
        return [*self._queue, *[message for aside in self._asides.values() for message in aside.waiting()]]

    @property
    def is_blocked(self) -> bool:
        return super().is_blocked or any(aside.is_blocked for aside in self._asides.values())

    def blocked(self) -> list[Message]:
        return [*super().blocked(), *[message for aside in self._asides.values() for message in aside.blocked()]]

    def has_admitted(self, message: Message) -> bool:
        return super().has_admitted(message) or any(aside.has_admitted(message) for aside in self._asides.values())

    @property
    def room_messages(self) -> int:
        return min([super().room_messages, *[aside.room_messages for aside in self._asides.values()]])

    def has_room(self, messages: int, size: int) -> bool:
        """Return False also where only a held edge is full: who asks does not say by which edge it would come."""
        return super().has_room(messages, size) and all(
            aside.has_room(messages, size) for aside in self._asides.values()
        )

    @property
    def is_awaited(self) -> bool:
        """False: nothing goes past an inbox that somebody controls."""
        return False

    def put_nowait(self, message: Message) -> bool:
        aside = self._asides.get(message.edge)
        return super().put_nowait(message) if aside is None else aside.put_nowait(message)

    def put_many_nowait(self, messages: Sequence[Message], size: int = -1) -> int:
        aside = self._asides.get(messages[0].edge) if messages else None  # they come along one edge
        return super().put_many_nowait(messages, size) if aside is None else aside.put_many_nowait(messages, size)

    async def put(self, message: Message, *, is_paid: bool = False) -> None:
        aside = self._asides.get(message.edge)
        await (super().put if aside is None else aside.put)(message, is_paid=is_paid)

    def put_or_drop(self, message: Message) -> Sequence[Message]:
        aside = self._asides.get(message.edge)
        return super().put_or_drop(message) if aside is None else aside.put_or_drop(message)

    def put_back(self, messages: Sequence[Message], *, behind: bool = False) -> None:
        held: dict[int, list[Message]] = {}
        free: list[Message] = []
        for message in messages:
            (held.setdefault(message.edge, []) if message.edge in self._asides else free).append(message)
        for edge, own in held.items():
            self._asides[edge].put_back(own, behind=behind)
        super().put_back(free, behind=behind)

    def empty(self) -> None:
        super().empty()
        for aside in self._asides.values():
            aside.empty()
        self._asides.clear()
        self._through.clear()
        self.judge = self.tell = None


def waiting_on(inbox: Inbox, edge: int) -> list[Message]:
    """Return the messages that wait in an inbox on an edge, the oldest first; of a held one, what is held."""
    return inbox.waiting_on(edge)


_KINDS: dict[type[Inbox], type[ControlledInbox]] = {}
"""The controlled kind of each kind of inbox."""

_PLAIN: dict[type[Inbox], type[Inbox]] = {}


def take_kind(plain: type[Inbox], kind: type[ControlledInbox]) -> None:
    """Let inboxes of a kind of their own take a class that is made for them when they are controlled."""
    _KINDS[plain] = kind
    _PLAIN[kind] = plain


def controlled(inbox: Inbox) -> ControlledInbox:
    """Let an inbox be controlled, with all that waits in it, if it is not yet."""
    if isinstance(inbox, ControlledInbox):
        return inbox
    plain = type(inbox)
    kind = _KINDS.get(plain)
    if kind is None:
        bases = (ControlledInbox,) if plain is Inbox else (ControlledInbox, plain)
        kind = _KINDS[plain] = type(f"Controlled{plain.__name__}", bases, {})
        _PLAIN[kind] = plain
    object.__setattr__(inbox, "__class__", kind)
    assert isinstance(inbox, ControlledInbox)  # noqa: S101 - it has just become one
    inbox.begin_control()
    return inbox


def let_go(inbox: Inbox) -> None:
    """Let an inbox be what it was, if it is controlled, and nothing is held in it and nobody judges."""
    if isinstance(inbox, ControlledInbox) and inbox.is_free:
        object.__setattr__(inbox, "__class__", _PLAIN[type(inbox)])  # which no type checker believes
