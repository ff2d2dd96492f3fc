"""The graphs that are loaded, by id, owner and name, each with its versions. Nothing here waits for anything.

A graph is replaced in one step: whoever looks it up finds the version before or the version after, whole. What
runs already keeps the version that it began with, because an execution holds its graph itself.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from engine.errors import GraphNotFoundError, NameAmbiguousError
from engine.limits import EngineLimits
from engine.memory.ledger import Ledger
from engine.quota import Quotas
from engine.versions import Condition, Version, VersionStore
from proto.graph import GraphDefinition, TopologySummary

Outcome = Literal["created", "replaced", "unchanged"]

Used = Callable[[str], Collection[int]]
"""Tells which versions of a graph are in use, by its id."""


class WrittenGraph(msgspec.Struct, frozen=True):
    """The part of a graph that is kept of each of its versions: as its author wrote it, and not compiled.

    Attributes:
        definition: of it.
        topology: what its shape implies.
        uses: the graphs inside it, by path, as each was named.
        edge_count: edges between ports of components, those of the graphs inside it included.
    """

    definition: GraphDefinition
    topology: TopologySummary
    edge_count: int = 0
    uses: Mapping[str, str] = {}


class Placement(msgspec.Struct, frozen=True):
    """The outcome of a graph's coming.

    Attributes:
        graph: as it is loaded now.
        outcome: whether it is a new one, or a new version of one, or the same as was there.
        namesakes: ids of other graphs of its owner that have its name, oldest first.
    """

    graph: LoadedGraph
    outcome: Outcome
    namesakes: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """A change of the loaded graphs, as it was planned.

    Attributes:
        graph: as it will be loaded.
        outcome: whether it is a new one, or a new version of one, or the same as is there.
        by: who makes it.
        outgoing: numbers of the versions that go.
    """

    graph: LoadedGraph
    outcome: Outcome
    by: str
    outgoing: tuple[int, ...] = ()

    @property
    def version(self) -> Version[WrittenGraph]:
        """The version that comes with it."""
        graph = self.graph
        written = WrittenGraph(graph.definition, graph.topology, len(graph.edges), graph.uses)
        return Version(graph.number, written, graph.sha256, graph.size_bytes, graph.loaded_at, self.by)


class LoadedGraphs:
    """All loaded graphs.

    Args:
        ledger: charged with their versions.
        quotas: how many one owner may have.
        limits: how many versions are kept.
        used: tells which versions are in use.

    Attributes:
        versions: of each graph.
    """

    def __init__(self, ledger: Ledger, quotas: Quotas, limits: EngineLimits, used: Used) -> None:
        self.versions: VersionStore[WrittenGraph] = VersionStore("graphs", ledger, limits)
        self._ledger = ledger
        self._quotas = quotas
        self._used = used
        self._by_id: dict[str, LoadedGraph] = {}
        self._by_owner: dict[str, dict[str, LoadedGraph]] = {}
        self._by_name: dict[str, dict[str, LoadedGraph]] = {}

    # Reading

    def graph(self, graph_id: str) -> LoadedGraph:
        """Return one graph, in its present version.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        graph = self._by_id.get(graph_id)
        if graph is None:
            raise GraphNotFoundError(graph_id)
        return graph

    def of(self, owner: str | None) -> list[LoadedGraph]:
        """All graphs, or those of one owner, oldest first."""
        return list((self._by_id if owner is None else self._by_owner.get(owner, {})).values())

    def named(self, name: str) -> list[LoadedGraph]:
        """Return the graphs of a name, oldest first; they may belong to different owners."""
        return list(self._by_name.get(name, {}).values())

    def namesakes(self, graph: LoadedGraph) -> list[LoadedGraph]:
        """Return the other graphs of the same owner that have a graph's name, oldest first."""
        named = self.named(graph.definition.name)
        return [other for other in named if other.owner == graph.owner and other.id != graph.id]

    def check_quota(self, owner: str, more: int = 1) -> None:
        """Refuse more graphs than an owner may have.

        Raises:
            QuotaError: they may not.
        """
        self._quotas.check_graphs(len(self._by_owner.get(owner, ())), more)

    # Changing: first it is looked at what a change would be, and then it is made, at once and without refusal

    def plan_new(self, graphs: Sequence[LoadedGraph], by: str) -> list[Change]:
        """Plan to take in new graphs of one owner.

        Raises:
            QuotaError: the owner would have more than they may.
            MemoryBoundError: memory for them is at its bound.
        """
        if graphs:
            self.check_quota(graphs[0].owner, len(graphs))
            self._ledger.require(graphs[0].owner, sum(graph.size_bytes for graph in graphs))
        return [Change(graph, "created", by) for graph in graphs]

    def plan(self, graph: LoadedGraph, condition: Condition, by: str, *, replace: bool) -> Change:
        """Plan to take in a graph: as a new one, or, if wanted, as a new version of the one that has its name.

        Raises:
            PreconditionFailedError: the one that has its name is another than was expected.
            NameAmbiguousError: several have it.
            QuotaError: it is a new one, and its owner has as many as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        namesakes = self.namesakes(graph)
        if replace and len(namesakes) > 1:
            raise NameAmbiguousError(graph.definition.name, [other.id for other in namesakes])
        if replace and namesakes:
            return self.plan_replacement(namesakes[0].id, graph, condition, by)
        named = graph.definition.name
        condition.check(f"Graph {named[:100]}", namesakes[-1].tag if namesakes else None)
        (change,) = self.plan_new([graph], by)
        return change

    def plan_replacement(self, graph_id: str, fresh: LoadedGraph, condition: Condition, by: str) -> Change:
        """Plan to let what was just compiled be the present version of a graph.

        Where it was written as the present version was, that stays, with the components that there are now.

        Raises:
            GraphNotFoundError: it is gone.
            PreconditionFailedError: its present version is another than was expected.
            MemoryBoundError: memory for it is at its bound.
        """
        present = self.graph(graph_id)
        condition.check(f"Graph {graph_id}", present.tag)
        if fresh.sha256 == present.sha256:
            return Change(self._as_present(graph_id, fresh), "unchanged", by)
        outgoing = self.versions.outgoing(present.owner, graph_id, fresh.size_bytes, self._used(graph_id))
        graph = msgspec.structs.replace(fresh, id=graph_id, number=present.number + 1)
        return Change(graph, "replaced", by, outgoing)

    def relink(self, graph_id: str, fresh: LoadedGraph) -> None:
        """Let the present version of a graph be what it was compiled to just now."""
        self._index(self._as_present(graph_id, fresh))

    def _as_present(self, graph_id: str, fresh: LoadedGraph) -> LoadedGraph:
        """Return what a graph's present version was compiled to just now, as that version."""
        present = self.graph(graph_id)
        return msgspec.structs.replace(
            fresh, id=graph_id, number=present.number, loaded_at=present.loaded_at, owner=present.owner
        )

    def make(self, change: Change) -> Placement:
        """Make a change that was planned; what it replaces is what it was planned for."""
        graph = change.graph
        if change.outcome == "replaced":
            present = self.graph(graph.id)
            if graph.definition.name != present.definition.name:
                self._remove(self._by_name, present.definition.name, graph.id)
        if change.outcome != "unchanged":
            self.versions.keep(graph.owner, graph.id, change.version, change.outgoing)
        self._index(graph)
        namesakes = () if change.outcome == "unchanged" else tuple(other.id for other in self.namesakes(graph))
        return Placement(graph, change.outcome, namesakes)

    def check_forgetting(self, graph_id: str, condition: Condition) -> LoadedGraph:
        """Return a graph that is to be let go of.

        Raises:
            GraphNotFoundError: there is none with this id.
            PreconditionFailedError: its present version is another than was expected.
        """
        graph = self.graph(graph_id)
        condition.check(f"Graph {graph_id}", graph.tag)
        return graph

    def forget(self, graph_id: str) -> None:
        """Let go of a graph and of all its versions.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        graph = self.graph(graph_id)
        del self._by_id[graph_id]
        self.versions.forget(graph.owner, graph_id)
        self._remove(self._by_owner, graph.owner, graph_id)
        self._remove(self._by_name, graph.definition.name, graph_id)

    def restore(self, graph: LoadedGraph, versions: Sequence[Version[WrittenGraph]]) -> None:
        """Take in a graph that an earlier process has left, with its versions, the present one last."""
        for version in versions:
            self.versions.keep(graph.owner, graph.id, version)
        self._index(graph)

    def _index(self, graph: LoadedGraph) -> None:
        self._by_id[graph.id] = graph
        self._by_owner.setdefault(graph.owner, {})[graph.id] = graph
        self._by_name.setdefault(graph.definition.name, {})[graph.id] = graph

    def _remove(self, index: dict[str, dict[str, LoadedGraph]], key: str, graph_id: str) -> None:
        del index[key][graph_id]
        if not index[key]:
            del index[key]
