"""The last resort: a process that was told to end does end, whatever holds it up.

Structured concurrency ends all of our own tasks. It cannot end Hypercorn's sending of a reply to a caller who
does not read, because Hypercorn shields that from cancellation. By the time this strikes every execution has been
stopped, so nothing is lost but replies that nobody fetched.

This is a task, so it works while the event loop turns. Where the loop is held, :mod:`service.watchdog.watchdog`
ends the process, a moment later and less kindly.
"""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
import trio

log = structlog.get_logger("service")


@asynccontextmanager
async def open_last_resort() -> AsyncIterator[Callable[[float], None]]:
    """Yield a function that ends the process so many seconds after its call, unless the block is left before."""
    async with trio.open_nursery() as nursery:

        def end_after(seconds: float) -> None:
            nursery.start_soon(_end_after, seconds)

        yield end_after
        nursery.cancel_scope.cancel()


async def _end_after(seconds: float) -> None:
    await trio.sleep(seconds)
    log.warning("stopped without finishing replies that nobody reads")
    os._exit(0)
