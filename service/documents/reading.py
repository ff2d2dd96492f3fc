"""Documents that authors write: graphs and components as JSON or YAML, from a request or from a file."""

import re
from codecs import BOM_UTF8
from collections.abc import Generator
from typing import Any, Literal

import trio

from engine.cooperative.json_checks import SLICE_ELEMENTS, decode_in_slices
from proto.codec import decode

Format = Literal["json", "yaml"]
_BYTE = re.compile(r" \(byte (\d{1,9})\)\Z")
_TOLD_PLACE = re.compile(r" at line \d+, column \d+| \(byte \d+\)\Z")

MAX_YAML_BYTES = 1024 * 1024
"""YAML is read a hundred times more slowly than JSON, so less of it is taken."""

DOCUMENT_ELEMENTS = 100_000
"""Elements of a document, as ``proto.json_text`` counts them: a graph of a thousand nodes and ten thousand
edges has 90,000. Decoded they take some 8 MB and 10 ms, in slices where they are not all names of one object."""


class DocumentError(ValueError):
    """The text is no document that this service reads; the message says why, and where.

    Attributes:
        position: line and column, counted from 0, where they are known.
    """

    def __init__(self, message: str, position: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.position = position

    @property
    def bare(self) -> str:
        """The message without the place, for those who tell that in another way."""
        return _TOLD_PLACE.sub("", str(self))


def format_of_file(name: str) -> Format:
    """Return the format that a file's name promises: YAML for ``.yaml`` and ``.yml``, JSON for all others."""
    return "yaml" if name.lower().endswith((".yaml", ".yml")) else "json"


def decode_document(text: bytes, form: Format) -> Any:
    """Decode a document to what JSON can say; for whoever keeps nobody waiting.

    Raises:
        DocumentError: it cannot be read.
    """
    text = _text_of(text, form)
    try:
        if form == "json":
            return decode(text, DOCUMENT_ELEMENTS)
        reading = _reading_of(text)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                return end.value
    except ValueError as error:
        raise _refused(error, text, is_whole=True) from error


async def decode_document_in_slices(text: bytes, form: Format) -> Any:
    """Decode as ``decode_document`` does, in slices; others have their turn meanwhile.

    Raises:
        DocumentError: it cannot be read.
    """
    text = _text_of(text, form)
    try:
        if form == "json":
            return await decode_in_slices(text, DOCUMENT_ELEMENTS)
        reading = _reading_of(text)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                return end.value
            await trio.lowlevel.checkpoint()
    except ValueError as error:
        raise _refused(error, text, is_whole=len(text) <= SLICE_ELEMENTS) from error


def _refused(error: ValueError, text: bytes, *, is_whole: bool) -> DocumentError:
    """Return the refusal of a text, with its place where the decoder names one and saw the text as a whole."""
    position = getattr(error, "position", None)
    byte = _BYTE.search(str(error))
    if byte is not None and is_whole:
        position = _position(text, int(byte[1]))
    elif "utf-8" in str(error).lower():
        position = _position(text, _end_of_text(text))
    elif str(error).endswith("truncated"):
        position = _position(text, len(text.rstrip()))
    return DocumentError(str(error), position)


def _end_of_text(text: bytes) -> int:
    """Return where a text ends to be UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(text)


def _position(text: bytes, byte: int) -> tuple[int, int]:
    before = text[:byte]
    start = before.rfind(b"\n") + 1
    return before.count(b"\n"), len(before[start:].decode("utf-8", "replace"))


def _text_of(text: bytes, form: Format) -> bytes:
    """Return the text without what editors put before it (RFC 8259, section 8.1, lets us ignore it)."""
    text = text.removeprefix(BOM_UTF8)
    if not text or text.isspace():
        raise DocumentError("There is nothing in it; a document is expected")
    if form == "yaml" and len(text) > MAX_YAML_BYTES:
        raise DocumentError(
            f"This YAML has {len(text)} bytes, and at most {MAX_YAML_BYTES} are taken; send it as JSON"
        )
    return text


def _reading_of(text: bytes) -> Generator[None, None, Any]:
    from service.documents.yaml import reading  # noqa: PLC0415  only those who write YAML wait for it

    return reading(text)
