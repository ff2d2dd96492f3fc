"""Placeholders of texts: ``{order.id}``, ``{items.0.name}``, ``{user-id}``, and ``{}`` for the value itself."""

import re
from collections.abc import Sequence

import msgspec

from engine.builtin.parts.json_path import Document, Names, TooMuchToScanError
from proto.codec import decoded_by

TEXT_CHARACTERS = 64 * 1024
"""A text with its placeholders. More is a document of its own."""

PLACEHOLDERS_LIMIT = 1_000
"""Placeholders of one text. Each is looked for in each message."""

ARRAY_BYTES = 128 * 1024
"""JSON text of an array into which an index leads: all its items are looked at, in two or three milliseconds."""

_WAY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_items: "msgspec.json.Decoder[list[msgspec.Raw]]" = msgspec.json.Decoder(list[msgspec.Raw])


class TemplateSyntaxError(ValueError):
    """The text is no template; the message says why."""


class Way(msgspec.Struct, frozen=True):
    """A way into a value.

    Attributes:
        names: of fields, from the value on.
        beyond: further steps, of which the first is a number: a field's name, or an index.
    """

    names: Names
    beyond: Names = ()

    def __str__(self) -> str:
        return ".".join((*self.names, *self.beyond))

    def find(self, document: Document) -> bytes | None:
        """Return the JSON text at its end; None where it leads nowhere.

        Raises:
            msgspec.DecodeError: the value is no JSON.
            TooMuchToScanError: that would take too long.
        """
        found = document.find(self.names)
        for step in self.beyond:
            if found is None:
                return None
            found = _step(found.strip(), step)
        return None if found is None else found.strip()


def _step(text: bytes, name: str) -> bytes | None:
    if text[:1] != b"[":
        return Document(text).find((name,))
    if not name.isdigit():
        return None
    if len(text) > ARRAY_BYTES:
        raise TooMuchToScanError
    items = decoded_by(_items, text)
    index = int(name[:9])
    return bytes(items[index]) if index < len(items) else None


def way(text: str) -> Way | None:
    """Return the way that a text says; None where it says none."""
    if not _WAY.fullmatch(text):
        return Way(()) if not text else None
    steps = tuple(text.split("."))
    first = next((at for at, step in enumerate(steps) if step.isdigit()), len(steps))
    return Way(steps[:first], steps[first:])


class Template:
    """A text whose placeholders are known. ``{{`` and ``}}`` are braces.

    Args:
        text: with placeholders.

    Attributes:
        pieces: texts before, between and behind the placeholders.
        ways: where they lead, one fewer than pieces.

    Raises:
        TemplateSyntaxError: it is none.
    """

    def __init__(self, text: str) -> None:
        if len(text) > TEXT_CHARACTERS:
            raise TemplateSyntaxError(f"It has {len(text)} characters; {TEXT_CHARACTERS} are allowed")
        self.pieces: list[str] = []
        self.ways: list[Way] = []
        piece: list[str] = []
        end = 0
        for match in _PIECE.finditer(text):
            piece.append(text[end : match.start()])
            end = match.end()
            if match[0] in ("{{", "}}"):
                piece.append(match[0][0])
                continue
            found = None if match[1] is None else way(match[1])
            if found is None:
                near = text[match.start() : match.start() + 40]
                message = f"At character {match.start()}, {near!r} is no placeholder; a brace is written twice"
                raise TemplateSyntaxError(message)
            self.pieces.append("".join(piece))
            self.ways.append(found)
            piece = []
        self.pieces.append("".join(piece) + text[end:])
        if len(self.ways) > PLACEHOLDERS_LIMIT:
            raise TemplateSyntaxError(f"It has {len(self.ways)} placeholders; {PLACEHOLDERS_LIMIT} are allowed")

    @property
    def is_one_placeholder(self) -> bool:
        """Tell whether it is a placeholder and nothing around it."""
        return len(self.ways) == 1 and not any(self.pieces)


def names_of(ways: Sequence[Way]) -> tuple[Names, ...]:
    """Return the names of fields that ways begin with, each once."""
    return tuple(dict.fromkeys(each.names for each in ways))
