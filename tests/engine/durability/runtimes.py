"""Runtimes with a store, one after another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.keeping.keeper import Keeper
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from store.sqlite import open_sqlite_store


@asynccontextmanager
async def kept_runtime(folder: Path, limits: EngineLimits | None = None, **options: int) -> AsyncIterator[Runtime]:
    """A runtime with a store in a folder, which has taken in what it found there."""
    async with (
        open_sqlite_store(folder, **options) as store,
        open_runtime(limits=limits or EngineLimits(kept_outputs=100), keeper=Keeper(store)) as runtime,
    ):
        await runtime.restore()
        yield runtime
