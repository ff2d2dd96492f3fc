"""The memory that tenants cause, in bytes: by owner and in all, each within a bound.

Nothing is allocated here. Whoever keeps something for a tenant charges its size first and releases it when it is
gone; what would go beyond a bound is refused before it is made. Sizes are estimates that lean to the high side:
the bytes of a value, and for each object around it a fixed overhead that was measured.

    Ledger ──── bound of the process
      ├── what each owner has been charged, and the bound of one owner
      └── Account: one holder's share of its owner's, such as an execution's or a request's; closed as a whole

A part of each bound is a reserve that only work under way may use: what lies in front of a door can wait, while
what runs frees memory by going on. So a flood of requests cannot take from running graphs what they need to end.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import msgspec

from engine.errors import MemoryBoundError, OwnerMemoryError, ProcessMemoryError, ResidentMemoryError

Kind = Literal[
    "executions",
    "inboxes",
    "held",
    "outcomes",
    "handlers",
    "states",
    "logs",
    "outputs",
    "recordings",
    "checkpoints",
    "history",
    "graphs",
    "components",
    "requests",
    "bodies",
    "replies",
    "feeds",
    "sockets",
    "guests",
]
"""The use that memory is put to; a label of the metrics, so there are few."""

RESERVED_SHARE = 0.125
"""The part of a runtime's bounds that only work under way may use: 12 of 96 MB hold any one value."""

PROCESS_SETTING = "MAX_MEMORY_BYTES"
OWNER_SETTING = "ORG_MAX_MEMORY_BYTES"


class LedgerStatistics(msgspec.Struct, frozen=True):
    """A snapshot.

    Attributes:
        held_bytes: charged and not released, of all owners.
        peak_bytes: the most that this has been.
        kinds: the same by what it is used for.
        owners: the number of owners that hold anything.
        refused_by_owner: charges refused because of an owner's bound.
        refused_by_process: charges refused because of the bound of the process, or of its resident memory.
        shut_for: why nothing new is taken in; empty where it is.
    """

    held_bytes: int
    peak_bytes: int
    kinds: Mapping[Kind, int]
    owners: int
    refused_by_owner: int
    refused_by_process: int
    shut_for: str


class Ledger:
    """The charges of all owners.

    Args:
        process_bytes: the bound of all owners together; 0 for none.
        owner_bytes: the bound of each owner; 0 for none.
        reserved_share: the part of both bounds that only work under way may use, from 0 to 1.
    """

    def __init__(self, process_bytes: int, owner_bytes: int, *, reserved_share: float = 0.0) -> None:
        self.process_bytes = process_bytes
        self.owner_bytes = owner_bytes
        self._open_process_bytes = int(process_bytes * (1 - reserved_share))
        self._open_owner_bytes = int(owner_bytes * (1 - reserved_share))
        self._held_bytes = 0
        self._peak_bytes = 0
        self._owners: dict[str, int] = {}
        self._kinds: Counter[Kind] = Counter()
        self._refused_by_owner = 0
        self._refused_by_process = 0
        self._shut_for = ""

    @property
    def held_bytes(self) -> int:
        """The bytes charged and not released, of all owners."""
        return self._held_bytes

    def held_by(self, owner: str) -> int:
        """Return the bytes charged to one owner and not released."""
        return self._owners.get(owner, 0)

    def account(self, owner: str) -> "Account":
        """Make a new account of an owner; it costs nothing until it is charged."""
        return Account(self, owner)

    def statistics(self) -> LedgerStatistics:
        """Return a snapshot of now."""
        return LedgerStatistics(
            held_bytes=self._held_bytes,
            peak_bytes=self._peak_bytes,
            kinds={kind: size for kind, size in self._kinds.items() if size},
            owners=len(self._owners),
            refused_by_owner=self._refused_by_owner,
            refused_by_process=self._refused_by_process,
            shut_for=self._shut_for,
        )

    @property
    def shut_for(self) -> str:
        """The reason why nothing new is taken in, whatever was charged; empty while the ledger is open."""
        return self._shut_for

    def shut(self, reason: str) -> None:
        """Take in nothing new from now on, whatever was charged; what is under way goes on within its bounds."""
        self._shut_for = reason

    def open(self) -> None:
        """Take in again what is within the bounds."""
        self._shut_for = ""

    def refusal(self, owner: str, size_bytes: int, *, is_under_way: bool = False) -> MemoryBoundError | None:
        """Return why so much more could not be charged to an owner now; None where it could."""
        if self._shut_for and not is_under_way:
            return ResidentMemoryError(self._shut_for)
        bound = self.owner_bytes if is_under_way else self._open_owner_bytes
        if bound and self._owners.get(owner, 0) + size_bytes > bound:
            return OwnerMemoryError(size_bytes, self.owner_bytes, OWNER_SETTING)
        bound = self.process_bytes if is_under_way else self._open_process_bytes
        if bound and self._held_bytes + size_bytes > bound:
            return ProcessMemoryError(size_bytes, self.process_bytes, PROCESS_SETTING)
        return None

    def require(self, owner: str, size_bytes: int) -> None:
        """Refuse what could not be charged to an owner now; nothing is charged.

        Raises:
            MemoryBoundError: a bound would be exceeded.
        """
        self._check(owner, size_bytes, is_under_way=False)

    def _check(self, owner: str, size_bytes: int, *, is_under_way: bool) -> None:
        refusal = self.refusal(owner, size_bytes, is_under_way=is_under_way)
        if refusal is None:
            return
        if isinstance(refusal, OwnerMemoryError):
            self._refused_by_owner += 1
        else:
            self._refused_by_process += 1
        try:
            raise refusal
        finally:
            del refusal  # or it would hold the frames that it has left, and what was refused with them

    def _add(self, owner: str, size_bytes: int, kind: Kind) -> None:
        if size_bytes < 0:
            raise AssertionError(f"a charge of {size_bytes} bytes")
        if size_bytes:
            self._owners[owner] = self._owners.get(owner, 0) + size_bytes
            self._held_bytes += size_bytes
            self._kinds[kind] += size_bytes
            self._peak_bytes = max(self._peak_bytes, self._held_bytes)

    def _try_add(self, owner: str, size_bytes: int, kind: Kind, *, is_under_way: bool) -> bool:
        """Do as ``refusal`` and ``_add`` in one go: inboxes call it for each batch of large messages."""
        of_owner = self._owners.get(owner, 0) + size_bytes
        in_all = self._held_bytes + size_bytes
        if is_under_way:
            owner_bound, process_bound = self.owner_bytes, self.process_bytes
        else:
            owner_bound, process_bound = self._open_owner_bytes, self._open_process_bytes
            if self._shut_for:
                return False
        if (owner_bound and of_owner > owner_bound) or (process_bound and in_all > process_bound):
            return False
        if size_bytes > 0:
            self._owners[owner] = of_owner
            self._held_bytes = in_all
            self._kinds[kind] += size_bytes
            self._peak_bytes = max(self._peak_bytes, in_all)
        elif size_bytes:
            raise AssertionError(f"a charge of {size_bytes} bytes")
        return True

    def _release(self, owner: str, size_bytes: int, kind: Kind) -> None:
        left = self._owners.get(owner, 0) - size_bytes
        if left:
            self._owners[owner] = left
        else:
            self._owners.pop(owner, None)
        self._held_bytes -= size_bytes
        self._kinds[kind] -= size_bytes


