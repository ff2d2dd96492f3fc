"""Expected values, and patterns among them, held against what came. Pure.

A value means itself, as JSON means it: 1 and 1.0 are one number, and 1 is not true. An object whose keys begin
with ``$`` is a pattern: ``{$gt: 0, $lt: 1}``; docs/testing-components.md lists them. What differs is told with its
place.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.schemas.tasks import compile_schema
from proto import codec
from proto.shapes import meant

SHOWN_CHARACTERS = 200
"""Characters of a value that are shown; a person looks up the rest."""

NEAR = 1e-9
"""The distance of a number where ``$near`` stands alone: a share of it, and so much at least."""

_NOTHING: Any = object()
"""Stands for a member that is not there."""


def is_number(value: Any) -> bool:
    """Return whether a value is a number in JSON."""
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "number": is_number,
    "integer": lambda value: is_number(value) and float(value).is_integer(),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


class Difference(msgspec.Struct, frozen=True):
    """One place where something else came than was expected.

    Attributes:
        path: the place, such as ``[0].total``; empty for the whole value.
        words: what was expected, and what came.
    """

    path: str
    words: str


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are one in JSON."""
    if is_number(one) and is_number(other):
        return bool(one == other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def show(value: Any) -> str:
    """Return a value as JSON text, cut where it is long."""
    if value is _NOTHING:
        return "nothing"
    text = codec.encode(value).decode()
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def is_pattern(value: Any) -> bool:
    """Return whether a value is a pattern, or is meant to be one."""
    return isinstance(value, dict) and any(key.startswith("$") for key in value)


def differences(wanted: Any, got: Any) -> list[Difference]:
    """Return where what came is not what was expected; empty where it fits."""
    return list(_differences(wanted, got, "", is_partial=False))


def fits(wanted: Any, got: Any) -> bool:
    """Return whether what came is what was expected."""
    return next(_differences(wanted, got, "", is_partial=False), None) is None


def find_mistakes(wanted: Any, path: str = "") -> Iterator[str]:
    """Return everything that is wrong with an expectation itself, whatever comes."""
    if isinstance(wanted, list):
        for index, item in enumerate(wanted):
            yield from find_mistakes(item, f"{path}[{index}]")
    elif is_pattern(wanted):
        yield from _mistakes_of_pattern(wanted, path)
    elif isinstance(wanted, dict):
        for key, value in wanted.items():
            yield from find_mistakes(value, _member(path, key))


def _mistakes_of_pattern(pattern: Mapping[str, Any], path: str) -> Iterator[str]:
    place = f"{path}: " if path else ""
    plain = next((key for key in pattern if not key.startswith("$")), None)
    if plain is not None:
        yield f"{place}{plain} stands beside patterns; plain members stand in {{$subset: …}} or {{$exactly: …}}"
        return
    for key, argument in pattern.items():
        matcher = _MATCHERS.get(key)
        if key == "$within":
            if "$near" not in pattern or not is_number(argument) or argument < 0:
                yield f"{place}$within is a number, and stands beside $near"
        elif matcher is None:
            known = ", ".join(_MATCHERS)
            hint = meant(key, _MATCHERS) or f"; known are {known}"
            yield f"{place}{key} is no pattern{hint}; a value that looks like one stands in {{$exactly: …}}"
        elif not matcher.takes(argument):
            yield f"{place}{key} takes {matcher.argument}, not {show(argument)}"
        elif key == "$subset":
            for name, value in argument.items():
                yield from find_mistakes(value, _member(path, name))
        elif key in _INNER:
            yield from find_mistakes(argument, path)


def _differences(wanted: Any, got: Any, path: str, *, is_partial: bool) -> Iterator[Difference]:
    """Yield what differs; where it ``is_partial``, objects may have members that are not named."""
    if is_pattern(wanted):
        for key, argument in wanted.items():
            if key == "$within":
                continue
            if key == "$near":
                argument = (argument, wanted.get("$within"))  # noqa: PLW2901  both make one condition
            yield from _MATCHERS[key].find(argument, got, path)
    elif got is _NOTHING:
        yield Difference(path, f"expected {show(wanted)}, and nothing came")
    elif isinstance(wanted, list) and isinstance(got, list):
        yield from _differences_of_lists(wanted, got, path, is_partial=is_partial)
    elif isinstance(wanted, dict) and isinstance(got, dict):
        for key, value in wanted.items():
            yield from _differences(value, got.get(key, _NOTHING), _member(path, key), is_partial=is_partial)
        for key in () if is_partial else got.keys() - wanted.keys():
            yield Difference(_member(path, key), f"got {show(got[key])}, which was not expected")
    elif not is_same(wanted, got):
        yield Difference(path, f"expected {show(wanted)}, got {show(got)}")


def _differences_of_lists(
    wanted: Sequence[Any], got: Sequence[Any], path: str, *, is_partial: bool
) -> Iterator[Difference]:
    for index in range(max(len(wanted), len(got))):
        place = f"{path}[{index}]"
        if index >= len(wanted):
            yield Difference(place, f"got {show(got[index])}, which was not expected")
        else:
            value = got[index] if index < len(got) else _NOTHING
            yield from _differences(wanted[index], value, place, is_partial=is_partial)


def _member(path: str, key: str) -> str:
    if key.isidentifier():
        return f"{path}.{key}" if path else key
    return f"{path}[{show(key)}]"


class _Matcher(msgspec.Struct, frozen=True):
    """One kind of pattern.

    Attributes:
        argument: words for what it takes.
        takes: whether it takes an argument.
        find: what differs.
    """

    argument: str
    takes: Callable[[Any], bool]
    find: Callable[[Any, Any, str], Iterator[Difference]]


def _holding(words: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str], Iterator[Difference]]:
    """Return a finder of one difference: where a condition on a value does not hold."""

    def find(argument: Any, got: Any, path: str) -> Iterator[Difference]:
        if got is _NOTHING or not holds(argument, got):
            came = "and nothing came" if got is _NOTHING else f"got {show(got)}"
            yield Difference(path, f"expected {words.format(show(argument))}, {came}")

    return find


