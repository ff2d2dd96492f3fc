"""Callers who are slow, half gone, or many: raw sockets on the real server."""

import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
import trio.testing

from service.asgi.half_close import PATIENCE_SECONDS
from service.asgi.open_files import ENOUGH, raise_descriptor_limit
from service.asgi.serving import KEEP_ALIVE_SECONDS
from service.server import listen, open_configured_runtime, serve_runtime
from tests.service.chosen import settings_with
from tests.service.serving import start_process

GRAPH = (
    b'{"symbia":"1.0","name":"Delay","edges":[],'
    b'"nodes":[{"id":"a","component":"symbia.core.delay","config":{"ms":%d}}]}'
)


@asynccontextmanager
async def _served() -> AsyncIterator[int]:
    """A service in this process; its port. Nothing here looks names up, so a clock that jumps does no harm."""
    settings = settings_with(port=0)
    told_to_stop = trio.Event()
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with open_configured_runtime(settings) as runtime, trio.open_nursery() as nursery:
        serving = trio.Event()
        nursery.start_soon(serve_runtime, runtime, settings, listener, lambda _: serving.set(), told_to_stop)
        await serving.wait()
        yield port
        told_to_stop.set()


async def _connect(port: int) -> trio.SocketStream:
    return await trio.open_tcp_stream("127.0.0.1", port)


