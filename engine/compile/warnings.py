"""Warnings of graphs: nodes that nothing reaches, ports that lead nowhere, and what else may not be meant. Pure.

A warning refuses nothing. It is given where a graph that runs would lose something in silence, and where its
author has said nothing that shows it is meant.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from engine.compile.flat_graph import FlatGraph
from engine.compile.ingress import ingress_of, is_declared
from engine.compile.parameter_warnings import doubts_about
from engine.compile.unfolding import SEPARATOR
from engine.compile.validation import CheckedGraph
from engine.contracts.component import Builtin, Component, is_source
from engine.cooperative.slices import Steps, paced
from engine.documents.problem_report import ProblemReport, listed, shown
from proto.binding import Bindings
from proto.component import ERROR_PORT
from proto.graph import Edge, Node

_BESIDE = frozenset(
    {
        ("symbia.core.filter", "rejected"),
        ("symbia.core.gather", "incomplete"),
        ("symbia.logic.filter", "fail"),
        ("symbia.state.latest", "snapshot"),
        ("symbia.state.join", "pending"),
    }
)
"""Output ports of built-in components that may well lead nowhere: leaving them alone is how these are used."""

_IMPORTED = "nodered."
_OF_IMPORTED = frozenset({"complete", "context", "status"})
"""Output ports that every component of an imported graph has beside its own, for the few nodes that listen."""


def find_warnings(
    draft: FlatGraph,
    checked: CheckedGraph,
    components: Mapping[str, Component],
    bindings: Bindings,
    *,
    is_long_lived: bool,
) -> Steps[ProblemReport]:
    """Return the warnings of a graph without problems.

    Args:
        draft: as ``flatten`` made it.
        checked: what ``check_graph`` looked up.
        components: the known components, by id.
        bindings: of the graph to the Network.
        is_long_lived: whether its executions go on after an error.
    """
    report = ProblemReport()
    definition = draft.definition
    found = tuple(
        f"{path}{SEPARATOR}" for path, named in draft.uses.items() if named
    )  # whose authors are told there
    written = zip(draft.node_paths, definition.nodes, draft.scope_of, strict=True)
    ours = tuple((path, node, scope) for path, node, scope in written if not node.id.startswith(found))
    nodes = tuple((path, node) for path, node, _ in ours)
    left = yield from _left_ports(draft, bindings)
    entries = _entries(draft, components, bindings)
    unreached = (yield from _unreached(entries, definition.nodes, definition.edges)) if entries else set()
    apart = set() if entries else _unconnected(definition.nodes, definition.edges)
    losing: list[tuple[str, str]] = []
    for (path, node), is_due in paced(nodes):
        if node.id in unreached:
            message = f"Nothing reaches node {shown(node.id)}: messages enter at {listed(sorted(entries))}"
            report.note("node.unreachable", path, f"{message}, and no edges lead on from there to it")
        elif node.id in apart:
            message = f"Node {shown(node.id)} has no edges: nothing reaches it but what is injected there"
            report.note("node.unconnected", path, f"{message}; connect it, or take it out")
        component = components[node.component]
        for port in _lost(node, component, checked, left[node.id]):
            message = (
                f"Output port {shown(port)} of node {shown(node.id)} leads nowhere, and others of its ports do"
            )
            report.note(
                "port.unconnected", path, f"{message} not; connect it, or leave it as a result of the graph"
            )
        if is_long_lived and _loses_errors(node, component, left[node.id]):
            losing.append((path, node.id))
        if node.on_error != "retry" and node.retry != type(node.retry)():
            message = f"Node {shown(node.id)} says how to retry, and does not: that needs onError: retry"
            report.note("node.retry_unused", f"{path}.retry", message)
        if is_due:
            yield
    if losing:
        names = listed(name for _, name in losing)
        message = f"This graph is long-lived, so errors of these nodes are counted and lost: {names}"
        where = losing[0][0] if len(losing) == 1 else "nodes"
        report.note("node.errors_lost", where, f"{message}; connect their port {ERROR_PORT}, or say onError")
    for doubt in (yield from doubts_about(ours, draft.scopes)):
        report.note(doubt.code, doubt.path, doubt.message)
    return report


def _left_ports(draft: FlatGraph, bindings: Bindings) -> Steps[dict[str, set[str]]]:
    """Return the output ports of each node by which values leave it."""
    left: dict[str, set[str]] = defaultdict(set)
    for edge, is_due in paced(draft.definition.edges):
        left[edge.source.node].add(edge.source.port)
        if is_due:
            yield
    for (use, _), ends in draft.outputs.items():
        for end in ends if not use else ():
            left[end.node].add(end.port)
    for binding in bindings.outputs:
        left[binding.node].add(binding.port)
    return left


def _entries(draft: FlatGraph, components: Mapping[str, Component], bindings: Bindings) -> set[str]:
    """Return the nodes where messages enter, as the graph declares it; none where anything may be injected."""
    metadata = draft.definition.metadata
    entries = {binding.node for binding in bindings.inputs}
    if is_declared(metadata):
        ingress = ingress_of(metadata)
        entries.update(end.node for end in draft.inputs.get((ingress.node, ingress.port), ()))
        entries |= {ingress.node} - {*draft.uses, ""}
    entries.update(end.node for (use, _), ends in draft.inputs.items() if not use for end in ends)
    return entries | {node.id for node in draft.definition.nodes if is_source(components[node.component])}


def _unreached(entries: set[str], nodes: Sequence[Node], edges: Sequence[Edge]) -> Steps[set[str]]:
    onwards: dict[str, list[str]] = defaultdict(list)
    for edge, is_due in paced(edges):
        onwards[edge.source.node].append(edge.target.node)
        if is_due:
            yield
    reached = set(entries)
    waiting = list(entries)
    while waiting:
        following = [each for each in onwards[waiting.pop()] if each not in reached]
        reached.update(following)
        waiting += set(following)
        yield
    return {node.id for node in nodes} - reached


def _unconnected(nodes: Sequence[Node], edges: Sequence[Edge]) -> set[str]:
    if len(nodes) == 1:
        return set()
    return {node.id for node in nodes} - {end.node for edge in edges for end in (edge.source, edge.target)}


def _lost(node: Node, component: Component, checked: CheckedGraph, connected: set[str]) -> Iterator[str]:
    """Yield the output ports that lead nowhere, where another one of the node leads on."""
    connected = connected - {ERROR_PORT}
    if not connected:
        return  # an end of the graph: its values are results
    if isinstance(component, Builtin) and component.twins is not None and connected & set(component.twins):
        connected |= set(component.twins)
    for port in checked.ports[node.id].outputs:
        is_beside = (node.component, port) in _BESIDE or (
            port in _OF_IMPORTED and node.component.startswith(_IMPORTED)
        )
        if port != ERROR_PORT and port not in connected and not is_beside:
            yield port


def _loses_errors(node: Node, component: Component, connected: set[str]) -> bool:
    """Return whether a node that can fail says nothing of its errors."""
    if node.on_error is not None or ERROR_PORT in connected:
        return False
    declares = any(port.name == ERROR_PORT for port in component.definition.ports.outputs)
    return declares or component.definition.execution.type != "builtin"
