"""``symbia.source.timer`` emits a tick at every interval, as long as its execution runs.

It starts no timer: the engine asks when the next tick is due, as it asks a delay. Ticks are due on a grid from
the first moment on. Those that could not leave in time, because the execution was paused or the nodes behind were
too slow, are not made up for: one tick leaves, says how many were ``missed``, and the grid goes on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.javascript_values import to_number
from engine.builtin.parts.platform_builtin import PlatformBuiltin
from engine.builtin.parts.platform_field import entries, given
from engine.contracts.handler import NOTHING, Handler, InstanceContext, Kept, Message, Outcome
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

LEAST_INTERVAL_MS = 100
"""The shortest interval, as on the platform; who needs more messages a second injects them."""

_USUAL_INTERVAL_MS = 5_000

INTERVAL_LIMIT_MS = 86_400_000
"""One day. Executions live in memory; who waits longer wants a scheduler."""

DEFINITION = declare(
    "symbia.source.timer",
    "Timer",
    "Emits a tick at every interval, as long as its execution runs; its executions live until they are stopped.",
    inputs=(port("in", "A value that is forwarded as if it were a tick."),),
    outputs=(
        port(
            "out",
            "`{tick, ts}` and the payload: `tick` counts from 1, `ts` is ISO 8601 in UTC; `missed` counts the "
            "ticks that were left out before it, where there are any.",
            lane="canonical",
            lane_note="a tick derives from nothing but the clock; what was injected keeps its lane",
        ),
    ),
    config={
        "intervalMs": ConfigField(
            type="number",
            description="Milliseconds between two ticks.",
            default=_USUAL_INTERVAL_MS,
            minimum=LEAST_INTERVAL_MS,
            maximum=INTERVAL_LIMIT_MS,
        ),
        "payload": ConfigField(
            type="object",
            description="Fields that are added to every tick, or stand for its own of the same name.",
            default={},
        ),
    },
)


class TimerBuiltin(PlatformBuiltin):
    """The timer, which waits for no longer than a day."""

    def bound_problems(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if to_number(given(config, "intervalMs", _USUAL_INTERVAL_MS)) > INTERVAL_LIMIT_MS:
            message = f"Between two ticks are at most {INTERVAL_LIMIT_MS} milliseconds"
            return [Problem("config.out_of_range", "intervalMs", message)]
        return ()


class Timer(Handler):
    """The grid of ticks, in seconds of Trio's clock."""

    is_source = True

    def __init__(self, interval_seconds: float, payload: Mapping[str, Any], timestamp: Callable[[], str]) -> None:
        self._interval_seconds = interval_seconds
        self._payload = payload
        self._timestamp = timestamp
        self._next_seconds: float | None = None
        self._ticks = 0

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(((0, message.value),)) for message in batch]

    def due(self) -> float | None:
        if self._next_seconds is None:
            self._next_seconds = trio.current_time() + self._interval_seconds
        return self._next_seconds

    def release(self, now: float) -> Outcome:
        due = self.due()
        if due is None or now < due:
            return NOTHING
        missed = int((now - due) // self._interval_seconds)
        self._next_seconds = due + (missed + 1) * self._interval_seconds
        self._ticks += 1
        tick = {"tick": self._ticks, "ts": self._timestamp()}
        if missed:
            tick["missed"] = missed
        return Outcome(((0, encode({**tick, **self._payload})),))

    def snapshot(self, now: float) -> Kept | None:
        following = self._next_seconds
        return None if following is None else Kept(rest=(self._ticks, following - now))

    def restore(self, kept: Kept, now: float) -> None:
        self._ticks, following = msgspec.convert(kept.rest, tuple[int, float])
        self._next_seconds = now + following

    def state(self) -> Mapping[str, bytes]:
        return {"tick": encode(self._ticks)} if self._ticks else {}


def _make(context: InstanceContext) -> Handler:
    config = context.config
    asked_ms = to_number(given(config, "intervalMs", _USUAL_INTERVAL_MS))
    interval_ms = max(LEAST_INTERVAL_MS, asked_ms) if asked_ms <= INTERVAL_LIMIT_MS else LEAST_INTERVAL_MS
    return Timer(interval_ms / 1000, entries(config["payload"]), context.timestamp)


TIMER = TimerBuiltin(DEFINITION, _make, is_source=True)
