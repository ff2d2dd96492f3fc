"""``symbia.core.throttle`` lets so many values through in a time, and no more, whichever window one looks at.

What is too much waits for its turn, or leaves by another port. When a value may leave is known when it comes: as
soon as the one that came ``count`` places before it has left long enough ago. So nothing is timed but the first.
"""

from collections import OrderedDict, deque
from heapq import heappop, heappush
from itertools import count as counted

import msgspec
import trio

from engine.builtin.core_delay import HELD_LIMIT_BYTES, HELD_LIMIT_MESSAGES
from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import distinct, key_bytes
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.leaving import at_once, unchanged
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey, refuse_key
from engine.contracts.component import Builtin
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField

INTERVAL_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

COUNT_LIMIT = 1_000
"""Values of one interval. The times of so many are remembered for each key."""

_OUT, _DROPPED = 0, 1

_KEY_BYTES = 1_000
"""The bytes of a key beside its text, with the queue of its times."""

_TIME_BYTES = 32
"""The bytes of a time that is remembered."""

_FORGOTTEN_AT_ONCE = 2
"""Keys that are forgotten for each message: more than come with one."""

DEFINITION = declare(
    "symbia.core.throttle",
    "Throttle",
    "Lets so many values through in a time; what is too much waits.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "Values within the rate, unchanged."),
        port("dropped", "With `excess: drop`, the values beyond it, unchanged."),
    ),
    config={
        "count": ConfigField(
            type="integer",
            description="How many values may leave in any interval.",
            default=1,
            minimum=1,
            maximum=COUNT_LIMIT,
        ),
        "intervalMs": ConfigField(
            type="number",
            description="The interval in milliseconds.",
            default=1000,
            minimum=1,
            maximum=INTERVAL_LIMIT_MS,
        ),
        "excess": ConfigField(
            type="string",
            description="`wait` holds what is too much until its turn; `drop` lets it leave by `dropped`.",
            default="wait",
            enum=("wait", "drop"),
        ),
        "key": ConfigField(
            type="string",
            description="The field by which streams are told apart, each with its own rate; a dotted path "
            'reaches inside. `""` for one rate for all.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class Throttle(Keyed):
    """The times at which the last values of each key left or will leave, and the values that wait for theirs."""

    counts_as_in_flight = True
    keeps = "messages"

    def __init__(self, count: int, interval_seconds: float, key: MessageKey, *, waits: bool) -> None:
        self._count = count
        self._interval_seconds = interval_seconds
        self._key = key
        self._waits = waits
        self._times: OrderedDict[str, deque[float]] = OrderedDict()  # the key that was used last stands last
        self._keys_bytes = 0
        self._held: list[tuple[float, int, Message]] = []  # a heap: who leaves first stands first
        self._held_bytes = 0
        self._number = counted()
        super().__init__((key,))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key.of(document)
        now = trio.current_time()
        self._forget(now)
        times = self._times.get(key)
        if times is None:
            refuse_key(len(self._times))
            times = self._times[key] = deque(maxlen=self._count)
            self._keys_bytes += len(key)
        self._times.move_to_end(key)
        leaves = now
        if times:
            leaves = max(leaves, times[-1])  # in order
        if len(times) == self._count:
            leaves = max(leaves, times[0] + self._interval_seconds)
        if leaves > now and not self._waits:
            return at_once(_DROPPED, message)
        times.append(leaves)
        if leaves <= now:
            return at_once(_OUT, message)
        heappush(self._held, (leaves, next(self._number), message))
        self._held_bytes += len(message.value)
        return NOTHING

    def _forget(self, now: float) -> None:
        """Forget keys whose last value left so long ago that the next one may leave whatever was before."""
        for _ in range(_FORGOTTEN_AT_ONCE):
            key = next(iter(self._times), None)
            if key is None or self._times[key][-1] + self._interval_seconds > now:
                return
            del self._times[key]
            self._keys_bytes -= len(key)

    def due(self) -> float | None:
        return self._held[0][0] if self._held else None

    def release(self, now: float) -> Outcome:
        ready: list[Message] = []
        while self._held and self._held[0][0] <= now:
            ready.append(heappop(self._held)[2])
            self._held_bytes -= len(ready[-1].value)
        return unchanged(_OUT, ready)

    def flush(self) -> Outcome:
        return self.release(float("inf"))

    def snapshot(self, now: float) -> Snapshot | None:
        if not self._times:  # who waits has a time
            return None
        held = tuple(self._held)
        times = [(key, tuple(left)) for key, left in self._times.items()]

        def make() -> Kept:
            waiting = sorted(held)
            rest = (
                [(key_bytes(key), [at - now for at in left]) for key, left in times],
                [leaves - now for leaves, _, _ in waiting],
            )
            return Kept(tuple([message for _, _, message in waiting]), rest=rest)

        return make

    def restore(self, kept: Kept, now: float) -> None:
        times, leaving = msgspec.convert(kept.rest, tuple[list[tuple[bytes, list[float]]], list[float]])
        names = distinct(key for key, _ in times)
        if not all(left for _, left in times):
            raise ValueError("of each key a time is kept")
        self._times = OrderedDict(
            (name, deque([now + at for at in left], self._count))
            for name, (_, left) in zip(names, times, strict=True)
        )
        self._keys_bytes = sum(map(len, names))
        self._held = [
            (now + leaves, next(self._number), message)
            for leaves, message in zip(sorted(leaving), kept.messages, strict=True)
        ]
        self._held_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        keys = self._keys_bytes + (_KEY_BYTES + _TIME_BYTES * self._count) * len(self._times)
        return self._held_bytes + MESSAGE_BYTES * len(self._held) + keys

    def is_full(self) -> bool:
        return len(self._held) >= HELD_LIMIT_MESSAGES or self._held_bytes >= HELD_LIMIT_BYTES


def _make(context: InstanceContext) -> Handler:
    config = context.config
    key = MessageKey(config["key"], is_computed=KEY_EXPRESSION in config)
    return Throttle(int(config["count"]), config["intervalMs"] / 1000, key, waits=config["excess"] == "wait")


THROTTLE = Builtin(DEFINITION, _make)
