"""Large bulk instructions become loops: that do the same, that can be interrupted, in whatever a module holds."""

import functools
from collections.abc import Callable

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasm_host.component_model.components import component
from wasm_host.compile.bulk_instructions import PIECE_BYTES, interruptible
from wasm_host.compile.validation import wrapped
from wasm_host.component_model.binary import COMPONENT_PREAMBLE, MODULE_PREAMBLE, MalformedError, section, vector
from wasm_host.sandbox import javascript
from wasm_host.wasmtime_c import core as capi

PAGES = 40
MEMORY_BYTES = PAGES * 65_536
SEGMENT_BYTES = 3 * PIECE_BYTES + 5

_PATTERN = "".join(f"\\{at % 251:02x}" for at in range(SEGMENT_BYTES))
TEXT = f"""(module
    (memory (export "memory") {PAGES}) (memory (export "other") {PAGES})
    (data $pattern "{_PATTERN}")
    (table 10 funcref)
    (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
    (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
    (func (export "across") (param i32 i32 i32) (memory.copy 1 0 (local.get 0) (local.get 1) (local.get 2)))
    (func (export "init") (param i32 i32 i32) (memory.init $pattern (local.get 0) (local.get 1) (local.get 2)))
    (func (export "dropped") (param i32 i32 i32)
        (data.drop $pattern) (memory.init $pattern (local.get 0) (local.get 1) (local.get 2))))"""

Run = Callable[[str, int, int, int], tuple[bool, bytes, bytes]]


@functools.cache
def _engine() -> capi.Engine:
    return wasmtime.Engine()


@functools.cache
def _modules() -> tuple[wasmtime.Module, wasmtime.Module]:
    content = bytes(wasmtime.wat2wasm(TEXT))
    return wasmtime.Module(_engine(), content), wasmtime.Module(_engine(), interruptible(content))


def _memories(module: wasmtime.Module, name: str, *arguments: int) -> tuple[bool, bytes, bytes]:
    """Whether a call trapped, and what the memories hold after it."""
    store = wasmtime.Store(_engine())
    exports = wasmtime.Instance(store, module, []).exports(store)
    exports["init"](store, 0, 0, SEGMENT_BYTES)  # type: ignore[operator]
    memories = exports["memory"], exports["other"]
    trapped = False
    try:
        exports[name](store, *(each - 2**32 if each >> 31 else each for each in arguments))  # type: ignore[operator]
    except wasmtime.Trap:
        trapped = True
    first, second = (bytes(each.read(store)) for each in memories)  # type: ignore[union-attr]
    return trapped, first, second


_PLACES = st.one_of(
    st.integers(0, MEMORY_BYTES + 10),
    st.sampled_from([0, 1, PIECE_BYTES, MEMORY_BYTES - 1, MEMORY_BYTES, 2**31, 2**32 - 1, 2**32 - PIECE_BYTES]),
)


