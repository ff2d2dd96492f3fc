"""Components and graphs from files, for as long as a service runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from engine.runtime import Runtime
from service.folders.keeper import FileKeeper, FolderPlan
from service.readiness import Readiness


@asynccontextmanager
async def open_folders(runtime: Runtime, plan: FolderPlan, readiness: Readiness) -> AsyncIterator[None]:
    """Load what is in files, and keep it as they are for the length of the block, if that is asked for.

    At the end of the block nothing is unloaded and nothing is stopped: that is for whoever ends the runtime.
    """
    if not plan.folders:
        yield
        return

    def tell(refused: int) -> None:
        readiness.refused_files = refused

    async with trio.open_nursery() as nursery:
        keeper = FileKeeper(runtime, plan, nursery, tell)
        await keeper.look()
        if plan.watches:
            nursery.start_soon(keeper.watch)
        yield
        nursery.cancel_scope.cancel()
