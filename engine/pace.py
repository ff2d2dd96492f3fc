"""The pace of the event loop: how much work of nodes fits between two looks at the network.

Trio runs every task that can run before it looks at the network again. A thousand nodes with messages before them
are a thousand steps in one pass, of a twentieth of a millisecond to several, and for so long nobody else is heard.
So a node that is about to call its handler looks at the time since the last look at the network; when that is used
up it waits for one of the next passes, first come, first served, among the nodes of all executions.

Those who wait are woken by one of them, who leads for one pass: somebody must be able to run, or Trio would sleep.
How many are woken for a pass follows from how long the passes are.
"""

import trio
import trio.abc

from engine.slices import computing_clock

PASS_SECONDS = 0.005
"""Work of nodes in one pass, before the others wait for the next one."""

FIRST_SHARE = 32
"""Nodes that are woken for one pass, at first."""

LEAST_SHARE, LARGEST_SHARE = 4, 256


class Pace(trio.abc.Instrument):
    """Of one run of Trio; :func:`pace` finds it."""

    def __init__(self) -> None:
        self._now = computing_clock()
        self._began = self._now()
        self._waiting = trio.lowlevel.ParkingLot()
        self._is_led = False
        self._share = FIRST_SHARE

    def is_over(self) -> bool:
        """Whether there is no more time in this pass, or others wait for theirs."""
        return self._now() - self._began > PASS_SECONDS or bool(self._waiting)

    async def wait(self) -> None:
        """Wait for a pass with time in it, behind those who wait already."""
        if self._is_led:
            await self._waiting.park()
            if not self._lacks_leader():
                return
        self._is_led = True
        try:
            await trio.lowlevel.checkpoint()
        finally:
            self._is_led = False
            self._waiting.unpark(count=self._share)

    def _lacks_leader(self) -> bool:
        """Whether whoever has just been woken must lead, because others wait still and the last one has gone."""
        return bool(self._waiting) and not self._is_led

    def before_io_wait(self, timeout: float) -> None:
        """A pass has ended: wake more nodes for the next ones, or fewer."""
        del timeout
        if self._waiting:
            spent_seconds = self._now() - self._began
            if spent_seconds > 2 * PASS_SECONDS:
                self._share = max(self._share // 2, LEAST_SHARE)
            elif spent_seconds < PASS_SECONDS:  # more by little: twice as many may take three times as long
                self._share = min(self._share + self._share // 4, LARGEST_SHARE)

    def after_io_wait(self, timeout: float) -> None:
        """A pass begins."""
        del timeout
        self._began = self._now()


_pace: trio.lowlevel.RunVar[Pace] = trio.lowlevel.RunVar("pace")


def pace() -> Pace:
    """The pace of the present run of Trio."""
    try:
        return _pace.get()
    except LookupError:
        made = Pace()
        _pace.set(made)
        trio.lowlevel.add_instrument(made)
        return made
