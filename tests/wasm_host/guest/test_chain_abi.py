"""The framing of a chain's calls: whatever a guest writes is read, or refused by the documented error."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.errors import GuestError, GuestFaultError, OutputLimitError, ProtocolError
from wasm_host.guest import chain_abi
from wasm_host.guest.abi import RECORD
from wasm_host.guest.chain_abi import ChainReader, ChainResult, Pending, Step
from wasm_host.guest.chain_judge import judge
from wasm_host.guest.chain_ports import ChainPorts, Outlet, ProgramPorts, Way
from wasm_host.limits import GuestLimits

PLACES = [
    ProgramPorts(2, GuestLimits(), (Outlet(0, False, (Way(1, 0),)),)),
    ProgramPorts(2, GuestLimits(), (Outlet(1, False, (Way(2, 0),)),)),
    ProgramPorts(1, GuestLimits(emissions=3)),
]
ROW = ChainPorts(PLACES)
"""Three programs in a row."""

_TO_BOTH = (Outlet(0, False, (Way(1, 0), Way(2, 0))),)
_TO_LAST = (Outlet(0, True, (Way(3, 1, lane=1),)),)
DIAMOND = ChainPorts(
    [
        ProgramPorts(2, GuestLimits(), _TO_BOTH),
        ProgramPorts(2, GuestLimits(), _TO_LAST),
        ProgramPorts(2, GuestLimits(), _TO_LAST),
        ProgramPorts(2, GuestLimits()),
    ]
)
Share = tuple[int, int, int]
"""Invocations of a program of the row, values that it passed on, values that it emitted in all."""
BATCH = [(0, 0, b"[1.0]"), (0, 0, b"[2.0]")]
NOTHING, EMIT, FORWARD, LOG, STATE, ERROR, INPUT, PENDING = range(8)
CLOSES = 1


def record(
    kind: int, program: int, payload: bytes = b"", *, port: int = 0, closes: bool = True, lane: int = 0
) -> bytes:
    """One record."""
    return RECORD.pack(kind, lane * 64 + program * 2 + closes, port, len(payload)) + payload


def read(data: bytes, *, traced: bool = False, ports: ChainPorts = ROW) -> tuple[list[Step], list[Pending]]:
    """What a stream tells. Raises GuestFaultError."""
    begun = chain_abi.read_plain(data, ports.programs, BATCH, traced=traced)
    reader = ChainReader(data, ports, BATCH, begun, traced=traced)
    while not reader.read(64):
        pass
    return reader.rest()


@given(data=st.binary(max_size=300), traced=st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, traced: bool) -> None:
    """By GuestFaultError and nothing else."""
    try:
        read(data, traced=traced)
    except GuestFaultError:
        return


RECORDS = st.builds(
    record,
    st.integers(0, 9),
    st.integers(0, 4),
    st.sampled_from(
        [b"", b"1", b'"x"', b"[", b"\xff", b'{"level":"info","message":"m"}', b"\x01\x00\x00\x00k1", bytes(4)]
    ),
    port=st.integers(0, 3),
    closes=st.booleans(),
    lane=st.integers(0, 3),
)


@given(records=st.lists(RECORDS, max_size=8), traced=st.booleans())
def test_any_records_are_read_or_refused(records: list[bytes], traced: bool) -> None:
    """And what is read names declared programs and ports, and is JSON."""
    try:
        steps, pending = read(b"".join(records), traced=traced)
    except GuestFaultError:
        return
    for step in steps:
        assert all(port < PLACES[step.program].outputs for port, _ in step.emissions)
        assert (step.error is None) == (step.cause is None)
        assert step.lane in (0, 1)
    assert all(way < len(ROW.ways) and lane in (0, 1) for way, lane, _ in pending)


def test_a_message_that_is_named_is_that_message() -> None:
    """The bytes that were sent, wherever in the stream it is named; and they count as what the guest told."""
    first, second = (record(FORWARD, 0, struct.pack("<I", place)) for place in (0, 1))
    several = record(EMIT, 1, b"1", closes=False) + record(FORWARD, 1, bytes(4), port=1)
    for data, values in (
        (second + first, [BATCH[1][2], BATCH[0][2]]),
        (several + second, [b"1", BATCH[0][2], BATCH[1][2]]),
    ):
        begun = chain_abi.read_plain(data, ROW.programs, BATCH, traced=False)
        reader = ChainReader(data, ROW, BATCH, begun, traced=False)
        while not reader.read(64):
            pass
        told = [value for step in reader.rest()[0] for _, value in step.emissions]
        assert told == values
        assert sum(any(value is came for _, _, came in BATCH) for value in told) == 2
        assert reader.named_bytes == 10


@given(
    invocations=st.lists(
        st.tuples(st.integers(0, 2), st.lists(st.sampled_from([b"1", b'"a"', b"null"]), max_size=3)), max_size=8
    ),
    traced=st.booleans(),
)
def test_what_was_written_is_read(invocations: list[tuple[int, list[bytes]]], traced: bool) -> None:
    """Every emission, those of one program in their order; traced, each invocation has a step of its own."""
    data = b""
    for program, values in invocations:
        parts = [record(EMIT, program, value, closes=False) for value in values] or [
            record(NOTHING, program, closes=False)
        ]
        parts[-1] = parts[-1][:1] + bytes([parts[-1][1] | CLOSES]) + parts[-1][2:]
        data += b"".join(parts)
    steps, pending = read(data, traced=traced)
    told = [(step.program, value) for step in steps for _, value in step.emissions]
    wanted = [(program, value) for program, values in invocations for value in values]
    for program in range(3):
        assert [each for each in told if each[0] == program] == [each for each in wanted if each[0] == program]
    assert pending == []
    if traced:
        assert [step.program for step in steps] == [program for program, _ in invocations]


@pytest.mark.parametrize(
    "data",
    [
        record(EMIT, 3, b"1"),
        record(FORWARD, 0, struct.pack("<I", len(BATCH))),
        record(FORWARD, 0, b""),
        record(FORWARD, 0, bytes(8)),
        record(FORWARD, 0, bytes(4), port=2),
        record(FORWARD, 2, bytes(4), closes=False) * 4 + record(NOTHING, 2),
        record(EMIT, 0, b"1", port=2),
        record(EMIT, 0, b"["),
        record(EMIT, 0, b"1")[:-1],
        record(EMIT, 0, b"1", closes=False),
        record(EMIT, 0, b"1", closes=False) + record(EMIT, 1, b"1"),
        record(EMIT, 0, b"1", closes=False) + record(PENDING, 1, b"1"),
        record(PENDING, 1, b"1") + record(EMIT, 0, b"1"),
        record(PENDING, 1, b""),
        record(PENDING, 0, b"1", closes=False),
        record(PENDING, 2, b"1", closes=False),
        record(PENDING, 1, b"1", port=1, closes=False),
        record(PENDING, 1, b"1", port=65535, closes=False),
        record(EMIT, 0, b"1", lane=2),
        record(EMIT, 0, b"1", closes=False) + record(NOTHING, 0, lane=1),
        record(ERROR, 0, b'{"name":"E","message":"m"}'),
        record(INPUT, 0, b"1"),
        record(9, 0, b"1"),
        b"".join(record(EMIT, 2, b"1", closes=False) for _ in range(4)) + record(NOTHING, 2),
    ],
)
def test_what_no_guest_of_ours_writes_is_refused(data: bytes) -> None:
    """Undeclared places, unfinished records, invocations within others, errors without their message."""
    with pytest.raises(GuestFaultError):
        read(data)


def result_of(
    shares: Sequence[Share], begun: int, *, pending: Sequence[Pending] = (), steps: Sequence[Step] = ()
) -> ChainResult:
    """What a call of the row brings."""
    counts = [(invocations, emitted) for invocations, _, emitted in shares]
    return ChainResult(list(steps), begun, list(pending), counts, [passed for _, passed, _ in shares[:-1]])


def judged(
    shares: Sequence[Share],
    closed: int,
    begun: int,
    *,
    pending: Sequence[Pending] = (),
    steps: Sequence[Step] = (),
    place: int = 0,
) -> None:
    """Judges a call of two messages for one program of the row. Raises ProtocolError."""
    result = result_of(shares, begun, pending=pending, steps=steps)
    judge(result, closed, [(place, 0, b"1"), (place, 0, b"2")], ROW, traced=bool(steps))


def test_invocations_of_several_programs_are_one_step_each() -> None:
    """Nothing is promised about the order between edges, and each step has its price; lanes stay apart."""
    data = record(EMIT, 0, b"1") + record(EMIT, 1, b"2") + record(EMIT, 0, b"3") + record(EMIT, 0, b"4", lane=1)
    steps, _ = read(data)
    assert [(step.program, step.lane, [value for _, value in step.emissions]) for step in steps] == [
        (0, 0, [b"1", b"3"]),
        (1, 0, [b"2"]),
        (0, 1, [b"4"]),
    ]


@pytest.mark.parametrize(("kind", "payload"), [(LOG, b'{"level":"info","message":"m"}'), (NOTHING, b"")])
def test_what_a_program_logs_stands_between_what_it_emitted_before_and_after(kind: int, payload: bytes) -> None:
    """So nothing of a program overtakes what it logged, wrote or failed with; what did nothing parts nothing."""
    emits = [record(EMIT, 0, b"1"), record(EMIT, 1, b"2"), record(EMIT, 0, b"3")]
    steps, _ = read(emits[0] + record(kind, 0, payload) + emits[1] + emits[2])
    values = [[value for _, value in step.emissions] for step in steps if step.program == 0]
    assert values == ([[b"1"], [], [b"3"]] if kind == LOG else [[b"1"], [b"3"]])


def test_a_value_that_goes_two_ways_is_taken_twice() -> None:
    """A diamond's counts: by each outlet the values once, before each program behind it as often."""
    batch = [(0, 0, b"1")]
    good = [(1, 1), (1, 1), (1, 1), (2, 2)]
    judge(ChainResult([], 1, [], good, [1, 1, 1]), 5, batch, DIAMOND, traced=False)
    early = ChainResult([], 1, [(2, 0, b"1"), (3, 1, b"2")], [(1, 1), (1, 1), (1, 1), (0, 0)], [1, 1, 1])
    judge(early, 3, batch, DIAMOND, traced=False)
    for counts, passed, closed in (
        ([(1, 1), (1, 1), (1, 1), (1, 1)], [1, 1, 1], 4),
        ([(1, 1), (1, 1), (0, 0), (1, 1)], [1, 1, 0], 3),
        ([(1, 0), (1, 1), (1, 1), (2, 2)], [1, 1, 1], 5),
    ):
        with pytest.raises(ProtocolError):
            judge(ChainResult([], 1, [], counts, passed), closed, batch, DIAMOND, traced=False)


