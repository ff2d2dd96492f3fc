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


@pytest.mark.parametrize("first", [0, 3])
async def test_what_was_short_does_not_wait_for_all_that_is_long(first: int) -> None:
    """Behind a long message nothing is begun; those before it leave with it."""
    source = f"value === {first} ? {LONG} : value"
    async with opened(source, mode="map") as sandbox:
        results = await sandbox.process([(0, b"%d" % number) for number in range(6)])
        assert len(results) == first + 1


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
