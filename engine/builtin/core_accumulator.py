"""``symbia.core.accumulator`` gathers values into JSON arrays.

An array is given out when it holds ``count`` values, when one more would carry its text beyond ``bytes``, or when
``timeoutMs`` have passed since its first value; whatever comes first. The rest leaves when the execution
completes, so nothing is lost. The arrays are built by joining the values' texts: no value is decoded.
"""

from collections.abc import Sequence

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.kept import lane_of
from engine.contracts.component import Builtin
from engine.contracts.groups import GroupedMessage, made_at, together
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome, made_of
from engine.contracts.lanes import CANONICAL
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField

COUNT_LIMIT = 100_000
"""Values in one array. Held values cost memory beside their bytes."""

ARRAY_LIMIT_BYTES = 8 * 1024 * 1024
"""JSON text of one array, whatever ``bytes`` says: it stays below the largest value that the engine carries."""

TIMEOUT_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

DEFINITION = declare(
    "symbia.core.accumulator",
    "Accumulator",
    "Gathers values into arrays by count, size or time; the rest follows when the execution completes.",
    inputs=(port("in", "Any value."),),
    outputs=(port("out", "Values in the order of their arrival.", {"type": "array"}),),
    config={
        "count": ConfigField(
            type="integer",
            description="How many values make an array.",
            default=10,
            minimum=1,
            maximum=COUNT_LIMIT,
        ),
        "bytes": ConfigField(
            type="integer",
            description="JSON text of an array in bytes: it is given out before a value would make it longer. "
            f"0 stands for the most allowed, {ARRAY_LIMIT_BYTES}.",
            default=0,
            minimum=0,
            maximum=ARRAY_LIMIT_BYTES,
        ),
        "timeoutMs": ConfigField(
            type="number",
            description="Milliseconds after an array's first value at which it is given out, full or not; 0 for "
            "never.",
            default=0,
            minimum=0,
            maximum=TIMEOUT_LIMIT_MS,
        ),
    },
)


class Accumulator(Handler):
    """The values of the array to come, the tightest of their lanes, and the size that its text would have."""

    keeps = "messages"

    def __init__(self, count: int, limit_bytes: int, timeout_seconds: float) -> None:
        self._count = count
        self._limit_bytes = limit_bytes or ARRAY_LIMIT_BYTES
        self._timeout_seconds = timeout_seconds
        self._held: list[bytes] = []
        self._grouped: list[Message] = []  # those of them that have places in groups
        self._lane = CANONICAL
        self._text_bytes = 1  # the opening bracket; each value adds itself and the comma or bracket after it
        self._due = 0.0

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return made_of(batch, self._take)

    def _take(self, message: Message) -> Outcome:
        value, lane = message.value, message.lane
        earlier = NOTHING
        if self._held and self._text_bytes + len(value) + 1 > self._limit_bytes:
            earlier = self._array()
        if not self._held and self._timeout_seconds:
            self._due = trio.current_time() + self._timeout_seconds
        self._held.append(value)
        self._lane = max(self._lane, lane)
        self._text_bytes += len(value) + 1
        if type(message) is GroupedMessage:
            self._grouped.append(message)
        if len(self._held) < self._count:
            return earlier
        return together((earlier, self._array())) if earlier is not NOTHING else self._array()

    def _full_arrays(self) -> Outcome:
        """Give out whole arrays of more than one holds, which another configuration has left."""
        held, lane = self._held, self._lane
        if self._grouped:
            return self._array()
        whole = len(held) // self._count * self._count
        texts = [b"[" + b",".join(held[at : at + self._count]) + b"]" for at in range(0, whole, self._count)]
        self._held = held[whole:]
        self._text_bytes = 1 + sum(map(len, self._held)) + len(self._held)
        return Outcome(
            [(0, text) for text in texts], lanes=[lane] * len(texts), made_from=[self._count] * len(texts)
        )

    def _array(self) -> Outcome:
        text = b"[" + b",".join(self._held) + b"]"
        outcome = Outcome(((0, text),), lanes=(self._lane,), made_from=(len(self._held),))
        if self._grouped:
            outcome = made_at(outcome, self._grouped[-1], self._grouped)
            self._grouped.clear()
        self._held.clear()
        self._lane = CANONICAL
        self._text_bytes = 1
        return outcome

    def snapshot(self, now: float) -> Kept | None:
        if not self._held:
            return None
        return Kept(tuple(self._grouped), rest=(tuple(self._held), self._lane, self._due - now))

    def restore(self, kept: Kept, now: float) -> None:
        self._held, lane, due = msgspec.convert(kept.rest, tuple[list[bytes], int, float])
        self._lane, self._due = lane_of(lane), now + due
        self._grouped = list(kept.messages)
        self._text_bytes = 1 + sum(map(len, self._held)) + len(self._held)

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        # Brackets and commas are not there yet: each value counts as the message did that brought it.
        return self._text_bytes - 1 - len(self._held) + MESSAGE_BYTES * len(self._held)

    def due(self) -> float | None:
        if len(self._held) >= self._count:
            return 0.0
        return self._due if self._timeout_seconds and self._held else None

    def release(self, now: float) -> Outcome:
        if len(self._held) >= self._count:
            return self._full_arrays()
        due = self.due()
        return self.flush() if due is not None and due <= now else NOTHING

    def flush(self) -> Outcome:
        return self._array() if self._held else NOTHING


def _make(context: InstanceContext) -> Handler:
    config = context.config
    return Accumulator(config["count"], config["bytes"], config["timeoutMs"] / 1000)


ACCUMULATOR = Builtin(DEFINITION, _make)
