"""The store of the service: opened before anything else, read at the start, and told of in the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio

from engine.keeping.keeper import Keeper
from engine.runtime import Runtime
from service.settings.keeping import KeepingSettings
from store.errors import StoreError
from store.sqlite import open_sqlite_store

log = structlog.get_logger("service")

RETRY_SECONDS, MOST_RETRY_SECONDS = 1, 60
"""The time between two attempts at what could not be restored: first, and at most."""


@asynccontextmanager
async def open_keeper(settings: KeepingSettings) -> AsyncIterator[Keeper]:
    """Open what lets graphs and executions outlive the service, as the settings ask for it.

    Raises:
        StoreError: the store cannot be opened; the message says why, and what to do.
    """
    if settings.data_folder is None:
        yield Keeper(None)
        return
    async with open_sqlite_store(settings.data_folder, settings.store_bytes) as store:
        yield Keeper(store, _complain)


async def restore(runtime: Runtime) -> None:
    """Take in what an earlier process has left, and say so.

    Raises:
        StoreError: the store cannot be read.
    """
    if not runtime.keeper.is_keeping:
        return
    restored = await runtime.restore()
    for each in restored.failed:
        log.error("not restored", kind=each.kind, id=each.id, name=each.name, reason=each.reason)
    log.info("restored", components=restored.components, graphs=restored.graphs, executions=restored.executions)


async def restore_rest(runtime: Runtime) -> None:
    """Try what could not be restored again, until it is: its components may come later, as from a catalog."""
    seconds = RETRY_SECONDS
    while runtime.library.restoring.left:
        await trio.sleep(seconds)
        seconds = min(2 * seconds, MOST_RETRY_SECONDS)
        restored = await runtime.library.restoring.go_on()
        if restored.components or restored.graphs:
            log.info("restored", components=restored.components, graphs=restored.graphs, left=len(restored.failed))


def _complain(error: StoreError) -> None:
    log.error("store failed", reason=str(error))
