"""The nodes that gather what others take apart, and the nodes between them. Pure.

An ``each`` opens a group for each array; a ``gather`` closes it. Which belongs to which follows from the graph, as
of brackets: along every way, a gather closes the group that was opened last. Ways that meet may have opened
different ones; a gather closes whichever its messages have.
"""

from collections.abc import Mapping, Sequence

from engine.compile.group_plan import GroupPlan
from engine.contracts.component import Builtin, Component
from engine.cooperative.slices import Steps, paced
from engine.documents.problem_report import shown
from proto.component import ERROR_PORT
from proto.graph import GraphDefinition, Node

NESTED_LIMIT = 16
"""Groups within groups, and ways of having opened them at one node: each node is looked at for each of them."""

Found = tuple[int, str, str, str]
"""A problem: the index of its node, its code, the node's field, and what to say."""

_Open = tuple[int, ...]
"""The nodes whose groups are open somewhere, the last one last."""


def plan_groups(
    definition: GraphDefinition, components: Mapping[str, Component], order: Sequence[int]
) -> Steps[tuple[GroupPlan | None, list[Found]]]:
    """Return the groups of a graph, if it has any, and its gathers that have nothing to gather.

    Args:
        definition: the graph, without problems.
        components: those that its nodes name.
        order: indices of its nodes, each after all that feed it.
    """
    kinds = [_grouping(components[node.component]) for node in definition.nodes]
    nodes = enumerate(definition.nodes)
    sources = [index for index, node in nodes if _acknowledges(components[node.component], node)]
    yield
    if "gather" not in kinds and not sources:
        return None, []
    edges = yield from _edges(definition)
    problems: list[Found] = []
    opened: list[set[_Open]] = [set() for _ in kinds]
    gathered: dict[int, list[int]] = {}
    closes: list[set[int]] = [set() for _ in kinds]
    for index, is_due in paced(order):
        if is_due:
            yield
        here = opened[index] or {()}
        if len(here) > NESTED_LIMIT or max(map(len, here)) > NESTED_LIMIT:
            message = f"Node {shown(definition.nodes[index].id)}: more than {NESTED_LIMIT} groups within groups"
            problems.append((index, "node.groups_too_deep", "component", message))
            here = {()}
        if kinds[index] == "gather":
            closes[index] = {stack[-1] for stack in here if stack}
            if not closes[index]:
                problems.append(_nothing_to_gather(definition, index))
            for each in closes[index]:
                gathered.setdefault(each, []).append(index)
        for port, target in edges[index]:
            opened[target] |= {_after(stack, index, port, kinds[index]) for stack in here}
    eaches = sorted(gathered)
    if not (eaches or sources) or problems:
        return None, problems
    grouped = yield from _between(edges, order, eaches, closes)
    grouped |= yield from _reached(edges, order, sources)
    gathers: dict[int, tuple[int, ...]] = dict.fromkeys(sources, ())
    return GroupPlan(gathers | {each: tuple(nodes) for each, nodes in gathered.items()}, grouped), []


def _acknowledges(component: Component, node: Node) -> bool:
    return isinstance(component, Builtin) and component.acknowledges(node.config)


def _reached(
    edges: Sequence[Sequence[tuple[str, int]]], order: Sequence[int], sources: Sequence[int]
) -> Steps[frozenset[int]]:
    """Return the sources, and all nodes to which something of them may come."""
    reached = set(sources)
    for index, is_due in paced(order):
        if is_due:
            yield
        if index in reached:
            reached.update(target for _, target in edges[index])
    return frozenset(reached)


def _grouping(component: Component) -> str:
    return component.grouping if isinstance(component, Builtin) else ""


def _edges(definition: GraphDefinition) -> Steps[list[list[tuple[str, int]]]]:
    """Return the edges that leave each node: the port, and the node where it ends."""
    index_of = {node.id: index for index, node in enumerate(definition.nodes)}
    edges: list[list[tuple[str, int]]] = [[] for _ in definition.nodes]
    for edge, is_due in paced(definition.edges):
        if is_due:
            yield
        edges[index_of[edge.source.node]].append((edge.source.port, index_of[edge.target.node]))
    return edges


def _after(stack: _Open, index: int, port: str, kind: str) -> _Open:
    """Return what is open behind a port of a node, of what is open before it."""
    if kind == "gather":
        return stack[:-1]  # its errors concern the array
    return (*stack, index) if kind == "each" and port != ERROR_PORT else stack


def _nothing_to_gather(definition: GraphDefinition, index: int) -> Found:
    node = shown(definition.nodes[index].id)
    message = f"Node {node} gathers nothing: no symbia.core.each that is not gathered before leads to it"
    return index, "node.nothing_to_gather", "component", message


def _between(
    edges: Sequence[Sequence[tuple[str, int]]],
    order: Sequence[int],
    eaches: Sequence[int],
    closes: Sequence[set[int]],
) -> Steps[frozenset[int]]:
    """Return the nodes on the ways from those that open groups to those that gather them."""
    # Sets of those that open groups are the bits of a number.
    bit = {each: 1 << at for at, each in enumerate(eaches)}
    before = [0] * len(edges)
    for index, is_due in paced(order):
        if is_due:
            yield
        for _, target in edges[index]:
            before[target] |= before[index] | bit.get(index, 0)
    behind = [sum(bit[each] for each in closed) for closed in closes]
    for index, is_due in paced(reversed(order)):
        if is_due:
            yield
        for _, target in edges[index]:
            behind[index] |= behind[target]
    return frozenset(index for index in order if before[index] & behind[index])
