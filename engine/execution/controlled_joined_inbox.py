"""The queues before a node to which edges with policies lead, while somebody holds an edge or judges messages.

An edge with a policy has a queue of its own, so it is held where it is: nothing is taken from it but what is let
through. All other edges are held as ever (``engine.execution.controlled_inbox``). What waits on a held edge
expires in its time.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from operator import attrgetter

import msgspec

from engine.contracts.handler import Message
from engine.execution.controlled_inbox import ControlledInbox
from engine.execution.inbox_statistics import InboxStatistics
from engine.execution.joined_inbox import JoinedInbox

_SEEN_SLACK = 64
"""Numbers that are kept of messages which may not be there any more."""


class ControlledJoinedInbox(ControlledInbox, JoinedInbox):
    """A ``JoinedInbox`` of which some edges are held, or of which each message is judged."""

    # Those of edges with policies that were let through by name or were judged, by their number.
    _seen: dict[int, int]

    def begin_control(self) -> None:
        super().begin_control()
        self._seen = {}

    @property
    def is_free(self) -> bool:
        return super().is_free and not self._held_queues()

    @property
    def held_edges(self) -> Sequence[int]:
        return (*super().held_edges, *self._held_queues())

    def _held_queues(self) -> list[int]:
        return [edge for edge, queue in self.queues.items() if queue.messages.is_held]

    def hold(self, edge: int, *, but: frozenset[int] = frozenset()) -> None:
        queue = self.queues.get(edge)
        if queue is None:
            super().hold(edge, but=but)
        elif not queue.messages.is_held:
            let_by = takewhile(lambda message: message.sequence in but, queue.messages.waiting())
            queue.messages.let_through(sum(1 for _ in let_by))
            queue.messages.is_held = True
            for message in queue.messages.waiting():
                self._seen.pop(message.sequence, None)
            if self.tell is not None:
                self.tell(edge, True)

    def release(self, edge: int) -> None:
        queue = self.queues.get(edge)
        if queue is None:
            super().release(edge)
        elif queue.messages.is_held:
            queue.messages.is_held = False
            if self.tell is not None:
                self.tell(edge, False)
            self.wake()

    def step(self, edge: int, count: int) -> list[Message]:
        queue = self.queues.get(edge)
        if queue is None:
            return super().step(edge, count)
        gone = queue.messages.let_through(count)
        self._seen.update({message.sequence: len(message.value) for message in gone})
        self.wake()
        return list(gone)

    def take_batch_nowait(self, limit: int) -> list[Message]:
        batch = JoinedInbox.take_batch_nowait(self, limit)
        for message in batch:
            self._through.pop(message.sequence, None)
            self._seen.pop(message.sequence, None)
        if len(self._seen) > 2 * len(self) + _SEEN_SLACK:  # some expired, or were dropped
            here = {message.sequence for message in self.waiting()}
            self._seen = {number: size for number, size in self._seen.items() if number in here}
        return batch

    def _may_take(self, message: Message) -> bool:
        return self.judge is None or self._is_seen(message)

    def _is_seen(self, message: Message) -> bool:
        return message.sequence in self._through or message.sequence in self._seen

    async def look_ahead(self, limit: int) -> None:
        async with self._judging:  # several workers may come to the same messages
            judge = self.judge
            is_seen = ControlledJoinedInbox._is_seen  # it may have been let go while this waited for its turn
            messages = [each for each in islice(self.coming(), limit) if not is_seen(self, each)]
            verdicts = await judge(messages) if judge is not None and messages else ()
            if verdicts and self.judge is judge:
                judged = zip(messages, verdicts, strict=False)
                self._take_note({each.sequence: (each, edges) for each, edges in judged})

    def _turns(self) -> Iterator[Message]:
        return self.coming()

    def _note_judged(self, message: Message) -> None:
        seen = self._seen if message.edge in self.queues else self._through
        seen[message.sequence] = len(message.value)

    def is_unjudged(self, message: Message) -> bool:
        return not self._is_seen(message) and super().is_unjudged(message)

    def waiting_on(self, edge: int) -> list[Message]:
        return (JoinedInbox if edge in self.queues else ControlledInbox).waiting_on(self, edge)

    def held_on(self, edge: int) -> int:
        queue = self.queues.get(edge)
        if queue is None:
            return super().held_on(edge)
        return queue.messages.count if queue.messages.is_held else 0

    def has_room_on(self, edge: int, messages: int, size: int) -> bool:
        queue = self.queues.get(edge)
        return super().has_room_on(edge, messages, size) if queue is None else queue.takes(messages, size)

    def may_grow_on(self, edge: int, size: int) -> bool:
        queue = self.queues.get(edge)
        return super().may_grow_on(edge, size) if queue is None else queue.may_grow(size)

    def rearrange_on(self, edge: int, messages: Sequence[Message]) -> None:
        queue = self.queues.get(edge)
        if queue is None:
            super().rearrange_on(edge, messages)
        else:
            queue.rearrange(messages)

    def __len__(self) -> int:
        return super().__len__() + sum([len(queue.messages) for queue in self.queues.values()])

    def statistics(self) -> InboxStatistics:
        held = sum([self.held_on(edge) for edge in self._held_queues()])
        statistics = super().statistics()
        return msgspec.structs.replace(statistics, held_messages=statistics.held_messages + held)

    def waiting(self) -> list[Message]:
        aside = [message for aside in self._asides.values() for message in aside.waiting()]
        return sorted([*JoinedInbox.waiting(self), *aside], key=attrgetter("sequence"))
