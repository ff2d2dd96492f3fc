"""The lineage of a message: what it came of, and what came of it, across branches, joins and what was held.

Everything follows from the records themselves: each value names its cause, and what was made of several messages
names those. Read from the beginning, what is asked about may lie anywhere, so all of them are looked at.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

import msgspec
import trio

from engine.cooperative.slices import Breaks
from engine.errors import RecordNotFoundError
from engine.journal.head import Head, decode_head
from engine.journal.history import PAGE_BYTES, RECORDS_BETWEEN_LOOKS, Names, weight_of
from engine.journal.records import Emitted, Failed, Fired, Injected, Invoked, Made, Reader, Record, Revised
from proto.recording import HistoryRecord, LineageReply

MOST_RECORDS = 1_000
"""Records of each of the two lists."""

VALUE_BYTES = 16 * 1024
"""Bytes of a value that is shown."""


class _Links(msgspec.Struct):
    """The links between records, by number; what was made of several messages has its own."""

    records: dict[int, Record]
    causes: dict[int, tuple[int, ...]]
    consequences: dict[int, list[int]]
    revisions: list[Revised]


class _NamesAt:
    """The names of what records speak of, each in the revision of its number."""

    def __init__(self, head: Head, revisions: Sequence[Revised]) -> None:
        self._numbers = [0, *[each.number for each in revisions]]
        self._names = [
            Names(head),
            *[Names(decode_head(each.head), head.began_ms) for each in revisions],
        ]

    def told(self, record: Record, value_bytes: int) -> HistoryRecord:
        """Return a record as people read it."""
        place = bisect_right(self._numbers, record.number) - 1
        return self._names[place].told(record, value_bytes)


async def read_lineage(
    head: Head, chunks: AsyncGenerator[bytes], sequence: int, *, is_complete: bool
) -> LineageReply:
    """Find what a message came of, and what came of it.

    Args:
        head: of the recording.
        chunks: of it, all of them.
        sequence: the message's number.
        is_complete: whether the recording lacks nothing.

    Raises:
        RecordNotFoundError: there is none with this number.
        RecordingError: the recording is damaged.
    """
    links = await _linked(head, chunks)
    record = links.records.get(sequence)
    if record is None:
        raise RecordNotFoundError(str(sequence))
    names = _NamesAt(head, links.revisions)
    causes = [each for each in await _reached(sequence, links.causes) if each in links.records]
    consequences = sorted([each for each in await _reached(sequence, links.consequences) if each in links.records])
    lists = [_told(names, [links.records[each] for each in numbers]) for numbers in (causes, consequences)]
    is_cut = [len(each) for each in lists] != [len(causes), len(consequences)]
    return LineageReply(
        sequence=sequence,
        record=names.told(record, VALUE_BYTES),
        causes=lists[0],
        consequences=lists[1],
        is_complete=is_complete and not is_cut and head.level == "full",
    )


def _told(names: _NamesAt, records: Sequence[Record]) -> list[HistoryRecord]:
    """Return as many of the first records as a list may have, as people read them."""
    told: list[HistoryRecord] = []
    left_bytes = PAGE_BYTES // 2
    for record in records[:MOST_RECORDS]:
        told.append(names.told(record, VALUE_BYTES))
        left_bytes -= weight_of(told[-1])
        if left_bytes < 0:
            break
    return told


async def _reached(start: int, following: Mapping[int, Sequence[int]]) -> list[int]:
    """Return all numbers that are reached from one, the nearest first, each once."""
    seen, breaks = {start: None}, Breaks()
    waiting = deque([start])
    while waiting:
        for count, number in enumerate(following.get(waiting.popleft(), ())):
            if number not in seen:
                seen[number] = None
                waiting.append(number)
            if not count % RECORDS_BETWEEN_LOOKS:
                await breaks.offer()
    return list(seen)[1:]


async def _linked(head: Head, chunks: AsyncGenerator[bytes]) -> _Links:
    links = _Links({}, {}, {}, [])
    reader, breaks, looked_at = Reader(head.shape), Breaks(), 0
    held: dict[int, deque[int]] = {}  # by node, what it was called with and has not been accounted for
    async with aclosing(chunks):
        async for body in chunks:
            for record in reader.read(body):
                looked_at += 1
                if not looked_at % RECORDS_BETWEEN_LOOKS:
                    await breaks.offer()
                _take(record, links, held)
            await trio.lowlevel.checkpoint()
    return links


def _take(record: Record, links: _Links, held: dict[int, deque[int]]) -> None:
    """Take one more record, and link it with those before it."""
    causes: Sequence[int] = ()
    match record:
        case Invoked():
            held.setdefault(record.node, deque()).append(record.cause)
            return
        case Made():
            own = held.setdefault(record.node, deque())
            causes = record.messages or [own.popleft() for _ in range(min(record.count, len(own)))]
            if record.cause not in causes:
                causes = [*causes, record.cause]
        case Emitted():
            causes = (record.cause,) if record.cause else ()
        case Failed():
            causes = (record.cause,)
        case Injected() | Fired():
            pass
        case Revised():
            if not (record.is_again and links.causes):
                links.revisions.append(record)
            held.clear()  # those of other nodes, by their indices now
            return
        case _:
            return
    if not isinstance(record, Made):
        links.records[record.number] = record
    links.causes[record.number] = known = tuple([each for each in causes if each in links.causes])
    for each in known:
        links.consequences.setdefault(each, []).append(record.number)
