"""``symbia.routine.remember`` and ``symbia.routine.recall``: variables that travel with the message."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import port
from engine.builtin.parts import json_path
from engine.builtin.parts.one_by_one import in_turns
from engine.builtin.parts.routine_message import RoutineMessage, read_message
from engine.builtin.parts.routine_step import (
    REFUSALS,
    declare_step,
    defaults_of,
    model_missing,
    passing,
    refusal_of,
)
from engine.builtin.parts.routine_template import Template
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

_MISSING = 1  # the index of the port

REMEMBER_DEFINITION = declare_step(
    "remember",
    "Remembers the value, a part of it, or something else in a variable of the message.",
    outputs=(passing("`{value, variables}`, with the variable."),),
    config={
        "key": ConfigField(type="string", description="The name of the variable."),
        "field": ConfigField(
            type="string", description="A dotted path to the part that is remembered; the whole value when absent."
        ),
        "value": ConfigField(
            type="any", description="What is remembered in place of it; a string may have `{placeholders}`."
        ),
    },
)
RECALL_DEFINITION = declare_step(
    "recall",
    "Puts what a variable holds in the place of the value.",
    outputs=(
        passing("`{value, variables}`, with what was remembered as the value."),
        port("missing", "The message, where nothing is remembered and there is no default."),
    ),
    config={
        "key": ConfigField(type="string", description="The name of the variable."),
        "default": ConfigField(type="any", description="What is recalled where nothing is remembered."),
    },
)


class Remember(Handler):
    """A handler that adds one variable to each message.

    Args:
        key: its name.
        names: the path to what is remembered.
        given: what is remembered instead: the text of a JSON value, or a template.
        defaults: variables that no step has set.
    """

    def __init__(
        self, key: str, names: tuple[str, ...], given: bytes | Template | None, defaults: dict[str, msgspec.Raw]
    ) -> None:
        self._key = key
        self._names = names
        self._given = given
        self._defaults = defaults
        self._work_bytes = given.work_bytes if isinstance(given, Template) else len(given or b"")

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return await in_turns(batch, self._remember)

    async def _remember(self, message: Message) -> tuple[Outcome, int]:
        work_bytes = len(message.value) + self._work_bytes
        try:
            read = read_message(message.value)
            return Outcome(((0, read.remembering(self._key, await self._wanted(read)).encoded()),)), work_bytes
        except REFUSALS as error:
            return refusal_of(error), work_bytes

    async def _wanted(self, message: RoutineMessage) -> bytes:
        if isinstance(self._given, bytes):
            return self._given
        if self._given is not None:
            return encode((await self._given.fill(message, self._defaults)).text)
        document = json_path.Document(bytes(message.value))
        await document.reach((self._names,))
        found = document.find(self._names)
        return b"null" if found is None else found


class Recall(Handler):
    """A handler that replaces the value of each message.

    Args:
        key: the variable's name.
        default: the JSON text of what is recalled where it holds nothing; None where there is no such thing.
    """

    def __init__(self, key: str, default: bytes | None) -> None:
        self._key = key
        self._default = default

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return await in_turns(batch, self._recall)

    async def _recall(self, message: Message) -> tuple[Outcome, int]:
        try:
            return self._recalled(message.value), len(message.value) + len(self._default or b"")
        except REFUSALS as error:
            return refusal_of(error), len(message.value)

    def _recalled(self, text: bytes) -> Outcome:
        message = read_message(text)
        held = message.variables.get(self._key)
        if held is None and self._default is None:
            return Outcome(((_MISSING, text),))
        value = msgspec.Raw(self._default or b"null") if held is None else held
        return Outcome(((0, RoutineMessage(value, message.variables).encoded()),))


class RememberStep(Builtin):
    """A field that is no path, or that competes with a value, refuses the graph."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = []
        if "field" in config and json_path.fields(config["field"]) is None:
            message = "field must be a dotted path, such as user.name"
            problems.append(Problem("config.invalid_path", "field", message))
        if "field" in config and "value" in config:
            message = "field and value both say what is remembered; give one of them"
            problems.append(Problem("config.expression_count", "value", message))
        if isinstance(config.get("value"), str):
            problems += Template(config["value"]).problems("value")
        return tuple(problems)


def _make_remember(context: InstanceContext) -> Handler:
    config = context.config
    if not config.get("key"):
        return model_missing("remember", context, "key")
    given: bytes | Template | None = None
    if "value" in config:
        value = config["value"]
        given = Template(value) if isinstance(value, str) else encode(value)
    names = json_path.fields(config.get("field", "")) or ()
    return Remember(config["key"], names, given, defaults_of(context))


def _make_recall(context: InstanceContext) -> Handler:
    key = context.config.get("key")
    if not key:
        return model_missing("recall", context, "key")
    if "default" in context.config:
        return Recall(key, encode(context.config["default"]))
    declared = defaults_of(context).get(key)
    return Recall(key, None if declared is None else bytes(declared))


REMEMBER = RememberStep(REMEMBER_DEFINITION, _make_remember)
RECALL = Builtin(RECALL_DEFINITION, _make_recall)
