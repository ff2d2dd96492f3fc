"""The versions of what is replaced in place: of graphs and of components, the present one and those before.

They are kept in memory, behind the few methods of :class:`VersionStore`, and charged to their owner; what is to
outlive the process is written before (``engine.keeping``). How many there are is bounded in number and in bytes;
one that is in use stays, whatever the bounds. What a version holds is not known here.
"""

from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

import msgspec

from engine.errors import PreconditionFailedError, VersionNotFoundError
from engine.limits import EngineLimits
from engine.memory.ledger import Account, Kind, Ledger

T = TypeVar("T")

ANY = "*"
"""The tag that every version has besides its own."""

_TAG_DIGITS = 16


def tag_of(number: int, sha256: str) -> str:
    """Return the tag that tells a version from all others of its id."""
    return f"{number}-{sha256[:_TAG_DIGITS]}"


class Version(msgspec.Struct, Generic[T], frozen=True):
    """One version of something.

    Attributes:
        number: counted from 1; no two of one id have the same.
        content: what it is.
        sha256: of what its author wrote; equal ones have the same content.
        size_bytes: of memory that it takes, roughly.
        made_at: ISO 8601 in UTC.
        made_by: the id of who made it; "" where nobody asks.
    """

    number: int
    content: T
    sha256: str
    size_bytes: int
    made_at: str
    made_by: str = ""

    @property
    def tag(self) -> str:
        """The tag that tells it from all others of its id, whether they come before or after."""
        return tag_of(self.number, self.sha256)


class Condition(msgspec.Struct, frozen=True):
    """A demand on the present version, for a change to be made (RFC 9110, section 13.1).

    Attributes:
        any_of: tags of which the present version has one; None where it may be whichever it is, or none.
        none_of: tags of which it has none.
    """

    any_of: frozenset[str] | None = None
    none_of: frozenset[str] = frozenset()

    def check(self, identifier: str, tag: str | None) -> None:
        """Refuse a change that was meant for another version than there is.

        Args:
            identifier: of what is to be changed, for the message.
            tag: of its present version; None where there is none.

        Raises:
            PreconditionFailedError: the condition does not hold.
        """
        tags = set() if tag is None else {tag, ANY}
        if (self.any_of is not None and tags.isdisjoint(self.any_of)) or not tags.isdisjoint(self.none_of):
            raise PreconditionFailedError(identifier, tag)


UNCONDITIONAL = Condition()


class _Kept(Generic[T]):
    """The versions of one id, oldest first, and what they are charged to."""

    __slots__ = ("account", "versions")

    def __init__(self, account: Account) -> None:
        self.account = account
        self.versions: dict[int, Version[T]] = {}


class VersionStore(Generic[T]):
    """The versions of all things of one kind, by owner and id.

    Args:
        kind: what they are charged as.
        ledger: charged with them.
        limits: how many are kept of each, and how much.
    """

    def __init__(self, kind: Kind, ledger: Ledger, limits: EngineLimits) -> None:
        self._kind = kind
        self._ledger = ledger
        self._limits = limits
        self._kept: dict[tuple[str, str], _Kept[T]] = {}

    def present(self, owner: str, identifier: str) -> Version[T] | None:
        """Return the version that was kept last; None where there is none."""
        kept = self._kept.get((owner, identifier))
        return None if kept is None else kept.versions[next(reversed(kept.versions))]

    def history(self, owner: str, identifier: str) -> list[Version[T]]:
        """Return all versions that are kept, oldest first."""
        kept = self._kept.get((owner, identifier))
        return [] if kept is None else list(kept.versions.values())

    def version(self, owner: str, identifier: str, number: int) -> Version[T]:
        """Return one version.

        Raises:
            VersionNotFoundError: there is none of this number any more, or there never was.
        """
        kept = self._kept.get((owner, identifier))
        found = None if kept is None else kept.versions.get(number)
        if found is None:
            raise VersionNotFoundError(identifier, number, [] if kept is None else list(kept.versions))
        return found

    def outgoing(
        self, owner: str, identifier: str, size_bytes: int, used: Collection[int] = ()
    ) -> tuple[int, ...]:
        """Return which versions of an id go when one of this size comes, the oldest first; nothing is changed.

        They are those for which there is no memory beside it, and then those that are too many.

        Args:
            owner: whose it is.
            identifier: what it is a version of.
            size_bytes: of the new one.
            used: numbers of versions that stay.

        Raises:
            MemoryBoundError: memory is at its bound without them, too.
        """
        kept = self._kept.get((owner, identifier))
        staying = {} if kept is None else {each.number: each.size_bytes for each in kept.versions.values()}
        present = next(reversed(staying), None)
        gone: list[int] = []
        freed = 0
        for number in [number for number in staying if number not in used and number != present]:
            if self._ledger.refusal(owner, max(0, size_bytes - freed)) is None:
                break
            freed += staying.pop(number)
            gone.append(number)
        self._ledger.require(owner, max(0, size_bytes - freed))
        for number in [number for number in staying if number not in used]:
            if not self._are_too_many(staying):
                break
            del staying[number]
            gone.append(number)
        return tuple(gone)

    def _are_too_many(self, old: Mapping[int, int]) -> bool:
        """Tell whether versions, by their sizes, are more than may be kept beside a new one."""
        return len(old) + 1 > self._limits.kept_versions or sum(old.values()) > self._limits.kept_version_bytes

    def keep(self, owner: str, identifier: str, version: Version[T], outgoing: Collection[int] = ()) -> None:
        """Keep a version as the present one, and let go of those that :meth:`outgoing` has named.

        Args:
            owner: whose it is; charged with it.
            identifier: what it is a version of.
            version: its number is greater than all before.
            outgoing: numbers of those that go.
        """
        kept = self._kept.get((owner, identifier))
        if kept is None:
            kept = self._kept[owner, identifier] = _Kept(self._ledger.account(owner))
        kept.account.note(version.size_bytes, self._kind)
        kept.versions[version.number] = version
        for number in outgoing:
            kept.account.release(kept.versions.pop(number).size_bytes, self._kind)

    def forget(self, owner: str, identifier: str) -> None:
        """Let go of all versions of an id; nothing happens where there is none."""
        kept = self._kept.pop((owner, identifier), None)
        if kept is not None:
            kept.account.close()
