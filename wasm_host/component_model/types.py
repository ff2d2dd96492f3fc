"""Types of the Component Model: copied from one component into another, and flattened to core types. Pure.

A type names other types by their index, and every component counts its own. ``copy_type`` reads one
from an untrusted component and writes it with the indices that the same types have in ours. On the way it finds
out how the Canonical ABI hands such values over: as so many core values, or in memory.
"""

from collections.abc import Sequence
from typing import NamedTuple

from wasm_host.component_model.binary import Cursor, MalformedError, type_index, unsigned

_FUNCTION_TYPE = 0x40

MAX_FLAT_PARAMETERS = 16
MAX_FLAT_RESULTS = 1
_TOO_MANY = 64
"""Flat values beyond this many are not told apart: they go through memory anyway, and a bomb of types stays
small."""

_PRIMITIVES = {
    **dict.fromkeys((0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x7A, 0x79, 0x74), ("i32",)),
    **dict.fromkeys((0x78, 0x77), ("i64",)),
    0x76: ("f32",),
    0x75: ("f64",),
    0x73: ("i32", "i32"),
}
"""bool, the integers to 32 bits and char; 64-bit integers; floats; string."""

Flat = tuple[str, ...]


class FlatFunction(NamedTuple):
    """A core function's signature, as a component function is lifted from it."""

    parameters: Flat
    results: Flat


class Type(NamedTuple):
    """A type of the component being copied.

    ``number`` is its index in ours; ``flat`` is its flat form, None for what has no values: functions and
    resources.
    """

    number: int
    flat: Flat | None
    function: FlatFunction | None = None
    has_resource: bool = False

    @property
    def is_resource(self) -> bool:
        """True for a resource."""
        return self.flat is None and self.function is None

    def at(self, number: int) -> "Type":
        """Return the same type at another index."""
        return self._replace(number=number)


def _joined(cases: Sequence[Flat]) -> Flat:
    """Return the flat form of a variant: its discriminant, then whatever fits each case."""
    merged: list[str] = []
    for case in cases:
        for place, core in enumerate(case):
            if place == len(merged):
                merged.append(core)
            elif merged[place] != core:
                merged[place] = "i32" if {merged[place], core} == {"i32", "f32"} else "i64"
    return ("i32", *merged)[:_TOO_MANY]


class _Copy:
    """One type on its way: what was read so far is in ``out``."""

    def __init__(self, cursor: Cursor, space: Sequence[Type]) -> None:
        self.cursor = cursor
        self.space = space
        self.out = bytearray()
        self.has_resource = False

    def _known(self, index: int) -> Type:
        if index >= len(self.space):
            raise MalformedError(f"a type names type {index} of {len(self.space)}")
        known = self.space[index]
        self.has_resource = self.has_resource or known.has_resource or known.is_resource
        return known

    def value(self) -> Flat:
        """Copy a value type: a primitive's code or an index."""
        code = self.cursor.peek()
        if 0x40 <= code <= 0x7F:
            if code not in _PRIMITIVES:
                raise MalformedError(f"a value type has the unknown code {code:#x}")
            self.out.append(self.cursor.byte())
            return _PRIMITIVES[code]
        known = self._known(self.cursor.type_index())
        if known.flat is None:
            raise MalformedError("a value type names a type that has no values")
        self.out += type_index(known.number)
        return known.flat

    def optional_value(self) -> Flat:
        present = self.cursor.byte()
        self.out.append(present)
        return self.value() if present else ()

    def label(self) -> None:
        text = self.cursor.name().encode()
        self.out += unsigned(len(text)) + text

    def count(self) -> int:
        count = self.cursor.count()
        self.out += unsigned(count)
        return count

    def labelled_values(self) -> Flat:
        flat: list[str] = []
        for _ in range(self.count()):
            self.label()
            flat += self.value()
        return tuple(flat[:_TOO_MANY])

    def labels(self) -> int:
        count = self.count()
        for _ in range(count):
            self.label()
        return count

    def case(self) -> Flat:
        self.label()
        flat = self.optional_value()
        self.out.append(self.cursor.byte())
        return flat

    def defined(self) -> Flat:  # noqa: PLR0911 - one for each code
        """Copy a defined value type; its code first."""
        code = self.cursor.peek()
        if code in _PRIMITIVES:
            return self.value()
        self.out.append(self.cursor.byte())
        match code:
            case 0x72:
                return self.labelled_values()
            case 0x71:
                return _joined([self.case() for _ in range(self.count())])
            case 0x70:
                self.value()
                return ("i32", "i32")
            case 0x6F:
                flat = [core for _ in range(self.count()) for core in self.value()]
                return tuple(flat[:_TOO_MANY])
            case 0x6E | 0x6D:
                self.labels()
                return ("i32",)
            case 0x6B:
                return _joined([(), self.value()])
            case 0x6A:
                return _joined([self.optional_value(), self.optional_value()])
            case 0x69 | 0x68:
                self.out += unsigned(self._known(self.cursor.unsigned()).number)
                return ("i32",)
        raise MalformedError(f"a type has the code {code:#x}, which components here may not use")

    def function(self) -> FlatFunction:
        """Copy a function type; its code first."""
        self.out.append(self.cursor.byte())
        parameters = self.labelled_values()
        results: Flat = ()
        none = self.cursor.byte()
        self.out.append(none)
        if none:
            self.out.append(self.cursor.byte())
        else:
            results = self.value()
        return FlatFunction(
            parameters if len(parameters) <= MAX_FLAT_PARAMETERS else ("i32",),
            results if len(results) <= MAX_FLAT_RESULTS else ("i32",),
        )


def copy_type(cursor: Cursor, space: Sequence[Type], index: int) -> tuple[bytes, Type]:
    """Copy a value or function type into our indices; it becomes type ``index`` of ours. Raises MalformedError.

    Args:
        cursor: stands at the type's code, and afterwards behind the type
        space: the types that it may name, by the index by which it names them
        index: which it becomes
    """
    copy = _Copy(cursor, space)
    if cursor.peek() == _FUNCTION_TYPE:
        function = copy.function()
        return bytes(copy.out), Type(index, None, function, copy.has_resource)
    flat = copy.defined()
    return bytes(copy.out), Type(index, flat, None, copy.has_resource)
