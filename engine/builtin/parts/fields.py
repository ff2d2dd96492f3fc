"""Fields of messages that a configuration names, and the keys and numbers that stand in them."""

import math
from typing import Any

import msgspec

from engine.builtin.parts.json_path import Document, Names
from engine.builtin.parts.refusal import RefusedError
from proto.codec import encode
from proto.json_text import MAX_DEPTH

KEY_LIMIT_CHARACTERS = 1_000
"""A key of a keyed stream. Keys are kept as long as the execution lives; a longer one is no name."""

NUMBER_LIMIT = 1e300
"""The largest magnitude of a measured number, so that sums of many stay finite."""

QUOTED_LIMIT_BYTES = 200
"""The part of a wrong value that is quoted in an error; the whole message goes with it anyway."""

_NUMBER_LIMIT_CHARACTERS = 400
_FLOAT_CHARACTERS = 300
_INTEGER_BITS = 63


class Field:
    """One field of a message: that of exactly this name, or else what a dotted path such as ``a.b`` leads to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._exact = (name,)
        self._path = tuple(name.split(".", MAX_DEPTH)) if "." in name else None

    @property
    def paths(self) -> tuple[Names, ...]:
        """The paths to look for, in this order."""
        return (self._exact,) if self._path is None else (self._exact, self._path)

    def find(self, message: Document) -> bytes | None:
        """Return the field's JSON text; None where the message is no object or has no such field.

        Raises:
            msgspec.DecodeError: the message cannot be read.
            TooMuchToScanError: that would take too long.
        """
        found = message.find(self._exact)
        return message.find(self._path) if found is None and self._path else found

    def key(self, message: Document) -> str | None:
        """Return the field as a key: a string as it is, any other scalar as JSON says it; None where it is absent.

        Raises:
            RefusedError: it is an object or an array, or too long.
        """
        found = self.find(message)
        return None if found is None else key_text(found, self.name)

    def number(self, message: Document) -> float | int:
        """Return the field as a number; a string that says one counts.

        Raises:
            RefusedError: it is absent, not numeric, or beyond ``NUMBER_LIMIT``.
        """
        found = self.find(message)
        number = None if found is None else number_of(found)
        if number is None:
            shown = None if found is None else quoted(found)
            raise RefusedError("NotNumeric", f'field "{self.name}" is not numeric', got=shown)
        if not -NUMBER_LIMIT <= number <= NUMBER_LIMIT:
            raise RefusedError("NumberTooLarge", f'field "{self.name}" is beyond {NUMBER_LIMIT:g}')
        return number


def key_text(text: bytes, name: str) -> str:
    """Return a JSON text as a key.

    Raises:
        RefusedError: it is an object or an array, or too long.
    """
    if text[:1] in (b"{", b"["):
        raise RefusedError("InvalidKey", f'field "{name}" is no key: it holds an object or an array')
    is_long = len(text) > 6 * KEY_LIMIT_CHARACTERS + 2  # a character has six bytes where it is escaped
    key: str = "" if is_long else msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode()
    if is_long or len(key) > KEY_LIMIT_CHARACTERS:
        raise RefusedError("InvalidKey", f'field "{name}" is longer than {KEY_LIMIT_CHARACTERS} characters')
    return key


def number_of(text: bytes) -> float | int | None:
    """Return a JSON number, or the number that a JSON string says; None where it is neither, or has no finite
    value.

    An integer that needs more than 64 bits becomes a float.
    """
    if len(text) > _NUMBER_LIMIT_CHARACTERS:
        return None
    if text[:1] == b'"':
        text = msgspec.json.decode(text, type=str).strip().encode()
    if text[:1] not in (*(b"%d" % digit for digit in range(10)), b"-"):
        return None
    try:
        number = msgspec.json.decode(text, type=float | int)
    except msgspec.DecodeError:
        return None
    if isinstance(number, int) and number.bit_length() > _INTEGER_BITS:
        number = float(text) if len(text) < _FLOAT_CHARACTERS else math.inf
    return number if math.isfinite(number) else None


def number_json(number: float) -> msgspec.Raw:
    """Return a number as JSON text; an integer of any size keeps all its digits."""
    return msgspec.Raw(str(number).encode() if isinstance(number, int) else encode(number))


def quoted(text: bytes) -> Any:
    """Return a JSON text to be put into an error: as it is where it is short, otherwise the beginning of it."""
    if len(text) <= QUOTED_LIMIT_BYTES:
        return msgspec.Raw(text)
    return msgspec.Raw(encode(text[:QUOTED_LIMIT_BYTES].decode(errors="ignore") + "…"))
