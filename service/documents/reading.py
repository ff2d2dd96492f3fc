"""Documents that authors write: graphs and components as JSON or YAML, from a request or from a file."""

from codecs import BOM_UTF8
from collections.abc import Generator
from typing import Any, Literal

import trio

from engine.cooperative.json_checks import decode_in_slices
from proto.codec import decode

Format = Literal["json", "yaml"]

MAX_YAML_BYTES = 1024 * 1024
"""YAML is read a hundred times more slowly than JSON, so less of it is taken."""

DOCUMENT_ELEMENTS = 100_000
"""Elements of a document, as ``proto.json_text`` counts them: a graph of a thousand nodes and ten thousand
edges has 90,000. Decoded they take some 8 MB and 10 ms, in slices where they are not all names of one object."""


class DocumentError(ValueError):
    """The text is no document that this service reads; the message says why, and where."""


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
        raise DocumentError(str(error)) from error


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
        raise DocumentError(str(error)) from error


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
