"""Names that people can type, made of whatever other tools allow."""

import re
import unicodedata

MOST_CHARACTERS = 48
"""Characters of a name: it is typed at a shell, and stands in every line of a log."""

_OTHERS = re.compile(r"[^a-z0-9]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def slug(text: str, otherwise: str = "node") -> str:
    """Return a text in small letters, digits and hyphens; ``otherwise`` where nothing of it is left."""
    plain = unicodedata.normalize("NFKD", text[:1_000]).encode("ascii", "ignore").decode()
    name = _OTHERS.sub("-", _HUMP.sub("-", plain).lower())[:MOST_CHARACTERS].strip("-")
    return name or otherwise


class UniqueNames:
    """Gives each of many things a name of its own: the second ``price`` is ``price-2``."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def give(self, wanted: str) -> str:
        """Return ``wanted``, or the next one like it that is free."""
        name = wanted
        while name in self._taken:
            number = self._next.get(wanted, 2)
            self._next[wanted] = number + 1
            name = f"{wanted}-{number}"
        self._taken.add(name)
        return name
