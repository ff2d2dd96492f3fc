"""The result of an import."""

from typing import Any

import msgspec

from service.interchange.notes import Note

MESSAGE_CHARACTERS = 500
"""Characters of a refusal: a line of a file may have a megabyte."""


class NotImportableError(ValueError):
    """The file as a whole is nothing that can be imported; the message says why, and quotes little of it."""

    def __init__(self, message: str) -> None:
        super().__init__(message if len(message) <= MESSAGE_CHARACTERS else f"{message[:MESSAGE_CHARACTERS]}...")


class ImportedGraph(msgspec.Struct, frozen=True):
    """A graph that was made, and the ids of the components of its own that it uses."""

    slug: str
    document: dict[str, Any]
    components: tuple[str, ...] = ()


class Imported(msgspec.Struct, frozen=True):
    """All that was made of one file.

    Attributes:
        graphs: the graphs, in the order of the file.
        components: the definitions of components that the graphs use, by their ids.
        notes: what became of each thing.
    """

    graphs: tuple[ImportedGraph, ...]
    components: dict[str, dict[str, Any]]
    notes: tuple[Note, ...]
