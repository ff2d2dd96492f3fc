"""Settings of live events, over Socket.IO and plain WebSockets.

A part of the one table in ``service.settings.table``, apart for its length.
"""

from typing import Literal

from service.settings.kinds import Kind, choice, whole_number
from service.settings.telemetry import TelemetrySettings

SocketAuth = Literal["required", "off"]


class LiveSettings(TelemetrySettings, frozen=True, kw_only=True):
    """How live clients are served. ``LIVE_ROWS`` says what each field means."""

    socket_auth: SocketAuth = "required"
    live_metrics_interval_ms: int = 250
    live_max_connections: int = 10_000
    live_max_value_bytes: int = 1024 * 1024
    live_max_frame_bytes: int = 1_000_000
    live_unread_seconds: int = 30
    socketio_ping_interval_ms: int = 25_000
    socketio_ping_timeout_ms: int = 20_000
    socketio_connect_timeout_ms: int = 10_000


LIVE_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "socket_auth",
        ("SOCKET_AUTH",),
        choice("required", "off"),
        (
            "off lets everybody in over Socket.IO and /ws, who may then do everything; only for old clients in a "
            "network where nobody else is. Without an identity service or keys nobody is asked in any case."
        ),
    ),
    (
        "socketio_ping_interval_ms",
        ("SOCKETIO_PING_INTERVAL_MS",),
        whole_number(1_000, 3_600_000, "milliseconds"),
        "How long after a Socket.IO client's last pong it is pinged.",
    ),
    (
        "socketio_ping_timeout_ms",
        ("SOCKETIO_PING_TIMEOUT_MS",),
        whole_number(1_000, 3_600_000, "milliseconds"),
        "How long it may take to answer; then it is gone.",
    ),
    (
        "socketio_connect_timeout_ms",
        ("SOCKETIO_CONNECT_TIMEOUT_MS",),
        whole_number(1_000, 3_600_000, "milliseconds"),
        "How long a Socket.IO client may stay without a namespace.",
    ),
    (
        "live_metrics_interval_ms",
        ("LIVE_METRICS_INTERVAL_MS",),
        whole_number(50, 60_000, "milliseconds"),
        "The least time between two metrics:update events of one execution.",
    ),
    (
        "live_max_connections",
        ("LIVE_MAX_CONNECTIONS",),
        whole_number(1, 1_000_000),
        "Clients that may be connected over Socket.IO and /ws at once; one more is refused with status 503.",
    ),
    (
        "live_max_value_bytes",
        ("LIVE_MAX_VALUE_BYTES",),
        whole_number(0, 10 * 1024 * 1024, "bytes"),
        "The largest value that is shown whole in an event; of a larger one the beginning is.",
    ),
    (
        "live_max_frame_bytes",
        ("LIVE_MAX_FRAME_BYTES",),
        whole_number(1_024, 16 * 1024 * 1024, "bytes"),
        "The largest message that a client may send over Socket.IO or /ws; a larger one ends its connection.",
    ),
    (
        "live_unread_seconds",
        ("LIVE_UNREAD_SECONDS",),
        whole_number(1, 3_600, "seconds"),
        "How long a client may leave what was sent to it unread before it is disconnected.",
    ),
)
