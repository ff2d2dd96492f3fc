"""The time in which the instances of a chain process alone because somebody has it so, and how it ends.

Before the chain is formed again, nothing may be on its way between its members, or what a call passes on would
overtake it. So a member that has messages from outside waits until the others have done with what lies between:
nothing new gets there then. It waits for a moment only, and tries again after a while: one of the others may be
waiting for room in its very inbox.
"""

from collections.abc import Sequence

import trio

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox

_PATIENCE_SECONDS = 0.02
"""The time that a member waits for the others: twenty batches."""

_PAUSE_SECONDS = 1.0
"""The time after which it is tried again."""


class Parting:
    """The watch over what lies between the members of one chain.

    Args:
        inboxes: of the members. Controlled or not, each stays the same object.
        inner: the edges between them.

    Attributes:
        inner: as given.
        is_to_form: whether the chain is to be formed again.
    """

    def __init__(self, inboxes: Sequence[Inbox], inner: frozenset[int]) -> None:
        self.inner = inner
        self.is_to_form = False
        self._inboxes = inboxes
        self._under_way = 0
        self._not_before_seconds = float("-inf")
        self._may_be_clear = trio.Event()

    def enter(self) -> None:
        """Take note that a member has taken a batch that it will be done with before anything is formed."""
        self._under_way += 1

    def leave(self) -> None:
        """Take note that it is done with."""
        self._under_way -= 1
        if self.is_to_form and not self._under_way:
            self._wake()

    def end(self) -> None:
        """Take note that the chain is formed, or not to be formed any more."""
        self.is_to_form = False
        self._wake()

    def concerns(self, place: int, batch: Sequence[Message]) -> bool:
        """Return whether a member's batch may wait until the chain is formed.

        Neither in it nor behind it is anything that comes from between the members.
        """
        if not self.is_to_form or trio.current_time() < self._not_before_seconds:
            return False
        return not any(message.edge in self.inner for message in batch) and not self._has_inner(
            self._inboxes[place]
        )

    def is_clear(self) -> bool:
        """Return whether the chain may be formed now."""
        return self.is_to_form and not self._under_way and not any(map(self._has_inner, self._inboxes))

    async def wait(self) -> None:
        """Wait until it is worth another look, or patience is over."""
        with trio.move_on_after(_PATIENCE_SECONDS) as patience:
            await self._may_be_clear.wait()
        if patience.cancelled_caught:
            self._not_before_seconds = trio.current_time() + _PAUSE_SECONDS

    def _has_inner(self, inbox: Inbox) -> bool:
        return any(message.edge in self.inner for message in inbox.waiting())

    def _wake(self) -> None:
        self._may_be_clear.set()
        self._may_be_clear = trio.Event()
