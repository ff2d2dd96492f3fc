"""The bounded queue before a node, where all its incoming edges end.

It is our own and no ``trio.MemoryChannel`` because it bounds bytes as well as messages, hands out whatever waits
as one batch, and may drop where a graph asks for it (docs/decisions/0010). What it keeps of Trio's channel: a
full inbox blocks its senders, blocked senders are served in the order of their coming, and nothing is lost when
a sender or the receiver is cancelled. ``engine.execution.inbox_channel`` has its two ends as Trio's channels; the
instances of an execution call the queue itself, which spares them an object and a call for each message.

What waits is charged to an account of memory within a lease (``engine.execution.inbox_room``), and what a node has
taken stays charged until it comes for more. Where the ledger is full, senders wait as at a full inbox, but not for
ever (``engine.memory.starvation``).
"""

import math
import sys
from collections import deque
from collections.abc import Callable, Container, Iterable, Sequence
from itertools import islice
from typing import Literal

import trio

from engine.contracts.handler import Message
from engine.cooperative.pace import Pace
from engine.execution.inbox_room import InboxRoom
from engine.execution.inbox_statistics import InboxStatistics
from engine.execution.waiting_tasks import WaitingTasks
from engine.memory.lease import MESSAGE_BYTES, SLACK_BYTES
from engine.memory.ledger import Account
from engine.memory.starvation import Starvation
from proto.graph import Overflow


class _Halt(Pace):
    """The pace of an inbox that hands out nothing any more, whatever waits."""

    def __init__(self) -> None:
        """Keep no time."""

    def is_over(self) -> bool:
        return True

    async def wait(self) -> None:
        raise trio.EndOfChannel


_HALT = _Halt()


