"""Kinds of settings: how the text of an environment variable becomes a value, and what is expected of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec


class Kind(msgspec.Struct, frozen=True):
    """A way of making a value of a variable's text.

    Attributes:
        expected: what a right value looks like, for people.
        read: turns the text into the value, or raises ValueError.
        secret: whether a wrong value is not to be shown, because it may be almost right.
    """

    expected: str
    read: Callable[[str], Any]
    secret: bool = False


class Secret(str):
    """A text that does not show itself where a struct or a list that holds it is printed."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(...)" if self else "Secret('')"


class Setting(msgspec.Struct, frozen=True):
    """A setting: what operators are told of the field that it annotates.

    Attributes:
        variable: of the environment; where there are several, they are asked in turn.
        kind: how its text becomes the value.
        description: what the setting does.
    """

    variable: str | tuple[str, ...]
    kind: Kind
    description: str

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables, in the order in which they are asked."""
        return (self.variable,) if isinstance(self.variable, str) else self.variable


def whole_number(smallest: int, largest: int, unit: str = "") -> Kind:
    """Make the kind of a whole number in a range; bounded, so that no value overflows what it is used for."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 18 and smallest <= int(text) <= largest):
            raise ValueError
        return int(text)

    unit_text = f" ({unit})" if unit else ""
    return Kind(expected=f"a whole number from {smallest} to {largest}{unit_text}", read=read)


def choice(*values: str) -> Kind:
    """One of several words; upper and lower case are the same."""

    def read(text: str) -> str:
        if text.lower() not in values:
            raise ValueError
        return text.lower()

    return Kind(expected=" or ".join(values), read=read)


def _read_switch(text: str) -> bool:
    if text.lower() in {"true", "1", "yes", "on"}:
        return True
    if text.lower() in {"false", "0", "no", "off"}:
        return False
    raise ValueError


def _read_folder(text: str) -> Path:
    folder = Path(text)
    if not folder.is_absolute() or "\0" in text:
        raise ValueError
    return folder


def _read_host(text: str) -> str:
    if not text.isprintable() or any(character in text for character in " /@") or len(text) > 253:
        raise ValueError
    return text


def _read_url(text: str) -> str:
    parts = urlsplit(text)
    _ = parts.port  # raises for one that is no number
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
        raise ValueError
    if not text.isprintable() or " " in text or len(text) > 2_000:
        raise ValueError
    return text


PORT = whole_number(0, 65_535)
HOST = Kind(expected="an address or a host name of this machine", read=_read_host)
SWITCH = Kind(expected="true or false", read=_read_switch)
FOLDER = Kind(expected="an absolute path", read=_read_folder)
URL = Kind(expected="an http or https URL without user, query and fragment", read=_read_url)
