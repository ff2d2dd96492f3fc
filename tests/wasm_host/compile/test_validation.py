"""What is refused before it is compiled, and that every refusal says what is wrong."""

import contextlib
import functools

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasm_host.component_model.components import component
from tests.wasm_host.sandboxes import module_text
from wasm_host.compile.validation import check_exports, validate_module, wrapped
from wasm_host.component_model.binary import COMPONENT_PREAMBLE, section, unsigned, vector
from wasm_host.errors import ModuleError
from wasm_host.limits import GuestLimits

_LIMITS = GuestLimits(memory_bytes=1024 * 1024, table_elements=1000, module_bytes=100_000)


def _module(**parts: str) -> bytes:
    return bytes(wasmtime.wat2wasm(module_text(**parts)))


def _wat(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def test_a_guest_module_is_a_module() -> None:
    """A module with the ABI's exports and without imports is admitted."""
    assert validate_module(_module(), _LIMITS) == "module"


def test_a_component_with_the_handler_is_a_component() -> None:
    """A component that exports the contract's interface is admitted."""
    assert validate_module(component(), _LIMITS) == "component"


MODULES = {
    "imports a function": (
        {"extra": ""},
        '(import "env" "secret" (func))',
        "wants to import env.secret; a module imports nothing",
    ),
    "imports WASI": (
        {},
        '(import "wasi_snapshot_preview1" "fd_write" (func))',
        "wants to import wasi_snapshot_preview1.fd_write",
    ),
    "imports a memory, a table and a global": (
        {},
        '(import "a" "m" (memory 1 2)) (import "a" "t" (table 1 funcref)) (import "a" "g" (global i32))',
        "wants to import a.m, a.t, a.g",
    ),
    "lacks an export": ({"symbia_process": ""}, "", "does not export symbia_process"),
    "lacks its memory": ({"memory": "(memory 2)"}, "", "does not export memory"),
    "begins with too much memory": (
        {"memory": '(memory (export "memory") 17)'},
        "",
        "begins with 1,114,112 bytes",
    ),
    "has two memories": ({"extra": "(memory 1)"}, "", "has 2 memories"),
    "has an enormous table": ({"extra": "(table 1001 funcref)"}, "", "begins with 1,001 elements"),
    "has a table of references": ({"extra": "(table 1001 externref)"}, "", "begins with 1,001 elements"),
}


@pytest.mark.parametrize("case", MODULES)
def test_a_module_is_refused(case: str) -> None:
    """Each thing that a module may not be is named."""
    parts, imports, words = MODULES[case]
    content = _wat(module_text(**parts).replace("(module", f"(module {imports}", 1))
    with pytest.raises(ModuleError, match=words):
        validate_module(content, _LIMITS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not WebAssembly"),
        (b"\x7fELF", "not WebAssembly"),
        (b"\0asm\x02\0\0\0", "not WebAssembly"),
        (b"(module)", "text form"),
        (b"\n (component)", "text form"),
        (b"\0asm\x01\0\0\0" + bytes(100_000), "has 100,008 bytes; it may have 100,000"),
        (b"\0asm\x01\0\0\0\x02\xff", "not a valid WebAssembly module"),
        (COMPONENT_PREAMBLE + b"\x0a\x7f", "not a valid WebAssembly component"),
        (COMPONENT_PREAMBLE, "does not export symbia:component/handler@1.0.0"),
    ],
)
def test_bytes_are_refused(content: bytes, words: str) -> None:
    """What is no module at all says so."""
    with pytest.raises(ModuleError, match=words):
        validate_module(content, _LIMITS)


COMPONENTS = {
    "exports another version": (
        {"handler": "symbia:component/handler@2.0.0"},
        "it exports symbia:component/handler@2",
    ),
    "makes resources": (
        {"imports": "(type $r (resource (rep i32))) (core func $new (canon resource.new $r))"},
        "resources of its own",
    ),
    "begins with too much memory": ({"memory": '(memory (export "memory") 17)'}, "begins with 1,114,112 bytes"),
    "has three memories": ({"extra": "(memory 1) (memory 1)"}, "has 3 memories"),
    "has an enormous table": ({"extra": "(table 1001 funcref)"}, "begins with 1,001 elements"),
    "hides a module in a component": (
        {"imports": "(component (component (core module (memory 17))))"},
        "begins with 1,114,112 bytes",
    ),
    "is nested too deeply": ({"imports": "(component " * 9 + ")" * 9}, "more than 8 deep"),
    "consists of too many modules": ({"imports": "(core module)" * 101}, "more than 100 modules"),
}


