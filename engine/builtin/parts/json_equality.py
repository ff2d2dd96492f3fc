"""Equality as JSON has it, which is not Python's: ``true`` is not 1, at any depth. Pure."""

from typing import Any


def is_same(left: Any, right: Any) -> bool:
    """Return whether two decoded values are equal; 1 is 1.0. It recurses as deep as they are nested."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(is_same(*pair) for pair in zip(left, right, strict=True))
    return bool(left == right)


def holds(items: list[Any], wanted: Any) -> bool:
    """Return whether a value is one of a list's."""
    if not isinstance(wanted, dict | list | tuple) and wanted not in items:
        return False  # quickly; where it seems to be there, true may stand for 1
    return any(is_same(item, wanted) for item in items)
