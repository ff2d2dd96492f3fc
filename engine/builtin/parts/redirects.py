"""The headers that follow a redirect: those that say how a message is read, and to another origin no others.

Headers of a node are its author's: `Authorization`, `X-API-Key`, or a name that only its server knows. The author
gave them to one origin (scheme, host and port), and an answer from there may name any other. So a request to
another origin keeps what is on the list below, and loses all else, for good: coming back does not bring it back.

Within its origin everything follows, `Cookie` too, which httpx takes away from every redirect. Cookies that the
answers on the way set go with it, and stand above the author's of the same name; they are forgotten where the
origin changes, because the client's jar knows hosts and no ports, and may give one host's cookies to another.

Methods and bodies follow RFC 9110, section 15.4, as `httpx` does it: 303 becomes GET, and so do 302 for all
methods and 301 for POST, each without its body; HEAD stays HEAD; 307 and 308 repeat the request.
"""

import functools
import ssl
from collections.abc import Iterable
from typing import Any

import httpx

from engine.builtin.parts.repeating import RepeatingTransport

REDIRECT_LIMIT = 5
"""Redirects that one request follows; more are a loop."""

TRACE_HEADER = "x-trace-id"

KEPT_HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "user-agent", TRACE_HEADER),
        *("content-type", "content-length", "transfer-encoding", "host", "connection"),
    }
)
"""The headers that a request to another origin still bears: its kind of message, and its framing."""

_OF_THE_BODY = ("content-type", "content-encoding", "content-language", "content-location")
_BODY_FRAMING = frozenset({b"content-length", b"content-encoding", b"transfer-encoding"})
_LAST = "symbia.last_url"
_COOKIE = "symbia.cookie"

Origin = tuple[str, str, int | None]


@functools.cache
def trusted_authorities() -> ssl.SSLContext:
    """Return the context for TLS; read once, in tens of milliseconds: a service does it before it serves."""
    return httpx.create_ssl_context()


def origin(url: httpx.URL) -> Origin:
    """Scheme, host and port, with the port that the scheme stands for where none is given."""
    return (url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme))


async def strip_redirected(jar: httpx.Cookies, request: httpx.Request) -> None:
    """Take away what must not follow a redirect: a hook for each request of a client.

    Args:
        jar: the client's, with what the answers so far have set.
        request: as the client would send it.
    """
    last = request.extensions.get(_LAST)
    request.extensions[_LAST] = request.url  # the client hands extensions on to the next hop
    if last is None:
        request.extensions[_COOKIE] = request.headers.get("cookie", "")
        return
    if origin(last) != origin(request.url):
        jar.clear()
        request.extensions[_COOKIE] = ""
        for name in set(request.headers) - KEPT_HEADERS:
            del request.headers[name]
    elif request.extensions[_COOKIE]:
        request.headers["cookie"] = _joined(request.headers.get("cookie", ""), request.extensions[_COOKIE])
    if "content-length" not in request.headers and "transfer-encoding" not in request.headers:
        for name in _OF_THE_BODY:
            request.headers.pop(name, None)


def _joined(newer: str, older: str) -> str:
    """Join two headers `Cookie`: each name of the newer one has its newer value only."""
    names = {pair.partition("=")[0].strip() for pair in newer.split(";")}
    kept = [pair.strip() for pair in older.split(";") if pair.partition("=")[0].strip() not in names]
    return "; ".join(filter(None, (newer, *kept)))


def without_body(status: int, headers: Iterable[tuple[bytes, bytes]], extensions: Any) -> httpx.Response:
    """Return a redirect as the client needs it: a body would be read and inflated, only to be thrown away."""
    kept = [(name, value) for name, value in headers if name.lower() not in _BODY_FRAMING]
    return httpx.Response(status, headers=kept, extensions=extensions)


class BodilessRedirects(RepeatingTransport):
    """The usual transport, whose redirects have no body."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        answer = await super().handle_async_request(request)
        if not answer.has_redirect_location:
            return answer
        await answer.aclose()
        return without_body(answer.status_code, answer.headers.raw, answer.extensions)


def open_following(transport: httpx.AsyncBaseTransport, **options: Any) -> httpx.AsyncClient:
    """Open a client that follows redirects by these rules, and reads nothing of the environment.

    The environment's proxies and passwords (netrc) are the host's, not the graph's.
    """
    client = httpx.AsyncClient(
        transport=transport, follow_redirects=True, max_redirects=REDIRECT_LIMIT, trust_env=False, **options
    )
    client.event_hooks = {"request": [functools.partial(strip_redirected, client.cookies)]}
    return client
