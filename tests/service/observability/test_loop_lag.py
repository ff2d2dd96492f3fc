"""The lag of the event loop is what a sleeper oversleeps."""

import pytest
import trio
import trio.testing

from service.observability.histogram import Histogram
from service.observability.loop_lag import PERIOD_SECONDS, measure_lag


@pytest.fixture
def mock_clock() -> trio.testing.MockClock:
    """A clock that stands until it is told to jump."""
    return trio.testing.MockClock()


async def _lags(seconds_late: float) -> list[tuple[str, float]]:
    """The lags of one look, whose waking came so late."""
    lags = Histogram((0.05, 0.5))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(measure_lag, lags)
        await trio.testing.wait_all_tasks_blocked()
        clock = trio.lowlevel.current_clock()
        assert isinstance(clock, trio.testing.MockClock)
        clock.jump(PERIOD_SECONDS + seconds_late)  # as if somebody had held the loop for so long
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    return lags.buckets()


async def test_a_loop_that_is_held_up_is_late(mock_clock: trio.testing.MockClock) -> None:
    """Whoever keeps the loop for 200 ms shows as a lag between 50 and 500 ms."""
    del mock_clock
    assert await _lags(0.2) == [("0.05", 0), ("0.5", 1), ("+Inf", 1)]


async def test_a_loop_that_is_on_time_is_not(mock_clock: trio.testing.MockClock) -> None:
    """Where nothing holds the loop there is no lag."""
    del mock_clock
    assert await _lags(0.0) == [("0.05", 1), ("0.5", 1), ("+Inf", 1)]
