"""Decide whether a WebAssembly module may run here: what it is, or what is wrong with it. Pure.

This is the part that looks; compiling and instantiating come after it (compiler.py), and the limits that are
looked at here are enforced there once more. It reads untrusted bytes, so it runs where it can be ended: in
the compiler's process.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

import wasmtime

from wasm_host.component_model.binary import COMPONENT_PREAMBLE, MODULE_PREAMBLE, MalformedError
from wasm_host.component_model.contents import read_component
from wasm_host.component_model.core_module import GUEST_FUNCTIONS, PAGE_BYTES, CoreModule, read_module
from wasm_host.component_model.imports import read_imports
from wasm_host.component_model.wrapper import HANDLER, WrappedComponent, wrap
from wasm_host.errors import ModuleError
from wasm_host.limits import GuestLimits

Kind = Literal["module", "component"]


def check_size(content: bytes, limits: GuestLimits) -> Kind:
    """Return what the first bytes say; refuse too many. Cheap enough for the event loop.

    Raises ModuleError.
    """
    if len(content) > limits.module_bytes:
        raise ModuleError(f"the module has {len(content):,} bytes; it may have {limits.module_bytes:,}")
    if content.startswith(COMPONENT_PREAMBLE):
        return "component"
    if content.startswith(MODULE_PREAMBLE):
        return "module"
    if content.lstrip().startswith((b"(module", b"(component")):
        raise ModuleError("this is WebAssembly's text form; send the binary form that your tools make of it")
    raise ModuleError("this is not WebAssembly: its first bytes are neither a module's nor a component's")


def validate_module(content: bytes, limits: GuestLimits) -> Kind:
    """Return what it is: a core module with the guest ABI, or a component.

    Raises:
        ModuleError: it may not run here; the message names what is wrong.
    """
    kind = check_size(content, limits)
    try:
        if kind == "module":
            _check_module(read_module(content), limits)
        else:
            _check_component(content, limits)
    except MalformedError as problem:
        raise ModuleError(f"not a valid WebAssembly {kind}: {problem}") from None
    return kind


def wrapped(content: bytes) -> WrappedComponent:
    """Return the component within one that gives it all that it imports. Raises ModuleError."""
    try:
        return wrap(content, read_imports(content))
    except (MalformedError, RecursionError) as problem:
        raise ModuleError(f"not a valid WebAssembly component: {problem}") from None


def check_exports(module: wasmtime.Module) -> None:
    """Check that a compiled core module's functions are of the ABI's types. Raises ModuleError."""
    types = {each.name: each.type for each in module.exports}
    for name, (parameters, results) in GUEST_FUNCTIONS.items():
        found = types.get(name)
        if not isinstance(found, wasmtime.FuncType):
            raise ModuleError(f"the module does not export the function '{name}' of the guest ABI (symbia.h)")
        if _names(found.params) != parameters or _names(found.results) != results:
            raise ModuleError(f"the module's '{name}' must be {_signature(parameters, results)} (symbia.h)")
    if not isinstance(types.get("memory"), wasmtime.MemoryType):
        raise ModuleError("the module does not export its memory as 'memory'")


def _names(types: Iterable[wasmtime.ValType]) -> tuple[str, ...]:
    return tuple(map(str, types))


def _signature(parameters: Sequence[str], results: Sequence[str]) -> str:
    return f"({', '.join(parameters)}) -> {', '.join(results)}"


def _check_module(module: CoreModule, limits: GuestLimits) -> None:
    if module.imports:
        raise ModuleError(
            f"the module wants to import {_listed(module.imports)}; a module imports nothing "
            "(build without WASI, or build a component)"
        )
    if len(module.memory_pages) > 1:
        raise ModuleError(f"the module has {len(module.memory_pages)} memories; it may have one")
    _check_sizes(module, limits)
    missing = [name for name in ("memory", *GUEST_FUNCTIONS) if name not in module.exports]
    if missing:
        raise ModuleError(f"the module does not export {_listed(missing)} of the guest ABI (symbia.h)")


def _check_component(content: bytes, limits: GuestLimits) -> None:
    contents = read_component(content)
    for module in contents.modules:
        _check_sizes(module, limits)
    if HANDLER not in contents.exports:
        exports = f"it exports {_listed(contents.exports)}" if contents.exports else "it exports nothing"
        raise ModuleError(f"the component does not export {HANDLER} (wit/symbia-component.wit); {exports}")


def _check_sizes(module: CoreModule, limits: GuestLimits) -> None:
    for pages in module.memory_pages:
        if pages * PAGE_BYTES > limits.memory_bytes:
            raise ModuleError(
                f"a memory begins with {pages * PAGE_BYTES:,} bytes; a guest may have {limits.memory_bytes:,}"
            )
    for elements in module.table_elements:
        if elements > limits.table_elements:
            raise ModuleError(f"a table begins with {elements:,} elements; it may have {limits.table_elements:,}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
