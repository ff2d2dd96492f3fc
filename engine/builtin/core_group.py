"""``symbia.core.group`` gathers values into batches, by key, count, time, or in windows that overlap.

A batch by count is given out with its last value; the next one begins with its last ``overlap`` values. One by
time is given out ``ms`` after its first value, or every ``everyMs`` with the values of the last ``ms``. The rest
leaves when the execution completes, so nothing is lost. No value is decoded but to look for the key.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import Portions, distinct, key_bytes, key_of
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey, refuse_key
from engine.builtin.parts.refusal import UnavailableError
from engine.contracts.component import Builtin
from engine.contracts.groups import made_at, together
from engine.contracts.handler import (
    MADE_BYTES,
    NOTHING,
    Handler,
    InstanceContext,
    Kept,
    Message,
    Outcome,
    Snapshot,
)
from engine.memory.lease import MESSAGE_BYTES
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

COUNT_LIMIT = 10_000
"""Values in one batch: as many as one node holds."""

BATCH_LIMIT_BYTES = 8 * 1024 * 1024
"""JSON text of one batch: it stays below the largest value that the engine carries."""

HELD_LIMIT_MESSAGES = 10_000
HELD_LIMIT_BYTES = 64 * 1024 * 1024
"""Values that one node holds in all its batches; a further one is an error, for to wait would hold up those that
complete a batch."""

TIME_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

_KEY_BYTES = 900
"""The bytes of a batch beside its values and the text of its key."""

DEFINITION = declare(
    "symbia.core.group",
    "Group",
    "Gathers values into batches, by key, count, time, or in overlapping windows.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "An array of values in the order of their arrival; `{key, values}` where a key is named."),
    ),
    config={
        "count": ConfigField(
            type="integer",
            description=f"How many values make a batch; 0 stands for the most allowed, {COUNT_LIMIT}.",
            default=0,
            minimum=0,
            maximum=COUNT_LIMIT,
        ),
        "overlap": ConfigField(
            type="integer",
            description="How many of the last values of a batch the next one begins with; fewer than `count`.",
            default=0,
            minimum=0,
            maximum=COUNT_LIMIT,
        ),
        "ms": ConfigField(
            type="number",
            description="Milliseconds after the first value of a batch at which it is given out, full or not; "
            "0 for never. With `everyMs`, how long a window is.",
            default=0,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
        "everyMs": ConfigField(
            type="number",
            description="With it, the values of the last `ms` are given out every so many milliseconds, as long "
            "as there are any; at most `ms`. 0 for batches that do not overlap in time.",
            default=0,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
        "key": ConfigField(
            type="string",
            description="The field whose values have batches of their own; a dotted path reaches inside. "
            '`""` for one stream.',
            default="",
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
    },
)


class GroupComponent(Builtin):
    """The component, which checks what goes together: a schema cannot."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = []
        count = config["count"] or COUNT_LIMIT
        if config["overlap"] >= count:
            problems.append(("overlap", f"A batch of {count} values cannot begin with {config['overlap']}"))
        if not config["count"] and not config["ms"]:
            problems.append(("count", "Give a count, ms or both: nothing else says when a batch is complete"))
        if config["everyMs"] > config["ms"]:
            problems.append(("everyMs", "everyMs is at most ms: values would fall between two windows"))
        if config["everyMs"] and (config["count"] or config["overlap"]):
            problems.append(("everyMs", "everyMs goes by time alone, without count and overlap"))
        return [Problem("config.invalid", path, message) for path, message in problems]


class Batch:
    """The values of one key that are held, each with its arrival (seconds of Trio's clock)."""

    __slots__ = ("fresh", "size_bytes", "values")

    def __init__(self) -> None:
        self.values: deque[tuple[float, Message]] = deque()
        self.size_bytes = 1  # the opening bracket; each value adds itself and the comma or bracket after it
        self.fresh = 0  # values that no batch has been given out with

    def append(self, message: Message, now: float) -> None:
        """Take a value in."""
        self.values.append((now, message))
        self.size_bytes += len(message.value) + 1
        self.fresh += 1

    def pop(self) -> Message:
        """Let go of the oldest value."""
        _, message = self.values.popleft()
        self.size_bytes -= len(message.value) + 1
        return message


