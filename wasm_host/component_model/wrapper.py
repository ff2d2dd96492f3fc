"""Wrap an untrusted component in one of our own, which gives it everything it may import and speaks for it. Pure.

The wrapper is assembled byte by byte, because the untrusted component is embedded as it is, megabytes of it.
In it: the WASI of wasi.py, one instance for each interface that the component imports, with exactly the types
that it says; the component itself; and the translator, which is all that the host ever calls. The result
imports nothing. Types are compared by Wasmtime when it compiles the result, so nothing rests on what is read
here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import wasmtime

from wasm_host.component_model import wasi
from wasm_host.component_model.binary import COMPONENT_PREAMBLE, name, section, unsigned, vector
from wasm_host.component_model.imports import ComponentImports, Import
from wasm_host.component_model.shim import Argument

HANDLER = "symbia:component/handler@1.0.0"

TRANSLATED = ("open", "process", "close", "put", "more")
"""The exports of the translator, and of the wrapper with it."""

_TRANSLATOR = Path(__file__).with_name("translator.wat")
_CORE_MODULE, _CORE_INSTANCE, _COMPONENT, _INSTANCE, _ALIAS, _TYPE, _CANON, _EXPORT = 1, 2, 4, 5, 6, 7, 8, 11
_EXTERN = b"\0"
_SORT_CORE_FUNCTION, _SORT_CORE_MEMORY = b"\0\0", b"\0\2"
_SORT_FUNCTION, _SORT_TYPE, _SORT_INSTANCE = b"\1", b"\3", b"\5"
_U64 = 0x77


class WrappedComponent(NamedTuple):
    """A component that imports nothing, and whether it takes the clock (export ``tell``)."""

    content: bytes
    takes_clock: bool


def wrap(component: bytes, imported: ComponentImports) -> WrappedComponent:
    """Return the wrapper.

    Args:
        component: the untrusted one, which exports HANDLER and whose imports are all WASI
        imported: what it imports
    """
    parts = [COMPONENT_PREAMBLE]
    takes_clock = False
    if imported.imports:
        takes_clock = any(each.name.startswith(wasi.TIME_AND_CHANCE) for each in imported.imports)
        parts += _world(imported, takes_clock=takes_clock)
    parts += _inside(component, imported.imports)
    translated = len(imported.imports) + 2
    parts.append(_aliases([(_SORT_FUNCTION, 0, translated, each) for each in TRANSLATED]))
    first = len(imported.functions) + takes_clock
    exports = [(each, first + at) for at, each in enumerate(TRANSLATED)]
    if takes_clock:
        exports.append(("tell", first - 1))
    parts.append(
        _section_of(
            _EXPORT, [_EXTERN + name(each) + _SORT_FUNCTION + unsigned(at) + b"\0" for each, at in exports]
        )
    )
    return WrappedComponent(b"".join(parts), takes_clock)


def _section_of(kind: int, items: list[bytes]) -> bytes:
    return section(kind, vector(items))


def _aliases(items: Sequence[tuple[bytes, int, int, str]]) -> bytes:
    """Name exports of instances: (sort, 0 for a component's instance or 1 for a core one, its index, name)."""
    return _section_of(
        _ALIAS,
        [sort + unsigned(kind) + unsigned(instance) + name(export) for sort, kind, instance, export in items],
    )


def _core_module(text: str) -> bytes:
    return section(_CORE_MODULE, bytes(wasmtime.wat2wasm(text)))


def _world(imported: ComponentImports, *, takes_clock: bool) -> list[bytes]:
    """Return core instances 0: handles, 1: makers of handles, 2: the answers. Then an instance for each import."""
    made = wasi.resources([(each.interface, each.name) for each in imported.resources])
    makers = {each.name: each.type_index for each in imported.resources}
    names = [(f"{each.interface}#{each.name}", each.flat) for each in imported.functions]
    first = 1 + len(made) + 1
    count = len(names)
    parts = [
        _core_module(wasi.HANDLES_MODULE),
        _section_of(_CORE_INSTANCE, [b"\0\0\0"]),
        _aliases([(_SORT_CORE_FUNCTION, 1, 0, "drop")]),
        *(section(_TYPE, vector([each])) for each in imported.types),
        _section_of(_CANON, [b"\2" + unsigned(makers[each]) for each in made]),
        _section_of(
            _CORE_INSTANCE,
            [b"\1" + vector([name(each) + b"\0" + unsigned(1 + at) for at, each in enumerate(made)])],
        ),
        _core_module(wasi.wasi_module(names, made)),
        _section_of(_CORE_INSTANCE, [b"\0\1" + vector([name("handles") + b"\x12\0", name("new") + b"\x12\1"])]),
        _aliases([(_SORT_CORE_MEMORY, 1, 2, "memory"), (_SORT_CORE_FUNCTION, 1, 2, "realloc")]),
        _aliases([(_SORT_CORE_FUNCTION, 1, 2, f"f{at}") for at in range(count)]),
    ]
    options = vector([b"\3\0", b"\4" + unsigned(first - 1)])
    lifted = [
        b"\0\0" + unsigned(first + at) + options + unsigned(each.type_index)
        for at, each in enumerate(imported.functions)
    ]
    if takes_clock:
        parameters = vector([name(each) + bytes([_U64]) for each in ("now", "seed")])
        parts.append(section(_TYPE, vector([b"\x40" + parameters + b"\1\0"])))
        parts.append(_aliases([(_SORT_CORE_FUNCTION, 1, 2, "tell")]))
        lifted.append(b"\0\0" + unsigned(first + count) + options + unsigned(len(imported.types)))
    parts.append(_section_of(_CANON, lifted))
    for at, each in enumerate(imported.imports):
        parts.append(section(_COMPONENT, each.shim))
        given = vector([_given(argument) for argument in each.arguments])
        parts.append(_section_of(_INSTANCE, [b"\0" + unsigned(at) + given]))
    return parts


def _given(argument: Argument) -> bytes:
    sort = _SORT_FUNCTION if argument.is_function else _SORT_TYPE
    return name(argument.name) + sort + unsigned(argument.number)


def _inside(component: bytes, imports: Sequence[Import]) -> list[bytes]:
    """Return the sections that instantiate the untrusted component and the translator."""
    count = len(imports)
    given = vector([name(each.name) + _SORT_INSTANCE + unsigned(at) for at, each in enumerate(imports)])
    translator = bytes(wasmtime.wat2wasm(_TRANSLATOR.read_text(encoding="utf-8")))
    return [
        section(_COMPONENT, component),
        section(_COMPONENT, translator),
        _section_of(_INSTANCE, [b"\0" + unsigned(count) + given]),
        _aliases([(_SORT_INSTANCE, 0, count, HANDLER)]),
        _section_of(
            _INSTANCE,
            [b"\0" + unsigned(count + 1) + vector([name("handler") + _SORT_INSTANCE + unsigned(count + 1)])],
        ),
    ]
