"""The pace of the event loop: how much work of nodes fits between two looks at the network.

Trio runs every task that can run before it looks at the network again. A thousand nodes with messages before them
are a thousand steps in one pass, of a twentieth of a millisecond to several, and for so long nobody else is heard.
So a node that is about to call its handler looks at the time since the last look at the network; when that is used
up it waits for one of the next passes, first come, first served, among the nodes of all executions.

Those who wait are woken by one of them, who leads for one pass: somebody must be able to run, or Trio would sleep.
How many are woken for a pass follows from how long the passes are.
"""

import trio

from engine.cooperative.slices import computing_clock

PASS_SECONDS = 0.005
"""Work of nodes in one pass, before the others wait for the next one."""

_HALF_PASS_SECONDS = PASS_SECONDS / 2

FIRST_SHARE = 32
"""Nodes that are woken for one pass, at first."""

LEAST_SHARE, LARGEST_SHARE = 4, 256


class Pace:
    """The pace of one run of Trio; :func:`pace` finds it.

    An instrument would know when a pass begins, and would cost each of them, the idle ones too, as much as a node
    does. So the beginning is only asked for when there seems to be much to do: who looks half a pass after the
    last known beginning has a note made of the next one, and has the other half until then.
    """

    def __init__(self) -> None:
        self._now = computing_clock()
        self._began = self._looked = self._now()
        self._awaits_note = False
        self._waiting = trio.lowlevel.ParkingLot()
        self._is_led = False
        self._share = FIRST_SHARE

    def is_over(self) -> bool:
        """Return whether there is no more time in this pass, or others wait for theirs."""
        if self._waiting:
            return True
        now = self._now()
        looked, self._looked = self._looked, now
        if now - self._began <= _HALF_PASS_SECONDS:
            return False
        if self._awaits_note:  # and this is still the pass in which it was asked for
            return True
        self._began = now
        if now - looked <= _HALF_PASS_SECONDS:  # otherwise nobody has worked in between: the pass is another one
            self._awaits_note = True
            trio.lowlevel.current_trio_token().run_sync_soon(self._note_beginning)
        return False

    async def keep(self) -> None:
        """Wait for a pass with time in it, unless this one has some. No checkpoint where it has."""
        if self.is_over():
            await self.wait()

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
            self._begin_pass()
            self._waiting.unpark(count=self._share)

    def _lacks_leader(self) -> bool:
        """Return whether a woken task must lead, because others wait still and the last leader has gone."""
        return bool(self._waiting) and not self._is_led

    def _begin_pass(self) -> None:
        """Begin a pass, for which some wait: wake more of them than for the last one, or fewer."""
        now = self._now()
        spent_seconds, self._began = now - self._began, now
        if spent_seconds > 2 * PASS_SECONDS:
            self._share = max(self._share // 2, LEAST_SHARE)
        elif spent_seconds < PASS_SECONDS:  # more by little: twice as many may take three times as long
            self._share = min(self._share + self._share // 4, LARGEST_SHARE)

    def _note_beginning(self) -> None:
        self._awaits_note = False
        self._began = self._now()


_pace: trio.lowlevel.RunVar[Pace] = trio.lowlevel.RunVar("pace")


def pace() -> Pace:
    """Return the pace of the present run of Trio."""
    try:
        return _pace.get()
    except LookupError:
        made = Pace()
        _pace.set(made)
        return made