def _find_absent(argument: bool, got: Any, path: str) -> Iterator[Difference]:
    if argument and got is not _NOTHING:
        yield Difference(path, f"got {show(got)}, which was to be absent")
    if not argument and got is _NOTHING:
        yield Difference(path, "expected something, and nothing came")


def _find_subset(argument: Mapping[str, Any], got: Any, path: str) -> Iterator[Difference]:
    if isinstance(got, dict):
        yield from _differences(argument, got, path, is_partial=True)
    else:
        yield from _holding("an object with {}", lambda _, __: False)(argument, got, path)


def _find_exact(argument: Any, got: Any, path: str) -> Iterator[Difference]:
    yield from _holding("{}", is_same)(argument, got, path)


def _find_all(argument: Sequence[Any], got: Any, path: str) -> Iterator[Difference]:
    for each in argument:
        yield from _differences(each, got, path, is_partial=False)


def _find_items(argument: Any, got: Any, path: str) -> Iterator[Difference]:
    if not isinstance(got, list):
        yield from _holding("an array of {}", lambda _, __: False)(argument, got, path)
        return
    for index, item in enumerate(got):
        yield from _differences(argument, item, f"{path}[{index}]", is_partial=False)


def _find_near(argument: tuple[float, float | None], got: Any, path: str) -> Iterator[Difference]:
    number, given = argument
    within = NEAR * max(1.0, abs(number)) if given is None else given
    if not is_number(got) or abs(got - number) > within:
        came = "and nothing came" if got is _NOTHING else f"got {show(got)}"
        yield Difference(path, f"expected {show(number)} within {within:g}, {came}")


def _find_length(argument: Any, got: Any, path: str) -> Iterator[Difference]:
    if not isinstance(got, str | list | dict):
        yield from _holding("a text, an array or an object of length {}", lambda _, __: False)(argument, got, path)
        return
    for each in _differences(argument, len(got), path, is_partial=False):
        yield Difference(path, f"{each.words} as the length of {show(got)}")


def _find_unordered(argument: Sequence[Any], got: Any, path: str) -> Iterator[Difference]:
    if not isinstance(got, list):
        yield from _holding("the items {} in any order", lambda _, __: False)(argument, got, path)
        return
    left = pair_off(argument, got)
    for place in left[0]:
        yield Difference(
            path, f"expected an item {show(argument[place])}, and none of those that came is left for it"
        )
    for place in left[1]:
        yield Difference(f"{path}[{place}]", f"got {show(got[place])}, which was not expected")


def pair_off(wanted: Sequence[Any], got: Sequence[Any]) -> tuple[list[int], list[int]]:
    """Pair each expected item with one that came, as many as can be; return the places of those left over.

    Patterns may overlap, so that the first item that fits is not always the one to take: augmenting paths find the
    most pairs.
    """
    fitting = [[place for place, item in enumerate(got) if fits(each, item)] for each in wanted]
    taken: dict[int, int] = {}
    unmet = [index for index in range(len(wanted)) if not _find_place(index, fitting, taken)]
    return unmet, [place for place in range(len(got)) if place not in taken]


