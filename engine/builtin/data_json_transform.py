"""``symbia.data.json-transform`` extracts from a value what a JMESPath expression finds.

A dotted path (``data.items``) is followed in the value's text, and what it finds leaves untouched. Any other
expression decodes the value, and what it emits is written anew: numbers are read as 64-bit floats where they have
a fraction or exponent, so ``1.10`` becomes ``1.1`` and digits beyond the seventeenth are lost, the last of equal
keys wins, and white space between tokens goes. Integers of any length survive.

The library is pure Python, so nobody else runs while it works. Therefore the work is metered: what takes a few
milliseconds is done at once, and what takes longer is begun again in a worker process, which owners share in turns
and which is killed when its time is over.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts import json_path
from engine.builtin.parts.jmespath_meter import PATH_LIMIT_CHARACTERS, BudgetSpentError, Path, PathSyntaxError
from engine.builtin.parts.jmespath_search import SEARCH, Found, answered, request, search
from engine.builtin.parts.one_by_one import in_turns
from engine.contracts.component import Builtin
from engine.contracts.handler import NOTHING, Handler, HandlerError, InstanceContext, Message, Outcome
from proto.component import ConfigField
from proto.problem import Problem
from workers.errors import PoolBusyError, WorkerError
from workers.pool import Pool

VALUE_LIMIT_BYTES = 2 * 1024 * 1024
"""Value that is decoded for an expression. Decoding cannot be interrupted, and takes about 13 ms a megabyte."""

INLINE_LIMIT_BYTES = 64 * 1024
"""Value that is decoded on the event loop: less than a millisecond. Larger ones go to a worker."""

INLINE_STEPS = 2_000
"""Work done on the event loop: two to four milliseconds."""

SEARCH_SECONDS = 10.0
"""Wall time of a search in a worker. A million steps take two on a machine that has nothing else to do."""

TURN_SECONDS = 0.005
"""The time that the messages of one batch keep the event loop, before the others have their turn."""

DEFINITION = declare(
    "symbia.data.json-transform",
    "JSON transform",
    "Extracts what a JMESPath expression finds in a value.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "What was found, or the default."),
        error_port("Why the expression failed on a value, with the value."),
    ),
    config={
        "path": ConfigField(
            type="string",
            description="A dotted path such as `data.items`, or any other JMESPath expression; at most "
            f"{PATH_LIMIT_CHARACTERS} characters.",
            required=True,
            code=True,
        ),
        "default": ConfigField(
            type="any", description="What is emitted when nothing, or null, is found.", default=None
        ),
    },
    stateless=True,
)


class JsonTransform(Builtin):
    """The transformation component; it compiles the expression, so that a mistake in it refuses the graph."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        try:
            Path(config["path"])
        except PathSyntaxError as error:
            message = f"This is not a JMESPath expression. {error}"
            return (Problem("config.invalid_path", "path", message),)
        return ()


class DottedTransform(Handler):
    """A transformation that follows field names through the value's text."""

    def __init__(self, names: tuple[str, ...], default: bytes) -> None:
        self._names = names
        self._default = default

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return await in_turns(batch, self._transform)

    async def _transform(self, message: Message) -> tuple[Outcome, int]:
        document = json_path.Document(message.value)
        try:
            await document.reach((self._names,))
            found = document.find(self._names)
        except msgspec.DecodeError as error:  # of this message, and not of all that came with it
            return _refused("MalformedJson", f"This is not JSON: {error}"), len(message.value)
        except json_path.TooMuchToScanError as error:
            return _refused("TooMuchToScan", str(error)), document.scanned_bytes
        emission = self._default if found is None or found == b"null" else found
        return Outcome(((0, emission),)), document.scanned_bytes


class ExpressionTransform(Handler):
    """A transformation by an expression on the decoded value: at once where quick, or in a worker process."""

    def __init__(self, text: str, default: bytes, context: InstanceContext, workers: Pool | None) -> None:
        self._text = text
        self._default = default
        self._between_turns = context.on_slice_end
        self._owner = context.owner
        self._workers = workers
        self._inline_bytes = INLINE_LIMIT_BYTES
        self._path: Path | None = None

    async def initialize(self) -> Outcome:
        try:
            self._path = Path(self._text)
        except PathSyntaxError as error:
            return Outcome(error=HandlerError("PathSyntaxError", str(error)))
        return NOTHING

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = []
        began = time.perf_counter()
        for message in batch:
            outcomes.append(await self._transform(message.value))
            if time.perf_counter() - began > TURN_SECONDS:
                await trio.lowlevel.checkpoint()
                await self._between_turns()
                began = time.perf_counter()
        return outcomes

    async def _transform(self, text: bytes) -> Outcome:
        if len(text) > VALUE_LIMIT_BYTES:
            return _refused(
                "ValueTooLarge",
                f"The value has {len(text)} bytes; an expression takes at most {VALUE_LIMIT_BYTES}. "
                "Extract a part of it with a dotted path first",
            )
        found = self._found_at_once(text) or await self._found_aside(text)
        if found.name:
            return _refused(found.name, found.message)
        return Outcome(((0, self._default if found.value is None else found.value),))

    def _found_at_once(self, text: bytes) -> Found | None:
        assert self._path is not None, "initialize comes first"  # noqa: S101 - the engine's contract
        if len(text) > self._inline_bytes:
            return None
        try:
            return search(self._path, text, INLINE_STEPS)
        except BudgetSpentError:
            self._inline_bytes = len(text) - 1  # the next one of this size is not tried twice
            return None

    async def _found_aside(self, text: bytes) -> Found:
        if self._workers is None:
            return Found(name="PathTooCostly", message="The expression takes too long to be evaluated at once")
        try:
            answer = await self._workers.run(
                self._owner, SEARCH, request(self._text, text), seconds=SEARCH_SECONDS
            )
        except PoolBusyError as error:
            return Found(name="WorkersBusy", message=f"The expression was not evaluated: {error}")
        except WorkerError as error:
            return Found(name="PathTooCostly", message=f"The expression was not evaluated to its end: {error}")
        return answered(answer)


_PASSING = frozenset({"WorkersBusy", "PathTooCostly"})
"""Refusals that the same message may not meet again: they depend on who else is at work."""


def _refused(name: str, message: str) -> Outcome:
    return Outcome(error=HandlerError(name, message, is_permanent=name not in _PASSING))


def json_transform(workers: Pool | None = None) -> JsonTransform:
    """Return the component.

    Args:
        workers: where long evaluations run; without them, they are refused.
    """

    def make(context: InstanceContext) -> Handler:
        path, default = context.config["path"], msgspec.json.encode(context.config["default"])
        names = json_path.fields(path)
        if names is not None:
            return DottedTransform(names, default)
        return ExpressionTransform(path, default, context, workers)

    return JsonTransform(DEFINITION, make)
