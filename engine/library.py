"""All that can be run: the components that are known, and the graphs that are loaded."""

from collections.abc import Sequence
from typing import Any

from engine.compile.compiler import compile_graph, find_problems
from engine.compile.loaded_graph import LoadedGraph
from engine.components.definition import memory_of
from engine.components.lookup import ComponentSource, Resolver
from engine.components.registry import Registry
from engine.cooperative.slices import in_slices
from engine.documents.encodable import check_sayable
from engine.documents.problem_report import ProblemReport, numbered
from engine.errors import GraphNotFoundError, InvalidGraphError
from engine.limits import EngineLimits
from engine.memory.ledger import RESERVED_SHARE, Account, Kind, Ledger
from engine.quota import Quotas
from engine.wall_clock import WallClock
from proto.component import ComponentDefinition
from proto.problem import Problem


class Library:
    """Components and graphs, each with its owner; the part of a runtime that runs nothing.

    Args:
        registry: the components.
        limits: bounds of definitions, and of what one owner may have.
        clock: the time of day.

    Attributes:
        ledger: of all memory that owners cause, in the engine and around it.
        quotas: of what one owner may have.
    """

    def __init__(self, registry: Registry, limits: EngineLimits, clock: WallClock) -> None:
        self.limits = limits
        self.ledger = Ledger(limits.memory_bytes, limits.owner_memory_bytes, reserved_share=RESERVED_SHARE)
        self._registry = registry
        self._resolver = Resolver(registry, limits)
        self._clock = clock
        self._graphs: dict[str, LoadedGraph] = {}
        self._graphs_by_owner: dict[str, dict[str, LoadedGraph]] = {}
        self._graphs_by_name: dict[str, dict[str, LoadedGraph]] = {}
        self.quotas = Quotas(limits)
        self._accounts: dict[tuple[Kind, str, str], Account] = {}

    # Components

    def components(self, *, owner: str = "") -> list[ComponentDefinition]:
        """All components that an owner may use, the built-in ones first."""
        return [component.definition for component in self._registry.of(owner).values()]

    def component(self, component_id: str, *, owner: str = "") -> ComponentDefinition:
        """One component.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
        """
        return self._registry.definition(component_id, owner)

    async def register_component(self, document: Any, *, owner: str = "") -> ComponentDefinition:
        """Take in an owner's untrusted component, given as a decoded JSON document; only its owner can use it.

        Raises:
            InvalidComponentError: carries every problem; nothing was stored.
            ComponentExistsError: its id is taken.
            QuotaError: the owner has as many components as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        size_bytes = await in_slices(memory_of(document, self.limits))
        self.ledger.require(owner, size_bytes)
        definition = await self._registry.register(document, owner)
        self._charge("components", owner, definition.id, size_bytes)
        return definition

    def unregister_component(self, component_id: str, *, owner: str = "") -> None:
        """Forget a registered component.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
            ComponentBuiltInError: it is a built-in one.
            ComponentInUseError: a loaded graph of the owner uses it.
        """
        graphs = self._graphs_by_owner.get(owner, {}).values()
        users = [graph.id for graph in graphs if component_id in graph.component_ids]
        self._registry.unregister(component_id, users, owner)
        self._release("components", owner, component_id)

    def find_components_in(self, source: ComponentSource | None) -> None:
        """Look there from now on for components that are neither built in nor registered; None looks nowhere."""
        self._resolver.source = source

    # Graphs

    async def check_graph(self, document: Any, *, owner: str = "") -> tuple[Problem, ...]:
        """Return everything that is wrong with a graph, given as a decoded JSON document; nothing is stored."""
        if unsayable := await in_slices(check_sayable(document, "graph.unsayable")):
            return tuple(unsayable)
        found = await self._resolver.resolve(document, owner)
        _, problems = await find_problems(document, found.components, self.limits, found)
        return tuple(problems)

    async def load_graph(self, document: Any, *, owner: str = "") -> LoadedGraph:
        """Take in a graph, given as a decoded JSON document; its executions belong to the same owner.

        Raises:
            InvalidGraphError: carries every problem; nothing was stored.
            QuotaError: the owner has as many graphs as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        self.quotas.check_graphs(self._graphs_of(owner))
        graph = await self._compiled(document, owner)
        self.quotas.check_graphs(self._graphs_of(owner))  # others may have come while it was being checked
        self.ledger.require(owner, graph.size_bytes)
        self._keep(graph)
        return graph

    async def load_graphs(self, documents: Sequence[Any], *, owner: str = "") -> list[LoadedGraph]:
        """Take in several graphs, or none of them; as :meth:`load_graph`.

        Raises:
            InvalidGraphError: carries every problem, its path behind ``graphs[<index>].``; nothing was stored.
            QuotaError: the owner would have more graphs than they may; nothing was stored.
            MemoryBoundError: memory for them is at its bound; nothing was stored.
        """
        self.quotas.check_graphs(self._graphs_of(owner), len(documents))
        graphs: list[LoadedGraph] = []
        report = ProblemReport()
        for index, document in enumerate(documents):
            try:
                graphs.append(await self._compiled(document, owner))
            except InvalidGraphError as error:
                report.extend(numbered(error.problems, f"graphs[{index}]"))
        if report:
            raise InvalidGraphError(report.problems())
        self.quotas.check_graphs(self._graphs_of(owner), len(documents))  # others may have come meanwhile
        self.ledger.require(owner, sum(graph.size_bytes for graph in graphs))
        for graph in graphs:
            self._keep(graph)
        return graphs

    async def _compiled(self, document: Any, owner: str) -> LoadedGraph:
        if unsayable := await in_slices(check_sayable(document, "graph.unsayable")):
            raise InvalidGraphError(unsayable)
        found = await self._resolver.resolve(document, owner)
        return await compile_graph(
            document, found.components, self.limits, self._clock.timestamp, owner, found=found
        )

    def _graphs_of(self, owner: str) -> int:
        return len(self._graphs_by_owner.get(owner, ()))

    def graphs(self, *, owner: str | None = None) -> list[LoadedGraph]:
        """All loaded graphs, or those of one owner, oldest first."""
        return list((self._graphs if owner is None else self._graphs_by_owner.get(owner, {})).values())

    def graphs_named(self, name: str) -> list[LoadedGraph]:
        """Return the loaded graphs of a name, oldest first; they may belong to different owners."""
        return list(self._graphs_by_name.get(name, {}).values())

    def graph(self, graph_id: str) -> LoadedGraph:
        """One loaded graph.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        graph = self._graphs.get(graph_id)
        if graph is None:
            raise GraphNotFoundError(graph_id)
        return graph

    def _keep(self, graph: LoadedGraph) -> None:
        self._charge("graphs", graph.owner, graph.id, graph.size_bytes)
        self._graphs[graph.id] = graph
        self._graphs_by_owner.setdefault(graph.owner, {})[graph.id] = graph
        self._graphs_by_name.setdefault(graph.definition.name, {})[graph.id] = graph

    def forget_graph(self, graph_id: str) -> None:
        """Forget a graph; its executions go on until the runtime stops them.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        graph = self.graph(graph_id)
        del self._graphs[graph_id]
        self._release("graphs", graph.owner, graph_id)
        for index, key in ((self._graphs_by_owner, graph.owner), (self._graphs_by_name, graph.definition.name)):
            del index[key][graph_id]
            if not index[key]:
                del index[key]

    def _charge(self, kind: Kind, owner: str, name: str, size_bytes: int) -> None:
        account = self._accounts[kind, owner, name] = self.ledger.account(owner)
        account.note(size_bytes, kind)

    def _release(self, kind: Kind, owner: str, name: str) -> None:
        self._accounts.pop((kind, owner, name)).close()
