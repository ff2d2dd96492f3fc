"""Lines of JSON: the same messages however the bytes are cut, and a line number for whatever is wrong."""

from codecs import BOM_UTF8

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.message import Injection
from service.http.ndjson import (
    LONG_TURN_BYTES,
    TURN_BYTES,
    TURN_LINES,
    BadLineError,
    LineTooLongError,
    MessageLines,
    NumberedMessage,
    in_turns,
)

LINE = b'{"nodeId":"a","port":"in","value":%s}'


def read(pieces: list[bytes], max_line_bytes: int = 1000) -> list[NumberedMessage]:
    lines = MessageLines(max_line_bytes)
    found = [message for piece in pieces for message in lines.feed(piece)]
    return found + lines.end()


def shown(messages: list[NumberedMessage]) -> list[tuple[int, bytes]]:
    return [(number, bytes(message.value)) for number, message in messages]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


VALUES = st.lists(st.sampled_from([b"1", b'"x"', b"[1,2]", b'{"a":"\xc3\xa9"}', b"null", b"1.50"]), max_size=8)


@given(VALUES, st.lists(st.integers(0, 500), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n  \n"]))
def test_the_cutting_does_not_matter(values: list[bytes], places: list[int], ending: bytes) -> None:
    """Every message comes once, in order, with its number and its own text."""
    data = ending.join(LINE % value for value in values)
    step = ending.count(b"\n")
    assert shown(read(cut(data, places))) == [(1 + index * step, value) for index, value in enumerate(values)]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_bytes_are_messages_or_a_bad_line(pieces: list[bytes]) -> None:
    """Whatever comes, the reader gives messages or says which line is none."""
    bad: BadLineError | None = None
    messages: list[NumberedMessage] = []
    try:
        messages = read(pieces)
    except BadLineError as error:
        bad = error
    assert all(isinstance(message, Injection) for _, message in messages)
    if bad is not None:
        assert 1 <= bad.number <= 1 + b"".join(pieces).count(b"\n")
        assert str(bad).startswith(f"Line {bad.number}: ")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "not JSON"),
        (b"7", "Expected `object`"),
        (b'{"nodeId":"a","value":1}', "port"),
        (b'{"nodeId":1,"port":"in","value":1}', "nodeId"),
        (LINE % b"1" + LINE % b"1", "not JSON"),
        (LINE % (b"[" * 9000 + b"]" * 9000), "too deeply"),
        (b'{"nodeId":"\xff","port":"in","value":1}', "decode"),
    ],
)
def test_a_wrong_line_is_named(line: bytes, complaint: str) -> None:
    """The number counts blank lines, and the messages before it are not lost."""
    lines = MessageLines(10**6)
    with pytest.raises(BadLineError, match=complaint) as caught:
        lines.feed(LINE % b"1" + b"\n\n" + line + b"\n" + LINE % b"2" + b"\n")
    assert caught.value.number == 3
    assert shown(caught.value.before) == [(1, b"1")]


def test_a_value_does_not_go_on_in_the_next_line() -> None:
    """A line is a whole message, although JSON itself would allow a line end inside."""
    with pytest.raises(BadLineError, match="Line 1"):
        read([b'{"nodeId":"a","port":"in","value":[1,\n2]}'])


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_endless_line_is_not_kept(size: int) -> None:
    """A line without an end is refused when it is longer than the limit, in pieces of any size."""
    lines = MessageLines(5000)
    lines.feed(LINE % b"1" + b"\n")
    for _ in range(5000 // size):
        lines.feed(b"x" * size)
    with pytest.raises(LineTooLongError) as caught:
        lines.feed(b"x" * size)
    assert caught.value.number == 2


def test_a_value_keeps_its_text() -> None:
    """Spelling and large numbers are as they were sent."""
    ((_, message),) = read([LINE % b'{ "b" : 12345678901234567890123, "a": 1.10 }'])
    assert message.value == msgspec.Raw(b'{ "b" : 12345678901234567890123, "a": 1.10 }')


@given(st.integers(1, 5))
def test_a_byte_order_mark_is_no_part_of_the_first_line(size: int) -> None:
    """Editors put it before the first line, however that comes in; before another line it is wrong."""
    data = BOM_UTF8 + LINE % b"1" + b"\n" + LINE % b"2"
    assert shown(read([data[start : start + size] for start in range(0, len(data), size)])) == [
        (1, b"1"),
        (2, b"2"),
    ]
    assert read([BOM_UTF8, b"\n"]) == []
    with pytest.raises(BadLineError, match="Line 2"):
        read([LINE % b"1" + b"\n" + data])


@given(st.integers(0, 300_000), st.integers(1, 5_000))
def test_a_turn_is_as_long_as_its_lines_are_work(size: int, line: int) -> None:
    """All bytes come in order; many short lines are few at once, and long ones as many bytes as a read brings."""
    piece = (b"x" * (line - 1) + b"\n") * (size // line)
    parts = list(in_turns(piece))
    assert b"".join(parts) == piece
    for part in parts[:-1]:
        assert len(part) == (TURN_BYTES if line <= LONG_TURN_BYTES // (TURN_LINES + 1) else LONG_TURN_BYTES)
        assert part.count(b"\n") <= max(TURN_LINES, TURN_BYTES // line + 1)
