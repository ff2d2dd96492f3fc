"""An interface that a component imports, as a list of declarations. Pure.

Declarations build on each other by index: each type, alias and exported type takes the next one. The list is
gone through three times: to find its end, to define its types in the wrapper, and to write the shim
(shim.py).
"""

from collections.abc import Sequence
from typing import NamedTuple

from wasm_host.component_model.binary import Cursor, MalformedError
from wasm_host.component_model.types import Type, copy_type
from wasm_host.errors import ModuleError


class NewType(NamedTuple):
    """A type, defined at a position of the component's bytes."""

    at: int


class OuterType(NamedTuple):
    """A type of the component around the interface, by its index there."""

    number: int


class TypeExport(NamedTuple):
    """A name for the interface's type of that index, or for a new resource (None)."""

    name: str
    number: int | None


class FunctionExport(NamedTuple):
    """A function, whose type is the interface's of that index."""

    name: str
    number: int


Declaration = NewType | OuterType | TypeExport | FunctionExport

_NOTHING = Type(0, None)


def read_interface(cursor: Cursor, outer: Sequence[Type | None]) -> list[Declaration]:
    """Read the declarations of an instance type.

    The cursor stands behind its code, and afterwards behind its end.

    Raises:
        MalformedError: they are no instance type.
        ModuleError: they declare what cannot be answered, such as a value or an interface within.
    """
    return _Reader(cursor, outer).read()


class _Reader:
    def __init__(self, cursor: Cursor, outer: Sequence[Type | None]) -> None:
        self._cursor = cursor
        self._outer = outer
        self._types: list[Type] = []

    def read(self) -> list[Declaration]:
        return [self._declaration() for _ in range(self._cursor.count())]

    def _declaration(self) -> Declaration:
        kind = self._cursor.byte()
        if kind == 1:
            at = self._cursor.at
            self._types.append(copy_type(self._cursor, self._types, 0)[1])
            return NewType(at)
        if kind == 2:
            return self._alias()
        if kind == 4:
            return self._export()
        raise MalformedError(f"an interface has a declaration of the unknown kind {kind}")

    def _alias(self) -> OuterType:
        if (self._cursor.byte(), self._cursor.byte(), self._cursor.unsigned()) != (3, 2, 1):
            raise MalformedError("an interface has an alias to something other than a type around it")
        index = self._cursor.unsigned()
        known = self._outer[index] if index < len(self._outer) else None
        if known is None:
            raise MalformedError(f"an interface has an alias to type {index}, which cannot be used so")
        self._types.append(known)
        return OuterType(index)

    def _export(self) -> TypeExport | FunctionExport:
        name = self._cursor.extern_name()
        kind = self._cursor.byte()
        if kind == 1:
            index = self._cursor.unsigned()
            if self._local(index).function is None:
                raise MalformedError(f"the function {name} has a type that is no function's")
            return FunctionExport(name, index)
        if kind != 3:
            raise ModuleError(f"the component imports {name}, which is neither a function nor a type")
        if self._cursor.byte():
            self._types.append(_NOTHING)
            return TypeExport(name, None)
        index = self._cursor.unsigned()
        self._types.append(self._local(index))
        return TypeExport(name, index)

    def _local(self, index: int) -> Type:
        if index >= len(self._types):
            raise MalformedError(f"an interface names type {index} of {len(self._types)}")
        return self._types[index]