def _post(path: str, body: bytes, extra: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{extra}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _read_all(stream: trio.SocketStream) -> bytes:
    """Whatever comes until the connection ends."""
    return b"".join([piece async for piece in stream])


async def _trickle(stream: trio.SocketStream, every_seconds: float) -> None:
    """Send a byte now and then, for ever."""
    while True:
        await trio.sleep(every_seconds)
        await stream.send_all(b"x")


async def _answer_while_trickling(port: int, beginning: bytes) -> tuple[bytes, float]:
    """What comes of a request that goes on trickling, and after how many seconds the connection ends."""
    began = trio.current_time()
    async with await _connect(port) as stream, trio.open_nursery() as nursery:
        await stream.send_all(beginning)
        nursery.start_soon(_trickle, stream, 10)
        answer = await _read_all(stream)
        nursery.cancel_scope.cancel()
    return answer, trio.current_time() - began


async def test_a_head_that_trickles_is_cut(autojump_clock: trio.testing.MockClock) -> None:
    """Bytes that come now and then do not stretch the time in which the head of a request must be whole."""
    del autojump_clock
    async with _served() as port:
        answer, seconds = await _answer_while_trickling(port, b"GET /health HTTP/1.1\r\nX-Slow: ")
    assert answer == b""
    assert seconds == pytest.approx(KEEP_ALIVE_SECONDS, abs=1)


async def test_a_body_that_trickles_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    """An ordinary body that does not come within a minute is answered with 408, and the connection ends."""
    del autojump_clock
    async with _served() as port:
        head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{"
        answer, seconds = await _answer_while_trickling(port, head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert seconds == pytest.approx(60, abs=1)
    assert b'"code":"body.too_slow"' in answer


async def test_a_caller_who_says_no_more_gets_his_reply(autojump_clock: trio.testing.MockClock) -> None:
    """A caller who stops sending after the request still reads the whole reply; then the connection ends."""
    del autojump_clock
    async with _served() as port, await _connect(port) as stream:
        await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await stream.send_eof()
        answer = await _read_all(stream)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"}")


@pytest.mark.parametrize(("delay_ms", "is_answered"), [(3_000, True), (30_000, False)])
async def test_patience_with_half_closed_callers_has_an_end(
    autojump_clock: trio.testing.MockClock, delay_ms: int, is_answered: bool
) -> None:
    """A reply that takes seconds still reaches a half-closed caller; for one that takes longer nobody works on."""
    del autojump_clock
    async with _served() as port:
        graph = await _created(port, "/api/graphs", GRAPH % delay_ms, b'"id":"')
        execution = await _created(port, f"/api/graphs/{graph}/execute", b"", b'"executionId":"')
        async with await _connect(port) as stream:
            body = b'{"nodeId":"a","port":"in","value":1}'
            began = trio.current_time()
            await stream.send_all(_post(f"/api/executions/{execution}/inject?wait=60000", body))
            await stream.send_eof()
            answer = await _read_all(stream)
            seconds = trio.current_time() - began
        assert answer.startswith(b"HTTP/1.1 200 ") == is_answered
        assert seconds == pytest.approx(3 if is_answered else PATIENCE_SECONDS, abs=1)


async def _created(port: int, path: str, body: bytes, before_id: bytes) -> str:
    async with await _connect(port) as stream:
        await stream.send_all(_post(path, body, "Connection: close\r\n"))
        answer = await _read_all(stream)
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    return answer.partition(before_id)[2].partition(b'"')[0].decode()


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
async def test_a_caller_who_leaves_in_the_middle_leaves_nothing(
    autojump_clock: trio.testing.MockClock, kind: str
) -> None:
    """Half a body and then nothing: the request ends at once, and is no longer in progress."""
    del autojump_clock
    async with _served() as port:
        graph = await _created(port, "/api/graphs", GRAPH % 1, b'"id":"')
        execution = await _created(
            port, f"/api/graphs/{graph}/execute", b'{"completion":"manual"}', b'"executionId":"'
        )
        began = trio.current_time()
        async with await _connect(port) as stream:
            head = (
                f"POST /api/executions/{execution}/inject HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            )
            await stream.send_all(f"{head}Content-Length: 1000\r\n\r\n".encode())
            await stream.send_all(b'{"nodeId":')
            await stream.send_eof()
            assert (await _read_all(stream)).startswith(b"HTTP/1.1 400 ")
        assert trio.current_time() - began < 1
        async with await _connect(port) as stream:
            await stream.send_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"\nsymbia_http_requests_in_progress 1.0\n" in await _read_all(stream)  # this one


def test_a_thousand_idle_connections_keep_nobody_waiting() -> None:
    """With a thousand connections that say nothing the service answers, measures, and ends in good order."""
    assert raise_descriptor_limit() > 1_200, "this machine allows too few open files"
    with start_process({"DRAIN_SECONDS": "1"}) as process:
        port = int(process.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(1_000)]
        try:
            assert httpx.get(f"{process.url}/health").status_code == 200
            page = httpx.get(f"{process.url}/metrics").text
            (files,) = [line for line in page.splitlines() if line.startswith("process_open_fds ")]
            assert float(files.split()[1]) > 1_000
            idle[-1].sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle[-1].recv(12) == b"HTTP/1.1 200"
            status, log = process.end()
            assert (status, "Traceback" in log) == (0, False)
        finally:
            for connection in idle:
                connection.close()


def test_as_many_files_may_be_open_as_the_user_may_have() -> None:
    """The limit is raised to the hard one, within reason, and a second call changes nothing."""
    limit = raise_descriptor_limit()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limit == soft
    assert soft == hard or soft >= ENOUGH
    assert raise_descriptor_limit() == limit


async def test_a_reply_to_half_a_body_says_that_the_connection_ends() -> None:
    """A caller refused before their body has come is told not to send the next request on this connection."""
    async with _served() as port:
        stream = await _connect(port)
        async with stream:
            head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
            await stream.send_all(head + b"Content-Length: 1000\r\n\r\n<a")
            reply = await _read_all(stream)
    assert reply.startswith(b"HTTP/1.1 415")
    assert b"connection: close" in reply.lower()


async def test_a_reply_to_a_whole_body_keeps_the_connection() -> None:
    """A caller refused after their whole body has come goes on with the next request."""
    async with _served() as port:
        stream = await _connect(port)
        async with stream:
            head = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\n"
            await stream.send_all(head + b"Content-Length: 4\r\n\r\n<a/>")
            refused = await stream.receive_some()
            await stream.send_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answered = await _read_all(stream)
    assert refused.startswith(b"HTTP/1.1 415")
    assert b"connection: close" not in refused.lower()
    assert b"HTTP/1.1 200" in answered
