"""Nodes of Node-RED, briefly."""

from typing import Any

from service.interchange.imported import Imported, ImportedGraph
from service.interchange.nodered.importing import import_flows


def tab(name: str = "Tab", **fields: Any) -> dict[str, Any]:
    """A tab, whose id is its name."""
    return {"id": name, "type": "tab", "label": name, **fields}


def red(name: str, kind: str, *wires: Any, z: str = "Tab", **fields: Any) -> dict[str, Any]:
    """A node whose id is its name; each of ``wires`` is the target, or the targets, of an output."""
    ends = [[wire] if isinstance(wire, str) else list(wire) for wire in wires]
    return {"id": name, "type": kind, "z": z, "name": name, "x": 10, "y": 20, "wires": ends, **fields}


def imported(*nodes: dict[str, Any]) -> Imported:
    """Import these nodes, of a tab ``Tab``."""
    return import_flows([tab(), *nodes])


def graph(*nodes: dict[str, Any]) -> ImportedGraph:
    """Return the one graph of these nodes."""
    (made,) = imported(*nodes).graphs
    return made


def edges(made: ImportedGraph) -> set[str]:
    """Return the edges of a graph as ``a:out > b:in``."""
    return {
        "{}:{} > {}:{}".format(*(edge[end][key] for end in ("source", "target") for key in ("node", "port")))
        for edge in made.document["edges"]
    }


def said(made: Imported, fate: str) -> list[str]:
    """Return the notes of a fate as ``id: message``."""
    return [f"{note.place.id}: {note.message}" for note in made.notes if note.fate == fate]
