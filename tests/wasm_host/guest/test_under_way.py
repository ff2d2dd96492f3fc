"""Calls that go on after some of their messages were answered: their time, and what of their output is read."""

import pytest
import trio.testing

from wasm_host.errors import ProtocolError
from wasm_host.guest.abi import RECORD
from wasm_host.guest.under_way import UnderWay, closed_bytes
from wasm_host.wasmtime_c import core as capi

CLOSES = 1


def call_of(*values: bytes) -> UnderWay:
    """A call with these messages, whose guest never runs."""
    return UnderWay(capi.Pending.__new__(capi.Pending), [(0, value) for value in values])


async def test_the_time_in_which_nobody_runs_it_does_not_count(autojump_clock: trio.testing.MockClock) -> None:
    """However often it is left; what it takes in between does."""
    del autojump_clock
    call = call_of(b"1", b"2", b"3")
    for answered in (1, 0, 1):
        call.go_on()
        await trio.sleep(1)
        call.pause(answered)
        await trio.sleep(100)
    call.go_on()
    assert call.progress.wall_seconds() == 3
    assert (call.answered, call.batch) == (2, [(0, b"3")])


async def test_its_output_is_read_from_where_it_was_left() -> None:
    """Each part once, wherever it lies by then; and it may not become less."""
    call = call_of(b"1", b"2", b"3")
    assert call.unread(1000, 50, 1) == (1000, 50, 1)
    call.end_at(40)
    call.pause(1)
    assert call.unread(9000, 70, 3) == (9040, 30, 2)
    assert call.made_bytes(70) == 30
    for length, closed in ((39, 3), (70, 0)):
        with pytest.raises(ProtocolError, match="took back"):
            call.unread(1000, length, closed)


def test_what_is_closed_ends_with_the_last_record_that_closes() -> None:
    """Whole records only; lengths that lead beyond the text are nobody's harm."""
    first = RECORD.pack(1, 0, 0, 3) + b"123" + RECORD.pack(1, CLOSES, 0, 1) + b"4"
    under_way = RECORD.pack(1, 0, 0, 2) + b"56"
    assert closed_bytes(first + under_way) == len(first)
    assert closed_bytes(first + first) == 2 * len(first)
    assert closed_bytes(first + RECORD.pack(1, CLOSES, 0, 2**32 - 1)) == len(first)
    assert closed_bytes(first[:-1]) == closed_bytes(under_way) == closed_bytes(b"") == 0
