"""Wasmtime's component functions, each called directly: what fails here has changed beneath us."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.guest.slices import Ticker
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.component import Component, ComponentStore, Linker

# `echo` answers its text, one character a byte; `add` keeps the sum of two numbers, and `sum` answers its bytes.
_TEXT = """(component
  (core module $M
    (memory (export "memory") 4)
    (global $next (mut i32) (i32.const 4096))
    (global $sum (mut i64) (i64.const 0))
    (func (export "realloc") (param $old i32) (param $had i32) (param i32) (param $size i32) (result i32)
      (if (result i32) (local.get $old) (then (local.get $old)) (else (i32.const 4096))))
    (func (export "echo") (param i32 i32) (result i32)
      (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1)) (i32.const 16))
    (func (export "add") (param i64 i64) (global.set $sum (i64.add (local.get 0) (local.get 1))))
    (func (export "sum") (result i32)
      (i64.store (i32.const 32) (global.get $sum))
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 8)) (i32.const 16))
    (func (export "spin") (result i32) (loop $l (br $l)) (i32.const 16))
    (func $named (export "trap") (result i32) unreachable))
  (core instance $m (instantiate $M))
  (func (export "echo") (param "text" string) (result string) (canon lift (core func $m "echo")
    string-encoding=latin1+utf16 (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (func (export "add") (param "a" u64) (param "b" u64) (canon lift (core func $m "add")))
  (func (export "sum") (result string) (canon lift (core func $m "sum")
    string-encoding=latin1+utf16 (memory (core memory $m "memory"))))
  (func (export "spin") (result string) (canon lift (core func $m "spin")
    string-encoding=latin1+utf16 (memory (core memory $m "memory"))))
  (func (export "trap") (result string) (canon lift (core func $m "trap")
    string-encoding=latin1+utf16 (memory (core memory $m "memory")))))"""


class Stage:
    """One instance of the component above."""

    def __init__(self) -> None:
        self.engine = capi.new_engine()
        self.component = Component(self.engine, _TEXT)
        self.linker = Linker(self.engine)
        self.store = ComponentStore(self.engine, memory_bytes=1024 * 1024, table_elements=10)
        pending, self.instance = self.store.start_component(self.linker, self.component)
        assert pending.poll()
        assert pending.result() == 0

    def function(self, name: str) -> Any:
        found = self.store.function(self.component, self.instance, name)
        assert found is not None
        return found

    def text(self, name: str, data: bytes | None) -> bytes:
        pending = self.store.start_text(self.function(name), data)
        assert pending.poll()
        pending.result()
        return self.store.take_text()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.store.close()


@given(data=st.binary(max_size=500))
def test_every_byte_travels_as_text(stage: Stage, data: bytes) -> None:
    """What goes in as one character a byte comes out so."""
    assert stage.text("echo", data) == data


def test_long_texts_travel_too(stage: Stage) -> None:
    """A hundred kilobytes of every byte there is."""
    data = bytes(range(256)) * 400
    assert stage.text("echo", data) == data


def test_numbers_arrive_in_order(stage: Stage) -> None:
    """Two 64-bit numbers, unsigned, and no result."""
    pending = stage.store.start_numbers(stage.function("add"), (1 << 63) + 5, 2)
    assert pending.poll()
    assert pending.result() == 0
    assert int.from_bytes(stage.text("sum", None), "little") == (1 << 63) + 7


def test_an_unknown_function_is_none(stage: Stage) -> None:
    """A name that is not exported is no error."""
    assert stage.store.function(stage.component, stage.instance, "nobody") is None


def test_a_trap_leaves_its_trace() -> None:
    """The trace names the function; the next call is refused by Wasmtime."""
    stage = Stage()
    with pytest.raises(capi.TrapError):
        stage.text("trap", None)
    assert "named" in stage.store.trace
    assert "unreachable" in stage.store.trace
    with pytest.raises(capi.TrapError, match="cannot enter"):
        stage.text("echo", b"")
    stage.store.close()


def test_a_spinning_call_yields_at_the_epoch() -> None:
    """A slice ends when the epoch moves, and closing the store ends the call."""
    stage = Stage()
    pending = stage.store.start_text(stage.function("spin"), None)
    ticker = Ticker(stage.engine)
    ticker.start()
    ticker.touch()
    assert [pending.poll() for _ in range(3)] == [False] * 3
    ticker.stop()
    stage.store.close()
    with pytest.raises(capi.TrapError, match="discarded"):
        pending.poll()


def test_one_call_at_a_time() -> None:
    """A second call on the same store is a mistake of ours."""
    stage = Stage()
    spinning = stage.store.start_text(stage.function("spin"), None)
    with pytest.raises(RuntimeError, match="one call at a time"):
        stage.store.start_text(stage.function("echo"), b"")
    spinning.delete()
    stage.store.close()


def test_a_memory_beyond_the_limit_is_refused() -> None:
    """The store's limits hold for a component's memories."""
    engine = capi.new_engine()
    component, linker = Component(engine, _TEXT), Linker(engine)
    store = ComponentStore(engine, memory_bytes=65_536, table_elements=10)
    pending, _ = store.start_component(linker, component)
    assert pending.poll()
    with pytest.raises(capi.TrapError, match="exceeds memory limits"):
        pending.result()
    store.close()


def test_a_result_of_another_type_is_refused() -> None:
    """A function that returns no text is a mistake of ours, and no crash."""
    engine = capi.new_engine()
    text = """(component (core module $M (func (export "f") (result i32) (i32.const 1)))
      (core instance $m (instantiate $M)) (func (export "f") (result u32) (canon lift (core func $m "f"))))"""
    component, linker = Component(engine, text), Linker(engine)
    store = ComponentStore(engine, memory_bytes=65_536, table_elements=10)
    pending, instance = store.start_component(linker, component)
    assert pending.poll()
    pending.result()
    function = store.function(component, instance, "f")
    assert function is not None
    pending = store.start_text(function, None)
    assert pending.poll()
    pending.result()
    with pytest.raises(TypeError, match="kind 6"):
        store.take_text()
    store.close()
