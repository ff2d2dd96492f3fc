"""Whatever is sent at full rate, small pieces above all, is read in small steps, in turns with everybody else.

Each flood comes by several connections at once to a real service, while somebody else asks for its health. The
whole suite fails on a step that holds the event loop; here it is also counted how much work lies between a
question and its answer, in processor time, which a busy machine does not change.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio

from tests.service.serving import Service, open_service, single

HOST = b"Host: localhost\r\n"
CONNECTIONS = 4
ANSWER_CPU_MS = 50
"""Of everybody's work that may lie between the question for health and its answer, half of the time."""

JSON_LINES = b"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = b"POST /api/graphs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
LINE = b'{"nodeId":"only","port":"in","value":1}\n'


def get(target: bytes, *headers: bytes) -> bytes:
    """A request without a body."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + lines + b"\r\n"


FLOODS: dict[str, tuple[bytes, bytes]] = {
    "chunks of one byte": (CHUNKED, b"1\r\na\r\n"),
    "chunks of one byte with extensions": (CHUNKED, b"1;a=b;c=d\r\na\r\n"),
    "chunks of one blank line": (b"POST {inject} HTTP/1.1\r\n" + HOST + JSON_LINES, b"1\r\n\n\r\n"),
    "lines in chunks": (b"POST {inject} HTTP/1.1\r\n" + HOST + JSON_LINES, b"28\r\n" + LINE + b"\r\n"),
    "blank lines": (b"POST {inject} HTTP/1.1\r\n" + HOST + JSON_LINES, b"2710\r\n" + b"\n" * 10_000 + b"\r\n"),
    "questions for health": (b"", get(b"/health")),
    "questions for nothing": (b"", get(b"/nothing")),
    "questions for everything": (b"", get(b"/metrics")),
    "many headers": (b"", get(b"/health", *[b"a: b"] * 98)),
    "long headers": (b"", get(b"/api/graphs", *[b"a: " + b"b" * 140] * 98)),
    "many parameters": (b"", get(b"/api/graphs?" + b"&".join([b"a"] * 8000))),
    "escaped parameters": (b"", get(b"/api/graphs?limit=" + b"%41" * 5000)),
    "many cookies": (b"", get(b"/api/graphs", b"Cookie: " + b"a=b;" * 3900)),
    "quoted cookies": (b"", get(b"/api/graphs", b'Cookie: a="' + b"\\101" * 3900)),
    "long paths": (b"", get(b"/a" * 7900)),
    "escaped paths": (b"", get(b"/" + b"%ff" * 5000)),
    "many types": (b"", get(b"/docs", b"Accept: " + b"a/b;q=0.1," * 1500)),
    "what is to be continued": (
        b"",
        b"POST /api/graphs HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    ),
    "many parts of a form": (
        b"POST /api/graphs HTTP/1.1\r\n" + HOST + b"Content-Length: 10000000\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\n\r\n",
        b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n",
    ),
}


@asynccontextmanager
async def flooded(service: Service, first: bytes, again: bytes) -> AsyncIterator[None]:
    """Several connections that send without end, and read what comes; a closed one is opened again."""
    port = int(service.url.rpartition(":")[2])
    piece = again * max(1, 30_000 // len(again))

    async def read(stream: trio.SocketStream) -> None:
        async for _ in stream:
            pass

    async def flood() -> None:
        while True:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as reading:
                reading.start_soon(read, stream)
                try:
                    await stream.send_all(first)
                    while True:
                        await stream.send_all(piece)
                        sent.append(len(piece))
                except trio.BrokenResourceError:
                    sent.append(len(piece))
                    reading.cancel_scope.cancel()

    sent: list[int] = []
    async with trio.open_nursery() as nursery:
        for _ in range(CONNECTIONS):
            nursery.start_soon(flood)
        yield
        assert len(sent) >= CONNECTIONS
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_read_in_turns(name: str) -> None:
    """Somebody else is answered all the while, and it is their request that takes the time, and not the flood."""
    first, again = FLOODS[name]
    async with open_service() as service:
        execution = await service.start(single("symbia.core.passthrough"), completion="manual")
        first = first.replace(b"{inject}", f"/api/executions/{execution}/inject".encode())
        durations = []
        async with flooded(service, first, again), httpx.AsyncClient(base_url=service.url, timeout=30) as client:
            for _ in range(20):
                began = time.thread_time()
                assert (await client.get("/health/live")).status_code == 200
                durations.append(time.thread_time() - began)
    assert sorted(durations)[10] * 1000 < ANSWER_CPU_MS, durations
