"""Asking again for what comes, until an execution has ended."""

from collections.abc import Awaitable, Callable

import msgspec
import trio

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


async def show_until_end(
    client: ServiceClient, path: str, place: int, show: Callable[[int], Awaitable[int]], *, follow: bool
) -> None:
    """Show what there is, and, if wanted, what comes until an execution has ended.

    Args:
        client: of the service.
        path: of the execution.
        place: where to begin.
        show: shows what there is from a place on; returns the next one.
        follow: whether to go on.
    """
    while True:
        is_over = not follow or await has_ended(client, path)  # asked first, so that the last of it is shown
        place = await show(place)
        if is_over:
            return
        await trio.sleep(ASK_SECONDS)
