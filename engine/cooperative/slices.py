"""Long computations of ours in slices, so that everybody else goes on every few milliseconds.

A computation is a generator that yields wherever it may be interrupted; what it returns is its result. It awaits
nothing and knows no clock, so it stays as pure as a function. Whoever runs it inside of Trio gives it slices, and
all slices of a process are taken in one order, first come, first served: a hundred large graphs that are checked
at the same time cost the event loop one slice a pass, and not a hundred.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeAlias, TypeVar

import trio

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""A computation in steps, each of them well below a slice."""

SLICE_SECONDS = 0.002
"""Computing between two looks at other tasks: long against a switch (10 us), short against what people notice."""

ITEMS_BETWEEN_YIELDS = 16
"""Items of a list between two yields of :func:`paced`: a yield costs as much as a small item does."""

_computing_clock: trio.lowlevel.RunVar[Callable[[], float]] = trio.lowlevel.RunVar("computing clock")
_turns: trio.lowlevel.RunVar[trio.StrictFIFOLock] = trio.lowlevel.RunVar("slices")


def computing_clock() -> Callable[[], float]:
    """Return the clock of the seconds that this run of Trio has been computing: real time, unless replaced."""
    return _computing_clock.get(time.perf_counter)


def use_computing_clock(clock: Callable[[], float]) -> None:
    """Go by another clock in this run of Trio: where real time must not decide what happens in which order."""
    _computing_clock.set(clock)


async def in_slices(steps: Steps[T]) -> T:
    """Run a computation to its end; always a checkpoint. What it raises, this raises."""
    try:
        turns = _turns.get()
    except LookupError:
        turns = trio.StrictFIFOLock()
        _turns.set(turns)
    now = computing_clock()
    try:
        while True:
            async with turns:  # a checkpoint, with the turn in hand: one slice a pass, whoever is waiting
                end = now() + SLICE_SECONDS
                try:
                    next(steps)
                    while now() < end:
                        next(steps)
                except StopIteration as stop:
                    result: T = stop.value
                    return result
    finally:
        steps.close()


class Breaks:
    """A help for computations that must await something themselves: offers others a look when a slice is over."""

    def __init__(self) -> None:
        self._now = computing_clock()
        self._end = self._now() + SLICE_SECONDS

    async def offer(self) -> None:
        """Wait for another slice, if this one is used up."""
        if self._now() > self._end:
            await in_slices(_nothing())
            self._end = self._now() + SLICE_SECONDS


def _nothing() -> Steps[None]:
    yield


def at_once(steps: Steps[T]) -> T:
    """Run a computation to its end without a look at anything else: for small ones, and outside of Trio."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result


def paced(items: Iterable[T], every: int = ITEMS_BETWEEN_YIELDS) -> Iterator[tuple[T, bool]]:
    """Items, each with whether the computation that goes through them should yield after it."""
    for number, item in enumerate(items, 1):
        yield item, not number % every
