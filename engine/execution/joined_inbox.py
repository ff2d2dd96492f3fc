"""The queues before a node to which edges with policies lead: one for each of those edges, and one for all else.

Each has its own bounds, and what is full keeps back nobody but its own senders. The node takes from all of them
together: the highest priority first, and within a priority in the order of their numbers, which is that of their
sending. What comes along other edges, or is injected, has the priority 0.

A node without such an edge has a plain ``Inbox`` and knows nothing of this.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace, merge
from operator import attrgetter, itemgetter

import trio

from engine.compile.loaded_graph import EdgeRules
from engine.contracts.handler import Message
from engine.cooperative.pace import Pace
from engine.execution.inbox import Inbox
from engine.execution.inbox_statistics import InboxStatistics
from engine.execution.policed_messages import PolicedMessages
from engine.memory.ledger import Account
from engine.memory.starvation import Starvation
from proto.graph import Overflow

Head = tuple[int, int, int]
"""The turn of a queue's next message: less its priority, its number, and the place of the queue."""


class _Part(Inbox):
    """One of the queues of a node."""

    def head(self, place: int) -> Head | None:
        """Return the turn of the next message; None where nothing may be taken."""
        return (0, self._queue[0].sequence, place) if self._queue else None

    def peek(self) -> Message:
        """Return the next message; there must be one."""
        return self._queue[0]

    def turns(self, place: int) -> Iterator[tuple[Head, Message]]:
        """Yield the messages that may be taken, in the order in which they are, each with its turn."""
        for message in self._queue:
            yield (0, message.sequence, place), message

    def take_next(self) -> None:
        """Take the next message; it stays charged until ``put_down``."""
        room, size = self._room, len(self._pop().value)
        if room.lease is not None:
            room.in_hand_bytes += size
            room.size_bytes -= size

    def put_down(self) -> None:
        """Let go of what was taken last: it has been processed."""
        self._room.put_down(len(self._queue), self._bytes)

    def let_in(self) -> None:
        """Take in the messages of blocked senders for which there is room now."""
        if self._blocked:
            self._admit_blocked()


class EdgeQueue(_Part):
    """The messages that wait on one edge with a policy.

    Args:
        rules: of the edge.
        inbox: of the edge's target; whoever waits there for messages waits for these, too.
        account: charged with what waits; nothing is when absent.
        starvation: looks after senders that wait for memory.
        watch: called when a message waits that may expire, and nobody looks for those of this queue.

    Attributes:
        rules: as given.
        messages: those that wait.
        is_sending: whether somebody sends on what has expired.
    """

    def __init__(
        self,
        rules: EdgeRules,
        inbox: "JoinedInbox",
        account: Account | None,
        starvation: Starvation | None,
        watch: Callable[["EdgeQueue"], None],
    ) -> None:
        overflow: Overflow = "block" if rules.overflow == "dead-letter" else rules.overflow
        super().__init__(rules.capacity, rules.size_bytes, overflow, account=account, starvation=starvation)
        self.rules = rules
        self.is_sending = False
        self.messages = PolicedMessages(rules, lambda: watch(self))
        self._queue = self.messages  # type: ignore[assignment]  # what an inbox asks of a deque, it has
        self._inbox = inbox
        self._receivers = inbox.receivers
        self._idle = inbox.receivers.brought

    def head(self, place: int) -> Head | None:
        head = self.messages.head()
        return None if head is None else (-head[0], head[1], place)

    def peek(self) -> Message:
        return self.messages.peek()

    def turns(self, place: int) -> Iterator[tuple[Head, Message]]:
        for priority, message in self.messages.takeable():
            yield (-priority, message.sequence, place), message

    def _wake_receivers(self) -> None:
        self._inbox.wake()

    def rejects(self, size: int) -> bool:
        """Return whether a value of so many bytes would be rejected."""
        return self.rules.overflow == "reject" and len(self) > 0 and not self.has_room(1, size)

    def takes(self, messages: int, size: int) -> bool:
        """Return whether so many messages, of so many bytes together, may be put in now, by whoever does."""
        if self._blocked:
            return False
        return self._has_room(size) if messages == 1 else self.has_room(messages, size)

    def may_grow(self, size: int) -> bool:
        """Return whether what waits may become larger by so many bytes, where there is memory for it.

        Raises:
            MemoryBoundError: there is none.
        """
        return self._room.grow(len(self), self._bytes + size)

    def put_or_drop(self, message: Message) -> Sequence[Message]:
        """Do as an inbox does; what is dropped is the oldest of the lowest priority, be it the message itself."""
        messages, size = self.messages, len(message.value)
        dropped: list[Message] = []
        if self.overflow == "drop-oldest":
            priority = messages.priority_of(message)
            while 0 <= messages.lowest <= priority and not self._has_room(size):
                dropped.append(self._forget(messages.spare()))
        if self._has_room(size):
            self._append(message, size)
        else:
            dropped.append(message)
        self._dropped += len(dropped)
        return dropped

    def _forget(self, message: Message) -> Message:
        self._bytes -= len(message.value)
        return message

    def put_back(self, messages: Sequence[Message], *, behind: bool = False) -> None:
        """Take messages in by their priorities, whose time begins again. They are on no bound."""
        del behind
        self.messages.extend(messages)
        self._bytes += sum([len(message.value) for message in messages])
        self._room.cover(len(self._queue), self._bytes)
        self._inbox.wake()

    def take_expired(self) -> Message:
        """Take the oldest of what has expired; there is room for another one now."""
        message = self._forget(self.messages.expired.popleft())
        self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
        self.let_in()
        return message

    def rearrange(self, messages: Sequence[Message]) -> None:
        """Let these messages wait in the place of those that have neither expired nor been let through."""
        self.messages.rearrange(messages)
        self._bytes = sum([len(message.value) for message in self.messages])
        self._room.cover(len(self._queue), self._bytes)
        self.let_in()
        self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
        self._inbox.wake()


