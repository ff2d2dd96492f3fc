"""WebSocket frames of clients: bytes in, messages out (RFC 6455, section 5). Pure.

Everything that a frame says of itself is checked before any of its payload is kept, so what a reader holds is
bounded by the size of a message and by what was fed in one go. A violation names the code to close with.
"""

from codecs import getincrementaldecoder
from functools import partial
from typing import Any

import msgspec

PROTOCOL_ERROR, INVALID_DATA, TOO_BIG = 1002, 1007, 1009
"""Codes with which a violation is answered (RFC 6455, section 7.4.1)."""

NO_STATUS = 1005
"""The code that a Close frame without one stands for; it is never sent."""

CONTROL_BYTES = 125
"""The payload of a control frame, and the longest that has a length of one byte."""

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_OPCODES = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))
_LARGEST_MEDIUM = (1 << 16) - 1
_DEFINED_CODES = frozenset((1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014))
_FIRST_FREE_CODE, _LAST_CODE = 3000, 4999
_decoder_of_text = getincrementaldecoder("utf-8")


class ViolationError(Exception):
    """A client broke the protocol; its connection is closed. ``code`` is the one to close with."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Message(msgspec.Struct, frozen=True):
    """A whole message. ``size_bytes`` is that of its payload."""

    content: str | bytes
    size_bytes: int


class Ping(msgspec.Struct, frozen=True):
    """A ping, to be answered with the same payload."""

    payload: bytes


class Pong(msgspec.Struct, frozen=True):
    """The answer to a ping."""


class Close(msgspec.Struct, frozen=True):
    """The client closes. ``code`` is ``NO_STATUS`` where it gave none. Nothing may come after it."""

    code: int


class Fragment(msgspec.Struct, frozen=True):
    """A part of a message, which has not come whole. ``size_bytes`` is that of the payload."""

    size_bytes: int


FrameEvent = Message | Ping | Pong | Close | Fragment
_PONG_EVENT = Pong()


class FrameReader:
    """A reader of the frames of one client.

    Args:
        max_message_bytes: of one message, all its fragments together; may be changed at any time.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._waiting = bytearray()
        self._start = 0  # of what was not read yet
        self._opcode = 0  # of the frame under way
        self._is_final = False
        self._missing: int | None = None  # of the payload of the frame under way; None between two frames
        self._mask = 0
        self._mask_at = 0  # bytes of the payload that were unmasked
        self._frame_bytes = 0
        self._kind: int | None = None  # of the message under way
        self._message = bytearray()
        self._control = bytearray()
        self._check: Any = None  # of the text of a fragmented message
        self._skips = False

    def skip(self) -> None:
        """Keep nothing of messages from now on, and let them have any size: only the end is waited for."""
        self._skips = True
        self._message = bytearray()
        self._check = None

    @property
    def is_between_messages(self) -> bool:
        """True while nothing is under way: an end here cuts nothing off."""
        return self._missing is None and self._kind is None and self._start == len(self._waiting)

    def feed(self, data: bytes) -> None:
        """Take in what came. The caller takes all events before the next feed."""
        if self._start:
            del self._waiting[: self._start]
            self._start = 0
        self._waiting += data

    def next_event(self) -> FrameEvent | None:
        """Return the meaning of the next whole frame; None where more must come first.

        Raises:
            ViolationError: the client broke the protocol. The reader is of no use after that.
        """
        if self._missing is None and not self._begin_frame():
            return None
        missing = self._missing or 0
        part = self._waiting[self._start : self._start + missing]
        if part or not missing:
            self._start += len(part)
            missing -= len(part)
            self._missing = missing or None
            if part:
                self._keep(part, is_whole=not missing)
            if not missing:
                return self._event()
        return None

    def _begin_frame(self) -> bool:
        """Read the head of a frame; False where it has not come whole."""
        waiting, start = self._waiting, self._start
        came = len(waiting) - start
        if came < 2:
            if came:
                self._check_first(waiting[start])
            return False
        first, second = waiting[start], waiting[start + 1]
        self._check_first(first)
        if not second & 0x80:
            raise ViolationError(PROTOCOL_ERROR, "A client's frames are masked")
        size, head = second & 0x7F, 6
        if size > CONTROL_BYTES:
            if first & 0x08:
                raise ViolationError(PROTOCOL_ERROR, f"A control frame holds at most {CONTROL_BYTES} bytes")
            head = 8 if size == 126 else 14
            if came < head - 4:
                return False
            size = _long_size(waiting[start + 2 : start + head - 4])
        if not first & 0x08:
            self._check_room(size)
        if came < head:
            return False
        self._opcode, self._is_final = first & 0x0F, bool(first & 0x80)
        self._mask = int.from_bytes(waiting[start + head - 4 : start + head])
        self._mask_at = 0
        self._frame_bytes = self._missing = size
        self._start = start + head
        if self._opcode in (_TEXT, _BINARY):
            self._kind = self._opcode
            is_checked = self._kind == _TEXT and not self._is_final and not self._skips
            self._check = _decoder_of_text() if is_checked else None
        return True

    def _check_first(self, first: int) -> None:
        """Check what the first byte of a frame says."""
        if first & 0x70:
            raise ViolationError(PROTOCOL_ERROR, "A reserved bit is set, and no extension was agreed on")
        opcode = first & 0x0F
        if opcode not in _OPCODES:
            raise ViolationError(PROTOCOL_ERROR, f"There is no opcode {opcode}")
        if opcode & 0x08:
            if not first & 0x80:
                raise ViolationError(PROTOCOL_ERROR, "A control frame is not fragmented")
        elif opcode == _CONTINUATION:
            if self._kind is None:
                raise ViolationError(PROTOCOL_ERROR, "There is no message to continue")
        elif self._kind is not None:
            raise ViolationError(PROTOCOL_ERROR, "A message begins in the middle of another")

    def _check_room(self, size: int) -> None:
        if not self._skips and len(self._message) + size > self.max_message_bytes:
            raise ViolationError(TOO_BIG, f"A message holds at most {self.max_message_bytes} bytes here")

    def _keep(self, part: bytearray, *, is_whole: bool) -> None:
        """Unmask a part of a payload, and keep it."""
        is_control = bool(self._opcode & 0x08)
        if self._skips and not is_control:
            return
        size = len(part)
        if self._mask:
            part = bytearray(_unmasked(part, self._mask, self._mask_at))
            self._mask_at = (self._mask_at + size) & 3
        if is_control:
            self._control += part
            return
        if self._check is not None:
            try:
                self._check.decode(part, is_whole and self._is_final)
            except UnicodeDecodeError as error:
                raise _no_text() from error
        self._message += part

    def _event(self) -> FrameEvent:
        """Return the meaning of the frame that has just come whole."""
        if self._opcode & 0x08:
            payload, self._control = bytes(self._control), bytearray()
            if self._opcode == _PING:
                return Ping(payload)
            return _PONG_EVENT if self._opcode == _PONG else Close(_close_code(payload))
        if not self._is_final:
            return Fragment(self._frame_bytes)
        message, self._message = self._message, bytearray()
        kind, self._kind, self._check = self._kind, None, None
        if kind == _BINARY:
            return Message(bytes(message), len(message))
        try:
            return Message(message.decode(), len(message))
        except UnicodeDecodeError as error:
            raise _no_text() from error


