"""The plan of a reload: the differences between two graphs, and what they mean for an execution. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.compile.template import FilledGraph
from engine.documents.problem_report import ProblemReport, listed, shown
from proto.graph import Edge
from proto.reload import CanaryTerms, Consistency, PlannedNode, ReloadPlan


class Composition(msgspec.Struct, frozen=True):
    """A graph with the values that one execution fills in."""

    graph: LoadedGraph
    values: FilledGraph

    def node(self, node_id: str) -> CompiledNode | None:
        """Return a node by its path, if there is one."""
        return self.graph.node(node_id)

    def config(self, node: CompiledNode) -> Mapping[str, object]:
        """Return what a node is configured with in this execution, but for the defaults of its component."""
        return self.values.configs.get(node.index, node.config)


class NodeFacts(msgspec.Struct, frozen=True):
    """The present burden of one node.

    Attributes:
        keys: that it keeps by ``setState``.
        held: messages that its handler holds.
        waiting: messages that wait before it, by the name of their input port.
    """

    keys: int = 0
    held: int = 0
    waiting: Mapping[str, int] = {}


NO_FACTS = NodeFacts()


def differences(before: Composition, after: Composition, old: CompiledNode, new: CompiledNode) -> tuple[str, ...]:
    """Return what a node's handler must be made anew for, in words; nothing where it stays."""
    return tuple(_differences(before, after, old, new))


def _differences(before: Composition, after: Composition, old: CompiledNode, new: CompiledNode) -> Iterator[str]:
    if old.definition.component != new.definition.component and _base(old) != _base(new):
        yield "another component"
    elif old.component is not new.component:
        yield "another version of its component"
    if before.config(old) != after.config(new):
        yield "its configuration"
    elif before.values.param_of(old.index) != after.values.param_of(new.index):
        yield "the parameters"
    if old.definition.concurrency != new.definition.concurrency:
        yield "its concurrency"
    if (old.schemas is None) != (new.schemas is None):
        yield "whether its values are checked"
    if old.inputs != new.inputs or old.outputs != new.outputs:
        yield "its ports"


def does_same_work(old: CompiledNode, new: CompiledNode) -> bool:
    """Return whether two nodes are uses of one component, so that what one keeps may be the other's."""
    return _base(old) == _base(new)


def _base(node: CompiledNode) -> str:
    return node.component.definition.id


def edge_keys(edges: Sequence[Edge]) -> list[tuple[str, str, int]]:
    """Return what tells each edge from the others: its ends, and which of those between them it is."""
    seen: Counter[tuple[str, str]] = Counter()
    keys = []
    for edge in edges:
        ends = str(edge.source), str(edge.target)
        keys.append((*ends, seen[ends]))
        seen[ends] += 1
    return keys


def make_plan(
    before: Composition,
    after: Composition,
    facts: Mapping[str, NodeFacts],
    *,
    revision: int,
    consistency: Consistency,
    queues: Mapping[str, str],
    canary: CanaryTerms | None,
) -> ReloadPlan:
    """Return what a reload would do.

    Args:
        before: what the execution runs.
        after: what it is to run.
        facts: of its nodes at this moment, by their paths.
        revision: that it would have.
        consistency: what may be seen while it changes.
        queues: the edges that are handed what waits before removed nodes.
        canary: the terms of a trial, if there is to be one.
    """
    report = ProblemReport()
    nodes = []
    for new in after.graph.nodes:
        old = before.node(new.id)
        present = facts.get(new.id, NO_FACTS)
        nodes.append(_added(new) if old is None else _going_on(before, after, old, new, present))
        if old is not None:
            _note_ports(old, new, present, report)
    removed = [node for node in before.graph.nodes if after.node(node.id) is None]
    nodes += [_removed(node, facts.get(node.id, NO_FACTS)) for node in removed]
    old_edges, new_edges = edge_keys(before.graph.edges), edge_keys(after.graph.edges)
    _note_groups(before.graph, after.graph, nodes, consistency, report)
    _note_policies(before.graph, after.graph, report)
    _note_queues(queues, {node.id for node in removed}, after.graph, report)
    _note_canary(nodes, canary, report)
    return ReloadPlan(
        revision=revision,
        consistency=consistency,
        nodes=tuple(nodes),
        edges_added=_names(new_edges, set(old_edges)),
        edges_removed=_names(old_edges, set(new_edges)),
        edges_kept=len(set(old_edges) & set(new_edges)),
        problems=tuple(report.problems()),
    )


def _names(edges: Sequence[tuple[str, str, int]], others: set[tuple[str, str, int]]) -> tuple[str, ...]:
    return tuple(
        f"{source} -> {target}" for source, target, number in edges if (source, target, number) not in others
    )


