"""The charges for bodies and replies under way, for as long as they are: by owner, and in all. Pure.

A body is kept until it is whole, and a reply until its caller has read it; either may be as large as a message,
and a caller may take their time over hundreds of them. Both are charged to the runtime's ledger, and each to a
narrower one beside it: whatever is on its way may hold a part of what may be held at all, and never what running
graphs need. Small requests may use the reserve of the narrower bounds: whoever fills the rest with large ones
keeps nobody from sending messages.
"""

from typing import Literal

from engine.errors import MemoryBoundError, OwnerMemoryError, ProcessMemoryError
from engine.memory.ledger import OWNER_SETTING, PROCESS_SETTING, RESERVED_SHARE, Account, Ledger

Kind = Literal["bodies", "replies"]

TRANSIT_SHARE = 0.5
"""The part of either bound of memory that bodies may hold, and replies as well."""

SMALL_BYTES = 192 * 1024
"""The most that a request may hold and still use the reserve."""


_WHOSE: dict[tuple[Kind, bool], str] = {
    ("bodies", True): "What your requests under way hold",
    ("bodies", False): "What all requests under way hold",
    ("replies", True): "What your unread replies hold",
    ("replies", False): "What all unread replies hold",
}
"""The name of what is at its bound, by kind and whether it is an owner's."""


class Transit:
    """The memory of what is under way, of bodies or of replies.

    Args:
        ledger: the runtime's.
        kind: which of the two.
    """

    def __init__(self, ledger: Ledger, kind: Kind) -> None:
        self._ledger = ledger
        self._kind: Kind = kind
        bounds = int(ledger.process_bytes * TRANSIT_SHARE), int(ledger.owner_bytes * TRANSIT_SHARE)
        self._narrow = Ledger(*bounds, reserved_share=RESERVED_SHARE)

    @property
    def held_bytes(self) -> int:
        """The bytes under way now."""
        return self._narrow.held_bytes

    def load(self, owner: str) -> "TransitLoad":
        """Return the load of a new request, which holds nothing yet."""
        return TransitLoad(self._kind, self._narrow.account(owner), self._ledger.account(owner))


class TransitLoad:
    """The memory that one request holds of one kind. Made by :meth:`Transit.load`."""

    __slots__ = ("_account", "_kind", "_narrow", "_size_bytes")

    def __init__(self, kind: Kind, narrow: Account, account: Account) -> None:
        self._kind: Kind = kind
        self._narrow = narrow
        self._account = account
        self._size_bytes = 0

    @property
    def held_bytes(self) -> int:
        """The bytes held now."""
        return self._size_bytes

    @property
    def owner(self) -> str:
        """The owner to whom it is charged."""
        return self._account.owner

    def hold(self, size_bytes: int) -> None:
        """Hold so much from now on.

        Raises:
            MemoryBoundError: it is more than before, and too much; what was held is held on.
        """
        is_small = size_bytes <= SMALL_BYTES
        try:
            self._narrow.adjust(size_bytes, self._kind, is_under_way=is_small)
        except MemoryBoundError as error:
            raise self._narrower(size_bytes, error) from None
        try:
            self._account.adjust(size_bytes, self._kind, is_under_way=is_small)
        except MemoryBoundError:
            self._narrow.adjust(self._size_bytes, self._kind, is_under_way=True)
            raise
        self._size_bytes = size_bytes

    def hold_more(self, size_bytes: int) -> None:
        """Hold so much beside what is held.

        Raises:
            MemoryBoundError: it is too much; what was held is held on.
        """
        self.hold(self._size_bytes + size_bytes)

    def belong_to(self, owner: str) -> None:
        """Let the owner be another from now on, because it is known now.

        Raises:
            MemoryBoundError: that owner holds too much; the load is as it was.
        """
        if owner != self._account.owner:
            other = TransitLoad(
                self._kind, self._narrow.ledger.account(owner), self._account.ledger.account(owner)
            )
            size_bytes = self._size_bytes
            self.close()  # or the bounds of the process would see it twice
            try:
                other.hold(size_bytes)
            except MemoryBoundError:
                self.note(size_bytes)
                raise
            self._narrow, self._account, self._size_bytes = other._narrow, other._account, size_bytes

    def close(self) -> None:
        """Hold nothing any more."""
        self._narrow.close()
        self._account.close()
        self._size_bytes = 0

    def note(self, size_bytes: int) -> None:
        """Hold so much beside what is held, whatever the bounds."""
        self._narrow.note(size_bytes, self._kind)
        self._account.note(size_bytes, self._kind)
        self._size_bytes += size_bytes

    def _narrower(self, size_bytes: int, error: MemoryBoundError) -> MemoryBoundError:
        """Return the same refusal, saying what is at its bound."""
        is_own = isinstance(error, OwnerMemoryError)
        ledger = self._narrow.ledger
        bound = ledger.owner_bytes if is_own else ledger.process_bytes
        setting = f"half of {OWNER_SETTING if is_own else PROCESS_SETTING}"
        whose = _WHOSE[self._kind, is_own]
        more = size_bytes - self._size_bytes
        return (OwnerMemoryError if is_own else ProcessMemoryError)(more, bound, setting, whose=whose)
