"""Engine.IO packets and payloads, against the protocol document and python-engineio's codec."""

import pytest
from engineio.payload import Payload as OraclePayload  # type: ignore[import-untyped]  # it has no types
from hypothesis import given
from hypothesis import strategies as st

from service.socketio.errors import ProtocolError
from service.socketio.frames import (
    MAX_PACKETS_PER_PAYLOAD,
    SEPARATOR,
    Frame,
    FrameType,
    read_frame,
    read_payload,
    size_in_payload,
    write_payload,
)


def test_the_examples_of_the_document() -> None:
    """Payloads are strung together and taken apart as the document shows."""
    assert write_payload(["4hello", "2", "4world"]) == "4hello\x1e2\x1e4world"
    assert list(read_payload("4hello\x1e2\x1e4world")) == ["4hello", "2", "4world"]
    assert write_payload(["4hello", b"\1\2\3\4"]) == "4hello\x1ebAQIDBA=="
    assert list(read_payload("4hello\x1ebAQIDBA==")) == ["4hello", b"\1\2\3\4"]


@pytest.mark.parametrize(
    ("frame", "kind", "content"),
    [
        ("0{}", FrameType.OPEN, "{}"),
        ("1", FrameType.CLOSE, ""),
        ("2probe", FrameType.PING, "probe"),
        ("4", FrameType.MESSAGE, ""),
        (b"", FrameType.MESSAGE, b""),
        (b"0", FrameType.MESSAGE, b"0"),
    ],
)
def test_a_frame_has_a_type_and_a_content(frame: Frame, kind: FrameType, content: Frame) -> None:
    """Text begins with its type, and bytes are messages."""
    assert read_frame(frame) == (kind, content)


@pytest.mark.parametrize("frame", ["", "7", "a", "-1", "\u0660", "\u00b2", " 4"])
def test_what_is_no_frame_is_refused(frame: str) -> None:
    """Only the seven digits are types, and other alphabets' digits are not."""
    with pytest.raises(ProtocolError):
        read_frame(frame)


@pytest.mark.parametrize("payload", ["bAQ", "b!!!!", "bA", "4\x1eb\u00e4", "bAQ==AQ=="])
def test_broken_base64_is_refused(payload: str) -> None:
    """Bytes that do not decode in whole are no bytes."""
    with pytest.raises(ProtocolError, match="base64"):
        list(read_payload(payload))


def test_a_payload_of_too_many_packets_is_refused_before_it_is_split() -> None:
    """What only keeps the reader busy is refused as a whole."""
    assert len(list(read_payload(SEPARATOR.join(["2"] * MAX_PACKETS_PER_PAYLOAD)))) == MAX_PACKETS_PER_PAYLOAD
    with pytest.raises(ProtocolError, match="at most"):
        next(read_payload(SEPARATOR.join(["2"] * (MAX_PACKETS_PER_PAYLOAD + 1))))


messages = st.text(st.characters(exclude_characters=SEPARATOR, exclude_categories=["Cs"])).map("4".__add__)
frames = st.lists(messages | st.binary(), min_size=1, max_size=8)


@given(frames)
def test_a_payload_comes_back_the_same_and_is_as_large_as_was_said(sent: list[Frame]) -> None:
    """What is written is read, and the size that is reckoned with is never too small."""
    payload = write_payload(sent)
    assert list(read_payload(payload)) == sent
    assert len(payload.encode()) <= sum(map(size_in_payload, sent))


@given(st.lists(st.binary() | st.sampled_from(["4hello", "4[not JSON", "2"]), min_size=1, max_size=8))
def test_python_engineio_reads_what_is_written_here(sent: list[Frame]) -> None:
    """Another implementation understands the payloads."""
    theirs = OraclePayload(encoded_payload=write_payload(sent))
    assert [packet.encode() for packet in theirs.packets] == sent


@given(st.text(alphabet="0123456b\x1eAQ=probe{}[]") | st.text())
def test_any_text_is_a_payload_or_refused(payload: str) -> None:
    """Whatever comes in a body, each of its packets is read, or the reason is a named one."""
    try:
        for frame in read_payload(payload):
            read_frame(frame)
    except ProtocolError as error:
        reason = error.reason
    else:
        reason = "engineio."
    assert reason.startswith("engineio.")
