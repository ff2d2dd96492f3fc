"""The ASGI side of HTTP: answers, bodies, and which pages may read them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from proto.codec import encode
from service.addresses.origins import is_same
from service.socketio.config import BODY_SECONDS, SocketioConfig
from service.socketio.errors import SessionRefusedError

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Any], Awaitable[None]]

TEXT = b"text/plain; charset=UTF-8"
JSON = b"application/json"
PREFLIGHT_SECONDS = 86_400


class BodyTooLargeError(Exception):
    """A body is larger than a payload may be."""


class CallerGoneError(Exception):
    """The caller has left, or was too slow, before their request was whole."""


def header(scope: Scope, name: bytes) -> str:
    """Return a header of a request; "" where it has none."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


def origin_admitted(scope: Scope, config: SocketioConfig) -> bool:
    """Return whether the page that a request comes from may connect. Programs that are no pages name none."""
    origin = header(scope, b"origin")
    scheme = "https" if scope["scheme"] in {"wss", "https"} else "http"
    return not origin or config.admit_origin(origin) or is_same(origin, scheme, header(scope, b"host"))


def cors_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that let an admitted page read the answer (Fetch standard, "CORS protocol")."""
    origin = header(scope, b"origin")
    if not origin:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
    ]


def preflight_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the headers that let the page send what it asks for."""
    asked = header(scope, b"access-control-request-headers")
    return [
        *cors_headers(scope),
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", (asked or "Content-Type").encode("latin-1")),
        (b"access-control-max-age", b"%d" % PREFLIGHT_SECONDS),
    ]


async def answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], content_type: bytes = TEXT
) -> None:
    """Answer a request. A caller who has begun to leave gets it whole, too."""
    with trio.CancelScope(shield=True):
        await send(_start(status, body, headers, content_type))
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def refuse_websocket(send: Send, refusal: SessionRefusedError) -> None:
    """Answer a request for a WebSocket with plain HTTP, which the client meets as a failed handshake."""
    body = refusal_body(refusal)
    start = _start(refusal.status, body, [(b"connection", b"close")], JSON)  # Hypercorn does, and does not say so
    await send({**start, "type": "websocket.http.response.start"})
    await send({"type": "websocket.http.response.body", "body": body, "more_body": False})


def refusal_body(refusal: SessionRefusedError) -> bytes:
    """Return the body that the reference server's clients expect of a refusal."""
    return encode({"code": refusal.code, "message": refusal.message})


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """Read the whole body of a request.

    Raises:
        BodyTooLargeError: it is larger than the limit.
        CallerGoneError: it does not come whole, or not in time.
    """
    parts: list[bytes] = []
    size = 0
    with trio.move_on_after(BODY_SECONDS):
        while True:
            event = await receive()
            if event["type"] != "http.request":
                raise CallerGoneError
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > limit_bytes:
                raise BodyTooLargeError
            if not event.get("more_body", False):
                return b"".join(parts)
    raise CallerGoneError


def _start(status: int, body: bytes, headers: list[tuple[bytes, bytes]], content_type: bytes) -> dict[str, Any]:
    fixed = [
        (b"content-type", content_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"vary", b"Origin"),
        (b"x-content-type-options", b"nosniff"),
    ]
    return {"type": "http.response.start", "status": status, "headers": [*fixed, *headers]}
