"""The places of a document's values in its text, by their paths, such as ``nodes[3].config.expression``. Pure.

A reader of the text calls a tracker for each value, in order. Paths are built as problems build them, so names
with dots in them need no thought; beneath what nobody asked for none are built. A problem may name a field that is
not there: then the place is that of what should have it.
"""

import re
from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from engine.documents.problem_report import shown

Style = Literal["", "plain", "single", "double", "literal", "folded"]
"""The way in which a text is written; "" of objects and lists."""

_JOINT = re.compile(r"[.\[]")


class Spot(msgspec.Struct, frozen=True):
    """The place of one value, lines and columns counted from 0.

    Attributes:
        line: of its beginning.
        column: likewise, in characters.
        style: the way in which it is written.
        raw: its own text, with its quotes; "" of objects and lists.
        is_in_brackets: whether commas and brackets around it end it.
        key: line and column of its key, where it has one.
    """

    line: int
    column: int
    style: Style = ""
    raw: str = ""
    is_in_brackets: bool = False
    key: tuple[int, int] | None = None


class _Around(msgspec.Struct):
    """An object or a list whose end has not come; ``path`` is None where nobody asks for what is in it."""

    path: str | None
    is_list: bool
    index: int = 0
    name: str | None = None
    key: tuple[int, int] | None = None


class PlaceTracker:
    """A tracker of one document.

    Args:
        wanted: the paths that are asked for.
    """

    def __init__(self, wanted: Collection[str]) -> None:
        self._wanted = frozenset(prefix for path in wanted for prefix in prefixes(path))
        self._open: list[_Around] = []
        self.spots: dict[str, Spot] = {}

    @property
    def expects_key(self) -> bool:
        """True if what comes next is the key of an object, or its end."""
        return bool(self._open) and not self._open[-1].is_list and self._open[-1].name is None

    def key(self, name: str, line: int, column: int) -> None:
        """Take a key; its value is next."""
        around = self._open[-1]
        around.name, around.key = name, (line, column)

    def next_is_wanted(self) -> bool:
        """Return whether somebody asks for the place of the next value."""
        return self._path() is not None

    def scalar(self, spot: Spot) -> None:
        """Take a value that holds no others."""
        self._take(spot)

    def begin(self, spot: Spot, *, is_list: bool) -> None:
        """Take the beginning of an object or a list."""
        self._open.append(_Around(self._take(spot), is_list))

    def end(self) -> None:
        """Take the end of the object or list that was begun last."""
        self._open.pop()

    def _path(self) -> str | None:
        if not self._open:
            return ""
        around = self._open[-1]
        if around.path is None:
            return None
        if around.is_list:
            path = f"{around.path}[{around.index}]"
        else:
            name = shown(around.name or "")
            path = f"{around.path}.{name}" if around.path else name
        return path if path in self._wanted else None

    def _take(self, spot: Spot) -> str | None:
        path = self._path()
        key = None
        if self._open:
            around = self._open[-1]
            key = around.key
            around.index, around.name, around.key = around.index + 1, None, None
        if path is not None:
            self.spots[path] = msgspec.structs.replace(spot, key=key)
        return path


def prefixes(path: str) -> list[str]:
    """Return a path and all that it may lie in, the longest first, down to the whole document."""
    cuts = [found.start() for found in _JOINT.finditer(path)]
    return [path, *(path[:cut] for cut in reversed(cuts)), ""]


def nearest(spots: Mapping[str, Spot], path: str) -> tuple[str, Spot] | None:
    """Return the place of a path, or of what it should lie in."""
    for prefix in prefixes(path):
        if prefix in spots:
            return prefix, spots[prefix]
    return None
