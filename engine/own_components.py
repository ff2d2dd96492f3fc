"""The components that owners have registered, each with its versions, and the graphs that follow them.

A graph that names a component follows it: when the component is replaced, the graphs of its owner are compiled
anew with the new version, and if one of them cannot be, nothing is replaced. A graph that names ``id@version``
keeps to the version of which the author says that it is this one. What runs keeps what it began with.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from engine.compile.fingerprint import fingerprint
from engine.compile.loaded_graph import LoadedGraph
from engine.components.definition import memory_of
from engine.components.lookup import base_of
from engine.components.registry import Prepared, Registry
from engine.contracts.component import Component
from engine.cooperative.slices import in_slices
from engine.cooperative.turns import Turns
from engine.documents.problem_report import ProblemReport, numbered
from engine.errors import ComponentBreaksGraphsError, EngineError, InvalidComponentError, InvalidGraphError
from engine.keeping.keeper import Keeper
from engine.keeping.records import (
    MODULE,
    KeptComponent,
    module_key,
    record_of_component,
    record_of_module,
    removal_of_component,
    removal_of_module,
)
from engine.limits import EngineLimits
from engine.loaded_graphs import LoadedGraphs, Outcome
from engine.memory.ledger import Ledger
from engine.versions import Condition, Version, VersionStore
from proto.component import ComponentDefinition
from proto.problem import Problem
from store.protocol import Record, Removal

Recompile = Callable[[LoadedGraph, Component], Awaitable[LoadedGraph]]
"""Compiles a graph anew, with this component in the place of the one of its id.

Raises:
    InvalidGraphError: it does not fit.
"""


class ComponentPlacement(msgspec.Struct, frozen=True):
    """The outcome of a component's coming: its present version, and whether that is a new one."""

    version: Version[Component]
    outcome: Outcome

    @property
    def definition(self) -> ComponentDefinition:
        """The component as it is registered now."""
        return self.version.content.definition


