"""The components that owners have registered, each with its versions, and the graphs that follow them.

A graph that names a component follows it: when the component is replaced, the graphs of its owner are compiled
anew with the new version, and if one of them cannot be, nothing is replaced. A graph that names ``id@version``
keeps to the version of which the author says that it is this one. What runs keeps what it began with.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from engine.compile.fingerprint import fingerprint
from engine.compile.loaded_graph import LoadedGraph
from engine.components.definition import memory_of
from engine.components.lookup import base_of
from engine.components.registry import Registry
from engine.contracts.component import Component
from engine.cooperative.slices import in_slices
from engine.cooperative.turns import Turns
from engine.documents.problem_report import ProblemReport, numbered
from engine.errors import ComponentBreaksGraphsError, InvalidComponentError, InvalidGraphError
from engine.limits import EngineLimits
from engine.loaded_graphs import LoadedGraphs, Outcome
from engine.memory.ledger import Ledger
from engine.versions import Condition, Version, VersionStore
from proto.component import ComponentDefinition
from proto.problem import Problem

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
        component = await self._registry.prepare(document, owner, is_new=True)
        sha256 = await in_slices(fingerprint(component.definition))
        self._ledger.require(owner, size_bytes)
        self._registry.add(component, owner)
        version = Version(1, component, sha256, size_bytes, self._timestamp(), by)
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
            component = await self._registry.prepare(document, owner, is_new=False)
            if component.definition.id != component_id:
                message = f"The component says that it is {component.definition.id[:100]}, and not {component_id}"
                raise InvalidComponentError([Problem("component.other_id", "id", message)])
            sha256 = await in_slices(fingerprint(component.definition))
            if present is not None and present.sha256 == sha256:
                return ComponentPlacement(present, "unchanged")
            return await self._put(owner, component, sha256, size_bytes, by, condition)

    async def roll_back(
        self, component_id: str, number: int, owner: str, by: str, condition: Condition
    ) -> ComponentPlacement:
        """Make a new version that is as an earlier one; see :meth:`engine.library.Library.roll_back_component`."""
        self._registry.check_own(component_id)
        self._registry.definition(component_id, owner)
        async with self._turns.alone(("component", owner, component_id)):
            earlier = self.versions.version(owner, component_id, number)
            return await self._put(owner, earlier.content, earlier.sha256, earlier.size_bytes, by, condition)

    async def _put(
        self, owner: str, component: Component, sha256: str, size_bytes: int, by: str, condition: Condition
    ) -> ComponentPlacement:
        """Let a component be the present version of its id, with all graphs that follow it, or nothing."""
        component_id = component.definition.id
        async with self._turns.alone(("graphs", owner)):  # none comes and none changes meanwhile
            followed = await self._followed(owner, component)
            # Nothing is awaited from here on.
            present = self.versions.present(owner, component_id)
            condition.check(f"Component {component_id}", None if present is None else present.tag)
            if present is not None and present.sha256 == sha256:
                return ComponentPlacement(present, "unchanged")
            outgoing = self.versions.outgoing(owner, component_id, size_bytes, self._used(owner, component_id))
            if present is None:
                self._registry.add(component, owner)
            else:
                self._registry.put(component, owner)
            number = 1 if present is None else present.number + 1
            version = Version(number, component, sha256, size_bytes, self._timestamp(), by)
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

    def unregister(self, owner: str, component_id: str, condition: Condition) -> None:
        """Forget a component with all its versions; see :meth:`engine.library.Library.unregister_component`."""
        present = self.versions.present(owner, component_id)
        if present is not None:
            condition.check(f"Component {component_id}", present.tag)
        self._registry.unregister(component_id, self.users(owner, component_id), owner)
        self.versions.forget(owner, component_id)
