"""``symbia.data.validate`` lets values through that fit a JSON Schema, and says of others what does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.core_passthrough import PASSTHROUGH
from engine.builtin.declare import declare, port
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, InstanceContext, Message, Outcome
from engine.contracts.standing_before import StandingBefore
from engine.schemas.port_schemas import SCHEMAS_BYTES, PortSchema, PortSchemas
from engine.schemas.validating_handler import ValidatingHandler
from proto.codec import encode
from proto.component import ConfigField
from proto.problem import Problem
from workers.pool import Pool

_OUT, _INVALID = 0, 1

DEFINITION = declare(
    "symbia.data.validate",
    "Validate",
    "Lets values through that fit a JSON Schema.",
    inputs=(port("in", "Any value."),),
    outputs=(
        port("out", "Values that fit, unchanged."),
        port("invalid", "`{value, reason}` of all others.", {"type": "object"}),
    ),
    config={
        "schema": ConfigField(
            type="object",
            description="A JSON Schema; its dialect is the one that `$schema` names, or 2020-12.",
            required=True,
        ),
    },
    stateless=True,
)


class Validate(StandingBefore):
    """A handler that makes messages of what another one refuses for its shape.

    Args:
        inner: holds what comes against the schema.
    """

    def __init__(self, inner: ValidatingHandler) -> None:
        super().__init__(inner)
        self._inner = inner

    async def initialize(self) -> Outcome:
        return await self._inner.initialize()

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = await self._inner.process(batch)
        return [_told(message, outcome) for message, outcome in zip(batch, outcomes, strict=False)]

    def made_so_far(self) -> Sequence[Outcome]:
        return ()

    async def cleanup(self) -> Outcome:
        return await self._inner.cleanup()


def _told(message: Message, outcome: Outcome) -> Outcome:
    error = outcome.error
    if error is None or error.name != "SchemaMismatch":
        return outcome  # what could not be checked is an error, and neither valid nor not
    told = {"value": msgspec.Raw(message.value), "reason": error.message}
    return Outcome(((_INVALID, encode(told)),))


class ValidateComponent(Builtin):
    """The component; it compiles the schema, so that a mistake in it refuses the graph."""

    async def check(self, config: Mapping[str, Any]) -> Sequence[Problem]:
        size_bytes = len(encode(config["schema"]))
        if size_bytes > SCHEMAS_BYTES:
            message = f"The schema has {size_bytes} bytes; {SCHEMAS_BYTES} are allowed"
            return (Problem("config.invalid", "schema", message),)
        try:
            schema = PortSchema(config["schema"])
            if schema.cost.is_opaque:
                message = "The schema is too complex to be read here: it refers to itself, or repeats too much"
                return (Problem("config.invalid", "schema", message),)
            _ = schema.validator
        except ValueError as error:
            line = (str(error).splitlines() or [""])[0][:500]
            return (Problem("config.invalid", "schema", f"This is no JSON Schema: {line}"),)
        return ()


def validate(workers: Pool | None = None) -> ValidateComponent:
    """Return the component.

    Args:
        workers: where values are checked that take long; without them, those are errors.
    """

    def make(context: InstanceContext) -> Handler:
        schemas = PortSchemas([PortSchema(context.config["schema"])], [None] * len(context.outputs))
        inner = ValidatingHandler(
            PASSTHROUGH.create(context),
            schemas,
            context.inputs,
            context.outputs,
            workers=workers,
            owner=context.owner,
            between_turns=context.on_slice_end,
        )
        return Validate(inner)

    return ValidateComponent(DEFINITION, make)
