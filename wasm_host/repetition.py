"""Repetitions in regular expressions that give nothing back, the same in every Python. Pure.

A group whose quantifier is possessive keeps nothing for going back to, so that a megabyte costs five times less
than with an atomic group, ``(?>(?:...)*)``, and no memory. But Python 3.11.0 to 3.11.4, as in Debian 12, match
with it what does not match: https://github.com/python/cpython/issues/106052.
"""

import sys

IS_POSSESSIVE_RIGHT = sys.version_info >= (3, 11, 5)


def repeated(pattern: str, least: int = 0, *, is_possessive_right: bool = IS_POSSESSIVE_RIGHT) -> str:
    """Return a pattern for one that stands at least 0 or 1 times, as often as it can."""
    sign = "+" if least else "*"
    return f"(?:{pattern}){sign}" + "+" if is_possessive_right else f"(?>(?:{pattern}){sign})"
