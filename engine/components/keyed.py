"""Components of ours whose keys may be computed by an expression of the author, which runs in the sandbox."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.parts.fields import key_text
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.keyed import Keyed
from engine.builtin.parts.message_key import KEY_EXPRESSION
from engine.builtin.parts.refusal import RefusedError
from engine.contracts.component import Builtin, Component
from engine.contracts.handler import MADE_BYTES, Handler, InstanceContext, Message, Outcome
from engine.contracts.standing_before import StandingBefore
from proto.problem import Problem


class KeyedComponent(Builtin):
    """A component with the keys of its nodes' expressions, where they have one.

    Args:
        inner: the component.
        expressions: one whose nodes compute ``keyExpression``, with the ports of the other.
    """

    def __init__(self, inner: Builtin, expressions: Component) -> None:
        super().__init__(inner.definition, inner.create)
        self._inner = inner
        self._expressions = expressions

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        problems = list(await self._inner.check(config))
        if KEY_EXPRESSION not in config:
            return problems
        own = self.definition.config["key"].default
        if config["key"] != own or config.get("keys"):
            message = f"Give {KEY_EXPRESSION} or the field that holds the key, not both"
            problems.append(Problem("config.invalid", KEY_EXPRESSION, message))
        return [*problems, *await self._expressions.check(config)]

    def inputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        return self._inner.inputs(config)

    def outputs(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        return self._inner.outputs(config)

    def create(self, context: InstanceContext) -> Handler:
        handler = self._inner.create(context)
        if KEY_EXPRESSION not in context.config:
            return handler
        assert isinstance(handler, Keyed)  # noqa: S101 - all that declare the key are
        return KeyedHandler(handler, self._expressions.create(context))


class KeyedHandler(StandingBefore):
    """A handler that has its keys computed.

    Args:
        inner: whose keys they are.
        expression: emits one value for each message: its key.
    """

    def __init__(self, inner: Keyed, expression: Handler) -> None:
        super().__init__(inner)
        self._inner = inner
        self._expression = expression

    async def initialize(self) -> Outcome:
        outcome = await self._expression.initialize()
        return outcome if outcome.error is not None else await self._inner.initialize()

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = []
        made = 0
        computed = await self._expression.process(batch) if batch else ()
        for message, key in zip(batch, computed, strict=False):
            outcomes.append(self._outcome(message, key))
            made += sum([len(value) for _, value in outcomes[-1].emissions])
            if made > MADE_BYTES:
                break
        return outcomes

    def _outcome(self, message: Message, computed: Outcome) -> Outcome:
        if computed.error is not None:
            return computed
        try:
            key = _key_of(computed)
            for each in self._inner.keys:
                each.computed = key
            outcome = self._inner.take(message, Document(message.value))
        except RefusedError as error:
            outcome = Outcome(error=error.as_error())
        if not computed.logs:
            return outcome
        return msgspec.structs.replace(outcome, logs=(*computed.logs, *outcome.logs))

    async def cleanup(self) -> Outcome:
        outcome = await self._expression.cleanup()
        await self._inner.cleanup()
        return outcome


def _key_of(computed: Outcome) -> str:
    text = computed.emissions[0][1] if computed.emissions else b"null"
    if text == b"null":
        raise RefusedError("MissingKey", f"{KEY_EXPRESSION} is null or undefined for this message")
    return key_text(text, KEY_EXPRESSION)
