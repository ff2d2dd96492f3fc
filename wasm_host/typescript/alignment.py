"""Find the tokens of one text in another that was made from it. Pure.

What is printed without its types is nearly the author's own sequence of tokens, with gaps. A patience diff suits
that: tokens that occur once on either side are certain, of those the longest rising sequence is kept, and
between two such anchors everything is looked at again on its own. Where no token is unique, equal ends are taken
from both sides; from the left first, because types follow what they are the types of.
"""

from bisect import bisect_left
from collections.abc import Sequence

from wasm_host.typescript.steps import Steps, at_once

_DEEPEST = 24
"""Levels of looking between anchors; a text made to need more gets fewer matches, and no more time."""

_SMALL = 2_500
"""Cells of the table of the longest common sequence; a cell costs 0.1 µs."""

_LOOKED_AT_ONCE = 4_000
"""Tokens looked at in one step: a millisecond."""

_Range = tuple[int, int, int, int, int]
"""A range: from and to in the original, from and to in what was made of it, level."""


def align(original: Sequence[str], made: Sequence[str]) -> list[int]:
    """Return for each token that was made the index of the original it was made from, or -1. Indices only rise."""
    return at_once(alignment_steps(original, made))


def alignment_steps(original: Sequence[str], made: Sequence[str]) -> Steps[list[int]]:
    """Do the same in steps."""
    matches = [-1] * len(made)
    looked_at = 0
    open_ranges: list[_Range] = [(0, len(original), 0, len(made), 0)]
    while open_ranges:
        low, high, made_low, made_high, level = open_ranges.pop()
        looked_at += high - low + made_high - made_low
        if looked_at > _LOOKED_AT_ONCE:
            looked_at = 0
            yield
        anchors = []
        if level < _DEEPEST:
            anchors = yield from _anchors(original, made, (low, high, made_low, made_high))
        if not anchors:
            yield from _match_ends(original, made, matches, (low, high, made_low, made_high))
            continue
        for at, made_at in [*anchors, (high, made_high)]:
            while low < at and made_low < made_at and original[low] == made[made_low]:
                matches[made_low] = low
                low, made_low = low + 1, made_low + 1
            if low < at and made_low < made_at:
                open_ranges.append((low, at, made_low, made_at, level + 1))
            if made_at < made_high:
                matches[made_at] = at
            low, made_low = at + 1, made_at + 1
    return matches


def _anchors(
    original: Sequence[str], made: Sequence[str], part: tuple[int, int, int, int]
) -> Steps[list[tuple[int, int]]]:
    """Return tokens that are unique on both sides, as a sequence that rises on both."""
    low, high, made_low, made_high = part
    once = yield from _occurring_once(original, low, high)
    made_once = yield from _occurring_once(made, made_low, made_high)
    pairs = [(at, made_at) for text, made_at in made_once.items() if (at := once.get(text, -1)) >= 0]
    return (yield from _longest_rising(pairs))


def _occurring_once(tokens: Sequence[str], low: int, high: int) -> Steps[dict[str, int]]:
    places: dict[str, int] = {}
    for start in range(low, high, _LOOKED_AT_ONCE):
        if start > low:
            yield
        for at in range(start, min(high, start + _LOOKED_AT_ONCE)):
            text = tokens[at]
            places[text] = -1 if text in places else at
    return {text: at for text, at in places.items() if at >= 0}


def _longest_rising(pairs: list[tuple[int, int]]) -> Steps[list[tuple[int, int]]]:
    """Return the longest part of the pairs, in their order, whose first numbers rise (patience sorting)."""
    tops: list[int] = []  # smallest first number that ends a rising sequence of each length
    ends: list[int] = []  # and the pair it belongs to
    previous = [-1] * len(pairs)
    for index, (at, _) in enumerate(pairs):
        if index % _LOOKED_AT_ONCE == _LOOKED_AT_ONCE - 1:
            yield
        length = bisect_left(tops, at)
        previous[index] = ends[length - 1] if length else -1
        if length == len(tops):
            tops.append(at)
            ends.append(index)
        else:
            tops[length], ends[length] = at, index
    rising = []
    index = ends[-1] if ends else -1
    while index >= 0:
        rising.append(pairs[index])
        index = previous[index]
    return rising[::-1]


def _match_ends(
    original: Sequence[str], made: Sequence[str], matches: list[int], part: tuple[int, int, int, int]
) -> Steps[None]:
    """Take equal tokens from the left, then from the right; compare the middle whole, if it is small."""
    low, high, made_low, made_high = part
    while low < high and made_low < made_high and original[low] == made[made_low]:
        matches[made_low] = low
        low, made_low = low + 1, made_low + 1
    while low < high and made_low < made_high and original[high - 1] == made[made_high - 1]:
        high, made_high = high - 1, made_high - 1
        matches[made_high] = high
    if 0 < (high - low) * (made_high - made_low) <= _SMALL:
        yield
        for at, made_at in _longest_common(original[low:high], made[made_low:made_high]):
            matches[made_low + made_at] = low + at


def _longest_common(original: Sequence[str], made: Sequence[str]) -> list[tuple[int, int]]:
    """Return the longest common sequence, by the classic table: cell (i, j) is its length in what follows both."""
    table = [[0] * (len(made) + 1) for _ in range(len(original) + 1)]
    for at in range(len(original) - 1, -1, -1):
        for made_at in range(len(made) - 1, -1, -1):
            same = original[at] == made[made_at]
            table[at][made_at] = (
                table[at + 1][made_at + 1] + 1 if same else max(table[at + 1][made_at], table[at][made_at + 1])
            )
    pairs = []
    at = made_at = 0
    while at < len(original) and made_at < len(made):
        if original[at] == made[made_at]:
            pairs.append((at, made_at))
            at, made_at = at + 1, made_at + 1
        elif table[at + 1][made_at] >= table[at][made_at + 1]:
            at += 1
        else:
            made_at += 1
    return pairs
