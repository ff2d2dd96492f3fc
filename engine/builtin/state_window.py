"""``symbia.state.window`` keeps the last numbers of a stream, and says what they amount to at every message.

Each message costs the same, however long the window is: the sum is an exact fraction that gains one number and
loses another, and the extremes are kept in two queues that a number leaves when a later one surpasses it.
"""

from collections import deque
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.fields import Field, number_json
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.one_by_one import OneByOne
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from engine.contracts.lanes import APOCRYPHAL, CANONICAL, NAMES
from proto.codec import encode
from proto.component import ConfigField

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
            default=60,
            minimum=1,
            maximum=SIZE_LIMIT,
        ),
        "field": ConfigField(type="string", description="The field that holds the number.", default="value"),
    },
)


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
        """Return the window that goes on from another one: itself, where it has the same size."""
        if former._size == self._size:  # noqa: SLF001 - one of us
            return former
        for number, lane in former._numbers:  # noqa: SLF001 - one of us
            self.push(number, lane)
        return self

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


class WindowHandler(OneByOne):
    """A window over one field."""

    keeps = "state"

    def __init__(self, size: int, field: str) -> None:
        self._field = Field(field)
        self._window = Window(size)
        super().__init__((self._field,))

    def take(self, message: Message, document: Document) -> Outcome:
        self._window.push(self._field.number(document), message.lane)
        return Outcome(((0, encode(self._window.summary())),), lanes=(self._window.lane,))

    def take_over(self, former: Handler) -> None:
        if isinstance(former, WindowHandler):
            self._window = self._window.continuing(former._window)  # noqa: SLF001 - one of us

    def held_bytes(self) -> int:
        return self._window.held_bytes

    def state(self) -> Mapping[str, bytes]:
        return self._window.texts()


def _make(context: InstanceContext) -> WindowHandler:
    return WindowHandler(int(context.config["size"]), context.config["field"])


WINDOW = Builtin(DEFINITION, _make)
