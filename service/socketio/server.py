"""The server: an ASGI application that keeps the sessions, and an orderly end for them."""

import secrets
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import trio

from service.socketio.asgi import (
    JSON,
    Receive,
    Scope,
    Send,
    answer,
    cors_headers,
    origin_admitted,
    preflight_headers,
    refusal_body,
    refuse_websocket,
)
from service.socketio.config import SocketioConfig
from service.socketio.connection import Connection, ServerContext
from service.socketio.deadlines import Deadlines
from service.socketio.errors import SessionRefusedError
from service.socketio.handshake import read_handshake, read_query
from service.socketio.namespace import Namespace
from service.socketio.packets import MAIN
from service.socketio.polling import open_by_poll, serve_poll, serve_post
from service.socketio.session import (
    BAD_METHOD,
    BAD_REQUEST,
    FORBIDDEN,
    POLLING,
    UNKNOWN_SESSION,
    UNKNOWN_TRANSPORT,
    UNSUPPORTED_VERSION,
    WEBSOCKET,
    Session,
    Transport,
)
from service.socketio.socket import SID_BYTES
from service.socketio.wakeups import WakeupBatcher
from service.socketio.websocket import serve_upgrade, serve_websocket
from service.websockets.scope import ADMIT, WRITE


class Statistics(msgspec.Struct, frozen=True):
    """Counts of a server. ``ended`` counts the sessions that have ended by their reasons."""

    sessions: int
    polling_sessions: int
    sockets: int
    opened: int
    refused: int
    ended: Mapping[str, int]


