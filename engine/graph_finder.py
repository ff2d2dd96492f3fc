"""Graphs that others use by name: the newest version that is meant, of loaded ones, or found elsewhere."""

from collections.abc import Sequence
from typing import Any

from engine.compile.fingerprint import document_of
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.parts import FoundDocument, GraphSource, Part
from engine.compile.version_ranges import Range, precedence
from engine.cooperative.slices import in_slices
from engine.documents.hints import Hints
from engine.documents.problem_report import listed, shown
from engine.loaded_graphs import LoadedGraphs
from proto.graph import GraphDefinition
from proto.problem import Problem

DEFAULT_VERSION = "1.0.0"
"""The version of a graph that names none."""


class GraphFinder:
    """A finder of the graphs of one owner.

    Args:
        loaded: all that are loaded; earlier versions of them that are kept count, too.
        source: where to look for others; None to look nowhere.
        owner: the owner.
    """

    def __init__(self, loaded: LoadedGraphs, source: GraphSource | None, owner: str) -> None:
        self._loaded = loaded
        self._source = source
        self._owner = owner

    async def find(self, name: str, versions: Range) -> Part | FoundDocument | Problem:
        """Return the newest graph of a name that a range includes: loaded ones first, then those of the source."""
        loaded = [graph for graph in self._loaded.named(name) if graph.owner == self._owner]
        written = [definition for graph in loaded for definition in self._earlier(graph, name)]
        there = [*(each.version for each in written), *(graph.definition.version for graph in loaded)]
        chosen = _newest(there, versions)
        if chosen is not None:
            if chosen < len(written):
                return FoundDocument(await in_slices(document_of(written[chosen])))
            part = loaded[chosen - len(written)].part
            if part is not None:
                return part
        trouble = ""
        if self._source is not None:
            found = await self._source.graphs_named(name, self._owner)
            documents = [document for document in found.documents if isinstance(document, dict)]
            offered = [_version_of(document) for document in documents]
            chosen = _newest(offered, versions)
            if chosen is not None:
                return FoundDocument(documents[chosen])
            there += offered
            trouble = found.trouble
        return Problem("node.unknown_graph", "", self._complaint(name, versions, there, trouble))

    def _earlier(self, graph: LoadedGraph, name: str) -> list[GraphDefinition]:
        """Return a graph's earlier versions that had this name, oldest first."""
        history = self._loaded.versions.history(graph.owner, graph.id)
        earlier = [version.content.definition for version in history if version.number != graph.number]
        return [definition for definition in earlier if definition.name == name]

    def _complaint(self, name: str, versions: Range, there: Sequence[str], trouble: str) -> str:
        if there:
            return f"No version of graph {shown(name)} is in {versions}; there is {listed(dict.fromkeys(there))}"
        if trouble:
            return f"Graph {shown(name)} cannot be had: {trouble}"
        close = Hints().similar(
            name, dict.fromkeys(graph.definition.name for graph in self._loaded.of(self._owner))
        )
        return f"No graph {shown(name)} is loaded" + (f"; did you mean {shown(close)}?" if close else "")


def _newest(there: Sequence[str], versions: Range) -> int | None:
    """Return the place of the highest version that is meant, the last of equal ones; None where there is none."""
    meant = [place for place, version in enumerate(there) if versions.includes(version)]
    return max(meant, key=lambda place: (precedence(there[place]), place), default=None)


def _version_of(document: dict[str, Any]) -> str:
    version = document.get("version")
    return version if isinstance(version, str) else DEFAULT_VERSION
