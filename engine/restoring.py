"""The start from a store: components, then the graphs that use them, each as they were written and compiled anew.

What cannot be taken in (a component of a catalog that is not there yet, a bound that is lower now) stays in the
store and is tried again; nothing of it is changed.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec

from engine.compile.fingerprint import document_of
from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import in_slices
from engine.errors import EngineError
from engine.keeping.keeper import Keeper
from engine.keeping.records import COMPONENT, GRAPH, KeptComponent, KeptVersion, component_in, version_in
from engine.loaded_graphs import LoadedGraphs, WrittenGraph
from engine.own_components import OwnComponents
from engine.versions import Version

Compile = Callable[[Any, str], Awaitable[LoadedGraph]]
"""Compiles a document for its owner, or raises EngineError."""


class Unrestored(msgspec.Struct, frozen=True):
    """A thing in the store that cannot be taken in, and why."""

    kind: Literal["component", "graph"]
    id: str
    name: str
    owner: str
    reason: str


class Restored(msgspec.Struct, frozen=True):
    """The outcome of a start from a store.

    Attributes:
        components: how many there are again.
        graphs: likewise.
        failed: those that there are not.
        executions: how many are known again, as ended.
        gone_on: how many go on.
    """

    components: int
    graphs: int
    failed: tuple[Unrestored, ...]
    executions: int = 0
    gone_on: int = 0


class Restoring:
    """The taking in of what an earlier process has left.

    Args:
        keeper: reads it.
        graphs: takes graphs in.
        components: takes components in.
        compile_graph: compiles a graph as it was written.
    """

    def __init__(
        self, keeper: Keeper, graphs: LoadedGraphs, components: OwnComponents, compile_graph: Compile
    ) -> None:
        self._keeper = keeper
        self._graphs = graphs
        self._components = components
        self._compile = compile_graph
        self._left_components: dict[tuple[str, str], list[KeptComponent]] = {}
        self._left_graphs: dict[tuple[str, str], list[KeptVersion]] = {}

    @property
    def left(self) -> int:
        """The number of components and graphs that are in the store and could not be taken in."""
        return len(self._left_components) + len(self._left_graphs)

    async def begin(self) -> Restored:
        """Read all that is in the store, and take it in.

        Raises:
            StoreError: it cannot be read.
        """
        async for record in self._keeper.kept(COMPONENT):
            component = component_in(record)
            self._left_components.setdefault((record.owner, component.definition.id), []).append(component)
        async for record in self._keeper.kept(GRAPH):
            graph_id, version = version_in(record)
            self._left_graphs.setdefault((record.owner, graph_id), []).append(version)
        return await self.go_on()

    async def go_on(self) -> Restored:
        """Take in what could not be taken in before: what it needs may be there by now.

        A graph that is used by others is there before them, in whichever order they were written.
        """
        components, failed_components = await self._take_components()
        graphs = 0
        while True:
            taken, failed_graphs = await self._take_graphs()
            graphs += taken
            if not (taken and failed_graphs):
                return Restored(components, graphs, (*failed_components, *failed_graphs))

    async def _take_components(self) -> tuple[int, list[Unrestored]]:
        failed: list[Unrestored] = []
        taken = 0
        for (owner, component_id), versions in list(self._left_components.items()):
            versions.sort(key=lambda version: version.number)
            reason = await self._components.restore(owner, versions)
            if reason:
                name = versions[-1].definition.name
                failed.append(Unrestored("component", component_id, name, owner, reason))
                continue
            del self._left_components[owner, component_id]
            taken += 1
        return taken, failed

    async def _take_graphs(self) -> tuple[int, list[Unrestored]]:
        failed: list[Unrestored] = []
        taken = 0
        for (owner, graph_id), versions in list(self._left_graphs.items()):
            versions.sort(key=lambda version: version.number)
            try:
                await self._take_graph(owner, graph_id, versions)
            except EngineError as error:
                failed.append(Unrestored("graph", graph_id, versions[-1].definition.name, owner, str(error)))
                continue
            del self._left_graphs[owner, graph_id]
            taken += 1
        return taken, failed

    async def _take_graph(self, owner: str, graph_id: str, versions: list[KeptVersion]) -> None:
        present = versions[-1]
        fresh = await self._compile(await in_slices(document_of(present.definition)), owner)
        graph = msgspec.structs.replace(
            fresh, id=graph_id, number=present.number, loaded_at=present.made_at, sha256=present.sha256
        )
        self._graphs.restore(graph, [_version_of(kept) for kept in versions])


def _version_of(kept: KeptVersion) -> Version[WrittenGraph]:
    written = WrittenGraph(kept.definition, kept.topology, kept.edge_count, kept.uses)
    return Version(kept.number, written, kept.sha256, kept.size_bytes, kept.made_at, kept.made_by)