def test_a_trace_of_a_diamond_has_two_invocations_at_its_end() -> None:
    """One for each way; with one of them left out it cannot have happened."""
    programs = (0, 1, 3, 2, 3)
    steps = [Step(program, [(0, b"1")] if program < 3 else []) for program in programs]
    counts = [(1, 1), (1, 1), (1, 1), (2, 0)]
    judge(ChainResult(steps, 1, [], counts, [1, 1, 1]), 5, [(0, 0, b"1")], DIAMOND, traced=True)
    steps.insert(1, steps.pop())
    with pytest.raises(ProtocolError):
        judge(ChainResult(steps, 1, [], counts, [1, 1, 1]), 5, [(0, 0, b"1")], DIAMOND, traced=True)


def test_counts_that_agree_are_believed() -> None:
    """All that was passed on was taken, or is pending."""
    judged([(2, 2, 2), (2, 1, 3), (1, 0, 1)], 5, 2)
    judged([(1, 3, 3), (1, 0, 0), (0, 0, 0)], 2, 1, pending=[(0, 0, b"1"), (0, 0, b"2")])


@pytest.mark.parametrize(
    ("shares", "closed", "begun"),
    [
        ([(2, 2, 2), (2, 2, 2), (1, 0, 1)], 5, 2),
        ([(2, 2, 2), (2, 2, 2), (2, 0, 2)], 5, 2),
        ([(2, 2, 1), (2, 2, 2), (2, 0, 2)], 6, 2),
        ([(1, 1, 1), (1, 1, 1), (1, 0, 1)], 3, 2),
        ([(3, 0, 0), (0, 0, 0), (0, 0, 0)], 3, 3),
        ([(0, 0, 0), (0, 0, 0), (0, 0, 0)], 0, 0),
        ([(1, 4095, 4095), (4095, 1, 1), (1, 0, 0)], 4097, 1),
    ],
)
def test_counts_that_contradict_each_other_are_refused(shares: list[Share], closed: int, begun: int) -> None:
    """Values taken that nobody passed on, values passed on that nobody took, more than there can be."""
    with pytest.raises(ProtocolError):
        judged(shares, closed, begun)


