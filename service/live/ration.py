"""A ration of dear work: so much in a second, of all owners together, one owner's after the other's.

What is taken may be more than is there; then whoever comes next waits for longer. So dear work is done seldom and
cheap work often, and nobody needs to know how often before it is done.
"""

import trio


class Ration:
    """Units of work that fill up at a rate.

    Args:
        per_second: units that come in a second.
        at_once: units that are there after a rest.
    """

    def __init__(self, per_second: float, at_once: float) -> None:
        self._per_second = per_second
        self._at_once = at_once
        self._left = at_once
        self._at: float | None = None
        self._turn = trio.StrictFIFOLock()
        self._owners: dict[str, trio.StrictFIFOLock] = {}

    async def take(self, owner: str, units: float) -> None:
        """Return when something is left, and take ``units`` of it.

        Each owner has one place in the queue, however much they want: their next one waits for the one before it.
        """
        mine = self._owners.get(owner)
        if mine is None:
            mine = self._owners[owner] = trio.StrictFIFOLock()
        try:
            async with mine, self._turn:
                self._fill()
                if self._left < 0:
                    await trio.sleep(-self._left / self._per_second)
                    self._fill()
                self._left -= units
        finally:
            if not mine.locked():
                self._owners.pop(owner, None)

    def _fill(self) -> None:
        now = trio.current_time()
        if self._at is not None:
            self._left = min(self._left + (now - self._at) * self._per_second, self._at_once)
        self._at = now
