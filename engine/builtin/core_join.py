"""``symbia.core.join`` puts together values of several inputs that have the same key.

The first value of a key opens a set; the first value of each other input that has the key joins it, and a
complete set leaves as an object ``{port: value}`` built from the values' texts. A second value of an input
does not replace the first: it opens the next set. A set that is not complete within ``ms`` of its opening, or when
the execution completes, is left alone, and ``alone`` says what becomes of it.

What waits is bounded by errors, not by ``is_full``, as in ``symbia.core.merge``: a join that takes no more would
never be handed the partner for which the others wait.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import msgspec
import trio

from engine.builtin.core_merge import PORTS, AwaitingBuiltin, object_text, unexpected
from engine.builtin.declare import declare, port
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import Portions, key_bytes, key_of
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION, KEY_EXPRESSION_FIELD, MessageKey
from engine.builtin.parts.refusal import UnavailableError
from engine.contracts.groups import made_at, together
from engine.contracts.handler import (
    MADE_BYTES,
    NOTHING,
    Handler,
    HandlerError,
    InstanceContext,
    Kept,
    LogLine,
    Message,
    Outcome,
    Snapshot,
)
from engine.documents.problem_report import shown
from engine.memory.lease import MESSAGE_BYTES
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

HELD_LIMIT_MESSAGES = 10_000
HELD_LIMIT_BYTES = 64 * 1024 * 1024
"""Values that wait for partners in one node. As many as a paused execution holds."""

TIME_LIMIT_MS = 24 * 3_600_000
"""One day. Executions live in memory; what is matched with yesterday's wants a store."""

_SET_BYTES = 1_200
"""The bytes of a set beside its values and the text of its key."""

_KEYS_TOLD = 10
"""Keys that a log line or an error names of many sets that are left alone together."""

_OUT, _ALONE = 0, 1

DEFINITION = declare(
    "symbia.core.join",
    "Join",
    "Puts together values of several inputs that have the same key, within a time.",
    inputs=tuple(port(name, "An object with the key.", {"type": "object"}) for name in PORTS),
    outputs=(
        port("out", "An object with one key for each input.", {"type": "object"}),
        port(
            "alone",
            "With `alone: emit`, `{key, values, missing}` of a set that was not complete in time.",
            {"type": "object"},
        ),
    ),
    config={
        "inputs": ConfigField(
            type="array",
            description=f"The ports that are joined, two at least, of {', '.join(PORTS)}.",
            default=["a", "b"],
        ),
        "key": ConfigField(
            type="string", description="The field that holds the key; a dotted path reaches inside.", default="id"
        ),
        KEY_EXPRESSION: KEY_EXPRESSION_FIELD,
        "keys": ConfigField(
            type="object",
            description='The field of an input whose key stands elsewhere, by port: `{"b": "order.id"}`.',
            default={},
        ),
        "ms": ConfigField(
            type="number",
            description="Milliseconds from the first value of a set until it is left alone; 0 for never.",
            default=60_000,
            minimum=0,
            maximum=TIME_LIMIT_MS,
        ),
        "alone": ConfigField(
            type="string",
            description="`emit` lets an incomplete set leave by `alone`; `error` by `error`; `drop` writes a line "
            "to the log.",
            default="emit",
            enum=("emit", "error", "drop"),
        ),
    },
)


