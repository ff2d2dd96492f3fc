"""Node configuration against the keys that a component declares. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from engine.documents.hints import Hints
from engine.documents.problem_report import MAX_PROBLEMS, SHOWN_NAMES, listed, shown
from proto.component import ConfigField
from proto.problem import Problem


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[object], bool]] = {
    "any": lambda _: True,
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or float(str(value)).is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list | tuple),
    "null": lambda value: value is None,
}

ANY_KEY = "*"
"""Stands among the declared keys for all that are not; they are taken as they come."""

CONFIG_TYPES = frozenset(_TYPES)
"""The type names that a ``ConfigField`` may bear."""


def defaults_of(fields: Mapping[str, ConfigField]) -> dict[str, Any]:
    """Return the declared defaults, of the keys that have one."""
    return {key: field.default for key, field in fields.items() if field.default is not msgspec.UNSET}


def complete(config: Mapping[str, Any], fields: Mapping[str, ConfigField]) -> dict[str, Any]:
    """Return the configuration with the declared defaults filled in."""
    return {**defaults_of(fields), **config}


def check(config: Mapping[str, Any], fields: Mapping[str, ConfigField]) -> list[Problem]:
    """Return the first problems of a configuration; paths are relative to it."""
    return list(islice(find_problems(config, fields, Hints()), MAX_PROBLEMS))


def find_problems(config: Mapping[str, Any], fields: Mapping[str, ConfigField], hints: Hints) -> Iterator[Problem]:
    """Return everything that is wrong with a configuration; paths are relative to it.

    A component that declares no key at all takes any, and so does one that declares ``*``.
    """
    for key, field in fields.items():
        if field.required and key not in config:
            message = f"Config key {shown(key)} is required: {shown(field.description, 500)}".rstrip(": ")
            yield Problem("config.missing_key", shown(key), message)
    takes_any = not fields or ANY_KEY in fields
    for key, value in config.items():
        field_of_key = fields.get(key)
        if field_of_key is not None:
            yield from _check_value(shown(key), value, field_of_key)
        elif not takes_any:
            yield Problem("config.unknown_key", shown(key), _unknown(key, fields, hints))


def _unknown(key: str, known: Iterable[str], hints: Hints) -> str:
    close = hints.similar(key, known)
    hint = f"did you mean {close}?" if close else f"known are {listed(known)}"
    return f"Config key {shown(key)} is not known; {hint}"


def _check_value(key: str, value: object, field: ConfigField) -> Iterator[Problem]:
    # A type name that we do not know is the component author's own; it forbids nothing.
    if not _TYPES.get(field.type, _TYPES["any"])(value):
        yield Problem("config.wrong_type", key, f"Config key {key} must be of type {field.type}")
    elif field.enum and value not in field.enum:
        yield Problem("config.not_allowed", key, f"Config key {key} must be one of {_choices(field.enum)}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if field.minimum is not None and not value >= field.minimum:
            yield Problem("config.out_of_range", key, f"Config key {key} must be at least {field.minimum:.16g}")
        elif field.maximum is not None and not value <= field.maximum:
            yield Problem("config.out_of_range", key, f"Config key {key} must be at most {field.maximum:.16g}")


def _choices(enum: tuple[Any, ...]) -> str:
    """Return the first values of an enumeration, for people."""
    first = [shown(choice) for choice in enum[:SHOWN_NAMES]]
    return ", ".join([*first, f"and {len(enum) - SHOWN_NAMES} more"] if len(enum) > SHOWN_NAMES else first)
