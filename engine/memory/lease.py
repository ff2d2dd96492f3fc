"""The messages and bytes that an inbox may hold without asking the ledger of memory again.

Memory is charged in steps, so that small traffic asks once and large traffic rarely. A message counts with its
bytes and with what Python needs around them, in each inbox that it waits in: values that fan out are shared, but
who lets go of one last is not known beforehand, and counting references would cost every message. A few small
messages are paid for with the execution, so that they get through also where the ledger is full.
"""

from engine.memory.ledger import Account

MESSAGE_BYTES = 160
"""The bytes of a message beside its value: 130 were measured for it, its number and its places in queues."""

PREPAID_MESSAGES = 8
PREPAID_BYTES = 1024
"""The messages and bytes that an inbox may always hold; part of an execution's charge for each node."""

_STEP_MESSAGES = 64
_STEP_BYTES = 4 * 1024
_LARGE_STEP_BYTES = 64 * 1024
"""The steps in which more is charged than is needed at the moment."""

SLACK_BYTES = 32 * 1024
"""The bytes that may be charged and not used: so that a busy node keeps what it needs from batch to batch."""


class Lease:
    """A part of an account, in messages and in bytes.

    Args:
        account: the execution's.

    Attributes:
        messages: that may be held.
        size_bytes: of values that may be held.
        charged_bytes: what is charged for both, beyond what is prepaid.
    """

    __slots__ = ("_account", "charged_bytes", "messages", "size_bytes")

    def __init__(self, account: Account) -> None:
        self._account = account
        self.charged_bytes = 0
        self.messages = PREPAID_MESSAGES
        self.size_bytes = PREPAID_BYTES

    @property
    def account(self) -> Account:
        """The account that it is a part of."""
        return self._account

    def reach(self, messages: int, size_bytes: int, *, is_first: bool) -> bool:
        """Make the lease so large at least; a step larger where there is memory for it. Say whether it could be.

        The reserve is for the first message of an empty inbox: it makes a node work that has nothing to do. What
        only makes queues longer must leave it alone, or those behind could not get rid of what they have.
        """
        more_messages = max(0, messages - self.messages)
        more_bytes = max(0, size_bytes - self.size_bytes)
        step_messages = _STEP_MESSAGES if more_messages else 0
        step_bytes = 0
        if more_bytes:
            step_bytes = _LARGE_STEP_BYTES if size_bytes > _LARGE_STEP_BYTES else _STEP_BYTES
        return self._grow(more_messages + step_messages, more_bytes + step_bytes, is_first=False) or self._grow(
            more_messages, more_bytes, is_first=is_first
        )

    def cover(self, messages: int, size_bytes: int) -> None:
        """Make the lease so large at least, whatever the bounds: it is there already."""
        more_messages = max(0, messages - self.messages)
        more_bytes = max(0, size_bytes - self.size_bytes)
        self._account.note(more_messages * MESSAGE_BYTES + more_bytes, "inboxes")
        self._add(more_messages, more_bytes)

    def _grow(self, more_messages: int, more_bytes: int, *, is_first: bool) -> bool:
        charge = more_messages * MESSAGE_BYTES + more_bytes
        if not self._account.try_charge(charge, "inboxes", is_under_way=is_first):
            return False
        self._add(more_messages, more_bytes)
        return True

    def _add(self, more_messages: int, more_bytes: int) -> None:
        self.messages += more_messages
        self.size_bytes += more_bytes
        self.charged_bytes += more_messages * MESSAGE_BYTES + more_bytes

    def shrink(self, messages: int, size_bytes: int) -> None:
        """Give back what goes more than a step beyond so much."""
        messages = max(PREPAID_MESSAGES, min(self.messages, messages + _STEP_MESSAGES))
        size_bytes = max(PREPAID_BYTES, min(self.size_bytes, size_bytes + _STEP_BYTES))
        release = (self.messages - messages) * MESSAGE_BYTES + self.size_bytes - size_bytes
        if release:
            self._account.release(release, "inboxes")
            self.charged_bytes -= release
            self.messages, self.size_bytes = messages, size_bytes

    def close(self) -> None:
        """Give all of it back: nothing is held by it any more."""
        self._account.release(self.charged_bytes, "inboxes")
        self.charged_bytes = 0
