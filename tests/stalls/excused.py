"""The steps that may be long, each with its reason; any other that is longer than the bound fails its test."""

from tests.stalls.stopwatch import Place

_AT_START = "once, before anything is served"

EXCUSED: dict[Place, str] = {
    ("httpx/_config.py", "create_ssl_context"): _AT_START,
    ("service/app.py", "create_app"): _AT_START,
    ("structlog/dev.py", "RichTracebackFormatter.__call__"): "the log of the tests; the service's is plain",
}
"""Code whose time does not count, wherever it is on the stack."""
