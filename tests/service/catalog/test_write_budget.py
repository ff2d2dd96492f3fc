"""The budget of writes: what headers say of it, and what is counted where they say nothing."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.wall_clock import WallClock
from service.catalog.write_budget import (
    LONGEST_SECONDS,
    MARGIN_SECONDS,
    USUAL_WRITES,
    WINDOW_SECONDS,
    WriteBudget,
)

pytestmark = pytest.mark.usefixtures("autojump_clock")

NOW = 1_800_000_000.0


def budget() -> WriteBudget:
    """A budget whose time of day stands still."""
    return WriteBudget(WallClock(lambda: NOW))


async def test_without_headers_two_thirds_of_a_window_are_taken() -> None:
    """A third is left to others, who write as the same caller; whoever has a graph that waits may take more."""
    own = budget()
    for _ in range(USUAL_WRITES * 2 // 3):
        assert own.wait_seconds(is_urgent=False) == 0
        own.spent({})
    assert own.wait_seconds(is_urgent=False) == WINDOW_SECONDS + MARGIN_SECONDS
    for _ in range(7):
        assert own.wait_seconds(is_urgent=True) == 0
        own.spent({})
    assert own.wait_seconds(is_urgent=True) == WINDOW_SECONDS + MARGIN_SECONDS
    await trio.sleep(WINDOW_SECONDS + MARGIN_SECONDS)
    assert own.wait_seconds(is_urgent=False) == 0


@pytest.mark.parametrize("prefix", ["x-ratelimit", "ratelimit"])
@pytest.mark.parametrize("reset", ["20", f"{NOW + 20:.0f}", f"{(NOW + 20) * 1000:.0f}"])
async def test_what_the_catalog_says_of_its_window_counts(prefix: str, reset: str) -> None:
    """The writes of others are known by its headers, and when it ends, told as a duration or as a moment."""
    own = budget()
    own.spent({f"{prefix}-limit": "60", f"{prefix}-remaining": "20", f"{prefix}-reset": reset})
    assert own.wait_seconds(is_urgent=False) == pytest.approx(20 + MARGIN_SECONDS)
    assert own.wait_seconds(is_urgent=True) == 0
    own.spent({f"{prefix}-limit": "60", f"{prefix}-remaining": "21", f"{prefix}-reset": reset})
    assert own.wait_seconds(is_urgent=False) == 0


@pytest.mark.parametrize(("asked", "waited"), [(7, 7), (0, WINDOW_SECONDS), (86_400, LONGEST_SECONDS)])
async def test_a_refusal_ends_the_window(asked: float, waited: float) -> None:
    """Nobody writes before the catalog says so, within a bound; a minute passes where it says nothing."""
    own = budget()
    own.refused(asked)
    assert own.wait_seconds(is_urgent=True) == waited + MARGIN_SECONDS


@given(
    st.dictionaries(
        st.sampled_from(["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]),
        st.text() | st.floats().map(str),
    )
)
def test_no_header_can_break_it(headers: dict[str, str]) -> None:
    """Whatever stands in there, a wait is a number of seconds within the bound."""

    async def spend() -> None:
        own = budget()
        own.spent(headers)
        for is_urgent in (True, False):
            assert 0 <= own.wait_seconds(is_urgent=is_urgent) <= LONGEST_SECONDS + MARGIN_SECONDS

    trio.run(spend)
