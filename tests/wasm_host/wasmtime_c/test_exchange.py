"""Whole calls in one step, beside the same ones step by step: nothing is copied from outside of a memory."""

import struct
import threading
import weakref
from pathlib import Path

import pytest
import wasmtime
from hypothesis import given, settings
from hypothesis import strategies as st

from wasm_host.wasmtime_c import build, exchange
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.exchange import Exchange, PendingExchange

STATUS_AT, BLOCK_BYTES = 16, 16
CLEARED = 4, 12
INPUT_AT = 1024

MODULE = """(module
  (memory (export "memory") 1 4)
  (func (export "echo") (param $length i32) (result i32)
    (memory.copy (i32.const 8192) (i32.const 1024) (local.get $length))
    (i32.store (i32.const 16) (i32.const 8192)) (i32.store (i32.const 20) (local.get $length))
    (i32.const 7))
  (func (export "lie") (param i32) (result i32)
    (i32.store (i32.const 16) (i32.load (i32.const 1024))) (i32.store (i32.const 20) (i32.load (i32.const 1028)))
    (i32.const 0))
  (func (export "look") (param i32) (result i32)
    (i32.add (i32.load (i32.const 20)) (i32.add (i32.load (i32.const 24)) (i32.load (i32.const 28)))))
  (func (export "grow") (param i32) (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") (param i32) (result i32) unreachable)
  (func (export "odd") (result i32) (i32.const 1))
  (func (export "spin") (param i32) (result i32) (loop (br 0)) (i32.const 0)))"""


class Guest:
    """A store with the module above."""

    def __init__(self) -> None:
        self.engine = capi.new_engine()
        self.store = capi.Store(self.engine, memory_bytes=1 << 20, table_elements=10)
        module = capi.Module(self.engine, bytes(wasmtime.wat2wasm(MODULE)))
        pending, raw_instance = self.store.start_instance(wasmtime.Linker(self.engine), module)
        assert pending.poll()
        pending.result()
        self.instance = self.store.instance(raw_instance)
        assert self.instance.use_memory()

    def calls(self, name: str) -> Exchange:
        """The calls of an export."""
        function = self.instance.function(name)
        assert function is not None
        made = exchange.open_exchange(self.store, function, STATUS_AT, BLOCK_BYTES, CLEARED)
        assert made is not None, "build it: python -m wasm_host.wasmtime_c.build"
        return made

    def call(self, name: str, data: bytes) -> PendingExchange:
        """A call that ends within its first slice."""
        pending = self.calls(name).begin(INPUT_AT, data)
        assert pending.poll()
        return pending


def test_a_call_brings_its_result_its_block_and_its_output() -> None:
    """The input is where the guest was told, and the output is a copy that later calls do not change."""
    guest = Guest()
    one = guest.call("echo", b"first")
    assert one.result() == 7
    two = guest.call("echo", b"second!")
    assert two.result() == 7
    assert (one.output, two.output) == (b"first", b"second!")
    assert one.block == struct.pack("<IIII", 8192, 5, 0, 0)
    assert one.memory_bytes == 65536
    assert guest.call("echo", b"").output == b""
    guest.store.close()


def test_values_stand_behind_their_head_in_order() -> None:
    """Their lengths are the last numbers of the head; an empty one takes no room."""
    guest = Guest()
    values = [b"a" * 5000, b"", b"c\0d"]
    head = b"head" + struct.pack("<3I", *map(len, values))
    calls = guest.calls("echo")
    pending = calls.begin(INPUT_AT, head, values)
    assert pending.poll()
    assert pending.output == head + b"".join(values)
    guest.store.close()


@pytest.mark.parametrize("last", [65536, 2**32 - 1])
def test_values_that_do_not_fit_are_refused(last: int) -> None:
    """Whatever length the head says, also where the sum of them is beyond 32 bits: nothing is written."""
    guest = Guest()
    pending = guest.calls("grow").begin(INPUT_AT, struct.pack("<3I", 5, last, last), [b"x" * 5, b"", b""])
    with pytest.raises(capi.TrapError, match="outside its memory"):
        pending.poll()
    assert guest.instance.read(INPUT_AT, 16) == bytes(16)
    guest.store.close()


def test_the_status_of_the_call_before_is_cleared() -> None:
    """All but the address, as step by step."""
    guest = Guest()
    assert guest.instance.write(STATUS_AT, b"\xff" * BLOCK_BYTES)
    assert guest.call("look", b"").result() == 0
    guest.store.close()


