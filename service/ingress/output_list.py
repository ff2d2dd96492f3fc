"""All outputs that somebody waited for, in the order in which they left, as far as one reply may show them."""

import msgspec

from engine.memory.ledger import Account
from proto.execution import Output
from proto.message import Lane

LISTED_OUTPUTS = 10_000
"""Outputs that one reply lists: as many as an invocation may emit by default."""

LISTED_BYTES = 4 * 1024 * 1024
"""Values of them: as much as a page of a list. The last value of each port is shown beside them in any case."""

_ENTRY_BYTES = 250
"""Bytes of an entry beside its value: 240 were measured."""

_AT_ONCE = 20
"""Entries that are charged together."""

_NULL = msgspec.Raw(b"null")


class OutputList:
    """A list that grows to its bounds. What it keeps is charged until ``close``.

    Args:
        account: of whoever owns the execution.

    Attributes:
        entries: the outputs, the first ones; a value that found no room is null, with its size.
        is_truncated: whether there were others, or larger ones.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._value_bytes = 0
        self._charged_entries = 0
        self.entries: list[Output] = []
        self.is_truncated = False

    def add(self, sequence: int, node_id: str, port: str, value: bytes, lane: Lane) -> None:
        """List an output, if there is room."""
        if len(self.entries) >= LISTED_OUTPUTS or not self._is_entry_charged():
            self.is_truncated = True
            return
        size = len(value)
        if self._value_bytes + size <= LISTED_BYTES and self._account.try_charge(size, "replies"):
            self._value_bytes += size
            self.entries.append(Output(sequence, node_id, port, msgspec.Raw(value), lane))
        else:
            self.is_truncated = True
            self.entries.append(Output(sequence, node_id, port, _NULL, lane, size))

    def _is_entry_charged(self) -> bool:
        if len(self.entries) >= self._charged_entries:
            if not self._account.try_charge(_AT_ONCE * _ENTRY_BYTES, "replies"):
                return False
            self._charged_entries += _AT_ONCE
        return True

    def close(self) -> None:
        """Release all that it is charged: what it keeps is somebody else's from now on, or nobody's."""
        self._account.close()