class JoinedInbox(_Part):
    """The queues before one node; as an inbox, the queue for all that comes along no edge with a policy.

    Args:
        capacity_messages: messages that may wait in this queue.
        capacity_bytes: bytes of values that may.
        overflow: what it does when it is full.
        batch_bytes: values that ``take_batch`` hands out together, at most; one message in any case.
        account: charged with what waits, in any of the queues; nothing is when absent.
        starvation: looks after senders that wait for memory.
        pace: of the event loop.
        rules: of the edges with policies.
        watch: called when a message waits on one of these that may expire, and nobody looks for such.
        expire: called before messages are taken; puts aside what has expired on an edge.

    Attributes:
        receivers: who waits for messages.
        queues: of the edges with policies, by index.
    """

    def __init__(
        self,
        capacity_messages: int,
        capacity_bytes: int,
        overflow: Overflow,
        batch_bytes: int,
        account: Account | None,
        starvation: Starvation,
        pace: Pace,
        *,
        rules: Sequence[EdgeRules],
        watch: Callable[[EdgeQueue], None],
        expire: Callable[[EdgeQueue], None],
    ) -> None:
        super().__init__(capacity_messages, capacity_bytes, overflow, batch_bytes, account, starvation, pace)
        self.receivers = self._receivers
        self.queues = {each.edge: EdgeQueue(each, self, account, starvation, watch) for each in rules}
        self._parts: Sequence[_Part] = (self, *self.queues.values())
        self._mortal = [queue for queue in self.queues.values() if queue.rules.policy.expire_ms is not None]
        self._expire = expire
        self._most = 0

    def __len__(self) -> int:
        return len(self._queue) + sum([len(queue.messages) for queue in self.queues.values()])

    @property
    def fullness(self) -> float:
        return max([super().fullness, *[queue.fullness for queue in self.queues.values()]])

    @property
    def is_starved(self) -> bool:
        return super().is_starved or any(queue.is_starved for queue in self.queues.values())

    @property
    def leased_bytes(self) -> int:
        return super().leased_bytes + sum(queue.leased_bytes for queue in self.queues.values())

    @property
    def is_awaited(self) -> bool:
        """False: a message of a higher priority may come between one that has begun early and its node."""
        return False

    def statistics(self) -> InboxStatistics:
        own = super().statistics()
        edges = [queue.statistics() for queue in self.queues.values()]
        waiting = own.current_buffer_used + sum([each.current_buffer_used for each in edges])
        return InboxStatistics(
            current_buffer_used=waiting,
            max_buffer_size=own.max_buffer_size + sum([each.max_buffer_size for each in edges]),
            open_send_channels=own.open_send_channels,
            open_receive_channels=own.open_receive_channels,
            tasks_waiting_send=own.tasks_waiting_send + sum([each.tasks_waiting_send for each in edges]),
            tasks_waiting_receive=own.tasks_waiting_receive,
            peak_buffer_used=max(self._most, waiting, own.peak_buffer_used),
            current_buffer_bytes=own.current_buffer_bytes + sum([each.current_buffer_bytes for each in edges]),
            dropped_messages=own.dropped_messages + sum([each.dropped_messages for each in edges]),
        )

    def waiting(self) -> list[Message]:
        """Return the messages that wait here, in the order of their numbers; they stay."""
        return list(merge(*[sorted(part._queue, key=_number) for part in self._parts], key=_number))  # noqa: SLF001

    def begin_with(self, messages: Sequence[Message], peak: int, dropped: int) -> None:
        for edge, queue in self.queues.items():
            queue.put_back([message for message in messages if message.edge == edge])
        super().begin_with([message for message in messages if message.edge not in self.queues], peak, dropped)

    @property
    def is_blocked(self) -> bool:
        return any(part._blocked for part in self._parts)  # noqa: SLF001 - its own parts

    def blocked(self) -> list[Message]:
        return [message for part in self._parts for message, _ in part._blocked.values()]  # noqa: SLF001

    def has_admitted(self, message: Message) -> bool:
        return any(message.sequence in part._admitted for part in self._parts)  # noqa: SLF001

    def waiting_on(self, edge: int) -> list[Message]:
        queue = self.queues.get(edge)
        return super().waiting_on(edge) if queue is None else list(queue.messages.waiting())

    async def take_batch(self, limit: int) -> list[Message]:
        for part in self._parts:
            part.put_down()
        if self._has_message():
            await trio.lowlevel.checkpoint()
        while True:
            while not self._has_message():
                if self.has_ended:
                    raise trio.EndOfChannel
                await self._receivers.sleep(None)
            if self._pace is not None and self._pace.is_over():
                await self._wait_for_pass(self._pace)
            batch = self.take_batch_nowait(limit)
            if batch:
                return batch
            await self.look_ahead(limit)

    def take_batch_nowait(self, limit: int) -> list[Message]:
        self._most = max(self._most, len(self))
        for queue in self._mortal:
            if queue.messages.count:
                self._expire(queue)
        parts = self._parts
        heads = [head for place, part in enumerate(parts) if (head := part.head(place)) is not None]
        heapify(heads)
        batch: list[Message] = []
        touched: dict[int, None] = {}
        size = 0
        while heads and len(batch) < limit:
            place = heads[0][2]
            part = parts[place]
            message = part.peek()
            size += len(message.value)
            if batch and size > self._batch_bytes:
                size -= len(message.value)
                break
            if not self._may_take(message):
                size -= len(message.value)
                break
            part.take_next()
            batch.append(message)
            touched[place] = None
            head = part.head(place)
            if head is None:
                heappop(heads)
            else:
                heapreplace(heads, head)
        if self._room.lease is not None:
            self.credit_bytes = size
        for place in touched:
            parts[place].let_in()
        self.wake()
        return batch

    def _may_take(self, message: Message) -> bool:
        """Return whether a message may be taken now; those behind it may not be where it may not."""
        del message
        return True

    def coming(self) -> Iterator[Message]:
        """Yield the messages that would be taken next, in their order."""
        turns = merge(*[part.turns(place) for place, part in enumerate(self._parts)], key=itemgetter(0))
        return map(itemgetter(1), turns)

    def _has_message(self) -> bool:
        return bool(self._queue) or any(queue.messages.is_live for queue in self.queues.values())

    def wake(self) -> None:
        """Wake the first of those who wait for messages, if a message waits; whoever takes wakes the next."""
        if self._idle and self._has_message():
            task = next(iter(self._idle))
            del self._idle[task]
            trio.lowlevel.reschedule(task)

    def _wake_receivers(self) -> None:
        self.wake()

    def empty(self) -> None:
        super().empty()
        for queue in self.queues.values():
            queue.empty()


_number = attrgetter("sequence")
