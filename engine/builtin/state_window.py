"""``symbia.state.window`` keeps the last numbers of a stream, and says what they amount to at every message.

Each message costs the same, however long the window is: the sum is an exact fraction that gains one number and
loses another, and the extremes are kept in two queues that a number leaves when a later one surpasses it.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import reduce
from operator import add
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field, number_json
from engine.builtin.parts.javascript_values import number_json as javascript_json
from engine.builtin.parts.javascript_values import to_number
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import KeptNumber, lane_of, number_kept, number_of
from engine.builtin.parts.one_by_one import OneByOne
from engine.builtin.parts.platform_builtin import PlatformBuiltin, is_strict, strict_field
from engine.builtin.parts.platform_field import PlatformField, given
from engine.contracts.handler import Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from engine.contracts.lanes import APOCRYPHAL, CANONICAL, NAMES
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

_USUAL_SIZE = 60

SIZE_LIMIT = 100_000
"""Numbers in one window: some 10 MB."""

Number = float | int

DEFINITION = declare(
    "symbia.state.window",
    "Rolling Window",
    "Keeps the last numbers of a field, and emits what they amount to at every message.",
    inputs=(port("in", "An object with a number.", {"type": "object"}),),
    outputs=(
        port(
            "out",
            "`{count, sum, mean, min, max, last}` of the numbers in the window; `count` says how full it is.",
            {"type": "object"},
            lane="conditional",
            lane_note="apocryphal where one of the numbers in the window is",
        ),
        error_port("A message without a number, with the message."),
    ),
    config={
        "size": ConfigField(
            type="integer",
            description="How many numbers the window keeps.",
            default=_USUAL_SIZE,
            minimum=1,
            maximum=SIZE_LIMIT,
        ),
        "field": ConfigField(type="string", description="The field that holds the number.", default="value"),
        "strict": strict_field(
            "A dotted path such as `a.b` reaches inside; only numbers and texts that say one count; integers keep "
            "all their digits, and sums are exact and rounded once."
        ),
    },
)


_EXACT_INTEGER = 2**53
"""The integer up to which a float holds every one."""

_ADDED_BYTES = 8
"""The cost of a number that is added for each message, as bytes to look through."""

NUMBER_BYTES = 400
"""The bytes of a number in a window: it is in up to three queues."""


class Window:
    """The last numbers, each with its lane and its place in the stream. Pure."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._numbers: deque[tuple[Number, int]] = deque()
        self._sum = Fraction(0)
        self._fractional = 0
        self._apocryphal = 0
        self._next_place = 0
        self._falling: deque[tuple[int, Number]] = deque()  # the greatest first
        self._rising: deque[tuple[int, Number]] = deque()  # the least first

    @property
    def lane(self) -> int:
        """The tightest lane of what is in the window."""
        return APOCRYPHAL if self._apocryphal else CANONICAL

    @property
    def held_bytes(self) -> int:
        """The bytes that its numbers take."""
        return NUMBER_BYTES * len(self._numbers)

    def push(self, number: Number, lane: int) -> None:
        """Take in a number, and let the oldest go if there are too many."""
        self._count(number, lane, 1)
        self._numbers.append((number, lane))
        while self._falling and self._falling[-1][1] <= number:
            self._falling.pop()
        while self._rising and self._rising[-1][1] >= number:
            self._rising.pop()
        self._falling.append((self._next_place, number))
        self._rising.append((self._next_place, number))
        self._next_place += 1
        if len(self._numbers) > self._size:
            self._count(*self._numbers.popleft(), -1)
            first = self._next_place - self._size
            for queue in (self._falling, self._rising):
                if queue[0][0] < first:
                    queue.popleft()

    def _count(self, number: Number, lane: int, sign: int) -> None:
        self._sum += sign * Fraction(number)
        self._fractional += sign * isinstance(number, float)
        self._apocryphal += sign * lane

    def continuing(self, former: "Window") -> "Window":
        """Return the window that goes on from another one: that itself, where it is of the same size and kind."""
        if former._size == self._size and type(former) is type(self):  # noqa: SLF001 - one of us
            return former
        for number, lane in former._numbers:  # noqa: SLF001 - one of us
            self.push(number, lane)
        return self

    def snapshot(self) -> Snapshot | None:
        """Return the numbers, for a checkpoint."""
        numbers = tuple(self._numbers)
        return (lambda: Kept(rest=[(number_kept(number), lane) for number, lane in numbers])) if numbers else None

    def restore(self, kept: Kept) -> None:
        """Take in the numbers that were kept; raises as a handler's ``restore`` does."""
        for number, lane in msgspec.convert(kept.rest, list[tuple[KeptNumber, int]]):
            self.push(number_of(number), lane_of(lane))

    def summary(self) -> dict[str, Any]:
        """``count``, ``sum``, ``mean``, ``min``, ``max`` and ``last`` of a window that is not empty."""
        count = len(self._numbers)
        return {
            "count": count,
            "sum": number_json(float(self._sum) if self._fractional else int(self._sum)),
            "mean": float(self._sum / count),
            "min": self._rising[0][1],
            "max": self._falling[0][1],
            "last": self._numbers[-1][0],
        }

    def texts(self) -> Mapping[str, bytes]:
        """Return the numbers and their lanes, as JSON texts by key."""
        if not self._numbers:
            return {}
        return {
            "values": encode([number for number, _ in self._numbers]),
            "lanes": encode([NAMES[lane] for _, lane in self._numbers]),
        }


