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
    """Take in what an earlier process has left, and say so; its executions go on with :func:`go_on`.

    Raises:
        StoreError: the store cannot be read.
    """
    if not runtime.keeper.is_keeping:
        return
    restored = await runtime.restore(goes_on=False)
    for each in restored.failed:
        log.error("not restored", kind=each.kind, id=each.id, name=each.name, reason=each.reason)
    log.info("restored", components=restored.components, graphs=restored.graphs, executions=restored.executions)


async def go_on(runtime: Runtime) -> None:
    """Let the durable executions of an earlier process go on, and say so."""
    began = trio.current_time()
    gone_on = await runtime.go_on()
    for each in runtime.interrupted:
        log.error("not gone on", execution=each.id, graph=each.graph_id, reason=each.ending)
    if gone_on or runtime.interrupted:
        milliseconds = round((trio.current_time() - began) * 1000)
        log.info("gone on", executions=gone_on, left=len(runtime.interrupted), milliseconds=milliseconds)


async def restore_rest(runtime: Runtime) -> None:
    """Try what could not be restored again, until it is: its components may come later, as from a catalog."""
    seconds = RETRY_SECONDS
    while runtime.library.restoring.left or runtime.interrupted:
        await trio.sleep(seconds)
        seconds = min(2 * seconds, MOST_RETRY_SECONDS)
        restored = await runtime.library.restoring.go_on()
        if restored.components or restored.graphs:
            log.info("restored", components=restored.components, graphs=restored.graphs, left=len(restored.failed))
        gone_on = await runtime.go_on() if runtime.interrupted else 0
        if gone_on:
            log.info("gone on", executions=gone_on, left=len(runtime.interrupted))


def _complain(error: StoreError) -> None:
    log.error("store failed", reason=str(error))
