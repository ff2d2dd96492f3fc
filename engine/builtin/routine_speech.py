"""``say``, ``ask`` and ``think`` of ``symbia.routine``: what an assistant says, or would have to make up.

``say`` needs no model: it says the words that its author wrote. The message itself goes on to the next step, and
the words leave by a port of their own, where whoever watches the graph finds them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.declare import port
from engine.builtin.parts.one_by_one import in_turns
from engine.builtin.parts.routine_message import read_message
from engine.builtin.parts.routine_step import (
    LLM,
    REFUSALS,
    declare_step,
    defaults_of,
    model_missing,
    passing,
    refusal_of,
)
from engine.builtin.parts.routine_template import Template
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, LogLine, Message, Outcome
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem

WORDS = ("content", "message")
"""The params that may hold what is said; where neither does, the description is said."""

_SAID = 1  # the index of the port

SAY_DEFINITION = declare_step(
    "say",
    "Says something, and lets the message go on.",
    outputs=(
        passing(),
        port("said", 'What is said: `{"type": "say", "content"}`.', {"type": "object"}),
    ),
    config={
        "content": ConfigField(
            type="string",
            description="What is said, with `{placeholders}`; where it and `message` are absent, the description.",
        ),
        "message": ConfigField(type="string", description="The same as `content`, by its other name."),
        "llm": LLM,
    },
)
ASK_DEFINITION = declare_step(
    "ask",
    "Asks a question and understands the answer: needs a language model, and refuses every message.",
    outputs=(passing("Nothing, as long as there is no language model."),),
    config={"llm": LLM},
)
THINK_DEFINITION = declare_step(
    "think",
    "Thinks about a message: needs a language model, and refuses every message.",
    outputs=(passing("Nothing, as long as there is no language model."),),
    config={"llm": LLM},
)


class Say(Handler):
    """A handler that fills one template for each message."""

    def __init__(self, template: Template, defaults: dict[str, msgspec.Raw]) -> None:
        self._template = template
        self._defaults = defaults

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return await in_turns(batch, self._say)

    async def _say(self, message: Message) -> tuple[Outcome, int]:
        work_bytes = len(message.value) + self._template.work_bytes
        try:
            return await self._said(message.value), work_bytes
        except REFUSALS as error:
            return refusal_of(error), work_bytes

    async def _said(self, text: bytes) -> Outcome:
        filled = await self._template.fill(read_message(text), self._defaults)
        said = encode({"type": "say", "content": filled.text})
        logs = [LogLine("warn", f"Nothing fills {{{name}}}") for name in filled.missing]
        return Outcome(((_SAID, said), (0, text)), logs)


class SayStep(Builtin):
    """The sentence to say, refused with its graph where two texts might both be meant."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        if all(key in config for key in WORDS):
            message = "content and message are two names of the same; give one of them"
            return (Problem("config.expression_count", WORDS[-1], message),)
        key, words = _words(config)
        return Template(words).problems(key)


def _words(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return the key of what is said, and the text; "" where there is none."""
    key = next((key for key in WORDS if key in config), "description")
    return key, config.get(key) or ""


def _make_say(context: InstanceContext) -> Handler:
    _, words = _words(context.config)
    return Say(Template(words), defaults_of(context)) if words else model_missing("say", context, "content")


SAY = SayStep(SAY_DEFINITION, _make_say)
ASK = Builtin(ASK_DEFINITION, lambda context: model_missing("ask", context))
THINK = Builtin(THINK_DEFINITION, lambda context: model_missing("think", context))
