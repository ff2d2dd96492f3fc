"""Port schemas: real JSON Schema, checked where values enter and leave a component that asks for it.

Schemas come from strangers. So references to other documents are refused instead of fetched, and patterns run on
an engine without backtracking, whose time is linear in the text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema_rs

from engine.handler import Emission, Handler, HandlerError, Message, Outcome
from proto import codec
from proto.component import ComponentDefinition, Port
from proto.problem import Problem

Validator = jsonschema_rs.Validator

_MAX_QUOTED_CHARACTERS = 200


class PortSchemas:
    """The compiled schemas of a component's ports, by index; None for a port that takes everything."""

    def __init__(self, inputs: Sequence[Validator | None], outputs: Sequence[Validator | None]) -> None:
        self.inputs = inputs
        self.outputs = outputs


def check_schemas(definition: ComponentDefinition) -> list[Problem]:
    """What is wrong with the port schemas of a definition."""
    problems = []
    for side, ports in (("inputs", definition.ports.inputs), ("outputs", definition.ports.outputs)):
        for index, port in enumerate(ports):
            try:
                _compile(port.schema)
            except ValueError as error:
                message = f"The schema of port {port.name} is not JSON Schema: {str(error).splitlines()[0]}"
                problems.append(Problem("component.invalid_schema", f"ports.{side}[{index}].schema", message))
    return problems


def compile_schemas(definition: ComponentDefinition, outputs: Sequence[str]) -> PortSchemas:
    """The schemas of a definition that ``check_schemas`` has found good.

    Args:
        definition: the component.
        outputs: names of its output ports in order, the implicit ``error`` port among them.
    """
    by_name: Mapping[str, Port] = {port.name: port for port in definition.ports.outputs}
    return PortSchemas(
        inputs=[_compile(port.schema) for port in definition.ports.inputs],
        outputs=[_compile(by_name[name].schema) if name in by_name else None for name in outputs],
    )


class ValidatingHandler(Handler):
    """Stands before another handler, and lets through what fits the schemas.

    A message that does not fit is an error of its invocation, and the handler never sees it; an invocation one
    of whose emissions does not fit is an error as a whole.
    """

    def __init__(
        self, inner: Handler, schemas: PortSchemas, inputs: Sequence[str], outputs: Sequence[str]
    ) -> None:
        self.batch_messages = inner.batch_messages
        self.holds_in_flight = inner.holds_in_flight
        self.is_source = inner.is_source
        self._inner = inner
        self._schemas = schemas
        self._inputs = inputs
        self._outputs = outputs

    async def initialize(self) -> Outcome:
        return self._check_outcome(await self._inner.initialize())

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        refusals = [self._refusal(message) for message in batch]
        admitted = [message for message, refusal in zip(batch, refusals, strict=True) if refusal is None]
        outcomes = iter(await self._inner.process(admitted) if admitted else ())
        return [
            self._check_outcome(next(outcomes)) if refusal is None else Outcome(error=refusal)
            for refusal in refusals
        ]

    async def cleanup(self) -> Outcome:
        return await self._inner.cleanup()

    def due(self) -> float | None:
        return self._inner.due()

    def release(self, now: float) -> Outcome:
        return self._check_outcome(self._inner.release(now))

    def flush(self) -> Outcome:
        return self._check_outcome(self._inner.flush())

    def state(self) -> Mapping[str, bytes]:
        return self._inner.state()

    def is_full(self) -> bool:
        return self._inner.is_full()

    def _refusal(self, message: Message) -> HandlerError | None:
        validator = self._schemas.inputs[message.port]
        return None if validator is None else _mismatch(validator, message.value, self._inputs[message.port])

    def _check_outcome(self, outcome: Outcome) -> Outcome:
        if outcome.error is None:
            for emission in outcome.emissions:
                error = self._misfit(emission)
                if error is not None:
                    return Outcome(logs=outcome.logs, error=error)
        return outcome

    def _misfit(self, emission: Emission) -> HandlerError | None:
        port, value = emission
        validator = self._schemas.outputs[port]
        return None if validator is None else _mismatch(validator, value, self._outputs[port])


def _compile(schema: Mapping[str, Any]) -> Validator | None:
    """The validator of a schema; None where it takes everything.

    Raises:
        ValueError: it is no JSON Schema, or refers to another document.
    """
    rules = {key: value for key, value in schema.items() if (key, value) != ("type", "any")}
    if not rules:
        return None
    return jsonschema_rs.validator_for(rules, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions())


def _refuse(uri: str) -> Any:
    raise ValueError(f"references to other documents are not followed: {uri}")


def _mismatch(validator: Validator, text: bytes, port: str) -> HandlerError | None:
    try:
        value = codec.decode(text)
    except codec.MalformedJsonError as error:  # such as 1e999, which other nodes let pass: nobody else's fault
        return HandlerError("MalformedJson", f"The value at port {port} cannot be checked: {error}")
    if validator.is_valid(value):
        return None
    first = next(iter(validator.iter_errors(value)))
    place = "".join(f"[{step!r}]" for step in first.instance_path)
    complaint = first.message[:_MAX_QUOTED_CHARACTERS]
    return HandlerError(
        "SchemaMismatch", f"The value at port {port} does not fit its schema: {complaint} {place}".rstrip()
    )
