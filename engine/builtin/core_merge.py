"""``symbia.core.merge`` combines several inputs into one stream.

``any`` forwards whatever comes, in the order of arrival. ``zip`` pairs the first value of each input, then the
second, and so on. ``all`` keeps the latest value of each input and, once all have come, gives out the whole set
whenever one of them changes. Sets are objects ``{port: value}`` built from the values' texts: nothing is decoded.

A handler does not know which of its ports have edges, so ``zip`` and ``all`` are told by ``inputs`` what to wait
for. A value on another port is an error that says so, rather than a value that silently waits for ever.

What waits in ``zip`` is bounded by errors, not by ``is_full``: a merge that takes no more messages would never be
handed the partner for which the others wait.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec

from engine.builtin.declare import declare, port
from engine.builtin.parts.kept import Portions, done_with
from engine.contracts.component import Builtin
from engine.contracts.groups import made_at
from engine.contracts.handler import (
    NOTHING,
    Handler,
    HandlerError,
    InstanceContext,
    Kept,
    LogLine,
    Message,
    Outcome,
    made_of,
)
from engine.documents.problem_report import shown
from engine.memory.lease import MESSAGE_BYTES
from proto.component import ConfigField
from proto.problem import Problem

PORTS = ("in", "a", "b", "c", "d")
"""``in`` for streams that are merely joined; letters for those that are told apart."""

WAITING_LIMIT_MESSAGES = 10_000
"""Values of one input that may wait for partners. As many as a paused execution holds."""

WAITING_LIMIT_BYTES = 64 * 1024 * 1024
"""Bytes that may wait in one merge: a few of the largest values that the engine carries."""

DEFINITION = declare(
    "symbia.core.merge",
    "Merge",
    "Combines several inputs: as they come, pairwise, or as the latest of each.",
    inputs=tuple(port(name, "Any value.") for name in PORTS),
    outputs=(port("out", "The value as it came (`any`), or an object with one key for each input."),),
    config={
        "mode": ConfigField(
            type="string",
            description="`any` forwards whatever comes; `zip` pairs the n-th values of all inputs; `all` gives "
            "out the latest of each whenever one comes, once all have come.",
            default="any",
            enum=("any", "zip", "all"),
        ),
        "inputs": ConfigField(
            type="array",
            description=f"The ports that `zip` and `all` wait for, of {', '.join(PORTS)}; `any` takes all.",
            default=["a", "b"],
        ),
    },
)


class AwaitingBuiltin(Builtin):
    """A component that awaits the inputs which its configuration names; its nodes have no others."""

    def inputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        awaited = config.get("inputs", self.definition.config["inputs"].default)
        if not isinstance(awaited, list | tuple):
            return PORTS
        named = set(islice((name for name in awaited if isinstance(name, str)), len(PORTS)))
        return tuple(name for name in PORTS if name in named) or PORTS

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        return tuple(_input_problems(config["inputs"]))


class Merge(AwaitingBuiltin):
    """The component, whose nodes have all inputs in ``any``."""

    def inputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        awaits = config.get("mode", self.definition.config["mode"].default) in ("zip", "all")
        return super().inputs(config) if awaits else PORTS

    def relayed(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        return (0,) * len(PORTS) if config["mode"] == "any" else ()


class AnyMerge(Handler):
    """A merge that forwards whatever comes."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [Outcome(((0, message.value),)) for message in batch]


class ZipMerge(Handler):
    """One queue for each awaited input; when none is empty, one value of each leaves."""

    keeps = "messages"

    def __init__(self, names: Sequence[str], value_bytes: int) -> None:
        self._value_bytes = value_bytes
        self._names = tuple(names)
        self._waiting: dict[str, deque[Message]] = {name: deque() for name in names}
        self._waiting_bytes = 0
        self._unpaired = 0  # at the end, when their values are gone

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return made_of(batch, self._take)

    def _take(self, message: Message) -> Outcome:
        name, value = PORTS[message.port], message.value
        queue = self._waiting.get(name)
        if queue is None:
            return unexpected(name, self._names)
        if len(queue) >= WAITING_LIMIT_MESSAGES or self._waiting_bytes + len(value) > WAITING_LIMIT_BYTES:
            return self._overflow(name)
        queue.append(message)
        self._waiting_bytes += len(value)
        if not all(self._waiting.values()):
            return NOTHING
        pairs = [self._waiting[other].popleft() for other in self._names]
        self._waiting_bytes -= sum(len(each.value) for each in pairs)
        return _set_of(self._names, pairs, self._value_bytes, message, done=pairs)

    def snapshot(self, now: float) -> Kept | None:
        del now
        messages = [message for queue in self._waiting.values() for message in queue]
        rest = ({name: len(queue) for name, queue in self._waiting.items()}, self._unpaired)
        return Kept(tuple(messages), rest=rest) if messages or self._unpaired else None

    def restore(self, kept: Kept, now: float) -> None:
        del now
        counts, self._unpaired = msgspec.convert(kept.rest, tuple[dict[str, int], int])
        portions = Portions(kept)
        for name, count in counts.items():
            self._waiting[name].extend(portions.take(count))
        portions.end()
        self._waiting_bytes = sum([len(message.value) for message in kept.messages])

    def held_messages(self) -> int:
        return self._unpaired + sum(map(len, self._waiting.values()))

    def held_bytes(self) -> int:
        return self._waiting_bytes + MESSAGE_BYTES * sum(map(len, self._waiting.values()))

    def _overflow(self, name: str) -> Outcome:
        missing = ", ".join(other for other, queue in self._waiting.items() if not queue)
        return Outcome(
            error=HandlerError(
                "MergeOverflow",
                f"The value on port {name} cannot wait for a partner on {missing or 'the other ports'}: "
                f"{len(self._waiting[name])} values of this port and {self._waiting_bytes} bytes in all wait "
                f"already (limits: {WAITING_LIMIT_MESSAGES} and {WAITING_LIMIT_BYTES})",
            )
        )

    def flush(self) -> Outcome:
        self._unpaired = self.held_messages()
        left = [f"{len(queue)} on {name}" for name, queue in self._waiting.items() if queue]
        done = [message for queue in self._waiting.values() for message in queue]
        for queue in self._waiting.values():
            queue.clear()
        self._waiting_bytes = 0
        if not left:
            return NOTHING
        lines = (LogLine("warn", f"Values that found no partner: {', '.join(left)}"),)
        return made_at(Outcome(logs=lines), None, done)


