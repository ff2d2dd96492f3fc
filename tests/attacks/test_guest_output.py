"""Guests that have much to say: large values, many values, log floods, large states; taken over step by step."""

import pytest

from tests.attacks.modules import attacker, hostile_text, record, status
from tests.attacks.steps import measured_steps
from tests.wasm_host.sandboxes import opened, process
from wasm_host.host import open_host
from wasm_host.limits import GuestLimits

LONG_STEP_SECONDS = 0.05
"""Of the processor's time. What is done here in one step takes a millisecond or two on an idle machine."""

ROOMY = GuestLimits(
    memory_bytes=190 * 1024 * 1024,
    cpu_ms=30_000,
    output_bytes=64 * 1024 * 1024,
    emissions=100_000,
    log_lines=10_000,
    log_bytes=4 * 1024 * 1024,
    state_keys=100_000,
    state_bytes=32 * 1024 * 1024,
)
"""The most that a component may ask for."""

LARGE = {
    "two values of 13 MB": "const v = 'x'.repeat(13e6); ctx.emit('out', v); ctx.emit('out', v)",
    "one that is not ASCII": "ctx.emit('out', 'é'.repeat(12e6))",
    "one of a million small things": "const a = Array(1e6).fill(3); ctx.emit('out', a)",
    "100,000 values": "for (let i = 0; i < 1e5; i++) ctx.emit('out', i)",
    "10,000 log lines": "for (let i = 0; i < 1e4; i++) ctx.log('info', 'a line', {i})",
    "a state of 12 MB": "ctx.setState('a', 'x'.repeat(12e6))",
    "a state of 30,000 keys": "for (let i = 0; i < 3e4; i++) ctx.setState('key' + i, i)",
}


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
async def test_what_one_invocation_says_is_taken_over_in_many_steps(body: str) -> None:
    """However much it may say: nobody waits for it to be copied, checked and kept in one go."""
    with measured_steps() as steps:
        (effects,) = await process(body, b"1", limits=ROOMY)
    assert effects.error is None
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


async def test_large_values_come_out_as_they_were_made() -> None:
    """Values beside others that are longer than a window, in the order in which they were emitted."""
    body = """
        ctx.emit('out', 1); ctx.emit('out', 'x'.repeat(3e6)); ctx.log('info', 'between'); ctx.emit('out', 'é');
        ctx.emit('out', ['y'.repeat(7e5), 'ü'.repeat(7e5)]); ctx.setState('large', 'z'.repeat(9e5));
        ctx.setState('small', 2)"""
    async with opened(f"return {{ process(ctx, port, value) {{ {body} }} }}", limits=ROOMY) as sandbox:
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None
        assert [value for _, value in effects.emissions] == [
            b"1",
            b'"' + b"x" * 3_000_000 + b'"',
            '"é"'.encode(),
            b'["' + b"y" * 700_000 + b'","' + "ü".encode() * 700_000 + b'"]',
        ]
        assert [line.message for line in effects.logs] == ["between"]
        assert dict(sandbox.state) == {"large": b'"' + b"z" * 900_000 + b'"', "small": b"2"}


async def test_what_a_batch_says_is_handed_over_in_parts() -> None:
    """A batch whose messages each emit a megabyte is answered a few at a time; nothing is lost, or done twice."""
    source = """let n = 0; return { process(ctx, port, value) {
        n += 1; for (let i = 0; i < 1000; i++) ctx.emit('out', [n, value, 'x'.repeat(1000)]) } }"""
    batch = [(0, str(number).encode()) for number in range(64)]
    seen: list[bytes] = []
    async with opened(source, limits=ROOMY) as sandbox:
        while batch:
            done = await sandbox.process(batch)
            assert 0 < len(done) <= 6
            assert all(len(effects.emissions) == 1000 for effects in done)
            seen += [effects.emissions[0][1][:9].rstrip(b"x") for effects in done]
            batch = batch[len(done) :]
        assert sandbox.statistics().restarts == 0
    assert seen == [f'[{number + 1},{number},"'.encode() for number in range(64)]


