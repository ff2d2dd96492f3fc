"""Hostile and broken modules, written in WebAssembly text, against the host."""

import pytest
import trio
import wasmtime

from tests.wasm_host.sandboxes import QUICK, a_guest, a_runtime, module_text, on_process
from wasm_host.errors import GuestFaultError, ModuleError, SandboxError
from wasm_host.guest.guest import Guest
from wasm_host.guest.metering import GuestCounters
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import core as capi


def status(output: int, length: int, closed: int, fault: int = 0) -> str:
    """Instructions that write the status block."""
    words = (output, length, closed, fault)
    return " ".join(f"(i32.store (i32.const {16 + 4 * at}) (i32.const {word}))" for at, word in enumerate(words))


def record(kind: int, flags: int, port: int, length: int, at: int = 2048) -> str:
    """Instructions that write a record's header."""
    head = kind | flags << 8 | port << 16
    return f"(i32.store (i32.const {at}) (i32.const {head})) (i32.store (i32.const {at + 4}) (i32.const {length}))"


async def fault_of(process: str, count: int = 1, limits: GuestLimits = QUICK, **parts: str) -> GuestFaultError:
    """What a batch that meets this symbia_process ends with."""
    async with a_guest(limits, symbia_process=on_process(process), **parts) as guest:
        report = await guest.process([(0, b"1")] * count, 0.0)
        assert report.fault is not None
        return report.fault


async def test_an_honest_module_is_a_guest() -> None:
    """The minimal module closes its one message without effects."""
    async with a_guest() as guest:
        report = await guest.process([(0, b"1")], 0.0)
        assert report.fault is None
        assert [(effects.emissions, effects.error) for effects in report.closed] == [([], None)]
        assert (await guest.close()).error is None
        assert guest.memory_bytes == 2 * 65536


HOSTILE = {
    "output beyond the memory": (status(0x7FFF_FFFF, 8, 1), "lies outside its memory"),
    "output at the end": (status(131072 - 7, 8, 1), "lies outside its memory"),
    "negative output address": (status(-8, 8, 1), "lies outside its memory"),
    "negative length": (status(512, -1, 1), "the host reads"),
    "enormous length": (status(0, 0x7000_0000, 1), "the host reads"),
    "too many closed": (status(512, 8, 7), "closed 7 messages, and its output closes 1"),
    "none closed, one in the output": (status(512, 8, 0), "closed 0 messages"),
    "nothing closed": (status(512, 0, 0), "without closing a message"),
    "half a record": (status(512, 5, 1), "cannot be read"),
    "record beyond the output": (record(1, 1, 0, 100) + status(2048, 8, 1), "longer than its output"),
    "negative record": (record(1, 1, 0, -1) + status(2048, 8, 1), "longer than its output"),
    "unknown kind": (record(99, 1, 0, 0) + status(2048, 8, 1), "unknown kind 99"),
    "undeclared output": (record(2, 1, 2, 0) + status(2048, 8, 1), "output 2 of 2"),
    "two answers to one message": (
        record(0, 1, 0, 0) + record(0, 1, 0, 0, 2056) + status(2048, 16, 1),
        "more messages",
    ),
    "not JSON": (record(1, 1, 0, 4) + status(2048, 12, 1), "cannot be read"),
    "log that is none": (record(3, 1, 0, 4) + status(2048, 12, 1), "cannot be read"),
    "state key beyond its record": (
        record(4, 1, 0, 4) + "(i32.store (i32.const 2056) (i32.const -1))" + status(2048, 12, 1),
        "longer than its record",
    ),
    "unreachable": ("unreachable", "unreachable"),
    "division by zero": ("(drop (i32.div_s (i32.const 1) (i32.const 0)))", "divide by zero"),
    "access beyond the memory": ("(drop (i32.load (i32.const -4)))", "out of bounds memory access"),
    "gives up": ("(return (i32.const 3))", "gave up with code 3"),
}


