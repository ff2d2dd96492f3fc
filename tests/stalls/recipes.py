"""Recipes: texts of any size, written small, so that they can be kept, read, and changed at random.

A recipe is a string, or a list that begins with what it does:

    ["cat", a, b, ...]      one after the other
    ["rep", a, n]           n times
    ["each", a, n, between] n times, with § replaced by 0, 1, 2, ..., and a text between them
    ["hex", "00ff"]         bytes that are no text

Changes keep a recipe well formed, not its text: that is what is searched for.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

Recipe = Any
"""A string or a list, as above; it goes through JSON."""

LIMIT_BYTES = 12 * 1024 * 1024
"""The largest text that is made: as much as the service takes."""

INDEX = "§"
_NUMBER_LIMIT = 10_000_000
_PARTS_LIMIT = 150
_DEPTH_LIMIT = 20


class RecipeTooLargeError(Exception):
    """A recipe whose text would be larger than the limit."""


def size_of(recipe: Recipe) -> int:
    """Bytes of a recipe's text; for ["each", ...] at most one more for each index."""
    match recipe:
        case str():
            return len(recipe.encode("utf-8", "surrogatepass"))
        case ["cat", *parts]:
            return sum(map(size_of, parts))
        case ["rep", part, count]:
            return size_of(part) * int(count)
        case ["each", part, count, between]:
            return (size_of(part) + 7 * _indexes(part) + size_of(between)) * int(count)
        case ["hex", digits]:
            return len(digits) // 2
    raise ValueError(f"no recipe: {recipe!r:.80}")


def _indexes(recipe: Recipe) -> int:
    if isinstance(recipe, str):
        return recipe.count(INDEX)
    return sum(_indexes(part) for part in recipe[1:] if isinstance(part, str | list))


def render(recipe: Recipe, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """The text of a recipe.

    Raises:
        RecipeTooLargeError: it would be larger than the limit.
    """
    if size_of(recipe) > limit_bytes:
        raise RecipeTooLargeError
    return _text(recipe)


def _text(recipe: Recipe) -> bytes:
    match recipe:
        case str():
            return recipe.encode("utf-8", "surrogatepass")
        case ["cat", *parts]:
            return b"".join(map(_text, parts))
        case ["rep", part, count]:
            return _text(part) * int(count)
        case ["each", part, count, between]:
            text, index = _text(part), INDEX.encode()
            return _text(between).join(text.replace(index, b"%d" % number) for number in range(int(count)))
        case ["hex", digits]:
            return bytes.fromhex(digits)
    raise ValueError(f"no recipe: {recipe!r:.80}")


def places(recipe: Recipe, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """The paths to a recipe and to all recipes in it."""
    yield path
    if isinstance(recipe, list):
        for position, part in enumerate(recipe):
            if position and isinstance(part, str | list) and recipe[0] != "hex":
                yield from places(part, (*path, position))


def at(recipe: Recipe, path: Sequence[int]) -> Recipe:
    """The recipe at a path."""
    for position in path:
        recipe = recipe[position]
    return recipe


def replaced(recipe: Recipe, path: Sequence[int], new: Recipe) -> Recipe:
    """A recipe with another one at a path."""
    if not path:
        return new
    changed = list(recipe)
    changed[path[0]] = replaced(recipe[path[0]], path[1:], new)
    return changed


def numbers(recipe: Recipe) -> list[tuple[int, ...]]:
    """The paths to all counts."""
    found = []
    for path in places(recipe):
        part = at(recipe, path)
        if isinstance(part, list) and part[0] in {"rep", "each"}:
            found.append((*path, 2))
    return found


def grown(recipe: Recipe, factor: float) -> Recipe:
    """A recipe with its largest count times a factor; as it is where it has none."""
    paths = numbers(recipe)
    if not paths:
        return recipe
    largest = max(paths, key=lambda path: int(at(recipe, path)))
    return replaced(recipe, largest, max(1, int(at(recipe, largest) * factor)))


def changed(recipe: Recipe, draw: random.Random, pool: Sequence[Recipe]) -> Recipe:
    """A recipe with one random change: grown, shrunk, nested, repeated, cut, spliced with one of a pool."""
    counts = numbers(recipe)
    if counts and draw.random() < 0.5:
        path = draw.choice(counts)
        factor = draw.choice([0.5, 1.5, 2, 2, 4, 10])
        return replaced(recipe, path, min(_NUMBER_LIMIT, max(1, int(at(recipe, path) * factor))))
    path = draw.choice(list(places(recipe)))
    part = at(recipe, path)
    match draw.randrange(6):
        case 0:
            new: Recipe = ["rep", part, draw.choice([2, 10, 100, 1000])]
        case 1:
            opening, closing = draw.choice([("[", "]"), ('{"a":', "}"), ('"', '"'), ("(", ")"), ("{", "}")])
            depth = draw.choice([1, 10, 100, 150])
            new = ["cat", ["rep", opening, depth], part, ["rep", closing, depth]]
        case 2:
            new = draw.choice(pool)
        case 3:
            new = ["cat", part, draw.choice(pool)]
        case 4:
            new = ["cat", draw.choice(pool), part]
        case _:
            new = _cut(part, draw)
    result = replaced(recipe, path, new)
    return result if _is_readable(result) else recipe


def _is_readable(recipe: Recipe) -> bool:
    """Whether a recipe is still small: large texts come of counts, not of large recipes."""
    paths = list(places(recipe))
    return len(paths) <= _PARTS_LIMIT and max(map(len, paths)) <= _DEPTH_LIMIT


def _cut(part: Recipe, draw: random.Random) -> Recipe:
    if isinstance(part, str):
        if not part:
            return ""
        position = draw.randrange(len(part))
        return draw.choice(
            [part[:position], part[position:], part[:position] + draw.choice('\\"{}[],:0é\x00') + part[position:]]
        )
    if part[0] == "cat" and len(part) > 2:
        position = draw.randrange(1, len(part))
        return [*part[:position], *part[position + 1 :]]
    return part
