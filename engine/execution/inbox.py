"""The bounded queue before a node, where all its incoming edges end.

It is our own and no ``trio.MemoryChannel`` because it bounds bytes as well as messages, hands out whatever waits
as one batch, and may drop where a graph asks for it (docs/decisions/0010). What it keeps of Trio's channel: a
full inbox blocks its senders, blocked senders are served in the order of their coming, and nothing is lost when
a sender or the receiver is cancelled.

What waits is charged to an account of memory within a lease (``engine.memory.lease``), and what a node has taken
stays charged until it comes for more. Where the ledger is full, senders wait as at a full inbox, but not for ever
(``engine.memory.starvation``).
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Literal

import msgspec
import trio

from engine.contracts.handler import Message
from engine.errors import MemoryBoundError
from engine.memory.lease import MESSAGE_BYTES, SLACK_BYTES, Lease
from engine.memory.ledger import Account
from engine.memory.starvation import Starvation
from proto.graph import Overflow


class InboxStatistics(msgspec.Struct, frozen=True):
    """A snapshot: messages and bytes waiting now, the peak of messages, senders blocked now, messages dropped."""

    waiting_messages: int
    waiting_bytes: int
    peak_messages: int
    blocked_senders: int
    dropped_messages: int


class Inbox:
    """Messages waiting for one node, in the order of their coming.

    Args:
        capacity_messages: messages that may wait.
        capacity_bytes: bytes of values that may wait; one message always fits into an empty inbox.
        overflow: what a full inbox does to the next message. ``reject`` concerns injections only and blocks
            other nodes, whose messages are never refused.
        batch_bytes: values that ``take_batch`` hands out together, at most; one message in any case.
        account: charged with what waits; nothing is when absent.
        starvation: looks after senders that wait for memory; must be given with an account.
    """

    def __init__(
        self,
        capacity_messages: int,
        capacity_bytes: int,
        overflow: Overflow = "block",
        batch_bytes: int = 256 * 1024,
        account: Account | None = None,
        starvation: Starvation | None = None,
    ) -> None:
        self._capacity_messages = capacity_messages
        self._capacity_bytes = capacity_bytes
        self._batch_bytes = batch_bytes
        self.overflow: Overflow = overflow
        self._queue: deque[Message] = deque()
        self._bytes = 0
        self._peak = 0
        self._dropped = 0
        self._blocked: dict[trio.lowlevel.Task, Message] = {}
        self._receivers: dict[trio.lowlevel.Task, None] = {}
        self._lease = None if account is None else Lease(account)
        self._starvation = starvation
        self._is_starved = False
        self._refused: dict[trio.lowlevel.Task, MemoryBoundError] = {}
        self._paid: set[trio.lowlevel.Task] = set()
        self._in_hand_bytes = 0
        self.credit_bytes = 0  # of what was taken last, how much may still leave the node without new memory
        # What may wait without a look at capacity or lease.
        self._room_messages = capacity_messages
        self._room_bytes = capacity_bytes
        self._set_room()

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def leased_bytes(self) -> int:
        """What is charged for this inbox."""
        return 0 if self._lease is None else self._lease.charged_bytes

    def statistics(self) -> InboxStatistics:
        """A snapshot of now."""
        return InboxStatistics(
            waiting_messages=len(self._queue),
            waiting_bytes=self._bytes,
            peak_messages=self._peak,
            blocked_senders=len(self._blocked),
            dropped_messages=self._dropped,
        )

    @property
    def room_messages(self) -> int:
        """Messages that may come before its capacity is reached; none where senders wait already."""
        return 0 if self._blocked else self._capacity_messages - len(self._queue)

    def has_room(self, messages: int, size: int) -> bool:
        """Whether ``put_many_nowait`` would take in all of so many messages, of so many bytes together."""
        if self._blocked:
            return False
        waiting = len(self._queue) + messages
        if waiting > self._room_messages or self._bytes + size > self._room_bytes:
            self._lease_for(messages, size)
        return waiting <= self._room_messages and self._bytes + size <= self._room_bytes

    def put_nowait(self, message: Message) -> bool:
        """Take the message in if there is room and nobody waits for room; say whether it was taken."""
        size = len(message.value)
        is_roomy = len(self._queue) < self._room_messages and self._bytes + size <= self._room_bytes
        if self._blocked or not (is_roomy or self._make_room(size)):
            return False
        self._append(message, size)
        return True

    def put_many_nowait(self, messages: Sequence[Message], size: int = -1) -> int:
        """Take in as many of the messages as ``put_nowait`` would one by one, from the first; return how many.

        Where nearly all of them fit, this costs a fifth of offering each alone. ``size`` is the sum of their bytes
        where the caller knows it.
        """
        if self._blocked:
            return 0
        most = self._capacity_messages - len(self._queue)
        if len(messages) > most:  # those that cannot fit need not be added up
            messages, size = messages[: max(0, most)], -1
        if size < 0:
            size = sum([len(message.value) for message in messages])
        room = self._room_messages - len(self._queue)
        if len(messages) > room or self._bytes + size > self._room_bytes:
            self._lease_for(len(messages), size)
            room = max(0, self._room_messages - len(self._queue))
            if len(messages) > room:
                messages = messages[:room]
                size = sum([len(message.value) for message in messages])
            if not room or self._bytes + size > self._room_bytes:
                return self._put_each(messages)
        self._queue.extend(messages)
        self._bytes += size
        self._peak = max(self._peak, len(self._queue))
        if self._receivers:
            self._wake_receiver()
        return len(messages)

    def _put_each(self, messages: Sequence[Message]) -> int:
        for taken, message in enumerate(messages):
            if not self.put_nowait(message):
                return taken
        return len(messages)

    async def put(self, message: Message, *, is_paid: bool = False) -> None:
        """Take the message in, waiting for room as long as it takes. Not a checkpoint where there is room.

        When cancelled while waiting, the message has not been taken in. Where ``is_paid``, as much as it takes is
        charged elsewhere and about to be released: such a message needs no memory to come into an empty inbox.

        Raises:
            MemoryBoundError: the inbox is empty, and there was no memory for the message for a long time.
        """
        if self.put_nowait(message):
            return
        task = trio.lowlevel.current_task()
        self._blocked[task] = message
        if is_paid:
            self._paid.add(task)
        if len(self._blocked) == 1 and self._is_starved:
            self._admit_blocked()
            if not self._blocked:
                self._paid.discard(task)
                return

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._blocked[task]
            return trio.lowlevel.Abort.SUCCEEDED

        try:
            await trio.lowlevel.wait_task_rescheduled(abort)
        finally:
            self._paid.discard(task)
        refusal = self._refused.pop(task, None)
        if refusal is not None:
            raise refusal

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
        if self._lease is not None:
            self._lease.cover(len(self._queue), self._bytes + self._in_hand_bytes)
            self._set_room()
        if messages and self._receivers:
            self._wake_receiver()

    async def take_batch(self, limit: int) -> list[Message]:
        """Wait for a message, then take what else is waiting, up to ``limit`` messages and ``batch_bytes``.

        Always a checkpoint. When cancelled, nothing has been taken.
        """
        if self._in_hand_bytes:  # what was taken last has been processed: it is in memory no more
            self._room_bytes = min(self._room_bytes + self._in_hand_bytes, self._capacity_bytes)
            self._in_hand_bytes = 0
            lease, waiting = self._lease, len(self._queue)
            if (
                lease is not None
                and lease.charged_bytes > SLACK_BYTES  # seldom, so it is asked first
                and lease.charged_bytes > self._bytes + MESSAGE_BYTES * waiting + SLACK_BYTES
            ):
                lease.shrink(waiting, self._bytes)
                self._set_room()
        if self._queue:
            await trio.lowlevel.checkpoint()
        while not self._queue:
            await self._wait_for_message()
        return self.take_batch_nowait(limit)

    def take_batch_nowait(self, limit: int) -> list[Message]:
        """What is waiting now, up to ``limit`` messages; perhaps nothing."""
        queue = self._queue
        count = min(limit, len(queue))
        if self._bytes > self._batch_bytes and count > 1:
            count = self._fitting(count)
        batch = [queue.popleft() for _ in range(count)]
        size = sum([len(message.value) for message in batch])
        self._bytes -= size
        if self._lease is not None:
            self._in_hand_bytes += size
            self._room_bytes -= size
            self.credit_bytes = size
        if self._blocked:
            self._admit_blocked()
        if self._queue and self._receivers:
            self._wake_receiver()
        return batch

    def _fitting(self, count: int) -> int:
        """How many of the first messages a batch may hold by its bytes."""
        size = 0
        for number, message in enumerate(islice(self._queue, count)):
            size += len(message.value)
            if size > self._batch_bytes:
                return max(1, number)
        return count

    def _has_room(self, size: int) -> bool:
        if len(self._queue) < self._room_messages and self._bytes + size <= self._room_bytes:
            return True
        return self._make_room(size)

    def _append(self, message: Message, size: int) -> None:
        self._queue.append(message)
        self._bytes += size
        waiting = len(self._queue)
        if waiting > self._peak:  # noqa: PLR1730 - a call of max() per message costs more than the rest of this
            self._peak = waiting
        if self._receivers:
            self._wake_receiver()

    async def _wait_for_message(self) -> None:
        task = trio.lowlevel.current_task()
        self._receivers[task] = None

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._receivers[task]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def _wake_receiver(self) -> None:
        task = next(iter(self._receivers))
        del self._receivers[task]
        trio.lowlevel.reschedule(task)

    def _pop(self) -> Message:
        message = self._queue.popleft()
        self._bytes -= len(message.value)
        return message

    def _admit_blocked(self) -> None:
        """Take in the messages of blocked senders, first come, first served, as far as there is room."""
        while self._blocked:
            task, message = next(iter(self._blocked.items()))
            size = len(message.value)
            if not self._has_room(size) and not self._overdraw(task, size):
                if self._is_starved and self._starvation is not None:
                    self._starvation.look_after(self)
                return
            del self._blocked[task]
            self._append(message, size)
            if task is not trio.lowlevel.current_task():  # else it has not gone to sleep yet
                trio.lowlevel.reschedule(task)

    def _overdraw(self, task: trio.lowlevel.Task, size: int) -> bool:
        """Take in what is paid for elsewhere, where only memory is missing and nothing waits."""
        if self._lease is None or self._queue or not self._is_starved or task not in self._paid:
            return False
        self._lease.cover(1, self._in_hand_bytes + size)
        self._set_room()
        return True

    # Memory

    def feed(self) -> Literal["done", "moving", "hungry"]:
        """As :class:`engine.memory.starvation.Hungry` says. While messages wait here, taking them is what
        helps.
        """
        before = len(self._blocked)
        self._admit_blocked()
        if not self._blocked or not self._is_starved:
            return "done"
        return "moving" if self._queue or len(self._blocked) < before else "hungry"

    def give_up(self) -> None:
        """Refuse the first of the blocked senders."""
        task, message = next(iter(self._blocked.items()))
        refusal = None if self._lease is None else self._lease.account.refusal(len(message.value) + MESSAGE_BYTES)
        if refusal is not None:
            del self._blocked[task]
            self._refused[task] = refusal
            trio.lowlevel.reschedule(task)

    def empty(self) -> None:
        """Drop everything, at the end of the execution; its account is closed as a whole."""
        self._queue.clear()
        self._blocked.clear()
        self._lease = self._starvation = None

    def _make_room(self, size: int) -> bool:
        """Whether there is room for a message, which there is not within the lease."""
        self._is_starved = False
        waiting = len(self._queue)
        if waiting and (waiting >= self._capacity_messages or self._bytes + size > self._capacity_bytes):
            return False
        if self._lease is not None:
            needed = self._bytes + self._in_hand_bytes + size
            self._is_starved = not self._lease.reach(waiting + 1, needed, is_first=not waiting)
            self._set_room()
        return not self._is_starved  # where nothing is charged, one message always fits

    def _lease_for(self, messages: int, size: int) -> None:
        """Lease what so many more messages need, as far as capacity allows it."""
        if self._lease is not None:
            messages = min(len(self._queue) + messages, self._capacity_messages)
            size = min(self._bytes + size, self._capacity_bytes)
            self._lease.reach(messages, size + self._in_hand_bytes, is_first=False)
            self._set_room()

    def _set_room(self) -> None:
        if self._lease is not None:
            self._room_messages = min(self._lease.messages, self._capacity_messages)
            self._room_bytes = min(self._lease.size_bytes - self._in_hand_bytes, self._capacity_bytes)
