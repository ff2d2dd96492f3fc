"""Each raw Wasmtime function, so that a change of the bindings is seen here first."""

import threading

import pytest
import wasmtime

from wasm_host.wasmtime_c import core as capi

MODULE = """(module
  (memory (export "memory") 1)
  (data (i32.const 8) "abcdef")
  (global (export "not_a_function") i32 (i32.const 0))
  (func (export "answer") (result i32) (i32.const 42))
  (func (export "nothing"))
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") (result i32) unreachable)
  (func $deep (export "deep") (call $deep) (call $deep))
  (func (export "spin") (loop (br 0))))"""


@pytest.fixture
def engine() -> capi.Engine:
    """An engine whose epoch nobody moves but the test."""
    return capi.new_engine()


def instantiate(engine: capi.Engine) -> tuple[capi.Store, capi.Instance]:
    """The module above in a store of its own."""
    store = capi.Store(engine, memory_bytes=1 << 20, table_elements=10)
    module = capi.Module(engine, bytes(wasmtime.wat2wasm(MODULE)))
    pending, raw_instance = store.start_instance(wasmtime.Linker(engine), module)
    assert pending.poll()
    pending.result()
    instance = store.instance(raw_instance)
    assert instance.use_memory()
    return store, instance


def call(
    store: capi.Store, instance: capi.Instance, name: str, argument: int | None = None, results: int = 1
) -> int:
    """Calls an export to its end, which must come within its first slice."""
    function = instance.function(name)
    assert function is not None
    pending = store.start(function, argument, results=results)
    assert pending.poll()
    return pending.result()


def test_functions_are_called_with_and_without_argument_and_result(engine: capi.Engine) -> None:
    """`start`, `poll` and `result`; results are unsigned."""
    store, instance = instantiate(engine)
    assert call(store, instance, "answer") == 42
    assert call(store, instance, "nothing", results=0) == 0
    assert call(store, instance, "double", 0x7FFF_FFFF) == 0xFFFF_FFFE
    assert instance.function("missing") is None
    assert instance.function("not_a_function") is None
    store.close()


def test_memory_is_read_and_written_within_its_bounds_only(engine: capi.Engine) -> None:
    """`read`, `write` and `memory_bytes`, at both ends, and after growth."""
    store, instance = instantiate(engine)
    assert instance.read(8, 6) == b"abcdef"
    assert instance.write(8, b"ABC")
    assert instance.read(8, 6) == b"ABCdef"
    assert instance.write(65533, b"end")
    assert not instance.write(65534, b"end")
    assert instance.read(65536, 0) == b""
    for address, length in ((65534, 3), (65537, 0), (-1, 1), (0, -1), (0, 1 << 40), (1 << 40, 1)):
        assert instance.read(address, length) is None
    assert instance.memory_bytes() == 65536
    assert call(store, instance, "grow") == 1
    assert instance.memory_bytes() == 2 * 65536
    assert instance.write(100_000, b"beyond")
    store.close()


def test_a_trap_is_raised_with_its_reason(engine: capi.Engine) -> None:
    """Traps come as `TrapError`; the one of the stack is marked."""
    store, instance = instantiate(engine)
    with pytest.raises(capi.TrapError, match="unreachable") as caught:
        call(store, instance, "trap")
    assert not caught.value.stack_overflow
    with pytest.raises(capi.TrapError, match="call stack exhausted") as caught:
        call(store, instance, "deep", results=0)
    assert caught.value.stack_overflow
    with pytest.raises(capi.TrapError, match="expected 1 arguments"):
        call(store, instance, "double")
    assert call(store, instance, "answer") == 42
    store.close()


def test_a_guest_yields_when_the_epoch_has_moved(engine: capi.Engine) -> None:
    """`increment_epoch` ends a slice; deleting the call ends the guest."""
    store, instance = instantiate(engine)
    spin = instance.function("spin")
    assert spin is not None
    pending = store.start(spin, None, results=0)
    capi.increment_epoch(engine)
    assert not pending.poll()
    # A slice's end is counted from where the guest goes on, so the further ticks must come while it runs.
    ticker = threading.Timer(0.01, capi.increment_epoch, [engine])
    ticker.start()
    assert not pending.poll()
    ticker.join()
    pending.delete()
    pending.delete()
    store.close()


def test_one_call_at_a_time(engine: capi.Engine) -> None:
    """A second call on the same stack is refused before anything happens."""
    store, instance = instantiate(engine)
    answer = instance.function("answer")
    assert answer is not None
    pending = store.start(answer, None)
    with pytest.raises(RuntimeError, match="one call at a time"):
        store.start(answer, None)
    pending.delete()
    assert call(store, instance, "answer") == 42
    store.close()


def test_a_closed_store_answers_nothing(engine: capi.Engine) -> None:
    """Whatever still refers to it meets an error and not freed memory."""
    store, instance = instantiate(engine)
    answer = instance.function("answer")
    assert answer is not None
    pending = store.start(answer, None)
    store.close()
    store.close()
    with pytest.raises(capi.TrapError, match="discarded"):
        pending.poll()
    with pytest.raises(capi.TrapError, match="discarded"):
        store.start(answer, None)
    assert instance.read(8, 6) is None
    assert not instance.write(8, b"x")
    assert instance.memory_bytes() == 0


@pytest.mark.parametrize(
    "text",
    [
        "(module (memory i64 1))",
        "(module (memory 1 2 shared))",
        "(module (type (struct)))",
        "(module (tag))",
    ],
)
def test_features_beyond_plain_webassembly_are_refused(engine: capi.Engine, text: str) -> None:
    """A smaller language is a smaller surface."""
    with pytest.raises(wasmtime.WasmtimeError):
        capi.Module(engine, bytes(wasmtime.wat2wasm(text)))
