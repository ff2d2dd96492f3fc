"""``symbia.routine.remember`` and ``symbia.routine.recall``: variables that travel with the message."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin import json_path
from engine.builtin.declaration import port
from engine.builtin.routine_message import RoutineMessage, VariablesLimitError, read_message
from engine.builtin.routine_step import declare_step, defaults_of, model_missing, passing, refused
from engine.builtin.routine_template import FilledTooLongError, Template
from engine.component import Builtin
from engine.handler import Handler, InstanceContext, Message, Outcome
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
    """Adds one variable to each message.

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

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [self._remember(message.value) for message in batch]

    def _remember(self, text: bytes) -> Outcome:
        try:
            message = read_message(text)
            return Outcome(((0, message.remembering(self._key, self._wanted(message)).encoded()),))
        except msgspec.DecodeError as error:
            return refused("MalformedJson", f"This is not JSON: {error}")
        except FilledTooLongError as error:
            return refused("ContentTooLong", str(error))
        except VariablesLimitError as error:
            return refused("TooManyVariables", str(error))

    def _wanted(self, message: RoutineMessage) -> bytes:
        if isinstance(self._given, bytes):
            return self._given
        if self._given is not None:
            return encode(self._given.fill(message, self._defaults).text)
        found = json_path.find(bytes(message.value), self._names)
        return b"null" if found is None else found


class Recall(Handler):
    """Replaces the value of each message.

    Args:
        key: the variable's name.
        default: the JSON text of what is recalled where it holds nothing; None where there is no such thing.
    """

    def __init__(self, key: str, default: bytes | None) -> None:
        self._key = key
        self._default = default

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [self._recall(message.value) for message in batch]

    def _recall(self, text: bytes) -> Outcome:
        try:
            message = read_message(text)
        except msgspec.DecodeError as error:
            return refused("MalformedJson", f"This is not JSON: {error}")
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
