"""Durations as people write them in cases: ``5s``, ``250 ms``, ``1.5h``. Pure."""

import re

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(ms|s|min|m|h|d)")

MOST_SECONDS = 366 * 86_400.0
"""A year: more simulated time than any case needs."""


def seconds_of(text: object) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: it is none; the message says how one is written.
    """
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("a duration is a number and its unit, such as 250ms, 5s, 1.5m, 2h or 1d")
    seconds = float(found[1]) * _UNIT_SECONDS[found[2]]
    if seconds > MOST_SECONDS:
        raise ValueError("a duration is a year at most")
    return seconds
