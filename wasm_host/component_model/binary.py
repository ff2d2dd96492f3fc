"""The binary formats' alphabet: numbers, names, vectors and sections, read and written. Pure.

What is read here is untrusted. ``Cursor`` never reads beyond its bytes and raises one error,
``MalformedError``; whether a whole component is valid is for Wasmtime to say, which sees it afterwards.
"""

from collections.abc import Iterator
from typing import NamedTuple

MODULE_PREAMBLE = b"\0asm\x01\0\0\0"
COMPONENT_PREAMBLE = b"\0asm\x0d\0\x01\0"


class MalformedError(ValueError):
    """The bytes are not what they should be; the message says what was expected."""


class Section(NamedTuple):
    """One section: its id, and where its content begins and ends."""

    id: int
    start: int
    end: int


class Cursor:
    """A reader of bytes, from a position up to an end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def byte(self) -> int:
        """Take the next byte."""
        if self.at >= self.end:
            raise MalformedError("the bytes end in the middle of something")
        value = self.data[self.at]
        self.at += 1
        return value

    def peek(self) -> int:
        """Return the next byte, which stays where it is."""
        value = self.byte()
        self.at -= 1
        return value

    def unsigned(self, bits: int = 32) -> int:
        """Take an unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if not byte & 0x80:
                break
            shift += 7
            if shift >= bits:
                raise MalformedError(f"a number has more than {bits} bits")
        if value >> bits:
            raise MalformedError(f"a number has more than {bits} bits")
        return value

    def type_index(self) -> int:
        """Take a type index where a primitive could stand.

        It is a signed number, since the primitives are the negative ones.
        """
        return self.unsigned(33)

    def raw(self, length: int) -> bytes:
        """Take so many bytes."""
        if length > self.end - self.at:
            raise MalformedError("the bytes end in the middle of something")
        self.at += length
        return self.data[self.at - length : self.at]

    def name(self) -> str:
        """Take a name: its length, and UTF-8."""
        try:
            return self.raw(self.unsigned()).decode()
        except UnicodeDecodeError:
            raise MalformedError("a name is not UTF-8") from None

    def extern_name(self) -> str:
        """Take an import's or export's name, of either plain kind."""
        kind = self.byte()
        if kind > 1:
            raise MalformedError(f"a name is of the unknown kind {kind}")
        return self.name()

    def count(self) -> int:
        """Take a vector's length; never more than there are bytes left, so that looping over it is bounded."""
        length = self.unsigned()
        if length > self.end - self.at:
            raise MalformedError("a list is longer than its bytes")
        return length

    def is_at_end(self) -> bool:
        """Return whether nothing is left."""
        return self.at >= self.end


def sections(data: bytes, start: int = 8, end: int | None = None) -> Iterator[Section]:
    """Return the sections of the module or component whose preamble ends at ``start``. Raises MalformedError."""
    cursor = Cursor(data, start, end)
    while not cursor.is_at_end():
        kind = cursor.byte()
        size = cursor.unsigned()
        begin = cursor.at
        if size > cursor.end - begin:
            raise MalformedError(f"section {kind} is longer than what it is in")
        cursor.at = begin + size
        yield Section(kind, begin, cursor.at)


def unsigned(value: int) -> bytes:
    """Return an unsigned LEB128 number."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def type_index(value: int) -> bytes:
    """Return a type index where a primitive could stand.

    It is a signed LEB128 number, so its last byte leaves bit 6 free.
    """
    data = bytearray(unsigned(value))
    if data[-1] & 0x40:
        data[-1] |= 0x80
        data.append(0)
    return bytes(data)


def name(text: str) -> bytes:
    """Return a name: its length, and UTF-8."""
    data = text.encode()
    return unsigned(len(data)) + data


def vector(items: list[bytes]) -> bytes:
    """Return items behind their number."""
    return unsigned(len(items)) + b"".join(items)


def section(kind: int, content: bytes) -> bytes:
    """Return a section."""
    return bytes([kind]) + unsigned(len(content)) + content
