"""A small component that gives the parts of one interface their names. Pure.

A component can only be given an interface whose functions and types bear names that fit each other, such as
``[method]pollable.block`` of the resource ``pollable``, and WebAssembly lets nobody but a component hand out such
names. So for each interface there is one that imports the parts under any name and exports them under their
own.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from wasm_host.component_model.binary import COMPONENT_PREAMBLE, Cursor, name, section, unsigned, vector
from wasm_host.component_model.interface import Declaration, FunctionExport, NewType, OuterType, TypeExport
from wasm_host.component_model.types import Type, copy_type

_TYPE, _IMPORT, _EXPORT = 7, 10, 11
_EXTERN = b"\0"
_FUNCTION, _TYPE_SORT = b"\1", b"\3"
_EQUAL, _RESOURCE = b"\3\0", b"\3\1"


class Argument(NamedTuple):
    """An import of the shim: under this name, a type or function of the wrapper, by its index there."""

    name: str
    is_function: bool
    number: int


class Interface(NamedTuple):
    """An imported interface: its declarations, and its types as types of the wrapper."""

    declarations: Sequence[Declaration]
    types: Sequence[Type]


class Source(NamedTuple):
    """The source of shims.

    ``data`` is the untrusted component, ``interfaces`` what it imports so far, and ``origins`` says for a type
    around the interfaces which interface exports it, and under which name.
    """

    data: bytes
    interfaces: Sequence[Interface]
    origins: Mapping[int, tuple[int, str]]


def shim(source: Source, number: int, functions: Sequence[int]) -> tuple[bytes, list[Argument]]:
    """Return the component, and what it must be given.

    Args:
        source: see there
        number: of the interface
        functions: the interface's functions, in order, as functions of the wrapper
    """
    made = _Shim(source)
    inside = made.imported(number, functions)
    made.export(source.interfaces[number].declarations, inside)
    return b"".join(made.parts), made.arguments


class _Shim:
    def __init__(self, source: Source) -> None:
        self._source = source
        self.parts = [COMPONENT_PREAMBLE]
        self.arguments: list[Argument] = []
        self._types = 0
        self._exported = 0
        self._others: dict[int, dict[str, Type]] = {}

    def imported(self, number: int, functions: Sequence[int] | None) -> list[Type]:
        """Import every named type of an interface, and its functions where they are given.

        Return its types by index.
        """
        interface = self._source.interfaces[number]
        inside: list[Type] = []
        numbers = iter(functions or ())
        for each in interface.declarations:
            if isinstance(each, NewType):
                inside.append(self._defined(each.at, inside))
            elif isinstance(each, OuterType):
                inside.append(self._of_another(each.number))
            elif isinstance(each, TypeExport):
                inside.append(self._named(each, inside, interface.types[len(inside)]))
            elif functions is not None:
                self._import_function(inside[each.number].number, next(numbers))
        return inside

    def export(self, declarations: Sequence[Declaration], inside: Sequence[Type]) -> None:
        """Export the same in terms of what is exported, because an exported type counts as a new one."""
        space: list[Type] = []
        for each in declarations:
            if isinstance(each, NewType):
                space.append(self._defined(each.at, space))
            elif isinstance(each, OuterType):
                space.append(inside[len(space)])
            elif isinstance(each, TypeExport):
                source = inside[len(space)] if each.number is None else space[each.number]
                space.append(source.at(self._export_type(each.name, source.number)))
            else:
                self._export_function(each.name, space[each.number].number)

    def _of_another(self, index: int) -> Type:
        """Return another interface's type.

        All of that one's types are imported too, because they may be parts of it.
        """
        number, called = self._source.origins[index]
        if number not in self._others:
            inside = self.imported(number, None)
            self._others[number] = {
                each.name: known
                for each, known in zip(_taking_an_index(self._source.interfaces[number]), inside, strict=True)
                if isinstance(each, TypeExport)
            }
        return self._others[number][called]

    def _named(self, export: TypeExport, inside: Sequence[Type], known: Type) -> Type:
        if export.number is None:
            return known.at(self._import_type(_RESOURCE, known.number))
        local = inside[export.number]
        if local.is_resource:
            return local
        return local.at(self._import_type(_EQUAL + unsigned(local.number), known.number))

    def _defined(self, at: int, space: Sequence[Type]) -> Type:
        content, known = copy_type(Cursor(self._source.data, at), space, self._types)
        self._add(_TYPE, content)
        self._types += 1
        return known

    def _import_type(self, bound: bytes, index: int) -> int:
        called = f"type{len(self.arguments)}"
        self._add(_IMPORT, _EXTERN + name(called) + bound)
        self.arguments.append(Argument(called, is_function=False, number=index))
        self._types += 1
        return self._types - 1

    def _import_function(self, type_at: int, index: int) -> None:
        called = f"function{len(self.arguments)}"
        self._add(_IMPORT, _EXTERN + name(called) + _FUNCTION + unsigned(type_at))
        self.arguments.append(Argument(called, is_function=True, number=index))

    def _export_type(self, called: str, type_at: int) -> int:
        self._add(_EXPORT, _EXTERN + name(called) + _TYPE_SORT + unsigned(type_at) + b"\0")
        self._types += 1
        return self._types - 1

    def _export_function(self, called: str, type_at: int) -> None:
        ascribed = b"\1" + _FUNCTION + unsigned(type_at)
        self._add(_EXPORT, _EXTERN + name(called) + _FUNCTION + unsigned(self._exported) + ascribed)
        self._exported += 1

    def _add(self, kind: int, item: bytes) -> None:
        self.parts.append(section(kind, vector([item])))


def _taking_an_index(interface: Interface) -> list[Declaration]:
    return [each for each in interface.declarations if not isinstance(each, FunctionExport)]
