"""Nodes wait for another pass of the event loop where this one is used up, and each has its turn."""

import trio
import trio.testing

from engine.cooperative.pace import LARGEST_SHARE, PASS_SECONDS, pace
from engine.cooperative.slices import use_computing_clock


class Clock:
    """Goes on when somebody works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_there_is_time_until_a_pass_is_used_up() -> None:
    """A new pass has time again."""
    clock = Clock()
    use_computing_clock(clock)
    for _ in range(5):
        steps = 0
        while not pace().is_over():
            clock.now += PASS_SECONDS / 10
            steps += 1
        assert 5 <= steps <= 11
        await trio.testing.wait_all_tasks_blocked()


async def test_passes_in_which_little_is_done_are_not_even_counted() -> None:
    """Where nodes work seldom, no pass is asked for, and none is over."""
    clock = Clock()
    use_computing_clock(clock)
    for _ in range(10):
        clock.now += PASS_SECONDS
        assert not pace().is_over()
        assert not pace()._awaits_note


async def test_a_thousand_nodes_work_in_passes_of_bounded_length() -> None:
    """Each works as often as the others, and no pass has more of them than fit into it by and by."""
    clock = Clock()
    use_computing_clock(clock)
    worked = [0] * 1_000
    per_pass: list[int] = [0]

    class Passes(trio.abc.Instrument):
        def before_io_wait(self, timeout: float) -> None:
            del timeout
            per_pass.append(0)

    async def node(number: int) -> None:
        for _ in range(5):
            await trio.lowlevel.checkpoint()
            if pace().is_over():
                await pace().wait()
            clock.now += PASS_SECONDS / 10
            worked[number] += 1
            per_pass[-1] += 1

    trio.lowlevel.add_instrument(Passes())
    async with trio.open_nursery() as nursery:
        for number in range(1_000):
            nursery.start_soon(node, number)
    assert worked == [5] * 1_000
    assert max(per_pass) <= LARGEST_SHARE
    assert sum(per_pass) / sum(map(bool, per_pass)) < 40


async def test_who_is_cancelled_while_leading_leaves_nobody_behind() -> None:
    """The others are woken all the same."""
    clock = Clock()
    use_computing_clock(clock)
    went = 0

    async def wait() -> None:
        nonlocal went
        await pace().wait()
        went += 1

    clock.now += PASS_SECONDS * 2
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            leading = trio.CancelScope()

            async def lead() -> None:
                with leading:
                    await pace().wait()

            nursery.start_soon(lead)
            await trio.lowlevel.checkpoint()
            for _ in range(100):
                nursery.start_soon(wait)
            leading.cancel()
    assert went == 100
