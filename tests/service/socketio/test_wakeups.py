"""WakeupBatcher: a crowd of tasks is woken a few at a time, and everybody else runs in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from service.socketio.wakeups import WakeupBatcher

pytestmark = pytest.mark.usefixtures("autojump_clock")


@asynccontextmanager
async def running(wakeups: WakeupBatcher) -> AsyncIterator[trio.Nursery]:
    """The task that begins the wakeups."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wakeups.run)
        await trio.testing.wait_all_tasks_blocked()
        yield nursery
        nursery.cancel_scope.cancel()


async def test_a_crowd_is_woken_in_rounds_and_in_order() -> None:
    """Of a hundred, ten wake in each round of the loop, the first of them at once."""
    wakeups, woken = WakeupBatcher(10), list[int]()
    async with running(wakeups):
        for number in range(100):
            wakeups.call(lambda number=number: woken.append(number))  # type: ignore[misc]
        before = 0
        while len(woken) < 100:
            assert len(woken) - before <= 2 * 10  # Trio runs the tasks of a round in any order
            before = len(woken)
            await trio.lowlevel.checkpoint()
    assert woken == list(range(100))


async def test_few_are_woken_at_once() -> None:
    """Whoever comes alone waits for nobody, however often they come."""
    wakeups, woken = WakeupBatcher(2), list[int]()
    async with running(wakeups):
        for number in range(20):
            wakeups.call(lambda number=number: woken.append(number))  # type: ignore[misc]
            assert woken[-1] == number
            await trio.testing.wait_all_tasks_blocked()


async def test_a_task_that_waits_for_its_turn_has_one() -> None:
    """Asked for again before its turn, a task is woken once; asked for after it, once more."""
    wakeups, woken = WakeupBatcher(1), list[str]()

    def second() -> None:
        woken.append("second")

    async with running(wakeups):
        wakeups.call(lambda: woken.append("first"))
        for _ in range(3):
            wakeups.call(second)
        await trio.testing.wait_all_tasks_blocked()
        assert woken == ["first", "second"]
        wakeups.call(second)
        assert woken == ["first", "second", "second"]


async def test_at_the_end_nobody_is_left_waiting() -> None:
    """What waits for a round when there are no more of them is woken, and so is what comes later."""
    wakeups, woken = WakeupBatcher(1), list[int]()
    async with running(wakeups):
        for number in range(5):
            wakeups.call(lambda number=number: woken.append(number))  # type: ignore[misc]
    wakeups.call(lambda: woken.append(5))
    assert woken == [0, 1, 2, 3, 4, 5]