@given(place=st.integers(0, 2**32 - 1) | st.integers(65536 - 40, 65536 + 40), length=st.integers(0, 2**32 - 1))
@settings(max_examples=300)
def test_output_is_copied_from_within_the_memory_only(place: int, length: int) -> None:
    """Wherever a block points, what is brought is what a read of the memory answers, or nothing is."""
    guest = Guest()
    ended = guest.call("lie", struct.pack("<II", place, length))
    expected = guest.instance.read(place, length) if length <= 16 * 1024 else None
    assert ended.output == expected
    assert (ended.block is None) == (expected is None)
    guest.store.close()


@pytest.mark.parametrize(
    ("at", "length"), [(65536, 1), (65535, 2), (2**32 - 1, 1), (INPUT_AT, 65536), (2**32 - 4, 8)]
)
def test_input_that_does_not_fit_is_refused_and_nothing_runs(at: int, length: int) -> None:
    """Nor is anything written."""
    guest = Guest()
    pending = guest.calls("grow").begin(at, b"x" * length)
    with pytest.raises(capi.TrapError, match="outside its memory"):
        pending.poll()
    pending.delete()
    assert guest.instance.memory_bytes() == 65536
    assert guest.instance.read(INPUT_AT, 16) == bytes(16)
    guest.store.close()


def test_a_memory_that_has_grown_is_looked_up_anew() -> None:
    """In the same call, and in the next one."""
    guest = Guest()
    grown = guest.call("grow", b"")
    assert grown.memory_bytes == 2 * 65536
    assert grown.result() == 1
    assert guest.call("echo", b"after").output == b"after"
    guest.store.close()


def test_traps_and_wrong_types_are_raised_as_ever() -> None:
    """A call that fails brings nothing, and the store can be called again."""
    guest = Guest()
    for name, reason in (("trap", "unreachable"), ("odd", "expected 0 arguments")):
        failed = guest.call(name, b"")
        assert failed.block is None
        with pytest.raises(capi.TrapError, match=reason):
            failed.result()
    assert guest.call("echo", b"on").output == b"on"
    guest.store.close()


def _tick(engine: capi.Engine, is_over: threading.Event) -> None:
    """Move the clock until it is over: on a busy machine a guest may begin late."""
    while not is_over.wait(0.001):
        capi.increment_epoch(engine)


def test_a_call_that_outlasts_its_slice_goes_on_and_can_be_ended() -> None:
    """It brings nothing then; and one that was deleted, begun or not, cannot run."""
    guest = Guest()
    pending = guest.calls("spin").begin(INPUT_AT, b"")
    is_over = threading.Event()
    ticker = threading.Thread(target=_tick, args=(guest.engine, is_over))
    ticker.start()
    assert not pending.poll()
    is_over.set()
    ticker.join()
    assert (pending.block, pending.output) == (None, None)
    with pytest.raises(RuntimeError, match="one call at a time"):
        guest.calls("echo").begin(INPUT_AT, b"")
    pending.delete()
    for deleted in (pending, guest.calls("echo").begin(INPUT_AT, b"")):
        deleted.delete()
        with pytest.raises(capi.TrapError, match="discarded"):
            deleted.poll()
    calls = guest.calls("echo")
    guest.store.close()
    with pytest.raises(capi.TrapError, match="discarded"):
        calls.begin(INPUT_AT, b"")


def test_a_call_keeps_what_it_calls() -> None:
    """The export's structure stays as long as somebody may still poll, though its calls were let go of."""
    guest = Guest()
    function = guest.instance.function("look")
    assert function is not None
    is_gone = weakref.finalize(function.raw, list)
    calls = exchange.open_exchange(guest.store, function, STATUS_AT, BLOCK_BYTES, CLEARED)
    assert calls is not None
    pending = calls.begin(INPUT_AT, b"")
    del calls, function
    assert is_gone.alive
    assert pending.poll()
    pending.delete()


def test_a_library_of_another_source_is_never_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its name says what it was made of; where there is none of this source, calls go step by step."""
    changed = tmp_path / "exchange.c"
    changed.write_bytes(exchange.SOURCE.read_bytes() + b"\n")
    before = exchange.library().name
    monkeypatch.setattr(exchange, "SOURCE", changed)
    assert exchange.library().name != before
    assert exchange._load() is None


def test_what_cannot_be_built_is_told_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The compiler's words, and what follows from them."""
    broken = tmp_path / "exchange.c"
    broken.write_text("int symbia_exchange(void) { return }")
    monkeypatch.setattr(build, "SOURCES", (broken,))
    assert build.main() == 0
    told = capsys.readouterr().err
    assert "expected expression" in told
    assert "slower way" in told
    assert not list(tmp_path.glob("*.so"))
