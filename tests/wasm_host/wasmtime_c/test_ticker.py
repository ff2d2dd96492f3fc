"""The ticker in C: it ticks while guests run, sleeps otherwise, ends, and needs no lock of the interpreter."""

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import wasmtime

from wasm_host.guest import slices
from wasm_host.wasmtime_c import build, ticker
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.ticker import NativeTicker

SECONDS = 0.001
MODULE = (
    """(module (memory (export "memory") 1) (func (export "spin") (result i32) (loop (br 0)) (i32.const 0)))"""
)


@contextmanager
def ticking(engine: capi.Engine) -> Iterator[NativeTicker]:
    """A ticker of ours that has been started."""
    made = ticker.open_ticker(engine, SECONDS, 25)
    assert made is not None, "build it: python -m wasm_host.wasmtime_c.build"
    made.start()
    yield made
    made.stop()


def test_it_ticks_only_while_somebody_runs() -> None:
    """So many ticks after a touch and one more, and none until the next: here three times."""
    assert ticker._library is not None, "build it: python -m wasm_host.wasmtime_c.build"
    ticks = threading.Semaphore(0)
    tick = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: ticks.release())
    address = ctypes.cast(tick, ctypes.c_void_p).value or 0
    made = NativeTicker(ticker._library, capi.new_engine(), SECONDS, idle_ticks=4, tick=address)
    made.start()
    for _ in range(3):
        assert all(ticks.acquire(timeout=5) for _ in range(5))
        assert not ticks.acquire(timeout=0.03)
        made.touch()
    made.stop()


def test_a_slice_ends_though_the_calling_thread_never_lets_go_of_the_lock() -> None:
    """The poll that ends a slice keeps the lock here: with a thread in Python it would never end."""
    engine = capi.new_engine()
    store = capi.Store(engine, memory_bytes=1 << 20, table_elements=10)
    module = capi.Module(engine, bytes(wasmtime.wat2wasm(MODULE)))
    pending, raw_instance = store.start_instance(wasmtime.Linker(engine), module)
    assert pending.poll()
    pending.result()
    spin = store.instance(raw_instance).function("spin")
    assert spin is not None
    call = store.start(spin, None)
    poll = capi.quick_function("wasmtime_call_future_poll", ctypes.c_bool, ctypes.c_void_p)
    with ticking(engine) as made:
        for _ in range(3):
            made.touch()
            assert not poll(call._future)
    call.delete()
    store.close()


@pytest.mark.parametrize("is_awake", [True, False])
def test_a_stopped_one_leaves_no_thread(*, is_awake: bool) -> None:
    """It is gone when stop returns."""
    before = threading.active_count()
    with ticking(capi.new_engine()) as made:
        assert threading.active_count() == before + 1
        if is_awake:
            made.touch()
    assert threading.active_count() == before


def test_without_the_library_the_thread_is_pythons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are the same to who starts, touches and stops them."""
    assert type(slices.new_ticker(capi.new_engine())) is NativeTicker
    monkeypatch.setattr(ticker, "_library", None)
    assert type(slices.new_ticker(capi.new_engine())) is slices.Ticker


def test_the_library_is_one_of_those_that_are_built() -> None:
    """What the build makes is what is loaded."""
    assert build.library(ticker.SOURCE) == ticker.library()
    assert ticker.SOURCE in build.SOURCES
