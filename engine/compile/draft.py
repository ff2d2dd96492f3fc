"""A document as the draft of a graph: what of it has the right shape and size, and the problems of the rest. Pure.

Nothing is converted before it is weighed: what a graph may not hold is not built. The messages are those that the
platform's own clients know (such as "Graph missing symbia version"), where it has any.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from engine.compile.fields import FIELDS
from engine.compile.graph_ports import read_ports
from engine.cooperative.slices import Steps
from engine.documents.hints import Hints
from engine.documents.known_fields import note_unknown
from engine.documents.problem_report import ProblemReport, shown
from engine.documents.weight import Weight, weigh
from engine.limits import EngineLimits
from proto import codec
from proto.graph import RECORDING_LEVELS, Edge, GraphDefinition, Node

T = TypeVar("T")

_WEIGHED_APART = ("config", "graph")

_EDGE_KEYS = 50
"""Keys of an edge, and of its ends: three are read, others may be an editor's."""


class GraphDraft(msgspec.Struct, frozen=True):
    """The parts that could be read of a document that is meant to be a graph.

    Attributes:
        definition: all that has the right shape.
        node_places: for each node of the definition, its index in the document.
        edge_places: likewise for each edge.
        misshapen_ids: ids of the nodes that are not in the definition, for want of the right shape.
        has_nodes: whether the document has a list of nodes that could be read at all.
        weight: of all that is kept of it and of what is written out inside it; of edges the bytes alone.
        inside: the graphs that are written out in its nodes, by the index of the node in the definition.
    """

    definition: GraphDefinition
    node_places: tuple[int, ...]
    edge_places: tuple[int, ...]
    misshapen_ids: frozenset[str]
    has_nodes: bool
    weight: Weight
    inside: Mapping[int, "GraphDraft"] = {}


