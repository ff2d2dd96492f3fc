"""Guests that want more than their turn: one instruction that is no slice, and many guests at once."""

from collections.abc import Sequence

import pytest
import trio

from tests.attacks.modules import OUTPUT_AT, attacker, hostile_text, record, status
from tests.attacks.sandbox_attack import ANSWERS, STILL_HERE, YES
from tests.attacks.steps import measured_steps
from tests.wasm_host.sandboxes import run
from wasm_host.guest.memory import FREE_BYTES
from wasm_host.host import SandboxHost, open_host
from wasm_host.limits import GuestLimits
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox

LONG_STEP_SECONDS = 0.025
"""Of the processor's time: a slice is a millisecond, and a busy machine adds a few."""

LARGE = GuestLimits(memory_bytes=256 * 1024 * 1024)

BULK_IN_JAVASCRIPT = {
    "a large array, zeroed": "return new Uint8Array(60 << 20).length",
    "filling it": "return new Uint8Array(90 << 20).fill(7).length",
    "copying it within": "const a = new Uint8Array(90 << 20); a.copyWithin(1, 0); return a[1]",
    "setting it from another": "const a = new Uint8Array(50 << 20); new Uint8Array(50 << 20).set(a); return 1",
    "slicing it": "return new Uint8Array(50 << 20).slice(1).length",
    "repeating a text": "return 'x'.repeat(90 << 20).length",
    "joining texts": "const a = 'x'.repeat(40 << 20); return (a + a + 'y').indexOf('y')",
}


@pytest.mark.parametrize("body", BULK_IN_JAVASCRIPT.values(), ids=BULK_IN_JAVASCRIPT)
async def test_no_operation_of_javascript_is_one_long_step(body: str) -> None:
    """Tens of megabytes, touched for the first time by one operation of the language, take many slices."""
    with measured_steps() as steps:
        (effects,) = await run(f"(() => {{ {body} }})()", b"1", mode="map", limits=LARGE)
    assert effects.error is None
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


_NOTHING = int.from_bytes(record(0), "little")
CLOSED = f"(i64.store (i32.const {OUTPUT_AT}) (i64.const {_NOTHING})){status(OUTPUT_AT, 8, 1)}"
"""Instructions with which a module says that it has closed its message."""

BULK = {
    "a fill": "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 200000000))",
    "a copy": "(memory.copy (i32.const 65536) (i32.const 100000000) (i32.const 100000000))",
    "a copy from behind": "(memory.copy (i32.const 100000000) (i32.const 65536) (i32.const 99000000))",
}


@pytest.mark.parametrize("body", BULK.values(), ids=BULK)
async def test_no_instruction_of_a_module_is_one_long_step(body: str) -> None:
    """Nor does it when a module's author writes the instruction by hand, and grows the memory before it."""
    grown = f"(drop (memory.grow (i32.const 3200))) {body}"
    async with open_host(memory_bytes=2**30, owner_memory_bytes=2**30) as host:
        sandbox = attacker(hostile_text(f"{grown} {CLOSED}"), LARGE)(host)
        await sandbox.open()
        with measured_steps() as steps:
            (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None
        sandbox.discard()
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


async def _opened(host: SandboxHost, body: str, count: int, limits: GuestLimits, owner: str = "") -> list[Sandbox]:
    source = f"return {{ process(ctx, port, value) {{ {ANSWERS} {body} }} }}"
    program = Program("handler", source)
    sandboxes = [host.sandbox(program, limits=limits, owner=owner) for _ in range(count)]
    for sandbox in sandboxes:
        await sandbox.open()
    return sandboxes


async def _most_slices(host: SandboxHost, sandboxes: Sequence[Sandbox], seconds: float) -> int:
    """How many slices at the most were run while somebody waited who only wants their next step."""
    most = 0

    async def beat() -> None:
        nonlocal most
        before = host.statistics().slices
        while True:
            await trio.lowlevel.checkpoint()
            now = host.statistics().slices
            most = max(most, now - before)
            before = now

    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat)
            await trio.lowlevel.checkpoint()
            for sandbox in sandboxes:
                nursery.start_soon(sandbox.process, [(0, b"1")])
    return most


@pytest.mark.parametrize("quick_calls_before", [0, 40])
async def test_guests_that_begin_at_once_take_their_turns(quick_calls_before: int) -> None:
    """A hundred guests that compute without end from one moment on are not a hundred slices in one pass.

    Not even where each has shown for long that it is quick.
    """
    async with open_host() as host:
        sandboxes = await _opened(host, "for (;;) {}", 100, GuestLimits())
        for sandbox in sandboxes:
            for _ in range(quick_calls_before):
                await sandbox.process([(0, STILL_HERE)])
                await trio.lowlevel.checkpoint()  # a call that ends within its slice is none
        assert await _most_slices(host, sandboxes, 0.6) < 15
        for sandbox in sandboxes:
            sandbox.discard()


