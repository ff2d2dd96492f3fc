"""Notes of an import: what became of each thing in the file, and where it stood there."""

from collections.abc import Iterable
from typing import Literal

import msgspec

Fate = Literal["carried", "approximated", "byHand", "leftOut"]
"""``carried``: it does what it did. ``approximated``: it does nearly that, and the note says what is different.
``byHand``: somebody has to write it. ``leftOut``: it has no part in the graph, such as a disabled node."""

FATES: tuple[Fate, ...] = ("carried", "approximated", "byHand", "leftOut")

MOST_NOTES = 10_000
"""Notes that are kept of one file; a report that is longer is read by nobody."""

MOST_CHARACTERS = 300
"""Characters of a file's own text that are shown in a note."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """The place in the file that a note is about.

    Attributes:
        id: the id that the tool gave it.
        name: its name there, for people.
        type: its kind, in the tool's words.
        tab: the tab, the subflow or the section that it stands in.
        node: its id in the graph that was made, where it has one.
    """

    id: str = ""
    name: str = ""
    type: str = ""
    tab: str = ""
    node: str = ""


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the report."""

    fate: Fate
    message: str
    place: Place = Place()


class Report:
    """Collects the notes of one import, within a bound."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._seen: set[Note] = set()

    def note(self, fate: Fate, message: str, place: Place | None = None) -> None:
        """Add a note, unless the very same one is there."""
        note = Note(fate, message, place or Place())
        if note not in self._seen and len(self._notes) < MOST_NOTES:
            self._seen.add(note)
            self._notes.append(note)

    def notes(self) -> tuple[Note, ...]:
        """Return all notes in the order of their coming."""
        return tuple(self._notes)


def counts(notes: Iterable[Note]) -> dict[Fate, int]:
    """Return how many notes there are of each fate."""
    numbers = dict.fromkeys(FATES, 0)
    for note in notes:
        numbers[note.fate] += 1
    return numbers


def shown(text: object) -> str:
    """Return a text of the file as a note may show it: in one line, and not too long."""
    line = " ".join(str(text).split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."
