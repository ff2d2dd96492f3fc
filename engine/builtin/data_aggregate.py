"""``symbia.data.aggregate`` says what the values of a window in time amount to: tumbling, sliding, or sessions.

Time is that of the clock, or one that values say of themselves. Then a window is over when a value has come
that is later than its end by as much as values may be late; it leaves once, with all that belongs to it, and what
comes later still leaves by another port.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.aggregates import Aggregation, Operation, fact_of
from engine.builtin.parts.event_time import time_ms
from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.open_windows import OpenWindows, windows_in
from engine.builtin.parts.time_windows import SessionWindows, SlidingWindows, Windows
from engine.contracts.component import Builtin
from engine.contracts.groups import together
from engine.contracts.handler import (
    NOTHING,
    Emission,
    Handler,
    InstanceContext,
    Kept,
    Message,
    Outcome,
    Snapshot,
)
from engine.wall_clock import timestamp_of_ms
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

OVERLAP_LIMIT = 100
"""Windows that one value belongs to."""

TIME_LIMIT_MS = 366 * 24 * 3_600_000
"""One year."""

AGGREGATES_LIMIT = 32

_OUT, _LATE = 0, 1
_GIVEN_AT_ONCE = 200
"""Windows that are given out by one invocation: a millisecond or two."""

_OPERATIONS = ("count", "sum", "mean", "min", "max", "first", "last", "distinct")

DEFINITION = declare(
    "symbia.data.aggregate",
    "Aggregate",
    "Says what the values of a window in time amount to: tumbling, sliding, or sessions.",
    inputs=(port("in", "An object."),),
    outputs=(
        port(
            "out",
            "`{from, to, count}` of a window that is over, with its aggregates, and its `key` where there is one. "
            "Times are ISO 8601, and `to` does not belong to it.",
            {"type": "object"},
            lane="conditional",
            lane_note="apocryphal where one of the values in the window is",
        ),
        port("late", "Values all of whose windows are over, unchanged."),
    ),
    config={
        "window": ConfigField(
            type="string",
            description="Windows of one length, one after another (`tumbling`) or a new one every `everyMs` "
            "(`sliding`); or one from a key's first value until none has come for `sizeMs` (`session`).",
            default="tumbling",
            enum=("tumbling", "sliding", "session"),
        ),
        "sizeMs": ConfigField(
            type="integer",
            description="How long a window is in milliseconds; of a session, the silence that ends it.",
            default=60_000,
            minimum=1,
            maximum=TIME_LIMIT_MS,
        ),
        "everyMs": ConfigField(
            type="integer",
            description="Milliseconds between two sliding windows.",
            default=10_000,
            minimum=1,
            maximum=TIME_LIMIT_MS,
        ),
        "time": ConfigField(
            type="string",
            description='The field that says when a value happened: milliseconds since 1970, or ISO 8601. `""` '
            "for the moment at which it comes.",
            default="",
        ),
        "lateMs": ConfigField(
            type="integer",
            description="How much later than others a value may come, with `time`: a window is over when one has "
            "come that lies so far behind its end.",
            default=0,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
        "aggregates": ConfigField(
            type="object",
            description="What a window amounts to, by the name of the field that says so: "
            '`{"total": {"op": "sum", "field": "amount"}}`. `op` is `count`, `sum`, `mean`, `min`, `max` of '
            "numbers, `first`, `last`, or `distinct`, which counts different values.",
            default={},
        ),
        "key": ConfigField(
            type="string",
            description="The field whose values have windows of their own; a dotted path reaches inside. "
            '`""` for one stream.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    op: Operation
    field: str = ""


class AggregateComponent(Builtin):
    """The component, which checks what goes together: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = []
        if config["window"] == "sliding":
            if config["everyMs"] > config["sizeMs"]:
                message = "everyMs is at most sizeMs: values would fall between two windows"
                problems.append(("everyMs", message))
            elif config["sizeMs"] > OVERLAP_LIMIT * config["everyMs"]:
                message = f"A value would belong to more than {OVERLAP_LIMIT} windows"
                problems.append(("everyMs", message))
        if config["lateMs"] and not config["time"]:
            problems.append(("lateMs", "Without a time, what comes is never late"))
        asked = config["aggregates"]
        if len(asked) > AGGREGATES_LIMIT:
            problems.append(("aggregates", f"At most {AGGREGATES_LIMIT} aggregates"))
        for name, each in asked.items():
            fault = _fault(name, each)
            if fault:
                problems.append((f"aggregates.{name}", fault))
        return [Problem("config.invalid", path, message) for path, message in problems]


def _fault(name: str, asked: Any) -> str:
    if name in ("from", "to", "count", "key"):
        return f"{name} is said of every window; give this another name"
    try:
        wanted = msgspec.convert(asked, _Asked)
    except msgspec.ValidationError as error:
        return f"An aggregate is an operation, one of {', '.join(_OPERATIONS)}, and a field: {error}"
    if wanted.op == "count" and wanted.field:
        return "count counts values, whatever they have"
    return "" if wanted.op == "count" or wanted.field else f"{wanted.op} needs a field"