def _going_on(
    before: Composition, after: Composition, old: CompiledNode, new: CompiledNode, facts: NodeFacts
) -> PlannedNode:
    because = differences(before, after, old, new)
    return PlannedNode(
        node_id=new.id,
        change="changed" if because else "kept",
        component=new.definition.component,
        from_version=old.component.definition.version,
        to_version=new.component.definition.version,
        because=because,
        state="stays" if not because else "moves" if does_same_work(old, new) else "leaves",
        keys=facts.keys,
        held=facts.held,
        waiting=sum(facts.waiting.values()),
    )


def _added(new: CompiledNode) -> PlannedNode:
    version = new.component.definition.version
    return PlannedNode(new.id, "added", new.definition.component, to_version=version, state="begins")


def _removed(old: CompiledNode, facts: NodeFacts) -> PlannedNode:
    return PlannedNode(
        node_id=old.id,
        change="removed",
        component=old.definition.component,
        from_version=old.component.definition.version,
        state="leaves",
        keys=facts.keys,
        held=facts.held,
        waiting=sum(facts.waiting.values()),
    )


def _note_ports(old: CompiledNode, new: CompiledNode, facts: NodeFacts, report: ProblemReport) -> None:
    """Note ports that would be gone while messages wait at them."""
    del old
    gone = [port for port, count in facts.waiting.items() if count and port not in new.input_of]
    if gone:
        message = (
            f"Node {shown(new.id)} would have no input port {listed(gone)}, where messages wait; "
            "let it process them first, or drop them"
        )
        report.note("reload.port_gone", f"nodes.{shown(new.id)}", message)


def _note_policies(before: LoadedGraph, after: LoadedGraph, report: ProblemReport) -> None:
    """Note where a graph would be another of which edges have policies: their queues stay as they are."""
    if not before.policies and not after.policies:
        return
    is_same = (
        dict(before.policies) == dict(after.policies)
        and edge_keys(before.edges) == edge_keys(after.edges)
        and dict(before.index_of) == dict(after.index_of)
    )
    if not is_same:
        message = (
            "Where edges have policies, nodes, edges and policies stay as they are while an execution runs; "
            "start another one"
        )
        report.note("reload.policies_change", "graph", message)


def _note_groups(
    before: LoadedGraph,
    after: LoadedGraph,
    nodes: Sequence[PlannedNode],
    consistency: Consistency,
    report: ProblemReport,
) -> None:
    """Note what cannot be done where arrays are taken apart: their parts would be gathered by nobody."""
    if (before.groups is None) != (after.groups is None):
        message = "The last forEach of a graph cannot go, nor the first one come, while an execution runs"
        report.note("reload.groups_change", "graph", message)
    elif before.groups is not None and consistency == "none":
        fixed = {*before.groups.gathers, *(node for found in before.groups.gathers.values() for node in found)}
        ids = {before.nodes[index].id for index in fixed}
        others = [node.node_id for node in nodes if node.change in ("added", "removed")]
        touched = [node.node_id for node in nodes if node.change == "changed" and node.node_id in ids]
        if others or touched:
            message = (
                f"Arrays are taken apart and gathered at {listed([*touched, *others])}; "
                'that can change with consistency "message" only'
            )
            report.note("reload.groups", "consistency", message)


def _note_queues(queues: Mapping[str, str], removed: set[str], after: LoadedGraph, report: ProblemReport) -> None:
    edges = named_edges(after) if queues else {}
    for node_id, edge in queues.items():
        path = f"queues.{shown(node_id)}"
        if node_id not in removed:
            report.note("reload.not_removed", path, f"Node {shown(node_id)} is not removed, so it keeps its queue")
        elif edge not in edges:
            report.note("reload.unknown_edge", path, f"The graph would have no edge {shown(edge)}")


def named_edges(graph: LoadedGraph) -> dict[str, int]:
    """Return the indices of edges by their ids, and by their ends, such as ``a:out -> b:in``; the first has it."""
    found: dict[str, int] = {}
    for index, edge in enumerate(graph.edges):
        for name in (edge.id, f"{edge.source} -> {edge.target}"):
            if name:
                found.setdefault(name, index)
    return found


def _note_canary(nodes: Sequence[PlannedNode], canary: CanaryTerms | None, report: ProblemReport) -> None:
    if canary is None:
        return
    untried = [node.node_id for node in nodes if node.change in ("added", "removed")]
    if untried:
        message = f"Only nodes that stay can be tried beside their old version, and not {listed(untried)}"
        report.note("reload.canary_shape", "canary", message)
    elif not any(node.change == "changed" for node in nodes):
        report.note("reload.canary_idle", "canary", "No node would change, so there is nothing to try")
