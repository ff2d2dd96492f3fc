"""The beginning of a component: its imports, and the types that they are made of. Pure.

Reading it is a walk through the component's index spaces for types and instances, as far as the last import.
The types are copied on the way, in the order in which the wrapper will define them; see
wrapper.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

from wasm_host.component_model.binary import Cursor, MalformedError, Section, sections
from wasm_host.component_model.interface import Declaration, NewType, OuterType, TypeExport, read_interface
from wasm_host.component_model.shim import Argument, Interface, Source, shim
from wasm_host.component_model.types import FlatFunction, Type, copy_type
from wasm_host.component_model.wasi import is_wasi, without_version
from wasm_host.errors import ModuleError

_INSTANCE, _ALIAS, _TYPE, _IMPORT, _EXPORT = 5, 6, 7, 10, 11
_INSTANCE_TYPE = 0x42
_INSTANCE_SORT = 5
_RESOURCE = b"\x3f\x7f\x01\x00"
"""A resource represented by an i32, whose destructor is core function 0."""

_MAX_FUNCTIONS = 2_000
"""Functions that a component may import; all of WASI 0.2 has about 300."""


class Import(NamedTuple):
    """One interface that the component imports, and the shim that names its parts."""

    name: str
    shim: bytes
    arguments: list[Argument]


class Function(NamedTuple):
    """One function that it imports."""

    interface: str
    name: str
    type_index: int
    flat: FlatFunction


class Resource(NamedTuple):
    """One resource that it imports."""

    interface: str
    name: str
    type_index: int


class ComponentImports:
    """The imports that were read; ``types`` are definitions for the wrapper, in order."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.types: list[bytes] = []
        self.functions: list[Function] = []
        self.resources: list[Resource] = []


def read_imports(component: bytes) -> ComponentImports:
    """Read the imports.

    Raises:
        ModuleError: one of them is not of the WASI that is answered; it is named.
        MalformedError: the bytes are no component.
    """
    parts = list(sections(component))
    last = max((at for at, part in enumerate(parts) if part.id == _IMPORT), default=-1)
    walk = _Walk(component)
    for part in parts[: last + 1]:
        walk.section(part)
    return walk.imported


class _Walk:
    """The component's types (None for those that no import can use) and its instances' types, by their index."""

    def __init__(self, component: bytes) -> None:
        self._component = component
        self._types: list[Type | None] = []
        self._bodies: dict[int, list[Declaration]] = {}
        self._instances: list[Interface] = []
        self._exports: list[dict[str, Type]] = []
        self._origins: dict[int, tuple[int, str]] = {}
        self._source = Source(component, self._instances, self._origins)
        self.imported = ComponentImports()

    def section(self, part: Section) -> None:
        read = {_TYPE: self._define, _IMPORT: self._import, _ALIAS: self._alias}.get(part.id)
        if part.id in (_INSTANCE, _EXPORT):
            raise ModuleError(
                "the component has instances or exports before its imports, which wit-component never writes"
            )
        if read is None:
            return
        cursor = Cursor(self._component, part.start, part.end)
        for _ in range(cursor.count()):
            read(cursor)

    def _define(self, cursor: Cursor) -> None:
        if cursor.peek() == _INSTANCE_TYPE:
            cursor.byte()
            self._bodies[len(self._types)] = read_interface(cursor, self._types)
            self._types.append(None)
        else:
            self._types.append(self._copied(cursor, [each or _NOTHING for each in self._types]))

    def _copied(self, cursor: Cursor, space: Sequence[Type]) -> Type:
        content, known = copy_type(cursor, space, len(self.imported.types))
        self.imported.types.append(content)
        return known

    def _import(self, cursor: Cursor) -> None:
        called = cursor.extern_name()
        if not is_wasi(called):
            raise ModuleError(
                f"the component wants to import {called}; it may import WASI 0.2 and nothing else, "
                "and whatever it does is returned from its functions"
            )
        kind, index = cursor.byte(), cursor.unsigned()
        if kind != _INSTANCE_SORT or index not in self._bodies:
            raise ModuleError(f"the component imports {called}, but not as an interface")
        declarations = self._bodies[index]
        first = len(self.imported.functions)
        types, exported = self._provide(without_version(called), declarations)
        functions = range(first, len(self.imported.functions))
        self._instances.append(Interface(declarations, types))
        self._exports.append(exported)
        content, arguments = shim(self._source, len(self._instances) - 1, functions)
        self.imported.imports.append(Import(called, content, arguments))

    def _provide(self, interface: str, declarations: Sequence[Declaration]) -> tuple[list[Type], dict[str, Type]]:
        """Define an interface's types and functions; return its types by index, and the exported ones by name."""
        types: list[Type] = []
        exported: dict[str, Type] = {}
        for each in declarations:
            if isinstance(each, NewType):
                types.append(self._copied(Cursor(self._component, each.at), types))
            elif isinstance(each, OuterType):
                types.append(self._types[each.number] or _NOTHING)
            elif isinstance(each, TypeExport):
                known = self._resource(interface, each.name) if each.number is None else types[each.number]
                types.append(known)
                exported[each.name] = known
            else:
                self._function(interface, each.name, types[each.number])
        return types, exported

    def _function(self, interface: str, called: str, known: Type) -> None:
        functions = self.imported.functions
        if len(functions) >= _MAX_FUNCTIONS or known.function is None:
            raise ModuleError(f"the component imports more than {_MAX_FUNCTIONS:,} functions")
        functions.append(Function(interface, called, known.number, known.function))

    def _resource(self, interface: str, called: str) -> Type:
        known = Type(len(self.imported.types), None)
        self.imported.types.append(_RESOURCE)
        self.imported.resources.append(Resource(interface, called, known.number))
        return known

    def _alias(self, cursor: Cursor) -> None:
        sort = cursor.byte()
        if sort == 0:
            cursor.byte()
        if cursor.byte() == 2:
            cursor.unsigned()
            cursor.unsigned()
            if sort in (3, 5):
                raise ModuleError("the component's imports use types from outside of it, where nothing is")
            return
        instance, called = cursor.unsigned(), cursor.name()
        if sort not in (3, 5):
            return
        if sort == _INSTANCE_SORT or instance >= len(self._exports) or called not in self._exports[instance]:
            raise MalformedError(f"an alias names the export {called}, which is not there")
        self._origins[len(self._types)] = (instance, called)
        self._types.append(self._exports[instance][called])


_NOTHING = Type(0, None)
