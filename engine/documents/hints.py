"""Names that somebody may have meant: "did you mean size?", within a budget. Pure.

Comparing two names takes their lengths multiplied, and there may be thousands of known names for each of thousands
of unknown ones. So few names of few characters are compared in one request: those that begin and end alike, which
a slip of the finger leaves as they are, and which is told in linear time.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice, takewhile

MAX_HINTS = 20
"""Unknown names of one request that are answered with a similar one."""

MAX_NAME_CHARACTERS = 100
"""Characters of a name that is compared; a longer one is like no other."""

MAX_KNOWN_NAMES = 1_000
"""Known names that are looked at for one unknown name: as many components as an owner may have."""

MAX_COMPARED_NAMES = 10
"""Names of those that are compared letter by letter, because they begin and end most alike."""


class Hints:
    """The budget of one request."""

    def __init__(self, most: int = MAX_HINTS) -> None:
        self._left = most

    def similar(self, name: str, known: Iterable[str]) -> str | None:
        """Return the known name that is most like this one, if one is and the budget is not used up."""
        if not self._left or len(name) > MAX_NAME_CHARACTERS:
            return None
        self._left -= 1
        near = [each for each in islice(known, MAX_KNOWN_NAMES) if _is_near(name, each)]
        candidates = nlargest(MAX_COMPARED_NAMES, near, key=lambda each: _alike(name, each))
        return next(iter(get_close_matches(name, candidates, n=1)), None)


def _is_near(name: str, other: str) -> bool:
    """Return whether two names are of about the same length; others cannot be 60 per cent alike."""
    return len(other) <= MAX_NAME_CHARACTERS and len(name) <= 3 * len(other) and len(other) <= 3 * len(name)


def _alike(name: str, other: str) -> int:
    """Return how many letters two names have in common at their beginnings and at their ends."""
    return _in_common(name, other) + _in_common(reversed(name), reversed(other))


def _in_common(name: Iterable[str], other: Iterable[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))
