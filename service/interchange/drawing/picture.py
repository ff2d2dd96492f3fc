"""The picture of a graph: boxes, groups, and arrows between them; what a document lacks is not drawn. Pure.

A graph inside a graph is a group, and an arrow to one of its ports goes on to the node that the port stands for.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

MOST_DEPTH = 20
"""Levels of graphs in graphs that are drawn."""

MOST_CHARACTERS = 80
"""Characters of a label."""

PLAIN_PORTS = ("in", "out", "input", "output")
"""Ports that need no label."""


class Box(msgspec.Struct, frozen=True):
    """A node: its number, what it is called, and its component."""

    number: int
    title: str
    component: str
    is_entry: bool = False


class Group(msgspec.Struct):
    """A graph inside the graph, or the graph itself."""

    number: int
    title: str
    boxes: list[Box] = []
    groups: list["Group"] = []


class Arrow(msgspec.Struct, frozen=True):
    """An edge between boxes, by their numbers; ``label`` names ports that are not the usual ones."""

    source: int
    target: int
    label: str = ""
    is_error: bool = False


class Picture(msgspec.Struct, frozen=True):
    """All that is drawn."""

    group: Group
    arrows: tuple[Arrow, ...]


def picture_of(document: Any) -> Picture:
    """Return the picture of a graph's document."""
    return _Drawer().draw(document)


class _Place(msgspec.Struct):
    """The nodes of one graph by their ids: a box each, or the graph inside."""

    boxes: dict[str, int] = {}
    inner: dict[str, tuple["_Place", Mapping[str, Any]]] = {}


class _Drawer:
    """Numbers boxes and groups while it goes through a document."""

    def __init__(self) -> None:
        self._numbers = 0
        self._arrows: list[Arrow] = []

    def draw(self, document: Any) -> Picture:
        graph = document if isinstance(document, dict) else {}
        group = Group(self._number(), label(graph.get("name", "")))
        self._graph(graph, group, 0)
        return Picture(group, tuple(self._arrows))

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _graph(self, graph: Mapping[str, Any], group: Group, depth: int) -> _Place:
        place = _Place()
        metadata = graph.get("metadata")
        ingress = metadata.get("ingress") if isinstance(metadata, dict) else None
        entry = ingress.get("node", "entry") if isinstance(ingress, dict) else None
        for node in _objects(graph.get("nodes")):
            name = str(node.get("id", ""))
            title = label(str(node.get("name") or name))
            inner = node.get("graph")
            if isinstance(inner, dict) and depth < MOST_DEPTH:
                inside = Group(self._number(), title)
                group.groups.append(inside)
                place.inner[name] = self._graph(inner, inside, depth + 1), inner
            else:
                box = Box(self._number(), title, label(str(node.get("component", ""))), is_entry=name == entry)
                group.boxes.append(box)
                place.boxes[name] = box.number
        for edge in _objects(graph.get("edges")):
            self._arrows += self._arrows_of(edge, place)
        return place

    def _arrows_of(self, edge: Mapping[str, Any], place: _Place) -> Iterator[Arrow]:
        source, target = _end(edge.get("source")), _end(edge.get("target"))
        shown = [port for port in (source[1], target[1]) if port not in PLAIN_PORTS]
        for begin in _boxes(place, *source, "outputs"):
            for end in _boxes(place, *target, "inputs"):
                yield Arrow(begin, end, label(" → ".join(shown)), is_error=source[1] == "error")


def _boxes(place: _Place, node: str, port: str, side: str) -> Iterator[int]:
    """Yield the boxes that a port of a node is: the node's own, or those that a graph's port stands for."""
    if node in place.boxes:
        yield place.boxes[node]
    elif node in place.inner:
        inside, graph = place.inner[node]
        ports = graph.get("ports")
        for each in _objects(ports.get(side) if isinstance(ports, dict) else None):
            if each.get("name") == port:
                bound = each.get("bind")
                for end in bound if isinstance(bound, list) else [bound]:
                    yield from _boxes(inside, *_end(end), side)


def _end(end: Any) -> tuple[str, str]:
    return (str(end.get("node", "")), str(end.get("port", ""))) if isinstance(end, dict) else ("", "")


def _objects(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def label(text: str) -> str:
    """Return a text in one line, and not too long."""
    line = " ".join(str(text)[: MOST_CHARACTERS * 4].split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
