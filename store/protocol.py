"""The promises of a store: records by kind, owner and key, written all or none, and durable.

Another store, such as one in Postgres, keeps the same promises behind :class:`Store`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec


class Record(msgspec.Struct, frozen=True, gc=False):
    """One thing that is kept.

    Attributes:
        kind: such as ``graph``; a short word of the program's own.
        owner: whose it is; "" where nobody asks.
        key: tells it from all others of its kind and owner.
        body: bytes whose form the kind decides.
    """

    kind: str
    owner: str
    key: str
    body: bytes


class Removal(msgspec.Struct, frozen=True, gc=False):
    """A record that is to go; nothing happens where there is none.

    Attributes:
        kind: as of the record.
        owner: likewise.
        key: likewise.
    """

    kind: str
    owner: str
    key: str


Change = Record | Removal
"""A record takes the place of the one with its kind, owner and key, and keeps that one's place in the order."""


class StoreSize(msgspec.Struct, frozen=True):
    """The size of a store.

    Attributes:
        records: how many there are.
        bytes_used: of the file, without what is free in it.
        bytes_bound: what it may have at most.
    """

    records: int
    bytes_used: int
    bytes_bound: int


class Store(Protocol):
    """A store that is open. Every method raises :class:`store.errors.StoreError` when it cannot do its work."""

    async def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, in their order, or none; when this returns they outlive a crash and a power failure.

        A caller that is cancelled meanwhile still gets the answer: nobody is left in doubt whether they were made.
        """

    def read_all(self, kind: str) -> AsyncIterator[Record]:
        """Read all records of a kind, in the order in which their keys first came."""

    async def read(self, kind: str, owner: str, key: str) -> Record | None:
        """Read one record; None where there is none."""

    async def measure(self) -> StoreSize:
        """Measure the store."""