@pytest.mark.parametrize("how", HOSTILE)
async def test_a_hostile_answer_is_a_fault_with_a_reason(how: str) -> None:
    """Whatever a guest answers, the host says what was wrong with it, and reads nothing beyond its memory."""
    body, reason = HOSTILE[how]
    assert reason in str(await fault_of(body))


async def test_recursion_on_the_machine_stack_is_named() -> None:
    """A module without a stack check of its own meets ours."""
    fault = await fault_of("(call $deep)", extra="(func $deep (call $deep) (call $deep))")
    assert fault.error.name == "StackLimitExceeded"


async def test_a_noted_lack_of_memory_is_named() -> None:
    """A guest that says why before it traps gets the limit's name."""
    fault = await fault_of(status(512, 8, 0, fault=1) + "unreachable")
    assert fault.error.name == "MemoryLimitExceeded"


async def test_lying_about_closed_messages_gains_no_time() -> None:
    """The count may grow to the size of the batch; then the budget holds, and beyond it the guest is cut."""
    count = "(i32.store (i32.const 24) (i32.{} (i32.load (i32.const 24)) (i32.const {})))"
    up = f"(loop $l {count.format('add', 1)} (br $l))"
    assert "more messages than it was given" in str(await fault_of(up, count=3))
    back_and_forth = f"(loop $l {count.format('xor', 3)} (br $l))"
    fault = await fault_of(back_and_forth, count=3)
    assert fault.error.name in {"ProtocolViolation", "CpuLimitExceeded"}


async def test_messages_closed_before_a_trap_keep_their_effects() -> None:
    """The first of two messages forwarded its value; the second is the culprit."""
    body = record(2, 1, 1, 0) + status(2048, 8, 1) + "unreachable"
    async with a_guest(symbia_process=on_process(body)) as guest:
        report = await guest.process([(0, b"10"), (0, b"20")], 0.0)
    assert [effects.emissions for effects in report.closed] == [[(1, b"10")]]
    assert report.fault is not None


async def test_a_guest_may_return_before_the_end_of_the_batch() -> None:
    """It closed one of three, and says so: no fault; the sandbox sends the others again."""
    async with a_guest() as guest:
        report = await guest.process([(0, b"1")] * 3, 0.0)
    assert (len(report.closed), report.fault) == (1, None)


async def test_the_host_follows_a_memory_that_grows() -> None:
    """Output written into memory that did not exist before the call is read."""
    body = "(drop (memory.grow (i32.const 10)))" + record(2, 1, 0, 0, at=600_000) + status(600_000, 8, 1)
    async with a_guest(symbia_process=on_process(body)) as guest:
        for _ in range(3):
            report = await guest.process([(0, b"1")], 0.0)
            assert report.fault is None
            assert report.closed[0].emissions == [(0, b"1")]


async def test_memory_cannot_grow_beyond_the_limit() -> None:
    """memory.grow is refused, and the module lives on with what it has."""
    body = "(if (i32.ne (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))"
    async with a_guest(GuestLimits(memory_bytes=1024 * 1024), symbia_process=on_process(body)) as guest:
        assert (await guest.process([(0, b"1")], 0.0)).fault is None


def export(name: str, kind: str, body: str) -> dict[str, str]:
    """One export of the module replaced by a function of this type with this body."""
    return {name: f'(func (export "{name}") {kind} {body})'}


_CLOSE_ONE = "(i32.store (i32.const 20) (i32.const 8)) (i32.store (i32.const 24) (i32.const 1))"
_I32 = "(param i32) (result i32)"

