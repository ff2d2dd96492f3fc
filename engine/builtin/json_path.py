"""Dotted paths into JSON text, without building the values beside the way.

``a.b.c`` is followed by scanning each object for its keys and keeping their texts as they stand. So what is found
leaves exactly as it came, every digit of its numbers included, and a large document costs one scan a level.
"""

import re

import msgspec

_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_object_decoder: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])


def fields(path: str) -> tuple[str, ...] | None:
    """The field names of a dotted path; None when the text is anything else."""
    return tuple(path.split(".")) if _DOTTED.fullmatch(path) else None


class Document:
    """A JSON text that is looked into more than once: each object on a way is scanned once."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._opened: dict[tuple[str, ...], dict[str, msgspec.Raw]] = {}

    def find(self, names: tuple[str, ...]) -> bytes | None:
        """As :func:`find`.

        Raises:
            msgspec.DecodeError: the text is no JSON.
        """
        place = msgspec.Raw(self._text)
        for depth, name in enumerate(names):
            inside = self._opened.get(names[:depth])
            if inside is None:
                inside = self._opened[names[:depth]] = _fields_of(place)
            if name not in inside:
                return None
            place = inside[name]
        return bytes(place)


def _fields_of(place: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _object_decoder.decode(place)
    except msgspec.ValidationError:  # JSON, but no object
        return {}


def find(text: bytes, names: tuple[str, ...]) -> bytes | None:
    """The JSON text at the end of the fields ``names``; None when the way leads through no object or no such key.

    Of a key that occurs twice in an object the last one counts, as in JavaScript.

    Raises:
        msgspec.DecodeError: the text is no JSON.
    """
    return Document(text).find(names)
