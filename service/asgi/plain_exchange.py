"""The answering of a request that was read at a glance: its scope, the application, and the bytes of the reply.

Between the socket and the application there is nothing here but this: no events of a protocol, no queue, no state
machine on either side, because a request that has come whole is answered whole, and then the next one may come.
"""

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import unquote

import structlog
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.task_group import _handle
from hypercorn.typing import ASGISendEvent, HTTPScope

from service.asgi.plain_request import PlainRequest
from service.asgi.request_tasks import WHOLE_BODY, no_threads, nothing_more

_FAILED = [(b"content-length", b"0"), (b"connection", b"close")]
_BODILESS = frozenset({204, 304})

log = structlog.get_logger("service")

Headers = Iterable[tuple[bytes, bytes]]


def scope_of(request: PlainRequest, protocol: H11Protocol) -> HTTPScope:
    """Return the scope of a request, as Hypercorn makes it."""
    path, _, query = request.target.partition(b"?")
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": request.method.decode("ascii"),
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": protocol.config.root_path,
        "headers": request.headers,
        "client": protocol.client,
        "server": protocol.server,
        "state": protocol.connection_state.copy(),
        "extensions": {},
        WHOLE_BODY: request.body,
    }
    return cast("HTTPScope", scope)


async def reply_to(scope: HTTPScope, protocol: H11Protocol) -> tuple[bytes, bool]:
    """Let the application answer a request; return the reply, and whether the connection ends with it."""
    reply = _Reply()
    await _handle(protocol.app, protocol.config, scope, nothing_more, reply.send, no_threads, no_threads)
    return reply.written(protocol.config.response_headers("h11"))


class _Reply:
    """A reply, gathered until the application has ended."""

    def __init__(self) -> None:
        self._status = 0
        self._headers: Headers = ()
        self._body = b""
        self._is_whole = False

    async def send(self, event: ASGISendEvent | None) -> None:
        """Take in what the application sends."""
        if event is None or self._is_whole:
            return
        if event["type"] == "http.response.start":
            self._status, self._headers = event["status"], event["headers"]
        elif event["type"] == "http.response.body" and self._status:
            self._body += event["body"]
            self._is_whole = not event.get("more_body", False)

    def written(self, marks: Headers) -> tuple[bytes, bool]:
        """Return the reply as bytes, ``marks`` behind its own headers, and whether the connection ends with it.

        An application that failed before its reply was whole is a 500 without a body, as with Hypercorn.
        """
        body = self._body
        headers = [*self._headers, *marks]
        names = {name for name, _ in headers}
        if self._status in _BODILESS:
            body = b""
        elif b"content-length" not in names:
            headers.append((b"content-length", b"%d" % len(body)))
        head = _bytes_of(self._status, headers) if self._is_whole else None
        if head is not None:
            return head + body, b"connection" in names
        if self._is_whole:
            log.error("a reply is not sent: a header has the end of a line in it", headers=repr(headers))
        return _bytes_of(500, [*_FAILED, *marks]) or b"", True


def _bytes_of(status: int, headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """Return the head of a reply; None where a header has a line in it that would be another header."""
    head = b"HTTP/1.1 %d \r\n%b\r\n" % (status, b"".join([b"%b: %b\r\n" % header for header in headers]))
    lines = len(headers) + 2
    return head if head.count(b"\r") == lines and head.count(b"\n") == lines else None
