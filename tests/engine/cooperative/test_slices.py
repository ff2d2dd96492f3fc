"""Long computations in slices: one at a time in each pass of the event loop, whoever asks for them."""

import time

import pytest
import trio

from engine.cooperative.slices import SLICE_SECONDS, Breaks, Steps, at_once, in_slices, paced


def busy(seconds: float) -> Steps[str]:
    """Compute for so long, in steps of a tenth of a slice."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        began = time.thread_time()
        while time.thread_time() < began + SLICE_SECONDS / 10:
            pass
        yield
    return "done"


def failing() -> Steps[None]:
    yield
    raise ValueError("no")


async def test_a_computation_comes_to_its_result() -> None:
    """In slices or at once, it is the same."""
    assert await in_slices(busy(SLICE_SECONDS * 3)) == "done"
    assert at_once(busy(0)) == "done"


async def test_what_a_computation_raises_is_raised() -> None:
    """And the next one has its turn."""
    with pytest.raises(ValueError, match="no"):
        await in_slices(failing())
    assert await in_slices(busy(0)) == "done"


async def test_others_go_on_between_slices() -> None:
    """Twenty computations of ten slices each leave a pass of the loop between any two of their slices."""
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            await trio.lowlevel.checkpoint()
            passes += 1

    async with trio.open_nursery() as counting:
        counting.start_soon(count)
        async with trio.open_nursery() as computing:
            for _ in range(20):
                computing.start_soon(in_slices, busy(SLICE_SECONDS * 2))
        counting.cancel_scope.cancel()
    assert passes >= 20 * 2


async def test_a_cancelled_computation_gives_up_its_turn() -> None:
    """Nobody waits for a slice that is not taken any more."""
    with trio.move_on_after(0.001) as scope:
        await in_slices(busy(60))
    assert scope.cancelled_caught
    assert await in_slices(busy(0)) == "done"


async def test_a_break_is_offered_when_a_slice_is_over() -> None:
    """Before that it is no checkpoint at all."""
    breaks = Breaks()
    with trio.CancelScope() as scope:
        scope.cancel()
        await breaks.offer()
    assert not scope.cancelled_caught
    at_once(busy(SLICE_SECONDS * 1.5))
    with trio.CancelScope() as scope:
        scope.cancel()
        await breaks.offer()
    assert scope.cancelled_caught


def test_paced_says_when_to_yield() -> None:
    """After every so many items."""
    assert list(paced("abcde", 2)) == [("a", False), ("b", True), ("c", False), ("d", True), ("e", False)]