class Account:
    """One holder's share of what its owner has been charged. Made by :meth:`Ledger.account`.

    It can be closed as a whole, so that whoever holds something need not remember how much of what it was.
    """

    __slots__ = ("_kinds", "_ledger", "owner")

    def __init__(self, ledger: Ledger, owner: str) -> None:
        self._ledger = ledger
        self.owner = owner
        self._kinds: dict[Kind, int] = {}

    @property
    def ledger(self) -> Ledger:
        """The ledger that it is an account of."""
        return self._ledger

    @property
    def held_bytes(self) -> int:
        """The bytes charged to this account and not released."""
        return sum(self._kinds.values())

    def held(self, kind: Kind) -> int:
        """Return those of the account's bytes that are for one use."""
        return self._kinds.get(kind, 0)

    def refusal(self, size_bytes: int) -> MemoryBoundError | None:
        """Return why so much more could not be charged for work under way; None where it could."""
        return self._ledger.refusal(self.owner, size_bytes, is_under_way=True)

    def charge(self, size_bytes: int, kind: Kind, *, is_under_way: bool = False) -> None:
        """Take note of memory that is about to be used.

        Args:
            size_bytes: the size; not negative.
            kind: the use that it is for.
            is_under_way: whether work that has been accepted needs it to go on; it may use the reserve.

        Raises:
            MemoryBoundError: a bound would be exceeded; nothing was charged.
        """
        self._ledger._check(self.owner, size_bytes, is_under_way=is_under_way)  # noqa: SLF001 - one file
        self.note(size_bytes, kind)

    def try_charge(self, size_bytes: int, kind: Kind, *, is_under_way: bool = False) -> bool:
        """Charge as ``charge`` does; return whether it was charged, and count no refusal where it was not."""
        if not self._ledger._try_add(self.owner, size_bytes, kind, is_under_way=is_under_way):  # noqa: SLF001
            return False
        self._kinds[kind] = self._kinds.get(kind, 0) + size_bytes
        return True

    def note(self, size_bytes: int, kind: Kind) -> None:
        """Charge what is there already and cannot be refused any more, whatever the bounds."""
        self._ledger._add(self.owner, size_bytes, kind)  # noqa: SLF001 - one file
        self._kinds[kind] = self._kinds.get(kind, 0) + size_bytes

    def release(self, size_bytes: int, kind: Kind) -> None:
        """Take note of memory that is used no more.

        Raises:
            AssertionError: less than that was charged for this use: a fault of ours.
        """
        left = self._kinds.get(kind, 0) - size_bytes
        if left < 0 or size_bytes < 0:
            raise AssertionError(f"{size_bytes} bytes released of {left + size_bytes} for {kind}")
        self._kinds[kind] = left
        self._ledger._release(self.owner, size_bytes, kind)  # noqa: SLF001 - one file

    def adjust(self, size_bytes: int, kind: Kind, *, is_under_way: bool = False) -> None:
        """Let what is held for a use be so much from now on: charge or release the difference.

        Raises:
            MemoryBoundError: a bound would be exceeded; nothing has changed.
        """
        more = size_bytes - self._kinds.get(kind, 0)
        if more > 0:
            self.charge(more, kind, is_under_way=is_under_way)
        elif more:
            self.release(-more, kind)

    def close(self) -> None:
        """Release everything that was charged to this account. It may be charged again."""
        for kind, size_bytes in list(self._kinds.items()):
            self.release(size_bytes, kind)
        self._kinds.clear()
