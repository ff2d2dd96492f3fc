"""A real Socket.IO server on a real port, as the official test suites want it, and clients for it."""

import socket as sockets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from trio_websocket import WebSocketConnection, open_websocket_url

from service.asgi.hypercorn_server import guard_connections
from service.socketio import Socket, SocketioConfig, SocketioServer, open_socketio_server

SUITE = SocketioConfig(ping_interval_ms=300, ping_timeout_ms=200, connect_timeout_ms=1000, closing_seconds=0.2)
"""The timing of the official test suites."""

UNREAD_MS = 1_000
"""After which the kernel cuts a connection that leaves what was sent unread."""


class Served(msgspec.Struct, frozen=True):
    """A server that answers at ``host``."""

    server: SocketioServer
    host: str
    client: httpx.AsyncClient

    async def open_polling(self) -> str:
        """Begin a session by polling; the path and query of its further requests."""
        reply = await self.client.get("/socket.io/?EIO=4&transport=polling")
        assert reply.status_code == 200, reply.text
        return f"/socket.io/?EIO=4&transport=polling&sid={msgspec.json.decode(reply.text[1:])['sid']}"

    @asynccontextmanager
    async def websocket(self, query: str = "EIO=4&transport=websocket") -> AsyncIterator[WebSocketConnection]:
        """A WebSocket to the server."""
        async with open_websocket_url(
            f"ws://{self.host}/socket.io/?{query}", message_queue_size=10_000
        ) as websocket:
            try:
                yield websocket
            finally:
                await websocket._stream.aclose()  # it leaves that open when the server closed first

    @asynccontextmanager
    async def opened(self, namespace: str = "") -> AsyncIterator[WebSocketConnection]:
        """A WebSocket that is connected to a namespace, and whose greeting has been read."""
        async with self.websocket() as websocket:
            await websocket.get_message()
            await websocket.send_message(f"40{namespace}")
            assert str(await websocket.get_message()).startswith("40")
            assert 'auth"' in str(await websocket.get_message())
            yield websocket


def register_suite(server: SocketioServer) -> None:
    """The handlers that the official test suites want."""
    main, custom = server.namespace(), server.namespace("/custom")

    async def greet(socket: Socket) -> None:
        await socket.emit("auth", socket.handshake.auth)

    @main.on("message")
    async def repeat(socket: Socket, *args: Any) -> None:
        await socket.emit("message-back", *args)

    @main.on("message-with-ack")
    async def acknowledge(_: Socket, *args: Any) -> tuple[Any, ...]:
        return args

    main.on_connect(greet)
    custom.on_connect(greet)


@asynccontextmanager
async def open_served(
    config: SocketioConfig = SUITE, register: Callable[[SocketioServer], None] = register_suite
) -> AsyncIterator[Served]:
    """A server on a free port of this machine, with some handlers."""
    listener = sockets.socket()
    listener.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, UNREAD_MS)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    host = f"127.0.0.1:{listener.getsockname()[1]}"
    hypercorn = Config()
    hypercorn.bind = [f"fd://{listener.detach()}"]
    hypercorn.graceful_timeout = 0.5
    hypercorn.errorlog = None
    stopping = trio.Event()
    async with trio.open_nursery() as nursery:
        async with open_socketio_server(config) as server:
            register(server)
            await nursery.start(_serve, server, hypercorn, stopping)
            async with httpx.AsyncClient(base_url=f"http://{host}", timeout=10) as client:
                yield Served(server, host, client)
        stopping.set()


async def _serve(
    server: SocketioServer,
    config: Config,
    stopping: trio.Event,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    guard_connections()
    await serve(server, config, shutdown_trigger=stopping.wait, task_status=task_status, mode="asgi")
