"""What is known of a sibling as it comes and goes."""

import pytest
import structlog
import trio
import trio.testing

from engine.wall_clock import WallClock
from service.siblings.status import REASON_CHARACTERS, Siblings


class _Noon:
    """A wall clock that starts at noon and goes with Trio's."""

    def __init__(self) -> None:
        self._began = trio.current_time()

    def __call__(self) -> float:
        return 1_772_366_400 + trio.current_time() - self._began


async def test_a_sibling_is_unknown_then_up_then_down_then_up(autojump_clock: trio.testing.MockClock) -> None:
    """The report says since when, why, and when it is tried again; what went wrong last is kept."""
    del autojump_clock
    status = Siblings(WallClock(_Noon())).add("catalog")
    assert (status.report().state, status.report().attempts, status.is_up) == ("unknown", 0, False)
    await trio.sleep(1)
    status.succeeded()
    assert (status.report().state, status.report().since) == ("up", "2026-03-01T12:00:01.000Z")
    await trio.sleep(1)
    status.failed("no answer", retry_in_seconds=1.5)
    await trio.sleep(1.5)
    status.failed("status 500", retry_in_seconds=3)
    down = status.report()
    assert (down.state, down.since, down.next_try_at) == (
        "down",
        "2026-03-01T12:00:02.000Z",
        "2026-03-01T12:00:06.500Z",
    )
    assert (down.attempts, down.failures, down.failures_in_row, down.last_error) == (3, 2, 2, "status 500")
    status.succeeded()
    up = status.report()
    assert (up.state, up.since, up.next_try_at) == ("up", "2026-03-01T12:00:03.500Z", "")
    assert (up.failures, up.failures_in_row, up.last_error) == (2, 0, "status 500")


async def test_a_reason_is_kept_within_bounds() -> None:
    """A sibling that answers with a book fills no memory."""
    status = Siblings().add("catalog")
    status.failed("x" * 100_000)
    assert (len(status.report().last_error), status.report().next_try_at) == (REASON_CHARACTERS, "")


async def test_only_changes_are_told() -> None:
    """A sibling that is down for long is told of once, not with every attempt."""
    with structlog.testing.capture_logs() as lines:
        status = Siblings().add("network")
        for _ in range(5):
            status.failed("gone")
        status.succeeded()
        status.succeeded()
    told = [(line["log_level"], line["event"]) for line in lines if line["log_level"] != "debug"]
    assert told == [("warning", "sibling down"), ("info", "sibling up")]


@pytest.mark.parametrize("is_required", [True, False])
async def test_only_required_siblings_are_missed(*, is_required: bool) -> None:
    """The service does without a sibling, unless its operator says that it cannot."""
    siblings = Siblings()
    status = siblings.add("catalog", is_required=is_required)
    siblings.add("network")
    assert [report.name for report in siblings.missing()] == (["catalog"] if is_required else [])
    assert [report.name for report in siblings.reports()] == ["catalog", "network"]
    status.succeeded()
    assert siblings.missing() == ()
