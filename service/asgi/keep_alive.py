"""Connections on which nothing is asked are closed after a while, without a task for each request.

Hypercorn starts a task whenever a connection falls idle, and cancels it when the next request comes: with a client
that asks again and again that is the dearest part of a small reply. Here one task a connection sleeps until the
moment that counts, and looks whether that moment has moved when it wakes: a request costs two notes. And where the
caller has closed the connection, nothing waits on: Hypercorn keeps its socket until the connection would have been
idle for too long.
"""

import math
from collections.abc import Awaitable, Callable

import trio
from hypercorn.typing import TaskGroup, WorkerContext


class IdleWatch:
    """The watch over one connection; takes the place of Hypercorn's ``TrioSingleTask``, with its two methods.

    Args:
        seconds: that the connection may be idle.
        context: of the server; when it ends, the connection is closed if it is idle.
        close: closes it.
    """

    def __init__(self, seconds: float, context: WorkerContext, close: Callable[[], Awaitable[None]]) -> None:
        self._seconds = seconds
        self._context = context
        self._close = close
        self._until = math.inf
        self._patience: trio.CancelScope | None = None
        self._has_ended = False

    async def restart(self, task_group: TaskGroup, _: object = None) -> None:
        """Watch the connection, which is idle from now on; ``task_group`` is its own."""
        if self._has_ended:
            return
        self._until = trio.current_time() + self._seconds
        if self._patience is None:
            self._patience = trio.CancelScope(deadline=self._until)
            task_group.spawn(self._watch, self._patience)

    async def stop(self) -> None:
        """Stop watching: the connection is at work from now on, and takes the time that it takes."""
        self._until = math.inf

    def end(self) -> None:
        """End the watch: nothing more comes on the connection."""
        self._until = math.inf
        self._has_ended = True
        if self._patience is not None:
            self._patience.cancel()

    async def _watch(self, patience: trio.CancelScope) -> None:
        while True:
            with patience:
                await self._context.terminated.wait()
            now = trio.current_time()
            if self._has_ended or self._context.terminated.is_set() or now >= self._until:
                break
            # Idle since later than when it fell asleep, or at work: if so, idle for so long at the soonest.
            patience = self._patience = trio.CancelScope(deadline=min(self._until, now + self._seconds))
        self._patience = None  # a connection that falls idle after this has another one
        if self._until != math.inf:
            with trio.CancelScope(shield=True):
                await self._close()
