"""The lineage of a message: what it came of, and what came of it, across branches, joins and what was held.

Everything follows from the records themselves: each value names its cause, and what was made of several messages
names those. Read from the beginning, what is asked about may lie anywhere, so all of them are looked at.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing

import msgspec
import trio

from engine.errors import RecordNotFoundError
from engine.journal.head import Head
from engine.journal.history import Names
from engine.journal.records import Emitted, Failed, Fired, Injected, Invoked, Made, Reader, Record
from proto.recording import LineageReply

MOST_RECORDS = 1_000
"""Records of each of the two lists."""

VALUE_BYTES = 16 * 1024
"""Bytes of a value that is shown."""


class _Links(msgspec.Struct):
    """The links between records, by number."""

    records: dict[int, Record]
    causes: dict[int, tuple[int, ...]]
    consequences: dict[int, list[int]]


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
    names = Names(head)
    causes = list(_reached(sequence, lambda number: links.causes.get(number, ())))
    consequences = sorted(_reached(sequence, lambda number: links.consequences.get(number, ())))
    is_cut = max(len(causes), len(consequences)) > MOST_RECORDS
    return LineageReply(
        sequence=sequence,
        record=names.told(record, VALUE_BYTES),
        causes=[names.told(links.records[each], VALUE_BYTES) for each in causes[:MOST_RECORDS]],
        consequences=[names.told(links.records[each], VALUE_BYTES) for each in consequences[:MOST_RECORDS]],
        is_complete=is_complete and not is_cut and head.level == "full",
    )


def _reached(start: int, following: Callable[[int], Iterable[int]]) -> Iterator[int]:
    """Yield all numbers that are reached from one, the nearest first, each once."""
    seen, waiting = {start}, deque([start])
    while waiting:
        for number in following(waiting.popleft()):
            if number not in seen:
                seen.add(number)
                waiting.append(number)
                yield number


async def _linked(head: Head, chunks: AsyncGenerator[bytes]) -> _Links:
    links = _Links({}, {}, {})
    reader = Reader(head.shape)
    held: dict[int, deque[int]] = {}  # by node, what it was called with and has not been accounted for
    made: dict[int, tuple[int, ...]] = {}
    async with aclosing(chunks):
        async for body in chunks:
            for record in reader.read(body):
                _take(record, links, held, made)
            await trio.lowlevel.checkpoint()
    return links


def _take(record: Record, links: _Links, held: dict[int, deque[int]], made: dict[int, tuple[int, ...]]) -> None:
    """Take one more record, and link it with those before it."""
    causes: tuple[int, ...] = ()
    match record:
        case Invoked():
            held.setdefault(record.node, deque()).append(record.cause)
            return
        case Made():
            own = held.setdefault(record.node, deque())
            messages = record.messages
            if not messages:
                messages = [own.popleft() for _ in range(min(record.count, len(own)))]
            made[record.number] = (*messages, *([record.cause] if record.cause not in messages else []))
            return
        case Emitted():
            causes = made.get(record.cause) or ((record.cause,) if record.cause else ())
        case Failed():
            causes = (record.cause,)
        case Injected() | Fired():
            pass
        case _:
            return
    links.records[record.number] = record
    links.causes[record.number] = known = tuple(each for each in causes if each in links.records)
    for each in known:
        links.consequences.setdefault(each, []).append(record.number)
