"""The fields that an object of a document may have; what else stands there is a slip. Pure.

A misspelt key that is ignored makes a document do something else than its author wrote, so it is refused, with the
one that was probably meant. Keys that begin with ``x-`` are free everywhere, and so are those that editors and the
platform's clients write beside what means something here; neither are kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine.cooperative.slices import Steps
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, listed, shown

KEYS_BETWEEN_PAUSES = 2_000
"""Keys that are looked at in one step: a fraction of a millisecond."""

FREE = "x-"
"""The beginning of keys that are the author's own."""


class KnownFields(msgspec.Struct, frozen=True):
    """The fields of one kind of object.

    Attributes:
        title: the kind with its article, at the beginning of a sentence.
        code: of the problem.
        names: those that mean something, in the order in which they are told.
        free: those that may stand there and mean nothing.
    """

    title: str
    code: str
    names: tuple[str, ...]
    free: frozenset[str] = frozenset()

    def lacks(self, key: str) -> bool:
        """Return whether nobody knows such a field."""
        return key not in self.names and key not in self.free and not key.startswith(FREE)


def fields_of(
    shape: type[msgspec.Struct], title: str, code: str, free: Iterable[str] = (), besides: Iterable[str] = ()
) -> KnownFields:
    """Return the fields of a struct; ``besides`` are further ones that mean something and are read elsewhere."""
    names = (*(field.encode_name for field in msgspec.structs.fields(shape)), *besides)
    return KnownFields(title, code, names, frozenset(free))


def note_unknown(
    item: Mapping[str, Any], known: KnownFields, path: str, report: ProblemReport, hints: Hints
) -> Steps[None]:
    """Note each field of an object that is not among those that are known.

    Args:
        item: the object.
        known: what it may have.
        path: its place in the document; empty for the document itself.
        report: takes the problems.
        hints: of what was meant.
    """
    for number, key in enumerate(item, 1):
        if not number % KEYS_BETWEEN_PAUSES:
            yield
        if known.lacks(key) and report.is_full:
            report.note(known.code, path, "")  # is only counted
        elif known.lacks(key):
            close = hints.similar(key, known.names)
            hint = f"did you mean {close}?" if close else f"known are {listed(known.names)}"
            report.note(known.code, place_of(path, key), f"{known.title} has no field {shown(key)}; {hint}")


def kept_fields(item: Mapping[str, Any], known: KnownFields, path: str, left_out: list[str]) -> dict[str, Any]:
    """Return an object without the fields that nobody knows; ``left_out`` takes their places."""
    left_out += [place_of(path, key) for key in item if known.lacks(key)]
    return {key: value for key, value in item.items() if not known.lacks(key)}


def place_of(path: str, key: str) -> str:
    """Return the place of a field in the document."""
    return f"{path}.{shown(key)}" if path else shown(key)
