"""The wait before a sibling is tried again. Pure: nothing here sleeps, and chance comes from outside.

    backoff = Backoff(random.random)
    while True:
        try:
            await talk()                                     # to the sibling
            backoff.reset()
            ...
        except SiblingError as error:
            await trio.sleep(backoff.next_seconds(error.retry_after_seconds))

The wait doubles with each failure in a row up to a longest one. Half of it is fixed and half is chance ("equal
jitter"): many runtimes that lost the same sibling at the same moment do not come back at the same moment, and yet
none of them comes back at once, as they may where all of it is chance. What the sibling itself asks for
(``Retry-After``) counts where it is longer, within a bound: a sibling that answers nonsense is not lost for a day.
"""

import math
from collections.abc import Callable

FIRST_SECONDS = 1.0
"""The wait after the first failure: a restart of a sibling takes about that."""

LONGEST_SECONDS = 30.0
"""The longest wait; a sibling that has come back is noticed within it."""

ABSENT_SECONDS = 1.5
"""The longest wait for a sibling that nothing answers for: asking costs nobody anything, and it is found within
two seconds of its coming."""

ASKED_LIMIT_SECONDS = 300.0
"""The longest wait that a sibling may ask for. Rate limits of a minute are common, longer ones are mistakes."""


class Backoff:
    """The waits between attempts to reach one sibling.

    Args:
        random: a number from 0 up to 1 at each call.
        first_seconds: the ceiling of the first wait.
        longest_seconds: the ceiling of all waits.
    """

    def __init__(
        self,
        random: Callable[[], float],
        *,
        first_seconds: float = FIRST_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._random = random
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._ceiling_seconds = first_seconds

    def next_seconds(self, asked_seconds: float = 0.0, ceiling_seconds: float = math.inf) -> float:
        """Return the wait after one more failure.

        Args:
            asked_seconds: what the sibling asked for, if anything; at most ``ASKED_LIMIT_SECONDS`` of it count.
            ceiling_seconds: the ceiling of this wait, where asking is cheap.
        """
        ceiling = min(self._ceiling_seconds, ceiling_seconds)
        self._ceiling_seconds = min(self._ceiling_seconds * 2, self._longest_seconds)
        own = ceiling / 2 + self._random() * ceiling / 2
        return max(own, min(asked_seconds, ASKED_LIMIT_SECONDS))

    def reset(self) -> None:
        """Note that it answered: the next failure is a first one again."""
        self._ceiling_seconds = self._first_seconds
