"""What the fake siblings share: a small HTTP service, on a real port or without a socket.

A service is one function from a request to its answer, which hangs up by raising :class:`HangUpError`.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import h11
import httpx
import trio

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body."""

Answering = Callable[[str, str, dict[str, str], bytes], Awaitable[Answer]]
"""The answer to a method, a target with its query, headers by their lower-case names, and a body."""


class HangUpError(Exception):
    """The connection is to be closed in the place of an answer; ``begun`` is sent before."""

    def __init__(self, begun: bytes = b"") -> None:
        super().__init__()
        self.begun = begun


def as_json(status: int, body: Any, headers: dict[str, str] | None = None) -> Answer:
    """An answer whose body is JSON."""
    return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()


class Direct(httpx.AsyncBaseTransport):
    """Reaches a service without a socket, for tests whose clock is not the real one."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer as httpx has it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = request.url.raw_path.decode()
        try:
            status, own, body = await self._answering(request.method, target, headers, await request.aread())
        except HangUpError as error:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from error
        return httpx.Response(status, headers=own, stream=httpx.ByteStream(body))


@asynccontextmanager
async def serving(answering: Answering, port: int = 0) -> AsyncIterator[str]:
    """The URL of a service on a port of the loopback interface; 0 for any free one."""
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, partial(_talk, answering), port, host="127.0.0.1")
        listeners = await nursery.start(serve)
        yield f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


async def _talk(answering: Answering, stream: trio.SocketStream) -> None:
    """One connection, kept alive from request to request."""
    connection = h11.Connection(h11.SERVER)
    try:
        while (found := await _read(connection, stream)) is not None:
            request, body = found
            headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
            try:
                status, own, answer = await answering(
                    request.method.decode(), request.target.decode(), headers, body
                )
            except HangUpError as error:
                await stream.send_all(error.begun)
                return
            lengths = {} if status == 304 else {"Content-Length": str(len(answer))}
            for event in (
                h11.Response(status_code=status, headers=list((own | lengths).items())),
                h11.Data(data=answer),
                h11.EndOfMessage(),
            ):
                await stream.send_all(connection.send(event) or b"")
            connection.start_next_cycle()
    except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
        return  # the client has heard enough
    finally:
        await stream.aclose()


async def _read(connection: h11.Connection, stream: trio.SocketStream) -> tuple[h11.Request, bytes] | None:
    request: h11.Request | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, body
        else:
            return None
