"""A real HTTP server on a real port, whose answers a test writes byte by byte."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import trio

Answer = Callable[["Request", trio.SocketStream], Awaitable[None]]


class Request(msgspec.Struct, frozen=True):
    """What came in: the request line's method and target, headers by lower-case name, and the body."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Server(msgspec.Struct):
    """Where it listens, and what it was asked so far."""

    url: str
    requests: list[Request]


def answer(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> Answer:
    """A complete answer; ``content_type="text/plain"`` becomes a header."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def raw(data: bytes) -> Answer:
    """These bytes, then the end."""

    async def send(_request: Request, stream: trio.SocketStream) -> None:
        await stream.send_all(data)

    return send


async def silence(_request: Request, _stream: trio.SocketStream) -> None:
    """No answer at all."""
    await trio.sleep_forever()


async def endless(_request: Request, stream: trio.SocketStream) -> None:
    """A body that does not end."""
    await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        await stream.send_all(b"x" * 65_536)


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[Server]:
    """Serve on a free port of the loopback interface: the first answer to the first request, and so on."""
    waiting = list(answers)

    async def talk(stream: trio.SocketStream) -> None:
        try:
            request = await read_request(stream)
        except (EOFError, trio.BrokenResourceError):
            return  # the client has changed its mind
        server.requests.append(request)
        try:
            await waiting.pop(0)(request, stream)
            await stream.aclose()
        except trio.BrokenResourceError:
            pass  # the client has heard enough

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        server = Server(f"http://127.0.0.1:{port}", [])
        yield server
        nursery.cancel_scope.cancel()


async def read_request(stream: trio.SocketStream) -> Request:
    """Read the next request of a connection.

    Raises:
        EOFError: there is none.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        part = await stream.receive_some()
        if not part:
            raise EOFError
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", "0")):
        body += await stream.receive_some()
    return Request(method, target, headers, body)
