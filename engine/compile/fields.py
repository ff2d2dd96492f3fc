"""The fields that a graph, its nodes and its edges may have (``engine.documents.known_fields``). Pure.

What is within ``metadata`` and ``config`` is the author's, and editors and the platform's console write fields of
their own beside the graph itself.
"""

from collections.abc import Mapping
from typing import Any

from engine.cooperative.slices import Steps, paced
from engine.documents.known_fields import KnownFields, fields_of, kept_fields
from proto.graph import Edge, Endpoint, GraphDefinition, Node

_OF_EDITORS: Mapping[str, tuple[str, ...]] = {
    "graph": ("id", "key", "orgId", "tags", "status", "createdAt", "updatedAt", "viewport", "layout", "$schema"),
    "node": (
        *("label", "description", "data", "style", "width", "height", "measured", "selected", "dragging"),
        *("positionAbsolute", "parentId", "zIndex", "ports"),
    ),
    "edge": (
        *("type", "name", "label", "description", "data", "metadata", "style", "animated", "selected", "zIndex"),
        *("sourceHandle", "targetHandle", "markerEnd"),
    ),
}
"""Fields that editors of graphs write (React Flow, the platform's console and catalog); they mean nothing here."""

FIELDS: Mapping[str, KnownFields] = {
    "graph": fields_of(GraphDefinition, "A graph", "graph.unknown_field", _OF_EDITORS["graph"]),
    "node": fields_of(Node, "A node", "node.unknown_field", _OF_EDITORS["node"]),
    "edge": fields_of(Edge, "An edge", "edge.unknown_field", _OF_EDITORS["edge"]),
    "end": fields_of(Endpoint, "An end of an edge", "end.unknown_field"),
}


def without_unknown(document: Any) -> Steps[tuple[Any, list[str]]]:
    """Return a graph without the fields that it cannot have, and where these stood.

    It is for graphs that others publish: nobody here can mend a slip of theirs, and the platform's own runtime
    ignores it.
    """
    left_out: list[str] = []
    kept = (yield from _without_unknown(document, "", left_out)) if isinstance(document, dict) else document
    return kept, left_out


def _without_unknown(graph: dict[str, Any], path: str, left_out: list[str]) -> Steps[dict[str, Any]]:
    kept = kept_fields(graph, FIELDS["graph"], path, left_out)
    prefix = f"{path}." if path else ""
    for key, kind in (("nodes", "node"), ("edges", "edge")):
        if isinstance(kept.get(key), list):
            items = []
            for index, (item, is_due) in enumerate(paced(kept[key])):
                place = f"{prefix}{key}[{index}]"
                shown = _kept_item(item, kind, place, left_out)
                if kind == "node" and isinstance(item, dict) and isinstance(item.get("graph"), dict):
                    shown["graph"] = yield from _without_unknown(item["graph"], f"{place}.graph", left_out)
                items.append(shown)
                if is_due:
                    yield
            kept[key] = items
    return kept


def _kept_item(item: Any, kind: str, path: str, left_out: list[str]) -> Any:
    if not isinstance(item, dict):
        return item
    kept = kept_fields(item, FIELDS[kind], path, left_out)
    if kind == "edge":
        for end in ("source", "target"):
            if isinstance(kept.get(end), dict):
                kept[end] = kept_fields(kept[end], FIELDS["end"], f"{path}.{end}", left_out)
    return kept
