"""Requests that are sent again where the server closed the connection under them.

A connection is kept open for the next request, and its server may close it at any moment: also in the one in which
that request is on its way. Then no answer comes, and nobody knows whether the request was read. What may be done
twice is sent again (RFC 9110, section 9.2.2), as often as there may be such connections, and at last on a new one.
What fails on a new connection is a failure: it says something of the server, and not of the moment.

Requests that may be done twice are those whose method says so, those with a key by which their server knows them
again, and those of which our own code says so. Their bodies must be there to be sent twice, as bytes are.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import httpcore  # noqa: F401  httpx would bring it in with the first client, and hold the loop
import httpx

IDLE_LIMIT = 20
"""Connections that one client keeps open at the most: so often may one request meet a closed one."""

IDLE_SECONDS = 4.0
"""The time for which a connection is kept open without a request. Node.js and others close theirs after five
seconds: whoever waits as long meets them in that very moment."""

REPEATABLE = "symbia.repeatable"
"""The extension of a request that says, instead of its headers, whether it may be done twice; its method can allow
that, too."""

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
KEYS = ("idempotency-key", "x-idempotency-key")
_OPENING = "connection.connect_tcp.started"

Send = Callable[[httpx.Request], Awaitable[httpx.Response]]
"""Sends a request once; what it raises is httpx's."""


async def send_repeating(send: Send, request: httpx.Request) -> httpx.Response:
    """Send a request, and again while it meets connections that are closed just then.

    Raises:
        httpx.TransportError: as ``send``.
    """
    if not _may_repeat(request):
        return await send(request)
    opened = False

    async def note(event: str, info: Any) -> None:
        del info
        nonlocal opened
        opened = opened or event == _OPENING

    request.extensions["trace"] = note  # httpcore tells by this what it does, and by nothing else what it has done
    for _ in range(IDLE_LIMIT):
        try:
            return await send(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            if opened:
                raise
    return await send(request)


def _may_repeat(request: httpx.Request) -> bool:
    if request.method in _IDEMPOTENT:
        return True
    said = request.extensions.get(REPEATABLE)
    return any(key in request.headers for key in KEYS) if said is None else bool(said)


class RepeatingTransport(httpx.AsyncHTTPTransport):
    """The usual transport, which sends again what met a closed connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        return await send_repeating(super().handle_async_request, request)
