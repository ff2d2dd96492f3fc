"""Values as the platform's components see them: with the conversions of JavaScript. Pure.

The platform's components are written in JavaScript, and its graphs count on what ``Number`` and ``String`` make of
a value: null is the number 0, ``[4]`` is 4, and the text of ``[1, "a"]`` is ``1,a``. ECMA-262, "Type Conversion".
"""

import math
import re
from decimal import Decimal
from typing import Any, Final

from engine.builtin.parts.numbers import NUMBER_TEXT_LIMIT_CHARACTERS

ABSENT: Final = object()
"""JavaScript's ``undefined``: what a field is that is not there."""

SPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""The characters that JavaScript takes for white space."""

_DECIMAL = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_RADIX = re.compile(r"0(?:[xX](?P<x>[0-9a-fA-F]++)|[oO](?P<o>[0-7]++)|[bB](?P<b>[01]++))")
_INFINITE = {"Infinity": math.inf, "+Infinity": math.inf, "-Infinity": -math.inf}
_BASES = {"x": 16, "o": 8, "b": 2}
_PLAIN_FROM, _PLAIN_TO = -6, 21  # where the point may stand in a number that is written without an exponent
_EXACT = 2**53  # the integer up to which a float holds every one
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_LAST_OF_PLANE = 0xFFFF


def to_number(value: Any) -> float:
    """Return what ``Number`` makes of a value; not a number where it makes none, or of a text that is too long."""
    match value:
        case None:
            return 0.0
        case str():
            return _number_in(value)
        case list():
            # a text with a comma is no number, so that of several parts need not be made
            return _number_in(to_text(value)) if len(value) <= 1 else math.nan
        case bool() | int() | float() | Decimal():
            try:
                return float(value)
            except OverflowError:
                return math.inf if value > 0 else -math.inf
    return math.nan


def _number_in(text: str) -> float:
    if len(text) > NUMBER_TEXT_LIMIT_CHARACTERS:
        return math.nan
    text = text.strip(SPACE)
    if not text:
        return 0.0
    if text in _INFINITE:
        return _INFINITE[text]
    if _DECIMAL.fullmatch(text):
        return float(text)
    match = _RADIX.fullmatch(text)
    if match is None or match.lastgroup is None:
        return math.nan
    digits = match[match.lastgroup]
    return to_number(int(digits, _BASES[match.lastgroup]))


def to_text(value: Any) -> str:
    """Return what ``String`` makes of a value."""
    match value:
        case str():
            return value
        case list():
            return ",".join([_part_text(part) for part in value])
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return number_text(to_number(value))
    return "null" if value is None else "undefined" if value is ABSENT else "[object Object]"


def _part_text(part: Any) -> str:
    """Return the text of a part of an array, of which there may be very many: numbers first."""
    if type(part) is float:
        return number_text(part)
    if type(part) is int and -_EXACT < part < _EXACT:
        return str(part)
    return "" if part is None else to_text(part)


def number_text(number: float) -> str:
    """Return a number's text: the shortest digits that say it, with an exponent from 1e21 on and below 1e-6."""
    said = repr(number)
    if "e" not in said and math.isfinite(number):  # as Python says most of them, too
        return said.removesuffix(".0") if number else "0"
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    mantissa, _, exponent = said.removeprefix("-").partition("e")
    digits = mantissa.replace(".", "")
    point = 1 + int(exponent)
    sign = "-" if number < 0 else ""
    if not _PLAIN_FROM < point <= _PLAIN_TO:
        rest = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{rest}e{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole = digits[:point].ljust(point, "0")
    return f"{sign}{whole}.{digits[point:]}" if len(digits) > point else f"{sign}{whole}"


def number_json(number: float) -> bytes:
    """Return a number's JSON text; what is not finite is null, as ``JSON.stringify`` has it."""
    return number_text(number).encode() if math.isfinite(number) else b"null"


def is_same(left: Any, right: Any) -> bool:
    """Return whether two values are ``===``: of one type and equal; no object or array is another one."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    numbers = (int, float, Decimal)
    if isinstance(left, numbers) and isinstance(right, numbers):
        return to_number(left) == to_number(right)
    return left is ABSENT and right is ABSENT


def part_of(value: Any, name: str) -> Any:
    """Return the part of an array or a text that a name stands for: an index, or ``length``."""
    units: Any = utf16(value) if isinstance(value, str) else value
    if name == "length":
        return len(units)
    if _INDEX.fullmatch(name) and int(name) < len(units):
        return units[int(name)]
    return ABSENT


def utf16(text: str) -> list[str]:
    """Return a text's UTF-16 units, which is what JavaScript counts and what an index finds."""
    if text.isascii() or max(text) <= chr(_LAST_OF_PLANE):
        return list(text)
    pairs = text.encode("utf-16-be", "surrogatepass")
    return [chr(int.from_bytes(pairs[at : at + 2])) for at in range(0, len(pairs), 2)]
