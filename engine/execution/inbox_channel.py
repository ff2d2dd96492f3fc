"""The two ends of an inbox as channels of Trio's: ``trio.abc.SendChannel`` and ``trio.abc.ReceiveChannel``.

    send, receive = open_inbox_channel(100)

They behave as the ends of ``trio.open_memory_channel``, to the exceptions and the checkpoints; the tests of
``tests/engine/execution/test_inbox_channel.py`` ask both for the same. An execution's own instances call the queue
between them (``engine.execution.inbox``), whose batches and answers cost less.

An end never drops a message: the overflow policy of an inbox is for whoever calls ``put_or_drop``.
"""

import math
import sys
from types import TracebackType
from typing import Self

import trio

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox
from engine.execution.inbox_statistics import InboxStatistics


class _End:
    """The common part of both ends: a place at an inbox until it is closed, and tasks that wait by it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._is_closed = False
        self._waiting: set[trio.lowlevel.Task] = set()  # in a call of this end; clones have their own

    def statistics(self) -> InboxStatistics:
        """Return a snapshot of the inbox, the same by each of its ends."""
        return self._inbox.statistics()

    def close(self) -> None:
        """Close this end and no clone of it; tasks that wait by it get ``ClosedResourceError``. No checkpoint."""
        if not self._is_closed:
            self._is_closed = True
            self._inbox.refuse(self._waiting, trio.ClosedResourceError)
            self._leave()

    def _leave(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close this end as ``close`` does, with a checkpoint."""
        self.close()
        await trio.lowlevel.checkpoint()

    def _require_open(self) -> None:
        if self._is_closed:
            raise trio.ClosedResourceError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class InboxSendChannel(_End, trio.abc.SendChannel[Message]):
    """An end to send by.

    Args:
        inbox: the inbox that messages go to.
    """

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(inbox)
        inbox.open_send_channels += 1

    def clone(self) -> "InboxSendChannel":
        """Open one more end to send by; the inbox ends when all of them are closed.

        Raises:
            ClosedResourceError: this one is closed.
        """
        self._require_open()
        return InboxSendChannel(self._inbox)

    def send_nowait(self, value: Message) -> None:
        """Put a message into the inbox.

        Raises:
            WouldBlock: there is no room for it, or others wait for room.
            ClosedResourceError: this end is closed.
            BrokenResourceError: all ends to receive by are closed.
        """
        self._require_open()
        if self._inbox.is_abandoned:
            raise trio.BrokenResourceError
        if not self._inbox.put_nowait(value):
            raise trio.WouldBlock

    async def send(self, value: Message) -> None:
        """Put a message into the inbox, waiting for room. When cancelled, it has not been put in.

        Raises:
            ClosedResourceError: this end is closed, or was closed meanwhile.
            BrokenResourceError: all ends to receive by are closed, or were closed meanwhile.
            MemoryBoundError: there was no memory for it for a long time.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            self.send_nowait(value)
        except trio.WouldBlock:
            task = trio.lowlevel.current_task()
            self._waiting.add(task)
            try:
                await self._inbox.put(value)
            finally:
                self._waiting.discard(task)
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def _leave(self) -> None:
        self._inbox.open_send_channels -= 1
        if not self._inbox.open_send_channels:
            self._inbox.end()


class InboxReceiveChannel(_End, trio.abc.ReceiveChannel[Message]):
    """An end to receive by.

    Args:
        inbox: where messages come from.
    """

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(inbox)
        inbox.open_receive_channels += 1

    def clone(self) -> "InboxReceiveChannel":
        """Open one more end to receive by; the inbox is abandoned when all of them are closed.

        Raises:
            ClosedResourceError: this one is closed.
        """
        self._require_open()
        return InboxReceiveChannel(self._inbox)

    def receive_nowait(self) -> Message:
        """Take the message that has waited longest.

        Raises:
            WouldBlock: none waits, or only such as other receivers have been woken for.
            EndOfChannel: none waits, and all ends to send by are closed.
            ClosedResourceError: this end is closed.
        """
        self._require_open()
        message = self._inbox.take_one_nowait()
        if message is not None:
            return message
        if self._inbox.has_ended:
            raise trio.EndOfChannel
        raise trio.WouldBlock

    async def receive(self) -> Message:
        """Take the message that has waited longest, or wait for one. When cancelled, none has been taken.

        Raises:
            EndOfChannel: none waits, and all ends to send by are closed, or were closed meanwhile.
            ClosedResourceError: this end is closed, or was closed meanwhile.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        try:
            message = self.receive_nowait()
        except trio.WouldBlock:
            task = trio.lowlevel.current_task()
            self._waiting.add(task)
            try:
                return await self._inbox.take_one()
            finally:
                self._waiting.discard(task)
        await trio.lowlevel.cancel_shielded_checkpoint()
        return message

    def _leave(self) -> None:
        self._inbox.open_receive_channels -= 1
        if not self._inbox.open_receive_channels:
            self._inbox.abandon()


def open_inbox_channel(
    max_buffer_size: float, max_buffer_bytes: int = sys.maxsize
) -> tuple[InboxSendChannel, InboxReceiveChannel]:
    """Open an inbox, and return an end to send by and an end to receive by.

    Args:
        max_buffer_size: messages that may wait: a whole number, or ``math.inf``. With 0, a message is handed from
            a sender to a receiver who is there.
        max_buffer_bytes: bytes of values that may wait; one message always fits into an empty inbox.

    Raises:
        TypeError: ``max_buffer_size`` is neither.
        ValueError: it is negative.
    """
    if max_buffer_size == math.inf:
        max_buffer_size = sys.maxsize
    if not isinstance(max_buffer_size, int):
        raise TypeError("max_buffer_size must be a whole number or math.inf")
    if max_buffer_size < 0:
        raise ValueError("max_buffer_size must not be negative")
    inbox = Inbox(max_buffer_size, max_buffer_bytes)
    return InboxSendChannel(inbox), InboxReceiveChannel(inbox)
