"""Settings of live events, over Socket.IO and plain WebSockets."""

from typing import Annotated, Literal

import msgspec

from service.settings.kinds import Setting, choice, whole_number

SocketAuth = Literal["required", "off"]


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and ways of live clients."""

    socket_auth: Annotated[
        SocketAuth,
        Setting(
            "SOCKET_AUTH",
            choice("required", "off"),
            (
                "off lets everybody in over Socket.IO and /ws, who may then do everything; only for old clients "
                "in a network where nobody else is. Without an identity service or keys nobody is asked in any "
                "case."
            ),
        ),
    ] = "required"
    ping_interval_ms: Annotated[
        int,
        Setting(
            "SOCKETIO_PING_INTERVAL_MS",
            whole_number(1_000, 3_600_000, "milliseconds"),
            "How long after a Socket.IO client's last pong it is pinged.",
        ),
    ] = 25_000
    ping_timeout_ms: Annotated[
        int,
        Setting(
            "SOCKETIO_PING_TIMEOUT_MS",
            whole_number(1_000, 3_600_000, "milliseconds"),
            "How long it may take to answer; then it is gone.",
        ),
    ] = 20_000
    connect_timeout_ms: Annotated[
        int,
        Setting(
            "SOCKETIO_CONNECT_TIMEOUT_MS",
            whole_number(1_000, 3_600_000, "milliseconds"),
            "How long a Socket.IO client may stay without a namespace.",
        ),
    ] = 10_000
    metrics_interval_ms: Annotated[
        int,
        Setting(
            "LIVE_METRICS_INTERVAL_MS",
            whole_number(50, 60_000, "milliseconds"),
            "The least time between two metrics:update events of one execution.",
        ),
    ] = 250
    max_connections: Annotated[
        int,
        Setting(
            "LIVE_MAX_CONNECTIONS",
            whole_number(1, 1_000_000),
            "Clients that may be connected over Socket.IO and /ws at once; one more is refused with status 503.",
        ),
    ] = 10_000
    max_value_bytes: Annotated[
        int,
        Setting(
            "LIVE_MAX_VALUE_BYTES",
            whole_number(0, 10 * 1024 * 1024, "bytes"),
            "The largest value that is shown whole in an event; of a larger one the beginning is.",
        ),
    ] = 1024 * 1024
    max_frame_bytes: Annotated[
        int,
        Setting(
            "LIVE_MAX_FRAME_BYTES",
            whole_number(1_024, 16 * 1024 * 1024, "bytes"),
            "The largest message that a client may send over Socket.IO or /ws; a larger one ends its connection.",
        ),
    ] = 1_000_000
    unread_seconds: Annotated[
        int,
        Setting(
            "LIVE_UNREAD_SECONDS",
            whole_number(1, 3_600, "seconds"),
            "How long a client may leave what was sent to it unread before it is disconnected.",
        ),
    ] = 30
