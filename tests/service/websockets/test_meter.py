"""Frames that carry little: a few thousand at once, then some hundred a second, and then the end."""

from service.websockets.frames import ViolationError
from service.websockets.meter import LITTLE_AT_ONCE, LITTLE_PER_SECOND, NAP_SECONDS, SLOWED_SECONDS, FrameMeter


def test_a_burst_costs_no_time() -> None:
    """And after a while there may be another."""
    meter = FrameMeter(0.0)
    assert not any(meter.spend(0.0) for _ in range(LITTLE_AT_ONCE))
    later = LITTLE_AT_ONCE / LITTLE_PER_SECOND
    assert not any(meter.spend(later) for _ in range(LITTLE_AT_ONCE))


def test_who_goes_on_is_slowed_to_the_rate_and_then_let_go() -> None:
    """The time that it is made to wait is the time that its frames are worth."""
    meter, now, frames = FrameMeter(0.0), 0.0, 0
    code = 0
    while not code:
        try:
            now += meter.spend(now)
            frames += 1
        except ViolationError as error:
            code = error.code
    assert code == 1008
    assert SLOWED_SECONDS - 2 * NAP_SECONDS <= now <= SLOWED_SECONDS
    assert frames <= LITTLE_AT_ONCE + (now + 2 * NAP_SECONDS) * LITTLE_PER_SECOND


def test_who_rests_begins_anew() -> None:
    """Being slowed for a moment now and then ends nobody's connection."""
    meter, now = FrameMeter(0.0), 0.0
    for _ in range(20):
        for _ in range(LITTLE_AT_ONCE + LITTLE_PER_SECOND):
            now += meter.spend(now)
        now += LITTLE_AT_ONCE / LITTLE_PER_SECOND
