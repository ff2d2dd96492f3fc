"""The room of an inbox: what its node's author allows, and what ``engine.memory.lease`` has leased for it.

The lease pays for what waits, and for what was taken last and is being worked on: that is *in hand* until its node
comes for more.
"""

from engine.memory.lease import MESSAGE_BYTES, SLACK_BYTES, Lease
from engine.memory.ledger import Account


class InboxRoom:
    """The room of one inbox. It knows nothing of the messages; whoever asks says how much waits.

    Args:
        capacity_messages: messages that may wait.
        capacity_bytes: bytes of values that may wait.
        account: charged with what waits and with what is in hand; nothing is when absent.

    Attributes:
        capacity_messages: as given.
        capacity_bytes: as given.
        lease: the memory that is charged; None where nothing is.
        messages: that may wait without another question; never more than the capacity, nor than the lease.
        size_bytes: likewise, of values. Not negative where nothing is in hand.
        in_hand_bytes: of values that were taken last, where there is a lease.
        is_starved: whether the last ``make`` lacked nothing but memory.
    """

    __slots__ = (
        "capacity_bytes",
        "capacity_messages",
        "in_hand_bytes",
        "is_starved",
        "lease",
        "messages",
        "size_bytes",
    )

    def __init__(self, capacity_messages: int, capacity_bytes: int, account: Account | None) -> None:
        self.capacity_messages = capacity_messages
        self.capacity_bytes = capacity_bytes
        self.lease = None if account is None else Lease(account)
        self.in_hand_bytes = 0
        self.is_starved = False
        self.messages = capacity_messages
        self.size_bytes = capacity_bytes
        self._set()

    def make(self, size: int, waiting: int, waiting_bytes: int, *, is_met: bool) -> bool:
        """Lease what one more message needs, and return whether there is room for it now.

        One message always has room before an empty inbox, as far as there is memory: else a value larger than the
        capacity in bytes could never pass. Where the capacity is no message at all, somebody must be there who
        takes it (``is_met``).
        """
        self.is_starved = False
        if waiting and (waiting >= self.capacity_messages or waiting_bytes + size > self.capacity_bytes):
            return False
        if not self.capacity_messages and not is_met:
            return False
        if self.lease is not None:
            needed = waiting_bytes + self.in_hand_bytes + size
            self.is_starved = not self.lease.reach(waiting + 1, needed, is_first=not waiting)
            self._set()
        return not self.is_starved

    def lease_for(self, messages: int, size: int) -> None:
        """Lease what so much needs that is to wait, as far as capacity allows it and there is memory."""
        if self.lease is not None:
            messages = min(messages, self.capacity_messages)
            size = min(size, self.capacity_bytes)
            self.lease.reach(messages, size + self.in_hand_bytes, is_first=False)
            self._set()

    def grow(self, waiting: int, waiting_bytes: int) -> bool:
        """Lease what so much needs, of which some has become larger; return whether it may be so large.

        Raises:
            MemoryBoundError: there is no memory for it.
        """
        if waiting > 1 and waiting_bytes > self.capacity_bytes:
            return False
        lease = self.lease
        if lease is not None:
            needed = waiting_bytes + self.in_hand_bytes
            if not lease.reach(waiting, needed, is_first=False):
                lease.account.ledger.require(lease.account.owner, max(0, needed - lease.size_bytes))
                return False
            self._set()
        return True

    def cover(self, messages: int, size: int) -> None:
        """Lease what so much needs, whatever the bounds: it waits already."""
        if self.lease is not None:
            self.lease.cover(messages, size + self.in_hand_bytes)
            self._set()

    def widen(self, capacity_messages: int) -> None:
        """Let so many messages wait from now on, or so few."""
        self.capacity_messages = self.messages = capacity_messages
        self._set()

    def shrink(self, waiting: int, waiting_bytes: int) -> None:
        """Give back what the lease has beyond the need of what waits or is in hand, and a slack."""
        lease = self.lease
        if lease is not None and lease.charged_bytes > waiting_bytes + MESSAGE_BYTES * waiting + SLACK_BYTES:
            lease.shrink(waiting, waiting_bytes)
            self._set()

    def put_down(self, waiting: int, waiting_bytes: int) -> None:
        """Let go of what is in hand; so much waits. An ``Inbox`` does it in its own lines, for each batch."""
        if self.in_hand_bytes:
            self.size_bytes = min(self.size_bytes + self.in_hand_bytes, self.capacity_bytes)
            self.in_hand_bytes = 0
            self.shrink(waiting, waiting_bytes)

    def _set(self) -> None:
        if self.lease is not None:
            self.messages = min(self.lease.messages, self.capacity_messages)
            self.size_bytes = min(self.lease.size_bytes - self.in_hand_bytes, self.capacity_bytes)
