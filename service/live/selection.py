"""The part of an execution that a subscriber wants to hear: as a client sends it, held against the graph. Pure."""

from collections.abc import Iterator
from typing import Annotated, get_args

import msgspec

from engine.compile.loaded_graph import LoadedGraph
from proto.events import (
    ComponentFailed,
    ComponentInvoked,
    ComponentLogged,
    ControlEvent,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionPaused,
    ExecutionReloaded,
    ExecutionResumed,
    ExecutionStarted,
    MetricsUpdate,
    PortEmit,
    PortOutput,
    StatisticsUpdate,
)
from proto.problem import Problem
from service.live.limits import ID_CHARACTERS, MAX_PER_SECOND, NAMES
from service.problems import InvalidSubscriptionError

CONTROL = frozenset(shape.name for shape in get_args(ControlEvent))
"""Events of what people do to a running execution."""

USUAL = frozenset({PortEmit.name, ComponentInvoked.name, MetricsUpdate.name}) | CONTROL
"""Events that come where a subscriber does not choose (specification, "WebSocket Events"; and ours of control)."""

ON_REQUEST = frozenset({PortOutput.name, ComponentFailed.name, ComponentLogged.name, StatisticsUpdate.name})
"""Events that come only where a subscriber names them."""

LIFECYCLE = frozenset(
    shape.name
    for shape in (
        ExecutionStarted,
        ExecutionPaused,
        ExecutionResumed,
        ExecutionReloaded,
        ExecutionCompleted,
        ExecutionFailed,
    )
)
"""Events that always come; they may be named all the same."""

OF_FLOW = frozenset({PortEmit.name, PortOutput.name, ComponentInvoked.name})
"""Events that the engine only tells while somebody wants them."""


Id = Annotated[str, msgspec.Meta(max_length=ID_CHARACTERS)]
Names = Annotated[tuple[str, ...], msgspec.Meta(max_length=NAMES)]
Edges = Annotated[tuple[str | int, ...], msgspec.Meta(max_length=NAMES)]
Rate = Annotated[int, msgspec.Meta(ge=1, le=MAX_PER_SECOND)]
ValueBytes = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class Subscribe(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The payload of ``execution:subscribe``.

    Attributes:
        execution_id: the execution to watch.
        nodes: only what concerns these nodes; that of a node which uses a graph is what concerns all nodes inside.
        edges: only what travels along these edges, given by their ids or their places in the graph.
        events: only these, and lifecycle events.
        max_per_second: values shown of each edge, and calls of each input port, in a second.
        max_value_bytes: larger values are cut.
        batch: whether events come together in ``events:batch``.
    """

    execution_id: Id
    nodes: Names | None = None
    edges: Edges | None = None
    events: Names | None = None
    max_per_second: Rate | None = None
    max_value_bytes: ValueBytes | None = None
    batch: bool = False


class Selection(msgspec.Struct, frozen=True):
    """The choice of a subscriber. Equal ones share the work of encoding.

    Attributes:
        events: names, apart from lifecycle events.
        nodes: ids; None for all.
        edges: places in the graph's edges; None for all.
        max_per_second: of each edge and of each input port; 0 for no bound.
        max_value_bytes: of one value.
    """

    events: frozenset[str]
    nodes: frozenset[str] | None
    edges: frozenset[int] | None
    max_per_second: int
    max_value_bytes: int

    @property
    def wants_flow(self) -> bool:
        """True where the engine must tell of every hop for it."""
        return not self.events.isdisjoint(OF_FLOW)

    def covers_hop(self, edge: int, source: str, target: str) -> bool:
        """Return whether a value that goes along an edge is wanted."""
        if self.edges is None and self.nodes is None:
            return True
        return (self.edges is not None and edge in self.edges) or (
            self.nodes is not None and (source in self.nodes or target in self.nodes)
        )

    def covers_node(self, node: str) -> bool:
        """Return whether what concerns one node alone is wanted."""
        if self.nodes is None:
            return self.edges is None
        return node in self.nodes


def select(wanted: Subscribe, graph: LoadedGraph | None, *, max_value_bytes: int) -> Selection:
    """Return the selection that a client asks for.

    Args:
        wanted: as the client sent it.
        graph: of the execution; None where it is not loaded any more, so that names cannot be checked.
        max_value_bytes: the most that the service shows of a value.

    Raises:
        InvalidSubscriptionError: with everything that is wrong.
    """
    problems = [*_unknown_events(wanted), *_unknown_nodes(wanted, graph)]
    edges = None if wanted.edges is None else _edges(wanted.edges, graph, problems)
    if problems:
        raise InvalidSubscriptionError(problems[0].message, problems)
    limit = max_value_bytes if wanted.max_value_bytes is None else min(wanted.max_value_bytes, max_value_bytes)
    return Selection(
        events=USUAL if wanted.events is None else frozenset(wanted.events) - LIFECYCLE,
        nodes=None if wanted.nodes is None else frozenset(_with_inner(wanted.nodes, graph)),
        edges=edges,
        max_per_second=wanted.max_per_second or 0,
        max_value_bytes=limit,
    )


def _unknown_events(wanted: Subscribe) -> list[Problem]:
    known = USUAL | ON_REQUEST | LIFECYCLE
    return [
        _problem(f"events[{index}]", f"There is no event {name[:100]!r}; there are {', '.join(sorted(known))}")
        for index, name in enumerate(wanted.events or ())
        if name not in known
    ]


def _unknown_nodes(wanted: Subscribe, graph: LoadedGraph | None) -> list[Problem]:
    if wanted.nodes is None or graph is None:
        return []
    known = {*(node.id for node in graph.nodes), *graph.uses}
    return [
        _problem(f"nodes[{index}]", f"The graph has no node {name[:100]!r}")
        for index, name in enumerate(wanted.nodes)
        if name not in known
    ]


def _with_inner(names: tuple[str, ...], graph: LoadedGraph | None) -> Iterator[str]:
    """Yield nodes, and those inside the graphs that they use."""
    yield from names
    if graph is None or graph.uses.keys().isdisjoint(names):
        return
    uses = tuple(f"{name}/" for name in names if name in graph.uses)
    yield from (node.id for node in graph.nodes if node.id.startswith(uses))


def _edges(
    chosen: tuple[str | int, ...], graph: LoadedGraph | None, problems: list[Problem]
) -> frozenset[int] | None:
    edges = () if graph is None else graph.edges
    named: dict[str | int, list[int]] = {}
    for index, edge in enumerate(edges):
        named.setdefault(edge.id, []).append(index)  # an edge to a graph's port may be several to those inside
    found: set[int] = set()
    for index, name in enumerate(chosen):
        is_place = isinstance(name, int) and 0 <= name < len(edges)
        places = [name] if isinstance(name, int) and is_place else named.get(name, []) if name else []
        if not places:
            shown = name[:100] if isinstance(name, str) else name
            problems.append(_problem(f"edges[{index}]", f"The graph has no edge {shown!r}"))
        else:
            found.update(places)
    return frozenset(found)


def _problem(path: str, message: str) -> Problem:
    return Problem(code="subscription.unknown", path=path, message=message)
