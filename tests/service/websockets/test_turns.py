"""Turns: a crowd is served a few at a time, in its order, with everybody else in between."""

import pytest
import trio

from service.websockets.turns import TURNS_PER_ROUND, wait_turn

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_a_crowd_has_a_few_turns_in_each_round() -> None:
    """However many want one, others wait for no more than a few of them; and each of the crowd has its turns."""
    turns = [0] * 100

    async def crowd(number: int) -> None:
        while True:
            await wait_turn()
            turns[number] += 1

    async with trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(crowd, number)
        before, most = 0, 0
        for _ in range(200):
            await trio.lowlevel.checkpoint()
            most, before = max(most, sum(turns) - before), sum(turns)
        nursery.cancel_scope.cancel()
    assert 1 <= most <= 2 * TURNS_PER_ROUND
    assert max(turns) - min(turns) <= 2
