"""Socket.IO 5 over Engine.IO 4, for Trio: a server that is an ASGI application, and the client's protocol.

A complete server, which echoes whatever is sent to it::

    import hypercorn
    import hypercorn.trio
    import trio

    from service.socketio import ConnectRefusedError, Socket, open_socketio_server


    async def main() -> None:
        async with open_socketio_server() as server:
            echo = server.namespace("/")

            @echo.on_connect
            async def welcome(socket: Socket) -> None:
                if socket.handshake.auth.get("token") == "wrong":
                    raise ConnectRefusedError("Not authorized", {"hint": "another token"})
                socket.join("everybody")
                await socket.emit("welcome", {"id": socket.id})

            @echo.on("message")
            async def repeat(socket: Socket, *args: object) -> tuple[object, ...]:
                await socket.emit("message-back", *args)
                return args  # the acknowledgement, for a client that wants one

            @echo.on("shout")
            async def shout(socket: Socket, text: str) -> None:
                echo.emit_nowait("shouted", text, room="everybody")

            @echo.on("ask")
            async def ask(socket: Socket) -> object:
                (answer,) = await socket.call("question", 6, 7, timeout_seconds=5)
                return answer

            @echo.on_disconnect
            async def farewell(socket: Socket, reason: str) -> None:
                print(socket.id, "is gone:", reason)

            config = hypercorn.Config()
            config.bind = ["127.0.0.1:5006"]
            await hypercorn.trio.serve(server, config)


    trio.run(main)

Handlers of one socket run one at a time, in the order of its events; those of different sockets side by side. A
handler that fails is logged, and its client hears no acknowledgement.

``await socket.emit(...)`` waits while the client's buffer is full; ``socket.emit_nowait(...)`` returns False then.
One event for many clients is encoded once: ``encode_event(...)``, then ``socket.send_nowait(...)`` for each, or
``namespace.send_nowait(..., room=...)``, which returns those whose buffers were full. ``socket.waiting_bytes``
tells how much waits for a client, ``socket.disconnect(close=True)`` ends it, and ``server.statistics()`` counts.

``service.socketio.client`` has the client's half, without any I/O.
"""

from service.socketio.config import SocketioConfig
from service.socketio.errors import (
    AckTimeoutError,
    ConnectRefusedError,
    SocketClosedError,
    SocketioError,
    SocketLimitError,
)
from service.socketio.events import EncodedEvent, encode_event
from service.socketio.handshake import Handshake
from service.socketio.namespace import Namespace
from service.socketio.server import SocketioServer, Statistics, open_socketio_server
from service.socketio.socket import Socket

__all__ = [
    "AckTimeoutError",
    "ConnectRefusedError",
    "EncodedEvent",
    "Handshake",
    "Namespace",
    "Socket",
    "SocketClosedError",
    "SocketLimitError",
    "SocketioConfig",
    "SocketioError",
    "SocketioServer",
    "Statistics",
    "encode_event",
    "open_socketio_server",
]
