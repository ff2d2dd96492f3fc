"""The amounts of many values: counts, sums, extremes, first and last, distinct ones. Pure."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Literal

import msgspec

from engine.builtin.parts.fields import Field, number_json
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.kept import KeptNumber, number_kept, number_of
from engine.builtin.parts.refusal import RefusedError

Operation = Literal["count", "sum", "mean", "min", "max", "first", "last", "distinct"]

NUMERIC: frozenset[str] = frozenset({"sum", "mean", "min", "max"})

PLAIN_BYTES = 4 * 1024
"""A value of which ``first`` and ``last`` keep the text, or that ``distinct`` tells apart."""

DISTINCT_LIMIT = 1_000
"""Values that one window tells apart."""


class Aggregation(msgspec.Struct, frozen=True):
    """One aggregate.

    Attributes:
        name: of the field that it stands in.
        operation: what is done.
        field: of the values; none for their count.
    """

    name: str
    operation: Operation
    field: Field | None


_AMOUNT_BYTES = 500
_DISTINCT_BYTES = 100

Fact = float | int | bytes
"""The part of a value that an aggregate is made of: a number, or a JSON text."""


def fact_of(aggregation: Aggregation, document: Document) -> Fact:
    """Return what an aggregate needs to know of a message.

    Raises:
        RefusedError: it has not got it.
    """
    if aggregation.field is None:
        return 1
    if aggregation.operation in NUMERIC:
        return aggregation.field.number(document)
    found = aggregation.field.find(document)
    if found is None:
        raise RefusedError("MissingField", f'the message has no field "{aggregation.field.name}"')
    if len(found) > PLAIN_BYTES:
        message = f'field "{aggregation.field.name}" has {len(found)} bytes; {PLAIN_BYTES} are kept'
        raise RefusedError("ValueTooLarge", message)
    return found.strip()


class Amount:
    """The amount that one aggregate has come to, of the values of one window.

    Args:
        operation: what is done.

    Attributes:
        held_bytes: the bytes that it takes.
    """

    __slots__ = ("_count", "_is_whole", "_operation", "_sum", "_value", "_values", "held_bytes")

    def __init__(self, operation: Operation) -> None:
        self.held_bytes = _AMOUNT_BYTES
        self._operation = operation
        self._count = 0
        self._sum = Fraction(0)
        self._is_whole = True
        self._value: Fact | None = None
        self._values: dict[bytes, None] = {}

    def refuse(self, fact: Fact) -> None:
        """Raise ``RefusedError`` where a fact cannot be taken in."""
        if self._operation == "distinct" and len(self._values) >= DISTINCT_LIMIT and fact not in self._values:
            raise RefusedError("TooManyValues", f"A window tells {DISTINCT_LIMIT} values apart, and this is new")

    def add(self, fact: Fact) -> None:
        """Take a fact in that is not refused."""
        self._count += 1
        operation = self._operation
        if isinstance(fact, bytes):
            if operation == "distinct":
                self._tell_apart(fact)
            elif operation == "last" or self._value is None:
                self.held_bytes += len(fact) - (len(self._value) if isinstance(self._value, bytes) else 0)
                self._value = fact
        elif operation in ("sum", "mean"):
            self._sum += Fraction(fact)
            self._is_whole &= isinstance(fact, int)
        elif operation == "min":
            self._value = fact if self._value is None else min(fact, self._value)
        elif operation == "max":
            self._value = fact if self._value is None else max(fact, self._value)

    def _tell_apart(self, text: bytes) -> None:
        if text not in self._values:
            self._values[text] = None
            self.held_bytes += _DISTINCT_BYTES + len(text)

    def join(self, later: "Amount") -> None:
        """Take in what another one has come to, of values that belong behind its own."""
        count, whole, fraction, value, values = later._facts()  # noqa: SLF001 - one of us
        if value is not None:
            self.add(value)
            self._count -= 1
        for text in values:
            self._tell_apart(text)
        self._count += count
        self._sum += fraction
        self._is_whole &= whole

    def copy(self) -> "Amount":
        """Return one that has come to the same."""
        other = Amount(self._operation)
        other._set(*self._facts())
        return other

    def _facts(self) -> tuple[int, bool, Fraction, Fact | None, Iterable[bytes]]:
        return self._count, self._is_whole, self._sum, self._value, self._values

    def _set(
        self, count: int, is_whole: bool, fraction: Fraction, value: Fact | None, values: Iterable[bytes]
    ) -> None:
        self._count, self._is_whole, self._sum, self._value = count, is_whole, fraction, value
        self.held_bytes += len(value) if isinstance(value, bytes) else 0
        for text in values:
            self._tell_apart(text)

    def text(self) -> msgspec.Raw:
        """Return it as JSON text."""
        if self._operation == "count":
            return number_json(self._count)
        if self._operation == "distinct":
            return number_json(len(self._values))
        if self._operation == "sum":
            return number_json(int(self._sum) if self._is_whole else float(self._sum))
        if self._operation == "mean":
            return number_json(float(self._sum / self._count))
        assert self._value is not None, "a window has a value"  # noqa: S101 - it is opened by one
        return msgspec.Raw(self._value) if isinstance(self._value, bytes) else number_json(self._value)

    def kept(self) -> Any:
        """Return it in a form that can be encoded."""
        value = self._value
        text = value if isinstance(value, bytes) else None
        number = None if value is None or isinstance(value, bytes) else number_kept(value)
        whole = [number_kept(self._sum.numerator), number_kept(self._sum.denominator)]
        return [self._count, whole, self._is_whole, text, number, list(self._values)]

    @classmethod
    def restored(cls, operation: Operation, kept: Any) -> "Amount":
        """Return what was kept; raises ValueError and its like where that cannot be."""
        shape = tuple[int, tuple[KeptNumber, KeptNumber], bool, bytes | None, KeptNumber | None, list[bytes]]
        count, (numerator, denominator), is_whole, text, number, values = msgspec.convert(kept, shape)
        if count < 1 or (operation in ("min", "max", "first", "last")) == (text is None and number is None):
            raise ValueError("a window has a value")
        fraction = Fraction(int(number_of(numerator)), int(number_of(denominator)))
        amount = cls(operation)
        amount._set(count, is_whole, fraction, text if number is None else number_of(number), values)
        return amount
