"""The choice of requests that are answered at once, judged by their heads. Pure.

The judgement errs on one side only: what is not sure to be plain is left to the framework. So no page of a browser
(``Origin``, ``Cookie``), no stream, no encoded path and no query but a short ``wait`` is looked at here.
"""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec
from hypercorn.typing import HTTPScope

from service.asgi.half_close import PATIENCE_SECONDS

Kind = Literal["inject", "ingress", "health", "live", "ready"]

RULES: dict[Kind, str] = {
    "inject": "/api/executions/<execution_id>/inject",
    "ingress": "/api/ingress/<path:graph_name>",
}
"""The patterns of the routes that have a name in them, as the framework has them."""

MAX_WAIT_MS = int(PATIENCE_SECONDS * 1000)
"""The longest wait of a request that is answered at once: meanwhile nobody notices that its caller goes away,
but for so long nobody would in the ordinary way either."""

_INJECT = re.compile(rb"/api/executions/([A-Za-z0-9_-]{1,100})/inject")
_INGRESS = re.compile(rb"/api/ingress/([A-Za-z0-9_-][A-Za-z0-9_.-]{0,199})")
_PROBES: dict[bytes, Kind] = {b"/health": "health", b"/health/live": "live", b"/health/ready": "ready"}
_HEALTH = {prefix + path: kind for prefix in (b"", b"/api") for path, kind in _PROBES.items()}
_WAIT = re.compile(rb"wait=([0-9]{1,4})")
_UNUSUAL_HEADERS = frozenset({b"origin", b"cookie", b"transfer-encoding", b"content-encoding"})

_UNUSUAL = -1
"""The stand-in for a number: there is something about this part of the head that is left to the framework."""

_UNSAID = -2
"""The stand-in for a wait: the caller does not say how long, and the route has its own way with that."""


class FastRequest(msgspec.Struct, frozen=True):
    """A request that is answered at once.

    Attributes:
        kind: the kind of request.
        rule: the pattern of its route.
        name: of the execution or graph; empty where the route has none.
        wait_ms: for which the caller asks; None where they do not say.
    """

    kind: Kind
    rule: str
    name: str = ""
    wait_ms: int | None = None


def recognise(scope: HTTPScope, max_body_bytes: int) -> FastRequest | None:
    """Recognise the request that a head announces, if it is one of these.

    Args:
        scope: of the request.
        max_body_bytes: that a body may have.
    """
    method = scope["method"]
    if method == "POST":
        return _delivery(scope, max_body_bytes)
    if method == "GET" and not scope["query_string"]:
        kind = _HEALTH.get(scope["raw_path"])
        if kind is not None and _body_bytes(scope["headers"]) == 0:
            return FastRequest(kind, scope["path"])
    return None


def _delivery(scope: HTTPScope, max_body_bytes: int) -> FastRequest | None:
    kind: Kind = "inject"
    place = _INJECT.fullmatch(scope["raw_path"])
    if place is None:
        kind, place = "ingress", _INGRESS.fullmatch(scope["raw_path"])
    wait_ms = _wait_ms(scope["query_string"])
    if place is None or wait_ms == _UNUSUAL:
        return None
    length = _body_bytes(scope["headers"])
    if length == _UNUSUAL or length > max_body_bytes:
        return None
    return FastRequest(kind, RULES[kind], place[1].decode(), None if wait_ms == _UNSAID else wait_ms)


def _wait_ms(query: bytes) -> int:
    """Return the wait that a query asks for, ``_UNSAID`` without a query, ``_UNUSUAL`` for any other query."""
    if not query:
        return _UNSAID
    wait = _WAIT.fullmatch(query)
    return int(wait[1]) if wait is not None and int(wait[1]) <= MAX_WAIT_MS else _UNUSUAL


def _body_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Return the length of the body, ``_UNUSUAL`` where a header is."""
    length = 0
    for name, value in headers:
        if name in _UNUSUAL_HEADERS:
            return _UNUSUAL
        if name == b"content-length":
            if not value.isdigit():
                return _UNUSUAL
            length = int(value)
        elif name == b"content-type" and value.partition(b";")[0].strip().lower() != b"application/json":
            return _UNUSUAL
    return length
