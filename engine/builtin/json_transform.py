"""``symbia.data.json-transform`` extracts from a value what a JMESPath expression finds.

A dotted path (``data.items``) is followed in the value's text, and what it finds leaves untouched. Any other
expression decodes the value, and what it emits is written anew: numbers are read as 64-bit floats where they have
a fraction or exponent, so ``1.10`` becomes ``1.1`` and digits beyond the seventeenth are lost, the last of equal
keys wins, and white space between tokens goes. Integers of any length survive.

The library is pure Python, so nobody else runs while it works. Therefore the work is metered: what takes a few
milliseconds is done at once, and what takes longer is begun again in a worker thread that pauses after every
millisecond and ends when the execution does. One such thread serves the whole process.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import jmespath.exceptions
import msgspec
import trio

from engine.builtin import json_path
from engine.builtin.declaration import declare, error_port, port
from engine.builtin.jmespath_meter import PATH_LIMIT_CHARACTERS, BudgetSpentError, Path, PathSyntaxError
from engine.component import Builtin
from engine.handler import NOTHING, Handler, HandlerError, InstanceContext, Message, Outcome
from proto.codec import MalformedJsonError, decode, encode
from proto.component import ConfigField
from proto.problem import Problem

VALUE_LIMIT_BYTES = 2 * 1024 * 1024
"""Value that is decoded for an expression. Decoding cannot be interrupted, and takes about 13 ms a megabyte."""

INLINE_LIMIT_BYTES = 64 * 1024
"""Value that is decoded on the event loop: less than a millisecond. Larger ones go to the worker thread."""

INLINE_STEPS = 2_000
"""Work done on the event loop: two to four milliseconds."""

THREAD_STEPS = 1_000_000
"""Work done in the worker thread: seconds. Also the most elements that a result can have."""

TURN_SECONDS = 0.005
"""How long the messages of one batch keep the event loop, before the others have their turn."""

PAUSE_SECONDS = 0.001
"""How long the worker lets the others run after each stretch of work (about a millisecond, too)."""

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
        ),
        "default": ConfigField(
            type="any", description="What is emitted when nothing, or null, is found.", default=None
        ),
    },
    stateless=True,
)

_worker = trio.CapacityLimiter(1)


class JsonTransform(Builtin):
    """Compiles the expression when a graph is loaded, so that a mistake in it refuses the graph."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        try:
            Path(config["path"])
        except PathSyntaxError as error:
            message = f"This is not a JMESPath expression. {error}"
            return (Problem("config.invalid_path", "path", message),)
        return ()


class DottedTransform(Handler):
    """Follows field names through the value's text."""

    def __init__(self, names: tuple[str, ...], default: bytes) -> None:
        self._names = names
        self._default = default

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [self._transform(message.value) for message in batch]

    def _transform(self, text: bytes) -> Outcome:
        try:
            found = json_path.find(text, self._names)
        except msgspec.DecodeError as error:  # of this message, and not of all that came with it
            return _refused("MalformedJson", f"This is not JSON: {error}")
        return Outcome(((0, self._default if found is None or found == b"null" else found),))


class ExpressionTransform(Handler):
    """Evaluates a compiled expression on the decoded value."""

    def __init__(self, text: str, default: bytes, between_turns: Callable[[], Awaitable[None]]) -> None:
        self._text = text
        self._between_turns = between_turns
        self._default = default
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
        if len(text) <= INLINE_LIMIT_BYTES:
            try:
                return self._evaluate(text, INLINE_STEPS)
            except BudgetSpentError:
                pass
        try:
            return await trio.to_thread.run_sync(self._evaluate_patiently, text, limiter=_worker)
        except BudgetSpentError:
            return _refused(
                "PathTooCostly",
                f"The expression takes more than {THREAD_STEPS} steps on this value; simplify it, or send less",
            )

    def _evaluate_patiently(self, text: bytes) -> Outcome:
        return self._evaluate(text, THREAD_STEPS, patient=True)

    def _evaluate(self, text: bytes, steps: int, *, patient: bool = False) -> Outcome:
        assert self._path is not None, "initialize comes first"  # noqa: S101 - the engine's contract
        try:
            found = self._path.search(decode(text), steps=steps, pause=_let_others_run if patient else None)
            return Outcome(((0, self._default if found is None else encode(found)),))
        except BudgetSpentError:
            raise
        except MalformedJsonError as error:
            return _refused("MalformedJson", str(error))
        except jmespath.exceptions.JMESPathError as error:
            return _refused("PathError", _explained(error))
        except Exception as error:  # noqa: BLE001 - a stranger's expression meets a library that does not expect one
            return _refused("PathError", f"The expression failed on this value: {type(error).__name__}: {error}")


def _let_others_run() -> None:
    trio.from_thread.check_cancelled()
    time.sleep(PAUSE_SECONDS)


def _explained(error: jmespath.exceptions.JMESPathError) -> str:
    if isinstance(error, jmespath.exceptions.JMESPathTypeError):
        # Its own text quotes the whole value.
        wanted = " or ".join(error.expected_types)
        return f"The function {error.function_name}() takes {wanted}, not {error.actual_type}"
    return str(error)


def _refused(name: str, message: str) -> Outcome:
    return Outcome(error=HandlerError(name, message))


def _make(context: InstanceContext) -> Handler:
    path, default = context.config["path"], msgspec.json.encode(context.config["default"])
    names = json_path.fields(path)
    if names is not None:
        return DottedTransform(names, default)
    return ExpressionTransform(path, default, context.between_slices)


JSON_TRANSFORM = JsonTransform(DEFINITION, _make)
