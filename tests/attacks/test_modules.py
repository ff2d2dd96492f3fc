"""Hostile WebAssembly modules: lies about memory, counts and records, floods, and attempts to hold the machine."""

# ruff: noqa: E501 - a case is read best where its hostile code stands on few lines

import struct

import msgspec
import pytest
import wasmtime

from tests.attacks.modules import OUTPUT_AT, STATUS_AT, answers_with, attacker, hostile_text, record, status
from tests.attacks.sandbox_attack import Fails, Gets, attacked_sandbox, check_result
from tests.wasm_host.sandboxes import a_guest, module_text
from wasm_host.compile.validation import check_exports
from wasm_host.errors import GuestFaultError, ModuleError, SandboxError
from wasm_host.guest.guest import Guest
from wasm_host.limits import GuestLimits

TIGHT = GuestLimits(cpu_ms=60, memory_bytes=4 * 1024 * 1024)
PAGE = 65536


class Lie(msgspec.Struct, frozen=True, kw_only=True):
    """One hostile module.

    Attributes:
        body: what symbia_process does before it returns 0; $i and $at are locals.
        parts: other parts of the module.
        gets: what each message brings.
        restarts: how many guests it cost.
    """

    body: str
    parts: dict[str, str] = {}
    gets: tuple[Gets, ...]
    restarts: int = 1
    keeps: dict[str, bytes] = {}
    limits: GuestLimits = TIGHT


def says(records: bytes, *gets: Gets, closed: int = 1, **options: object) -> Lie:
    """A module that answers with these records, whatever it is given."""
    parts = answers_with(records, closed)
    body = parts.pop("body")
    return msgspec.structs.replace(Lie(body=body, parts=parts, gets=gets), **options)


VIOLATES = Fails("ProtocolViolation")
OUTSIDE = Fails("ProtocolViolation", "outside its memory")
TOO_MUCH = Fails("OutputLimitExceeded")


def state(key: bytes, value: bytes) -> bytes:
    """The payload of a STATE record."""
    return struct.pack("<I", len(key)) + key + value


def flood(header: bytes, length: int, at: int = PAGE) -> str:
    """Instructions that fill memory from `at` on with this record, and say that it is all output."""
    count = length // len(header)
    copy = f"(memory.copy (local.get $at) (i32.const {at}) (i32.const {len(header)}))"
    seed = "".join(f"(i32.store8 (i32.const {at + i}) (i32.const {byte}))" for i, byte in enumerate(header))
    step = f"(local.tee $at (i32.add (local.get $at) (i32.const {len(header)})))"
    end = at + count * len(header)
    loop = f"(local.set $at (i32.const {at})) (loop {copy} (br_if 0 (i32.lt_u {step} (i32.const {end}))))"
    return seed + loop + status(at, count * len(header), 0)


WIDE = {"memory": '(memory (export "memory") 200)'}
ROOMY = GuestLimits(memory_bytes=16 * 1024 * 1024)
FLOOD_BYTES = 10_000_000

