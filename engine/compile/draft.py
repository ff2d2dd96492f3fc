"""A document as the draft of a graph: what of it has the right shape and size, and the problems of the rest. Pure.

Nothing is converted before it is weighed: what a graph may not hold is not built. The messages are those that the
platform's own clients know (such as "Graph missing symbia version"), where it has any.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec

from engine.compile.fields import note_unknown
from engine.cooperative.slices import Steps
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, shown
from engine.documents.weight import Weight, weigh
from engine.limits import EngineLimits
from proto import codec
from proto.graph import Edge, GraphDefinition, Node

T = TypeVar("T")

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
        weight: of all that is kept of it; of its edges the bytes alone.
    """

    definition: GraphDefinition
    node_places: tuple[int, ...]
    edge_places: tuple[int, ...]
    misshapen_ids: frozenset[str]
    has_nodes: bool
    weight: Weight


class _Reader:
    """A reader of the shapes of one document, which weighs what it keeps."""

    def __init__(self, document: dict[str, Any], limits: EngineLimits, report: ProblemReport) -> None:
        self._document = document
        self._limits = limits
        self._report = report
        self._hints = Hints()
        self._bound = Weight(limits.graph_bytes, limits.graph_values)
        self.weight = Weight()

    def text(self, key: str, code: str, message: str) -> str:
        """Read a name that must be there."""
        value = self._document.get(key)
        limit = self._limits.name_characters
        if not value:
            self._report.note(code, key, message)
        elif not isinstance(value, str) or len(value) > limit:
            expected = f"text of at most {limit} characters"
            self._report.note("graph.wrong_type", key, f"Graph {key} must be {expected}")
        else:
            return value
        return ""

    def rest(self) -> Steps[dict[str, Any]]:
        """Return the fields that may be absent, where they have their type and their size; note unknown ones."""
        yield from note_unknown(self._document, "graph", "", self._report, self._hints)
        kept: dict[str, Any] = {}
        limits = self._limits
        for key, longest in (("version", limits.name_characters), ("description", limits.description_characters)):
            value = self._document.get(key)
            if isinstance(value, str) and len(value) <= longest:
                kept[key] = value
            elif value is not None:
                wanted = "text" if not isinstance(value, str) else f"text of at most {longest} characters"
                self._report.note("graph.wrong_type", key, f"Graph {key} must be {wanted}")
        for key in ("metadata", "bindings"):
            value = self._document.get(key)
            if isinstance(value, dict):
                yield from self._add(value)
                kept[key] = value if not self.is_too_heavy() else {}
            elif value is not None:
                self._report.note("graph.wrong_type", key, f"Graph {key} must be an object")
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
            self._report.note(f"graph.missing_{key}", key, f"Graph missing {key} array")
            return {}
        if len(items) > limit:
            self._report.note("graph.too_large", key, f"Graph has {len(items)} {key}; {limit} are allowed")
            return {}
        parsed: dict[int, T] = {}
        for index, item in enumerate(items):
            made = yield from read(item, f"{key}[{index}]")
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
            if not item.get("component"):
                message = f'Node "{shown(item.get("id", ""))}" has no component'
                self._report.note("node.missing_component", f"{path}.component", message)
                is_missing = True
            if is_missing or not (yield from self._has_fitting_config(item, path)):
                return None
            yield from self._add({key: value for key, value in item.items() if key != "config"})
            if self.is_too_heavy():
                return None
            yield from note_unknown(item, "node", path, self._report, self._hints)
        yield
        return self._convert(item, Node, "node.wrong_type", path)

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
                yield from note_unknown(part, kind, place, self._report, self._hints)
        return self._convert(item, Edge, "edge.wrong_type", path)

    def _convert(self, item: Any, shape: type[T], code: str, path: str) -> T | None:
        try:
            return msgspec.convert(item, shape)
        except msgspec.ValidationError as error:
            self._report.extend([codec.shape_problem(error, shape, code=code, path=path)])
            return None


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
    symbia = reader.text("symbia", "graph.missing_symbia", "Graph missing symbia version")
    name = reader.text("name", "graph.missing_name", "Graph missing name")
    nodes = yield from reader.items("nodes", limits.graph_nodes, reader.node)
    edges = yield from reader.items("edges", limits.graph_edges, reader.edge)
    rest = yield from reader.rest()
    if reader.is_too_heavy():
        message = (
            f"The graph's nodes, metadata and bindings hold more than {limits.graph_bytes} bytes of JSON text, or "
            f"more than {limits.graph_values} names and values"
        )
        report.note("graph.too_large", "", message)
        return None, report
    items = document.get("nodes")
    has_nodes = isinstance(items, list) and len(items) <= limits.graph_nodes
    if items == []:
        report.note("graph.empty", "nodes", "Graph has no nodes")
    return GraphDraft(
        definition=GraphDefinition(
            symbia=symbia, name=name, nodes=tuple(nodes.values()), edges=tuple(edges.values()), **rest
        ),
        node_places=tuple(nodes),
        edge_places=tuple(edges),
        misshapen_ids=_ids_of(items or []) - {node.id for node in nodes.values()} if has_nodes else frozenset(),
        has_nodes=has_nodes,
        weight=reader.weight,
    ), report


def _edge_bytes(item: dict[str, Any]) -> Iterator[int]:
    """Characters of the names in an edge, and of its keys."""
    for part in (item, item["source"], item["target"]):
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
