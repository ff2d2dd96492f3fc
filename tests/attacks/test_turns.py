"""Guests that want more than their turn: one instruction that is no slice, and many guests at once."""

import pytest

from tests.attacks.modules import attacker, hostile_text
from tests.attacks.steps import measured_steps
from tests.wasm_host.sandboxes import run
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits

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


BULK = {
    "a fill": "(memory.fill (i32.const 65536) (i32.const 1) (i32.const 200000000))",
    "a copy": "(memory.copy (i32.const 65536) (i32.const 100000000) (i32.const 100000000))",
    "a copy from behind": "(memory.copy (i32.const 100000000) (i32.const 65536) (i32.const 99000000))",
}


@pytest.mark.parametrize("body", BULK.values(), ids=BULK)
async def test_no_instruction_of_a_module_is_one_long_step(body: str) -> None:
    """Nor does it when a module's author writes the instruction himself, and grows his memory before it."""
    grown = f"(drop (memory.grow (i32.const 3200))) {body}"
    async with open_host() as host:
        sandbox = attacker(hostile_text(grown), LARGE)(host)
        await sandbox.open()
        with measured_steps() as steps:
            await sandbox.process([(0, b"1")])
        sandbox.discard()
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where
