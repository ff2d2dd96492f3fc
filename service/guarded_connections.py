"""A connection that Hypercorn trips over ends alone, and ends.

Hypercorn runs every connection in one nursery, and some bytes make it raise there: a WebSocket frame that follows
the upgrade request before the upgrade was answered is enough, from anybody, at any path. An exception there ends
the server. And what a caller sends goes to the application through a short queue; when the application has ended
and the caller goes on sending, the queue is full, and the connection waits for room in it for ever.

Hypercorn has no place to put something around a connection, so the two classes that serve one are replaced.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import hypercorn.trio.run
import hypercorn.trio.tcp_server
import structlog
import trio
from hypercorn.config import Config
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.typing import (
    AppWrapper,
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    Scope,
)

log = structlog.get_logger("service")


class GuardedTCPServer(TCPServer):
    """Serves one connection. Whatever goes wrong with it is logged, and stays with it."""

    async def run(self) -> None:
        """Serve it until it ends; it is closed in any case."""
        try:
            await super().run()
        except* Exception as group:  # noqa: BLE001  whatever it is; and what is cancelled goes on being so
            log.warning("connection ended by an error", errors=[repr(error) for error in group.exceptions])


class GuardedTaskGroup(TaskGroup):
    """The tasks of one connection. What comes for an application that has ended is dropped."""

    async def spawn_app(
        self,
        app: AppWrapper,
        config: Config,
        scope: Scope,
        send: Callable[[ASGISendEvent | None], Awaitable[None]],
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start an application for a request; what is returned passes it what comes."""
        putting, taking = trio.open_memory_channel[ASGIReceiveEvent](config.max_app_queue_size)

        async def ending_app(
            scope: Scope,
            receive: ASGIReceiveCallable,
            send: ASGISendCallable,
            sync_spawn: Callable[..., Any],
            call_soon: Callable[..., Any],
        ) -> None:
            with taking:
                await app(scope, receive, send, sync_spawn, call_soon)

        async def put(event: ASGIReceiveEvent) -> None:
            try:
                await putting.send(event)
            except trio.BrokenResourceError:
                await trio.lowlevel.checkpoint()

        self.spawn(_handle, ending_app, config, scope, taking.receive, send, _no_threads, _no_threads)
        return put


def _no_threads(*_: object) -> None:
    """What Hypercorn would run WSGI applications with; nobody serves one here."""
    raise NotImplementedError


def guard_connections() -> None:
    """Let every connection of Hypercorn's Trio servers in this process be guarded."""
    hypercorn.trio.run.TCPServer = GuardedTCPServer  # type: ignore[attr-defined]  # there is no other place
    hypercorn.trio.tcp_server.TaskGroup = GuardedTaskGroup  # type: ignore[attr-defined]  # likewise
