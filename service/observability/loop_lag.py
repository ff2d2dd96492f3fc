"""The lag of the event loop: the one number that says whether anything here keeps others waiting."""

import trio

from service.observability.histogram import Histogram

LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PERIOD_SECONDS = 0.25
"""The time between two looks: often enough to catch what lasts, and four wakings a second cost nothing."""


async def measure_lag(lags: Histogram) -> None:
    """Sleep and see how much longer it took, until cancelled.

    Args:
        lags: gets one duration for each look, in seconds of Trio's clock.
    """
    while True:
        due = trio.current_time() + PERIOD_SECONDS
        await trio.sleep_until(due)
        lags.observe(max(0.0, trio.current_time() - due))
