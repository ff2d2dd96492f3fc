"""The bounded queue before a node, where all its incoming edges end.

It is our own and no ``trio.MemoryChannel`` because it bounds bytes as well as messages, hands out whatever waits
as one batch, and may drop where a graph asks for it (docs/decisions/0010). What it keeps of Trio's channel: a
full inbox blocks its senders, blocked senders are served in the order of their coming, and nothing is lost when
a sender or the receiver is cancelled.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice

import msgspec
import trio

from engine.handler import Message
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
        batch_bytes: values that ``take`` hands out together, at most; one message in any case.
    """

    def __init__(
        self,
        capacity_messages: int,
        capacity_bytes: int,
        overflow: Overflow = "block",
        batch_bytes: int = 256 * 1024,
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

    def __len__(self) -> int:
        return len(self._queue)

    def statistics(self) -> InboxStatistics:
        """A snapshot of now."""
        return InboxStatistics(
            waiting_messages=len(self._queue),
            waiting_bytes=self._bytes,
            peak_messages=self._peak,
            blocked_senders=len(self._blocked),
            dropped_messages=self._dropped,
        )

    def offer(self, message: Message) -> bool:
        """Take the message in if there is room and nobody waits for room; say whether it was taken."""
        size = len(message.value)
        if self._blocked or not self._has_room(size):
            return False
        self._append(message, size)
        return True

    def offer_many(self, messages: Sequence[Message]) -> int:
        """Take in as many of the messages as ``offer`` would one by one, from the first; return how many.

        Where nearly all of them fit, this costs a fifth of offering each alone.
        """
        if self._blocked:
            return 0
        fitting = messages[: max(0, self._capacity_messages - len(self._queue))]
        size = sum([len(message.value) for message in fitting])
        if not fitting or self._bytes + size > self._capacity_bytes:
            return self._offer_each(messages)
        self._queue.extend(fitting)
        self._bytes += size
        self._peak = max(self._peak, len(self._queue))
        if self._receivers:
            self._wake_receiver()
        return len(fitting)

    def _offer_each(self, messages: Sequence[Message]) -> int:
        for taken, message in enumerate(messages):
            if not self.offer(message):
                return taken
        return len(messages)

    async def put(self, message: Message) -> None:
        """Take the message in, waiting for room as long as it takes. Not a checkpoint where there is room.

        When cancelled while waiting, the message has not been taken in.
        """
        if self.offer(message):
            return
        task = trio.lowlevel.current_task()
        self._blocked[task] = message

        def abort(_: object) -> trio.lowlevel.Abort:
            del self._blocked[task]
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    def put_dropping(self, message: Message) -> Sequence[Message]:
        """Take the message in by the policy ``drop-oldest`` or ``drop-newest``; return what was dropped."""
        size = len(message.value)
        dropped: list[Message] = []
        if self.overflow == "drop-newest" and not self._has_room(size):
            dropped.append(message)
        else:
            while not self._has_room(size):
                dropped.append(self._pop())
            self._append(message, size)
        self._dropped += len(dropped)
        return dropped

    def give_back(self, messages: Sequence[Message], *, behind: bool = False) -> None:
        """Take messages in ahead of all others, or behind them. They are on no bound, as they were before."""
        if behind:
            self._queue.extend(messages)
        else:
            self._queue.extendleft(reversed(messages))
        self._bytes += sum([len(message.value) for message in messages])
        if messages and self._receivers:
            self._wake_receiver()

    async def take(self, limit: int) -> list[Message]:
        """Wait for a message, then take what else is waiting, up to ``limit`` messages and ``batch_bytes``.

        Always a checkpoint. When cancelled, nothing has been taken.
        """
        if self._queue:
            await trio.lowlevel.checkpoint()
        while not self._queue:
            await self._wait_for_message()
        return self.take_nowait(limit)

    def take_nowait(self, limit: int) -> list[Message]:
        """What is waiting now, up to ``limit`` messages; perhaps nothing."""
        queue = self._queue
        count = min(limit, len(queue))
        if self._bytes > self._batch_bytes and count > 1:
            count = self._fitting(count)
        batch = [queue.popleft() for _ in range(count)]
        self._bytes -= sum([len(message.value) for message in batch])
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
        queue = self._queue
        return not queue or (len(queue) < self._capacity_messages and self._bytes + size <= self._capacity_bytes)

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
            if not self._has_room(size):
                return
            del self._blocked[task]
            self._append(message, size)
            trio.lowlevel.reschedule(task)
