"""The ages of messages, told by their numbers: no message carries a time, so none costs more.

Numbers are given in order. So it is enough to know, now and then, how far they had come: a message is at most as
old as the last mark at or before its number, and that is what is told.
"""

from array import array
from bisect import bisect_right

_MARKS = 256
"""Marks that are kept, 16 bytes each; of more, every second one is let go, so that ages are told less finely."""

_SPACING_SECONDS = 0.1
"""The time between two marks at first. Later on it is a hundredth of what the execution has lived."""


class Ages:
    """The marks of one execution.

    Attributes:
        next_seconds: when the next mark is due, on Trio's clock; whoever is about to give numbers asks.
    """

    __slots__ = ("_numbers", "_seconds", "_spacing_seconds", "next_seconds")

    def __init__(self) -> None:
        self.next_seconds = float("-inf")
        self._spacing_seconds = _SPACING_SECONDS
        self._seconds = array("d")
        self._numbers = array("Q")

    def mark(self, now: float, number: int) -> None:
        """Take note that ``number`` is the next one to be given, or that it has just been."""
        self.next_seconds = now + self._spacing_seconds
        if self._numbers and number <= self._numbers[-1]:
            return  # of messages that waited to get in while others have: they are told a little too old
        if len(self._numbers) == _MARKS:
            del self._seconds[1::2], self._numbers[1::2]
            self._spacing_seconds *= 2
        self._seconds.append(now)
        self._numbers.append(number)

    def seconds(self, number: int, now: float) -> float:
        """Return how old a message of this number is, at most."""
        at = bisect_right(self._numbers, number) - 1
        return max(0.0, now - self._seconds[max(at, 0)]) if self._seconds else 0.0
