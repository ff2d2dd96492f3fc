"""Documents that authors write: graphs and components as JSON or YAML, from a request or from a file."""

from codecs import BOM_UTF8
from typing import Any, Literal

from proto.codec import MalformedJsonError, decode

Format = Literal["json", "yaml"]

MAX_YAML_BYTES = 1024 * 1024
"""YAML is read a hundred times more slowly than JSON, so less of it is taken."""


class DocumentError(ValueError):
    """The text is no document that this service reads; the message says why, and where."""


def format_of_file(name: str) -> Format:
    """The format that a file's name promises: YAML for ``.yaml`` and ``.yml``, JSON for all others."""
    return "yaml" if name.lower().endswith((".yaml", ".yml")) else "json"


def decode_document(text: bytes, form: Format) -> Any:
    """The value of a document, made of what JSON can say.

    Raises:
        DocumentError: it cannot be read.
    """
    if not text.removeprefix(BOM_UTF8).strip():
        raise DocumentError("There is nothing in it; a document is expected")
    if form == "yaml":
        from service.yaml_reader import YamlError, read_yaml  # noqa: PLC0415  only those who write YAML wait for it

        if len(text) > MAX_YAML_BYTES:
            raise DocumentError(
                f"This YAML has {len(text)} bytes, and at most {MAX_YAML_BYTES} are taken; send it as JSON"
            )
        try:
            return read_yaml(text)
        except YamlError as error:
            raise DocumentError(str(error)) from error
    try:
        return decode(
            text.removeprefix(BOM_UTF8)
        )  # editors put it there; RFC 8259, section 8.1, lets us ignore it
    except MalformedJsonError as error:
        raise DocumentError(str(error)) from error
