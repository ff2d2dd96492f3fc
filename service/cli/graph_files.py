"""Graphs in the files of a folder, for those beside them that use them by name."""

from pathlib import Path
from typing import Any

from engine.compile.parts import FoundGraphs
from engine.documents.hints import Hints
from engine.documents.problem_report import shown
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
        found = [graph for graph in self._graphs if graph.get("name") == name]
        return FoundGraphs(found, self._trouble if found else self._lack_of(name))

    def _lack_of(self, name: str) -> str:
        names = [graph.get("name") for graph in self._graphs or ()]
        close = Hints().similar(name, dict.fromkeys(each for each in names if isinstance(each, str)))
        hint = f"; did you mean {shown(close)}?" if close else ""
        more = f", and {self._trouble}" if self._trouble and not close else ""
        return f"no file beside it has a graph of this name{hint}{more}"

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