def test_what_is_left_waits_behind_the_program_that_was_called() -> None:
    """Before that program itself it is a lie, however well it counts."""
    shares = [(0, 0, 0), (1, 0, 0), (0, 0, 0)]
    with pytest.raises(ProtocolError):
        judged(shares, 1, 2, pending=[(0, 0, b"1")], place=1)


@pytest.mark.parametrize(("program", "port"), [(0, 1), (0, 65535), (1, 1), (2, 7)])
def test_an_error_happened_at_an_input_that_had_a_message(program: int, port: int) -> None:
    """That of the batch, or the one to which a link leads; the host names the port in what it reports."""
    shares = [(2, 2, 2), (2, 2, 2), (2, 0, 0)]
    error = GuestError("E", "m", "")
    wrong = Step(program, [], error=error, cause=(port, b"1"))
    batch = [(0, 0, b"1"), (0, 0, b"2")]
    with pytest.raises(ProtocolError):
        judge(result_of(shares, 2, steps=[wrong]), 6, batch, ROW, traced=False)
    right = Step(program, [], error=error, cause=(0, b"1"))
    judge(result_of(shares, 2, steps=[right]), 6, batch, ROW, traced=False)


NUMBERS = st.integers(0, 3) | st.integers(0, 2**32 - 1)
FAILED = st.tuples(st.integers(0, 2), st.integers(0, 2))


