"""Variables of tabs, groups and subflows, which ``${NAME}`` and ``env.get`` find; all known at the import."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.interchange.nodered.flows import number_of

_WHOLE = re.compile(r"\$\{([^\s}]+)\}")

_PARTS = re.compile(r"\$\{([^}]+)\}")
_IN_CODE = re.compile(r"(?:\benv\s*\.\s*get\(\s*['\"]([^'\"]+)['\"]\s*\)|\{\{\{?\s*env\.(\w+))")
_TYPED = (
    *(("v", "vt"), ("v2", "v2t"), ("to", "tot"), ("from", "fromt"), ("payload", "payloadType")),
    *(("property", "propertyType"), ("op1", "op1type"), ("op2", "op2type"), ("reduceInit", "reduceInitType")),
)

Environment = Mapping[str, Any]

MOST_DEPTH = 50
"""Levels of a field's lists and objects that are looked through for variables."""


def extended(outer: Environment, entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return an environment with the variables that a tab, a group or a subflow adds."""
    made = dict(outer)
    for entry in entries:
        name = entry.get("name")
        if isinstance(name, str) and name:
            made[name] = _value(entry, made)
    return made


def _value(entry: Mapping[str, Any], known: Environment) -> Any:
    value = entry.get("value", "")
    match entry.get("type", "str"):
        case "num":
            number = number_of(value)
            return int(number) if number.is_integer() else number
        case "bool":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "json":
            try:
                return msgspec.json.decode(value) if isinstance(value, str) else value
            except (msgspec.DecodeError, RecursionError):
                return value
        case "env":
            return known.get(_name(value), "")
        case _:
            return value


def _name(value: object) -> str:
    text = str(value)
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def names_used(props: Mapping[str, Any]) -> set[str]:
    """Return the names of variables that a node asks for when it runs: in fields, code and templates."""
    names: set[str] = set()
    waiting: list[tuple[Any, int]] = [(dict(props), 0)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, str):
            names.update(in_code or in_template for in_code, in_template in _IN_CODE.findall(value))
        elif depth < MOST_DEPTH and isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]
        elif depth < MOST_DEPTH and isinstance(value, dict):
            waiting += [(item, depth + 1) for item in value.values()]
            for field, kind in _TYPED:
                if value.get(kind) == "env" and isinstance(value.get(field), str):
                    names.update(_PARTS.findall(value[field]) or [value[field]])
    return names


def filled(value: Any, known: Environment, unknown: set[str], depth: int = 0) -> Any:
    """Return a field with ``${NAME}`` replaced wherever it is the whole of a text, as Node-RED does at deployment.

    Args:
        value: the field.
        known: the variables.
        unknown: takes the names that nobody has given a value; their texts stay.
        depth: levels above this one.
    """
    if isinstance(value, str):
        whole = _WHOLE.fullmatch(value)
        if whole is None:
            return value
        if whole[1] in known:
            return known[whole[1]]
        unknown.add(whole[1])
    elif depth < MOST_DEPTH and isinstance(value, list):
        return [filled(item, known, unknown, depth + 1) for item in value]
    elif depth < MOST_DEPTH and isinstance(value, dict):
        return {key: filled(item, known, unknown, depth + 1) for key, item in value.items()}
    return value
