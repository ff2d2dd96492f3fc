"""Live events put together: the hub, the door, the clients, and what they come in by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from engine.runtime import Runtime
from service.auth import Authenticator
from service.live.admission import Admission
from service.live.clients import LiveClients, open_live_clients
from service.live.websocket import PlainWebSockets
from service.routes.health import Readiness
from service.settings import Settings

WEBSOCKET_PATH = "/ws"


class Live:
    """Live events of one service.

    Args:
        clients: all of them.
    """

    def __init__(self, clients: LiveClients) -> None:
        self.clients = clients
        self._plain = PlainWebSockets(clients)

    def beside(self, application: ASGIFramework) -> ASGIFramework:
        """An application that serves live clients at their paths, and everybody else by another one."""

        async def serve(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            path = "" if scope["type"] == "lifespan" else scope["path"].rstrip("/")
            if path == WEBSOCKET_PATH:
                await self._plain(scope, receive, send)
            else:
                await application(scope, receive, send)

        return serve


@asynccontextmanager
async def open_live(
    runtime: Runtime, settings: Settings, readiness: Readiness, authenticator: Authenticator | None
) -> AsyncIterator[Live]:
    """Live events of a runtime; after the block nobody is told of anything.

    Args:
        runtime: the real one.
        settings: who is served, and the bounds.
        readiness: whether the service takes work.
        authenticator: recognises callers; None where nobody is asked who he is.
    """
    admission = Admission(settings, authenticator, readiness)
    async with open_live_clients(runtime, settings, readiness, admission) as clients:
        yield Live(clients)