class LatestMerge(Handler):
    """The latest value of each awaited input; a set leaves with every value once all have come."""

    keeps = "messages"

    def __init__(self, names: Sequence[str], value_bytes: int) -> None:
        self._value_bytes = value_bytes
        self._names = tuple(names)
        self._latest: dict[str, Message] = {}
        self._complete = False
        self._unpaired = 0  # at the end, when their values are gone

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return made_of(batch, self._take)

    def _take(self, message: Message) -> Outcome:
        name = PORTS[message.port]
        if name not in self._names:
            return unexpected(name, self._names)
        former = self._latest.get(name)
        self._latest[name] = message
        if not self._complete and len(self._latest) < len(self._names):
            return NOTHING if former is None else made_at(NOTHING, None, (former,))
        latest = [self._latest[other] for other in self._names]
        done = [message] if self._complete else latest  # the first set is made of all that waited for it
        self._complete = True
        return _set_of(self._names, latest, self._value_bytes, message, done=done)

    def snapshot(self, now: float) -> Kept | None:
        del now
        if not self._latest and not self._unpaired:
            return None
        messages = tuple(self._latest.values())
        if self._complete:
            messages = tuple(map(done_with, messages))
        return Kept(messages, rest=(list(self._latest), self._complete, self._unpaired))

    def restore(self, kept: Kept, now: float) -> None:
        del now
        names, self._complete, self._unpaired = msgspec.convert(kept.rest, tuple[list[str], bool, int])
        self._latest = dict(zip(names, kept.messages, strict=True))
        if not set(self._latest) <= set(self._names) or (self._complete and set(self._latest) < set(self._names)):
            raise ValueError("the latest values are of other inputs")

    def held_messages(self) -> int:
        return 0 if self._complete else self._unpaired + len(self._latest)

    def held_bytes(self) -> int:
        return sum(len(message.value) + MESSAGE_BYTES for message in self._latest.values())

    def flush(self) -> Outcome:
        if self._complete or not self._latest:
            return NOTHING
        silent = ", ".join(name for name in self._names if name not in self._latest)
        self._unpaired = self.held_messages()
        done = list(self._latest.values())
        self._latest.clear()
        lines = (LogLine("warn", f"No set was complete; nothing ever came on {silent}"),)
        return made_at(Outcome(logs=lines), None, done)


def _set_of(
    names: Sequence[str],
    latest: Sequence[Message],
    value_bytes: int,
    present: Message,
    *,
    done: Sequence[Message],
) -> Outcome:
    """Make a set of values, in the tightest of their lanes; an error where it would be too large for a value."""
    made_from = (len(done),)
    size = 1 + sum(len(name) + 4 + len(each.value) for name, each in zip(names, latest, strict=True))
    if size > value_bytes:
        message = f"The set of {', '.join(names)} would have {size} bytes; {value_bytes} are allowed (value_bytes)"
        outcome = Outcome(error=HandlerError("ValueTooLarge", message), made_from=made_from)
        return made_at(outcome, present, done)
    text = object_text(names, [each.value for each in latest])
    outcome = Outcome(((0, text),), lanes=(max(each.lane for each in latest),), made_from=made_from)
    return made_at(outcome, present, done)


def object_text(names: Sequence[str], values: Sequence[bytes]) -> bytes:
    """Make the JSON text of an object from port names and JSON texts, in the order given."""
    pairs = (b'"%b":%b' % (name.encode(), value) for name, value in zip(names, values, strict=True))
    return b"{" + b",".join(pairs) + b"}"


def unexpected(name: str, names: Sequence[str]) -> Outcome:
    """Return the outcome of a value on a port that is not awaited."""
    return Outcome(
        error=HandlerError(
            "UnexpectedInput",
            f"Port {name} is not one of the awaited inputs ({', '.join(names)}); "
            "name it in the configuration key inputs, or connect another port",
            is_permanent=True,
        )
    )


def _input_problems(inputs: Sequence[Any]) -> list[Problem]:
    if not inputs:
        return [Problem("config.invalid", "inputs", "Name at least one port to wait for")]
    if len(inputs) > len(PORTS):
        message = f"A merge has {len(PORTS)} ports, and {len(inputs)} are named; use {', '.join(PORTS)}"
        return [Problem("config.invalid", "inputs", message)]
    problems = []
    for index, name in enumerate(inputs):
        path = f"inputs[{index}]"
        if name not in PORTS:
            message = f"There is no port {shown(name)}; use {', '.join(PORTS)}"
            problems.append(Problem("config.invalid", path, message))
        elif name in inputs[:index]:
            problems.append(Problem("config.invalid", path, f"Port {name} is named twice"))
    return problems


def _make(context: InstanceContext) -> Handler:
    mode, names = context.config["mode"], context.config["inputs"]
    if mode == "any":
        return AnyMerge()
    kind = ZipMerge if mode == "zip" else LatestMerge
    return kind(names, context.value_bytes)


MERGE = Merge(DEFINITION, _make)