class SocketioServer:
    """An ASGI application for ``http`` and ``websocket`` scopes of ``SocketioConfig.path``."""

    def __init__(self, config: SocketioConfig, nursery: trio.Nursery) -> None:
        self._config = config
        self._namespaces: dict[str, Namespace] = {}
        self._connections: dict[str, Connection] = {}
        self._unadmitted: dict[Connection, None] = {}
        self._addresses: Counter[str] = Counter()
        self._opened = 0
        self._refused = 0
        self._ended: Counter[str] = Counter()
        self._closing = False
        self._emptied = trio.Event()
        self._deadlines = Deadlines(self._wake)
        self._wakeups = WakeupBatcher()
        self._context = ServerContext(
            config, self._namespaces, nursery, self._deadlines, self._wakeups, self._forget, self._admitted
        )

    @property
    def closing_seconds(self) -> float:
        """The time that its end may take, and then once more that of the handlers."""
        return self._config.closing_seconds

    async def run(self) -> None:
        """Keep the sessions' time, and give each its turn, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._wakeups.run)
            await self._deadlines.run()

    def namespace(self, name: str = MAIN) -> Namespace:
        """Return the namespace of a name, which clients can connect to from now on.

        Raises:
            ValueError: no namespace can be called so.
        """
        if name not in self._namespaces:
            self._namespaces[name] = Namespace(name)
        return self._namespaces[name]

    def statistics(self) -> Statistics:
        """Return the counts at present."""
        connections = self._connections.values()
        return Statistics(
            sessions=len(connections),
            polling_sessions=sum(each.session.polls for each in connections),
            sockets=sum(len(namespace.sockets) for namespace in self._namespaces.values()),
            opened=self._opened,
            refused=self._refused,
            ended=dict(self._ended),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()  # websocket.connect
            try:
                await self._serve_websocket(scope, receive, send)
            except SessionRefusedError as refusal:
                self._refused += 1
                await refuse_websocket(send, refusal)
        else:
            try:
                await self._serve_http(scope, receive, send)
            except SessionRefusedError as refusal:
                self._refused += 1
                headers = cors_headers(scope) if origin_admitted(scope, self._config) else []
                await answer(send, refusal.status, refusal_body(refusal), headers, JSON)

    async def aclose(self) -> None:
        """Tell all clients that the server ends, and wait a little until they know. Then nobody is served."""
        self._closing = True
        self._emptied = trio.Event()
        for connection in list(self._connections.values()):
            connection.finish("server shutting down")
            if connection.session.unattended:
                connection.end("server shutting down")
        with trio.move_on_after(self._config.closing_seconds):
            if self._connections:
                await self._emptied.wait()
        self.end()

    def end(self) -> None:
        """End all sessions at once."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.end("server shutting down")

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check_origin(scope)
        method = scope["method"]
        if method == "OPTIONS":
            await answer(send, 200, b"OK", preflight_headers(scope))
            return
        query = self._check_query(scope, POLLING)
        if "sid" not in query:
            if method != "GET":
                raise SessionRefusedError(*BAD_METHOD)
            await open_by_poll(self._open(scope, Transport.POLLING), scope, send)
            return
        connection = self._find(query["sid"])
        if method == "GET":
            await serve_poll(connection, scope, receive, send)
        elif method == "POST":
            await serve_post(connection, scope, receive, send)
        else:
            raise SessionRefusedError(*BAD_REQUEST)

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check_origin(scope)
        query = self._check_query(scope, WEBSOCKET)
        is_upgrade = "sid" in query
        connection = self._find(query["sid"]) if is_upgrade else self._open(scope, Transport.WEBSOCKET)
        if ADMIT in scope:
            connection.tell_when_admitted(scope[ADMIT])
        serve = serve_upgrade if is_upgrade else serve_websocket
        await serve(connection, self._config, receive, send, scope.get(WRITE))

    def _check_origin(self, scope: Scope) -> None:
        if scope["path"].rstrip("/") != self._config.path.rstrip("/"):
            raise SessionRefusedError(BAD_REQUEST[0], f"Socket.IO is served at {self._config.path}/", status=404)
        if not origin_admitted(scope, self._config):
            raise SessionRefusedError(*FORBIDDEN, status=403)

    @staticmethod
    def _check_query(scope: Scope, transport: str) -> dict[str, str]:
        """Return the query of a request over a transport.

        Raises:
            SessionRefusedError: it asks for another transport or version.
        """
        query = read_query(scope)
        asked = query.get("transport", "")
        if asked not in {POLLING, WEBSOCKET}:
            raise SessionRefusedError(*UNKNOWN_TRANSPORT)
        if query.get("EIO") != "4":
            raise SessionRefusedError(*UNSUPPORTED_VERSION)
        if asked != transport:
            raise SessionRefusedError(*BAD_REQUEST)
        return query

    def _find(self, sid: str) -> Connection:
        connection = self._connections.get(sid)
        if connection is None:
            raise SessionRefusedError(*UNKNOWN_SESSION)
        return connection

    def _open(self, scope: Scope, transport: Transport) -> Connection:
        handshake = read_handshake(scope)
        if self._closing:
            raise SessionRefusedError(BAD_REQUEST[0], "The server is stopping", status=503)
        if (
            len(self._connections) >= self._config.max_sessions
            or self._addresses[handshake.client] >= self._config.max_sessions_per_address
        ):
            raise SessionRefusedError(BAD_REQUEST[0], "Too many sessions; try again later", status=503)
        if len(self._unadmitted) >= self._config.max_unadmitted_sessions:
            next(iter(self._unadmitted)).end("connect timeout")
        session = Session(secrets.token_urlsafe(SID_BYTES), transport, self._config, trio.current_time())
        connection = Connection(session, handshake, self._context)
        self._connections[session.sid] = connection
        self._unadmitted[connection] = None
        self._addresses[handshake.client] += 1
        self._opened += 1
        return connection

    def _admitted(self, connection: Connection) -> None:
        self._unadmitted.pop(connection, None)

    def _forget(self, connection: Connection) -> None:
        self._unadmitted.pop(connection, None)
        if self._connections.pop(connection.session.sid, None) is None:
            return
        self._ended[connection.session.ended or ""] += 1
        address = connection.handshake.client
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        if not self._connections:
            self._emptied.set()

    def _wake(self, sid: str) -> None:
        connection = self._connections.get(sid)
        if connection is not None:
            connection.tick()


@asynccontextmanager
async def open_socketio_server(config: SocketioConfig | None = None) -> AsyncIterator[SocketioServer]:
    """Open a server whose handlers run in a nursery of its own, until the block ends: then clients are told.

    Args:
        config: its ways and bounds; as the reference server when absent.
    """
    async with trio.open_nursery() as nursery:
        async with trio.open_nursery() as handlers:
            server = SocketioServer(config or SocketioConfig(), handlers)
            nursery.start_soon(server.run)
            try:
                yield server
                await server.aclose()
            finally:
                server.end()
            handlers.cancel_scope.deadline = trio.current_time() + server.closing_seconds
        nursery.cancel_scope.cancel()
