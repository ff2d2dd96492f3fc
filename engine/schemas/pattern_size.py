"""The size of a regular expression whose counted repetitions are written out. Pure.

An engine without backtracking reads a text in a time that is linear in both, and takes memory and time to compile
a pattern by its written-out size: ``(a{1000}){1000}`` is a million characters.
"""

import re

__all__ = ["BOUNDLESS", "pattern_weight"]

BOUNDLESS = 10**9
"""A size that no pattern reaches; reckoning goes no further."""

_CLASS_WEIGHT = 20
"""Characters for which a set, or one of the large classes, stands."""

_MAX_CHARACTERS = 2_000
"""A longer pattern is not even looked at: what is too much by itself needs no reckoning."""

_LARGE_CLASSES = frozenset("pPwW")

_PATTERN_PART = re.compile(
    r"\\(?P<escape>.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\]){0,50}\])|\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|.", re.DOTALL
)
_MAX_COUNT_DIGITS = 6


def pattern_weight(pattern: str) -> int:
    """Return the characters of any pattern, good or not, with its counted repetitions written out, or more."""
    if len(pattern) > _MAX_CHARACTERS:
        return BOUNDLESS
    groups, last = [0], 0
    for part in _PATTERN_PART.finditer(pattern):
        least = part["least"]
        if part[0] == "(":
            groups.append(0)
            last = 0
        elif part[0] == ")" and len(groups) > 1:
            last = groups.pop() + 1
            groups[-1] += last
        elif least is not None:
            digits = part["most"] or least
            more = last * (int(digits) - 1) if len(digits) <= _MAX_COUNT_DIGITS else BOUNDLESS
            groups[-1] += max(0, more)
            last += max(0, more)
        else:
            last = _CLASS_WEIGHT if part["escape"] in _LARGE_CLASSES or part["set"] else 1
            groups[-1] += last
        if groups[-1] > BOUNDLESS:
            return BOUNDLESS
    return min(BOUNDLESS, sum(groups))