@given(left=st.lists(st.integers(0, 1), max_size=3), failed=st.lists(FAILED, max_size=2))
def test_an_answer_whose_counts_agree_names_real_inputs_or_is_refused(
    left: list[int], failed: list[tuple[int, int]]
) -> None:
    """However well it counts: errors were of real messages."""
    came = [2, 3, 3]
    taken = [came[program] - [way + 1 for way in left].count(program) for program in range(3)]
    shares = [(taken[0], 3, 3), (taken[1], 3, 3), (taken[2], 0, 0)]
    error = GuestError("E", "m", "")
    steps = [Step(program, [], error=error, cause=(port, b"1")) for program, port in failed]
    pending = [(way, 0, b"1") for way in left]
    is_real = not any(port for _, port in failed)
    try:
        batch = [(0, 0, b"1"), (0, 0, b"2")]
        judge(result_of(shares, 2, pending=pending, steps=steps), sum(taken), batch, ROW, traced=False)
    except ProtocolError:
        assert not is_real or not sum(taken) or min(taken) < 0
    else:
        assert is_real


@given(
    records=st.lists(RECORDS, max_size=6),
    block=st.lists(NUMBERS, min_size=13, max_size=13),
    ports=st.lists(st.integers(0, 1), min_size=1, max_size=3),
    traced=st.booleans(),
)
def test_any_answer_is_believed_or_refused(
    records: list[bytes], block: list[int], ports: list[int], traced: bool
) -> None:
    """By GuestFaultError and nothing else; what is believed names only inputs at which something can come in."""
    batch = [(0, port, b"1") for port in ports]
    said = ROW.read_block(struct.pack("<13I", *block))
    try:
        steps, pending = read(b"".join(records), traced=traced)
        result = ChainResult(steps, said.begun, pending, said.counts, said.passed)
        judge(result, said.closed, batch, ROW, traced=traced)
    except GuestFaultError:
        return
    assert sum([share[0] for share in said.counts]) == said.closed <= chain_abi.MOST_INVOCATIONS
    causes = [(step.program, step.cause[0]) for step in steps if step.cause is not None]
    assert all(port in ports if program == 0 else port == 0 for program, port in causes)


