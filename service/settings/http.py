"""Settings of HTTP's connections and requests."""

from typing import Annotated

import msgspec

from service.settings.kinds import Setting, whole_number


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of connections and requests."""

    max_connections: Annotated[
        int,
        Setting(
            "MAX_CONNECTIONS",
            whole_number(0, 1_000_000, "connections, 0 for no limit"),
            (
                "Connections that may be open. Beyond it the one that has waited longest for a request is closed, "
                "and where none waits the new one is refused with status 503."
            ),
        ),
    ] = 5_000
    max_body_bytes: Annotated[
        int,
        Setting(
            "MAX_BODY_BYTES",
            whole_number(1024, 1024**3, "bytes"),
            "The largest request body; a larger one is refused with status 413.",
        ),
    ] = 12 * 1024 * 1024
    request_timeout_seconds: Annotated[
        float,
        Setting(
            "REQUEST_TIMEOUT_SECONDS",
            whole_number(0, 86_400, "seconds, 0 for no limit"),
            (
                "How long a request may take until its reply begins; then status 503. The time of a streamed body "
                "is not counted."
            ),
        ),
    ] = 120