class Aggregate(Keyed):
    """The windows that are open, and how far time has come.

    Args:
        windows: which there are.
        time: the field that says when a value happened; none for the moment at which it comes.
        late_ms: how much later than others it may come.
        aggregations: what is said of each window.
        key: of a message.
        clock_ms: the present time of day, in milliseconds since 1970.
        shape: what has to be the same where the next revision goes on.
    """

    keeps = "state"

    def __init__(
        self,
        windows: Windows,
        time: Field | None,
        late_ms: int,
        aggregations: Sequence[Aggregation],
        key: MessageKey,
        clock_ms: Callable[[], float],
        shape: bytes,
    ) -> None:
        self._windows = windows
        self._time = time
        self._late_ms = late_ms
        self._aggregations = aggregations
        self._key = key
        self._clock_ms = clock_ms
        self._shape = shape
        self._open = OpenWindows([each.operation for each in aggregations])
        self._newest_ms = 0
        self._over_since = 0.0
        self._offset_ms = math.nan  # from Trio's clock to the time of day; NaN until the first look
        fields = [each.field for each in aggregations if each.field is not None]
        OneByOne.__init__(self, (*((time,) if time else ()), *fields, *key.fields))
        self.keys = (key,)

    async def initialize(self) -> Outcome:
        if math.isnan(self._offset_ms):
            self._offset_ms = self._clock_ms() - trio.current_time() * 1000
        return NOTHING

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key.of(document)
        facts = [fact_of(each, document) for each in self._aggregations]
        if self._time is None:
            at = math.floor(trio.current_time() * 1000 + self._offset_ms)
            self._end(at)
        else:
            at = time_ms(document, self._time)
        belongs, joined = self._windows.of(at, self._open.of(key))
        if self._time is not None:
            belongs = [window for window in belongs if window[1] > self._newest_ms - self._late_ms]
        if not belongs:
            return Outcome(((_LATE, message.value),), lanes=(message.lane,))
        self._open.add(key, belongs, joined, facts, message.lane)
        if self._time is not None and at > self._newest_ms:
            self._newest_ms = at
            self._end(at - self._late_ms)
        return self._given()

    def _end(self, ms: int | None) -> None:
        if self._open.end(ms):
            self._over_since = trio.current_time()

    def _given(self) -> Outcome:
        """Give out windows that are over, as many as are made in a moment."""
        closed = self._open.take_over(_GIVEN_AT_ONCE)
        if not closed:
            return NOTHING
        emissions: list[Emission] = []
        for key, (begin, end), window in closed:
            whose = {"key": key} if self._key.exists else {}
            times = {"from": timestamp_of_ms(begin), "to": timestamp_of_ms(end), "count": window.count}
            names = [each.name for each in self._aggregations]
            said = dict(zip(names, [amount.text() for amount in window.amounts], strict=True))
            emissions.append((_OUT, encode({**whose, **times, **said})))
        return Outcome(emissions, lanes=[window.lane for _, _, window in closed])

    def due(self) -> float | None:
        if self._open.over:
            return self._over_since
        end = self._open.first_end() if self._time is None else None
        return None if end is None else (end - self._offset_ms) / 1000

    def release(self, now: float) -> Outcome:
        if self._time is None:
            self._end(math.floor(now * 1000 + self._offset_ms))
        return self._given()

    def flush(self) -> Outcome:
        self._end(None)
        given = [self._given()]
        while self._open.over:
            given.append(self._given())
        return together(given)

    def take_over(self, former: Handler) -> None:
        if isinstance(former, Aggregate) and former._shape == self._shape:  # noqa: SLF001 - one of us
            self._open = former._open  # noqa: SLF001 - one of us
            self._newest_ms = former._newest_ms  # noqa: SLF001 - one of us
            self._offset_ms = former._offset_ms  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Snapshot | None:
        if not len(self._open) and not self._newest_ms:
            return None
        make, newest_ms, at_ms = self._open.snapshot(), self._newest_ms, now * 1000 + self._offset_ms
        return lambda: Kept(rest=(newest_ms, at_ms, make()))

    def restore(self, kept: Kept, now: float) -> None:
        newest_ms, at_ms, windows = msgspec.convert(kept.rest, tuple[int, float, Any])
        self._open.restore(*windows_in(windows))
        self._newest_ms = newest_ms
        self._offset_ms = at_ms - now * 1000
        self._over_since = now

    def held_bytes(self) -> int:
        return self._open.held_bytes

    def state(self) -> Mapping[str, bytes]:
        return {"windows": encode(len(self._open))} if len(self._open) else {}


def _make(context: InstanceContext) -> Handler:
    config = context.config
    aggregations = [
        Aggregation(name, each["op"], Field(each["field"]) if each.get("field") else None)
        for name, each in config["aggregates"].items()
    ]
    size_ms = int(config["sizeMs"])
    windows: Windows
    if config["window"] == "session":
        windows = SessionWindows(size_ms)
    else:
        windows = SlidingWindows(size_ms, int(config["everyMs"]) if config["window"] == "sliding" else size_ms)
    time = Field(config["time"]) if config["time"] else None
    key = MessageKey(config["key"], is_computed=KEY_EXPRESSION in config)
    clock_ms = partial(_clock_ms, context.timestamp)
    shape = encode([config[name] for name in ("window", "sizeMs", "everyMs", "time", "aggregates", "key")])
    return Aggregate(windows, time, int(config["lateMs"]), aggregations, key, clock_ms, shape)


def _clock_ms(timestamp: Callable[[], str]) -> float:
    return datetime.fromisoformat(timestamp()).timestamp() * 1000


AGGREGATE = AggregateComponent(DEFINITION, _make)
