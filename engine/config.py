"""Node configuration against the keys that a component declares. Pure."""

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import msgspec

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

MAX_HINTS = 20
"""Unknown keys of one node that are answered with a similar name; looking for one takes its time."""

ANY_KEY = "*"
"""Stands among the declared keys for all that are not; they are taken as they come."""

CONFIG_TYPES = frozenset(_TYPES)
"""The type names that a ``ConfigField`` may bear."""


def complete(config: Mapping[str, Any], fields: Mapping[str, ConfigField]) -> dict[str, Any]:
    """The configuration with the declared defaults filled in."""
    defaults = {key: field.default for key, field in fields.items() if field.default is not msgspec.UNSET}
    return {**defaults, **config}


def check(config: Mapping[str, Any], fields: Mapping[str, ConfigField]) -> list[Problem]:
    """Everything that is wrong with a configuration; paths are relative to it.

    A component that declares no key at all takes any, and so does one that declares ``*``.
    """
    problems = [
        Problem("config.missing_key", key, f"Config key {key} is required: {field.description}".rstrip(": "))
        for key, field in fields.items()
        if field.required and key not in config
    ]
    hints = 0
    for key, value in config.items():
        field = fields.get(key)
        if field is not None:
            problems += _check_value(key, value, field)
        elif fields and ANY_KEY not in fields:
            hints += 1
            problems.append(Problem("config.unknown_key", key, _unknown(key, fields, hints=hints <= MAX_HINTS)))
    return problems


def _unknown(key: str, known: Iterable[str], *, hints: bool) -> str:
    close = get_close_matches(key, list(known), n=1) if hints else []
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"Config key {key} is not known; {hint}"


def _check_value(key: str, value: object, field: ConfigField) -> list[Problem]:
    # A type name that we do not know is the component author's own; it forbids nothing.
    if not _TYPES.get(field.type, _TYPES["any"])(value):
        return [Problem("config.wrong_type", key, f"Config key {key} must be of type {field.type}")]
    if field.enum and value not in field.enum:
        allowed = ", ".join(str(choice) for choice in field.enum)
        return [Problem("config.not_allowed", key, f"Config key {key} must be one of {allowed}")]
    if isinstance(value, int | float) and not isinstance(value, bool):
        if field.minimum is not None and not value >= field.minimum:
            return [Problem("config.out_of_range", key, f"Config key {key} must be at least {field.minimum:g}")]
        if field.maximum is not None and not value <= field.maximum:
            return [Problem("config.out_of_range", key, f"Config key {key} must be at most {field.maximum:g}")]
    return []
