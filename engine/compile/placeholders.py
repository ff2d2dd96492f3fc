"""Placeholders in configurations: ``${param.x}``, ``${env.X}`` and ``${secret.x}``, found and filled. Pure.

A text that is one placeholder becomes the value itself, with its type; in a longer text the values are spliced
in as text, objects and arrays as JSON. What was filled in is not looked at again, so no value can ask for another.
Keys of objects are left alone, and so is every other ``${...}``: template literals are JavaScript's. Where a
placeholder is to stand as text, its dollar is doubled: ``$${param.x}`` means ``${param.x}``, and ``$$${param.x}``
a dollar before the value.

A graph inside of another one has parameters of its own. Its using node's configuration is filled first, with what
holds outside; the result, with the defaults, are the values for the insides. So at each depth there are plain
values, and never placeholders within placeholders.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, Literal, cast

import msgspec

from engine.cooperative.slices import Steps
from engine.documents.problem_report import shown
from proto.codec import encode

Scope = Literal["param", "env", "secret"]

_BEGINNINGS = ("${param.", "${env.", "${secret.")
_START = re.compile(r"\$\{(param|env|secret)\.([^{}]*)(\}?)")
_NAMES: Mapping[str, re.Pattern[str]] = {
    "param": re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", re.ASCII),
    "env": re.compile(r"[A-Za-z_]\w*", re.ASCII),
    "secret": re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII),
}

MOST_PLACEHOLDERS = 1_000
"""Placeholders of one configuration, those that stand as text included: they are filled in without a pause."""

_VALUES_BETWEEN_YIELDS = 500
"""Values that are looked at in one step: a fraction of a millisecond."""


class Placeholder(msgspec.Struct, frozen=True):
    """One placeholder in a text.

    Attributes:
        scope: where its value comes from.
        name: of the value there; of a parameter it may be a path, such as ``rates.eur``.
        is_whole: False where its brace was not closed.
    """

    scope: Scope
    name: str
    is_whole: bool = True

    def __str__(self) -> str:
        return f"${{{self.scope}.{shown(self.name)}{'}' if self.is_whole else ''}"

    @property
    def is_well_formed(self) -> bool:
        """True where it is closed, and has a name that there could be."""
        return self.is_whole and _NAMES[self.scope].fullmatch(self.name) is not None

    @property
    def path(self) -> tuple[str, ...]:
        """The parameter, and the steps into its value."""
        return tuple(self.name.split("."))


class Found(msgspec.Struct, frozen=True):
    """A placeholder and its place: the steps from the configuration to the text that it stands in."""

    place: tuple[str | int, ...]
    placeholder: Placeholder

    @property
    def key(self) -> str:
        """The key of the configuration in whose value it stands."""
        return str(self.place[0])

    @property
    def path(self) -> str:
        """The place as problems name it."""
        return place_text(self.place)


class TooManyPlaceholdersError(Exception):
    """A configuration has more placeholders than are filled in."""


class UnfilledError(Exception):
    """A placeholder that has no value; the message says why."""

    def __init__(self, placeholder: Placeholder, reason: str) -> None:
        super().__init__(reason)
        self.placeholder = placeholder


Find = Callable[[Placeholder], Any]
"""Returns the value that a placeholder stands for, or raises UnfilledError."""


def place_text(place: tuple[str | int, ...]) -> str:
    """Return a place within a configuration as problems name it: ``headers.authorization``, ``items[2].url``."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{shown(step)}" for step in place]
    return "".join(parts).removeprefix(".")


