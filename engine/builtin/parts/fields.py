"""Fields of messages that a configuration names, and the keys and numbers that stand in them."""

import math
from typing import Any

import msgspec

from engine.builtin.parts.json_path import Document, Names
from engine.builtin.parts.numbers import number_said_by
from engine.builtin.parts.refusal import RefusedError
from proto.codec import decode_text, encode
from proto.json_text import MAX_DEPTH

KEY_LIMIT_CHARACTERS = 1_000
"""A key of a keyed stream. Keys are kept as long as the execution lives; a longer one is no name."""

NUMBER_LIMIT = 1e300
"""The largest magnitude of a measured number, so that sums of many stay finite."""

NUMBER_LIMIT_CHARACTERS = 400
"""The characters of a measured number: a hundred more than ``NUMBER_LIMIT`` has digits."""

QUOTED_LIMIT_BYTES = 200
"""The part of a wrong value that is quoted in an error; the whole message goes with it anyway."""


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
        """Find the field as a number; a string that says one counts (``engine.builtin.parts.numbers``).

        Raises:
            RefusedError: it is absent, not numeric, or beyond the limits.
        """
        found = self.find(message)
        number = None if found is None else number_of(found)
        if number is None:
            shown = None if found is None else quoted(found)
            raise RefusedError("NotNumeric", f'field "{self.name}" is not numeric', got=shown)
        if not -NUMBER_LIMIT <= number <= NUMBER_LIMIT:
            limits = f"{NUMBER_LIMIT:g}, or longer than {NUMBER_LIMIT_CHARACTERS} characters"
            raise RefusedError("NumberTooLarge", f'field "{self.name}" is beyond {limits}')
        return number


def key_text(text: bytes, name: str) -> str:
    """Return a JSON text as a key.

    Raises:
        RefusedError: it is an object or an array, or too long.
    """
    if text[:1] in (b"{", b"["):
        raise RefusedError("InvalidKey", f'field "{name}" is no key: it holds an object or an array')
    is_long = len(text) > 6 * KEY_LIMIT_CHARACTERS + 2  # a character has six bytes where it is escaped
    key: str = "" if is_long else decode_text(text) if text[:1] == b'"' else text.decode()
    if is_long or len(key) > KEY_LIMIT_CHARACTERS:
        raise RefusedError("InvalidKey", f'field "{name}" is longer than {KEY_LIMIT_CHARACTERS} characters')
    return key


def number_of(text: bytes) -> float | int | None:
    """Return a JSON number, or the number that a JSON string says; None where it is neither.

    Integers keep all their digits, and what has a fraction or an exponent is a 64-bit float. What is longer than
    ``NUMBER_LIMIT_CHARACTERS``, or larger than any float, is infinite.
    """
    number = number_said_by(text)
    if number is None:
        return None
    if len(number) > NUMBER_LIMIT_CHARACTERS:
        return math.inf
    return int(number) if number.removeprefix("-").isdigit() else float(number)


def number_json(number: float) -> msgspec.Raw:
    """Return a number as JSON text; an integer of any size keeps all its digits."""
    return msgspec.Raw(str(number).encode() if isinstance(number, int) else encode(number))


def quoted(text: bytes) -> Any:
    """Return a JSON text to be put into an error: as it is where it is short, otherwise the beginning of it."""
    if len(text) <= QUOTED_LIMIT_BYTES:
        return msgspec.Raw(text)
    return msgspec.Raw(encode(text[:QUOTED_LIMIT_BYTES].decode(errors="ignore") + "…"))
