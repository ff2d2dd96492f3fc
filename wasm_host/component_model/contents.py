"""The contents of a component, as far as they matter before it is compiled. Pure.

Wasmtime will say whether a component is valid. What is looked for here is valid, and still too much to ask:
memories and tables that can never fit, resources of its own (their table of handles grows in the host's memory,
where no limit reaches), and functions that wait for each other.
"""

from wasm_host.component_model.binary import Cursor, MalformedError, Section, sections
from wasm_host.component_model.core_module import CoreModule, read_module
from wasm_host.errors import ModuleError

MAX_DEPTH = 8
"""Components within components; tools nest them once or twice."""

MAX_MODULES = 100
"""Core modules in all; a Python component has 14."""

MAX_MEMORIES = 2
"""Memories of the component's own, each of which may reach the limit. Some tools define a second, and leave it
empty."""

_CORE_MODULE, _COMPONENT, _CANON, _EXPORT = 1, 4, 8, 11
_LIFT, _LOWER, _RESOURCE_NEW, _RESOURCE_DROP, _RESOURCE_REP = range(5)
_ENCODINGS, _WITH_INDEX = range(3), range(3, 6)


class ComponentContents:
    """Everything in a component and in the components within it; ``exports`` are its own only."""

    def __init__(self) -> None:
        self.modules: list[CoreModule] = []
        self.exports: list[str] = []

    @property
    def memories(self) -> int:
        """The number of memories that its modules define."""
        return sum(len(module.memory_pages) for module in self.modules)


def read_component(content: bytes) -> ComponentContents:
    """Look through a component.

    Raises:
        MalformedError: it is none.
        ModuleError: it does what components here may not do.
    """
    contents = ComponentContents()
    _look(content, 8, len(content), 0, contents)
    if contents.memories > MAX_MEMORIES:
        raise ModuleError(f"the component has {contents.memories} memories; it may have {MAX_MEMORIES}")
    return contents


def _look(content: bytes, start: int, end: int, depth: int, contents: ComponentContents) -> None:
    if depth > MAX_DEPTH:
        raise ModuleError(f"the component has components within it more than {MAX_DEPTH} deep")
    for part in sections(content, start, end):
        if part.id == _CORE_MODULE:
            contents.modules.append(read_module(content, part.start, part.end))
            if len(contents.modules) > MAX_MODULES:
                raise ModuleError(f"the component consists of more than {MAX_MODULES} modules")
        elif part.id == _COMPONENT:
            _look(content, part.start + 8, part.end, depth + 1, contents)
        elif part.id == _CANON:
            _look_at_functions(content, part)
        elif part.id == _EXPORT and depth == 0:
            contents.exports += _export_names(Cursor(content, part.start, part.end))


def _look_at_functions(content: bytes, part: Section) -> None:
    cursor = Cursor(content, part.start, part.end)
    for _ in range(cursor.count()):
        kind = cursor.byte()
        if kind in (_LIFT, _LOWER):
            cursor.byte()
            cursor.unsigned()
            _look_at_options(cursor)
            if kind == _LIFT:
                cursor.unsigned()
        elif kind in (_RESOURCE_DROP, _RESOURCE_REP):
            cursor.unsigned()
        elif kind == _RESOURCE_NEW:
            raise ModuleError("the component makes resources of its own; return values instead")
        else:
            raise ModuleError(
                f"the component uses the built-in function {kind:#x} for asynchronous work; it may not"
            )


def _look_at_options(cursor: Cursor) -> None:
    for _ in range(cursor.count()):
        option = cursor.byte()
        if option in _WITH_INDEX:
            cursor.unsigned()
        elif option not in _ENCODINGS:
            raise ModuleError("the component has asynchronous functions; components here are called synchronously")


def _export_names(cursor: Cursor) -> list[str]:
    names = []
    for _ in range(cursor.count()):
        names.append(cursor.extern_name())
        if cursor.byte() == 0:
            cursor.byte()
        cursor.unsigned()
        if cursor.byte():
            _skip_description(cursor)
    return names


def _skip_description(cursor: Cursor) -> None:
    kind = cursor.byte()
    if kind == 0:
        cursor.byte()
    if kind == 3 and cursor.byte():
        return
    if kind > 5 or kind == 2:
        raise MalformedError(f"an export is described as of the unknown kind {kind}")
    cursor.unsigned()
