"""The beginning of a new handler, with what the old one keeps: whatever it raises is a failure of its own."""

from engine.contracts.handler import Handler, HandlerError, Outcome
from engine.execution.failure import handler_error


async def inherited(heir: Handler, predecessor: Handler, from_version: str) -> HandlerError | None:
    """Let a handler go on with what another keeps; return why it cannot."""
    try:
        return await heir.innermost().inherit(predecessor.innermost(), from_version)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
        return handler_error(error)


async def begun(handler: Handler) -> Outcome:
    """Let a handler begin; return what it has made, or its failure."""
    try:
        return await handler.initialize()
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
        return Outcome(error=handler_error(error))