@given(st.sampled_from(["fill", "copy", "across", "init", "dropped"]), _PLACES, _PLACES, _PLACES)
@settings(max_examples=150, deadline=None)
def test_the_pieces_do_what_the_instruction_does(name: str, target: int, source: int, length: int) -> None:
    """Wherever it reads and writes, overlapping or not: the memories are the same after it, and so is its trap."""
    plain, changed = (_memories(module, name, target, source, length) for module in _modules())
    assert changed[0] == plain[0]
    if not plain[0]:  # after a trap nobody looks at a guest's memory
        assert changed == plain


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("copy", (PIECE_BYTES // 2, 0, 5 * PIECE_BYTES)), ("copy", (0, PIECE_BYTES // 2, 5 * PIECE_BYTES))],
)
def test_overlapping_pieces_move_as_a_whole(name: str, arguments: tuple[int, int, int]) -> None:
    """A copy onto itself, in either direction, is what memmove makes of it."""
    plain, changed = (_memories(module, name, *arguments) for module in _modules())
    assert changed == plain


@pytest.mark.parametrize("name", ["fill", "copy", "init"])
def test_a_large_instruction_ends_with_its_slice(name: str) -> None:
    """Between two pieces the epoch is looked at: so many pieces, so many slices where each look ends one."""
    engine = capi.new_engine()
    body = {
        "fill": "(memory.fill (i32.const 0) (i32.const 1) (i32.const 2097152))",
        "copy": "(memory.copy (i32.const 2097152) (i32.const 0) (i32.const 2097152))",
        "init": "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 2097152))",
    }[name]
    segment = '(data "' + "x" * 2_097_152 + '")' if name == "init" else ""
    text = f'(module (memory 64) {segment} (func (export "run") {body}))'
    module = capi.Module(engine, interruptible(bytes(wasmtime.wat2wasm(text))))
    linker = wasmtime.Linker(engine)
    store = capi.Store(engine, memory_bytes=2**30, table_elements=10)
    pending, raw = store.start_instance(linker, module)
    assert pending.poll()
    pending.result()
    function = store.instance(raw).function("run")
    assert function is not None
    capi._yield_at_epoch(store._context, 0)  # at every look, without a clock
    pending = store.start(function, None, results=0)
    capi.increment_epoch(engine)
    slices = 1
    while not pending.poll():
        slices += 1
        assert slices < 100
    pending.result()
    store.close()
    assert slices >= 2_097_152 // PIECE_BYTES


def test_what_needs_no_change_stays_as_it_is() -> None:
    """A module without such instructions comes back as the bytes that it came as."""
    content = bytes(wasmtime.wat2wasm("(module (memory 1) (func (drop (i32.load (i32.const 0)))))"))
    assert interruptible(content) is content


AROUND = {
    "constants that look like one": "(drop (i64.const -260)) (drop (i32.const 2044)) (drop (f32.const 1.5))"
    "(drop (f64.const 0x1.b0bfcp+2))",
    "a table of branches": "(block (block (block (br_table 0 1 2 (i32.const 1)))))",
    "a typed select": "(drop (select (result i32) (i32.const 1) (i32.const 2) (i32.const 0)))",
    "blocks with results": "(drop (block (result i32) (i32.const 1))) (drop (if (result i64) (i32.const 1)"
    " (then (i64.const 1)) (else (i64.const 2))))",
    "vectors": "(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i32x4 252 11 0 0)"
    " (v128.load offset=70000 (i32.const 0)))) (v128.store8_lane 3 (i32.const 0) (v128.const i64x2 1 2))"
    " (drop (i32x4.extract_lane 3 (i32x4.splat (i32.const 1)))) (drop (i32x4.relaxed_trunc_f32x4_s"
    " (f32x4.sqrt (v128.const i64x2 1 2)))) (drop (v128.load32_zero (i32.const 8)))"
    " (drop (v128.load16_lane 1 (i32.const 8) (v128.const i64x2 1 2)))",
    "a second memory": "(drop (i32.load 1 offset=3 (i32.const 0))) (drop (memory.grow 1 (i32.const 0)))",
    "tables": "(table.fill 0 (i32.const 0) (ref.null func) (i32.const 1)) (drop (table.grow 0 (ref.null func)"
    " (i32.const 0))) (drop (table.size 0)) (table.set 0 (i32.const 0) (ref.func 0))"
    " (table.copy 0 0 (i32.const 0) (i32.const 0) (i32.const 1)) (elem.drop 0) (drop (table.get 0 (i32.const 0)))",
    "calls": "(call 0) (call_indirect (type 0) (i32.const 0)) (if (i32.const 0) (then (return_call 0)))",
    "saturating conversions": "(drop (i32.trunc_sat_f64_u (f64.const 1))) (drop (i64.extend8_s (i64.const 1)))",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_it_is_found_among_all_other_instructions(around: str) -> None:
    """Whatever stands before and behind it is read as what it is, and stays."""
    fill = "(memory.fill (i32.const 0) (i32.const 7) (i32.const 3))"
    text = f"""(module (type (func)) (memory 2) (memory 1) (table 4 funcref) (elem declare func 0)
        (func (type 0)) (func (export "run") (local i32 i64) {fill} {around} {fill}))"""
    content = bytes(wasmtime.wat2wasm(text.replace("(elem declare func 0)", "(elem func 0)")))
    changed = interruptible(content)
    assert changed != content
    wasmtime.Module.validate(capi.new_engine(), changed)
    assert changed.count(b"\xfc\x0b\x00") == content.count(b"\xfc\x0b\x00")  # two in the loop instead of two


def test_numbers_may_be_longer_than_need_be() -> None:
    """An instruction that is spelt with padded numbers is found all the same."""
    fill = b"\x41\x00\x41\x01\x41\x02\xfc\x8b\x80\x00\x80\x00"
    body = b"\x00" + b"\xfd\x8c\x00" + bytes(16) + b"\x1a" + fill + b"\x0b"
    code = vector([bytes([len(body)]) + body])
    content = MODULE_PREAMBLE + b"".join(
        [section(1, vector([b"\x60\0\0"])), section(3, vector([b"\0"])), section(5, b"\1\0\1"), section(10, code)]
    )
    wasmtime.Module.validate(capi.new_engine(), content)
    changed = interruptible(content)
    wasmtime.Module.validate(capi.new_engine(), changed)
    assert b"\xfc\x8b\x80\x00\x80\x00" not in changed


def test_components_are_changed_within() -> None:
    """Modules of a component, however deep, are changed; what encloses it too."""
    inner = section(1, bytes(wasmtime.wat2wasm(TEXT)))
    content = COMPONENT_PREAMBLE + section(4, COMPONENT_PREAMBLE + inner)
    changed = interruptible(content)
    assert len(changed) > len(content)
    wasmtime.component.Component(capi.new_engine(), changed)
    whole, _ = wrapped(component())
    wasmtime.component.Component(capi.new_engine(), interruptible(whole))


def test_the_guest_of_javascript_is_changed() -> None:
    """QuickJS copies with such instructions, and none of them is left but in the loops."""
    changed = interruptible(javascript.read_guest())
    wasmtime.Module.validate(capi.new_engine(), changed)
    assert interruptible(changed) != changed  # the loops' own, which are read as well as any


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_what_is_no_module_is_refused_as_malformed(data: st.DataObject) -> None:
    """Whatever the bytes are: a module comes out, which Wasmtime may refuse, or the one documented error."""
    content = bytearray(_short())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(8, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    try:
        changed = interruptible(bytes(content))
    except MalformedError:
        return
    try:
        wasmtime.Module(_engine(), changed)
    except wasmtime.WasmtimeError:
        return


@functools.cache
def _short() -> bytes:
    text = TEXT.replace(_PATTERN, "abc")
    return bytes(wasmtime.wat2wasm(text))
