"""A ration of dear work: little at a time in the long run, and each owner's share in turn."""

import pytest
import trio

from service.live.ration import Ration

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_in_the_long_run_the_rate_holds_whatever_is_taken_at_a_time() -> None:
    """A hundred large pieces take as long as they are worth, beyond what was there."""
    ration = Ration(per_second=100, at_once=50)
    began = trio.current_time()
    for _ in range(100):
        await ration.take("a", 200)
    assert trio.current_time() - began == pytest.approx((99 * 200 - 50) / 100)


async def test_small_pieces_do_not_wait() -> None:
    """As long as they are fewer than come."""
    ration = Ration(per_second=100, at_once=50)
    began = trio.current_time()
    for _ in range(1_000):
        await ration.take("a", 1)
        await trio.sleep(0.011)
    assert trio.current_time() - began == pytest.approx(11, abs=0.01)


async def test_who_wants_much_does_not_keep_others_waiting() -> None:
    """One of a hundred pieces of one owner is between two of another's."""
    ration = Ration(per_second=100, at_once=0)
    taken: list[str] = []

    async def take(owner: str) -> None:
        await ration.take(owner, 100)
        taken.append(owner)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(take, "many")
        await trio.sleep(0.5)
        for _ in range(5):
            nursery.start_soon(take, "few")
    assert [index for index, owner in enumerate(taken) if owner == "few"][-1] < 14
    assert ration._owners == {}