REFUSED_MODULES = {
    "without memory": ({"memory": '(memory (export "m") 2)'}, ModuleError, "memory"),
    "without process": ({"symbia_process": ""}, ModuleError, "symbia_process"),
    "of another version": (export("symbia_abi", "(result i32)", "(i32.const 2)"), ModuleError, "version 2"),
    "process is a global": (
        {"symbia_process": '(global (export "symbia_process") i32 (i32.const 1))'}, ModuleError, "symbia_process",
    ),
    "with imports": (
        {"memory": '(import "env" "f" (func)) (memory (export "memory") 2)'}, SandboxError, "env::f",
    ),
    "with another type": (
        export("symbia_open", "(param i64) (result i32)", "(i32.const 0)"), SandboxError, "type mismatch",
    ),
    "with two results": (
        export("symbia_open", "(param i32) (result i32 i32)", "(i32.const 0) (i32.const 0)"),
        SandboxError, "results",
    ),
    "with too much memory": ({"memory": '(memory (export "memory") 2000)'}, SandboxError, "memory"),
    "with an enormous table": ({"extra": "(table 1000000 funcref)"}, SandboxError, "table"),
    "without input": (export("symbia_input", _I32, "(i32.const 0)"), SandboxError, "memory"),
    "with input elsewhere": (export("symbia_input", _I32, "(i32.const 131071)"), SandboxError, "input buffer"),
    "with a status elsewhere": (
        export("symbia_status", "(result i32)", "(i32.const 131065)"), SandboxError, "status block",
    ),
    "that opens with a strange code": (
        export("symbia_open", _I32, _CLOSE_ONE + "(i32.const 9)"), SandboxError, "answered 9",
    ),
    "that fails without an error": (
        export("symbia_open", _I32, _CLOSE_ONE + "(i32.const 1)"), SandboxError, "contradict",
    ),
    "whose start function traps": ({"extra": "(func $s unreachable) (start $s)"}, SandboxError, "unreachable"),
    "whose start function spins": ({"extra": "(func $s (loop (br 0))) (start $s)"}, SandboxError, "computed for"),
    "whose _initialize spins": (export("_initialize", "", "(loop (br 0))"), SandboxError, "computed for"),
}  # fmt: skip


@pytest.mark.parametrize("how", REFUSED_MODULES)
async def test_a_module_that_is_no_guest_is_refused(how: str) -> None:
    """At opening, by name, whatever it tries."""
    parts, kind, reason = REFUSED_MODULES[how]
    with pytest.raises(kind, match=reason):
        async with a_guest(QUICK, **parts):
            pass


async def test_a_cancel_scope_ends_a_start_function() -> None:
    """Instantiation is time-sliced and cancelled like any call."""
    with trio.move_on_after(0.01) as scope:
        async with a_guest(GuestLimits(), extra="(func $s (loop (br 0))) (start $s)"):
            pass
    assert scope.cancelled_caught


_FLUSHING = {
    "symbia_open": f'(func (export "symbia_open") (param i32) (result i32) {_CLOSE_ONE} (i32.const 3))',
    "forward": r'(data (i32.const 768) "\02\01\01\00\00\00\00\00")',
    "symbia_flush": '(func (export "symbia_flush") (param i32) (result i32) '
    f"(i32.store (i32.const 16) (i32.const 768)) {_CLOSE_ONE} (i32.const 0))",
}


async def test_a_module_says_its_last_word_where_it_asks_for_it() -> None:
    """Its ``symbia_open`` answers 3, its ``symbia_flush`` is one message; what it forwards is null."""
    async with a_guest(QUICK, **_FLUSHING) as guest:
        effects = await guest.flush(0.0)
        assert (effects.emissions, effects.error) == ([(1, b"null")], None)


async def test_a_last_word_that_is_not_exported_is_a_fault() -> None:
    """Who asks for it has to have it."""
    async with a_guest(symbia_open=_FLUSHING["symbia_open"]) as guest:
        with pytest.raises(SandboxError, match="symbia_flush"):
            await guest.flush(0.0)


async def test_what_a_module_forwards_when_it_is_opened_is_null() -> None:
    """There is no input that it could forward: it was an empty text, which is no JSON."""
    opening = _FLUSHING["symbia_flush"].replace("symbia_flush", "symbia_open")
    with a_runtime() as runtime:
        text = module_text(forward=_FLUSHING["forward"], symbia_open=opening)
        guest = Guest(runtime, QUICK, GuestCounters(), output_count=2)
        opened = await guest.open(capi.Module(runtime.engine, bytes(wasmtime.wat2wasm(text))), [b"{}"])
        guest.discard()
    assert opened.effects.emissions == [(1, b"null")]
