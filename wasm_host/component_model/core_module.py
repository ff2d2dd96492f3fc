"""The contents of a plain WebAssembly module, as far as they matter before it is compiled. Pure.

``read_module`` reads the sections that say what a module wants and gives: imports, memories, tables, exports.
"""

from typing import NamedTuple

from wasm_host.component_model.binary import Cursor, MalformedError, sections

PAGE_BYTES = 65_536

GUEST_FUNCTIONS = {
    "symbia_abi": ((), ("i32",)),
    "symbia_status": ((), ("i32",)),
    "symbia_input": (("i32",), ("i32",)),
    "symbia_open": (("i32",), ("i32",)),
    "symbia_process": (("i32",), ("i32",)),
    "symbia_close": ((), ("i32",)),
}
"""Parameters and results of what a guest must export besides its memory; see quickjs/symbia.h."""

_IMPORT, _TABLE, _MEMORY, _EXPORT = 2, 4, 5, 7
_FUNCTION_KIND, _TABLE_KIND, _MEMORY_KIND, _GLOBAL_KIND, _TAG_KIND = range(5)
_HAS_INITIALISER, _REFERENCE_WITH_TYPE = 0x40, (0x63, 0x64)


class CoreModule(NamedTuple):
    """One module. Pages and elements are what each memory and table begins with."""

    imports: list[str]
    imported_functions: list[str]
    memory_pages: list[int]
    table_elements: list[int]
    exports: list[str]


def read_module(content: bytes, start: int = 0, end: int | None = None) -> CoreModule:
    """Look through the module that the bytes from ``start`` to ``end`` hold, its preamble included.

    Raises MalformedError.
    """
    found = CoreModule([], [], [], [], [])
    read = {_IMPORT: _read_import, _TABLE: _read_table, _MEMORY: _read_memory, _EXPORT: _read_export}
    for part in sections(content, start + 8, end):
        if part.id in read:
            cursor = Cursor(content, part.start, part.end)
            for _ in range(cursor.count()):
                read[part.id](cursor, found)
    return found


def _read_import(cursor: Cursor, found: CoreModule) -> None:
    found.imports.append(f"{cursor.name()}.{cursor.name()}")
    kind = cursor.byte()
    if kind == _FUNCTION_KIND:
        cursor.unsigned()
        found.imported_functions.append(found.imports[-1])
    elif kind == _TABLE_KIND:
        _read_table_type(cursor)
    elif kind == _MEMORY_KIND:
        _read_limits(cursor)
    elif kind == _GLOBAL_KIND:
        _skip_value_type(cursor)
        cursor.byte()
    elif kind == _TAG_KIND:
        cursor.byte()
        cursor.unsigned()
    else:
        raise MalformedError(f"an import is of the unknown kind {kind}")


def _read_limits(cursor: Cursor) -> int:
    """Return the smallest size; whatever maximum there is, the store's limit is smaller or it does not matter."""
    flags = cursor.byte()
    least = cursor.unsigned(64)
    if flags & 1:
        cursor.unsigned(64)
    if flags & 8:  # pages of another size; Wasmtime will refuse them
        cursor.unsigned()
    return least


def _skip_value_type(cursor: Cursor) -> None:
    if cursor.byte() in _REFERENCE_WITH_TYPE:
        cursor.unsigned(33)


def _read_table_type(cursor: Cursor) -> int:
    _skip_value_type(cursor)
    return _read_limits(cursor)


def _read_table(cursor: Cursor, found: CoreModule) -> None:
    if cursor.peek() == _HAS_INITIALISER:
        raise MalformedError("a table has an initial value of its own, which needs a feature that is switched off")
    found.table_elements.append(_read_table_type(cursor))


def _read_memory(cursor: Cursor, found: CoreModule) -> None:
    found.memory_pages.append(_read_limits(cursor))


def _read_export(cursor: Cursor, found: CoreModule) -> None:
    found.exports.append(cursor.name())
    cursor.byte()
    cursor.unsigned()
