"""Long records of a stream, which are read by themselves: they mean what short ones do."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wasm_host.guest.test_abi import EMIT, ERROR, FORWARD, LOG, NOTHING, STATE, record, state
from wasm_host.errors import ProtocolError
from wasm_host.guest.abi import RECORD, GuestOutput, OutputReader, Record, parse_output
from wasm_host.limits import GuestLimits

FEW = GuestLimits(emissions=2, output_bytes=12, state_keys=1, log_lines=1, log_bytes=100)
VALUES = (b"1", b'"text"', b"[1,2,3]", b"[12345678]")
PAYLOADS = {
    NOTHING: (b"",),
    EMIT: VALUES,
    FORWARD: (b"",),
    LOG: (b'{"level":"info","message":"m"}', b'{"level":"info"}'),
    STATE: (state(b"k", b"1"), state(b"other", b""), struct.pack("<I", 99)),
    ERROR: (b'{"name":"E","message":"m"}',),
}


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """One record, perhaps of a port that does not exist."""
    kind = draw(st.sampled_from((*PAYLOADS, *[EMIT] * 6)))
    payload = draw(st.sampled_from(PAYLOADS[kind]))
    port = draw(st.sampled_from((*[0, 1] * 5, 2)))
    return record(kind, payload, port, closes=kind == NOTHING or draw(st.sampled_from((False, False, True))))


def read_one_by_one(stream: Sequence[bytes], inputs: Sequence[bytes], long: Sequence[bool]) -> GuestOutput:
    """What a reader makes of records that come one after the other, some of them as long ones."""
    length = sum(map(len, stream))
    reader = OutputReader(b"", inputs, 2, FEW, length)
    at = 0
    for each, is_long in zip(stream, long, strict=True):
        head = Record(*RECORD.unpack_from(each))
        if is_long and head.kind in (EMIT, LOG, STATE):
            reader.take_long(head, each[RECORD.size :])
        else:
            reader.go_on(at, each)
            reader.read()
        at += len(each)
        reader.go_on(at, b"")
        if reader.next_at != at:
            break  # something is wrong with it, and nothing behind it is looked at
    return reader.output()


def shown(output: GuestOutput) -> tuple[object, ...]:
    """All that came of a stream, so that it can be compared."""
    closed = [(each.emissions, list(each.logs), each.error, list(each.state)) for each in output.closed]
    return closed, list(output.unfinished_logs), str(output.violation), type(output.violation)


@settings(max_examples=500)
@given(st.lists(st.tuples(records(), st.booleans()), max_size=12), st.integers(0, 4))
def test_long_records_mean_what_short_ones_do(stream: list[tuple[bytes, bool]], messages: int) -> None:
    """The same effects, the same limits and the same violations, whichever records are long."""
    inputs = [b"0"] * messages
    parts = [part for part, _ in stream]
    whole = parse_output(b"".join(parts), inputs, 2, FEW)
    assert shown(read_one_by_one(parts, inputs, [is_long for _, is_long in stream])) == shown(whole)


@pytest.mark.parametrize("kind", [NOTHING, FORWARD, ERROR, 77])
def test_records_of_other_kinds_are_never_long(kind: int) -> None:
    """They are short by what they are, so a long one is a lie."""
    reader = OutputReader(b"", [b"0"], 2, FEW, 1000)
    reader.take_long(Record(kind, 1, 0, 9), b'"1234567"')
    output = reader.output()
    assert output.closed == []
    assert isinstance(output.violation, ProtocolError)
    assert str(output.violation) == f"the guest wrote a record of kind {kind} with 9 bytes"