class _Reader:
    """A reader of the shapes of one document, which weighs what it keeps.

    Args:
        document: the graph.
        limits: bounds of definitions.
        report: takes the problems.
        outer: the reader of the graph in which this one is written out; None for the outermost one.
        path: the place there.

    Attributes:
        hints: of what was meant, shared by all readers of a document.
        level: 1 for the outermost graph.
        weight: of all that has been read.
    """

    hints: Hints
    level: int
    weight: Weight

    def __init__(
        self,
        document: dict[str, Any],
        limits: EngineLimits,
        report: ProblemReport,
        outer: "_Reader | None" = None,
        path: str = "",
    ) -> None:
        self._document = document
        self._limits = limits
        self._report = report
        self.hints = Hints() if outer is None else outer.hints
        self._bound = Weight(limits.graph_bytes, limits.graph_values)
        self._path = path
        self.level = 1 if outer is None else outer.level + 1
        self._graphs: dict[str, GraphDraft] = {}
        self.weight = self._start = Weight() if outer is None else outer.weight

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def text(self, key: str, code: str, message: str) -> str:
        """Read a name; one that is not written out in another graph must have it."""
        value = self._document.get(key)
        limit = self._limits.name_characters
        if not value:
            if self.level == 1:
                self._report.note(code, key, message)
        elif not isinstance(value, str) or len(value) > limit:
            expected = f"text of at most {limit} characters"
            self._report.note("graph.wrong_type", self._at(key), f"Graph {key} must be {expected}")
        else:
            return value
        return ""

    def rest(self) -> Steps[dict[str, Any]]:
        """Return the fields that may be absent, where they have their type and their size; note unknown ones."""
        yield from note_unknown(self._document, FIELDS["graph"], self._path, self._report, self.hints)
        kept: dict[str, Any] = {}
        limits = self._limits
        for key, longest in (("version", limits.name_characters), ("description", limits.description_characters)):
            value = self._document.get(key)
            if isinstance(value, str) and len(value) <= longest:
                kept[key] = value
            elif value is not None:
                wanted = "text" if not isinstance(value, str) else f"text of at most {longest} characters"
                self._report.note("graph.wrong_type", self._at(key), f"Graph {key} must be {wanted}")
        durable = self._document.get("durable")
        if isinstance(durable, bool):
            kept["durable"] = durable
        elif durable is not None:
            self._report.note("graph.wrong_type", self._at("durable"), "Graph durable must be true or false")
        for key in ("metadata", "bindings", "parameters", "ports"):
            value = self._document.get(key)
            if isinstance(value, dict):
                yield from self._add(value)
                kept[key] = value if not self.is_too_heavy() else {}
            elif value is not None:
                self._report.note("graph.wrong_type", self._at(key), f"Graph {key} must be an object")
        level = self._document.get("recording")
        if level is not None:
            if level in RECORDING_LEVELS:
                kept["recording"] = level
            else:
                wanted = ", ".join(RECORDING_LEVELS)
                self._report.note("graph.wrong_type", self._at("recording"), f"Graph recording is one of {wanted}")
        if "ports" in kept:
            kept["ports"] = yield from read_ports(kept["ports"], self._at("ports"), limits, self._report)
        return kept

    def is_too_heavy(self) -> bool:
        """Return whether the document holds more than a graph may."""
        return self.weight.exceeds(self._bound)

    def _add(self, value: Any) -> Steps[None]:
        self.weight += yield from weigh(value, self._bound)

    def items(self, key: str, limit: int, read: Callable[[Any, str], Steps[T | None]]) -> Steps[dict[int, T]]:
        """Return the items of a list that have the right shape, by their index in it."""
        items = self._document.get(key)
        if not isinstance(items, list):
            self._report.note(f"graph.missing_{key}", self._at(key), f"Graph missing {key} array")
            return {}
        if len(items) > limit:
            message = f"Graph has {len(items)} {key}; {limit} are allowed"
            self._report.note("graph.too_large", self._at(key), message)
            return {}
        parsed: dict[int, T] = {}
        for index, item in enumerate(items):
            made = yield from read(item, f"{self._at(key)}[{index}]")
            if made is not None:
                parsed[index] = made
        return parsed

    def node(self, item: Any, path: str) -> Steps[Node | None]:
        """Read one node; None where it has another shape or is too large."""
        if self.is_too_heavy():
            return None
        if isinstance(item, dict):
            is_missing = False
            if not item.get("id"):
                self._report.note("node.missing_id", f"{path}.id", "Node missing id")
                is_missing = True
            graph = item.get("graph")
            if not item.get("component") and graph is None:
                message = f'Node "{shown(item.get("id", ""))}" has no component'
                self._report.note("node.missing_component", f"{path}.component", message)
                is_missing = True
            if is_missing or not (yield from self._has_fitting_config(item, path)):
                return None
            yield from self._add({key: value for key, value in item.items() if key not in _WEIGHED_APART})
            if self.is_too_heavy():
                return None
            yield from note_unknown(item, FIELDS["node"], path, self._report, self.hints)
            if graph is not None:
                return (yield from self._node_with_graph(item, graph, path))
        yield
        return self._convert(item, Node, "node.wrong_type", path)

    def _node_with_graph(self, item: dict[str, Any], graph: Any, path: str) -> Steps[Node | None]:
        """Read a node in which another graph is written out, and that graph."""
        node = self._convert(
            {key: value for key, value in item.items() if key != "graph"}, Node, "node.wrong_type", path
        )
        if node is not None and node.component:
            message = f"Node {shown(node.id)} has a component and a graph; it can be the use of one of them"
            self._report.note("node.two_components", f"{path}.component", message)
            node = None
        if not isinstance(graph, dict):
            self._report.note(
                "node.wrong_type", f"{path}.graph", "The graph of a node is an object, as a graph is"
            )
            return None
        if self.level >= self._limits.graph_depth:
            message = f"Graphs are at most {self._limits.graph_depth} deep in one another"
            self._report.note("graph.too_deep", f"{path}.graph", message)
            return None
        reader = _Reader(graph, self._limits, self._report, self, f"{path}.graph")
        draft = yield from reader.draft()
        self.weight = reader.weight
        if node is None or draft is None:
            return None
        self._graphs[node.id] = draft
        return msgspec.structs.replace(node, graph=graph)

    def _has_fitting_config(self, item: dict[str, Any], path: str) -> Steps[bool]:
        bound = Weight(self._limits.config_bytes, self._limits.graph_values)
        weight = yield from weigh(item.get("config"), bound)
        if weight.size_bytes > bound.size_bytes:
            message = f"The config of node {shown(item['id'])} is larger than {bound.size_bytes} bytes"
            self._report.note("node.config_too_large", f"{path}.config", message)
            return False
        self.weight += weight
        return not self.is_too_heavy()

    def edge(self, item: Any, path: str) -> Steps[Edge | None]:
        """Read one edge; None where it has another shape."""
        yield
        if isinstance(item, dict):
            lacking = [end for end in ("source", "target") if end not in item]
            for end in lacking:
                message = f'Edge missing {end}; an edge is {{"source": {{"node", "port"}}, "target": {{...}}}}'
                self._report.note("edge.missing_end", f"{path}.{end}", message)
            if lacking:
                return None
            if max(len(part) for part in (item, *item.values()) if isinstance(part, dict)) > _EDGE_KEYS:
                message = f"An edge, and each of its ends, has at most {_EDGE_KEYS} keys"
                self._report.note("edge.wrong_type", path, message)
                return None
            self.weight += Weight(sum(_edge_bytes(item)))
            for part, kind, place in ((item, "edge", path), *_ends(item, path)):
                yield from note_unknown(part, FIELDS[kind], place, self._report, self.hints)
        return self._convert(item, Edge, "edge.wrong_type", path)

    def _convert(self, item: Any, shape: type[T], code: str, path: str) -> T | None:
        try:
            return msgspec.convert(item, shape)
        except msgspec.ValidationError as error:
            self._report.extend([codec.shape_problem(error, shape, code=code, path=path)])
            return None

    def draft(self) -> Steps[GraphDraft | None]:
        """Read the whole document; None where it is too heavy, which the outermost reader's caller reports."""
        limits, report = self._limits, self._report
        symbia = self.text("symbia", "graph.missing_symbia", "Graph missing symbia version")
        name = self.text("name", "graph.missing_name", "Graph missing name")
        nodes = yield from self.items("nodes", limits.graph_nodes, self.node)
        edges = yield from self.items("edges", limits.graph_edges, self.edge)
        rest = yield from self.rest()
        if self.is_too_heavy():
            return None
        items = self._document.get("nodes")
        has_nodes = isinstance(items, list) and len(items) <= limits.graph_nodes
        if items == []:
            report.note("graph.empty", self._at("nodes"), "Graph has no nodes")
        read = tuple(nodes.values())
        return GraphDraft(
            definition=GraphDefinition(symbia=symbia, name=name, nodes=read, edges=tuple(edges.values()), **rest),
            node_places=tuple(nodes),
            edge_places=tuple(edges),
            misshapen_ids=_ids_of(items or []) - {node.id for node in read} if has_nodes else frozenset(),
            has_nodes=has_nodes,
            weight=self.weight.without(self._start),
            inside={index: self._graphs[node.id] for index, node in enumerate(read) if node.graph is not None},
        )


