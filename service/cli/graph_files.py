"""Graphs in the files of a folder, for those beside them that use them by name."""

from pathlib import Path
from typing import Any

from engine.compile.parts import FoundGraphs
from service.documents.kinds import kind_of
from service.documents.reading import DocumentError, decode_document, format_of_file

SUFFIXES = frozenset({".json", ".yaml", ".yml"})

MOST_FILES = 500
"""Files of one folder that are looked at."""

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of one of them: as much as a graph may have."""


class FolderGraphs:
    """A source of the graphs in one folder. They are read when the first name is asked for, and kept.

    Args:
        folder: where they are; folders in it are not looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._graphs: list[dict[str, Any]] | None = None
        self._trouble = ""

    async def graphs_named(self, name: str, owner: str) -> FoundGraphs:
        """Return the graphs of a name; a name that no file has may be in one that cannot be read."""
        del owner
        if self._graphs is None:
            self._graphs = self._read()
        return FoundGraphs([graph for graph in self._graphs if graph.get("name") == name], self._trouble)

    def _read(self) -> list[dict[str, Any]]:
        files = [path for path in sorted(self._folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        graphs = []
        for path in files[:MOST_FILES]:
            try:
                if path.is_file() and path.stat().st_size <= MOST_BYTES:
                    document = decode_document(path.read_bytes(), format_of_file(path.name))
                    if kind_of(document) == "graph":
                        graphs.append(document)
            except (OSError, DocumentError) as error:
                self._trouble = self._trouble or f"{path} cannot be read: {error}"
        return graphs
