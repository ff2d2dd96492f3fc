"""Fields of messages as the platform's components find them, and what they take for a number or a key.

A field is one of exactly its name: ``a.b`` is no path. Of an array an index is a field, too, and ``length``.
"""

import math
from collections.abc import Mapping
from typing import Any

from engine.builtin.parts.bounded_value import COMPARED_BYTES, WRITTEN_BYTES, bounded_value
from engine.builtin.parts.fields import KEY_LIMIT_CHARACTERS, quoted
from engine.builtin.parts.javascript_values import ABSENT, part_of, to_number, to_text, utf16
from engine.builtin.parts.json_path import Document, Names
from engine.builtin.parts.refusal import RefusedError
from proto.long_numbers import encode_whole


class PlatformField:
    """One field of a message, by exactly its name.

    Args:
        name: as a configuration has it; what is no text is named by its text.
        in_text: whether the characters of a text are fields, too, as they are in JavaScript.
    """

    def __init__(self, name: Any, *, in_text: bool = False) -> None:
        self.name = to_text(name)
        self._names = (self.name,)
        self._in_text = in_text
        self._may_be_part = self.name == "length" or self.name.isdigit()

    @property
    def paths(self) -> tuple[Names, ...]:
        """The paths to look for."""
        return (self._names,)

    def find(self, message: Document) -> bytes | None:
        """Return the field's JSON text; None where there is no such field.

        Raises:
            RefusedError: the message is an array or a text that is too large to be counted.
            msgspec.DecodeError: the message cannot be read.
            TooMuchToScanError: that would take too long.
        """
        if self._may_be_part and message.text.lstrip()[:1] in (b"[", b'"'):
            part = self._part(message.text)
            return None if part is ABSENT else encode_whole(part)
        return message.find(self._names)

    def _part(self, text: bytes) -> Any:
        whole = bounded_value(text)
        return part_of(whole, self.name) if self._in_text or isinstance(whole, list) else ABSENT

    def value(self, message: Document) -> Any:
        """Return the field's value, ``ABSENT`` where there is no such field; raises as ``find`` does."""
        found = self.find(message)
        return ABSENT if found is None else bounded_value(found)

    def key(self, message: Document) -> str | None:
        """Return the field as a key; None where it is absent.

        Raises:
            RefusedError: it is too long.
        """
        found = self.find(message)
        if found is None:
            return None
        key = bounded_text(found)
        if len(key) > KEY_LIMIT_CHARACTERS:
            raise RefusedError(
                "InvalidKey", f'field "{self.name}" is longer than {KEY_LIMIT_CHARACTERS} characters'
            )
        return key

    def number(self, message: Document) -> float:
        """Return the number that JavaScript makes of the field.

        Raises:
            RefusedError: it makes none, or an infinite one.
        """
        text = self.find(message)
        number = coerced(text)
        if not math.isfinite(number):
            raise RefusedError("NotNumeric", f'field "{self.name}" is not numeric', **got(text))
        return number


def bounded_text(text: bytes) -> str:
    """Return the text that JavaScript's ``String`` makes of a JSON text.

    Raises:
        RefusedError: it is too large, or cannot be read.
    """
    if len(text) > WRITTEN_BYTES and text.lstrip()[:1] == b"[":
        raise RefusedError("TooLarge", f"Of an array at most {WRITTEN_BYTES} bytes are made a text")
    return to_text(bounded_value(text))


def coerced(text: bytes | None) -> float:
    """Return the number that JavaScript's ``Number`` makes of a field's JSON text; None stands for no field."""
    return to_number(ABSENT if text is None else bounded_value(text))


def got(text: bytes | None) -> dict[str, Any]:
    """Return the part of an error that quotes a wrong value; nothing where there is none."""
    return {} if text is None else {"got": quoted(text)}


def walked(message: bytes, names: Names) -> bytes | None:
    """Find what a path leads to that goes through arrays, too; None where it leads nowhere.

    Raises:
        RefusedError: the message cannot be read.
    """
    if len(message) > COMPARED_BYTES:
        return None
    value = bounded_value(message)
    for name in names:
        match value:
            case dict():
                value = value.get(name, ABSENT)
            case list():
                value = part_of(value, name)
            case _:
                return None
    return None if value is ABSENT else encode_whole(value)


def entries(value: Any) -> Mapping[str, Any]:
    """Return the names and values of an object, or of an array or a text by index; nothing of anything else."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        value = utf16(value)
    return {str(index): part for index, part in enumerate(value)} if isinstance(value, list | tuple) else {}


def given(config: Mapping[str, Any], key: str, default: Any) -> Any:
    """Return what a configuration has under a key; the default where that is nothing, or null."""
    value = config.get(key)
    return default if value is None else value