LIES = {
    "output beyond the memory": Lie(body=status(0x7FFF_FFFF, 8, 1), gets=(OUTSIDE,)),
    "output that wraps around": Lie(body=status(-8, 16, 1), gets=(OUTSIDE,)),
    "output one byte too far": Lie(body=status(2 * PAGE - 7, 8, 1), gets=(OUTSIDE,)),
    "a length of minus one": Lie(body=status(OUTPUT_AT, -1, 1), gets=(TOO_MUCH,)),
    "all of the address space": Lie(body=status(0, -1, 1), gets=(TOO_MUCH,)),
    "output overlapping the status block": Lie(
        body=f"(i64.store (i32.const {STATUS_AT}) (i64.const 0))" + status(STATUS_AT + 8, 8, 1),
        # the count of closed messages, 1, is read as a record that closes nothing
        gets=(VIOLATES,),
    ),
    "output that is the input": Lie(body=status(1024, 21, 1), gets=(VIOLATES,)),
    "a status block at the memory's end": Lie(
        body=f"(memory.copy (i32.const {2 * PAGE - 16}) (i32.const {STATUS_AT}) (i32.const 16)) (unreachable)",
        parts={"symbia_status": f'(func (export "symbia_status") (result i32) (select (i32.const {2 * PAGE - 16}) '
               f"(i32.const {STATUS_AT}) (i32.const 0)))"},
        gets=(Fails("GuestTrapped", "unreachable"),),
    ),
    "output rewritten by a later call": Lie(
        # every call writes the same place; the first call's value must stay what it was
        body=f"""(i32.store8 (i32.const {OUTPUT_AT + 8}) (i32.add (i32.const 49) (global.get $n)))
            (global.set $n (i32.add (global.get $n) (i32.const 1))) {status(OUTPUT_AT, 9, 1)}""",
        parts={"extra": f'(global $n (mut i32) (i32.const 0)) (data (i32.const {OUTPUT_AT}) "\\01\\01\\00\\00\\01\\00\\00\\00")'},
        gets=(b"1", b"2", b"3"),
        restarts=0,
    ),
    "memory that grows between calls": Lie(
        body=f"""(drop (memory.grow (i32.const 1)))
            (local.set $at (i32.mul (i32.sub (memory.size) (i32.const 1)) (i32.const {PAGE})))
            (i64.store (local.get $at) (i64.const 0x100000101)) (i32.store8 (i32.add (local.get $at) (i32.const 8)) (i32.const 55))
            (i32.store (i32.const {STATUS_AT}) (local.get $at)) (i32.store (i32.const 20) (i32.const 9)) (i32.store (i32.const 24) (i32.const 1))""",
        gets=(b"7", b"7"),
        restarts=0,
    ),
    "more closed than given": Lie(body=status(512, 8, 9), gets=((),)),
    "closed in the block and not in the output": Lie(body=status(512, 0, 1), gets=(VIOLATES,)),
    "closed in the output and not in the block": Lie(body=status(512, 8, 0), gets=((),)),
    "two answers to one question": says(record(1, b"1") + record(1, b"2"), (b"1",), closed=2),
    "an empty record that closes nothing": says(record(0, closes=False) + record(1, b"1"), VIOLATES),
    "a port that is not declared": says(record(1, b"1", port=2), VIOLATES),
    "the last port of all": says(record(1, b"1", port=65535), VIOLATES),
    "a kind that does not exist": says(record(200, b"1"), VIOLATES),
    "a record longer than the output": says(b"\x01\x01\x00\x00\xff\xff\xff\x7f1", VIOLATES),
    "a record of negative length": says(b"\x01\x01\x00\x00\xff\xff\xff\xff1", VIOLATES),
    "half a header": says(record(1, b"1") + b"\x01\x01\x00", (b"1",)),
    "an emission that is not JSON": says(record(1, b"{]"), VIOLATES),
    "an emission with a tail": says(record(1, b"1, 2"), VIOLATES),
    "an emission that is not UTF-8": says(record(1, b'"\xed\xa0\x80"'), VIOLATES),
    "an emission nested 100,000 deep": says(
        record(1, b"[" * 20_000 + b"]" * 20_000), Fails("OutputLimitExceeded", "nested too deeply")
    ),
    "a log of a level that does not exist": says(record(3, b'{"level":"root","message":"m"}'), VIOLATES),
    "a log that is no object": says(record(3, b"[]"), VIOLATES),
    "an error without a name": says(record(5, b"{}"), VIOLATES),
    "an error as long as a book": says(
        record(5, b'{"name":"' + b"n" * 20_000 + b'","message":"' + b"m" * 20_000 + b'"}'),
        Fails("n" * 16_384, "m" * 16_384),
        restarts=0,
    ),
    "a state key longer than its record": says(record(4, b"\xff\xff\xff\x7fk"), VIOLATES),
    "a state record without room for a length": says(record(4, b"k"), VIOLATES),
    "a state key that is not UTF-8": says(record(4, state(b"\xff", b"1")), VIOLATES),
    "a state value that is not JSON": says(record(4, state(b"k", b"nonsense")), VIOLATES),
    "a state value nested too deeply": says(
        record(4, state(b"k", b"[" * 20_000 + b"]" * 20_000)), Fails("OutputLimitExceeded", "nested too deeply")
    ),
    "an error beside emissions and state": says(
        record(1, b"1", closes=False) + record(4, state(b"k", b"1"), closes=False) + record(5, b'{"name":"E","message":"m"}'),
        Fails("E", "m"),
        restarts=0,
    ),
    "more state than allowed": says(
        record(4, state(b"k", b'"' + b"x" * 2000 + b'"')), Fails("StateLimitExceeded", "state_bytes is limited to 1000"),
        limits=GuestLimits(state_bytes=1000),
    ),
    "more state keys than allowed": says(
        b"".join(record(4, state(b"%d" % n, b"1"), closes=n == 4) for n in range(5)), TOO_MUCH, limits=GuestLimits(state_keys=2)
    ),
    "a flood of emissions": Lie(body=flood(record(1, b"1", closes=False), FLOOD_BYTES), parts=WIDE, limits=ROOMY, gets=(
        Fails("OutputLimitExceeded", "emissions is limited to 10000"),)),
    "a flood of forwarded inputs": Lie(body=flood(record(2, closes=False), FLOOD_BYTES), parts=WIDE, limits=ROOMY, gets=(TOO_MUCH,)),
    "a flood of state": Lie(body=flood(record(4, state(b"k", b"1"), closes=False), FLOOD_BYTES), parts=WIDE, limits=ROOMY, gets=(
        Fails("OutputLimitExceeded", "state_keys"),)),
    "a flood of nothing": Lie(body=flood(record(0, closes=False), FLOOD_BYTES), parts=WIDE, limits=ROOMY, gets=(VIOLATES,)),
    "a flood of answers": Lie(body=flood(record(0), FLOOD_BYTES), parts=WIDE, limits=ROOMY, gets=((),)),
    "unreachable": Lie(body="unreachable", gets=(Fails("GuestTrapped", "unreachable"),)),
    "a division by zero": Lie(body="(drop (i32.div_u (i32.const 1) (local.get $i)))", gets=(Fails("GuestTrapped", "divide by zero"),)),
    "a load beyond the memory": Lie(body="(drop (i64.load (i32.const -1)))", gets=(Fails("GuestTrapped", "out of bounds"),)),
    "a call of a null function": Lie(body="(call_indirect (local.get $i))", parts={"extra": "(table 1 funcref)"},
                                     gets=(Fails("GuestTrapped", "uninitialized"),)),
    "a call with another signature": Lie(
        body="(call_indirect (local.get $i))", parts={"extra": "(func $f (param i64)) (table funcref (elem $f))"},
        gets=(Fails("GuestTrapped", "indirect call type mismatch"),)),
    "endless recursion": Lie(body="(call $f)", parts={"extra": "(func $f (call $f) (call $f))"}, gets=(Fails("StackLimitExceeded"),)),
    "an endless loop": Lie(body="(loop (br 0))", gets=(Fails("CpuLimitExceeded"),)),
    "an endless loop over all memory": Lie(
        body="(loop (memory.fill (i32.const 65536) (i32.const 7) (i32.const 3000000)) (br 0))",
        parts={"memory": '(memory (export "memory") 60)'}, gets=(Fails("CpuLimitExceeded"),)),
    "memory without end": Lie(
        body="(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))" + status(512, 8, 1), gets=((),), restarts=0),
    "a table without end": Lie(
        body="(loop (br_if 0 (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))" + status(512, 8, 1),
        parts={"extra": "(table $t 1 funcref)"}, gets=((),), restarts=0, limits=GuestLimits(cpu_ms=500)),
    "a code that is no answer": Lie(body="(return (i32.const -1))", gets=(Fails("GuestTrapped", "gave up"),)),
    "a fault that does not exist": Lie(body=status(512, 8, 1, fault=-1), gets=((),), restarts=0),
    "a claim of no memory and success": Lie(body=status(512, 8, 1, fault=1), gets=((),), restarts=0),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
async def test_a_hostile_module_gains_nothing(name: str) -> None:
    """Its message fails by name or means what its records say; its successor answers; nobody else notices."""
    lie = LIES[name]
    async with attacked_sandbox(attacker(hostile_text(lie.body, **lie.parts), lie.limits)) as sandbox:
        for gets in lie.gets:
            (effects,) = await sandbox.process([(0, b"1")])
            check_result(effects, gets)
        assert sandbox.statistics().restarts == lie.restarts
        assert dict(sandbox.state) == lie.keeps


REFUSED = {
    "an import of a file": ({"memory": '(import "wasi_snapshot_preview1" "fd_write" (func)) (memory (export "memory") 2)'}, "fd_write"),
    "an import named like an export": ({"memory": '(import "env" "symbia_process" (func)) (memory (export "memory") 2)'}, "env"),
    "an imported memory": ({"memory": '(import "env" "memory" (memory 2)) (export "memory" (memory 0))'}, "env"),
    "an imported global": ({"memory": '(import "a" "b" (global i32)) (memory (export "memory") 2)'}, "a::b"),
    "an import with an empty name": ({"memory": '(import "" "" (func)) (memory (export "memory") 2)'}, "::"),
    "more memory than allowed": ({"memory": '(memory (export "memory") 65)'}, "memory"),
    "a data segment beyond the memory": ({"extra": '(data (i32.const 131070) "abcdef")'}, "out of bounds"),
    "an element segment beyond the table": ({"extra": "(table 1 funcref) (elem (i32.const 9) func 0)"}, "out of bounds"),
    "an enormous table": ({"extra": "(table 100001 funcref)"}, "table"),
    "many tables": ({"extra": "(table 1 funcref)" * 5}, "table"),
    "a start function that spins": ({"extra": "(func $s (loop (br 0))) (start $s)"}, "computed for"),
    "a start function that recurses": ({"extra": "(func $s (call $s) (call $s)) (start $s)"}, "recursed"),
    "a start function that grows": (
        {"extra": "(func $s (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable) (start $s)"}, "unreachable",
    ),
    "an initializer that spins": ({"symbia_abi": '(func (export "_initialize") (loop (br 0)))'}, "computed for"),
    "a version that spins": ({"symbia_abi": '(func (export "symbia_abi") (result i32) (loop (br 0)) (unreachable))'}, "computed for"),
    "a status beyond the memory": ({"symbia_status": '(func (export "symbia_status") (result i32) (i32.const -16))'}, "status block"),
    "a status that straddles the end": ({"symbia_status": '(func (export "symbia_status") (result i32) (i32.const 131057))'}, "status block"),
    "an input buffer beyond the memory": ({"symbia_input": '(func (export "symbia_input") (param i32) (result i32) (i32.const -1))'}, "input buffer"),
    "an input buffer over the status block": (
        {"symbia_input": '(func (export "symbia_input") (param i32) (result i32) (i32.const 16))',
         "symbia_open": '(func (export "symbia_open") (param i32) (result i32) (i32.const 0))'}, "closed 0 messages",
    ),
    "a 64-bit memory": ({"memory": '(memory (export "memory") i64 2)'}, "memory64"),
    "shared memory": ({"memory": '(memory (export "memory") 2 2 shared)'}, "shared|threads"),
    "two memories": ({"extra": "(memory 1)"}, "memory count"),
    "exceptions": ({"extra": "(tag) (func (throw 0))"}, "exceptions"),
    "a memory named twice": ({"extra": '(export "symbia_memory" (memory 0)) (export "memory" (memory 0))'}, "duplicate export"),
    "a function as memory": ({"memory": '(func (export "memory")) (memory 2)'}, "memory"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_a_module_that_cannot_be_a_guest_is_refused(name: str) -> None:
    """Before its first message, by name, at the cost of its own budget."""
    parts, reason = REFUSED[name]
    with pytest.raises((SandboxError, wasmtime.WasmtimeError), match=reason):
        async with a_guest(TIGHT, **parts):
            pass


async def test_a_slice_costs_what_it_took() -> None:
    """An instruction that fills all memory runs for milliseconds, and is charged with all of them."""
    body = "(loop (memory.fill (i32.const 65536) (i32.const 7) (i32.const 62000000)) (br 0))"
    parts = {"memory": '(memory (export "memory") 1000)', "symbia_process": _process(body)}
    async with a_guest(GuestLimits(cpu_ms=200), **parts) as guest:
        report = await guest.process([(0, b"1")], 0.0)
        assert report.fault is not None
        assert report.fault.error.name == "CpuLimitExceeded"
        assert guest._counters.slices < 180


def _process(body: str) -> str:
    return f'(func (export "symbia_process") (param i32) (result i32) {body} (i32.const 0))'


async def test_a_new_guest_finds_nothing_of_a_destroyed_one() -> None:
    """Memory is empty when a guest gets it, whoever had it before."""
    write = "(loop (i64.store (i32.add (i32.const 4096) (local.get $i)) (i64.const -1)) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 3000000)))) unreachable"
    read = "(loop (if (i64.ne (i64.load (i32.add (i32.const 4096) (local.get $i))) (i64.const 0)) (then unreachable)) (br_if 0 (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 8))) (i32.const 3000000))))"
    found = (
        f"(if (i32.eq (i32.load8_u (i32.const 1044)) (i32.const 49)) (then {write})) {read} {status(512, 8, 1)}"
    )
    parts = {"memory": '(memory (export "memory") 60)'}
    async with attacked_sandbox(attacker(hostile_text(found, **parts), GuestLimits())) as sandbox:
        for _ in range(3):
            (effects,) = await sandbox.process([(0, b"1")])
            check_result(effects, Fails("GuestTrapped"))
            (effects,) = await sandbox.process([(0, b"2")])
            check_result(effects, ())


async def test_a_lie_about_closed_messages_ends_with_the_batch() -> None:
    """A count that grows restarts the budget at most once a message, and one that falls is a violation."""
    count = "(i32.store (i32.const 24) (i32.add (i32.load (i32.const 24)) (i32.const {})))"
    up = _process(f"(loop $l {count.format(1)} (br $l))")
    async with a_guest(TIGHT, symbia_process=up) as guest:
        assert "more messages than it was given" in str(await _fault(guest))
    down = _process(f"(i32.store (i32.const 24) (i32.const 3)) (loop $l {count.format(-1)} (br $l))")
    async with a_guest(TIGHT, symbia_process=down) as guest:
        assert isinstance(await _fault(guest), GuestFaultError)


async def _fault(guest: Guest) -> GuestFaultError | None:
    return (await guest.process([(0, b"1")] * 3, 0.0)).fault


async def test_the_guest_of_javascript_itself_has_no_rights() -> None:
    """Our own module imports nothing, not one function of WASI, and exports the ABI and nothing else."""
    from wasm_host.sandbox import javascript  # noqa: PLC0415 - the only test here about JavaScript

    module = wasmtime.Module(wasmtime.Engine(), javascript.read_guest())
    assert [f"{each.module}.{each.name}" for each in module.imports] == []
    assert {each.name for each in module.exports} == {
        *("memory", "_initialize", "symbia_abi", "symbia_status", "symbia_awaited", "symbia_input"),
        *("symbia_open", "symbia_process", "symbia_flush", "symbia_close", "symbia_chain", "symbia_select"),
        *("symbia_relay", "symbia_next"),
    }


@pytest.mark.parametrize("kind", ["funcref", "externref", "i64", "f32", "i32 i32"])
def test_an_export_of_another_type_is_refused(kind: str) -> None:
    """A reference in the place of a number would be an address of the host's, read as one of the guest's."""
    zero = "(ref.null func)" if kind == "funcref" else "(ref.null extern)" if kind == "externref" else ""
    body = zero or " ".join(f"({each}.const 16)" for each in kind.split())
    text = module_text(symbia_status=f'(func (export "symbia_status") (result {kind}) {body})')
    with pytest.raises(ModuleError, match="symbia_status"):
        check_exports(wasmtime.Module(wasmtime.Engine(), bytes(wasmtime.wat2wasm(text))))
