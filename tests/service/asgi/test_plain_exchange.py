"""A request that was read at a glance is answered in one write, at once, and the connection goes on or ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from service.asgi.hypercorn_server import PIECE_BYTES, GuardedTCPServer, guard_connections
from service.asgi.request_tasks import WHOLE_BODY, FastPathConfig

HEAD = b"POST /path%20x?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"


@asynccontextmanager
async def connected(application: Any, context: WorkerContext | None = None) -> AsyncIterator[trio.SocketStream]:
    """The caller's end of one guarded connection over a real socket, to an application that takes all requests."""
    guard_connections()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, trio.open_nursery() as nursery:
        port = listener.socket.getsockname()[1]
        near = await trio.open_tcp_stream("127.0.0.1", port)
        far = await listener.accept()
        config = FastPathConfig(lambda _: True)
        server = GuardedTCPServer(ASGIWrapper(application), config, context or WorkerContext(None), {}, far)
        nursery.start_soon(server.run)
        async with near:
            yield near


def answering(body: bytes, *headers: tuple[bytes, bytes], status: int = 200, pieces: int = 1) -> Any:
    """An application that answers so."""

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
        for at in range(pieces):
            more = at + 1 < pieces
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return answer


async def reply(stream: trio.SocketStream) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """The next reply: its first line, its headers, its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines)
    while len(body) < int(headers.get(b"content-length", b"0")):
        body += await stream.receive_some()
    return first, headers, body


async def test_the_scope_is_as_hypercorn_makes_it() -> None:
    """The same request in one piece and in two, but for the body, which lies in the scope where it came whole."""
    scopes: list[dict[str, Any]] = []

    async def noting(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        scopes.append(dict(scope))
        await answering(b"", (b"content-length", b"0"))(scope, receive, send)

    async with connected(noting) as stream:
        await stream.send_all(HEAD + b"abc")
        await reply(stream)
        await stream.send_all(HEAD)
        await trio.testing.wait_all_tasks_blocked(0.01)
        await stream.send_all(b"abc")
        await reply(stream)
    whole, pieces = scopes
    assert whole.pop(WHOLE_BODY) == b"abc"
    assert whole == pieces


async def test_the_reply_is_written_as_h11_writes_it() -> None:
    """The same bytes, the date among them, whether the request came in one piece or in two."""
    found = []
    async with connected(answering(b"hello", (b"x-one", b"1"), (b"content-length", b"5"))) as stream:
        for pieces in ([HEAD + b"abc"], [HEAD, b"abc"]):
            for piece in pieces:
                await stream.send_all(piece)
                await trio.testing.wait_all_tasks_blocked(0.01)
            first, headers, body = await reply(stream)
            assert headers.pop(b"date")
            found.append((first, list(headers.items()), body))
    assert found[0] == found[1]


async def test_a_reply_in_pieces_has_a_length() -> None:
    """An application that does not say how long its reply is need not: it is all there."""
    async with connected(answering(b"abc", pieces=3)) as stream:
        await stream.send_all(HEAD + b"abc")
        first, headers, body = await reply(stream)
    assert (first, headers[b"content-length"], body) == (b"HTTP/1.1 200 ", b"9", b"abcabcabc")


async def test_a_reply_without_a_body_has_none() -> None:
    """A 204 is its head."""
    async with connected(answering(b"abc", status=204)) as stream:
        await stream.send_all(HEAD + b"abc")
        first, headers, body = await reply(stream)
    assert (first, b"content-length" in headers, body) == (b"HTTP/1.1 204 ", False, b"")


async def test_a_reply_that_says_so_ends_the_connection() -> None:
    """``Connection: close`` is kept by whoever sends it."""
    async with connected(answering(b"", (b"connection", b"close"), (b"content-length", b"0"))) as stream:
        await stream.send_all(HEAD + b"abc")
        await reply(stream)
        with trio.fail_after(5):
            assert await stream.receive_some() == b""


async def test_a_header_with_a_line_in_it_is_a_500() -> None:
    """Nobody's text becomes a header of its own, and the connection ends."""
    async with connected(answering(b"", (b"x", b"1\r\nset-cookie: y"), (b"content-length", b"0"))) as stream:
        await stream.send_all(HEAD + b"abc")
        with trio.fail_after(5):
            received = b"".join([chunk async for chunk in stream])
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"set-cookie" not in received


async def test_a_server_that_ends_closes_the_connection_after_the_reply() -> None:
    """The request under way is answered, whole, and no further one is waited for."""
    context = WorkerContext(None)

    async def ending(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await context.terminated.set()
        await answering(b"ok", (b"content-length", b"2"))(scope, receive, send)

    async with connected(ending, context) as stream:
        await stream.send_all(HEAD + b"abc")
        with trio.fail_after(5):
            received = b"".join([chunk async for chunk in stream])
    assert received.endswith(b"\r\n\r\nok")


@pytest.mark.parametrize("size", [PIECE_BYTES // 2, 8_000_000])
async def test_a_reply_that_the_socket_has_no_room_for_comes_whole(size: int) -> None:
    """What could not be written at once is written when the caller reads, and the next request is answered."""
    body = bytes(size)
    async with connected(answering(body, (b"content-length", b"%d" % size))) as stream:
        for _ in range(3):
            await stream.send_all(HEAD + b"abc")
            await trio.testing.wait_all_tasks_blocked(0.01)
            _, _, received = await reply(stream)
            assert len(received) == size


async def test_a_caller_who_has_gone_ends_their_connection_alone() -> None:
    """A reply that nobody can be given is no error of the server, and its task ends."""
    go_on = trio.Event()

    async def waiting(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await go_on.wait()
        await answering(b"ok", (b"content-length", b"2"))(scope, receive, send)

    with trio.fail_after(5):
        async with connected(waiting) as stream:
            await stream.send_all(HEAD + b"abc")
            await trio.testing.wait_all_tasks_blocked(0.01)
            await trio.aclose_forcefully(stream)
            go_on.set()
