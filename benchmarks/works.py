"""What a node does with a value, said once for every engine: in JavaScript, and in Python for those written in it.

The Python also says which value must come out in the end, so that a figure counts only where the work was done.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

WorkName = Literal["double", "same", "read", "change", "items"]


class Work(NamedTuple):
    """One kind of work.

    Attributes:
        label: for tables.
        expression: JavaScript, of ``value``.
        run: the same in Python.
    """

    label: str
    expression: str
    run: Callable[[Any], Any]


def _read(value: Any) -> Any:
    return value if value["customer"]["country"] == "DE" else None


def _change(value: Any) -> Any:
    return {**value, "total": value["price"] * value["qty"]}


def _items(value: Any) -> Any:
    return {**value, "items": [_change(item) for item in value["items"]]}


WORKS: dict[WorkName, Work] = {
    "double": Work("doubled", "value * 2", lambda value: value * 2),
    "same": Work("handed on", "value", lambda value: value),
    "read": Work("one path read", "value.customer.country === 'DE' ? value : null", _read),
    "change": Work("one field changed", "({...value, total: value.price * value.qty})", _change),
    "items": Work(
        "items mapped",
        "({...value, items: value.items.map((item) => ({...item, total: item.price * item.qty}))})",
        _items,
    ),
}
