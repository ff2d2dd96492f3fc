"""The framing: whatever the bytes, effects or the one documented error."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.errors import GuestError, OutputLimitError, ProtocolError
from wasm_host.guest import abi
from wasm_host.guest.abi import LogLine
from wasm_host.limits import GuestLimits

NOTHING, EMIT, FORWARD, LOG, STATE, ERROR = range(6)


def record(kind: int, payload: bytes = b"", port: int = 0, *, closes: bool = False) -> bytes:
    """One record as a guest writes it."""
    return struct.pack("<BBHI", kind, closes, port, len(payload)) + payload


def state(key: bytes, value: bytes) -> bytes:
    """The payload of a STATE record."""
    return struct.pack("<I", len(key)) + key + value


def parse(data: bytes, *inputs: bytes, limits: GuestLimits = GuestLimits()) -> abi.GuestOutput:  # noqa: B008 - frozen
    """The output of a guest with two output ports."""
    return abi.parse_output(data, inputs, 2, limits)


def test_a_batch_of_one_is_framed_as_documented() -> None:
    """Count, time, port, length, value."""
    assert abi.encode_batch([(3, b"true")], 1.5) == struct.pack("<IdII", 1, 1.5, 3, 4) + b"true"


@given(st.lists(st.tuples(st.integers(0, 65535), st.binary(max_size=20)), min_size=1, max_size=20))
def test_a_batch_can_be_read_back(batch: list[tuple[int, bytes]]) -> None:
    """Whatever goes in, a guest that follows the documentation reads the same."""
    data = abi.encode_batch(batch, 2.0)
    count, now_ms = struct.unpack_from("<Id", data)
    numbers = struct.unpack_from(f"<{2 * count}I", data, 12)
    values, at = [], 12 + 8 * count
    for length in numbers[count:]:
        values.append(data[at : at + length])
        at += length
    assert now_ms == 2.0
    assert list(zip(numbers[:count], values, strict=True)) == batch
    assert at == len(data)


def test_every_kind_of_record_means_what_it_says() -> None:
    """One message with everything, one with nothing."""
    data = b"".join([
        record(LOG, b'{"level":"info","message":"m","meta":{"a":1}}'),
        record(EMIT, b"[1]", 1),
        record(FORWARD),
        record(STATE, state(b"k", b"2")),
        record(STATE, state(b"gone", b""), closes=True),
        record(NOTHING, closes=True),
    ])  # fmt: skip
    output = parse(data, b'"in"', b"0")
    assert output.violation is None
    first, second = output.closed
    assert first.emissions == [(1, b"[1]"), (0, b'"in"')]
    assert first.logs == [LogLine("info", "m", b'{"a":1}')]
    assert first.state == [("k", b"2"), ("gone", None)]
    assert (second.emissions, second.logs, second.error) == ([], (), None)


def test_an_error_drops_emissions_and_state_and_keeps_logs() -> None:
    """Wherever among the message's records it stands."""
    data = record(EMIT, b"1") + record(ERROR, b'{"name":"E","message":"m"}') + record(STATE, state(b"k", b"1"))
    data += record(LOG, b'{"level":"warn","message":"w"}', closes=True) + record(EMIT, b"2", closes=True)
    first, second = parse(data, b"0", b"0").closed
    assert (first.emissions, first.state, first.error) == ([], (), GuestError("E", "m"))
    assert len(first.logs) == 1
    assert (second.emissions, second.error) == ([(0, b"2")], None)


def test_what_was_not_closed_has_no_effects_but_its_logs() -> None:
    """A guest was stopped in the middle of its second message."""
    data = record(EMIT, b"1", closes=True) + record(LOG, b'{"level":"info","message":"last"}') + record(EMIT, b"2")
    output = parse(data, b"0", b"0")
    assert [effects.emissions for effects in output.closed] == [[(0, b"1")]]
    assert [line.message for line in output.unfinished_logs] == ["last"]


def test_limits_hold_for_guests_that_do_not_keep_them() -> None:
    """Emissions, bytes and log lines per invocation."""
    limits = GuestLimits(emissions=2, output_bytes=100, log_lines=3)
    many = b"".join(record(EMIT, b"1") for _ in range(3)) + record(NOTHING, closes=True)
    large = record(EMIT, b'"' + b"x" * 100 + b'"', closes=True)
    logs = b"".join(record(LOG, b'{"level":"info","message":"m"}') for _ in range(9)) + record(
        NOTHING, closes=True
    )
    for flood, limit in ((many, "emissions is limited to 2"), (large, "output_bytes is limited to 100")):
        output = parse(record(EMIT, b"1", closes=True) + flood, b"0", b"0", limits=limits)
        assert [effects.emissions for effects in output.closed] == [[(0, b"1")]]
        assert isinstance(output.violation, OutputLimitError)
        assert limit in str(output.violation)
    (effects,) = parse(logs, b"0", limits=limits).closed
    assert effects.error is None
    assert [line.message for line in effects.logs] == ["m"] * 4 + ["5 more log lines dropped"]


