"""Time that stands still while a case runs, and moves when the case says so: no case waits for a real clock.

Trio's time and the time of day, which components see, are one. What takes time in earnest, such as a worker
process, is waited for: meanwhile the clock goes, so that its own bounds hold, and no case sees by how much.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.wall_clock import WallClock

T = TypeVar("T")

BEGINNING_SECONDS = 1_767_225_600.0
"""The time of day when a program begins: 1 January 2026, midnight in UTC."""

UNFINISHED_SECONDS = 86_400.0
"""Simulated time after which what does not end by itself is given up: a day."""

SAME_SECONDS = 1e-6
"""Moments that are no further apart are one: sums of decimal fractions are not exact."""

_POLL_SECONDS = 0.001
_STEP_SECONDS = 1e-9


class StuckError(Exception):
    """Something is waited for that never comes: nothing happens any more but that time passes."""


class SimulatedTime:
    """The clock of a program. Give ``clock`` to ``trio.run``.

    Args:
        clock: Trio's; one that can be told what to do.

    Attributes:
        clock: it goes until ``stop``.
        is_busy: whether anything works outside of this process that is to be waited for.
        wall: the time of day.
    """

    def __init__(self, clock: MockClock | None = None) -> None:
        self.clock = clock or MockClock(rate=1.0)
        self.is_busy: Callable[[], bool] = lambda: False
        self.wall = WallClock(self.now_seconds)
        self._offset_seconds = 0.0
        self._beginning_seconds = BEGINNING_SECONDS

    def now_seconds(self) -> float:
        """Return the time of day, in seconds since 1970."""
        return self._beginning_seconds + self.clock.current_time() - self._offset_seconds

    def stop(self, *, at_seconds: float = BEGINNING_SECONDS) -> None:
        """Let time stand still from now on; it is midnight, or another time of day, in seconds since 1970."""
        self.clock.rate = 0.0
        self._beginning_seconds = at_seconds
        self._offset_seconds = self.clock.current_time()

    def go(self) -> None:
        """Let time pass, where nothing of a case runs."""
        self.clock.rate = 1.0

    async def settle(self) -> None:
        """Return when nothing happens any more without time passing."""
        while True:
            await wait_all_tasks_blocked()
            if not self.is_busy():
                return
            self.clock.rate = 1.0
            await trio.sleep(_POLL_SECONDS)
            self.clock.rate = 0.0

    def jump_to(self, moment: float) -> None:
        """Make it a moment of Trio's clock that has not passed."""
        self.clock.jump(max(0.0, moment - self.clock.current_time()))
        while self.clock.current_time() < moment:  # the sum was rounded
            self.clock.jump(_STEP_SECONDS)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, moment by moment: what is due in between happens when it is due."""
        end = self.clock.current_time() + seconds
        await self.settle()
        while True:
            moment = self.next_moment()
            if moment > end + SAME_SECONDS:
                break
            self.jump_to(moment)
            await self.settle()
        self.jump_to(end)
        await self.settle()

    async def finish(self, function: Callable[[], Awaitable[T]]) -> T:
        """Return what a function returns, and let time pass only where nothing else happens.

        Raises:
            StuckError: it does not end.
            Exception: the function's own.
        """
        results: list[T] = []
        errors: list[Exception] = []

        async def run() -> None:
            try:
                results.append(await function())
            except Exception as error:  # noqa: BLE001  raised below: the nursery would make a group of it
                errors.append(error)

        given_up = self.clock.current_time() + UNFINISHED_SECONDS
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await self.settle()
            while not results and not errors:
                moment = self.next_moment()
                if moment > given_up:
                    nursery.cancel_scope.cancel()
                    break
                self.jump_to(moment)
                await self.settle()
        if errors:
            raise errors[0]
        if not results:
            raise StuckError
        return results[0]

    def next_moment(self) -> float:
        """Return the next moment for which anything waits; infinity where nothing does."""
        return self.clock.current_time() + trio.lowlevel.current_statistics().seconds_to_next_deadline
