"""Is this document a graph that can run? Every problem at once, each with its place. Pure.

``parse_graph`` looks at shapes, ``check_graph`` at meaning. The two are kept apart because meaning can only be
asked of what has a shape; both report as much as they can. The messages are those that the platform's own
clients know (such as "Graph missing symbia version"), where it has any.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeVar

import msgspec

from engine import config as configuration
from engine.component import Component, input_names, outputs_of
from engine.limits import EngineLimits
from engine.topology import analyse
from proto import codec
from proto.graph import Edge, Endpoint, GraphDefinition, Node
from proto.problem import Problem

T = TypeVar("T")

MAX_CYCLES = 20
"""Cycles reported of one graph. Each is a problem to repair, and thousands may run through a few nodes."""

MAX_CYCLE_NODES = 20
"""Nodes named of one cycle; a text with all of a thousand names helps nobody."""

MAX_HINTS = 20
"""Unknown components that are answered with a similar name: looking for one takes time for every known one."""


class GraphDraft(msgspec.Struct, frozen=True):
    """What could be read of a document that is meant to be a graph.

    Attributes:
        definition: all that has the right shape.
        node_places: for each node of the definition, its index in the document.
        edge_places: likewise for each edge.
        misshapen_ids: ids of the nodes that are not in the definition, for want of the right shape.
        has_nodes: whether the document has a list of nodes that could be read at all.
    """

    definition: GraphDefinition
    node_places: tuple[int, ...]
    edge_places: tuple[int, ...]
    misshapen_ids: frozenset[str]
    has_nodes: bool


def parse_graph(document: Any, limits: EngineLimits) -> tuple[GraphDraft | None, list[Problem]]:
    """A decoded JSON document as the draft of a graph definition.

    Returns:
        A draft of all that has the right shape, and the problems of the rest; no draft where the document as a
        whole has another shape.
    """
    if not isinstance(document, dict):
        return None, [Problem("graph.wrong_type", "", "A graph is a JSON object")]
    problems: list[Problem] = []
    for key, message in (("symbia", "Graph missing symbia version"), ("name", "Graph missing name")):
        value = document.get(key)
        if not value:
            problems.append(Problem(f"graph.missing_{key}", key, message))
        elif not isinstance(value, str) or len(value) > limits.name_characters:
            expected = f"text of at most {limits.name_characters} characters"
            problems.append(Problem("graph.wrong_type", key, f"Graph {key} must be {expected}"))
    nodes = _parse_list(document, "nodes", limits.graph_nodes, problems, _parse_node)
    edges = _parse_list(document, "edges", limits.graph_edges, problems, _parse_edge)
    rest: dict[str, Any] = {}
    for key, kind in (("version", str), ("description", str), ("metadata", dict), ("bindings", dict)):
        value = document.get(key)
        if isinstance(value, kind):
            rest[key] = value
        elif value is not None:
            wanted = "text" if kind is str else "an object"
            problems.append(Problem("graph.wrong_type", key, f"Graph {key} must be {wanted}"))
    definition = GraphDefinition(
        symbia=str(document.get("symbia")),
        name=str(document.get("name")),
        nodes=tuple(nodes.values()),
        edges=tuple(edges.values()),
        **rest,
    )
    has_nodes = not any(problem.path == "nodes" for problem in problems)
    if document.get("nodes") == []:
        problems.append(Problem("graph.empty", "nodes", "Graph has no nodes"))
    return GraphDraft(
        definition=definition,
        node_places=tuple(nodes),
        edge_places=tuple(edges),
        misshapen_ids=_ids_of(document["nodes"]) - {node.id for node in nodes.values()}
        if has_nodes
        else frozenset(),
        has_nodes=has_nodes,
    ), problems


def _ids_of(items: list[Any]) -> frozenset[str]:
    ids = [item.get("id") for item in items if isinstance(item, dict)]
    return frozenset(node_id for node_id in ids if isinstance(node_id, str))


def _parse_list(
    document: dict[str, Any],
    key: str,
    limit: int,
    problems: list[Problem],
    parse: Callable[[Any, str, list[Problem]], T | None],
) -> dict[int, T]:
    """The items of a list that have the right shape, by their index in it."""
    items = document.get(key)
    if not isinstance(items, list):
        problems.append(Problem(f"graph.missing_{key}", key, f"Graph missing {key} array"))
        return {}
    if len(items) > limit:
        problems.append(Problem("graph.too_large", key, f"Graph has {len(items)} {key}; {limit} are allowed"))
        return {}
    parsed = {index: parse(item, f"{key}[{index}]", problems) for index, item in enumerate(items)}
    return {index: item for index, item in parsed.items() if item is not None}


def _parse_node(item: Any, path: str, problems: list[Problem]) -> Node | None:
    if isinstance(item, dict):
        before = len(problems)
        if not item.get("id"):
            problems.append(Problem("node.missing_id", f"{path}.id", "Node missing id"))
        if not item.get("component"):
            message = f'Node "{item.get("id", "")}" has no component'
            problems.append(Problem("node.missing_component", f"{path}.component", message))
        if len(problems) > before:
            return None
    return _convert(item, Node, "node.wrong_type", path, problems)


def _parse_edge(item: Any, path: str, problems: list[Problem]) -> Edge | None:
    if isinstance(item, dict):
        before = len(problems)
        for end in ("source", "target"):
            if end not in item:
                message = f'Edge missing {end}; an edge is {{"source": {{"node", "port"}}, "target": {{...}}}}'
                problems.append(Problem("edge.missing_end", f"{path}.{end}", message))
        if len(problems) > before:
            return None
    return _convert(item, Edge, "edge.wrong_type", path, problems)


def _convert(item: Any, shape: type[T], code: str, path: str, problems: list[Problem]) -> T | None:
    try:
        return msgspec.convert(item, shape)
    except msgspec.ValidationError as error:
        problems.append(codec.shape_problem(error, code=code, path=path))
        return None


def check_graph(draft: GraphDraft, components: Mapping[str, Component], limits: EngineLimits) -> list[Problem]:
    """What is wrong with the meaning of a graph: ids, components, configuration, ports, cycles.

    Args:
        draft: as ``parse_graph`` made it.
        components: the known components that the graph's nodes may name, by id.
        limits: bounds of names and configurations.
    """
    if not draft.has_nodes:
        return []  # nothing can be asked of edges between nodes that could not be read
    problems: list[Problem] = []
    definition = draft.definition
    nodes: dict[str, Node] = {}
    hints = iter(range(MAX_HINTS))
    for place, node in zip(draft.node_places, definition.nodes, strict=True):
        path = f"nodes[{place}]"
        if node.id in nodes:
            problems.append(Problem("node.duplicate_id", f"{path}.id", f"Duplicate node id: {node.id}"))
        nodes.setdefault(node.id, node)
        problems += _check_node(node, path, components, limits, hints)
    problems += _check_edges(draft, nodes, components)
    pairs = [(edge.source.node, edge.target.node) for edge in definition.edges]
    known = [(source, target) for source, target in pairs if source in nodes and target in nodes]
    _, cycles = analyse(list(nodes), known)
    for cycle in islice(cycles, MAX_CYCLES):
        problems.append(Problem("graph.cycle", "edges", f"Graph contains cycles: {_round_of(cycle)}"))
    return problems


def _round_of(cycle: Sequence[str]) -> str:
    named = list(cycle[:MAX_CYCLE_NODES])
    if len(cycle) > MAX_CYCLE_NODES:
        named.append(f"({len(cycle) - MAX_CYCLE_NODES} more)")
    return " -> ".join((*named, cycle[0]))


def _check_node(
    node: Node, path: str, components: Mapping[str, Component], limits: EngineLimits, hints: Iterator[int]
) -> list[Problem]:
    problems = []
    for key, text in (("id", node.id), ("name", node.name)):
        if len(text) > limits.name_characters:
            message = f"A node's {key} has at most {limits.name_characters} characters"
            problems.append(Problem("node.name_too_long", f"{path}.{key}", message))
    if len(codec.encode(node.config)) > limits.config_bytes:
        message = f"The config of node {node.id} is larger than {limits.config_bytes} bytes"
        problems.append(Problem("node.config_too_large", f"{path}.config", message))
    capacity = node.inbox.capacity
    if capacity is not None and not 1 <= capacity <= limits.inbox_messages:
        message = f"An inbox holds 1 to {limits.inbox_messages} messages"
        problems.append(Problem("node.inbox_out_of_range", f"{path}.inbox.capacity", message))
    component = components.get(node.component)
    if component is None:
        close = get_close_matches(node.component, list(components), n=1) if next(hints, None) is not None else []
        hint = f"; did you mean {close[0]}?" if close else ""
        message = (
            f"Graph references components with no registered implementation: {node.id} -> {node.component}{hint}"
        )
        return [*problems, Problem("node.unknown_component", f"{path}.component", message)]
    fields = component.definition.config
    if node.concurrency > 1 and not component.definition.stateless:
        message = f"Node {node.id} cannot run {node.concurrency} invocations at once: {node.component} keeps state"
        problems.append(Problem("node.not_stateless", f"{path}.concurrency", message))
    problems += [
        msgspec.structs.replace(problem, path=f"{path}.config.{problem.path}")
        for problem in configuration.check(node.config, fields)
    ]
    return problems


def _check_edges(
    draft: GraphDraft, nodes: Mapping[str, Node], components: Mapping[str, Component]
) -> list[Problem]:
    problems: list[Problem] = []
    ids: set[str] = set()
    ends: set[tuple[Endpoint, Endpoint]] = set()
    for place, edge in zip(draft.edge_places, draft.definition.edges, strict=True):
        path = f"edges[{place}]"
        if edge.id and edge.id in ids:
            problems.append(Problem("edge.duplicate_id", f"{path}.id", f"Duplicate edge id: {edge.id}"))
        ids.add(edge.id)
        if (edge.source, edge.target) in ends:
            message = f"A second edge from {edge.source} to {edge.target} would deliver every value twice"
            problems.append(Problem("edge.duplicate", path, message))
        ends.add((edge.source, edge.target))
        for end, endpoint in (("source", edge.source), ("target", edge.target)):
            if endpoint.node not in draft.misshapen_ids:  # their own problem has been reported
                problems += _check_end(end, endpoint, f"{path}.{end}", nodes, components)
    return problems


def _check_end(
    end: str, endpoint: Endpoint, path: str, nodes: Mapping[str, Node], components: Mapping[str, Component]
) -> list[Problem]:
    node = nodes.get(endpoint.node)
    if node is None:
        message = f"Edge references unknown {end} node: {endpoint.node}"
        return [Problem("edge.unknown_node", f"{path}.node", message)]
    component = components.get(node.component)
    if component is None:
        return []  # reported at the node
    names = outputs_of(component, node.config) if end == "source" else input_names(component.definition)
    if endpoint.port in names:
        return []
    direction = "output" if end == "source" else "input"
    message = f"Node {node.id} has no {direction} port {endpoint.port}; it has {', '.join(names) or 'none'}"
    return [Problem("edge.unknown_port", f"{path}.port", message)]
