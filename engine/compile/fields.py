"""The fields that a graph, its nodes and its edges may have; what else stands there is a slip. Pure.

A misspelt key that is ignored makes a graph do something else than its author wrote, so it is refused. These are
free all the same: what is within ``metadata`` and ``config``, keys that begin with ``x-``, and those that editors
and the platform's console write beside the graph itself; they are not kept.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.cooperative.slices import Steps, paced
from engine.documents.hints import Hints
from engine.documents.problem_report import ProblemReport, listed, shown
from proto.graph import Edge, Endpoint, GraphDefinition, Node

_KEYS_BETWEEN_PAUSES = 2_000
"""Keys that are looked at in one step: a fraction of a millisecond."""

_FREE = "x-"

_OF_EDITORS = {
    "graph": ("id", "key", "orgId", "tags", "status", "createdAt", "updatedAt", "viewport", "layout", "$schema"),
    "node": (
        *("label", "description", "data", "style", "width", "height", "measured", "selected", "dragging"),
        *("positionAbsolute", "parentId", "zIndex", "ports"),
    ),
    "edge": (
        *("type", "name", "label", "description", "data", "metadata", "style", "animated", "selected", "zIndex"),
        *("sourceHandle", "targetHandle", "markerEnd"),
    ),
    "end": (),
}
"""Fields that editors of graphs write (React Flow, the platform's console and catalog); they mean nothing here."""

_SHAPES: Mapping[str, type[msgspec.Struct]] = {
    "graph": GraphDefinition,
    "node": Node,
    "edge": Edge,
    "end": Endpoint,
}
_KNOWN = {kind: msgspec.structs.fields(shape) for kind, shape in _SHAPES.items()}
_NAMES = {kind: tuple(field.encode_name for field in fields) for kind, fields in _KNOWN.items()}
_TAKEN = {kind: frozenset((*names, *_OF_EDITORS[kind])) for kind, names in _NAMES.items()}
_TITLES = {"graph": "A graph", "node": "A node", "edge": "An edge", "end": "An end of an edge"}


def note_unknown(
    item: Mapping[str, Any], kind: str, path: str, report: ProblemReport, hints: Hints
) -> Steps[None]:
    """Note each field that a graph, a node, an edge or an end of one cannot have.

    Args:
        item: the object.
        kind: ``graph``, ``node``, ``edge`` or ``end``.
        path: its place in the document; empty for the graph itself.
        report: takes the problems.
        hints: of what was meant.
    """
    for number, key in enumerate(item, 1):
        if not number % _KEYS_BETWEEN_PAUSES:
            yield
        if _is_unknown(key, kind):
            close = hints.similar(key, _NAMES[kind])
            hint = f"did you mean {close}?" if close else f"known are {listed(_NAMES[kind])}"
            message = f"{_TITLES[kind]} has no field {shown(key)}; {hint}"
            report.note(f"{kind}.unknown_field", _place(path, key), message)


def without_unknown(document: Any) -> Steps[tuple[Any, list[str]]]:
    """Return a graph without the fields that it cannot have, and where these stood.

    It is for graphs that others publish: nobody here can mend a slip of theirs, and the platform's own runtime
    ignores it.
    """
    left_out: list[str] = []
    if not isinstance(document, dict):
        return document, left_out
    kept = _kept(document, "graph", "", left_out)
    for key, kind in (("nodes", "node"), ("edges", "edge")):
        if isinstance(kept.get(key), list):
            items = []
            for index, (item, is_due) in enumerate(paced(kept[key])):
                items.append(_kept_item(item, kind, f"{key}[{index}]", left_out))
                if is_due:
                    yield
            kept[key] = items
    return kept, left_out


def _kept_item(item: Any, kind: str, path: str, left_out: list[str]) -> Any:
    if not isinstance(item, dict):
        return item
    kept = _kept(item, kind, path, left_out)
    if kind == "edge":
        for end in ("source", "target"):
            if isinstance(kept.get(end), dict):
                kept[end] = _kept(kept[end], "end", f"{path}.{end}", left_out)
    return kept


def _kept(item: dict[str, Any], kind: str, path: str, left_out: list[str]) -> dict[str, Any]:
    left_out += [_place(path, key) for key in item if _is_unknown(key, kind)]
    return {key: value for key, value in item.items() if not _is_unknown(key, kind)}


def _is_unknown(key: str, kind: str) -> bool:
    return key not in _TAKEN[kind] and not key.startswith(_FREE)


def _place(path: str, key: str) -> str:
    return f"{path}.{shown(key)}" if path else shown(key)
