"""Components that mean harm: each meets its limit and is replaced, and nothing else is disturbed."""

import time

import pytest
import trio

from tests.wasm_host.component_model.components import QUICK, a_host, component, opened, run
from wasm_host.errors import CpuLimitError, GuestTrapError, ModuleError
from wasm_host.limits import GuestLimits

_SPIN = "(loop $l (br $l))"
_CLEAR_52 = "(memory.fill (i32.const 4096) (i32.const 0) (i32.const 52))"
_LIST_OF_ONE = "(i32.store (i32.const 16) (i32.const 4096)) (i32.store (i32.const 20) (i32.const 1))"


def _list(address: int, length: int) -> str:
    """Answers a list that lies at an address, of a length."""
    return (
        f"(i32.store (i32.const 16) (i32.const {address})) (i32.store (i32.const 20) (i32.const {length})) "
        "(i32.const 16)"
    )


def _emitting(count: int, value_at: int, value_bytes: int, field: int = 0) -> str:
    """Answers one record of effects with so many emissions (or other entries), all of the same value."""
    return f"""(local $at i32) {_CLEAR_52} {_LIST_OF_ONE}
      (i32.store (i32.const {4096 + field}) (i32.const 16384))
      (i32.store (i32.const {4100 + field}) (i32.const {count}))
      (local.set $at (i32.const 16384))
      (loop $more
        (i32.store (local.get $at) (i32.const 512))
        (i32.store offset=4 (local.get $at) (i32.const 3))
        (i32.store offset=8 (local.get $at) (i32.const {value_at}))
        (i32.store offset=12 (local.get $at) (i32.const {value_bytes}))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $more (i32.lt_u (local.get $at) (i32.const {16384 + 16 * count}))))
      (i32.const 16)"""


_ONE_AND_SPACES = (
    "(memory.fill (i32.const 131072) (i32.const 32) (i32.const 2000000))"
    "(i32.store8 (i32.const 131072) (i32.const 49))"
)
_LARGE = '(memory (export "memory") 60)'
_DIGIT = '(data (i32.const 1024) "7")'

