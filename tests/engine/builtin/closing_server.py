"""A server that closes each connection when its second request comes, as if its patience ended just then."""

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from tests.engine.builtin.http_server import Request, Server, read_request


@asynccontextmanager
async def serving_once_a_connection(body: bytes = b"null", *, resets: bool = False) -> AsyncIterator[Server]:
    """Serve on a free port of the loopback interface, the same answer to the first request of each connection.

    Args:
        body: JSON text.
        resets: whether a connection ends as one does whose server has gone, and not in good order.
    """
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def talk(stream: trio.SocketStream) -> None:
        server.requests.append(await read_request(stream))
        await stream.send_all(answer)
        try:
            server.requests.append(await read_request(stream))
        except EOFError:
            return
        if resets:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await stream.aclose()

    requests: list[Request] = []
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        server = Server(f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}", requests)
        yield server
        nursery.cancel_scope.cancel()