class Group(Keyed):
    """The batches that are not complete, by key.

    Args:
        count: values of a batch.
        overlap: of them, how many the next one begins with.
        seconds: until a batch is given out, or how long a window is; 0 for never.
        every_seconds: between two windows; 0 where batches do not overlap in time.
        key: of a message.
    """

    keeps = "messages"

    def __init__(self, count: int, overlap: int, seconds: float, every_seconds: float, key: MessageKey) -> None:
        self._count = count
        self._overlap = overlap
        self._seconds = seconds
        self._every_seconds = every_seconds
        self._key = key
        self._batches: dict[str, Batch] = {}
        self._due: OrderedDict[str, float] = OrderedDict()  # all wait equally long: the first one is due first
        self._held = 0
        self._held_bytes = 0
        self._keys_bytes = 0
        super().__init__((key,))

    def take(self, message: Message, document: Document) -> Outcome:
        key = self._key.of(document)
        size = len(message.value)
        batch = self._batches.get(key)
        if batch is None:
            refuse_key(len(self._batches))
        if self._held >= HELD_LIMIT_MESSAGES or self._held_bytes + size > HELD_LIMIT_BYTES:
            limits = f"{HELD_LIMIT_MESSAGES} values and {HELD_LIMIT_BYTES} bytes"
            raise UnavailableError("HeldLimitExceeded", f"This node holds at most {limits}")
        outcome = NOTHING
        if batch is None:
            batch = self._batches[key] = Batch()
            self._keys_bytes += len(key) + _KEY_BYTES
        elif batch.size_bytes + size + 1 > BATCH_LIMIT_BYTES:
            if self._every_seconds:
                raise UnavailableError("HeldLimitExceeded", f"A window has at most {BATCH_LIMIT_BYTES} bytes")
            outcome = self._given(key, batch, 0) if batch.fresh else self._left(batch)
            self._due.pop(key, None)
        now = trio.current_time()
        if self._seconds and not batch.fresh and key not in self._due:
            self._due[key] = now + (self._every_seconds or self._seconds)
        batch.append(message, now)
        self._held += 1
        self._held_bytes += size
        if len(batch.values) < self._count:
            return outcome
        return together((outcome, self._completed(key, batch)))

    def _completed(self, key: str, batch: Batch) -> Outcome:
        """Give out a batch that has all its values; a part of them may stay."""
        self._due.pop(key, None)
        outcome = self._given(key, batch, self._overlap)
        if not batch.values:
            self._forget(key)
        return outcome

    def _given(self, key: str, batch: Batch, staying: int) -> Outcome:
        """Return the outcome that gives out all values, of which so many stay, the last ones."""
        lane = max([message.lane for _, message in batch.values])
        text = b"[" + b",".join([message.value for _, message in batch.values]) + b"]"
        if self._key.exists:
            text = b'{"key":%b,"values":%b}' % (encode(key), text)
        last = batch.values[-1][1]
        gone = self._let_go(batch, staying)
        batch.fresh = 0
        return made_at(Outcome(((0, text),), lanes=(lane,), made_from=(len(gone),)), last, gone)

    def _let_go(self, batch: Batch, staying: int) -> Sequence[Message]:
        gone = [batch.pop() for _ in range(len(batch.values) - staying)]
        self._held_bytes -= sum([len(message.value) for message in gone])
        self._held -= len(gone)
        return gone

    def _left(self, batch: Batch) -> Outcome:
        """Let go of values that have left in a batch, and would only be in the next one as well."""
        return made_at(NOTHING, None, self._let_go(batch, 0))

    def _forget(self, key: str) -> None:
        del self._batches[key]
        self._keys_bytes -= len(key) + _KEY_BYTES

    def due(self) -> float | None:
        return next(iter(self._due.values()), None)

    def release(self, now: float) -> Outcome:
        outcomes: list[Outcome] = []
        made = 0
        while self._due and made <= MADE_BYTES:
            key, due = next(iter(self._due.items()))
            if due > now:
                break
            batch = self._batches[key]
            outcome = self._window(key, batch, due) if self._every_seconds else self._completed(key, batch)
            outcomes.append(outcome)
            made += sum([len(value) for _, value in outcome.emissions])
        return together(outcomes)

    def _window(self, key: str, batch: Batch, end: float) -> Outcome:
        """Give out the window that ends at a time, and let go of the values that the next one does not have."""
        next_end = end + self._every_seconds
        kept = next((at for at, (came, _) in enumerate(batch.values) if came > next_end - self._seconds), None)
        later = next((at for at, (came, _) in enumerate(batch.values) if came > end), len(batch.values))
        ahead = [batch.values.pop() for _ in range(len(batch.values) - later)]  # where the release comes late
        outcome = self._given(key, batch, max(0, later - (later if kept is None else kept)))
        batch.values.extend(reversed(ahead))
        batch.fresh = len(ahead)
        if batch.values:
            self._due[key] = next_end
            self._due.move_to_end(key)
        else:
            del self._due[key]
            self._forget(key)
        return outcome

    def flush(self) -> Outcome:
        outcomes = [
            self._given(key, batch, 0) if batch.fresh else self._left(batch)
            for key, batch in self._batches.items()
        ]
        self._batches.clear()
        self._due.clear()
        self._held = self._held_bytes = self._keys_bytes = 0
        return together(outcomes)

    def snapshot(self, now: float) -> Snapshot | None:
        if not self._batches:
            return None
        batches = [(key, each.fresh, tuple(each.values)) for key, each in self._batches.items()]
        due = tuple(self._due.items())

        def make() -> Kept:
            messages = tuple([message for _, _, values in batches for _, message in values])
            rest = (
                [(key_bytes(key), fresh, [came - now for came, _ in values]) for key, fresh, values in batches],
                [(key_bytes(key), at - now) for key, at in due],
            )
            return Kept(messages, rest=rest)

        return make

    def restore(self, kept: Kept, now: float) -> None:
        batches, due = msgspec.convert(
            kept.rest, tuple[list[tuple[bytes, int, list[float]]], list[tuple[bytes, float]]]
        )
        portions = Portions(kept)
        for name, (_, fresh, came) in zip(distinct(key for key, _, _ in batches), batches, strict=True):
            if not came or not 0 <= fresh <= len(came):
                raise ValueError("a batch has values, and so many are fresh")
            batch = self._batches[name] = Batch()
            for at, message in zip(came, portions.take(len(came)), strict=True):
                batch.append(message, now + at)
            batch.fresh = fresh
            self._keys_bytes += len(name) + _KEY_BYTES
        portions.end()
        self._due = OrderedDict((key_of(key), now + at) for key, at in due)
        if not self._due.keys() <= self._batches.keys():
            raise ValueError("a batch is due that is not there")
        self._held = len(kept.messages)
        self._held_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return self._held

    def held_bytes(self) -> int:
        return self._held_bytes + MESSAGE_BYTES * self._held + self._keys_bytes


def _make(context: InstanceContext) -> Handler:
    config = context.config
    seconds, every_seconds = config["ms"] / 1000, config["everyMs"] / 1000
    count = int(config["count"]) or COUNT_LIMIT
    return Group(
        count,
        int(config["overlap"]),
        seconds,
        every_seconds,
        MessageKey(config["key"], is_computed=KEY_EXPRESSION in config),
    )


GROUP = GroupComponent(DEFINITION, _make)
