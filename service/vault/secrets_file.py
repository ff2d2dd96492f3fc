"""A file of secrets, read: names and texts, for everyone or for single organisations. Pure.

shop-key: "..."                      # one text for each name; or, by organisation:

everyone: {shop-key: "..."}
organisations: {acme: {shop-key: "..."}}
"""

import re
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from service.documents.reading import DocumentError, Format, decode_document

EVERYONE = "*"
"""The organisation that stands for all of them."""

UNSAID = ""
"""The organisation of secrets of which no file says whose they are."""

_SECTIONS = frozenset({"everyone", "organisations"})
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][\w.-]*)\s*=\s*(.*)", re.ASCII)

Secrets = Mapping[str, Mapping[str, str]]
"""Secrets by organisation and name."""


class SecretsError(ValueError):
    """Something that is no secret, or no file of them; the message never shows a value."""


def read_secrets(text: bytes, suffix: str) -> Secrets:
    """Read the text of a file.

    Args:
        text: of the file.
        suffix: of its name, which says its format: ``.json``, ``.yaml``, ``.yml`` or ``.env``.

    Raises:
        SecretsError: it is none.
    """
    if suffix.lower() == ".env":
        return {UNSAID: _lines(text)}
    form: Format = "json" if suffix.lower() == ".json" else "yaml"
    try:
        document = decode_document(text, form)
    except DocumentError as error:
        place = "" if error.position is None else f", at line {error.position[0] + 1}"
        raise SecretsError(f"it is no {form.upper()}{place}") from None  # the message might quote a secret
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SecretsError("it holds no names with their secrets")
    if not document.keys() & _SECTIONS or not all(isinstance(document[key], dict) for key in document):
        return {UNSAID: _texts(document)}
    if document.keys() - _SECTIONS:
        raise SecretsError("beside everyone and organisations there is nothing else in it")
    secrets = {EVERYONE: _texts(document.get("everyone", {}))}
    for organisation, names in cast("dict[str, Any]", document.get("organisations", {})).items():
        if not isinstance(names, dict):
            raise SecretsError(f"organisation {organisation!r} has names with their secrets")
        secrets[organisation] = _texts(names)
    return secrets


def _texts(document: Mapping[str, Any]) -> dict[str, str]:
    try:
        return msgspec.convert(document, dict[str, str])
    except msgspec.ValidationError:
        wrong = next(name for name, value in document.items() if not isinstance(value, str))
        raise SecretsError(f"the secret {wrong!r} is no text; put it into quotes") from None


def _lines(text: bytes) -> dict[str, str]:
    """Read lines ``NAME=value``; a value may stand in quotes, and ``#`` begins a line that says nothing."""
    secrets: dict[str, str] = {}
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise SecretsError("it is not UTF-8") from None
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.fullmatch(stripped)
        if found is None:
            raise SecretsError(f"line {number} is not NAME=value")
        name, value = found.groups()
        if name in secrets:
            raise SecretsError(f"line {number} gives {name} a second time")
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        secrets[name] = value
    return secrets
