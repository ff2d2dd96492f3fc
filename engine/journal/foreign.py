"""Bounds of recordings that came from anybody: what is small as bytes may be large once it is read.

The bytes of a large chunk are mostly those of a few values; what takes time are its entries. So the entries of a
large chunk are counted before anything is made of them, by a walk over the bytes that says their lengths.
"""

import struct

import msgspec

from proto.codec import MalformedJsonError, check_depth, decode_raw_values

SMALL_CHUNK_BYTES = 1024 * 1024
"""Bytes of a chunk whose entries need not be counted: each has one byte at least."""

ENTRIES_LIMIT = 100_000
"""Entries of one list in a chunk, and of all lists of one that is not small; ours have some thousands."""

_LENGTHS = {
    0xC4: (">B", 1), 0xC5: (">H", 1), 0xC6: (">I", 1),  # bytes
    0xD9: (">B", 1), 0xDA: (">H", 1), 0xDB: (">I", 1),  # texts
    0xC7: (">B", 2), 0xC8: (">H", 2), 0xC9: (">I", 2),  # extensions
}  # fmt: skip
"""The form of the length of what begins with a byte, and how many bytes there are beside it."""

_COUNTS = {0xDC: (">H", 1), 0xDD: (">I", 1), 0xDE: (">H", 2), 0xDF: (">I", 2)}
"""The same of lists and maps, and how many entries each has of what is counted."""

_FIXED = {
    0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9, 0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9,
    0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18,
}  # fmt: skip
"""Bytes of what begins with a byte and always has the same size."""


class ForeignError(ValueError):
    """Something in it that is refused; the message says what."""


def check_chunk(body: bytes) -> None:
    """Refuse a chunk that would become too much.

    Raises:
        ForeignError: it has too many entries.
    """
    if len(body) > SMALL_CHUNK_BYTES and not _has_at_most(body, ENTRIES_LIMIT):
        raise ForeignError(f"a chunk of {len(body):,} bytes has more than {ENTRIES_LIMIT:,} entries")


def _has_at_most(body: bytes, most: int) -> bool:
    """Return whether a text in MessagePack has so few entries; a damaged one is for its decoder."""
    place, end = 0, len(body)
    left = 1  # entries that are still to come in what has begun
    while left and place < end:
        first = body[place]
        left -= 1
        inner = 0
        if first in _LENGTHS or first in _COUNTS:
            form, more = _LENGTHS.get(first) or _COUNTS[first]
            size = struct.calcsize(form)
            if place + 1 + size > end:
                return True
            (number,) = struct.unpack_from(form, body, place + 1)
            place += 1 + size
            if first in _LENGTHS:
                place += number + more - 1
            else:
                inner = number * more
        elif 0x80 <= first <= 0x9F:
            place += 1
            inner = (first & 0x0F) * (2 if first < 0x90 else 1)
        elif 0xA0 <= first <= 0xBF:
            place += 1 + (first & 0x1F)
        else:
            place += _FIXED.get(first, 1)
        left += inner
        most -= inner
        if most < 0:
            return False
    return True


def check_value(value: bytes) -> None:
    """Refuse a value that is no JSON text.

    Raises:
        ForeignError: it is none, or nested too deeply.
    """
    try:
        value.isascii() or value.decode()
        check_depth(value)
        decode_raw_values(value, msgspec.Raw)
    except UnicodeDecodeError as error:
        raise ForeignError(f"a value in it is refused: it is not UTF-8 at byte {error.start}") from error
    except MalformedJsonError as error:
        raise ForeignError(f"a value in it is refused: {error}") from error