def in_windows(data: bytes, *cuts: int, limits: GuestLimits = GuestLimits()) -> abi.GuestOutput:  # noqa: B008
    """The output of one message, read in windows that begin with the records at these places."""
    reader = abi.OutputReader(data[: cuts[0]], [b"0"], 2, limits, len(data))
    reader.read()
    for start, end in zip(cuts, (*cuts[1:], len(data)), strict=True):
        assert reader.next_at == start
        reader.go_on(start, data[start:end])
        reader.read()
    return reader.output()


def full(limits: GuestLimits, *, too_much: str = "") -> bytes:
    """A message that uses all that it may, and one thing more."""
    emissions = limits.emissions + (too_much == "emissions")
    size = limits.output_bytes - 3 * (limits.emissions - 1) + (too_much == "output_bytes")
    writes = 2 * limits.state_keys + (too_much == "state_keys")
    return b"".join([
        record(EMIT, b'"' + b"x" * (size - 2) + b'"'),
        *[record(EMIT, b"1.5")] * (emissions - 1),
        *[record(STATE, state(b"%d" % number, b"1")) for number in range(writes)],
        record(NOTHING, closes=True),
    ])  # fmt: skip


def test_each_message_may_use_all_that_it_may() -> None:
    """What one has used is not taken from the next, and exactly the limit is not too much."""
    limits = GuestLimits(emissions=3, output_bytes=100, state_keys=2)
    output = parse(full(limits) * 3, b"0", b"0", b"0", limits=limits)
    assert output.violation is None
    assert [(len(each.emissions), len(each.state)) for each in output.closed] == [(3, 4)] * 3


@pytest.mark.parametrize("limit", ["emissions", "output_bytes", "state_keys"])
def test_one_thing_more_than_a_message_may_is_too_much(limit: str) -> None:
    """And says which limit it is; what the messages before have done stays."""
    limits = GuestLimits(emissions=3, output_bytes=100, state_keys=2)
    output = parse(full(limits) + full(limits, too_much=limit), b"0", b"0", limits=limits)
    assert len(output.closed) == 1
    assert isinstance(output.violation, OutputLimitError)
    assert f"{limit} is limited to {getattr(limits, limit)}" in str(output.violation)


def test_records_in_windows_are_those_of_the_stream() -> None:
    """Wherever a window begins: what belongs to one message is put together."""
    parts = [record(EMIT, b"1"), record(EMIT, b"[2]"), record(EMIT, b"3", closes=True)]
    data = b"".join(parts)
    for cuts in ([len(parts[0])], [len(parts[0]), len(parts[0] + parts[1])]):
        output = in_windows(data, *cuts)
        assert output.violation is None
        assert [each.emissions for each in output.closed] == [[(0, b"1"), (0, b"[2]"), (0, b"3")]]


def test_a_record_that_is_longer_than_the_rest_of_the_stream_is_a_lie() -> None:
    """In a later window as in the first one."""
    first = record(EMIT, b"1")
    lie = struct.pack("<BBHI", EMIT, 1, 0, 100) + b"12345"
    for output in (parse(first + lie, b"0"), in_windows(first + lie, len(first))):
        assert isinstance(output.violation, ProtocolError)
        assert "longer than its output" in str(output.violation)


def test_an_empty_record_closes_a_message() -> None:
    """One that closes none says nothing, and is a mistake."""
    output = parse(record(NOTHING), b"0")
    assert isinstance(output.violation, ProtocolError)
    assert "closes no message" in str(output.violation)


@pytest.mark.parametrize("value", [b'"\xff"', b'"\xed\xa0\x80"', b"{", b"NaN"])
def test_a_state_must_be_json_text(value: bytes) -> None:
    """It is shown, and handed to the next guest."""
    output = parse(record(STATE, state(b"k", value), closes=True), b"0")
    assert isinstance(output.violation, ProtocolError)


@pytest.mark.parametrize(
    "value", [b"", b"{", b"1 2", b"'a'", b'"\xff"', b'"\xed\xa0\x80"', b"NaN", b"01", b"[1,]", b"\x00"]
)
def test_an_emission_must_be_json_text(value: bytes) -> None:
    """Nothing that the engine could not pass on becomes an emission."""
    assert isinstance(parse(record(EMIT, value, closes=True), b"0").violation, ProtocolError)


records = st.builds(
    record,
    st.integers(0, 7),
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [b"1", b'"a"', b'{"level":"info","message":"m"}', b'{"name":"E","message":"m"}', state(b"k", b"1")]
        ),
    ),
    st.integers(0, 3),
    closes=st.booleans(),
)


@given(st.one_of(st.binary(max_size=200), st.lists(records, max_size=12).map(b"".join)), st.integers(0, 4))
def test_any_bytes_parse_or_are_one_violation(data: bytes, messages: int) -> None:
    """Nothing raises, nothing is invented: never more messages than were given."""
    output = parse(data, *[b"0"] * messages)
    assert len(output.closed) <= messages
    assert output.violation is None or isinstance(output.violation, ProtocolError)
    for effects in output.closed:
        assert effects.error is None or not effects.emissions
