"""What a message causes leaves soon after it was made, however many messages wait behind it in the batch."""

import pytest

from tests.wasm_host.sandboxes import a_guest, on_process, opened
from wasm_host.limits import GuestLimits

LONG = "(() => { let sum = 0; for (let i = 0; i < 400000; i++) sum += i; return sum; })()"
"""Computes for several slices: some ten milliseconds."""


async def test_a_batch_of_long_messages_is_answered_one_by_one() -> None:
    """A message that outlived its first slice is the last of its call."""
    batch = [(0, b"%d" % number) for number in range(5)]
    async with opened(f"[value, {LONG}]", mode="map") as sandbox:
        seen: list[bytes] = []
        for calls in range(1, 6):
            before = sandbox.statistics().calls
            results = await sandbox.process(batch[len(seen) :])
            assert len(results) == 1
            assert sandbox.statistics().calls == before + 1
            seen += [value for effects in results for _, value in effects.emissions]
            assert len(seen) == calls
        assert [text[1:2] for text in seen] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_batch_of_short_messages_is_one_call() -> None:
    """What ends within a slice is answered together, as ever."""
    async with opened("value", mode="map") as sandbox:
        before = sandbox.statistics().calls
        results = await sandbox.process([(0, b"1")] * 64)
        assert len(results) == 64
        assert sandbox.statistics().calls == before + 1


@pytest.mark.parametrize("long", [0, 3, 5])
async def test_what_was_short_does_not_wait_for_what_is_long(long: int) -> None:
    """Those before it leave while it computes, and behind it nothing is begun; it is computed once."""
    batch = [(0, b"%d" % number) for number in range(6)]
    async with opened(f"value === {long} ? {LONG} : value", mode="map") as sandbox:
        before = sandbox.statistics().calls
        results = await sandbox.process(batch)
        assert len(results) == max(long, 1)
        if long:
            results += await sandbox.process(batch[long:])
            assert len(results) == long + 1
        assert sandbox.statistics().calls == before + 1
        assert results[-1].emissions == [(0, b"79999800000")]
        results += await sandbox.process(batch[len(results) :]) if long < 5 else []
        values = [value for effects in results for _, value in effects.emissions]
        assert values == [b"79999800000" if number == long else b"%d" % number for number in range(6)]
        assert sandbox.statistics().restarts == 0


def _handler(body: str, extra: str = "") -> str:
    return f"return {{ process(ctx, port, value) {{ {body} }}, {extra} }}"


async def test_what_was_answered_stands_whatever_becomes_of_the_long_one() -> None:
    """Its state, too. What the long one does is its own, and what it has said and made till then comes with it."""
    body = f"""ctx.setState('n', value); ctx.log('info', 'got ' + value); ctx.emit('out', value)
        if (value === 2) {{ {LONG}; ctx.emit('out', 'x'.repeat(100000)); {LONG}; throw new Error('late') }}"""
    batch = [(0, b"1"), (0, b"2"), (0, b"3")]
    async with opened(_handler(body)) as sandbox:
        (first,) = await sandbox.process(batch)
        assert ([line.message for line in first.logs], dict(sandbox.state)) == (["got 1"], {"n": b"1"})
        (second,) = await sandbox.process(batch[1:])
        assert second.error is not None
        assert ([line.message for line in second.logs], second.error.message) == (["got 2"], "late")
        assert dict(sandbox.state) == {"n": b"1"}
        (third,) = await sandbox.process(batch[2:])
        assert (third.emissions, dict(sandbox.state)) == ([(0, b"3")], {"n": b"3"})
        assert sandbox.statistics().restarts == 0


async def test_the_long_one_has_all_of_its_time_and_no_more() -> None:
    """Its limit is its own affair."""
    body = "for (; value === 2; ); ctx.emit('out', value)"
    limits = GuestLimits(cpu_ms=20)
    batch = [(0, b"1"), (0, b"2"), (0, b"3")]
    async with opened(_handler(body), limits=limits) as sandbox:
        (first,) = await sandbox.process(batch)
        assert first.emissions == [(0, b"1")]
        results = await sandbox.process(batch[1:])
        assert results[0].error is not None
        assert results[0].error.name == "CpuLimitExceeded"
        assert [effects.emissions for effects in results[1:]] == [[(0, b"3")]]


