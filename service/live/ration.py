"""A ration of dear work: so much in a second, of all owners together, one owner's after the other's.

What is taken may be more than is there; then whoever comes next waits for longer. So dear work is done seldom and
cheap work often, and nobody needs to know how often before it is done.
"""

import trio

from engine.token_bucket import TokenBucket


class Ration:
    """Units of work that fill up at a rate.

    Args:
        per_second: units that come in a second.
        at_once: units that are there after a rest.
    """

    def __init__(self, per_second: float, at_once: float) -> None:
        self._per_second = per_second
        self._bucket = TokenBucket(per_second, at_once)
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
                left = self._bucket.fill(trio.current_time())
                if left < 0:
                    await trio.sleep(-left / self._per_second)
                    self._bucket.fill(trio.current_time())
                self._bucket.left -= units
        finally:
            if not mine.locked():
                self._owners.pop(owner, None)
