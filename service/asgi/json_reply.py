"""JSON replies of those who answer below the framework: the layers, the fast path, and live connections."""

from collections.abc import Iterable

from hypercorn.typing import ASGISendCallable

from proto.codec import encode
from service.problems import error_reply

Headers = Iterable[tuple[bytes, bytes]]


def json_headers(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers that say that a body is JSON, and how many bytes it has."""
    return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]


def encoded_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Return headers as ASGI has them: names in lower case, both as bytes."""
    return [(name.lower().encode(), value.encode()) for name, value in headers]


async def send_json(send: ASGISendCallable, status: int, body: object, headers: Headers = ()) -> None:
    """Answer a request in JSON.

    Args:
        send: of the request.
        status: of the reply.
        body: made of structs, builtins and ``msgspec.Raw``.
        headers: beside those of the body.
    """
    content = encode(body)
    all_headers = [*headers, *json_headers(content)]
    await send({"type": "http.response.start", "status": status, "headers": all_headers, "trailers": False})
    await send({"type": "http.response.body", "body": content, "more_body": False})


async def send_refusal(send: ASGISendCallable, error: BaseException) -> None:
    """Answer a request with what an error is to its caller."""
    refusal = error_reply(error)
    await send_json(send, int(refusal.status), refusal.body, encoded_headers(refusal.headers.items()))


async def refuse_websocket(send: ASGISendCallable, error: BaseException) -> None:
    """Answer the request for a WebSocket as other requests are answered; no connection comes of it."""
    refusal = error_reply(error)
    content = encode(refusal.body)
    headers = [
        *encoded_headers(refusal.headers.items()),
        *json_headers(content),
        (b"connection", b"close"),  # the server keeps no connection on which a WebSocket was refused
    ]
    await send({"type": "websocket.http.response.start", "status": int(refusal.status), "headers": headers})
    await send({"type": "websocket.http.response.body", "body": content, "more_body": False})
