"""JSON texts of any size, weighed and checked on the event loop in slices that let others have their turn."""

from codecs import getincrementaldecoder
from typing import Any

import msgspec
import trio

from proto.codec import (
    MalformedJsonError,
    TooManyItemsError,
    check_depth,
    check_elements,
    check_weight,
    decode,
    decode_checked,
    decode_raw_values,
)
from proto.json_text import CHUNK_BYTES, LONG_NUMBER_DIGITS, ItemScanner, Scanner, Weight

SLICE_BYTES = 2 * CHUNK_BYTES
"""The bytes scanned between two checkpoints: some 0.6 ms on ordinary text, under 3 ms on the worst."""

SLICE_ELEMENTS = 20_000
"""The elements decoded between two checkpoints: one to five milliseconds."""

PART_BYTES = 1024 * 1024
"""The bytes decoded in one go, however few elements: 5 ms for numbers of many digits, 2 for escapes."""

_PART_WORK_BYTES = 50
"""The cost of a part beside its bytes, as so many of them."""

_PART_LEVELS = 2
"""Levels that are taken apart to be decoded in slices: a document, and the lists in it."""

_LARGE_PART_LEVELS = 8
"""Levels that are taken apart where a part is larger than that; each is one more look at all of it."""


async def weigh_in_slices(text: bytes, *, measures_numbers: bool = False, counts_elements: bool = True) -> Weight:
    """Weigh a JSON text as ``Scanner`` does. Others have their turn after every ``SLICE_BYTES`` of it."""
    scanner = Scanner(measures_numbers=measures_numbers, counts_elements=counts_elements)
    for start in range(0, len(text), SLICE_BYTES):
        scanner.feed(text[start : start + SLICE_BYTES])
        await trio.lowlevel.checkpoint()
    return scanner.weight


async def check_in_slices(text: bytes, max_elements: int | None = None) -> None:
    """``codec.check_depth``, or ``codec.check_elements`` where elements are bounded, for a text of any size.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``.
        MalformedJsonError: it is nested deeper than ``MAX_DEPTH``.
    """
    if len(text) > SLICE_BYTES:
        check_weight(await weigh_in_slices(text, counts_elements=max_elements is not None), max_elements)
    elif max_elements is None:
        check_depth(text)
    else:
        check_elements(text, max_elements)


async def check_items_in_slices(text: bytes, max_items: int) -> None:
    """Refuse a JSON list of too many values, however much is in each: they are to stay text.

    Raises:
        TooManyItemsError: it has more than ``max_items``, or looks as if it had, for its values are nested oddly.
    """
    if len(text) <= max_items or text.count(b",") < max_items:
        return
    scanner = ItemScanner()
    for start in range(0, len(text), CHUNK_BYTES):
        scanner.feed(text[start : start + CHUNK_BYTES])
        await trio.lowlevel.checkpoint()
    if scanner.items > max_items:
        raise TooManyItemsError(scanner.items, max_items)


async def decode_in_slices(text: bytes, max_elements: int) -> Any:
    """Decode a JSON text of any size to builtins.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``, or one of its parts (what stands in the
            document itself, or in a list or object there) more than ``DECODED_ELEMENTS``.
        MalformedJsonError: it is no JSON, nested deeper than ``MAX_DEPTH``, or it is large and has a number of
            more than ``LONG_NUMBER_DIGITS``, or a part of more than ``PART_BYTES`` deep inside.
    """
    if len(text) <= SLICE_ELEMENTS:
        check_elements(text, max_elements)
        return decode_checked(text)
    weight = await weigh_in_slices(text, measures_numbers=True)
    check_weight(weight, max_elements)
    if weight.has_long_numbers:
        raise MalformedJsonError(f"A number has more than {LONG_NUMBER_DIGITS} digits; send it as text")
    if weight.elements <= SLICE_ELEMENTS and len(text) <= PART_BYTES:
        return decode_checked(text)
    return await _Parts().decode(text.strip())


class _Parts:
    """A decoder of a text in parts, which are told apart by the bytes that they have, at least one an element."""

    def __init__(self) -> None:
        self._bytes = 0

    async def decode(self, text: bytes, level: int = 0) -> Any:
        self._bytes += len(text) + _PART_WORK_BYTES
        if self._bytes > SLICE_ELEMENTS:
            self._bytes = 0
            await trio.lowlevel.checkpoint()
        is_taken_apart = len(text) > PART_BYTES or (level < _PART_LEVELS and len(text) > SLICE_ELEMENTS)
        kind = text[:1] if is_taken_apart and level < _LARGE_PART_LEVELS else b""
        if kind == b"[":
            items = decode_raw_values(text, list[msgspec.Raw])
            return [await self.decode(bytes(item), level + 1) for item in items]
        if kind == b"{":
            parts = decode_raw_values(text, dict[str, msgspec.Raw])
            return {key: await self.decode(bytes(part), level + 1) for key, part in parts.items()}
        if len(text) > PART_BYTES and text[:1] in (b"[", b"{"):
            message = f"A list or object {level} levels down has more than {PART_BYTES} bytes"
            raise MalformedJsonError(f"{message}; keep large ones nearer to the top")
        return decode(text)


async def check_utf8(text: bytes) -> None:
    """See that a text of any size is UTF-8.

    Raises:
        UnicodeDecodeError: it is not.
    """
    if len(text) <= SLICE_BYTES:
        text.decode()
        return
    if text.isascii():  # at 20 GB/s
        return
    decoder = getincrementaldecoder("utf-8")()
    for start in range(0, len(text), SLICE_BYTES):
        decoder.decode(text[start : start + SLICE_BYTES])
        await trio.lowlevel.checkpoint()
    decoder.decode(b"", final=True)
