"""Live events put together: the hub, the door, the clients, and what they come in by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from engine.runtime import Runtime
from service.asgi.json_reply import refuse_websocket, send_refusal
from service.asgi.streamed_body import announces_body
from service.asgi.websocket_stream import UNADMITTED_BYTES
from service.asgi.websocket_wire import Wire
from service.auth.authenticator import Authenticator
from service.live.admission import LiveAdmission, handshake_of
from service.live.clients import LiveClients, open_live_clients
from service.live.limits import UNADMITTED_CLIENTS
from service.live.socketio_clients import serve_namespace
from service.live.websocket import PlainWebSockets
from service.memory.request_memory import RequestMemory, UnderWay
from service.problems import RefusalError
from service.readiness import Readiness
from service.settings.table import Settings
from service.socketio import SocketioConfig, SocketioServer, open_socketio_server
from service.websockets.scope import WRITE

WEBSOCKET_PATH = "/ws"
SOCKETIO_PATH = "/socket.io"

SOCKETIO_BUFFER_BYTES = 256 * 1024
"""Bytes that wait for one Socket.IO client before its events stay in their feeds, where they are shared."""

SOCKETIO_DECODED_BYTES = 64 * 1024
"""JSON text of a packet that is decoded into values: a credential, or what comes with attachments."""

PATIENCE_SECONDS = 5
"""The time by which the Socket.IO server waits longer for a client that does not read than the connection's own
watch."""


class Live:
    """Live events of one service.

    Args:
        clients: all of them.
        socketio: where those come in who speak Socket.IO.
    """

    def __init__(self, clients: LiveClients, socketio: SocketioServer) -> None:
        self.clients = clients
        self._socketio = socketio
        self._plain = PlainWebSockets(clients)

    def beside(self, application: ASGIFramework, under_way: UnderWay) -> ASGIFramework:
        """Make an application that serves live clients at their paths, and everybody else by another one.

        Args:
            application: the other one.
            under_way: is charged what clients post by long-polling; what they wait for is no request at work.
        """
        posted = RequestMemory(self._serve_socketio, under_way)

        async def serve(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            path = "" if scope["type"] == "lifespan" else scope["path"].rstrip("/")
            if path == WEBSOCKET_PATH:
                await self._plain(scope, receive, send)
            elif path == SOCKETIO_PATH:
                has_body = scope["type"] == "http" and announces_body(scope)
                await (posted if has_body else self._serve_socketio)(scope, receive, send)
            else:
                await application(scope, receive, send)

        return serve

    async def dismiss(self) -> None:
        """Let all clients have what is on its way to them, and tell them that the service ends."""
        await self.clients.dismiss()
        await self._socketio.aclose()

    async def _serve_socketio(self, scope: Any, receive: Any, send: ASGISendCallable) -> None:
        try:
            self.clients.admission.check_page(handshake_of(scope))
        except RefusalError as error:
            self.clients.counters.refused += 1
            await (refuse_websocket if scope["type"] == "websocket" else send_refusal)(send, error)
            return
        if scope["type"] != "websocket":
            await self._socketio(scope, receive, send)
            return
        wire = Wire(scope, send)
        with self.clients.watched(wire):
            if wire.takes_frames:
                scope[WRITE] = wire.write
            await self._socketio(scope, receive, wire.send)


@asynccontextmanager
async def open_live(
    runtime: Runtime, settings: Settings, readiness: Readiness, authenticator: Authenticator | None
) -> AsyncIterator[Live]:
    """Live events of a runtime; after the block nobody is told of anything.

    Args:
        runtime: the real one.
        settings: the settings of who is served, and the bounds.
        readiness: whether the service takes work.
        authenticator: recognises callers; None where callers are not asked who they are.
    """
    admission = LiveAdmission(settings, authenticator, readiness)
    config = SocketioConfig(
        path=SOCKETIO_PATH,
        ping_interval_ms=settings.live.ping_interval_ms,
        ping_timeout_ms=settings.live.ping_timeout_ms,
        connect_timeout_ms=settings.live.connect_timeout_ms,
        max_payload_bytes=settings.live.max_frame_bytes,
        max_unadmitted_bytes=UNADMITTED_BYTES,
        max_decoded_bytes=SOCKETIO_DECODED_BYTES,
        buffer_bytes=SOCKETIO_BUFFER_BYTES,
        slow_client_seconds=settings.live.unread_seconds + PATIENCE_SECONDS,
        max_unadmitted_sessions=UNADMITTED_CLIENTS,
        max_sessions=settings.live.max_connections,
        admit_origin=admission.admits_origin,
    )
    async with (
        open_live_clients(runtime, settings, readiness, admission) as clients,
        trio.open_nursery() as nursery,
        open_socketio_server(config) as socketio,
    ):
        serve_namespace(socketio.namespace(), clients, nursery)
        yield Live(clients, socketio)
        nursery.cancel_scope.cancel()