class JoinComponent(AwaitingBuiltin):
    """The component, which checks its inputs and where their keys stand."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = list(await super().check(config))
        inputs, keys = config["inputs"], config["keys"]
        if not problems and len(inputs) == 1:
            problems.append(Problem("config.invalid", "inputs", "A join has two inputs at least"))
        for name, path in keys.items():
            place = f"keys.{shown(name)}"
            if name not in inputs:
                problems.append(Problem("config.invalid", place, f"There is no input {shown(name)} to be joined"))
            elif not isinstance(path, str) or not path:
                problems.append(Problem("config.invalid", place, f"The key of input {name} must name a field"))
        if not config["key"] and any(name not in keys for name in inputs):
            problems.append(Problem("config.invalid", "key", "Name the field that holds the key"))
        return problems


class Set:
    """Values of one key that have come together so far."""

    __slots__ = ("due", "key", "messages", "number")

    def __init__(self, key: str, number: int, due: float) -> None:
        self.key = key
        self.number = number
        self.due = due
        self.messages: dict[str, Message] = {}

    @property
    def size_bytes(self) -> int:
        """The bytes of its values."""
        return sum([len(message.value) for message in self.messages.values()])


class Join(Keyed):
    """The sets that are not complete, the oldest first.

    Args:
        names: of the ports that are joined.
        keys: of the messages, by port.
        seconds: until a set is left alone; 0 for never.
        alone: what becomes of it.
        value_bytes: that an object may have.
    """

    keeps = "messages"

    def __init__(
        self, names: Sequence[str], keys: Mapping[str, MessageKey], seconds: float, alone: str, value_bytes: int
    ) -> None:
        self._names = tuple(names)
        self._key_of = keys
        self._seconds = seconds
        self._alone = alone
        self._value_bytes = value_bytes
        self._sets: OrderedDict[int, Set] = OrderedDict()
        self._number = count()
        # By key and port: the sets that lack a value of that port, the oldest first.
        self._lacking: dict[tuple[str, str], deque[Set]] = {}
        self._held = 0
        self._held_bytes = 0
        self._keys_bytes = 0
        super().__init__(tuple(keys.values()))

    def take(self, message: Message, document: Document) -> Outcome:
        name = PORTS[message.port]
        if name not in self._names:
            return unexpected(name, self._names)
        key = self._key_of[name].of(document)
        size = len(message.value)
        lacking = self._lacking.get((key, name))
        if (lacking is None and self._held >= HELD_LIMIT_MESSAGES) or self._held_bytes + size > HELD_LIMIT_BYTES:
            limits = f"{HELD_LIMIT_MESSAGES} values and {HELD_LIMIT_BYTES} bytes"
            raise UnavailableError("HeldLimitExceeded", f"At most {limits} wait for partners in this node")
        if lacking is None:
            joined = self._open(key, name)
        else:
            joined = lacking[0]
            self._drop_first(key, name)
        joined.messages[name] = message
        self._held += 1
        self._held_bytes += size
        if len(joined.messages) < len(self._names):
            return NOTHING
        self._close(joined)
        return self._complete(joined, message)

    def _open(self, key: str, name: str) -> Set:
        """Open a set with a value of a port, for which the other ports' next values are meant."""
        made = Set(key, next(self._number), trio.current_time() + self._seconds)
        self._sets[made.number] = made
        self._keys_bytes += len(key) + _SET_BYTES
        for other in self._names:
            if other != name:
                self._lacking.setdefault((key, other), deque()).append(made)
        return made

    def _drop_first(self, key: str, name: str) -> None:
        """Let the oldest of the sets of a key that lack a value lack it no more."""
        lacking = self._lacking[key, name]
        lacking.popleft()
        if not lacking:
            del self._lacking[key, name]

    def _close(self, closed: Set) -> None:
        """Let a set wait no more; where it lacks values, it is the oldest of its key."""
        del self._sets[closed.number]
        self._keys_bytes -= len(closed.key) + _SET_BYTES
        self._held -= len(closed.messages)
        self._held_bytes -= closed.size_bytes
        for name in self._names:
            if name not in closed.messages:
                self._drop_first(closed.key, name)

    def _complete(self, joined: Set, present: Message) -> Outcome:
        texts = [joined.messages[name].value for name in self._names]
        made_from = (len(texts),)
        size = sum(map(len, texts)) + sum([len(name) + 4 for name in self._names])
        if size > self._value_bytes:
            text = f"The set of key {shown(joined.key)} would have {size} bytes; {self._value_bytes} are allowed"
            outcome = Outcome(error=HandlerError("ValueTooLarge", text), made_from=made_from)
            return made_at(outcome, present, joined.messages.values())
        lane = max([message.lane for message in joined.messages.values()])
        outcome = Outcome(((_OUT, object_text(self._names, texts)),), lanes=(lane,), made_from=made_from)
        return made_at(outcome, present, joined.messages.values())

    def due(self) -> float | None:
        return next(iter(self._sets.values())).due if self._seconds and self._sets else None

    def release(self, now: float) -> Outcome:
        most = 1 if self._alone == "error" else len(self._sets)  # an outcome has one error
        left: list[Set] = []
        made = 0
        while self._sets and len(left) < most and made <= MADE_BYTES:
            first = next(iter(self._sets.values()))
            if first.due > now:
                break
            self._close(first)
            left.append(first)
            made += first.size_bytes
        return self._left_alone(left, "in time")

    def flush(self) -> Outcome:
        left = list(self._sets.values())
        self._sets.clear()
        self._lacking.clear()
        self._held = self._held_bytes = self._keys_bytes = 0
        return self._left_alone(left, "before the end of input")

    def _left_alone(self, left: Sequence[Set], when: str) -> Outcome:
        if not left:
            return NOTHING
        if self._alone == "emit":
            return together([self._alone_by_itself(each) for each in left])
        done = [message for each in left for message in each.messages.values()]
        keys = ", ".join(shown(each.key) for each in left[:_KEYS_TOLD]) + (", ..." if left[_KEYS_TOLD:] else "")
        text = f"Sets that were not complete {when}: {len(left)} (keys: {keys})"
        if self._alone == "drop":
            return made_at(Outcome(logs=(LogLine("warn", text),)), None, done)
        details = encode({"sets": [self._told(each) for each in left[:_KEYS_TOLD]]})
        outcome = Outcome(error=HandlerError("LeftAlone", text, details=details), made_from=(len(done),))
        return made_at(outcome, done[-1], done)

    def _alone_by_itself(self, each: Set) -> Outcome:
        messages = list(each.messages.values())
        lane = max([message.lane for message in messages])
        outcome = Outcome(((_ALONE, encode(self._told(each))),), lanes=(lane,), made_from=(len(messages),))
        return made_at(outcome, messages[-1], messages)

    def _told(self, each: Set) -> dict[str, Any]:
        return {
            "key": each.key,
            "values": {name: msgspec.Raw(message.value) for name, message in each.messages.items()},
            "missing": [name for name in self._names if name not in each.messages],
        }

    def snapshot(self, now: float) -> Snapshot | None:
        if not self._sets:
            return None
        sets = [(each.key, each.due, tuple(each.messages.items())) for each in self._sets.values()]

        def make() -> Kept:
            rest = [(key_bytes(key), due - now, [name for name, _ in messages]) for key, due, messages in sets]
            return Kept(tuple([message for _, _, messages in sets for _, message in messages]), rest=rest)

        return make

    def restore(self, kept: Kept, now: float) -> None:
        portions = Portions(kept)
        for key, due, names in msgspec.convert(kept.rest, list[tuple[bytes, float, list[str]]]):
            if not names or not set(names) < set(self._names):
                raise ValueError("a set has values of some of the inputs that are joined")
            opened = Set(key_of(key), next(self._number), now + due)
            opened.messages = dict(zip(names, portions.take(len(names)), strict=True))
            self._sets[opened.number] = opened
            self._keys_bytes += len(opened.key) + _SET_BYTES
            for other in self._names:
                if other not in opened.messages:
                    self._lacking.setdefault((opened.key, other), deque()).append(opened)
        portions.end()
        self._held = len(kept.messages)
        self._held_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return self._held

    def held_bytes(self) -> int:
        return self._held_bytes + MESSAGE_BYTES * self._held + self._keys_bytes


def _make(context: InstanceContext) -> Handler:
    config = context.config
    names: Sequence[str] = config["inputs"]
    is_computed = KEY_EXPRESSION in config
    keys = {
        name: MessageKey(config["keys"].get(name, config["key"]), is_computed=is_computed, port=name)
        for name in names
    }
    return Join(names, keys, config["ms"] / 1000, config["alone"], context.value_bytes)


JOIN_BY_KEY = JoinComponent(DEFINITION, _make)
