"""What one caller sends ends their own connection at most, and what they are sent goes out without detours."""

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, Scope

from service.asgi.connections import Connections
from service.asgi.hypercorn_server import GuardedTCPServer, guard_connections
from service.asgi.request_tasks import WHOLE_BODY, FastPathConfig, GuardedTaskGroup
from tests.service.serving import start_process

UPGRADE = (
    b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CLOSE_FRAME = b"\x88\x80\0\0\0\0"
TEXT_FRAME = b"\x81\x82\0\0\0\x0040"


async def send_to(url: str, content: bytes) -> bytes:
    """Send bytes in one piece; what comes back until the other side closes."""
    host, port = url.removeprefix("http://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        await stream.send_all(content)
        received = b""
        with trio.move_on_after(5):
            try:
                async for chunk in stream:
                    received += chunk
            except trio.BrokenResourceError:
                pass
        return received


async def test_a_frame_before_the_upgrade_does_not_end_the_service() -> None:
    """A caller who does not wait for the answer to an upgrade loses the connection, and nobody else notices."""
    with start_process() as process:
        for content in (UPGRADE + TEXT_FRAME, UPGRADE + CLOSE_FRAME + TEXT_FRAME, UPGRADE + b"\xff" * 100):
            await send_to(process.url, content)
            async with httpx.AsyncClient(base_url=process.url) as client:
                assert (await client.get("/health")).status_code == 200
        assert process.process.poll() is None


async def test_what_is_cancelled_stays_cancelled() -> None:
    """The guard takes errors, and neither cancellation nor Ctrl-C."""
    error: BaseException = ValueError("a mistake")

    class Raising(GuardedTCPServer):
        def __init__(self) -> None:
            self._connections = Connections(0)
            self._life = trio.CancelScope()

    async def run(_: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hypercorn.trio.tcp_server.TCPServer.run", run)
        await Raising().run()
        error = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            await Raising().run()


async def test_whoever_sends_on_after_his_answer_is_let_go() -> None:
    """An upload that was refused at its beginning does not hold its connection when the rest comes anyway."""
    with start_process({"MAX_BODY_BYTES": "1024"}) as process:
        head = b"POST /api/graphs HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        received = await send_to(process.url, head + b"400\r\n" + b"x" * 1024 + b"\r\n" + b"1\r\nx\r\n" * 20_000)
        assert received.startswith(b"HTTP/1.1 413")
        exit_status, log = process.end()
        assert exit_status == 0
        assert "error" not in log


class Peer:
    """The caller's end of a connection without a network, and what the server wrote to it, write by write."""

    def __init__(self, stream: "trio.StapledStream[Any, Any]", writes: list[bytes]) -> None:
        self.stream = stream
        self.writes = writes

    async def send(self, content: bytes) -> None:
        """Send, and let the server do what it can."""
        await self.stream.send_all(content)
        await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def serving(application: Any, *, is_fast: bool) -> AsyncIterator[Peer]:
    """One guarded connection to an application that takes its requests whole, or does not."""
    guard_connections()
    near, far = trio.testing.memory_stream_pair()
    writes: list[bytes] = []
    send_all = far.send_all

    async def noting(content: Any) -> None:
        writes.append(bytes(content))
        await send_all(content)

    far.send_all = noting  # type: ignore[method-assign,assignment]  # the stream is the network here
    far.socket = _NamedSocket()  # type: ignore[attr-defined]  # Hypercorn asks it for addresses
    config = FastPathConfig(lambda _: is_fast)
    async with trio.open_nursery() as nursery:
        server = GuardedTCPServer(ASGIWrapper(application), config, WorkerContext(None), {}, far)
        nursery.start_soon(server.run)
        yield Peer(near, writes)
        await near.aclose()
        with trio.fail_after(5):
            await trio.testing.wait_all_tasks_blocked()
        assert not nursery.child_tasks


class _NamedSocket:
    family = 2

    def getpeername(self) -> tuple[str, int]:
        return "127.0.0.1", 1

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 2


class Echo:
    """Answers with the body, and notes in which task, and whether the body lay in the scope."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.whole: list[bool] = []

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        noted: Any = scope
        body = noted.get(WHOLE_BODY)
        self.tasks.append(trio.lowlevel.current_task().name.rpartition(".")[2])
        self.whole.append(body is not None)
        if body is None:
            body, more = b"", True
            while more:
                event: Any = await receive()
                body, more = body + event["body"], event["more_body"]
        size = str(len(body)).encode()
        headers = [(b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": body, "more_body": False})


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"


@pytest.mark.parametrize("is_fast", [True, False])
async def test_a_reply_is_one_write(*, is_fast: bool) -> None:
    """Head and body leave together, whichever way the request was answered."""
    async with serving(Echo(), is_fast=is_fast) as peer:
        await peer.send(HEAD + b"abc")
        (reply,) = peer.writes
    assert reply.startswith(b"HTTP/1.1 200")
    assert reply.endswith(b"\r\n\r\nabc")


async def test_what_comes_whole_is_answered_where_it_was_read() -> None:
    """No task is started for it; one that comes in pieces has its own, and gets all of them."""
    echo = Echo()
    async with serving(echo, is_fast=True) as peer:
        await peer.send(HEAD + b"abc")
        await peer.send(HEAD + b"a")
        await peer.send(b"b")
        await peer.send(b"c")
        await peer.send(HEAD + b"def")
        assert [reply[-3:] for reply in peer.writes] == [b"abc", b"abc", b"def"]
    assert echo.whole == [True, False, True]
    assert echo.tasks == ["run", "_handle", "run"]


async def test_requests_in_one_piece_are_answered_in_order() -> None:
    """Pipelined requests, of which the last has not come whole, are answered one after the other."""
    echo = Echo()
    async with serving(echo, is_fast=True) as peer:
        await peer.send(b"".join(HEAD + b"%03d" % number for number in range(5)) + HEAD + b"0")
        await peer.send(b"05" + HEAD + b"006")
        assert [reply[-3:] for reply in peer.writes] == [b"%03d" % number for number in range(7)]
    assert echo.whole == [True] * 5 + [False, True]


async def test_the_last_request_of_a_connection_closes_it() -> None:
    """What asks for an end gets its reply, and then the end."""
    async with serving(Echo(), is_fast=True) as peer:
        await peer.send(b"POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
        received = b"".join([chunk async for chunk in peer.stream])
    assert received.endswith(b"abc")


@pytest.mark.parametrize("is_fast", [True, False])
@pytest.mark.parametrize("begins", [True, False])
async def test_an_application_that_fails_is_a_500(*, is_fast: bool, begins: bool) -> None:
    """Also when it fails after the head of its reply, which nobody has seen yet."""

    async def failing(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        if begins:
            await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
        raise ValueError("a mistake")

    async with serving(failing, is_fast=is_fast) as peer:
        await peer.send(HEAD + b"abc")
        assert b"".join(peer.writes).startswith(b"HTTP/1.1 500")


async def test_a_stream_is_not_kept_back() -> None:
    """Of a reply in pieces each leaves when it is there, and the head with the first."""
    go_on = trio.Event()

    async def streaming(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"last", "more_body": False})

    async with serving(streaming, is_fast=False) as peer:
        await peer.send(HEAD + b"abc")
        assert len(peer.writes) == 1
        assert b"first" in peer.writes[0]
        go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert b"last" in b"".join(peer.writes)


def test_hypercorn_is_as_we_know_it() -> None:
    """What we replace of Hypercorn's classes is still there, and still called as we expect."""
    server = GuardedTCPServer.__mro__[1]
    for name in ("run", "protocol_send", "_read_data", "_initiate_server_close", "_idle_timeout"):
        assert callable(getattr(server, name))
    assert callable(getattr(GuardedTaskGroup.__mro__[1], "spawn_app", None))


class _Silent:
    """A caller's end of a stream that takes so many bytes a second."""

    def __init__(self, far: Any, bytes_per_second: float) -> None:
        self.taken = 0
        self._seconds_per_byte = 1 / bytes_per_second if bytes_per_second else math.inf
        far.send_all = self.take

    async def take(self, content: Any) -> None:
        await trio.sleep(len(content) * self._seconds_per_byte)
        self.taken += len(content)


@pytest.mark.usefixtures("autojump_clock")
@pytest.mark.parametrize(
    ("bytes_per_second", "size_bytes", "is_whole"),
    [(0, 1000, False), (1000, 10_000_000, False), (100_000, 10_000_000, True), (100, 5_000, True)],
)
async def test_whoever_reads_too_slowly_is_cut(bytes_per_second: int, size_bytes: int, is_whole: bool) -> None:
    """A caller must read the reply, at a pace that a bad line has; otherwise they would hold it for hours."""

    async def large(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": False})
        await send({"type": "http.response.body", "body": b"x" * size_bytes, "more_body": False})

    guard_connections()
    near, far = trio.testing.memory_stream_pair()
    caller = _Silent(far, bytes_per_second)
    far.socket = _NamedSocket()  # type: ignore[attr-defined]  # Hypercorn asks it for addresses
    config = FastPathConfig(lambda _: True)
    config.keep_alive_timeout = 1e9
    with trio.move_on_after(3600) as patience:
        async with trio.open_nursery() as nursery:
            server = GuardedTCPServer(ASGIWrapper(large), config, WorkerContext(None), {}, far)
            nursery.start_soon(server.run)
            await near.send_all(HEAD + b"abc")
            if is_whole:
                await trio.sleep(1000)
                assert caller.taken > size_bytes
                await near.aclose()
    assert not patience.cancelled_caught
    assert (caller.taken > size_bytes) == is_whole
    assert trio.current_time() < 2000


async def test_an_application_that_does_not_receive_holds_nobody() -> None:
    """Whatever a caller sends while the application answers without looking, the connection ends after it."""
    go_on = trio.Event()

    async def deaf(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        del scope, receive
        await go_on.wait()
        await send({"type": "http.response.start", "status": 413, "headers": [], "trailers": False})
        await send({"type": "http.response.body", "body": b"no", "more_body": False})

    async with serving(deaf, is_fast=False) as peer:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n"
        await peer.send(head + b"x" * 600_000)  # more pieces than may wait for the application
        go_on.set()
        with trio.fail_after(5):
            received = b"".join([chunk async for chunk in peer.stream])
    assert received.startswith(b"HTTP/1.1 413")