def parse_graph(document: Any, limits: EngineLimits) -> Steps[tuple[GraphDraft | None, ProblemReport]]:
    """Read a decoded JSON document as the draft of a graph definition.

    Returns:
        A draft of all that has the right shape, and the problems of the rest; no draft where the document as a
        whole has another shape, or holds more than a graph may.
    """
    report = ProblemReport()
    if not isinstance(document, dict):
        report.note("graph.wrong_type", "", "A graph is a JSON object")
        return None, report
    reader = _Reader(document, limits, report)
    draft = yield from reader.draft()
    if reader.is_too_heavy():
        message = (
            f"The graph's nodes, metadata and bindings hold more than {limits.graph_bytes} bytes of JSON text, or "
            f"more than {limits.graph_values} names and values"
        )
        report.note("graph.too_large", "", message)
        return None, report
    return draft, report


def _edge_bytes(item: dict[str, Any]) -> Iterator[int]:
    """Characters of the names in an edge, and of its keys."""
    policy = item.get("policy")
    letters = policy.get("deadLetter") if isinstance(policy, dict) else None
    for part in (item, item["source"], item["target"], policy, letters):
        if isinstance(part, dict):
            for key, value in part.items():
                yield len(key) + 6
                if isinstance(value, str):
                    yield len(value)


def _ends(item: dict[str, Any], path: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield the ends of an edge that are objects, each with its kind and its place."""
    for end in ("source", "target"):
        if isinstance(item[end], dict):
            yield item[end], "end", f"{path}.{end}"


def _ids_of(items: list[Any]) -> frozenset[str]:
    ids = [item.get("id") for item in items if isinstance(item, dict)]
    return frozenset(node_id for node_id in ids if isinstance(node_id, str))