def _find_place(start: int, fitting: Sequence[Sequence[int]], taken: dict[int, int]) -> bool:
    """Give an item a place, others being moved where they must; return whether there is one."""
    came_from: dict[int, int] = {}  # the item that asked for each place
    waiting = [start]
    for index in waiting:
        for place in fitting[index]:
            if place in came_from:
                continue
            came_from[place] = index
            if place in taken:
                waiting.append(taken[place])
                continue
            free: int | None = place
            while free is not None:
                mover = came_from[free]
                former = next((each for each, item in taken.items() if item == mover), None)
                taken[free] = mover
                if former is not None:
                    del taken[former]
                free = former
            return True
    return False


def _is_pattern_text(argument: Any) -> bool:
    return isinstance(argument, str) and _is_schema({"pattern": argument})


def _is_schema(argument: Any) -> bool:
    try:
        return isinstance(argument, dict) and compile_schema(argument) is not None
    except ValueError:
        return False


def _matches(argument: str, got: Any) -> bool:
    return isinstance(got, str) and _obeys({"pattern": argument}, got)


def _obeys(schema: Mapping[str, Any], got: Any) -> bool:
    return bool(compile_schema(schema).is_valid(got))


def _contains(argument: Any, got: Any) -> bool:
    if isinstance(got, str):
        return isinstance(argument, str) and argument in got
    return isinstance(got, list) and any(fits(argument, item) for item in got)


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Return a condition for two numbers, or two texts in the order of their characters."""
    return lambda argument, got: (
        ((is_number(got) and is_number(argument)) or (isinstance(got, str) and isinstance(argument, str)))
        and compare(got, argument)
    )


def _is_comparable(argument: Any) -> bool:
    return is_number(argument) or isinstance(argument, str)


def _is_anything(argument: Any) -> bool:
    del argument
    return True


def _is_true(argument: Any) -> bool:
    return argument is True


def _is_list(argument: Any) -> bool:
    return isinstance(argument, list)


_NUMBER_OR_TEXT = "a number or a text"

_MATCHERS: dict[str, _Matcher] = {
    "$any": _Matcher("true", _is_true, _holding("any value", lambda _, __: True)),
    "$absent": _Matcher("true or false", lambda argument: isinstance(argument, bool), _find_absent),
    "$type": _Matcher(
        f"one of {', '.join(_TYPES)}",
        lambda argument: isinstance(argument, str) and argument in _TYPES,
        _holding("a value of type {}", lambda argument, got: _TYPES[argument](got)),
    ),
    "$matches": _Matcher("a regular expression", _is_pattern_text, _holding("a text that matches {}", _matches)),
    "$schema": _Matcher("a JSON Schema", _is_schema, _holding("a value that obeys {}", _obeys)),
    "$subset": _Matcher("an object", lambda argument: isinstance(argument, dict), _find_subset),
    "$contains": _Matcher("a text, or what an item is to be", _is_anything, _holding("{} in it", _contains)),
    "$items": _Matcher("what each item is to be", _is_anything, _find_items),
    "$unordered": _Matcher("an array", _is_list, _find_unordered),
    "$length": _Matcher(
        "a number or a pattern",
        lambda argument: is_number(argument) or is_pattern(argument),
        _find_length,
    ),
    "$near": _Matcher("a number", is_number, _find_near),
    "$gt": _Matcher(_NUMBER_OR_TEXT, _is_comparable, _holding("more than {}", _comparing(lambda a, b: a > b))),
    "$gte": _Matcher(_NUMBER_OR_TEXT, _is_comparable, _holding("at least {}", _comparing(lambda a, b: a >= b))),
    "$lt": _Matcher(_NUMBER_OR_TEXT, _is_comparable, _holding("less than {}", _comparing(lambda a, b: a < b))),
    "$lte": _Matcher(_NUMBER_OR_TEXT, _is_comparable, _holding("at most {}", _comparing(lambda a, b: a <= b))),
    "$oneOf": _Matcher(
        "an array",
        _is_list,
        _holding("one of {}", lambda argument, got: any(fits(each, got) for each in argument)),
    ),
    "$all": _Matcher("an array", _is_list, _find_all),
    "$not": _Matcher(
        "a value or a pattern",
        _is_anything,
        _holding("anything but {}", lambda argument, got: not fits(argument, got)),
    ),
    "$exactly": _Matcher("any value", _is_anything, _find_exact),
}

_INNER = frozenset({"$contains", "$items", "$unordered", "$length", "$oneOf", "$all", "$not"})
"""Patterns whose arguments are expectations themselves."""

PATTERNS = (*_MATCHERS, "$within")
"""The names of all patterns."""
