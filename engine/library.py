"""All that can be run: the components that are known, and the graphs that are loaded."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from engine.compile.compiler import compile_read, judge, problems_of, read_graph
from engine.compile.fingerprint import document_of
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.parts import GraphSource
from engine.compile.recompose import recompose
from engine.components.lookup import ComponentSource, Resolver, base_of
from engine.components.registry import Registry
from engine.contracts.component import Component
from engine.contracts.surroundings import SameForAll, Vault
from engine.cooperative.slices import in_slices
from engine.cooperative.turns import Turns
from engine.documents.encodable import check_sayable
from engine.documents.problem_report import ProblemReport, numbered, shown
from engine.errors import ComponentNotFoundError, InvalidComponentError, InvalidGraphError, VersionNotFoundError
from engine.graph_finder import GraphFinder
from engine.keeping.keeper import Keeper
from engine.keeping.records import KeptVersion, record_of_version, removal_of_version
from engine.limits import EngineLimits
from engine.loaded_graphs import Change, LoadedGraphs, Placement, WrittenGraph
from engine.memory.ledger import RESERVED_SHARE, Ledger
from engine.own_components import ComponentPlacement, OwnComponents
from engine.quota import Quotas
from engine.restoring import Restoring
from engine.versions import UNCONDITIONAL, Condition, Version
from engine.wall_clock import WallClock
from proto.component import ComponentDefinition
from proto.graph import GraphVerdict
from proto.problem import Problem
from store.protocol import Change as StoreChange


class Library:
    """Components and graphs, each with its owner; the part of a runtime that runs nothing.

    Args:
        registry: the components.
        limits: bounds of definitions, and of what one owner may have.
        clock: the time of day.
        running: tells the graphs of all executions under way; there are none when absent.
        keeper: lets components and graphs outlive the process; they do not when absent.
        vault: the variables and secrets that graphs may name.

    Attributes:
        ledger: of all memory that owners cause, in the engine and around it.
        quotas: of what one owner may have.
        restoring: takes in what an earlier process has left.
        held_versions: tells which versions of a graph are in use beside those of executions under way.
    """

    def __init__(
        self,
        registry: Registry,
        limits: EngineLimits,
        clock: WallClock,
        running: Callable[[], Iterable[LoadedGraph]] = tuple,
        keeper: Keeper | None = None,
        vault: Vault | None = None,
    ) -> None:
        self.limits = limits
        self._keeper = keeper or Keeper(None)
        self._unkept: set[str] = set()
        self.ledger = Ledger(limits.memory_bytes, limits.owner_memory_bytes, reserved_share=RESERVED_SHARE)
        self._registry = registry
        self._source: GraphSource | None = None
        self._clock = clock
        self.vault = vault or SameForAll()
        self.quotas = Quotas(limits)
        self._running = running
        self.held_versions: Callable[[str], set[int]] = lambda _: set()
        self._graphs = LoadedGraphs(self.ledger, self.quotas, limits, self._versions_in_use)
        self._turns = Turns()
        self._own = OwnComponents(
            registry,
            self._graphs,
            self._turns,
            self.ledger,
            limits,
            running,
            clock.timestamp,
            self._recompiled,
            self._keeper,
        )
        self.restoring = Restoring(self._keeper, self._graphs, self._own, self._compiled)
        self._resolver = Resolver(registry, limits, self._own.pinned)

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

    async def register_component(self, document: Any, *, owner: str = "", by: str = "") -> ComponentDefinition:
        """Take in an owner's untrusted component, given as a decoded JSON document; only its owner can use it.

        Raises:
            InvalidComponentError: carries every problem; nothing was stored.
            ComponentExistsError: its id is taken.
            QuotaError: the owner has as many components as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        return await self._own.register(document, owner, by)

    async def replace_component(
        self,
        component_id: str,
        document: Any,
        *,
        owner: str = "",
        by: str = "",
        condition: Condition = UNCONDITIONAL,
    ) -> ComponentPlacement:
        """Make a new version of an owner's component, or the first one; graphs that follow it use it from then on.

        Raises:
            PreconditionFailedError: its present version is another than was expected.
            InvalidComponentError: carries every problem; the present version stays.
            ComponentBreaksGraphsError: a graph that follows it cannot use it; the present version stays.
            ComponentBuiltInError: it is a built-in one.
            QuotaError: it is a new one, and the owner has as many as they may.
            MemoryBoundError: memory for it is at its bound; the present version stays.
        """
        return await self._own.replace(component_id, document, owner, by, condition)

    async def roll_back_component(
        self,
        component_id: str,
        number: int,
        *,
        owner: str = "",
        by: str = "",
        condition: Condition = UNCONDITIONAL,
    ) -> ComponentPlacement:
        """Make a new version of a component that is as an earlier one was.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
            VersionNotFoundError: the earlier one is not kept.
            EngineError: as :meth:`replace_component`.
        """
        return await self._own.roll_back(component_id, number, owner, by, condition)

    def component_versions(self, component_id: str, *, owner: str = "") -> list[Version[Component]]:
        """Return the versions of a component that are kept, oldest first; of a built-in one there are none.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
        """
        return self._own.history(owner, component_id)

    def component_version(self, component_id: str, version: int | str | None, *, owner: str = "") -> Component:
        """Return one version of a component as it can run.

        Args:
            component_id: the component.
            version: its number, or what its author calls it; the present one where it is None.
            owner: who uses it.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
            VersionNotFoundError: the version is not kept.
        """
        here = self._registry.of(owner)
        present = here.get(component_id)
        if present is None:
            raise ComponentNotFoundError(component_id)
        history = self._own.history(owner, component_id)
        if version is None or (not history and version == present.definition.version):
            return present
        wanted = int(version) if isinstance(version, str) and version.isdecimal() else version
        for each in reversed(history):
            if version == each.content.definition.version or wanted == each.number:
                return each.content
        raise VersionNotFoundError(component_id, version, [each.number for each in history])

    def number_of(self, component: Component, owner: str) -> int | None:
        """Return the number of a component's version; None of a built-in one, or where it is not kept."""
        history = self._own.versions.history(owner, component.definition.id)
        return next((each.number for each in reversed(history) if each.content is component), None)

    async def unregister_component(
        self, component_id: str, *, owner: str = "", condition: Condition = UNCONDITIONAL
    ) -> None:
        """Forget a registered component with all its versions.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
            ComponentBuiltInError: it is a built-in one.
            ComponentInUseError: a loaded graph of the owner uses it.
            PreconditionFailedError: its present version is another than was expected.
            NotKeptError: the store fails; it stays.
        """
        await self._own.unregister(owner, component_id, condition)

    def _versions_in_use(self, graph_id: str) -> set[int]:
        """Return the numbers of a graph's versions that executions under way have begun with."""
        running = {graph.number for graph in self._running() if graph.id == graph_id}
        return running | self.held_versions(graph_id)

    def find_components_in(self, source: ComponentSource | None) -> None:
        """Look there from now on for components that are neither built in nor registered; None looks nowhere."""
        self._resolver.source = source

    def find_graphs_in(self, source: GraphSource | None) -> None:
        """Look there from now on for graphs that others name and that are not loaded; None looks nowhere."""
        self._source = source

    # Graphs

    async def check_graph(self, document: Any, *, owner: str = "") -> tuple[Problem, ...]:
        """Return everything that is wrong with a graph, given as a decoded JSON document; nothing is stored."""
        if unsayable := await in_slices(check_sayable(document, "graph.unsayable")):
            return tuple(unsayable)
        read = await read_graph(document, self.limits, self._finder(owner))
        found = await self._resolver.resolve(read.component_ids, owner)
        return tuple(await problems_of(read, found.components, self.limits, found, self.vault.of(owner)))

    async def judge_graph(self, document: Any, *, owner: str = "") -> GraphVerdict:
        """Return everything that is to be said of a graph, given as a decoded JSON document; nothing is stored."""
        if unsayable := await in_slices(check_sayable(document, "graph.unsayable")):
            return GraphVerdict(valid=False, errors=tuple(unsayable))
        read = await read_graph(document, self.limits, self._finder(owner))
        found = await self._resolver.resolve(read.component_ids, owner)
        errors, warnings = await judge(read, found.components, self.limits, found, self.vault.of(owner))
        return GraphVerdict(not errors, tuple(errors), tuple(warnings))

    async def load_graph(
        self, document: Any, *, owner: str = "", by: str = "", is_kept: bool = True
    ) -> LoadedGraph:
        """Take in a graph, given as a decoded JSON document; its executions belong to the same owner.

        Args:
            document: decoded JSON.
            owner: whose it is.
            by: who does it, for its history.
            is_kept: whether it is to outlive the process, where it may; not so what comes again by itself.

        Raises:
            InvalidGraphError: carries every problem; nothing was stored.
            QuotaError: the owner has as many graphs as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        return (await self._placed_new(document, owner, by, UNCONDITIONAL, is_kept=is_kept)).graph

    async def place_graph(
        self,
        document: Any,
        *,
        owner: str = "",
        by: str = "",
        replace: bool = False,
        condition: Condition = UNCONDITIONAL,
    ) -> Placement:
        """Take in a graph as :meth:`load_graph` does, or as a new version of the owner's graph of its name.

        Args:
            document: decoded JSON.
            owner: whose it is.
            by: who does it.
            replace: whether it takes the place of the one that has its name, if one has.
            condition: what must be so of that one.

        Raises:
            InvalidGraphError: carries every problem; nothing was stored.
            PreconditionFailedError: the one that has its name is another than was expected, or there is one.
            NameAmbiguousError: several have it, so none can be replaced.
            QuotaError: the owner has as many graphs as they may.
            MemoryBoundError: memory for it is at its bound.
        """
        if not replace:
            return await self._placed_new(document, owner, by, condition)
        async with self._turns.alone((owner, _name_in(document))):
            graph = await self._compiled(document, owner)
            return await self._made(graph, lambda fresh: self._graphs.plan(fresh, condition, by, replace=True))

    async def _placed_new(
        self, document: Any, owner: str, by: str, condition: Condition, *, is_kept: bool = True
    ) -> Placement:
        self._graphs.check_quota(owner)
        graph = await self._compiled(document, owner)
        return await self._made(
            graph, lambda fresh: self._graphs.plan(fresh, condition, by, replace=False), is_kept=is_kept
        )

    async def _made(
        self, graph: LoadedGraph, plan: Callable[[LoadedGraph], Change], *, is_kept: bool = True
    ) -> Placement:
        """Make a change of an owner's graphs when it is on disk; no other of theirs comes between."""
        async with self._turns.alone(("graphs", graph.owner)):
            change = plan(await self._fresh(graph))
            if is_kept and change.graph.id not in self._unkept:
                await self._keeper.keep(_records_of(change))
            placement = self._graphs.make(change)
            if not is_kept:
                self._unkept.add(placement.graph.id)
            return placement

    async def replace_graph(
        self, graph_id: str, document: Any, *, by: str = "", condition: Condition = UNCONDITIONAL
    ) -> Placement:
        """Make a new version of a graph, given as a decoded JSON document; who asks first is served first.

        What was written as the present version was makes no new one.

        Raises:
            GraphNotFoundError: there is none with this id.
            PreconditionFailedError: its present version is another than was expected.
            InvalidGraphError: carries every problem; the present version stays.
            MemoryBoundError: memory for it is at its bound; the present version stays.
        """
        async with self._turns.alone(graph_id):
            present = self.graph(graph_id)
            condition.check(f"Graph {graph_id}", present.tag)  # before anything is compiled for nothing
            compiled = await self._compiled(document, present.owner)
            return await self._made(
                compiled, lambda fresh: self._graphs.plan_replacement(graph_id, fresh, condition, by)
            )

    async def compiled_version(self, graph_id: str, number: int | None = None) -> LoadedGraph:
        """Return a version of a graph as it can run: the present one where no number is given.

        An earlier one is compiled anew, with the components and the graphs inside it that there are now.

        Raises:
            GraphNotFoundError: there is none with this id.
            VersionNotFoundError: it has no such version, or not any more.
            InvalidGraphError: an earlier one cannot be compiled any more.
        """
        present = self.graph(graph_id)
        if number is None or number == present.number:
            return present
        written = self.graph_version(graph_id, number).content
        document = await in_slices(document_of(written.definition))
        compiled = await self._compiled(document, present.owner)
        return msgspec.structs.replace(compiled, id=graph_id, number=number)

    async def variant(self, graph_id: str, number: int | None, documents: Sequence[Any]) -> LoadedGraph:
        """Return a version of a graph as it can run, with components of which nobody else hears.

        Args:
            graph_id: the graph.
            number: of the version; the present one when absent.
            documents: definitions, each in the place of the component of its id.

        Raises:
            InvalidComponentError: one of them is none, or is one that no node uses.
            EngineError: as :meth:`compiled_version`.
        """
        graph = await self.compiled_version(graph_id, number)
        components: dict[str, Component] = {}
        names = dict.fromkeys(node.definition.component for node in graph.nodes)
        for document in documents:
            component = await self._registry.make(document, graph.owner)
            users = [name for name in names if base_of(name) == component.definition.id]
            if not users:
                message = f"No node of the graph is a use of {shown(component.definition.id)}"
                raise InvalidComponentError([Problem("component.unused", "components", message)])
            components.update(dict.fromkeys(users, component))
        if not components:
            return graph
        surroundings = self.vault.of(graph.owner)
        return await recompose(graph, components, {}, self.limits, self._clock.timestamp, surroundings)

    async def roll_back_graph(
        self, graph_id: str, number: int, *, by: str = "", condition: Condition = UNCONDITIONAL
    ) -> Placement:
        """Make a new version of a graph that is written as an earlier one was; it is checked anew.

        Raises:
            VersionNotFoundError: the earlier one is not kept.
            EngineError: as :meth:`replace_graph`.
        """
        written = self.graph_version(graph_id, number).content
        document = await in_slices(document_of(written.definition))
        return await self.replace_graph(graph_id, document, by=by, condition=condition)

    async def load_graphs(self, documents: Sequence[Any], *, owner: str = "", by: str = "") -> list[LoadedGraph]:
        """Take in several graphs, or none of them; as :meth:`load_graph`.

        Raises:
            InvalidGraphError: carries every problem, its path behind ``graphs[<index>].``; nothing was stored.
            QuotaError: the owner would have more graphs than they may; nothing was stored.
            MemoryBoundError: memory for them is at its bound; nothing was stored.
        """
        self._graphs.check_quota(owner, len(documents))
        graphs: list[LoadedGraph] = []
        report = ProblemReport()
        for index, document in enumerate(documents):
            try:
                graphs.append(await self._compiled(document, owner))
            except InvalidGraphError as error:
                report.extend(numbered(error.problems, f"graphs[{index}]"))
        if report:
            raise InvalidGraphError(report.problems())
        async with self._turns.alone(("graphs", owner)):
            graphs = [await self._fresh(graph) for graph in graphs]
            changes = self._graphs.plan_new(graphs, by)
            await self._keeper.keep([record for change in changes for record in _records_of(change)])
            for change in changes:
                self._graphs.make(change)
        return graphs

    async def _compiled(self, document: Any, owner: str) -> LoadedGraph:
        if unsayable := await in_slices(check_sayable(document, "graph.unsayable")):
            raise InvalidGraphError(unsayable)
        return await self._linked(document, owner)

    async def _fresh(self, graph: LoadedGraph) -> LoadedGraph:
        """Return a graph that was just compiled; anew where a component of it was replaced since it began."""
        here = self._registry.of(graph.owner)
        if all(here.get(node.definition.component, node.component) is node.component for node in graph.nodes):
            return graph
        fresh = await self._linked(await in_slices(document_of(graph.definition)), graph.owner)
        return msgspec.structs.replace(fresh, id=graph.id)

    async def _recompiled(self, graph: LoadedGraph, component: Component) -> LoadedGraph:
        """Compile a graph anew, with this component in the place of the one of its id."""
        document = await in_slices(document_of(graph.definition))
        return await self._linked(document, graph.owner, component)

    async def _linked(self, document: Any, owner: str, component: Component | None = None) -> LoadedGraph:
        read = await read_graph(document, self.limits, self._finder(owner))
        found = await self._resolver.resolve(read.component_ids, owner)
        components = dict(found.components)
        if component is not None:
            components[component.definition.id] = component
        return await compile_read(
            read,
            components,
            self.limits,
            self._clock.timestamp,
            owner,
            found=found,
            surroundings=self.vault.of(owner),
        )

    def _finder(self, owner: str) -> GraphFinder:
        return GraphFinder(self._graphs, self._source, owner)

    def graphs(self, *, owner: str | None = None) -> list[LoadedGraph]:
        """All loaded graphs, or those of one owner, oldest first."""
        return self._graphs.of(owner)

    def graphs_named(self, name: str) -> list[LoadedGraph]:
        """Return the loaded graphs of a name, oldest first; they may belong to different owners."""
        return self._graphs.named(name)

    def builtin(self, component_id: str) -> Component:
        """Return a built-in component, for what is evaluated beside graphs.

        Raises:
            ComponentNotFoundError: there is none with this id.
        """
        found = self._registry.builtin(component_id)
        if found is None:
            raise ComponentNotFoundError(component_id)
        return found

    def graph(self, graph_id: str) -> LoadedGraph:
        """One loaded graph, in its present version.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        return self._graphs.graph(graph_id)

    def graph_versions(self, graph_id: str) -> list[Version[WrittenGraph]]:
        """Return the versions of a graph that are kept, oldest first; the last one is the present one.

        Raises:
            GraphNotFoundError: there is none with this id.
        """
        return self._graphs.versions.history(self.graph(graph_id).owner, graph_id)

    def graph_version(self, graph_id: str, number: int | None = None) -> Version[WrittenGraph]:
        """Return one version of a graph, the present one where no number is given.

        Raises:
            GraphNotFoundError: there is none with this id.
            VersionNotFoundError: it has no such version, or not any more.
        """
        graph = self.graph(graph_id)
        number = graph.number if number is None else number
        return self._graphs.versions.version(graph.owner, graph_id, number)

    def is_kept(self, graph_id: str) -> bool:
        """Return whether a graph outlives the process, where there is a store."""
        return graph_id not in self._unkept

    async def graph_in_version(self, graph_id: str, number: int) -> LoadedGraph:
        """Return a graph in one of its versions; one that is not the present one is compiled anew.

        Raises:
            GraphNotFoundError: there is none with this id.
            VersionNotFoundError: it has no such version, or not any more.
            InvalidGraphError: it can be compiled no more, as where a component is gone.
        """
        present = self.graph(graph_id)
        if present.number == number:
            return present
        version = self.graph_version(graph_id, number)
        compiled = await self._compiled(await in_slices(document_of(version.content.definition)), present.owner)
        return msgspec.structs.replace(
            compiled, id=graph_id, number=number, loaded_at=version.made_at, sha256=version.sha256
        )

    async def forget_graph(self, graph_id: str, condition: Condition = UNCONDITIONAL) -> None:
        """Forget a graph and all its versions; its executions go on until the runtime stops them.

        Raises:
            GraphNotFoundError: there is none with this id.
            PreconditionFailedError: its present version is another than was expected.
            NotKeptError: the store fails; it stays.
        """
        owner = self.graph(graph_id).owner
        async with self._turns.alone(("graphs", owner)):
            self._graphs.check_forgetting(graph_id, condition)
            if graph_id not in self._unkept:
                versions = self._graphs.versions.history(owner, graph_id)
                await self._keeper.keep([removal_of_version(owner, graph_id, each.number) for each in versions])
            self._graphs.forget(graph_id)
            self._unkept.discard(graph_id)


def _name_in(document: Any) -> str:
    """Return the name that a document gives its graph; "" where it gives none."""
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) else ""


def _records_of(change: Change) -> list[StoreChange]:
    """Return what a change of graphs is in the store."""
    graph = change.graph
    if change.outcome == "unchanged":
        return []
    made = change.version
    kept = KeptVersion(
        definition=made.content.definition,
        topology=made.content.topology,
        edge_count=made.content.edge_count,
        uses=dict(made.content.uses),
        number=made.number,
        sha256=made.sha256,
        size_bytes=made.size_bytes,
        made_at=made.made_at,
        made_by=made.made_by,
    )
    gone = [removal_of_version(graph.owner, graph.id, number) for number in change.outgoing]
    return [record_of_version(graph.owner, graph.id, kept), *gone]
