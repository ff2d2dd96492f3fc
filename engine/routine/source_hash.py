"""The hash by which the platform knows a definition again: of the text that JavaScript would write of it. Pure.

The platform hashes ``JSON.stringify(definition)`` as Java hashes strings, in UTF-16 units, and shows the absolute
value in hexadecimal. So the text must be JavaScript's, character by character: keys that are array indices first
and in order, numbers as 64-bit floats in their shortest form (ECMA-262, sections 7.1.12.1 and 25.5.2).
"""

from array import array
from collections.abc import Iterator
from decimal import Decimal
from json.encoder import encode_basestring  # escapes what JavaScript does, and no more
from operator import mul
from typing import Any

_BLOCK = 4096
_MASK = 0xFFFFFFFF
_POWERS = [pow(31, _BLOCK - 1 - place, 1 << 32) for place in range(_BLOCK)]
_INDEX_LIMIT = 2**32 - 1
"""The first number that is no array index any more."""


class SourceHash:
    """The hash of a text that comes in pieces."""

    def __init__(self) -> None:
        self._hash = 0

    def update(self, piece: str) -> None:
        """Take the next piece into account."""
        units = array("H", piece.encode("utf-16-le", "surrogatepass"))
        for start in range(0, len(units), _BLOCK):
            block = units[start : start + _BLOCK]
            powers = _POWERS[-len(block) :]
            self._hash = (self._hash * pow(31, len(block), 1 << 32) + sum(map(mul, block, powers))) & _MASK

    def hexadecimal(self) -> str:
        """Return the hash as hexadecimal digits, eight at least."""
        signed = self._hash - (1 << 32) if self._hash >= 1 << 31 else self._hash
        return f"{abs(signed):08x}"


def source_hash(document: Any) -> str:
    """Return the hash of a decoded JSON document."""
    hashed = SourceHash()
    for piece in javascript_text(document):
        hashed.update(piece)
    return hashed.hexadecimal()


def javascript_text(value: Any) -> Iterator[str]:
    """Return the text that ``JSON.stringify`` makes of a decoded JSON document, in pieces."""
    if isinstance(value, dict):
        separator = "{"
        for key in _in_order(value):
            yield f"{separator}{encode_basestring(key)}:"
            yield from javascript_text(value[key])
            separator = ","
        yield "{}" if separator == "{" else "}"
    elif isinstance(value, list):
        separator = "["
        for item in value:
            yield separator
            yield from javascript_text(item)
            separator = ","
        yield "[]" if separator == "[" else "]"
    else:
        yield _scalar(value)


def _in_order(fields: dict[str, Any]) -> list[str]:
    """Return the keys of an object as JavaScript goes through them."""
    indices = sorted((key for key in fields if _is_index(key)), key=int)
    return [*indices, *(key for key in fields if not _is_index(key))] if indices else list(fields)


def _is_index(key: str) -> bool:
    if not (key.isascii() and key.isdigit() and len(key) <= 10):
        return False
    return (key == "0" or not key.startswith("0")) and int(key) < _INDEX_LIMIT


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(encode_basestring(value))
    return number_text(value)


def number_text(value: float) -> str:
    """Return a number as JavaScript writes it."""
    try:
        value = float(value)
    except OverflowError:  # an integer that is Infinity in JavaScript, which JSON cannot say
        return "null"
    if value == 0:
        return "0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    point = len(text) + int(exponent)  # where the decimal point stands, counted from the first digit
    if len(text) <= point <= 21:
        text += "0" * (point - len(text))
    elif 0 < point <= 21:
        text = f"{text[:point]}.{text[point:]}"
    elif -6 < point <= 0:
        text = f"0.{'0' * -point}{text}"
    else:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        text = f"{text[0]}{fraction}e{point - 1:+d}"
    return f"-{text}" if sign else text
