"""A single value held against the schemas of ports, for whoever puts it there by hand."""

from collections.abc import Sequence

from engine.contracts.handler import Handler, HandlerError, Outcome
from engine.schemas.port_schemas import PortSchema, PortSchemas
from engine.schemas.validating_handler import ValidatingHandler
from workers.pool import Pool


async def misfit(
    schemas: Sequence[tuple[PortSchema, str]], value: bytes, workers: Pool | None, owner: str
) -> HandlerError | None:
    """Return why a value does not fit the first schema that it does not fit; None where it fits all.

    It is the answer that an invocation would get which emitted the value.

    Args:
        schemas: each with the name of its port.
        value: JSON text.
        workers: where values are checked that take long; without them, such do not fit.
        owner: whose turn with the workers it takes.
    """
    outputs = PortSchemas((), [schema for schema, _ in schemas])
    names = [name for _, name in schemas]
    handler = ValidatingHandler(Handler(), outputs, (), names, workers=workers, owner=owner)
    vetted = await handler.vet(Outcome([(port, value) for port in range(len(schemas))]))
    return vetted.error
