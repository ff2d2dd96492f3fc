"""``symbia.core.debounce`` lets one value of each burst through: the last, once it has been quiet for a time.

Or the first, at once, and then none before it has been quiet for that time. A stream that is never quiet gives
out a value all the same where ``maxWaitMs`` says so.
"""

from collections import OrderedDict

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import distinct, key_bytes
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.leaving import unchanged
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey, refuse_key
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin
from engine.contracts.handler import MADE_BYTES, NOTHING, Handler, InstanceContext, Kept, Message, Outcome
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField

QUIET_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

HELD_LIMIT_BYTES = 64 * 1024 * 1024
"""Bytes of values that one node holds; a further one is an error, for to wait would stop the bursts' ends."""

_OUT, _DROPPED = 0, 1

_KEY_BYTES = 400
"""The bytes of a key beside its text: it stands in two dictionaries."""

DEFINITION = declare(
    "symbia.core.debounce",
    "Debounce",
    "Lets one value of each burst through, the last or the first.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "The value of each burst, unchanged."),
        port("dropped", "All others, unchanged, as soon as it is known."),
    ),
    config={
        "ms": ConfigField(
            type="number",
            description="A burst ends when nothing has come for so many milliseconds.",
            default=1000,
            minimum=0,
            maximum=QUIET_LIMIT_MS,
        ),
        "edge": ConfigField(
            type="string",
            description="`trailing` lets the last value of a burst through, at its end; `leading` the first one, "
            "at once.",
            default="trailing",
            enum=("trailing", "leading"),
        ),
        "maxWaitMs": ConfigField(
            type="number",
            description="A burst that lasts so long counts as ended; 0 for never.",
            default=0,
            minimum=0,
            maximum=QUIET_LIMIT_MS,
        ),
        "key": ConfigField(
            type="string",
            description="The field by which streams are told apart, each with its own bursts; a dotted path "
            'reaches inside. `""` for one stream.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class Bursts(Keyed):
    """The bursts under way, by key: when each began and when it will have ended if nothing more comes.

    Both dictionaries are in the order of their times, for every burst lasts as long as every other.
    """

    def __init__(self, quiet_seconds: float, longest_seconds: float, key: MessageKey) -> None:
        self._quiet_seconds = quiet_seconds
        self._longest_seconds = longest_seconds
        self._key = key
        self._began: OrderedDict[str, float] = OrderedDict()
        self._last: OrderedDict[str, float] = OrderedDict()
        self._keys_bytes = 0
        super().__init__((key,))

    def _note(self, key: str, now: float) -> None:
        """Take note of a value; it begins a burst where none is under way."""
        if key not in self._began:
            self._began[key] = now
            self._keys_bytes += len(key) + _KEY_BYTES
        self._last[key] = now
        self._last.move_to_end(key)

    def _end(self, key: str) -> None:
        del self._began[key], self._last[key]
        self._keys_bytes -= len(key) + _KEY_BYTES

    def _first_end(self) -> tuple[float, str] | None:
        """Return when the first of the bursts ends, and its key."""
        if not self._last:
            return None
        key, last = next(iter(self._last.items()))
        ends = last + self._quiet_seconds
        if self._longest_seconds:
            other, began = next(iter(self._began.items()))
            if began + self._longest_seconds < ends:
                return began + self._longest_seconds, other
        return ends, key

    def held_bytes(self) -> int:
        return self._keys_bytes

    def snapshot(self, now: float) -> Kept | None:
        if not self._began:
            return None
        began = [(key_bytes(key), at - now) for key, at in self._began.items()]
        last = [(key_bytes(key), at - now) for key, at in self._last.items()]
        return Kept(rest=(began, last))

    def restore(self, kept: Kept, now: float) -> None:
        began, last = msgspec.convert(kept.rest, tuple[list[tuple[bytes, float]], list[tuple[bytes, float]]])
        names, last_names = distinct(key for key, _ in began), distinct(key for key, _ in last)
        if set(names) != set(last_names):
            raise ValueError("each burst has its beginning and its last value")
        self._began = OrderedDict((name, now + at) for name, (_, at) in zip(names, began, strict=True))
        self._last = OrderedDict((name, now + at) for name, (_, at) in zip(last_names, last, strict=True))
        self._keys_bytes = sum([len(name) + _KEY_BYTES for name in names])


class Leading(Bursts):
    """Bursts of which the first value leaves."""

    keeps = "state"

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key.of(document)
        now = trio.current_time()
        first = self._first_end()
        while first is not None and first[0] <= now:
            self._end(first[1])
            first = self._first_end()
        is_first = key not in self._began
        if is_first:
            refuse_key(len(self._began))
        self._note(key, now)
        return Outcome(((_OUT if is_first else _DROPPED, message.value),))


class Trailing(Bursts):
    """Bursts of which the last value leaves: of each, the last one so far is held."""

    counts_as_in_flight = True
    keeps = "messages"

    def __init__(self, quiet_seconds: float, longest_seconds: float, key: MessageKey) -> None:
        super().__init__(quiet_seconds, longest_seconds, key)
        self._held: dict[str, Message] = {}
        self._held_bytes = 0

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key.of(document)
        former = self._held.get(key)
        grown = len(message.value) - (0 if former is None else len(former.value))
        if former is None:
            refuse_key(len(self._held))
        if self._held_bytes + grown > HELD_LIMIT_BYTES:
            raise RefusedError("HeldLimitExceeded", f"This node holds at most {HELD_LIMIT_BYTES} bytes of values")
        self._held[key] = message
        self._held_bytes += grown
        self._note(key, trio.current_time())
        return NOTHING if former is None else unchanged(_DROPPED, (former,))

    def due(self) -> float | None:
        first = self._first_end()
        return None if first is None else first[0]

    def release(self, now: float) -> Outcome:
        ready: list[Message] = []
        made = 0
        first = self._first_end()
        while first is not None and first[0] <= now and made <= MADE_BYTES:
            self._end(first[1])
            ready.append(self._held.pop(first[1]))
            made += len(ready[-1].value)
            first = self._first_end()
        self._held_bytes -= made
        return unchanged(_OUT, ready)

    def flush(self) -> Outcome:
        ready = [self._held[key] for key in self._last]
        for key in self._held:
            self._end(key)
        self._held.clear()
        self._held_bytes = 0
        return unchanged(_OUT, ready)

    def snapshot(self, now: float) -> Kept | None:
        kept = super().snapshot(now)
        return None if kept is None else Kept(tuple([self._held[key] for key in self._last]), rest=kept.rest)

    def restore(self, kept: Kept, now: float) -> None:
        super().restore(kept, now)
        self._held = dict(zip(self._last, kept.messages, strict=True))
        self._held_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        return self._keys_bytes + self._held_bytes + MESSAGE_BYTES * len(self._held)


def _make(context: InstanceContext) -> Handler:
    config = context.config
    kind = Leading if config["edge"] == "leading" else Trailing
    return kind(
        config["ms"] / 1000,
        config["maxWaitMs"] / 1000,
        MessageKey(config["key"], is_computed=KEY_EXPRESSION in config),
    )


DEBOUNCE = Builtin(DEFINITION, _make)