@pytest.mark.parametrize("programs", [[0, 1, 0], [1, 0, 0, 1], [0, 0, 1, 1, 1], [2, 0, 1, 0, 1], [0, 1, 0, 2, 1]])
def test_a_trace_that_cannot_have_happened_is_refused(programs: list[int]) -> None:
    """Every invocation has a message, and every message its invocation."""
    steps = [Step(program, [(0, b"1")] if program == 0 else []) for program in programs]
    counts = [programs.count(program) for program in range(3)]
    shares = [(counts[0], counts[1], counts[0] + counts[1]), (counts[1], counts[2], counts[2]), (counts[2], 0, 0)]
    with pytest.raises(ProtocolError):
        judged(shares, len(programs), 2, steps=steps)


def test_what_is_left_is_bounded() -> None:
    """The host would hold it, however many programs multiply."""
    most = b"".join(record(PENDING, 1, b"1", closes=False) for _ in range(chain_abi.MOST_PENDING))
    assert len(read(most)[1]) == chain_abi.MOST_PENDING
    with pytest.raises(OutputLimitError):
        read(most + record(PENDING, 1, b"1", closes=False))


def test_a_batch_is_framed_as_the_header_says() -> None:
    """Count, time, what to tell, the lane; places, lengths, values; one message and several alike."""
    one = framed([(2, 1, b"[1]")], chain_abi.told_of(1, traced=True, hears_outputs=False))
    assert one == struct.pack("<IdHHHHI", 1, 5.0, 2, 1, 1, 2, 3) + b"[1]"
    heard = framed([(2, 1, b"[1]")], chain_abi.told_of(0, traced=False, hears_outputs=True))
    assert heard == struct.pack("<IdIHHI", 1, 5.0, 1, 1, 2, 3) + b"[1]"
    two = framed([(2, 1, b"[1]"), (0, 0, b"7")], 0)
    assert two == struct.pack("<IdIHHHHII", 2, 5.0, 0, 1, 2, 0, 0, 3, 1) + b"[1]7"


def framed(batch: list[chain_abi.Message], told: int) -> bytes:
    """The input of a call, put together, of the length that was said."""
    length, head, values = chain_abi.encode_chain(batch, 5.0, told)
    data = head + b"".join(values)
    assert length == len(data)
    return data


def test_long_values_are_not_copied_into_the_frame() -> None:
    """They stand behind it, as the objects that they are, one of them or several."""
    long = b"1" * 100_000
    (one,) = chain_abi.encode_chain([(0, 0, long)], 5.0, 0)[2]
    assert one is long
    several = chain_abi.encode_chain([(0, 0, long), (0, 0, b"7")], 5.0, 0)[2]
    assert [value is long for value in several] == [True, False]
    assert framed([(0, 0, long), (0, 0, b"7")], 0).endswith(long + b"7")