CASES = {
    "spins": ({"process": _SPIN + " (i32.const 16)"}, "CpuLimitExceeded", "60 ms"),
    "traps": ({"process": "unreachable"}, "GuestTrapped", "unreachable"),
    "divides by zero": (
        {"process": "(i32.div_u (local.get $count) (i32.const 0))"},
        "GuestTrapped",
        "divide by zero",
    ),
    "recurses": (
        {
            "process": "(call $deep (i32.const 1))",
            "extra": "(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))",
        },
        "StackLimitExceeded",
        "too deeply",
    ),
    "takes all memory": (
        {"process": "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable"},
        "GuestTrapped",
        "unreachable",
    ),
    "answers too few": ({"process": _list(4096, 0)}, "ProtocolViolation", "0 effects for 1 messages"),
    "answers too many": ({"process": _list(4096, 2)}, "ProtocolViolation", "2 effects for 1 messages"),
    "lies about an address": ({"process": _list(-4, 1)}, "GuestTrapped", "out-of-bounds"),
    "lies about a length": ({"process": _list(4096, 2_000_000_000)}, "GuestTrapped", "out-of-bounds"),
    "answers beside its memory": ({"process": "(i32.const -8)"}, "GuestTrapped", "out of bounds"),
    "answers unaligned": ({"process": "(i32.const 17)"}, "GuestTrapped", "unaligned pointer"),
    "names one megabyte a thousand times": (
        {"process": _emitting(1000, 131_072, 2_000_000), "memory": _LARGE},
        "OutputLimitExceeded",
        "25,165,824",
    ),
    "emits too many values": (
        {"process": _emitting(10_001, 1024, 1), "memory": _LARGE, "extra": _DIGIT},
        "OutputLimitExceeded",
        "emissions is limited to 10000",
    ),
    "emits too much": (
        {
            "process": _emitting(5, 131_072, 2_000_000).replace(
                "(local.set $at", f"{_ONE_AND_SPACES} (local.set $at", 1
            ),
            "memory": _LARGE,
        },
        "OutputLimitExceeded",
        "output_bytes is limited to 8388608",
    ),
    "emits what is no JSON": ({"process": _emitting(1, 513, 2)}, "ValueError", "an emission is not JSON text"),
    "emits nothing at all": ({"process": _emitting(1, 1024, 0)}, "ValueError", "not JSON"),
    "emits what is no text": (
        {"process": _emitting(1, 1024, 1), "extra": r'(data (i32.const 1024) "\ff")'},
        "GuestTrapped",
        "invalid utf8",
    ),
    "emits elsewhere": (
        {"process": _emitting(1, 1024, 1), "extra": f'{_DIGIT} (data (i32.const 512) "owt")'},
        "PortError",
        "'owt'; the declared ones are out, error",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_an_attack_fails_its_own_message(case: str) -> None:
    """The attacker gets a named error; the next message finds a working instance, with the first one's fate."""
    parts, name, words = CASES[case]
    async with opened(component(**parts), outputs=("out", "error")) as sandbox:
        for _ in range(2):
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.error is not None
            assert effects.error.name == name
            assert words.lower() in effects.error.message.lower()
            assert effects.emissions == []


async def test_a_spinning_start_function_is_stopped() -> None:
    """Instantiation is sliced and limited like a call."""
    content = component(extra=f"(func $begin {_SPIN}) (start $begin)")
    async with a_host() as host:
        program = await host.program(content, limits=QUICK)
        with pytest.raises(CpuLimitError):
            await host.check(program, limits=QUICK)


async def test_a_trapping_start_function_is_reported() -> None:
    """A component that traps while it is instantiated is refused by the check."""
    async with a_host() as host:
        program = await host.program(component(extra="(func $begin unreachable) (start $begin)"), limits=QUICK)
        with pytest.raises(GuestTrapError, match="unreachable"):
            await host.check(program, limits=QUICK)


@pytest.mark.parametrize(
    ("answer", "words"), [("-16", "out of bounds|out-of-bounds|beyond end"), ("9", "unaligned|aligned")]
)
async def test_a_lying_allocator_harms_itself(answer: str, words: str) -> None:
    """A component that has its input put beside its memory, or unaligned, traps."""
    with pytest.raises(GuestTrapError, match=words):
        await run(component(realloc=f"(i32.const {answer})"), b"1")


async def test_a_spinning_allocator_is_stopped() -> None:
    """Making room for the input is part of the call, and of its budget."""
    with pytest.raises(CpuLimitError):
        await run(component(realloc=f"{_SPIN} (i32.const 0)"), b"1")


async def test_a_trap_in_open_is_raised() -> None:
    """A component that traps in `open` never becomes an instance."""
    with pytest.raises(GuestTrapError, match="unreachable"):
        await run(component(opening="unreachable"), b"1")


async def test_an_instance_beyond_the_limits_is_refused_when_it_is_made() -> None:
    """The store holds the limits too: a program that was admitted with more memory does not get it with less."""
    async with a_host() as host:
        program = await host.program(component(memory='(memory (export "memory") 40)'), limits=GuestLimits())
        small = GuestLimits(memory_bytes=1024 * 1024)
        with pytest.raises(ModuleError, match="cannot be instantiated"):
            await host.sandbox(program, limits=small).open()


async def test_close_has_a_short_budget() -> None:
    """A component that spins in `close` is ended after `close_ms`."""
    limits = GuestLimits(close_ms=20)
    async with opened(component(closing=f"{_SPIN} (i32.const 64)"), limits) as sandbox:
        effects = await sandbox.close()
        assert effects.error is not None
        assert effects.error.name == "CpuLimitExceeded"


async def test_a_spinning_component_leaves_the_loop_its_time() -> None:
    """While ten components spin, no other task is kept waiting for a tenth of a second of the processor's time."""
    longest = 0.0
    async with a_host() as host, trio.open_nursery() as nursery:
        program = await host.program(component(process=f"{_SPIN} (i32.const 16)"))
        sandboxes = [host.sandbox(program) for _ in range(10)]
        for sandbox in sandboxes:
            await sandbox.open()
            nursery.start_soon(sandbox.process, [(0, b"1")])
        for _ in range(200):
            began = time.thread_time()
            await trio.sleep(0.001)
            longest = max(longest, time.thread_time() - began)
        nursery.cancel_scope.cancel()
    assert longest < 0.1
