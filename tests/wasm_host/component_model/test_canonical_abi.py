"""Memory images: what is sent lies where the Canonical ABI wants it; what comes back is never trusted."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasm_host.component_model.canonical_abi import BASE, AnswerReader, encode_messages, encode_place, whole_length
from wasm_host.errors import ProtocolError
from wasm_host.guest.abi import Effects
from wasm_host.limits import GuestLimits

_JSON = st.sampled_from([b"1", b'"a"', b"[]", '"ü"'.encode(), b"{}"])


class Memory:
    """Reads an image as a component would."""

    def __init__(self, image: bytes) -> None:
        self._image = image

    def words(self, address: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f"<{count}I", self._image, address - BASE)

    def text(self, address: int) -> bytes:
        at, length = self.words(address, 2)
        return self._image[at - BASE : at - BASE + length]

    def items(self, address: int, size: int) -> list[int]:
        at, count = self.words(address, 2)
        assert at % 4 == 0
        return [at + size * index for index in range(count)]


@given(st.lists(st.tuples(st.integers(0, 1), _JSON), max_size=20), st.floats(0, 1e13))
def test_messages_lie_where_they_should(batch: list[tuple[int, bytes]], now_ms: float) -> None:
    """The list, its records, the port names, the values and the time read back."""
    memory = Memory(encode_messages(batch, [b"in", b"other"], now_ms))
    records = [(memory.text(at), memory.text(at + 8)) for at in memory.items(BASE, 16)]
    assert records == [((b"in", b"other")[port], value) for port, value in batch]
    low, high = memory.words(BASE + 8, 2)
    assert low + (high << 32) == int(now_ms)


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.lists(_NAMES, max_size=4), st.dictionaries(_NAMES, _JSON, max_size=4), st.booleans(), st.integers())
def test_a_place_lies_where_it_should(
    ports: list[str], state: dict[str, bytes], restored: bool, seed: int
) -> None:
    """Ids, configuration, ports, state and numbers read back."""
    memory = Memory(
        encode_place(("e", "n", "i"), b'{"a":1}', ports, ports, state, restored=restored, seed=seed, now_ms=5.9)
    )
    assert [memory.text(BASE + at) for at in (0, 8, 16, 24)] == [b"e", b"n", b"i", b'{"a":1}']
    for at in (32, 40):
        assert [memory.text(each).decode() for each in memory.items(BASE + at, 8)] == ports
    entries = memory.items(BASE + 48, 16)
    assert {memory.text(each).decode(): memory.text(each + 8) for each in entries} == state
    assert memory.words(BASE + 56, 1)[0] == restored
    assert memory.words(BASE + 64, 4)[2:] == (5, 0)


def _read(data: bytes, count: int = 1) -> list[Effects]:
    answer = AnswerReader(data, 0, {b"out": 0}, GuestLimits(emissions=5, log_lines=2, log_bytes=100))
    for _ in answer.read([b"{}"] * count):
        pass
    return answer.effects


@given(st.binary(max_size=300))
def test_any_bytes_are_effects_or_a_violation(data: bytes) -> None:
    """An answer reads as effects, or the guest is at fault; nothing else ever happens."""
    try:
        (effects,) = _read(data)
    except ProtocolError:
        return
    assert effects.error is None or not effects.emissions


@given(st.lists(st.integers(0, 2**32 - 1), min_size=20, max_size=60))
def test_any_numbers_are_effects_or_a_violation(words: list[int]) -> None:
    """As above, with a list head that leads inside."""
    data = struct.pack(f"<II{len(words)}I", BASE + 8, 1, *words)
    try:
        (effects,) = _read(data)
    except ProtocolError:
        return
    assert effects.error is None or not effects.emissions


def test_more_log_lines_than_allowed_are_counted() -> None:
    """The first lines are kept, and one more says how many were dropped."""
    line = struct.pack("<B3xIIB3xII", 1, BASE + 8, 4, 0, 0, 0)
    head = struct.pack("<II", BASE + 8, 1)
    record = struct.pack("<IIIIIIB3xIIIIII", 0, 0, 0, 0, BASE + 60, 5, 0, 0, 0, 0, 0, 0, 0)
    (effects,) = _read(head + record + line * 5)
    assert len(effects.logs) == 3
    assert effects.logs[-1].message == "3 further log lines were dropped"


def test_a_long_answer_is_read_with_pauses() -> None:
    """Whoever reads can let others run in between."""
    count = 5_000
    emissions = struct.pack("<IIII", BASE + 60, 3, BASE + 63, 1) * count
    head = struct.pack("<II", BASE + 8, 1)
    record = struct.pack("<IIIIIIB3xIIIIII", BASE + 64, count, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    answer = AnswerReader(head + record + b"out1" + emissions, 0, {b"out": 0}, GuestLimits())
    pauses = sum(1 for _ in answer.read([b"{}"]))
    assert len(answer.effects[0].emissions) == count
    assert pauses >= 4


def test_a_wrong_number_of_effects_is_a_violation() -> None:
    """One record of effects for each message, not fewer."""
    with pytest.raises(ProtocolError, match="0 effects for 1"):
        _read(struct.pack("<II", BASE, 0))


@given(st.binary(max_size=100))
def test_a_whole_length_is_read_or_a_violation(data: bytes) -> None:
    """The first piece says how long the answer is, if it is long enough to say anything."""
    if len(data) < 64:
        with pytest.raises(ProtocolError, match="too few"):
            whole_length(data)
    else:
        assert whole_length(data) == int.from_bytes(data[60:64], "little")
