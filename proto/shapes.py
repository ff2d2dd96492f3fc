"""The values that may stand at a place of a shape: for people whose document has something else there.

msgspec says ``Invalid enum value 'python'``, or ``Object contains unknown field `x```, and leaves the reader to
guess what it would take. The shape knows.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

SHOWN_CHOICES = 40
"""Values or names that are listed; no shape of ours has as many."""

COMPARED_CHARACTERS = 100
"""Characters of a wrong name that are compared; a longer one is like no other, and comparing takes the square."""

_STEP = re.compile(r"\.([^.\[]+)|\[(.*?)\]")


def choices_for(error: msgspec.ValidationError, shape: Any) -> str:
    """Return what would be right at the place of an error, as an end of its sentence; "" where that is not known.

    Args:
        error: of a conversion to ``shape``.
        shape: a type that msgspec knows.
    """
    message, _, place = str(error).partition(" - at `$")
    at_place = _inside(_inspected(shape), place.removesuffix("`"))
    if message.startswith("Invalid enum value"):
        values = [repr(value) if isinstance(value, int) else f'"{value}"' for value in _values(at_place)]
        return _listed("; it is one of ", values)
    if message.startswith("Object contains unknown field"):
        names = list(_names(at_place))
        return _listed("; known are ", names) + meant(message.partition("`")[2].rpartition("`")[0], names)
    if message.startswith("Expected `object`"):
        return _listed("; an object has the fields ", list(_names(at_place)))
    return ""


def meant(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like a wrong one, as an end of its sentence; "" where none is."""
    near = get_close_matches(name, list(known), n=1) if len(name) <= COMPARED_CHARACTERS else []
    return f"; did you mean {near[0]}?" if near else ""


@lru_cache(maxsize=256)
def _inspected(shape: Any) -> inspect.Type:
    return inspect.type_info(shape)


def _inside(whole: inspect.Type, place: str) -> list[inspect.Type]:
    """Return the types at a place: several where there is a choice."""
    found = list(_alternatives(whole))
    for step in _STEP.finditer(place):
        found = [inner for each in found for part in _parts(each, step[1]) for inner in _alternatives(part)]
    return found


def _alternatives(kind: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    elif isinstance(kind, inspect.Metadata):
        yield from _alternatives(kind.type)
    else:
        yield kind


def _parts(kind: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """Return what lies in a type under a name, or, without one, in brackets."""
    if isinstance(kind, inspect.StructType):
        yield from (field.type for field in kind.fields if field.encode_name == name)
    elif isinstance(kind, inspect.DictType):
        yield kind.value_type
    elif isinstance(kind, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
        yield kind.item_type


def _values(kinds: list[inspect.Type]) -> Iterator[Any]:
    for kind in kinds:
        if isinstance(kind, inspect.LiteralType):
            yield from kind.values
        elif isinstance(kind, inspect.EnumType):
            yield from (member.value for member in kind.cls)


def _names(kinds: list[inspect.Type]) -> Iterator[str]:
    for kind in kinds:
        if isinstance(kind, inspect.StructType):
            yield from (field.encode_name for field in kind.fields)


def _listed(beginning: str, words: list[str]) -> str:
    if not words:
        return ""
    more = f" and {len(words) - SHOWN_CHOICES} more" if len(words) > SHOWN_CHOICES else ""
    return f"{beginning}{', '.join(words[:SHOWN_CHOICES])}{more}"
