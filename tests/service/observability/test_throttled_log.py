"""What happens over and over: what of it stands in the log."""

import pytest
import structlog
import trio

from service.observability.throttled_log import QUIET_SECONDS, ThrottledLog
from service.socketio.config import FAILURE_SECONDS
from service.socketio.namespace import Namespace

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_one_failure_a_second_is_logged() -> None:
    """Of a namespace's handlers, with its traceback; the next line says how many were left out since the last."""
    failures = Namespace("/").failures
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            for _ in range(100):
                failures.error("handler failed", ValueError("x"), handler="x")
            await trio.sleep(FAILURE_SECONDS)
    assert [line.get("left_out") for line in lines] == [None, 99, 99]
    assert all(line["exc_info"] and line["log_level"] == "error" for line in lines)


async def test_a_warning_counts_what_has_happened_since_the_last() -> None:
    """The first comes at once, itself alone; each later one counts itself, and those that no line told of."""
    complaints = ThrottledLog(structlog.get_logger("network"))
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            for _ in range(100):
                complaints.warning("event refused", reason="why")
            await trio.sleep(QUIET_SECONDS)
    assert [(line["times"], line["reason"], line["log_level"]) for line in lines] == [
        (1, "why", "warning"),
        (100, "why", "warning"),
        (100, "why", "warning"),
    ]
