"""Texts with ``{placeholders}`` that are filled from a message: ``Hello {name}, you are {value.age}``.

The texts are plain words of an author, so braces that hold no dotted path are text like any other, and a
placeholder that nothing can fill stays as it is: whoever reads it sees what was missing.
"""

import re
from functools import cached_property

import msgspec

from engine.builtin.parts import json_path
from engine.builtin.parts.routine_message import Lookup, RoutineMessage
from proto.codec import decode_text
from proto.problem import Problem

FILLED_LIMIT_BYTES = 64 * 1024
"""Text of one filled template. What is said is for people; more belongs into a value."""

PLACEHOLDERS_LIMIT = 200
"""Placeholders of one template. Each is looked for in each message, and many messages may come at once."""

_PLACEHOLDER_BYTES = 512
"""The cost of a placeholder beside looking through the message, as bytes of it."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class FilledTooLongError(ValueError):
    """A text that was filled in is longer than it may be."""


class Filled(msgspec.Struct, frozen=True):
    """A filled text, and the placeholders that nothing could fill."""

    text: str
    missing: tuple[str, ...]


class Template:
    """A text whose placeholders are known.

    Args:
        text: with placeholders such as ``{name}`` or ``{value.age}``.
    """

    def __init__(self, text: str) -> None:
        self._pieces: list[str] = []
        self._paths: list[tuple[str, ...]] = []
        end = 0
        for match in _PLACEHOLDER.finditer(text):
            names = json_path.fields(match[1])
            if names is not None:
                self._pieces.append(text[end : match.start()])
                self._paths.append(names)
                end = match.end()
            if len(self._paths) > PLACEHOLDERS_LIMIT or match.end() - end > FILLED_LIMIT_BYTES:
                break  # it is refused, however it goes on: a megabyte may have a third of a million of them
        self._pieces.append(text[end:])

    @cached_property
    def _wanted(self) -> json_path.Wanted:
        return Lookup.wanted(self._paths)

    @property
    def work_bytes(self) -> int:
        """The cost of filling it beside looking through the message, as bytes of the message."""
        return _PLACEHOLDER_BYTES * len(self._paths)

    def problems(self, key: str) -> list[Problem]:
        """Return why a graph whose node is configured with this text under ``key`` is refused."""
        if len(self._paths) > PLACEHOLDERS_LIMIT:
            message = f"{key} has more than {PLACEHOLDERS_LIMIT} placeholders"
            return [Problem("config.too_many_placeholders", key, message)]
        size_bytes = sum(len(piece.encode()) for piece in self._pieces)
        if size_bytes > FILLED_LIMIT_BYTES:
            message = f"{key} has {size_bytes} bytes beside its placeholders; {FILLED_LIMIT_BYTES} are allowed"
            return [Problem("config.template_too_long", key, message)]
        return []

    async def fill(self, message: RoutineMessage, defaults: dict[str, msgspec.Raw]) -> Filled:
        """Fill in the text for one message: strings as they are, everything else as JSON.

        Raises:
            FilledTooLongError: it is longer than ``FILLED_LIMIT_BYTES``.
            msgspec.DecodeError: the message is no JSON.
            TooMuchToScanError: the placeholders are too many and too deep for so large a message.
        """
        parts: list[str] = []
        missing: list[str] = []
        size_bytes = 0
        lookup = Lookup(message, defaults, self._wanted)
        found: dict[tuple[str, ...], bytes | None] = {}
        for piece, names in zip(self._pieces, [*self._paths, None], strict=True):
            parts.append(piece)
            if names is None:
                continue
            if names not in found:
                found[names] = await lookup.find(names)
            text = found[names]
            if text is None:
                missing.append(".".join(names))
                parts.append(f"{{{missing[-1]}}}")
                continue
            size_bytes += len(text)
            if size_bytes > FILLED_LIMIT_BYTES:
                raise _too_long()
            parts.append(_as_words(text))
        filled = "".join(parts)
        if len(filled.encode("utf-8", "surrogatepass")) > FILLED_LIMIT_BYTES:
            raise _too_long()
        return Filled(filled, tuple(dict.fromkeys(missing)))


def _as_words(text: bytes) -> str:
    """Return a JSON text as it stands in a sentence."""
    text = text.strip()
    if text.startswith(b'"'):
        return decode_text(text)
    return text.decode()


def _too_long() -> FilledTooLongError:
    return FilledTooLongError(
        f"The filled text is longer than {FILLED_LIMIT_BYTES} bytes; say less, or a part of it"
    )