async def test_a_state_of_12_mb_comes_back_in_many_steps() -> None:
    """A guest that was destroyed is replaced, and its large state given to the next, step by step."""
    source = """return { process(ctx, port, value) {
        if (value === 'keep') return ctx.setState('a', 'x'.repeat(12e6));
        if (value === 'spin') for (;;) {}
        ctx.emit('out', ctx.getState('a').length) } }"""
    limits = GuestLimits(
        memory_bytes=ROOMY.memory_bytes, cpu_ms=300, state_bytes=ROOMY.state_bytes, state_keys=ROOMY.state_keys
    )
    async with opened(source, limits=limits) as sandbox:
        with measured_steps() as steps:
            await sandbox.process([(0, b'"keep"')])
            (spun,) = await sandbox.process([(0, b'"spin"')])
            (effects,) = await sandbox.process([(0, b"1")])
        assert spun.error is not None
        assert effects.emissions == [(0, b"12000000")]
        assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


async def test_a_value_of_33_mb_is_copied_and_checked_in_many_steps() -> None:
    """One text of sixteen million numbers, of a module that has nothing else to do."""
    at, numbers = 65_536, 1 << 25
    length = 1 + numbers + 2
    head = int.from_bytes(record(1)[:4] + length.to_bytes(4, "little"), "little")
    body = f"""(drop (memory.grow (i32.const 600)))
        (i64.store (i32.const {at - 8}) (i64.const {head}))
        (i32.store8 (i32.const {at}) (i32.const {ord("[")}))
        (i32.store16 (i32.const {at + 1}) (i32.const {int.from_bytes(b"1,", "little")}))
        (local.set $i (i32.const 2))
        (loop (memory.copy (i32.add (i32.const {at + 1}) (local.get $i)) (i32.const {at + 1}) (local.get $i))
            (local.set $i (i32.shl (local.get $i) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $i) (i32.const {numbers}))))
        (i32.store16 (i32.const {at + 1 + numbers}) (i32.const {int.from_bytes(b"1]", "little")}))
        {status(at - 8, length + 8, 1)}"""
    async with open_host() as host:
        sandbox = attacker(hostile_text(body), ROOMY)(host)
        await sandbox.open()
        with measured_steps() as steps:
            (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is None
        ((_, value),) = effects.emissions
        assert len(value) == length
        assert value[:5] + value[-5:] == b"[1,1,1,1]"[:5] + b",1,1]"
        sandbox.discard()
    assert steps.longest_seconds < LONG_STEP_SECONDS, steps.where


WRONG = {
    "no JSON, at its end": (b"x", "not JSON"),
    "nested too deeply": (b"[", "nested too deeply"),
}


@pytest.mark.parametrize(("byte", "says"), WRONG.values(), ids=WRONG)
async def test_a_long_value_that_is_wrong_is_refused(byte: bytes, says: str) -> None:
    """A value that is too long for a window is checked as any other; the guest that wrote it is destroyed."""
    at, length = 65_536, 3_000_000
    head = int.from_bytes(record(1)[:4] + length.to_bytes(4, "little"), "little")
    body = f"""(drop (memory.grow (i32.const 100)))
        (memory.fill (i32.const {at}) (i32.const {byte[0]}) (i32.const {length}))
        (i64.store (i32.const {at - 8}) (i64.const {head}))
        {status(at - 8, length + 8, 1)}"""
    async with open_host() as host:
        sandbox = attacker(hostile_text(body), ROOMY)(host)
        await sandbox.open()
        (effects,) = await sandbox.process([(0, b"1")])
        assert effects.error is not None
        assert says in effects.error.message
        assert sandbox.statistics().restarts == 1
        sandbox.discard()