@pytest.mark.parametrize("case", COMPONENTS)
def test_a_component_is_refused(case: str) -> None:
    """Each thing that a component may not be is named."""
    parts, words = COMPONENTS[case]
    with pytest.raises(ModuleError, match=words):
        validate_module(component(**parts), _LIMITS)


SMUGGLED = {
    "evil:host/files@1.0.0": "evil:host/files@1.0.0; it may import WASI 0.2",
    "wasi:filesystem/types@0.3.0": "wasi:filesystem/types@0.3.0; it may import WASI 0.2",
    "wasi:nn/tensor@0.2.0": "wasi:nn/tensor@0.2.0; it may import WASI 0.2",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_an_import_is_refused_by_name(name: str) -> None:
    """Only WASI 0.2 may be imported; anything else is named."""
    content = component(imports=f'(import "{name}" (instance (export "read" (func (result u32)))))')
    with pytest.raises(ModuleError, match=SMUGGLED[name]):
        wrapped(content)


@pytest.mark.parametrize(
    "imports",
    [
        '(import "wasi:cli/exit@0.2.0" (component))',
        '(import "f" (func))',
        '(import "wasi:cli/exit@0.2.0" (instance (export "inner" (instance))))',
        '(import "wasi:cli/exit@0.2.0" (instance (export "m" (core module))))',
    ],
)
def test_other_kinds_of_imports_are_refused(imports: str) -> None:
    """Components, plain functions, instances and modules within instances are no WASI interface."""
    with pytest.raises(ModuleError, match=r"import|type has the code|declaration of the unknown kind"):
        wrapped(component(imports=imports))


def test_functions_of_the_wrong_type_are_refused() -> None:
    """An export of the ABI's name is not enough."""
    engine = wasmtime.Engine()
    wrong = '(func (export "symbia_close") (param i32) (result i32) (i32.const 0))'
    with pytest.raises(ModuleError, match=r"'symbia_close' must be \(\) -> i32"):
        check_exports(wasmtime.Module(engine, _module(symbia_close=wrong)))
    check_exports(wasmtime.Module(engine, _module()))


@functools.cache
def _honest() -> tuple[bytes, ...]:
    imports = """(import "wasi:clocks/wall-clock@0.2.3" (instance $clock
      (type $datetime' (record (field "seconds" u64) (field "nanoseconds" u32)))
      (export "datetime" (type $datetime (eq $datetime')))
      (export "now" (func (result $datetime)))))"""
    return _module(), component(), component(imports=imports)


@settings(deadline=None)
@given(st.data())
def test_damaged_modules_are_admitted_or_refused(data: st.DataObject) -> None:
    """Whatever bytes are changed, looking ends with an answer or with ModuleError."""
    content = bytearray(data.draw(st.sampled_from(_honest())))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(8, len(content)))])
    with contextlib.suppress(ModuleError):
        if validate_module(damaged, _LIMITS) == "component":
            assert wrapped(damaged).content.startswith(COMPONENT_PREAMBLE)


@given(st.lists(st.tuples(st.integers(0, 12), st.binary(max_size=40)), max_size=8))
def test_any_sections_are_admitted_or_refused(parts: list[tuple[int, bytes]]) -> None:
    """A component of arbitrary sections ends with an answer or with ModuleError."""
    content = COMPONENT_PREAMBLE + b"".join(section(kind, data) for kind, data in parts)
    for look in (functools.partial(validate_module, limits=_LIMITS), wrapped):
        with contextlib.suppress(ModuleError):
            assert look(content)


def test_a_long_chain_of_types_is_read_in_bounded_time() -> None:
    """Types that name each other twice do not double what is kept of them."""
    types = [b"\x73"] + [b"\x6f" + vector([unsigned(at), unsigned(at)]) for at in range(60)]
    content = COMPONENT_PREAMBLE + section(7, vector(types)) + section(10, vector([b"\0\1f\1\0"]))
    with pytest.raises(ModuleError, match="wants to import f"):
        wrapped(content)
