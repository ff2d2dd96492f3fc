"""Engine.IO 4 packets and payloads: text in, text out. Pure.

A packet travels as one WebSocket frame, and is called a frame here for short: text whose first character is the
packet's type, or bytes, which are always a message. Long-polling strings several of them together with the record
separator, bytes in base64 behind a ``b`` (Engine.IO protocol, "Packet encoding").
"""

import binascii
import enum
from collections.abc import Iterable, Iterator

from service.socketio.errors import ProtocolError

Frame = str | bytes

SEPARATOR = "\x1e"
MAX_PACKETS_PER_PAYLOAD = 10_000
"""A client that was offline sends what it kept in one payload; beyond this it only wants to keep us busy."""


class FrameType(enum.IntEnum):
    """The types of Engine.IO packets."""

    OPEN = 0
    CLOSE = 1
    PING = 2
    PONG = 3
    MESSAGE = 4
    UPGRADE = 5
    NOOP = 6


CLOSE = "1"
PING = "2"
PONG = "3"
UPGRADE = "5"
NOOP = "6"
PROBE = "probe"

_TYPES = {str(int(kind)): kind for kind in FrameType}


def read_frame(frame: Frame) -> tuple[FrameType, Frame]:
    """Read the type and the content of a frame.

    Raises:
        ProtocolError: it is empty, or of no known type.
    """
    if isinstance(frame, bytes):
        return FrameType.MESSAGE, frame
    if not frame:
        raise ProtocolError("engineio.empty", "An empty packet has no type")
    kind = _TYPES.get(frame[0])
    if kind is None:
        raise ProtocolError("engineio.type", f"There is no Engine.IO packet type {frame[0]!r}")
    return kind, frame[1:]


def read_payload(payload: str) -> Iterator[Frame]:
    """Yield the frames of a long-polling payload, one after the other.

    Raises:
        ProtocolError: there are too many, or one is no base64 where it should be.
    """
    if payload.count(SEPARATOR) >= MAX_PACKETS_PER_PAYLOAD:
        raise ProtocolError("engineio.packets", f"A payload holds at most {MAX_PACKETS_PER_PAYLOAD} packets")
    for text in payload.split(SEPARATOR):
        yield _bytes_of(text) if text.startswith("b") else text


def write_payload(frames: Iterable[Frame]) -> str:
    """Write the long-polling payload of some frames, none of which holds the separator."""
    return SEPARATOR.join(map(_as_text, frames))


def size_in_payload(frame: Frame) -> int:
    """Return the bytes that a frame takes in a payload, its separator included; for text an upper bound."""
    if isinstance(frame, bytes):
        return (len(frame) + 2) // 3 * 4 + 2
    return (len(frame) if frame.isascii() else len(frame.encode("utf-8", "replace"))) + 1


def _as_text(frame: Frame) -> str:
    if isinstance(frame, str):
        return frame
    return "b" + binascii.b2a_base64(frame, newline=False).decode("ascii")


def _bytes_of(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text[1:].encode("ascii"), strict_mode=True)
    except ValueError as error:  # binascii.Error and UnicodeEncodeError are ValueErrors
        raise ProtocolError("engineio.base64", "A binary packet in a payload must be base64") from error