async def test_a_guest_that_breaks_behind_what_was_answered_is_replaced() -> None:
    """The message that broke it is charged, and the others go to the next one."""
    body = f"if (value === 2) {{ {LONG}; for (const all = [];;) all.push(new Uint8Array(1e6).fill(1)) }}"
    batch = [(0, b"1"), (0, b"2"), (0, b"3")]
    async with opened(
        _handler(f"{body} ctx.emit('out', value)"), limits=GuestLimits(memory_bytes=2**23)
    ) as sandbox:
        (first,) = await sandbox.process(batch)
        assert first.emissions == [(0, b"1")]
        second, *others = await sandbox.process(batch[1:])
        assert second.error is not None
        assert second.error.name == "MemoryLimitExceeded"
        assert [effects.emissions for effects in others] == [[(0, b"3")]]


async def test_other_messages_than_the_rest_begin_anew() -> None:
    """Then the long one counts as not begun, and may come again."""
    body = f"ctx.setState('n', value); if (value === 2) {LONG}; ctx.emit('out', value)"
    async with opened(_handler(body)) as sandbox:
        await sandbox.process([(0, b"1"), (0, b"2")])
        (other,) = await sandbox.process([(0, b"7")])
        assert (other.emissions, dict(sandbox.state)) == ([(0, b"7")], {"n": b"7"})
        (again,) = await sandbox.process([(0, b"2")])
        assert (again.emissions, dict(sandbox.state)) == ([(0, b"2")], {"n": b"2"})


@pytest.mark.parametrize("verb", ["flush", "close", "discard"])
async def test_a_sandbox_may_end_while_it_is_at_work(verb: str) -> None:
    """What is under way is void, as if it had been cancelled; a last word is said by a new guest."""
    body = f"if (value === 2) {LONG}; ctx.setState('n', value)"
    async with opened(_handler(body, "flush(ctx) { ctx.emit('out', ctx.getState('n')) }")) as sandbox:
        await sandbox.process([(0, b"1"), (0, b"2")])
        ended = getattr(sandbox, verb)()
        if verb != "discard":
            effects = await ended
            assert effects.emissions == ([(0, b"1")] if verb == "flush" else [])
        assert dict(sandbox.state) == {"n": b"1"}


async def test_state_goes_on_where_a_call_returned_early() -> None:
    """The messages of the next call see what those of the last one have set."""
    source = (
        "({getState, setState, emit}) => ({ process: (c, p, v) => {"
        f" {LONG}; setState('n', (getState('n') ?? 0) + v); emit('out', getState('n')); }} }})"
    )
    batch = [(0, b"1")] * 4
    async with opened(source) as sandbox:
        sums: list[bytes] = []
        while len(sums) < len(batch):
            results = await sandbox.process(batch[len(sums) :])
            sums += [value for effects in results for _, value in effects.emissions]
        assert sums == [b"1", b"2", b"3", b"4"]


_NEXT = "(i32.store (i32.const 3000) (i32.add (i32.load (i32.const 3000)) (i32.const 1)))"
COUNTING = f"(loop {_NEXT} (br_if 0 (i32.lt_u (i32.load (i32.const 3000)) (i32.const 9000000))))"
AWAITING = "(loop (br_if 0 (i32.eqz (i32.load (i32.const 2000)))))"


@pytest.mark.parametrize(("address", "found"), [("2000", 1), ("-4", 0), ("131070", 0)])
async def test_a_module_may_name_a_word_of_its_memory_and_no_other(address: str, found: int) -> None:
    """The host sets it where the call takes long; beyond the memory nothing is written, and nobody is harmed."""
    word = f'(func (export "symbia_awaited") (result i32) (i32.const {address}))'
    body = AWAITING if found else COUNTING
    async with a_guest(GuestLimits(), extra=word, symbia_process=on_process(body)) as guest:
        report = await guest.process([(0, b"1"), (0, b"2")], 0.0)
        assert report.fault is None
        assert len(report.closed) == 1
        set_to = guest._instance.read(2000, 4)
        assert set_to == found.to_bytes(4, "little")