def frame(opcode: int, payload: bytes) -> bytes:
    """Make a frame of a server: final, without a mask."""
    size = len(payload)
    if size <= CONTROL_BYTES:
        return bytes((0x80 | opcode, size)) + payload
    if size <= _LARGEST_MEDIUM:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2) + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8) + payload


text_frame = partial(frame, _TEXT)
"""A message of text, given in UTF-8."""

binary_frame = partial(frame, _BINARY)
"""A message of bytes."""

pong_frame = partial(frame, _PONG)
"""The answer to a ping."""

PING_FRAME = frame(_PING, b"")
"""A ping without content."""


def texts_in(frames: bytes) -> list[str]:
    """Return the texts of whole text frames of a server, for servers that take them one by one."""
    texts, start = [], 0
    while start < len(frames):
        size, head = frames[start + 1], start + 2
        if size > CONTROL_BYTES:
            width = 2 if size == CONTROL_BYTES + 1 else 8
            size, head = int.from_bytes(frames[head : head + width]), head + width
        texts.append(frames[head : head + size].decode())
        start = head + size
    return texts


def close_frame(code: int, reason: str = "") -> bytes:
    """Make a Close frame, with as much of the reason as it has room for; ``NO_STATUS`` stands for no code."""
    if code == NO_STATUS:
        return frame(_CLOSE, b"")
    cut = reason.encode(errors="replace")[: CONTROL_BYTES - 2].decode(errors="ignore")
    return frame(_CLOSE, code.to_bytes(2) + cut.encode())


def _long_size(written: bytearray) -> int:
    """Write a length of two or eight bytes."""
    size = int.from_bytes(written)
    if size >> 63:
        raise ViolationError(PROTOCOL_ERROR, "The highest bit of a length is not set")
    if size <= (CONTROL_BYTES if len(written) == 2 else _LARGEST_MEDIUM):
        raise ViolationError(PROTOCOL_ERROR, "A length is written as short as it can be")
    return size


def _unmasked(part: bytearray, mask: int, at: int) -> bytes:
    """Take the mask, which begins at one of its four bytes, off a part of a payload, in one operation."""
    size = len(part)
    key = mask.to_bytes(4)
    turned = key[at:] + key[:at]
    pattern = (turned * (size // 4 + 1))[:size]
    return (int.from_bytes(part) ^ int.from_bytes(pattern)).to_bytes(size)


def _close_code(payload: bytes) -> int:
    if not payload:
        return NO_STATUS
    code = int.from_bytes(payload[:2])
    if len(payload) == 1 or not (code in _DEFINED_CODES or _FIRST_FREE_CODE <= code <= _LAST_CODE):
        raise ViolationError(PROTOCOL_ERROR, "This is no code to close with")
    try:
        payload[2:].decode()
    except UnicodeDecodeError as error:
        raise ViolationError(INVALID_DATA, "The reason of a Close frame is UTF-8") from error
    return code


def _no_text() -> ViolationError:
    return ViolationError(INVALID_DATA, "A text message is UTF-8")
