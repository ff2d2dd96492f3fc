"""Calls that go on after some of their messages were answered.

A message that takes long holds nobody up who was in front of it in its batch: what these have caused leaves while
it computes, and the call goes on with the next one for what is left of the batch.
"""

import trio

from wasm_host.errors import ProtocolError
from wasm_host.guest.abi import RECORD
from wasm_host.wasmtime_c import core as capi

ANSWERED_BYTES = 1024 * 1024
"""Output of which the part is looked for that can be answered; of more, a guest returns by itself."""

_CLOSES = 1


class Progress:
    """The way that a long call has come since the last message that it closed; by that its budgets are judged.

    Attributes:
        closed: messages of the call that it has closed.
        spent_ms: computing time since then.
        started: when that was, by Trio's clock.
        frozen: seconds since then that do not count.
    """

    __slots__ = ("closed", "frozen", "spent_ms", "started")

    def __init__(self) -> None:
        self.closed = 0
        self.begin()

    def begin(self) -> None:
        """Begin with the next message."""
        self.spent_ms = self.frozen = 0.0
        self.started = trio.current_time()

    def wall_seconds(self) -> float:
        """Return the time on the clock of the message under way."""
        return trio.current_time() - self.started - self.frozen


class UnderWay:
    """A call of ``symbia_process`` of which some messages were answered.

    Args:
        pending: the call.
        batch: its messages.

    Attributes:
        batch: those that were not answered.
        progress: of the call.
        answered: how many were.
    """

    __slots__ = ("_output_at", "_paused_at", "answered", "batch", "pending", "progress")

    def __init__(self, pending: capi.Pending, batch: list[tuple[int, bytes]]) -> None:
        self.pending = pending
        self.batch = batch
        self.progress = Progress()
        self.answered = self._output_at = 0
        self._paused_at = 0.0

    def pause(self, answered: int) -> None:
        """Leave it until the next call, so many more of its messages answered."""
        self.answered += answered
        self.batch = self.batch[answered:]
        self._paused_at = trio.current_time()

    def go_on(self) -> None:
        """Go on where it was left; the time since then does not count."""
        if self._paused_at:
            self.progress.frozen += trio.current_time() - self._paused_at

    def unread(self, address: int, length: int, closed: int) -> tuple[int, int, int]:
        """Return where the output is that was not read, its length, and how many messages are closed in it.

        Args:
            address: of the call's whole output.
            length: of that.
            closed: messages of the whole call.

        Raises:
            ProtocolError: there is less than there was.
        """
        begin = self._output_at
        if length < begin or closed < self.answered:
            raise ProtocolError("the guest took back what it had written")
        return address + begin, length - begin, closed - self.answered

    def end_at(self, length: int) -> int:
        """Note that so much more of the output is read now; return it."""
        self._output_at += length
        return length

    def made_bytes(self, length: int) -> int:
        """Return how much of an output of this length was not read."""
        return length - self._output_at


def closed_bytes(data: bytes) -> int:
    """Return how much of a record stream belongs to messages that it closes; nothing trusts it."""
    at = closed = 0
    while at + RECORD.size <= len(data):
        _, flags, _, length = RECORD.unpack_from(data, at)
        at += RECORD.size + length
        if at <= len(data) and flags & _CLOSES:
            closed = at
    return closed
