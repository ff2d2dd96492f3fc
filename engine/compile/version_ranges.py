"""Versions of graphs, and ranges of them as uses name them: the rules of npm, which most people know. Pure.

    1.2.3  exactly that        ^1.2  1.2.0 and later, below 2.0.0     1, 1.x    every 1
    *      every version       ~1.2  1.2.0 and later, below 1.3.0     >=1 <3    both; ``||`` is either

A version before its release (``2.0.0-beta.1``) is meant only by a range that names one of the same three numbers.
A graph's version may be any text: one that is no version in this sense is below all others, and is meant by ``*``
and by exactly its text.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

RANGE_CHARACTERS = 100
"""Characters of a range; people write ten."""

Numbers: TypeAlias = tuple[int, int, int]
Key: TypeAlias = tuple[Numbers, int, tuple[tuple[int, int, str], ...]]
_Test: TypeAlias = Callable[[Key], bool]

_VERSION = re.compile(
    r"v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]{1,60}))?(?:\+[0-9A-Za-z.-]{1,60})?", re.ASCII
)
_PARTIAL = re.compile(
    r"(\^|~|>=|<=|>|<|=)?\s*v?(\d{1,9}|[xX*])(?:\.(\d{1,9}|[xX*]))?(?:\.(\d{1,9}|[xX*]))?(?:-([0-9A-Za-z.-]{1,60}))?",
    re.ASCII,
)
_LOWEST: Key = ((-1, -1, -1), 0, ())
_HIGHEST: Key = ((10**10, 0, 0), 0, ())


class Range:
    """A range of versions.

    Args:
        text: as its author writes it; empty for every version.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        if len(text) > RANGE_CHARACTERS:
            raise ValueError(f"a range of versions has at most {RANGE_CHARACTERS} characters")
        self._takes_all = self._text in ("", "*", "x", "X")
        self._choices = [] if self._takes_all else [_choice(part) for part in self._text.split("||")]

    def __str__(self) -> str:
        return self._text or "*"

    def includes(self, version: str) -> bool:
        """Return whether a version is meant."""
        if self._takes_all:
            return not _is_before_release(version)
        if version == self._text:
            return True
        key = _key(version)
        return key != _LOWEST and any(choice(key) for choice in self._choices)


def precedence(version: str) -> Key:
    """Return what versions are compared by; a text that is no version comes before all that are."""
    return _key(version)


def is_range(text: str) -> bool:
    """Return whether a text is a range."""
    try:
        Range(text)
    except ValueError:
        return False
    return True


def _key(version: str) -> Key:
    found = _VERSION.fullmatch(version)
    if found is None:
        return _LOWEST
    return _numbers(*found.groups()[:3]), 0 if found[4] else 1, _identifiers(found[4])


def _is_before_release(version: str) -> bool:
    found = _VERSION.fullmatch(version)
    return found is not None and found[4] is not None


def _numbers(*texts: str | None) -> Numbers:
    major, minor, patch = (int(text) if text and text.isdigit() else 0 for text in texts)
    return major, minor, patch


def _identifiers(text: str | None) -> tuple[tuple[int, int, str], ...]:
    parts = (text or "").split(".") if text else []
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)


def _choice(text: str) -> _Test:
    """Return the test of comparators that all must hold; ``1.2 - 2.3`` is two of them."""
    low, dash, high = text.partition(" - ")
    if dash:
        text = f">={low.strip()} <={high.strip()}"
    comparators = []
    end = 0
    text = text.strip()
    for found in _PARTIAL.finditer(text):
        if text[end : found.start()].strip() or (end and found.start() == end):
            break
        comparators.append(found)
        end = found.end()
    if not comparators or end != len(text):
        raise ValueError(f"{text!r} is no range of versions; write ^1.2, ~1.2.3, 1.x, >=1 <3 or 1.2.3")
    spans = [_span(found) for found in comparators]
    named = {_numbers(*found.groups()[1:4]) for found in comparators if found[5]}
    return lambda key: (key[1] == 1 or key[0] in named) and all(low <= key < high for low, high in spans)


def _span(found: re.Match[str]) -> tuple[Key, Key]:
    """Return the first version that a comparator means, and the first that it does not mean any more."""
    sign, *texts, before = found.groups()
    given = next((index for index, text in enumerate(texts) if text is None or not text.isdigit()), 3)
    if given == 0:
        return (_LOWEST, _LOWEST) if sign in ("<", ">") else (_LOWEST, _HIGHEST)
    numbers = _numbers(*(text if index < given else None for index, text in enumerate(texts)))
    named: Key = (numbers, 0, _identifiers(before)) if before else (numbers, 1, ())
    behind = _behind(named) if given == len(numbers) else _beginning(_following(numbers, given))
    spans: dict[str | None, tuple[Key, Key]] = {
        "^": (named, _beginning(_following(numbers, _caret_place(numbers, given)))),
        "~": (named, _beginning(_following(numbers, min(given, 2)))),
        ">=": (named, _HIGHEST),
        ">": (behind, _HIGHEST),
        "<=": (_LOWEST, behind),
        "<": (_LOWEST, named),
    }
    return spans.get(sign, (named, behind))


def _beginning(numbers: Numbers) -> Key:
    """Return what comes before all that has these numbers."""
    return numbers, 0, ()


def _behind(key: Key) -> Key:
    """Return what comes next after a version."""
    return key[0], key[1], (*key[2], (-1, 0, ""))


def _caret_place(numbers: Numbers, given: int) -> int:
    """Return how many numbers ``^`` leaves alone: up to the first that is not zero, of those that are given."""
    for place, number in enumerate(numbers[:given], 1):
        if number:
            return place
    return given


def _following(numbers: Numbers, places: int) -> Numbers:
    """Return the first version behind all that begin with so many of these numbers."""
    raised = [number if index < places - 1 else 0 for index, number in enumerate(numbers)]
    raised[places - 1] = numbers[places - 1] + 1
    major, minor, patch = raised
    return major, minor, patch
