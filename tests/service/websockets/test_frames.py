"""Frames of clients: what is sent whole, in pieces or byte by byte is read the same, and little is kept."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, TextMessage
from wsproto.frame_protocol import FrameProtocol

from service.websockets.frames import (
    CONTROL_BYTES,
    Close,
    Fragment,
    FrameReader,
    Message,
    Ping,
    ViolationError,
    binary_frame,
    close_frame,
    pong_frame,
    text_frame,
)

LIMIT_BYTES = 200_000
CONTENT = st.text(max_size=200) | st.binary(max_size=200)


def read(reader: FrameReader, data: bytes, size: int) -> list[Any]:
    """What a reader makes of bytes that come in pieces of a size; pieces of messages left out."""
    events: list[Any] = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (event := reader.next_event()) is not None:
            events.append(event)
    return [event for event in events if not isinstance(event, Fragment)]


@given(st.lists(st.lists(CONTENT, min_size=1, max_size=3), max_size=4), st.integers(1, 3000))
def test_messages_arrive_as_another_program_wrote_them(messages: list[list[Any]], size: int) -> None:
    """Whatever their sizes, in however many frames, and wherever the network cuts them."""
    sender = FrameProtocol(client=True, extensions=[])
    written, expected = b"", []
    for parts in messages:
        alike = [part for part in parts if type(part) is type(parts[0])]
        for index, part in enumerate(alike):
            written += bytes(sender.send_data(part, fin=index == len(alike) - 1))
        joined: Any = parts[0][:0].join(alike)
        expected.append(joined)
    written += bytes(sender.ping(b"still there?")) + bytes(sender.close(1000, "done"))
    *found, ping, close = read(FrameReader(10 * LIMIT_BYTES), written, size)
    assert [event.content for event in found] == expected
    assert [event.size_bytes for event in found] == [
        len(content.encode() if isinstance(content, str) else content) for content in expected
    ]
    assert (ping, close) == (Ping(b"still there?"), Close(1000))


@given(st.binary(max_size=400), st.integers(1, 400))
def test_any_bytes_are_read_or_refused(data: bytes, size: int) -> None:
    """There is no third way, and what is refused whole is refused in pieces with the same code."""

    def end_of(size: int) -> object:
        try:
            return read(FrameReader(LIMIT_BYTES), data, size)
        except ViolationError as error:
            return error.code

    assert end_of(size) == end_of(len(data) or 1)


@given(st.binary(max_size=400), st.integers(1, 400))
def test_skipping_bytes_never_keeps_them(data: bytes, size: int) -> None:
    """After ``skip`` only an end is of interest; bytes that make no frames are still said to be none."""
    reader = FrameReader(LIMIT_BYTES)
    reader.skip()
    with suppress(ViolationError):
        assert all(not isinstance(event, Message) or not event.content for event in read(reader, data, size))


def test_little_is_kept_of_what_says_to_be_large() -> None:
    """A length is believed and refused; the payload is not waited for."""
    reader = FrameReader(LIMIT_BYTES)
    reader.feed(b"\x82\xff" + (LIMIT_BYTES + 1).to_bytes(8))
    with pytest.raises(ViolationError) as refused:
        reader.next_event()
    assert refused.value.code == 1009


def test_a_message_of_the_largest_size_passes_and_a_byte_more_does_not() -> None:
    """In one frame or in two."""
    sender = FrameProtocol(client=True, extensions=[])
    whole = bytes(sender.send_data(b"x" * LIMIT_BYTES))
    assert read(FrameReader(LIMIT_BYTES), whole, 65_536)[0].size_bytes == LIMIT_BYTES
    halves = bytes(sender.send_data(b"x" * LIMIT_BYTES, fin=False)) + bytes(sender.send_data(b"x"))
    with pytest.raises(ViolationError) as refused:
        read(FrameReader(LIMIT_BYTES), halves, 65_536)
    assert refused.value.code == 1009


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 100_000])
def test_frames_of_ours_are_read_by_another_program(size: int) -> None:
    """Text, bytes, the answer to a ping, and the end, whose reason has the room of a control frame."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(text_frame(b"x" * size) + binary_frame(b"y" * size) + pong_frame(b"p") + close_frame(1008))
    received = list(client.events())
    assert "".join(event.data for event in received if isinstance(event, TextMessage)) == "x" * size
    assert b"".join(event.data for event in received if isinstance(event, BytesMessage)) == b"y" * size
    assert received[-1].code == 1008  # type: ignore[attr-defined]


def test_a_long_reason_is_cut_where_a_character_ends() -> None:
    """A control frame holds 125 bytes, two of them for the code."""
    (head, size, *_), frame = close_frame(1008, "€" * 100)[:2], close_frame(1008, "€" * 100)
    assert (head, size <= CONTROL_BYTES) == (0x88, True)
    assert frame[4:].decode() == "€" * 41
