"""Tasks that are woken in rounds, so many in one round of the event loop, when something happens to all of them.

Trio runs everything that is ready before it looks at its clock and its sockets again. An event for a thousand
clients would make a thousand writers ready at once, and everybody else would wait for all of them.
"""

from collections import OrderedDict
from collections.abc import Callable

import trio

TASKS_PER_ROUND = 32
"""A writer takes some 30 µs, so a round takes a millisecond."""


class WakeupBatcher:
    """A batcher of calls that wake a task: made at once or in one of the next rounds, in the order of asking.

    Args:
        per_round: calls in one round.
    """

    def __init__(self, per_round: int = TASKS_PER_ROUND) -> None:
        self._per_round = per_round
        self._left: float = per_round
        self._due: OrderedDict[Callable[[], object], None] = OrderedDict()
        self._begun = trio.Event()

    def call(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` soon; once, where it is asked for again before its turn has come."""
        if self._left > 0:
            self._left -= 1
            wake()
        else:
            self._due[wake] = None
        self._begun.set()

    async def run(self) -> None:
        """Begin one round after the other until cancelled; from then on nobody has to wait for their turn."""
        try:
            while True:
                await self._begun.wait()
                self._begun = trio.Event()
                self._left = self._per_round
                while self._due and self._left > 0:
                    self.call(self._due.popitem(last=False)[0])
        finally:
            self._left = float("inf")
            for wake in self._due:
                wake()
            self._due.clear()