async def test_guests_that_are_each_within_their_slice_take_turns_too() -> None:
    """A hundred guests that each compute for most of a slice, and no more, are not all in one pass either."""
    async with open_host() as host:
        sandboxes = await _opened(host, "for (let i = 0; i < 20000; i++) {}", 100, GuestLimits())
        for sandbox in sandboxes:
            await sandbox.process([(0, b"1")])
        assert await _most_slices(host, sandboxes, 2) < 40
        for sandbox in sandboxes:
            sandbox.discard()


GREEDY = "globalThis.held = []; for (let i = 0; i < 20; i++) held.push(new Uint8Array(1 << 20).fill(7));"
MEBIBYTE = 1024 * 1024


async def test_guests_share_what_memory_there_is() -> None:
    """Guests get memory as they need it, until all have what all may have, and then they are told.

    What one has that is gone is there for others at once.
    """
    async with open_host(memory_bytes=200 * MEBIBYTE, owner_memory_bytes=120 * MEBIBYTE) as host:
        memory = host._runtime.memory
        mine = await _opened(host, GREEDY, 4, GuestLimits(), owner="mine")
        errors = []
        for sandbox in mine:
            (effects,) = await sandbox.process([(0, b"1")])
            errors.append(effects.error)
            assert memory.used_by("mine") <= 120 * MEBIBYTE
        refused = [error for error in errors if error is not None]
        assert 0 < len(refused) < 4
        assert {error.name for error in refused} == {"MemoryLimitExceeded"}
        assert "one owner's guests" in refused[0].message
        assert "125,829,120 bytes" in refused[0].message
        (yours,) = await _opened(host, GREEDY, 1, GuestLimits(), owner="yours")
        (effects,) = await yours.process([(0, b"1")])
        assert effects.error is None
        for sandbox in mine:
            assert (await sandbox.process([(0, STILL_HERE)]))[0].emissions == YES
        mine[0].discard()
        (another,) = await _opened(host, GREEDY, 1, GuestLimits(), owner="mine")
        (effects,) = await another.process([(0, b"1")])
        assert effects.error is None
        for sandbox in (*mine, yours, another):
            sandbox.discard()
        await host._runtime.reclaimer.settled()
        assert memory.used_bytes == 0


async def test_guests_that_grow_at_once_share_it_too() -> None:
    """Guests that take their memory in their first slices, before any of them has ended, have no more together."""
    body = "const held = new Uint8Array(28 << 20).fill(1); for (;;) {}"
    async with open_host(memory_bytes=100 * MEBIBYTE, owner_memory_bytes=100 * MEBIBYTE) as host:
        sandboxes = await _opened(host, body, 8, GuestLimits(cpu_ms=200))
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                await trio.lowlevel.checkpoint()
                most = max(most, sum(sandbox.statistics().memory_bytes for sandbox in sandboxes))

        async with trio.open_nursery() as watching:
            watching.start_soon(watch)
            async with trio.open_nursery() as nursery:
                for sandbox in sandboxes:
                    nursery.start_soon(sandbox.process, [(0, b"1")])
            watching.cancel_scope.cancel()
        assert 50 * MEBIBYTE < most < 100 * MEBIBYTE + len(sandboxes) * FREE_BYTES
        for sandbox in sandboxes:
            sandbox.discard()


async def test_a_large_guest_is_freed_in_many_steps() -> None:
    """Giving 200 MB back to the kernel is not one step."""
    fill = (
        "(drop (memory.grow (i32.const 3200))) (memory.fill (i32.const 65536) (i32.const 1) (i32.const 200000000))"
    )
    async with open_host(memory_bytes=2**30, owner_memory_bytes=2**30) as host:
        sandbox = attacker(hostile_text(f"{fill} {CLOSED}"), LARGE)(host)
        await sandbox.open()
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None
        with measured_steps() as steps:
            sandbox.discard()
            await host._runtime.reclaimer.settled()
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where
    assert steps.taken > 40
    assert host._runtime.memory.used_bytes == 0


DEEP = """
    const deeper = (n) => JSON.stringify({ toJSON() { return n > 0 ? deeper(n - 1) : hold() } });
    const hold = () => { for (;;) {} };
    const reach = (n) => { try { deeper(n) } catch (error) { reach(n - 5) } };
    reach(1000);"""


async def test_the_stacks_of_calls_under_way_count_too() -> None:
    """Guests that recurse deeply and then compute without end have megabytes of stack each, which count."""
    limits = GuestLimits(cpu_ms=300)
    async with open_host(memory_bytes=4 * MEBIBYTE, owner_memory_bytes=4 * MEBIBYTE) as host:
        sandboxes = await _opened(host, DEEP, 10, limits)
        errors = []

        async def attack(sandbox: Sandbox) -> None:
            (effects,) = await sandbox.process([(0, b"1")])
            assert effects.error is not None
            errors.append(effects.error.name)

        async with trio.open_nursery() as nursery:
            for sandbox in sandboxes:
                nursery.start_soon(attack, sandbox)
        assert set(errors) == {"MemoryLimitExceeded", "CpuLimitExceeded"}
        for sandbox in sandboxes:
            assert (await sandbox.process([(0, STILL_HERE)]))[0].emissions == YES
        assert host._runtime.memory.used_bytes == 0
        for sandbox in sandboxes:
            sandbox.discard()