class FloatWindow(Window):
    """The last numbers, which are floats, added as the platform does: one after another, from the oldest on.

    Where all are integers that floats hold exactly, and their sum is, the order makes no difference, and neither
    does it as long as none has left: then a message costs the same, however long the window is.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._whole = 0
        self._magnitude = 0
        self._inexact = 0
        self._running = 0.0
        self._has_lost = False

    def push(self, number: Number, lane: int) -> None:
        super().push(float(number), lane)

    def _count(self, number: Number, lane: int, sign: int) -> None:
        self._apocryphal += sign * lane
        self._has_lost = self._has_lost or sign < 0
        self._running += number
        if float(number).is_integer() and abs(number) <= _EXACT_INTEGER:
            self._whole += sign * int(number)
            self._magnitude += sign * abs(int(number))
        else:
            self._inexact += sign

    def summary(self) -> dict[str, Any]:
        count = len(self._numbers)
        if not self._inexact and self._magnitude <= _EXACT_INTEGER:
            total = float(self._whole)
        elif not self._has_lost:
            total = self._running
        else:
            total = reduce(add, [number for number, _ in self._numbers], 0.0)
        told = {
            "sum": total,
            "mean": total / count,
            "min": self._rising[0][1],
            "max": self._falling[0][1],
            "last": self._numbers[-1][0],
        }
        return {"count": count, **{name: msgspec.Raw(javascript_json(number)) for name, number in told.items()}}


class WindowBuiltin(PlatformBuiltin):
    """The window, which keeps so many numbers and no more."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if not to_number(given(config, "size", _USUAL_SIZE)) > SIZE_LIMIT:
            return ()  # what is no number asks for no bound, and gets ours
        return [Problem("config.out_of_range", "size", f"A window keeps at most {SIZE_LIMIT} numbers")]


class WindowHandler(OneByOne):
    """A window over one field.

    Args:
        window: the numbers.
        field: where each stands.
        beside_bytes: what a message costs beside looking for it.
    """

    keeps = "state"

    def __init__(self, window: Window, field: Field | PlatformField, beside_bytes: int = 0) -> None:
        self._field = field
        self._window = window
        super().__init__((self._field,), beside_bytes)

    def take(self, message: Message, document: Document) -> Outcome:
        self._window.push(self._field.number(document), message.lane)
        return Outcome(((0, encode(self._window.summary())),), lanes=(self._window.lane,))

    def take_over(self, former: Handler) -> None:
        if isinstance(former, WindowHandler):
            self._window = self._window.continuing(former._window)  # noqa: SLF001 - one of us

    def snapshot(self, now: float) -> Snapshot | None:
        del now
        return self._window.snapshot()

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._window.restore(kept)

    def held_bytes(self) -> int:
        return self._window.held_bytes

    def state(self) -> Mapping[str, bytes]:
        return self._window.texts()


def _make(context: InstanceContext) -> WindowHandler:
    config = context.config
    name = given(config, "field", "value")
    if is_strict(config):
        return WindowHandler(Window(int(config["size"])), Field(name))
    asked = to_number(given(config, "size", _USUAL_SIZE))
    size = SIZE_LIMIT if math.isnan(asked) else math.ceil(max(1, asked))
    return WindowHandler(FloatWindow(size), PlatformField(name), _ADDED_BYTES * size)


WINDOW = WindowBuiltin(DEFINITION, _make)
