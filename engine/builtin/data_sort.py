"""``symbia.data.sort`` brings values that come almost in order into order.

It holds so many values, or each for so long, and gives out the least first. What comes when a later one has left
already is late, and leaves by another port: an order that is once told is never taken back.
"""

from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from itertools import count as counted
from typing import Any

import msgspec
import trio

from engine.builtin.core_delay import HELD_LIMIT_BYTES, HELD_LIMIT_MESSAGES
from engine.builtin.declare import declare, port
from engine.builtin.parts.fields import Field, key_text, number_of
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import KeptNumber, key_bytes, key_of, number_kept
from engine.builtin.parts.kept import number_of as number_kept_as
from engine.builtin.parts.leaving import at_once, unchanged
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.groups import together
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField
from proto.problem import Problem

COUNT_LIMIT = HELD_LIMIT_MESSAGES
TIME_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

_OUT, _LATE = 0, 1

DEFINITION = declare(
    "symbia.data.sort",
    "Sort",
    "Brings values that come almost in order into order.",
    inputs=(port("in", "An object with a number or a text to sort by."),),
    outputs=(
        port("out", "The values in order, unchanged; those that are equal as they came."),
        port("late", "Values that come when a later one has left, unchanged."),
    ),
    config={
        "field": ConfigField(
            type="string",
            description="The field that values are sorted by, numbers before texts; a dotted path reaches inside.",
            required=True,
        ),
        "count": ConfigField(
            type="integer",
            description="How many values are held; with one more, the least leaves. 0 for as many as may be.",
            default=0,
            minimum=0,
            maximum=COUNT_LIMIT,
        ),
        "ms": ConfigField(
            type="number",
            description="Milliseconds after which a value leaves, behind all that are less; 0 for never.",
            default=0,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
        "order": ConfigField(
            type="string",
            description="The least first, or the greatest.",
            default="ascending",
            enum=("ascending", "descending"),
        ),
    },
)

Rank = tuple[bool, Any]
"""The place of a value in the order: whether it is a text, and the number or text."""


class Descending:
    """A number or text that comes before those that are less."""

    __slots__ = ("value",)

    def __init__(self, value: Rank) -> None:
        self.value = value

    def __lt__(self, other: "Descending") -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.value)


class SortComponent(Builtin):
    """The component, which checks what goes together: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if config["count"] or config["ms"]:
            return ()
        message = "Give a count, ms or both: nothing else says when a value leaves"
        return (Problem("config.invalid", "count", message),)


class Sort(OneByOne):
    """The values that are held, and the last one that has left.

    Args:
        field: that values are sorted by.
        count: of values that are held.
        seconds: after which a value leaves; 0 for never.
        is_descending: whether the greatest leaves first.
    """

    counts_as_in_flight = False
    keeps = "messages"

    def __init__(self, field: Field, count: int, seconds: float, *, is_descending: bool) -> None:
        self._field = field
        self._count = count
        self._seconds = seconds
        self._is_descending = is_descending
        self._held: list[tuple[Any, int, float, Message]] = []  # a heap
        self._arrivals: list[tuple[float, int]] = []  # of those that are held, and of some that have left
        self._gone: set[int] = set()
        self._last: Any = None
        self._held_bytes = 0
        self._number = counted()
        super().__init__((field,))

    def take(self, message: Message, document: Document) -> Outcome:
        rank = self._rank(document)
        if self._last is not None and rank < self._last:
            return at_once(_LATE, message)
        now = trio.current_time()
        self._hold(rank, now, message)
        leaving = [self._pop()] if len(self._held) > self._count else []
        return unchanged(_OUT, leaving)

    def _hold(self, rank: Any, came: float, message: Message) -> None:
        number = next(self._number)
        heappush(self._held, (rank, number, came, message))
        self._held_bytes += len(message.value)
        if self._seconds:
            heappush(self._arrivals, (came, number))

    def _pop(self) -> Message:
        self._last, number, _, message = heappop(self._held)
        self._held_bytes -= len(message.value)
        if self._seconds:
            self._gone.add(number)
            while self._arrivals and self._arrivals[0][1] in self._gone:
                self._gone.discard(heappop(self._arrivals)[1])
        return message

    def _rank(self, document: Document) -> Any:
        found = self._field.find(document)
        if found is None:
            raise RefusedError("MissingField", f'the message has no field "{self._field.name}"')
        found = found.strip()
        if found[:1] == b'"':
            rank: Rank = (True, key_text(found, self._field.name))
        else:
            number = number_of(found)
            if number is None or number in (float("inf"), float("-inf")):
                raise RefusedError("NotSortable", f'field "{self._field.name}" is neither a number nor a text')
            rank = (False, number)
        return Descending(rank) if self._is_descending else rank

    def due(self) -> float | None:
        return self._arrivals[0][0] + self._seconds if self._arrivals else None

    def release(self, now: float) -> Outcome:
        leaving = []
        while self._arrivals and self._arrivals[0][0] + self._seconds <= now:
            leaving.append(self._pop())
        return together((unchanged(_OUT, leaving),))

    def flush(self) -> Outcome:
        leaving = []
        while self._held:
            leaving.append(self._pop())
        return unchanged(_OUT, leaving)

    def is_full(self) -> bool:
        return self._held_bytes >= HELD_LIMIT_BYTES

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        return self._held_bytes + 2 * MESSAGE_BYTES * len(self._held)

    def snapshot(self, now: float) -> Snapshot | None:
        if self._last is None and not self._held:
            return None
        held, last = tuple(self._held), self._last

        def make() -> Kept:
            waiting = sorted(held, key=lambda each: each[:2])
            rest = ([(*_kept(rank), came - now) for rank, _, came, _ in waiting], last and _kept(last))
            return Kept(tuple([message for _, _, _, message in waiting]), rest=rest)

        return make

    def restore(self, kept: Kept, now: float) -> None:
        places, last = msgspec.convert(
            kept.rest, tuple[list[tuple[bytes | None, KeptNumber, float]], tuple[bytes | None, KeptNumber] | None]
        )
        for (text, number, came), message in zip(places, kept.messages, strict=True):
            self._hold(self._restored(text, number), now + came, message)
        self._last = None if last is None else self._restored(*last)

    def _restored(self, text: bytes | None, number: KeptNumber) -> Any:
        rank = (False, number_kept_as(number)) if text is None else (True, key_of(text))
        return Descending(rank) if self._is_descending else rank


def _kept(rank: Any) -> tuple[bytes | None, KeptNumber]:
    is_text, value = rank.value if isinstance(rank, Descending) else rank
    return (key_bytes(value), 0) if is_text else (None, number_kept(value))


def _make(context: InstanceContext) -> Handler:
    config = context.config
    return Sort(
        Field(config["field"]),
        int(config["count"]) or COUNT_LIMIT,
        config["ms"] / 1000,
        is_descending=config["order"] == "descending",
    )


SORT = SortComponent(DEFINITION, _make)
