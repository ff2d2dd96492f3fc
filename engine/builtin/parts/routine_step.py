"""The common part of the ``symbia.routine.*`` components: their ports and configuration, and one refusal.

Steps are written for people: what ``params`` leave open is said in ``description``, in plain words, and only a
language model could carry that out. Such a step loads, and refuses each message with an error that says what is
missing. ``params`` may hold more than a step knows; it is kept and not read (docs/decisions/0076).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import declare, error_port, port
from engine.builtin.parts.json_path import TooMuchToScanError
from engine.builtin.parts.routine_message import VariablesLimitError
from engine.builtin.parts.routine_template import FilledTooLongError
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message, Outcome
from proto.codec import encode
from proto.component import ComponentDefinition, ConfigField, Port

IN = "input"
OUT = "output"

MODEL_MISSING = "LanguageModelMissing"
"""The name of the error of a step that only a language model could carry out."""

LLM = ConfigField(type="object", description="The language model that the routine asks for; not read.")

_COMMON = {
    "description": ConfigField(type="string", description="The step in plain words."),
    "_debug": ConfigField(type="object", description="Where the step stands in its routine; not read."),
    "_variables": ConfigField(type="object", description="The routine's variables with their defaults."),
    "*": ConfigField(type="any", description="Further params are kept, and not read."),
}


def declare_step(
    step_type: str,
    description: str,
    *,
    outputs: tuple[Port, ...],
    config: Mapping[str, ConfigField] | None = None,
    stateless: bool = True,
) -> ComponentDefinition:
    """Make the definition of the component of a step type; its ports begin with those of every step."""
    return declare(
        f"symbia.routine.{step_type}",
        step_type.capitalize(),
        description,
        inputs=(port(IN, "A value, or `{value, variables}`."),),
        outputs=(*outputs, error_port("Why the step refused a message, with the message.")),
        config={**(config or {}), **_COMMON},
        stateless=stateless,
    )


def passing(description: str = "The same message.") -> Port:
    """Return the port by which messages go on to the next step."""
    return port(OUT, description)


def defaults_of(context: InstanceContext) -> dict[str, msgspec.Raw]:
    """Return the variables that no step need set, as JSON texts."""
    variables: dict[str, Any] = context.config.get("_variables") or {}
    return {name: msgspec.Raw(encode(value)) for name, value in variables.items()}


def refused(name: str, message: str) -> Outcome:
    """Return the outcome of a message that a step does not take."""
    return Outcome(error=HandlerError(name, message, is_permanent=True))


REFUSALS = (msgspec.DecodeError, FilledTooLongError, VariablesLimitError, TooMuchToScanError)
"""The errors of a message that a step looks into."""

_NAMES = {
    FilledTooLongError: "ContentTooLong",
    VariablesLimitError: "TooManyVariables",
    TooMuchToScanError: "TooMuchToScan",
}


def refusal_of(error: Exception) -> Outcome:
    """Return the outcome of a message with which one of ``REFUSALS`` is wrong."""
    name = _NAMES.get(type(error))
    return refused(name, str(error)) if name else refused("MalformedJson", f"This is not JSON: {error}")


class Refusing(Handler):
    """A handler that refuses every message, with one reason."""

    def __init__(self, name: str, message: str) -> None:
        self._outcome = refused(name, message)

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [self._outcome] * len(batch)


def model_missing(step_type: str, context: InstanceContext, lacking: str = "") -> Refusing:
    """Return the handler of a step that only a language model could carry out.

    Args:
        step_type: what kind of step it is.
        context: its place.
        lacking: the params with which it would need none.
    """
    wanted = context.config.get("llm") or {}
    names = ", ".join(str(wanted[key])[:100] for key in ("provider", "model") if wanted.get(key))
    text = f"A {step_type} step{f' without {lacking}' if lacking else ''} needs a language model"
    text += f" (it asks for {names})" if names else ""
    text += ", and this runtime has none"
    return Refusing(MODEL_MISSING, text + (f"; give its params {lacking}" if lacking else ""))
