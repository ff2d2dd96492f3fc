"""Components that are neither built in nor registered here: found elsewhere when a graph names them.

The order is the specification's ("Component resolution"): built in, registered, then the source, if the service
has given one. Where the source looks, and who may see what there, is not known here. What it offers passes the
checks of a registration and runs in the sandbox only, like any untrusted code. It is not stored under its
owner, so it is in the way of nothing that is registered later; the graph that named it keeps what it was loaded
with.

What was made of an offer is kept by its revision: a hundred graphs that name one component compile it once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from engine.components.registry import Registry
from engine.contracts.component import Component
from engine.cooperative.turns import Turns
from engine.errors import InvalidComponentError
from engine.limits import EngineLimits
from proto.problem import Problem

TOLD_PROBLEMS = 3
"""Problems named of a component that was found and cannot be used; registering it names them all."""

_PASSING = frozenset({"component.source_unavailable"})
"""Problems that may be gone at the next attempt, so that they are not remembered."""


VERSION_MARK = "@"
"""The mark between a component's id and its version, where a node names both; no id has it."""

Pinned = Callable[[str, str, str], Component | None]
"""Finds a component by its owner, its id and its author's version."""


def base_of(name: str) -> str:
    """Return the id of the component that a node names, with or without a version."""
    return name.partition(VERSION_MARK)[0]


class Offer(msgspec.Struct, frozen=True):
    """A component definition that a source offers.

    Attributes:
        document: decoded JSON, as ``POST /api/components`` takes it.
        revision: differs whenever the document does.
    """

    document: Any
    revision: str


class LookupResult(msgspec.Struct, frozen=True):
    """A source's answer about the components of one graph.

    Attributes:
        offers: definitions of missing components, by id.
        obstacles: why a graph may not use a component, by its id; paths are filled in for each node.
        problems: what speaks against the graph as a whole.
    """

    offers: Mapping[str, Offer] = {}
    obstacles: Mapping[str, Problem] = {}
    problems: tuple[Problem, ...] = ()


class ComponentSource(Protocol):
    """A place where further components come from."""

    async def look_up(self, used: Sequence[str], missing: Sequence[str], owner: str) -> LookupResult:
        """Return what is known of the components that a graph uses.

        Never raises for what is wrong outside: that is an obstacle.

        Args:
            used: ids of all components of the graph, each once.
            missing: those of them that ``owner`` has neither built in nor registered.
            owner: whose graph it is.
        """


class Resolution(msgspec.Struct, frozen=True):
    """The components that a graph may name, by id, and what speaks against their use."""

    components: Mapping[str, Component]
    obstacles: Mapping[str, Problem] = {}
    problems: tuple[Problem, ...] = ()


class Resolver:
    """The finder of graphs' components.

    Args:
        registry: those that are here.
        limits: how many graphs name, and how many found ones are kept.
        pinned: finds the version of an owner's component that a graph names.

    Attributes:
        source: where to look for others; None to look nowhere.
    """

    def __init__(self, registry: Registry, limits: EngineLimits, pinned: Pinned = lambda *_: None) -> None:
        self.source: ComponentSource | None = None
        self._registry = registry
        self._limits = limits
        self._kept: OrderedDict[tuple[str, str], Component | Problem] = OrderedDict()
        self._pinned = pinned
        self._making = Turns()

    async def resolve(self, named: Sequence[str], owner: str) -> Resolution:
        """Find the components that a graph may name.

        Args:
            named: those that it does name, each once; they may be anything.
            owner: whose graph it is.
        """
        here = self._registry.of(owner)
        named = [name for name in named if 0 < len(name) <= self._limits.name_characters]
        pins = self._pins(named, owner)
        if self.source is None or not named:
            return Resolution({**here, **pins})
        used = list(dict.fromkeys(base_of(name) if name in pins else name for name in named))
        findings = await self.source.look_up(used, [name for name in used if name not in here], owner)
        found: dict[str, Component] = {}
        obstacles = dict(findings.obstacles)
        for component_id, offer in findings.offers.items():
            made = await self._made(component_id, offer, owner)
            if isinstance(made, Problem):
                obstacles[component_id] = made
            else:
                found[component_id] = made
        for name in pins:
            if base_of(name) in obstacles:
                obstacles[name] = obstacles[base_of(name)]
        return Resolution({**found, **self._registry.of(owner), **pins}, obstacles, findings.problems)

    def _pins(self, names: Sequence[str], owner: str) -> dict[str, Component]:
        """Return the components of those names that say which version they mean, as far as it is there."""
        pins: dict[str, Component] = {}
        for name in names:
            component_id, at, version = name.partition(VERSION_MARK)
            component = self._pinned(owner, component_id, version) if at else None
            if component is not None:
                pins[name] = component
        return pins

    async def _made(self, component_id: str, offer: Offer, owner: str) -> Component | Problem:
        key = (component_id, offer.revision)
        async with self._making.alone(key):  # those who wait find what the first has made
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                return kept
            made, is_passing = await self._make(component_id, offer, owner)
            if not is_passing:
                self._kept[key] = made
                while len(self._kept) > self._limits.found_components:
                    self._kept.popitem(last=False)
            return made

    async def _make(self, component_id: str, offer: Offer, owner: str) -> tuple[Component | Problem, bool]:
        """Return the component, or why it cannot be used, and whether that may be over soon."""
        try:
            component = await self._registry.make(offer.document, owner)
        except InvalidComponentError as error:
            told = "; ".join(problem.message for problem in error.problems[:TOLD_PROBLEMS])
            message = f"Component {component_id} was found, and cannot be used: {told}"
            is_passing = any(problem.code in _PASSING for problem in error.problems)
            return Problem("node.unusable_component", "", message), is_passing
        if component.definition.id != component_id:
            message = f"Component {component_id} was found, and says that it is {component.definition.id}"
            return Problem("node.unusable_component", "", message), False
        return component, False
