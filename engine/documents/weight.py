"""The weight of a decoded JSON value: its bytes of text and its values, counted without making the text. Pure.

Bytes alone are no measure: a megabyte of ``[[],[],...]`` is a third of a million lists, of 60 bytes each.
"""

from typing import Any

import msgspec

from engine.cooperative.slices import Steps

VALUE_BYTES = 64
"""Memory of a value beside its text: an object, its place in a container, a share of what that has to spare."""

_VALUES_BETWEEN_YIELDS = 1_000
"""About 0.2 ms."""


class Weight(msgspec.Struct, frozen=True):
    """Bytes of JSON text, but for escapes, and values of every kind: the outermost one and all names included."""

    size_bytes: int = 0
    values: int = 0

    def __add__(self, other: "Weight") -> "Weight":
        return Weight(self.size_bytes + other.size_bytes, self.values + other.values)

    def without(self, other: "Weight") -> "Weight":
        """Return the rest of a weight that includes another one."""
        return Weight(self.size_bytes - other.size_bytes, self.values - other.values)

    @property
    def memory_bytes(self) -> int:
        """Memory that so many values take once they are decoded, roughly."""
        return self.size_bytes + VALUE_BYTES * self.values

    def exceeds(self, bound: "Weight") -> bool:
        """Return whether it is more than a bound allows, in one measure or the other."""
        return self.size_bytes > bound.size_bytes or self.values > bound.values


def weigh(value: Any, bound: Weight) -> Steps[Weight]:
    """Weigh a value; where the weight exceeds the bound, return some that does: no more is looked at."""
    size_bytes = 0
    values = 0
    left: list[Any] = [value]
    while left:
        item = left.pop()
        values += 1
        if isinstance(item, dict | list | tuple):
            names = len(item) if isinstance(item, dict) else 0
            size_bytes += 2 + names + max(0, len(item) - 1)
            if values + len(left) + len(item) + names > bound.values:
                return Weight(size_bytes, values + len(left) + len(item) + names)
            left.extend(item)
            if isinstance(item, dict):
                left.extend(item.values())
        else:
            size_bytes += _scalar_bytes(item, bound)
        if size_bytes > bound.size_bytes:
            return Weight(size_bytes, values)
        if not values % _VALUES_BETWEEN_YIELDS:
            yield
    return Weight(size_bytes, values)


def _scalar_bytes(item: object, bound: Weight) -> int:
    """Bytes of a text, number, truth value or null; of a text that is too long anyway, its characters."""
    if isinstance(item, str):
        is_counted = item.isascii() or len(item) > bound.size_bytes
        return 2 + (len(item) if is_counted else len(item.encode("utf-8", "surrogatepass")))
    if isinstance(item, bool) or item is None:
        return 4
    return item.bit_length() // 3 + 1 if isinstance(item, int) else 8