class OwnComponents:
    """All registered components with their versions.

    Args:
        registry: has their present versions.
        graphs: those that may use them.
        turns: of those who change an owner's graphs.
        ledger: charged with them.
        limits: bounds of definitions and versions.
        running: tells the graphs of all executions under way.
        timestamp: the present wall time, ISO 8601 in UTC.
        recompile: compiles a graph that follows a component.
        keeper: lets them outlive the process.
    """

    def __init__(
        self,
        registry: Registry,
        graphs: LoadedGraphs,
        turns: Turns,
        ledger: Ledger,
        limits: EngineLimits,
        running: Callable[[], Iterable[LoadedGraph]],
        timestamp: Callable[[], str],
        recompile: Recompile,
        keeper: Keeper,
    ) -> None:
        self.versions: VersionStore[Component] = VersionStore("components", ledger, limits)
        self._registry = registry
        self._graphs = graphs
        self._ledger = ledger
        self._limits = limits
        self._running = running
        self._timestamp = timestamp
        self._recompile = recompile
        self._turns = turns
        self._keeper = keeper
        self._unmade: dict[tuple[str, str], Sequence[KeptComponent]] = {}  # in the store, and nowhere else

    # Reading

    def pinned(self, owner: str, component_id: str, version: str) -> Component | None:
        """Return the latest version of a component that bears its author's version; None where none does."""
        builtin = self._registry.builtin(component_id)
        if builtin is not None:
            return builtin if builtin.definition.version == version else None
        kept = reversed(self.versions.history(owner, component_id))
        return next((each.content for each in kept if each.content.definition.version == version), None)

    def history(self, owner: str, component_id: str) -> list[Version[Component]]:
        """Return the versions of a component that are kept, oldest first; of a built-in one there are none.

        Raises:
            ComponentNotFoundError: there is none with this id that the owner may use.
        """
        self._registry.definition(component_id, owner)
        return self.versions.history(owner, component_id)

    def users(self, owner: str, component_id: str) -> list[str]:
        """Return the ids of the owner's graphs that use a component, in whatever version."""
        graphs = self._graphs.of(owner)
        return [graph.id for graph in graphs if any(base_of(name) == component_id for name in graph.component_ids)]

    # Changing

    async def register(self, document: Any, owner: str, by: str) -> ComponentDefinition:
        """Take in a component that is not there yet; see :meth:`engine.library.Library.register_component`."""
        size_bytes = await in_slices(memory_of(document, self._limits))
        self._ledger.require(owner, size_bytes)
        prepared = await self._registry.prepare(document, owner, is_new=True)
        component = prepared.component
        sha256 = await in_slices(fingerprint(component.definition))
        async with self._turns.alone(("graphs", owner)):
            self._registry.check_place(component.definition.id, owner)
            self._ledger.require(owner, size_bytes)
            number = self._next_number(owner, component.definition.id)
            version = Version(number, component, sha256, size_bytes, self._timestamp(), by)
            gone = self._removals(owner, component.definition.id, (), component.definition.execution.source_hash)
            await self._keeper.keep([*_records_of(owner, version, prepared.module), *gone])
            self._registry.add(component, owner)
            self._unmade.pop((owner, component.definition.id), None)
            self.versions.keep(owner, component.definition.id, version)
        return component.definition

    async def replace(
        self, component_id: str, document: Any, owner: str, by: str, condition: Condition
    ) -> ComponentPlacement:
        """Make a new version; see :meth:`engine.library.Library.replace_component`."""
        self._registry.check_own(component_id)
        async with self._turns.alone(("component", owner, component_id)):
            present = self.versions.present(owner, component_id)
            condition.check(f"Component {component_id}", None if present is None else present.tag)
            size_bytes = await in_slices(memory_of(document, self._limits))
            prepared = await self._registry.prepare(document, owner, is_new=False)
            component = prepared.component
            if component.definition.id != component_id:
                message = f"The component says that it is {component.definition.id[:100]}, and not {component_id}"
                raise InvalidComponentError([Problem("component.other_id", "id", message)])
            sha256 = await in_slices(fingerprint(component.definition))
            if present is not None and present.sha256 == sha256:
                return ComponentPlacement(present, "unchanged")
            return await self._put(owner, prepared, sha256, size_bytes, by, condition)

    async def roll_back(
        self, component_id: str, number: int, owner: str, by: str, condition: Condition
    ) -> ComponentPlacement:
        """Make a new version that is as an earlier one; see :meth:`engine.library.Library.roll_back_component`."""
        self._registry.check_own(component_id)
        self._registry.definition(component_id, owner)
        async with self._turns.alone(("component", owner, component_id)):
            earlier = self.versions.version(owner, component_id, number)
            again = Prepared(earlier.content, b"")  # its module is kept with the earlier one
            return await self._put(owner, again, earlier.sha256, earlier.size_bytes, by, condition)

    async def _put(
        self, owner: str, prepared: Prepared, sha256: str, size_bytes: int, by: str, condition: Condition
    ) -> ComponentPlacement:
        """Let a component be the present version of its id, with all graphs that follow it, or nothing."""
        component = prepared.component
        component_id = component.definition.id
        async with self._turns.alone(("graphs", owner)):  # none comes and none changes meanwhile
            followed = await self._followed(owner, component)
            present = self.versions.present(owner, component_id)
            condition.check(f"Component {component_id}", None if present is None else present.tag)
            if present is not None and present.sha256 == sha256:
                return ComponentPlacement(present, "unchanged")
            if present is None:
                self._registry.check_place(component_id, owner)
            outgoing = self.versions.outgoing(owner, component_id, size_bytes, self._used(owner, component_id))
            number = self._next_number(owner, component_id)
            version = Version(number, component, sha256, size_bytes, self._timestamp(), by)
            gone = self._removals(owner, component_id, outgoing, component.definition.execution.source_hash)
            await self._keeper.keep([*_records_of(owner, version, prepared.module), *gone])
            self._registry.put(component, owner)
            self._unmade.pop((owner, component_id), None)
            self.versions.keep(owner, component_id, version, outgoing)
            for graph in followed:
                self._graphs.relink(graph.id, graph)
        return ComponentPlacement(version, "created" if present is None else "replaced")

    async def _followed(self, owner: str, component: Component) -> list[LoadedGraph]:
        """Return the owner's graphs that follow a component, compiled with it.

        Raises:
            ComponentBreaksGraphsError: some of them cannot be; says which, and why.
        """
        component_id = component.definition.id
        compiled: list[LoadedGraph] = []
        report = ProblemReport()
        for graph in self._graphs.of(owner):
            if component_id not in graph.component_ids:
                continue
            try:
                fresh = await self._recompile(graph, component)
            except InvalidGraphError as error:
                report.extend(numbered(error.problems, f"graphs[{graph.id}]"))
            else:
                compiled.append(msgspec.structs.replace(fresh, id=graph.id))
        if report:
            raise ComponentBreaksGraphsError(component_id, report.problems())
        return compiled

    def _used(self, owner: str, component_id: str) -> set[int]:
        """Return the numbers of a component's versions that loaded graphs name, or executions run."""
        graphs = [*self._graphs.of(owner), *(graph for graph in self._running() if graph.owner == owner)]
        at_work = {
            id(node.component)
            for graph in graphs
            if any(base_of(name) == component_id for name in graph.component_ids)
            for node in graph.nodes
        }
        return {each.number for each in self.versions.history(owner, component_id) if id(each.content) in at_work}

    async def unregister(self, owner: str, component_id: str, condition: Condition) -> None:
        """Forget a component with all its versions; see :meth:`engine.library.Library.unregister_component`."""
        async with self._turns.alone(("graphs", owner)):  # none that uses it comes meanwhile
            present = self.versions.present(owner, component_id)
            if present is not None:
                condition.check(f"Component {component_id}", present.tag)
            self._registry.check_removal(component_id, self.users(owner, component_id), owner)
            numbers = [each.number for each in self.versions.history(owner, component_id)]
            await self._keeper.keep(self._removals(owner, component_id, numbers))
            self._registry.remove(component_id, owner)
            self._unmade.pop((owner, component_id), None)
            self.versions.forget(owner, component_id)

    def _next_number(self, owner: str, component_id: str) -> int:
        """Return the number of a component's next version: greater than all that memory or the store knows."""
        present = self.versions.present(owner, component_id)
        unmade = self._unmade.get((owner, component_id), ())
        return 1 + max(0 if present is None else present.number, *(kept.number for kept in unmade), 0)

    def _removals(self, owner: str, component_id: str, numbers: Collection[int], used: str = "") -> list[Removal]:
        """Return what goes from the store with versions: they, those that could not be made, and unused modules.

        Args:
            owner: whose they are.
            component_id: what they are versions of.
            numbers: of the versions.
            used: the hash of a module that is needed besides.
        """
        history = self.versions.history(owner, component_id)
        staying = {used, *(_hash_of(each) for each in history if each.number not in numbers)}
        unmade = self._unmade.get((owner, component_id), ())
        going = {_hash_of(each) for each in history if each.number in numbers}
        going = {*going, *map(_kept_hash, unmade)} - staying
        numbers = (*numbers, *(kept.number for kept in unmade))
        return [
            *(removal_of_component(owner, component_id, number) for number in numbers),
            *(removal_of_module(owner, component_id, sha256) for sha256 in sorted(going)),
        ]

    # After a restart

    async def restore(self, owner: str, versions: Sequence[KeptComponent]) -> str:
        """Take in a component that was kept, with its versions, the present one last.

        Versions before the present one that cannot be made any more are left out; they go from the store when
        the component changes. One that was registered meanwhile takes the place of all that is in the store.

        Returns:
            The reason why it cannot be taken in; empty where it was.
        """
        component_id = versions[-1].definition.id
        made: list[Version[Component]] = []
        unmade: list[KeptComponent] = []
        reason = ""
        for kept in versions:
            module = await self._keeper.read(MODULE, owner, module_key(component_id, _kept_hash(kept))) or b""
            try:
                component = (await self._registry.prepare_kept(kept.definition, module, owner)).component
            except EngineError as error:
                reason = str(error) if kept is versions[-1] else ""
                unmade.append(kept)
                continue
            made.append(Version(kept.number, component, kept.sha256, kept.size_bytes, kept.made_at, kept.made_by))
        async with self._turns.alone(("graphs", owner)):
            if self.versions.present(owner, component_id) is not None:
                return ""
            self._unmade[owner, component_id] = versions if reason else unmade
            if not reason:
                for version in made:
                    self.versions.keep(owner, component_id, version)
                self._registry.put(made[-1].content, owner)
        return reason


def _kept_hash(kept: KeptComponent) -> str:
    return kept.definition.execution.source_hash


def _hash_of(version: Version[Component]) -> str:
    return version.content.definition.execution.source_hash


def _records_of(owner: str, version: Version[Component], module: bytes) -> list[Record]:
    """Return what a version of a component is in the store."""
    definition = version.content.definition
    kept = KeptComponent(
        definition=definition,
        number=version.number,
        sha256=version.sha256,
        size_bytes=version.size_bytes,
        made_at=version.made_at,
        made_by=version.made_by,
    )
    sha256 = definition.execution.source_hash
    modules = [record_of_module(owner, definition.id, sha256, module)] if module else []
    return [record_of_component(owner, kept), *modules]
