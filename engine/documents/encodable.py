"""A check that a document can be encoded again as JSON: what is stored is shown in lists, to everybody. Pure.

What comes over HTTP has been JSON or YAML and is nearly always sayable. It is not where a text holds half of a
surrogate pair, which has no UTF-8, or where a number has more digits than Python writes; and programs that run the
engine themselves may hand over anything. One such value in what is stored would make an error of every list. (A
value that travels stays text, and may hold such a half as an escape: nobody makes a name of it.)
"""

import math
from collections.abc import Iterable
from typing import Any

from engine.cooperative.slices import Steps
from proto.json_text import MAX_DEPTH
from proto.problem import Problem

INTEGER_BITS = 13_000
"""Bits of a stored integer: 3,900 digits. Python neither reads nor writes more than 4,300."""

_VALUES_BETWEEN_YIELDS = 1_000
"""About 0.2 ms."""

_Place = tuple[Any, "_Place | None", Any, int]
"""A value, the place of what it stands in, its name or index there, and how deep it stands."""


def check_sayable(document: Any, code: str) -> Steps[list[Problem]]:
    """Return the first value of a decoded document that JSON cannot say, as a problem; none where it can say all.

    Args:
        document: made of dictionaries, lists, texts, numbers, truth values and None, as it should be.
        code: of the problem.
    """
    left: list[_Place] = [([document], None, "", -1)]
    count = 0
    while left:
        around = left.pop()
        has_names = isinstance(around[0], dict)
        for name, value in _items(around[0]):
            count += 1
            if not count % _VALUES_BETWEEN_YIELDS:
                yield
            if (
                type(value) is str
                and value.isascii()
                and (not has_names or (type(name) is str and name.isascii()))
            ):
                continue  # as most values are
            place = (value, around, name, around[3] + 1)
            complaint = _complaint(value, place[3]) or _complaint_of_name(name, around[0])
            if complaint:
                return [Problem(code, _path(place), complaint)]
            if isinstance(value, dict | list | tuple):
                left.append(place)
    return []


def _items(container: Any) -> Iterable[tuple[Any, Any]]:
    return container.items() if isinstance(container, dict) else enumerate(container)


def is_sayable(text: str) -> bool:
    """Return whether a text has a UTF-8 form: no half of a surrogate pair is in it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _complaint_of_name(name: object, around: object) -> str:
    is_sound = not isinstance(around, dict) or (isinstance(name, str) and is_sayable(name))
    return "" if is_sound else "A name is no text, or holds half of a surrogate pair, which has no UTF-8"


def _complaint(value: Any, depth: int) -> str:
    """Return what is wrong with a value itself; "" where nothing is."""
    if isinstance(value, str):
        return "" if is_sayable(value) else "The text holds half of a surrogate pair, which has no UTF-8"
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, int):
        return (
            ""
            if value.bit_length() <= INTEGER_BITS
            else "The integer has thousands of digits: many JSON readers refuse it"
        )
    if isinstance(value, float):
        return "" if math.isfinite(value) else f"The number is {value}: JSON has no such thing"
    if isinstance(value, dict | list | tuple):
        return "" if depth < MAX_DEPTH else f"It is nested deeper than {MAX_DEPTH} levels"
    return f"This is a value of the type {type(value).__name__}: JSON has no such thing"


def _path(place: _Place) -> str:
    parts: list[str] = []
    at, around = place, place[1]
    while around is not None and around[1] is not None:
        name = at[2]
        parts.append(f".{_shown(name)}" if isinstance(around[0], dict) else f"[{name}]")
        at, around = around, around[1]
    return "".join(reversed(parts)).removeprefix(".")


def _shown(name: object) -> str:
    text = name if isinstance(name, str) else f"<{type(name).__name__}>"
    return text[:100].encode("ascii" if not is_sayable(text) else "utf-8", "backslashreplace").decode()
