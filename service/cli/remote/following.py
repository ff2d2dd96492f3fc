"""Asking again for what comes, until an execution has ended."""

import msgspec

from engine.execution.lifecycle import TERMINAL
from proto.execution import ExecutionState
from service.cli.remote.client import ServiceClient, ServiceError

ASK_SECONDS = 0.5
"""The time between two questions."""

NOT_FOUND = 404


class StateSeen(msgspec.Struct, frozen=True):
    """The state of an execution."""

    state: ExecutionState


async def has_ended(client: ServiceClient, path: str) -> bool:
    """Ask whether an execution has ended: its counters, or, where metrics are switched off, itself."""
    try:
        seen = await client.get(f"{path}/metrics")
    except ServiceError as error:
        if error.status != NOT_FOUND:
            raise
        seen = await client.get(path)
    return client.decode(seen, StateSeen).state in TERMINAL