def parts_of(text: str) -> list[str | Placeholder]:
    """Return a text cut at its placeholders; what lies between them has its doubled dollars halved."""
    parts: list[str | Placeholder] = []
    literal = ""
    end = 0
    for found in _START.finditer(text):
        brace = found.start() + 1
        before = text[end:brace]
        plain = before.rstrip("$")
        dollars = len(before) - len(plain)
        literal += plain + "$" * (dollars // 2)
        if dollars % 2 == 0:
            end = brace
            continue
        if literal:
            parts.append(literal)
        scope, name, closing = found.groups()
        parts.append(Placeholder(cast("Scope", scope), name, bool(closing)))
        literal, end = "", found.end()
    literal += text[end:]
    return [*parts, literal] if literal or not parts else parts


def find_placeholders(config: Mapping[str, Any], code: Container[str] = ()) -> Steps[list[Found]]:
    """Return the placeholders of a configuration, in its order; those that are ``code`` have none.

    Raises:
        TooManyPlaceholdersError: there are more than ``MOST_PLACEHOLDERS``.
    """
    found = []
    begun = 0
    for number, (place, text) in enumerate(_texts(config, code), 1):
        if not number % _VALUES_BETWEEN_YIELDS:
            yield
        if text is not None and "${" in text:
            begun += sum(map(text.count, _BEGINNINGS))
            if begun > MOST_PLACEHOLDERS:
                raise TooManyPlaceholdersError
            parts = parts_of(text)
            found += [Found(place, part) for part in parts if isinstance(part, Placeholder)]
    return found


def has_dollars(config: Mapping[str, Any], code: Container[str] = ()) -> Steps[bool]:
    """Return whether filling could change a configuration: whether it has placeholders, or doubled dollars."""
    for number, (_, text) in enumerate(_texts(config, code), 1):
        if not number % _VALUES_BETWEEN_YIELDS:
            yield
        if text is not None and "${" in text and _START.search(text) is not None:
            return True
    return False


def _texts(config: Mapping[str, Any], code: Container[str]) -> Iterator[tuple[tuple[str | int, ...], str | None]]:
    """Yield every value of a configuration with its place: a text itself, None for others."""
    left: list[tuple[tuple[str | int, ...], Any]] = [
        ((key,), value) for key, value in reversed(list(config.items())) if key not in code
    ]
    while left:
        place, value = left.pop()
        yield place, value if isinstance(value, str) else None
        if isinstance(value, dict):
            left.extend(((*place, key), inner) for key, inner in reversed(list(value.items())))
        elif isinstance(value, list | tuple):
            left.extend(((*place, index), value[index]) for index in reversed(range(len(value))))


class Filler:
    """A filler of configurations, which counts what it puts in.

    Args:
        find: finds the value of a placeholder.
        most_bytes: of text that all placeholders together may become.

    Attributes:
        used_bytes: that they have become.
        unfilled: the placeholders that had no value, each with its place and the reason; they are left as null.
    """

    def __init__(self, find: Find, most_bytes: int) -> None:
        self._find = find
        self._most_bytes = most_bytes
        self.used_bytes = 0
        self._count = 0
        self.unfilled: list[tuple[tuple[str | int, ...], UnfilledError]] = []

    @property
    def is_overfull(self) -> bool:
        """True where more was to be put in than may be; then something is missing in the result."""
        return self.used_bytes > self._most_bytes

    def fill(self, config: Mapping[str, Any], code: Container[str] = ()) -> Steps[dict[str, Any]]:
        """Return a configuration with its placeholders filled in; values that are ``code`` are as they were."""
        filled = {}
        for key, value in config.items():
            filled[key] = value if key in code else (yield from self._filled(value, (key,)))
        return filled

    def _filled(self, value: Any, place: tuple[str | int, ...]) -> Steps[Any]:
        self._count += 1
        if not self._count % _VALUES_BETWEEN_YIELDS:
            yield
        if isinstance(value, str):
            return self._text(value, place) if "${" in value else value
        if isinstance(value, dict):
            made = {}
            for key, inner in value.items():
                made[key] = yield from self._filled(inner, (*place, key))
            return made
        if isinstance(value, list | tuple):
            items = []
            for index, inner in enumerate(value):
                items.append((yield from self._filled(inner, (*place, index))))
            return items
        return value

    def _text(self, text: str, place: tuple[str | int, ...]) -> Any:
        parts = parts_of(text)
        values = [self._value(part, place) if isinstance(part, Placeholder) else part for part in parts]
        if len(values) == 1:
            return values[0]
        return "".join(value if isinstance(value, str) else encode(value).decode() for value in values)

    def _value(self, placeholder: Placeholder, place: tuple[str | int, ...]) -> Any:
        try:
            value = self._find(placeholder)
        except UnfilledError as error:
            self.unfilled.append((place, error))
            return None
        if not self.is_overfull:
            self.used_bytes += len(value) if isinstance(value, str) else len(encode(value))
        return None if self.is_overfull else value
