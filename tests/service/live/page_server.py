"""A web page for a browser under test, on a port and so of an origin of its own, and what the page reports."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import msgspec
import trio


class PageServer(msgspec.Struct):
    """Serves files by their paths; ``wait_report`` returns what a page has posted to ``/report``."""

    files: Mapping[str, tuple[str, bytes]]
    url: str = ""
    report: bytes = b""
    reported: trio.Event = msgspec.field(default_factory=trio.Event)

    async def wait_report(self) -> str:
        """The first report."""
        await self.reported.wait()
        return self.report.decode()


@asynccontextmanager
async def serving_page(files: Mapping[str, tuple[str, bytes]]) -> AsyncIterator[PageServer]:
    """A server of files, given as content types and contents by path."""
    async with trio.open_nursery() as nursery:
        server = PageServer(files)
        listeners = await nursery.start(partial(trio.serve_tcp, partial(_talk, server), 0, host="127.0.0.1"))
        server.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel()


async def _talk(server: PageServer, stream: trio.SocketStream) -> None:
    """One request, one answer."""
    received = b""
    try:
        while b"\r\n\r\n" not in received:
            data = await stream.receive_some()
            if not data:
                return
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        method, path, *_ = head.decode("latin-1").split(" ")
        if method == "POST":
            headers = head.decode("latin-1").lower().split("\r\n")
            (length,) = (int(line.split(":")[1]) for line in headers if line.startswith("content-length"))
            while len(body) < length:
                body += await stream.receive_some()
            server.report = server.report or body
            server.reported.set()
        kind, content = server.files.get(path, ("text/plain", b""))
        answer = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\nConnection: close"
        await stream.send_all(answer.encode() + b"\r\n\r\n" + content)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return  # browsers open connections that they do not need
