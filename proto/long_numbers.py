"""Numbers that JSON allows and the usual decoder does not take: integers of very many digits, and ``1e999``.

A 64-bit float ends at 1.8e308, and Python reads an integer of more than 4,300 digits only on demand, because that
takes the square of their number. JSON knows neither bound. Where values of messages are looked into, such a number
is a ``Decimal``: read and compared exactly, in a time that grows with its length, and written with all its digits.

The decoder of all other JSON tries first, so that nothing is slower where no such number stands.
"""

import json
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, NoReturn

import msgspec

from proto.codec import DECODED_ELEMENTS, MalformedJsonError, check_elements, decode_checked
from proto.half_pairs import encode_with_halves

INTEGER_DIGITS = 4_300
"""Digits of an integer that is read as one: Python's own bound, and that of the decoder."""

Number = int | float | Decimal
"""A number of JSON: a ``Decimal`` only where neither of the others can be it."""

_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_whole(text: bytes, max_elements: int = DECODED_ELEMENTS) -> Any:
    """Decode a JSON text as ``decode`` does, and numbers beyond its bounds as ``Decimal``.

    Raises:
        TooManyElementsError: it holds more elements than ``max_elements``.
        MalformedJsonError: it is no JSON, nested too deeply, or holds an exponent of eighteen digits.
    """
    check_elements(text, max_elements)
    try:
        return decode_checked(text)
    except MalformedJsonError as error:
        if not isinstance(error.__cause__, msgspec.ValidationError):  # it is no JSON at all
            raise
    try:
        return json.loads(text, parse_int=read_integer, parse_float=read_fraction, parse_constant=_refuse)
    except InvalidOperation:
        raise MalformedJsonError("This JSON holds a number whose exponent has too many digits") from None
    except (ValueError, RecursionError) as error:
        raise MalformedJsonError(f"This is not JSON: {error}") from error


def encode_whole(value: Any) -> bytes:
    """Return the JSON text of a value that ``decode_whole`` made, or that was made of such values."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return encode_with_halves(_encoder.encode, value)


def read_integer(text: str) -> Number:
    """Read a JSON number without a fraction or an exponent."""
    return int(text) if len(text) <= INTEGER_DIGITS else Decimal(text)


def read_fraction(text: str) -> Number:
    """Read a JSON number with a fraction or an exponent.

    Raises:
        InvalidOperation: its exponent has more than seventeen digits.
    """
    number = float(text)
    return number if isfinite(number) else Decimal(text)


def read_number(text: str) -> Number:
    """Read any JSON number.

    Raises:
        InvalidOperation: its exponent has more than seventeen digits.
    """
    return read_integer(text) if text.removeprefix("-").isdigit() else read_fraction(text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")
