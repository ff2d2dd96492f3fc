"""The promises of a store: records by kind, owner and key, and streams of entries; written all or none, durable.

A record is what is true now, such as a graph. A stream is what has happened, such as the messages of an execution:
numbered entries that are only ever added at its end, and taken away at its beginning.

Another store, such as one in Postgres, keeps the same promises behind :class:`Store`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

import msgspec

MAX_NUMBER = 2**63 - 1
"""The greatest number of an entry."""


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


class Stream(msgspec.Struct, frozen=True, gc=False):
    """The name of a stream; it is there as long as there are entries, and need not be made.

    Attributes:
        kind: such as ``recording``; a short word of the program's own.
        owner: whose it is; "" where nobody asks.
        key: tells it from all others of its kind and owner.
    """

    kind: str
    owner: str
    key: str


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a stream.

    Attributes:
        number: greater than that of the entry before it, below 2**63.
        body: bytes whose form the kind of the stream decides.
        made_ms: when it was made, in milliseconds since 1970.
    """

    number: int
    body: bytes
    made_ms: int = 0


class Append(msgspec.Struct, frozen=True, gc=False):
    """Entries that go to the end of a stream.

    Attributes:
        stream: the stream.
        entries: in the order of their numbers, which are greater than any that the stream has or had.
    """

    stream: Stream
    entries: Sequence[Entry]


class Trim(msgspec.Struct, frozen=True, gc=False):
    """Entries at the beginning of a stream that are to go: all to which one of these applies.

    Attributes:
        stream: the stream; nothing happens where it is not there.
        first: those with lower numbers.
        made_before_ms: those that were made before, and before any that was made later.
        most_bytes: those beyond which the bodies of the others have so many bytes; None for no such bound.
    """

    stream: Stream
    first: int = 0
    made_before_ms: int = 0
    most_bytes: int | None = None


class Drop(msgspec.Struct, frozen=True, gc=False):
    """A stream that is to go, with all its entries; nothing happens where it is not there.

    Attributes:
        stream: the stream.
    """

    stream: Stream


RecordChange = Record | Removal
"""A record takes the place of the one with its kind, owner and key, and keeps that one's place in the order."""

Change = RecordChange | Append | Trim | Drop


class StreamSize(msgspec.Struct, frozen=True):
    """The size of a stream.

    Attributes:
        stream: the stream.
        first: the number of its first entry.
        last: that of its last one.
        size_bytes: of all bodies, and a little for each entry; of those that have just been trimmed, too, for a
            moment.
        oldest_ms: when its first entry was made, in milliseconds since 1970.
    """

    stream: Stream
    first: int
    last: int
    size_bytes: int
    oldest_ms: int


class StoreSize(msgspec.Struct, frozen=True):
    """The size of a store.

    Attributes:
        records: how many there are, without the entries of streams.
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

        What only takes away is done also where the store is full.

        A caller that is cancelled meanwhile still gets the answer: nobody is left in doubt whether they were made.
        """

    def read_all(self, kind: str) -> AsyncIterator[Record]:
        """Read all records of a kind, in the order in which their keys first came."""

    async def read(self, kind: str, owner: str, key: str) -> Record | None:
        """Read one record; None where there is none."""

    def read_entries(self, stream: Stream, first: int = 0, last: int = MAX_NUMBER) -> AsyncGenerator[Entry]:
        """Read the entries of a stream with these numbers, in order; what is trimmed meanwhile may be missing."""

    def read_streams(self, kind: str) -> AsyncIterator[StreamSize]:
        """Measure all streams of a kind, in the order in which they began."""

    async def measure(self) -> StoreSize:
        """Measure the store."""
