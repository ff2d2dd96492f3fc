"""The ways of a Socket.IO server, and the bounds of what its clients may use."""

from collections.abc import Callable

import msgspec

KIB = 1024

MAX_WAITING_EVENTS = 100
"""Events that a socket has received and whose turn has not come; beyond, its client's connection is not read."""

MAX_ROOMS_PER_SOCKET = 1_000
"""Rooms are made by handlers, often of names that clients choose."""

MAX_PENDING_ACKS = 1_000
"""Events of one socket whose acknowledgement is awaited."""

STALLED_SECONDS = 60.0
"""The time for which handlers may leave a connection unread. Its pings lie unread too, so nobody knows whether
it lives."""

LAST_EVENTS_SECONDS = 10.0
"""The time for which the handlers of a disconnected socket may still work on what had come before."""

LINGER_SECONDS = 5.0
"""The wait of a session that the server ends, until its client has fetched what waits for it."""

CLOSING_HANDSHAKE_SECONDS = 1.0
"""The wait of a closed WebSocket for the client's half of the closing handshake; what else comes is dropped."""

FAILURE_SECONDS = 1.0
"""The time after a logged failure of a handler in which further ones of its namespace are only counted."""

BODY_SECONDS = 60.0
"""The time in which the body of a POST must come."""


def anybody(origin: str) -> bool:  # noqa: ARG001  it is one of several rules
    """Admit the pages of every origin."""
    return True


class SocketioConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a server; the defaults are those of the reference server where it has them."""

    path: str = "/socket.io"
    """The path that is served, with and without a slash at its end."""

    ping_interval_ms: int = 25_000
    """Milliseconds from one sign of life of the client's to the next ping."""

    ping_timeout_ms: int = 20_000
    """Milliseconds in which the client has to answer it."""

    connect_timeout_ms: int = 45_000
    """Milliseconds in which a client has to connect to a namespace."""

    upgrade_timeout_ms: int = 10_000
    """Milliseconds in which an upgrade from polling has to be complete."""

    max_payload_bytes: int = 1_000_000
    """The largest message from a client, or body of a POST; larger ones end the session."""

    max_unadmitted_bytes: int = 16 * KIB
    """The same of a client that no namespace has let in yet, its attachments included: it sends a credential."""

    max_decoded_bytes: int = 1_000_000
    """JSON text of a packet that is decoded into values. Each costs 100 ns and 80 bytes, and may take one byte."""

    max_attachments_bytes: int = 4_000_000
    """Binary attachments of one packet from a client, all together."""

    buffer_bytes: int = 1024 * KIB
    """Bytes that wait for one client; from there on ``emit`` waits, and ``emit_nowait`` gives up."""

    slow_client_seconds: float = 20
    """The time for which a client on WebSocket may leave a message unread until it is disconnected."""

    max_sessions: int = 10_000
    """Clients at once; one more is refused with status 503."""

    max_sessions_per_address: int = 5_000
    """Clients at once from one address, which may be that of a proxy."""

    max_unadmitted_sessions: int = 1_000
    """Sessions that no namespace has let in yet; one more ends the one of them that has taken longest."""

    closing_seconds: float = 2
    """The time in which clients may fetch what waits for them when the server ends, and then handlers end."""

    admit_origin: Callable[[str], bool] = anybody
    """Returns whether pages of an origin may connect; the server's own origin always may."""
