"""The seam between the HTTP layer and whoever tells others of requests: telemetry, and the relay to the Network.

Observers are called in the midst of every request. They take note and return at once, never wait and never raise.
"""

import re
from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

Origin = Literal["internal", "user", "agent", "unknown"]

_ORIGINS: dict[bytes, Origin] = {b"internal": "internal", b"user": "user", b"agent": "agent"}
_CALLER = re.compile(rb"[A-Za-z0-9_.:/@-]{1,100}")
_PARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-([0-9a-f]{16})-[0-9a-f]{2}.*")
_AGENT_CHARACTERS = 200
"""Characters of a User-Agent that is told on; browsers need about that."""

_PATH_CHARACTERS = 500
"""Characters of a path that is told on; our own are shorter, and others are noise."""


class SeenRequest(msgspec.Struct, frozen=True):
    """A request whose head has come. Neither its query nor its body are told on: they are the caller's own.

    Attributes:
        method: as the caller wrote it.
        path: without the query.
        trace_id: of the request.
        began_ms: milliseconds since 1970.
        client: address of whoever is connected; empty where that is not known.
        user_agent: as the caller says; empty where they do not.
        caller: the service that calls, as it says (``x-symbia-caller``); empty where it does not.
        origin: the reason why it calls, as it says (``x-symbia-origin``).
        parent_span_id: the caller's span, where it sends a ``traceparent``.
    """

    method: str
    path: str
    trace_id: str
    began_ms: int
    client: str = ""
    user_agent: str = ""
    caller: str = ""
    origin: Origin = "unknown"
    parent_span_id: str = ""


class SeenReply(msgspec.Struct, frozen=True):
    """The end of a request.

    Attributes:
        status: of the reply; 0 where the caller went away before it.
        route: the pattern that fitted, such as ``/api/graphs/<graph_id>``.
        seconds: from the end of the request's head to the end of the reply.
        size_bytes: of the reply's body.
    """

    status: int
    route: str
    seconds: float
    size_bytes: int


class RequestObserver(Protocol):
    """An observer of requests, told of each one twice."""

    def began(self, request: SeenRequest) -> None:
        """Hear that the head of a request has come."""

    def ended(self, request: SeenRequest, reply: SeenReply) -> None:
        """Hear that the reply has been sent, or the caller has gone."""


def see_request(
    method: str,
    path: str,
    headers: Iterable[tuple[bytes, bytes]],
    *,
    client: str,
    trace_id: str,
    began_ms: int,
) -> SeenRequest:
    """Return the request as observers see it.

    Args:
        method: as the caller wrote it.
        path: without the query.
        headers: names in lower case; the first of a name counts.
        client: address of whoever is connected.
        trace_id: of the request.
        began_ms: milliseconds since 1970.
    """
    said: dict[bytes, bytes] = {}
    for name, value in headers:
        said.setdefault(name, value)
    caller = said.get(b"x-symbia-caller", b"")
    parent = _PARENT.fullmatch(said.get(b"traceparent", b""))
    return SeenRequest(
        method=method[:20],
        path=path[:_PATH_CHARACTERS],
        trace_id=trace_id,
        began_ms=began_ms,
        client=client,
        user_agent=said.get(b"user-agent", b"").decode("latin-1")[:_AGENT_CHARACTERS],
        caller=caller.decode() if _CALLER.fullmatch(caller) else "",
        origin=_ORIGINS.get(said.get(b"x-symbia-origin", b"").lower(), "unknown"),
        parent_span_id=parent[1].decode() if parent else "",
    )


def is_probe(path: str) -> bool:
    """Return whether a path is one that machines ask for every few seconds, so that it is not reported."""
    return path == "/favicon.ico" or path.removeprefix("/api").startswith("/health")