class Inbox:
    """Messages waiting for one node, in the order of their coming.

    Args:
        capacity_messages: messages that may wait; with 0, one goes in only where somebody is there who takes it.
        capacity_bytes: bytes of values that may wait; one message always fits into an empty inbox.
        overflow: what a full inbox does to the next message. ``reject`` concerns injections only and blocks
            other nodes, whose messages are never refused.
        batch_bytes: values that ``take_batch`` hands out together, at most; one message in any case.
        account: charged with what waits; nothing is when absent.
        starvation: looks after senders that wait for memory; must be given with an account.
        pace: of the event loop; batches are handed out in its passes. Without one, at once.

    Attributes:
        overflow: as given.
        credit_bytes: of what was taken last, how much may still leave the node without new memory.
        open_send_channels: ends to send by that are open; ``has_ended`` when the last of them was closed.
        open_receive_channels: ends to receive by that are open; ``is_abandoned`` when the last of them was.
    """

    def __init__(
        self,
        capacity_messages: int,
        capacity_bytes: int,
        overflow: Overflow = "block",
        batch_bytes: int = 256 * 1024,
        account: Account | None = None,
        starvation: Starvation | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.overflow: Overflow = overflow
        self.credit_bytes = 0
        self.open_send_channels = self.open_receive_channels = 0
        self.has_ended = self.is_abandoned = False
        self._batch_bytes = batch_bytes
        self._starvation = starvation
        self._pace = pace
        self._room = InboxRoom(capacity_messages, capacity_bytes, account)
        self._queue: deque[Message] = deque()
        self._bytes = 0  # of the values in the queue, always
        self._peak = 0
        self._dropped = 0
        # Those asleep in ``put``, with their message and whether it is paid. While any do, nobody else gets in.
        self._senders = WaitingTasks[tuple[Message, bool]]()
        self._blocked = self._senders.brought
        self._admitted: set[int] = set()  # numbers of messages that were taken in and whose senders sleep still
        # Those who sleep until there is a message. Into a basket it is put for them, so that nobody can take it
        # before they run; None is brought by who takes a batch, of all that is there when they run.
        self._receivers = WaitingTasks[list[Message] | None]()
        self._idle = self._receivers.brought
        self._is_meeting = False  # in _meet_sender: somebody is here who takes the next message

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def fullness(self) -> float:
        """The share of its capacity in messages that is taken; more than 1 where some are on no bound."""
        return len(self._queue) / max(1, self._room.capacity_messages)

    @property
    def is_starved(self) -> bool:
        """True where senders wait for nothing but memory."""
        return self._room.is_starved and bool(self._blocked)

    @property
    def leased_bytes(self) -> int:
        """Bytes charged for this inbox."""
        return 0 if self._room.lease is None else self._room.lease.charged_bytes

    def statistics(self) -> InboxStatistics:
        """Return a snapshot of now."""
        capacity = self._room.capacity_messages
        return InboxStatistics(
            current_buffer_used=len(self._queue),
            max_buffer_size=math.inf if capacity == sys.maxsize else capacity,
            open_send_channels=self.open_send_channels,
            open_receive_channels=self.open_receive_channels,
            tasks_waiting_send=len(self._blocked),
            tasks_waiting_receive=len(self._idle),
            peak_buffer_used=self._peak,
            current_buffer_bytes=self._bytes,
            dropped_messages=self._dropped,
        )

    def waiting(self) -> list[Message]:
        """Return the messages that wait here, the oldest first; they stay."""
        return list(self._queue)

    def begin_with(self, messages: Sequence[Message], peak: int, dropped: int) -> None:
        """Go on from another one, of which these messages are left; they are on no bound."""
        self._peak, self._dropped = peak, dropped
        self.put_back(messages)

    @property
    def is_blocked(self) -> bool:
        """True where somebody waits for room."""
        return bool(self._blocked)

    @property
    def figures(self) -> tuple[int, int]:
        """The most messages that have waited, and how many were dropped."""
        return self._peak, self._dropped

    def blocked(self) -> list[Message]:
        """Return the messages of those who wait for room, in the order of their coming."""
        return [message for message, _ in self._blocked.values()]

    def has_admitted(self, message: Message) -> bool:
        """Return whether a message that somebody waits with has been taken in, which they do not know yet."""
        return message.sequence in self._admitted

    def waiting_on(self, edge: int) -> list[Message]:
        """Return those of them that came along one edge."""
        return [message for message in self._queue if message.edge == edge]

    # Putting in

    @property
    def room_messages(self) -> int:
        """The number of messages that may come before its capacity is reached; none where senders wait already."""
        return 0 if self._blocked else self._room.capacity_messages - len(self._queue)

    def has_room(self, messages: int, size: int) -> bool:
        """Return whether ``put_many_nowait`` would take in all of so many messages, of so many bytes together."""
        if self._blocked:
            return False
        room = self._room
        waiting = len(self._queue) + messages
        if waiting > room.messages or self._bytes + size > room.size_bytes:
            room.lease_for(waiting, self._bytes + size)
        return waiting <= room.messages and self._bytes + size <= room.size_bytes

    @property
    def is_awaited(self) -> bool:
        """True where nothing waits here but somebody for the next message."""
        return bool(self._idle) and not self._queue and not self._blocked

    def put_nowait(self, message: Message) -> bool:
        """Take the message in if there is room and nobody waits for room; return whether it was taken.

        An answer, and no ``WouldBlock`` as in Trio's channel: to raise and to catch costs more than the rest.
        """
        size = len(message.value)
        room = self._room
        is_roomy = len(self._queue) < room.messages and self._bytes + size <= room.size_bytes
        if self._blocked or not (is_roomy or self._make_room(size)):
            return False
        self._append(message, size)
        return True

    def put_many_nowait(self, messages: Sequence[Message], size: int = -1) -> int:
        """Take in as many of the messages as ``put_nowait`` would one by one, from the first; return how many.

        Where nearly all of them fit, this costs a fifth of putting in each alone; that it does the same holds
        ``test_putting_many_is_putting_each``. ``size`` is the sum of their bytes where the caller knows it.
        """
        if self._blocked:
            return 0
        allowed = self._room
        most = allowed.capacity_messages - len(self._queue)
        if len(messages) > most:  # those that cannot fit need not be added up
            if not allowed.capacity_messages:
                return self._put_each(messages)
            messages, size = messages[: max(0, most)], -1
        if size < 0:
            size = sum([len(message.value) for message in messages])
        room = allowed.messages - len(self._queue)
        if len(messages) > room or self._bytes + size > allowed.size_bytes:
            allowed.lease_for(len(self._queue) + len(messages), self._bytes + size)
            room = max(0, allowed.messages - len(self._queue))
            if len(messages) > room:
                messages = messages[:room]
                size = sum([len(message.value) for message in messages])
            if not room or self._bytes + size > allowed.size_bytes:
                return self._put_each(messages)
        self._queue.extend(messages)
        self._bytes += size
        self._peak = max(self._peak, len(self._queue))
        if self._idle:
            self._wake_receivers()
        return len(messages)

    def _put_each(self, messages: Sequence[Message]) -> int:
        return next(
            (taken for taken, message in enumerate(messages) if not self.put_nowait(message)), len(messages)
        )

    async def put(self, message: Message, *, is_paid: bool = False) -> None:
        """Take the message in, waiting for room as long as it takes. Not a checkpoint where there is room.

        When cancelled while waiting, the message has not been taken in. Where ``is_paid``, as much as it takes is
        charged elsewhere and about to be released: such a message needs no memory to come into an empty inbox.

        Raises:
            MemoryBoundError: the inbox is empty, and there was no memory for the message for a long time.
            BrokenResourceError: the last end to receive by was closed while it waited.
        """
        if self.put_nowait(message):
            return
        if self._room.is_starved and not self._blocked:  # then no taker will ever wake it
            size = len(message.value)
            if is_paid and self._overdraw(size):
                self._append(message, size)
                return
            if self._starvation is not None:
                self._starvation.look_after(self)
        await self._senders.sleep((message, is_paid))
        self._admitted.discard(message.sequence)

    def put_or_drop(self, message: Message) -> Sequence[Message]:
        """Take the message in by the policy ``drop-oldest`` or ``drop-newest``; return what was dropped."""
        size = len(message.value)
        dropped: list[Message] = []
        if self.overflow == "drop-newest" and not self._has_room(size):
            dropped.append(message)
        else:
            while self._queue and not self._has_room(size):
                dropped.append(self._pop())
            if self._has_room(size):
                self._append(message, size)
            else:  # not even an empty inbox may hold it: there is no memory
                dropped.append(message)
        self._dropped += len(dropped)
        return dropped

    def put_back(self, messages: Sequence[Message], *, behind: bool = False) -> None:
        """Take messages in ahead of all others, or behind them. They are on no bound, as they were before."""
        if behind:
            self._queue.extend(messages)
        else:
            self._queue.extendleft(reversed(messages))
        self._bytes += sum([len(message.value) for message in messages])
        self._room.cover(len(self._queue), self._bytes)
        if messages and self._idle:
            self._wake_receivers()

    def _has_room(self, size: int) -> bool:
        if len(self._queue) < self._room.messages and self._bytes + size <= self._room.size_bytes:
            return True
        return self._make_room(size)

    def _make_room(self, size: int) -> bool:
        return self._room.make(size, len(self._queue), self._bytes, is_met=self._is_meeting or bool(self._idle))

    def _append(self, message: Message, size: int) -> None:
        self._queue.append(message)
        self._bytes += size
        waiting = len(self._queue)
        if waiting > self._peak:  # noqa: PLR1730 - a call of max() per message costs more than the rest of this
            self._peak = waiting
        if self._idle:
            self._wake_receivers()

    def _admit_blocked(self) -> None:
        """Take in the messages of blocked senders, first come, first served, as far as there is room."""
        while self._blocked:
            task, (message, is_paid) = next(iter(self._blocked.items()))
            size = len(message.value)
            if not self._has_room(size) and not (is_paid and self._overdraw(size)):
                if self._room.is_starved and self._starvation is not None:
                    self._starvation.look_after(self)
                return
            del self._blocked[task]
            self._append(message, size)
            self._admitted.add(message.sequence)
            trio.lowlevel.reschedule(task)

    def _overdraw(self, size: int) -> bool:
        """Make room for what is paid for elsewhere, where only memory is missing and nothing waits."""
        if self._queue or not self._room.is_starved:
            return False
        self._room.cover(1, size)
        return True

    # Taking out

    async def take_batch(self, limit: int) -> list[Message]:
        """Wait for a message, then take what else is waiting, up to ``limit`` messages and ``batch_bytes``.

        Always a checkpoint. When cancelled, nothing has been taken. It waits for a pass of the event loop with
        time in it before it takes, not after: what comes meanwhile belongs to the batch.

        Raises:
            EndOfChannel: nothing waits, and the last end to send by was closed.
        """
        room = self._room
        if room.in_hand_bytes:  # what was taken last has been processed: it is in memory no more
            room.size_bytes = min(room.size_bytes + room.in_hand_bytes, room.capacity_bytes)
            room.in_hand_bytes = 0
            if room.lease is not None and room.lease.charged_bytes > SLACK_BYTES:  # seldom, so it is asked first
                room.shrink(len(self._queue), self._bytes)
        if self._queue:
            await trio.lowlevel.checkpoint()
        while True:
            while not self._queue:
                if self.has_ended:
                    raise trio.EndOfChannel
                if self._blocked and not room.capacity_messages:
                    self._meet_sender()
                    await trio.lowlevel.checkpoint()
                else:
                    await self._receivers.sleep(None)
            if self._pace is not None and self._pace.is_over():
                await self._wait_for_pass(self._pace)
                if not self._queue:  # others have taken them all
                    continue
            batch = self.take_batch_nowait(limit)
            if batch:
                return batch
            await self.look_ahead(limit)  # somebody wants to look first, or holds what was about to be taken

    async def look_ahead(self, limit: int) -> None:
        """Look at what would be taken next, where nothing may be taken yet."""

    async def _wait_for_pass(self, pace: Pace) -> None:
        """Wait for a pass of the event loop with time in it, to take messages that are here.

        Other receivers wait for it as well, not after it; one takes the place of who is cancelled.
        """
        if len(self._queue) > 1 and self._idle:
            self._wake_receivers()
        try:
            await pace.wait()
        except trio.Cancelled:
            if self._idle:
                self._wake_receivers()
            raise

    def take_batch_nowait(self, limit: int) -> list[Message]:
        """Take what is waiting now, up to ``limit`` messages; perhaps nothing."""
        queue = self._queue
        count = min(limit, len(queue))
        if self._bytes > self._batch_bytes and count > 1:
            count = self._fitting(count)
        if count == 1:  # a quarter of what the general case costs
            batch = [queue.popleft()]
            size = len(batch[0].value)
        else:
            batch = [queue.popleft() for _ in range(count)]
            size = sum([len(message.value) for message in batch])
        self._bytes -= size
        room = self._room
        if room.lease is not None:
            room.in_hand_bytes += size
            room.size_bytes -= size
            self.credit_bytes = size
        if self._blocked:
            self._admit_blocked()
        if queue and self._idle:
            self._wake_receivers()
        return batch

    async def take_one(self) -> Message:
        """Wait for a message, and take it: nobody can take it before the caller, who has it when they wake.

        When cancelled, nothing has been taken. Not a checkpoint where a message waits.

        Raises:
            EndOfChannel: nothing waits, and the last end to send by was closed.
        """
        message = self.take_one_nowait()
        if message is not None:
            return message
        if self.has_ended:
            raise trio.EndOfChannel
        basket: list[Message] = []
        await self._receivers.sleep(basket)
        return basket[0]

    def take_one_nowait(self) -> Message | None:
        """Take the message that has waited longest, if any waits; it is charged here no more."""
        if not self._queue:
            self._meet_sender()
            if not self._queue:
                return None
        message = self._pop()
        self._admit_blocked()
        self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
        return message

    def _meet_sender(self) -> None:
        """Take in the message of the first blocked sender, for who is here: where no message may wait."""
        self._is_meeting = True
        self._admit_blocked()
        self._is_meeting = False

    def _fitting(self, count: int) -> int:
        """Return how many of the first messages a batch may hold by its bytes."""
        size = 0
        for number, message in enumerate(islice(self._queue, count)):
            size += len(message.value)
            if size > self._batch_bytes:
                return max(1, number)
        return count

    def _pop(self) -> Message:
        message = self._queue.popleft()
        self._bytes -= len(message.value)
        return message

    def _wake_receivers(self) -> None:
        """Give every idle receiver with a basket its message, as far as they last; wake the first without."""
        while self._idle and self._queue:
            task, basket = next(iter(self._idle.items()))
            del self._idle[task]
            trio.lowlevel.reschedule(task)
            if basket is None:
                return  # who will take a batch when they run, and then wakes the next
            basket.append(self._pop())

    def refuse(self, tasks: Iterable[trio.lowlevel.Task], error: type[Exception]) -> None:
        """Wake those of the tasks that wait here, for room or for a message, with an error."""
        tasks = list(tasks)
        self._senders.refuse(tasks, error)
        self._receivers.refuse(tasks, error)

    def end(self) -> None:
        """End the input: receivers get what waits, and after that ``EndOfChannel``."""
        self.has_ended = True
        self._receivers.refuse(self._idle, trio.EndOfChannel)

    def take_along(self, edges: Container[int]) -> list[Message]:
        """Take out the messages that wait here and came along these edges; they are charged here no more."""
        taken = [message for message in self._queue if message.edge in edges]
        if taken:
            self._queue = deque([message for message in self._queue if message.edge not in edges])
            self._bytes -= sum([len(message.value) for message in taken])
            self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
            self._admit_blocked()
        return taken

    def halt(self, *, when_empty: bool) -> None:
        """Let whoever takes batches end with ``EndOfChannel``: at once, or when nothing waits any more.

        What comes meanwhile waits; ``go_on`` must follow.
        """
        if not when_empty:
            self._pace = _HALT
        self.end()

    def go_on(self, pace: Pace | None) -> None:
        """Hand out batches again after ``halt``."""
        self.has_ended = False
        self._pace = pace

    def change(self, of: Callable[[Message], Message]) -> None:
        """Put another message of the same value in the place of each that waits."""
        self._queue = deque(map(of, self._queue))
        for task, (message, is_paid) in self._blocked.items():
            self._blocked[task] = of(message), is_paid

    def widen(self, capacity_messages: int, overflow: Overflow) -> None:
        """Let so many messages wait from now on, and do this with the next one; those that wait stay."""
        self.overflow = overflow
        self._room.widen(capacity_messages)
        self._admit_blocked()

    def abandon(self) -> None:
        """Give the inbox up: let go of what waits, and break with those who wait for room."""
        self.is_abandoned = True
        self._senders.refuse(self._blocked, trio.BrokenResourceError)
        self._queue.clear()
        self._bytes = 0

    def empty(self) -> None:
        """Drop everything, at the end of the execution; its account is closed as a whole."""
        self._queue.clear()
        self._blocked.clear()
        self._room.lease = self._starvation = None

    def close(self) -> None:
        """Give back what is charged for it: nothing waits here any more, and nothing will."""
        if self._room.lease is not None:
            self._room.lease.close()
        self.empty()

    def feed(self) -> Literal["done", "moving", "hungry"]:
        """Try again (``engine.memory.starvation.Hungry``). While messages wait here, taking them is what helps."""
        before = len(self._blocked)
        self._admit_blocked()
        if not self._blocked or not self._room.is_starved:
            return "done"
        return "moving" if self._queue or len(self._blocked) < before else "hungry"

    def give_up(self) -> None:
        """Refuse the first of the blocked senders."""
        task, (message, _) = next(iter(self._blocked.items()))
        lease = self._room.lease
        refusal = None if lease is None else lease.account.refusal(len(message.value) + MESSAGE_BYTES)
        if refusal is not None:
            self._senders.refuse([task], lambda: refusal)
