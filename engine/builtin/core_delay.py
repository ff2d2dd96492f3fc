"""``symbia.core.delay`` holds every value for a fixed time, counted from its own arrival.

It is a pipeline, not a queue of sleeps: a thousand messages that arrive together leave together. All wait equally
long, so the order of departure is the order of arrival. It starts no timer; the engine asks when the first is due.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.leaving import unchanged
from engine.contracts.component import Builtin
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome, Snapshot
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField

DELAY_LIMIT_MS = 3_600_000
"""One hour. Executions live in memory; who waits longer wants a scheduler."""

HELD_LIMIT_MESSAGES = 10_000
"""Messages on their way through one delay; beyond it, the senders wait. As many as a paused execution holds."""

HELD_LIMIT_BYTES = 16 * 1024 * 1024
"""Bytes on their way through one delay, for the same reason; as many as an inbox holds."""

DEFINITION = declare(
    "symbia.core.delay",
    "Delay",
    "Holds every value for a fixed time and keeps the order.",
    inputs=(port("in", "Any value."),),
    outputs=(port("out", "The same value, later."),),
    config={
        "ms": ConfigField(
            type="number",
            description="How long each value is held, in milliseconds from its arrival; 0 forwards at once.",
            default=1000,
            minimum=0,
            maximum=DELAY_LIMIT_MS,
        ),
    },
)


class Delay(Handler):
    """Held messages, each with the moment when it is due (seconds of Trio's clock); earliest first."""

    counts_as_in_flight = True
    keeps: Literal["", "messages", "state"] = "messages"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: deque[tuple[float, Message]] = deque()
        self._held_bytes = 0
        if not seconds:
            self.keeps = ""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        if not self._seconds:
            return [Outcome(((0, message.value),)) for message in batch]
        due = trio.current_time() + self._seconds
        for message in batch:
            self._held.append((due, message))
            self._held_bytes += len(message.value)
        return [NOTHING] * len(batch)

    def due(self) -> float | None:
        return self._held[0][0] if self._held else None

    def release(self, now: float) -> Outcome:
        ready: list[Message] = []
        while self._held and self._held[0][0] <= now:
            ready.append(self._held.popleft()[1])
            self._held_bytes -= len(ready[-1].value)
        return unchanged(0, ready)

    def flush(self) -> Outcome:
        return self.release(float("inf"))

    def snapshot(self, now: float) -> Snapshot | None:
        held = tuple(self._held)
        if not held:
            return None
        return lambda: Kept(tuple([message for _, message in held]), rest=[due - now for due, _ in held])

    def restore(self, kept: Kept, now: float) -> None:
        dues = sorted(msgspec.convert(kept.rest, list[float]))
        self._held = deque([(now + due, message) for due, message in zip(dues, kept.messages, strict=True)])
        self._held_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        return self._held_bytes + MESSAGE_BYTES * len(self._held)

    def is_full(self) -> bool:
        return len(self._held) >= HELD_LIMIT_MESSAGES or self._held_bytes >= HELD_LIMIT_BYTES


def _make(context: InstanceContext) -> Handler:
    return Delay(context.config["ms"] / 1000)


DELAY = Builtin(DEFINITION, _make)
