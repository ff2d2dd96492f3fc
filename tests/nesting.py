"""The inverse of flattening: a flat graph whose ids are paths, as graphs inside graphs.

Nodes ``a/b/x`` and ``a/b/y`` become the nodes ``x`` and ``y`` of a graph that node ``b`` uses, of a graph that
node ``a`` uses. Edges that cross a border get ports there. Whatever the random source decides means the same.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

SEPARATOR = "/"
MOST_GROUPS = 4
MOST_DEPTH = 4

Path = tuple[str, ...]
Use = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns the fields by which a node uses a graph: written out, or by its name."""


_Ends = tuple[str, str, str, str]


class _Edge(msgspec.Struct, frozen=True):
    source: Path
    out: str
    target: Path
    into: str


class _Bound(msgspec.Struct, frozen=True):
    side: str
    name: str
    node: Path
    port: str


def written_out(graph: dict[str, Any]) -> dict[str, Any]:
    """Use a graph by writing it out."""
    return {"graph": graph}


def draw_paths(random: Random, nodes: Sequence[str]) -> dict[str, str]:
    """A path for each node's id, at random; about half of the nodes stay where they are."""
    groups = [f"g{index}" for index in range(random.randint(1, MOST_GROUPS))]
    paths = {}
    for node in nodes:
        depth = random.choice((0, 0, 0, 1, 1, 2, random.randint(0, MOST_DEPTH - 1)))
        paths[node] = SEPARATOR.join([*(random.choice(groups) for _ in range(depth)), node])
    return paths


def renamed(document: dict[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    """A document with other ids for its nodes."""
    return {
        **document,
        "nodes": [{**node, "id": paths[node["id"]]} for node in document["nodes"]],
        "edges": [
            {**edge, **{end: {**edge[end], "node": paths[edge[end]["node"]]} for end in ("source", "target")}}
            for edge in document["edges"]
        ],
    }


def nested(document: dict[str, Any], random: Random, use: Use = written_out) -> dict[str, Any]:
    """A document that means the same, with a graph for each part of a path.

    Args:
        document: flat; no node's id is the beginning of another's path.
        random: decides what can be said in two ways.
        use: makes the fields of a node that uses a graph.
    """
    nodes = {_path(node["id"]): node for node in document["nodes"]}
    edges = [
        _Edge(_path(e["source"]["node"]), e["source"]["port"], _path(e["target"]["node"]), e["target"]["port"])
        for e in document["edges"]
    ]
    return {**document, **_Folding(random, use).level(nodes, edges, ())}


def _path(node_id: str) -> Path:
    return tuple(node_id.split(SEPARATOR))


class _Folding:
    def __init__(self, random: Random, use: Use) -> None:
        self._random = random
        self._use = use

    def level(
        self, nodes: Mapping[Path, dict[str, Any]], edges: Sequence[_Edge], bound: Sequence[_Bound]
    ) -> dict[str, Any]:
        """The nodes, edges and ports of one graph, of flat ones with paths inside it."""
        groups: dict[str, dict[Path, dict[str, Any]]] = defaultdict(dict)
        written: dict[str, dict[str, Any] | None] = {}
        for path, node in nodes.items():
            written.setdefault(path[0], None)
            if len(path) == 1:
                written[path[0]] = {**node, "id": path[0]}
            else:
                groups[path[0]][path[1:]] = node
        ports: dict[str, list[_Bound]] = defaultdict(list)
        silent = {name for name, inside in groups.items() if self._leaves_errors_alone(name, inside, edges, bound)}
        outer: dict[_Ends, None] = {}
        inner: dict[str, list[_Edge]] = defaultdict(list)
        for edge in edges:
            first, last = edge.source[0], edge.target[0]
            if first == last and first in groups:
                inner[first].append(_Edge(edge.source[1:], edge.out, edge.target[1:], edge.into))
                continue
            source = self._end("output", edge.source, edge.out, ports, silent)
            target = self._end("input", edge.target, edge.into, ports, set())
            outer[*source, *target] = None
        own: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for each in bound:
            own[each.side, each.name].append(self._end(each.side, each.node, each.port, ports, set()))
        outer = self._merged(outer, ports, {end for ends in own.values() for end in ends})
        for name, inside in groups.items():
            written[name] = {"id": name, **self._group(inside, inner[name], ports[name])}
        return {
            "nodes": [node for node in written.values() if node is not None],
            "edges": [
                {"source": {"node": a, "port": b}, "target": {"node": c, "port": d}} for a, b, c, d in outer
            ],
            "ports": {
                f"{side}s": [
                    {"name": name, "bind": self._ends(ends)} for (at, name), ends in own.items() if at == side
                ]
                for side in ("input", "output")
            },
        }

    def _group(
        self, inside: Mapping[Path, dict[str, Any]], edges: Sequence[_Edge], bound: Sequence[_Bound]
    ) -> dict[str, Any]:
        """The fields of a node that uses a graph; what all nodes inside say of errors may be said there once."""
        said = [(node.get("onError"), node.get("retry")) for node in inside.values()]
        fields: dict[str, Any] = {}
        if said[0][0] and all(each == said[0] for each in said) and self._random.random() < 0.5:
            fields = {key: value for key, value in zip(("onError", "retry"), said[0], strict=True) if value}
            inside = {
                path: {key: value for key, value in node.items() if key not in ("onError", "retry")}
                for path, node in inside.items()
            }
        return {**fields, **self._use(self.level(inside, edges, bound))}

    def _merged(
        self, outer: dict[_Ends, None], ports: dict[str, list[_Bound]], kept: set[tuple[str, str]]
    ) -> dict[_Ends, None]:
        """Make one port of several of a group that lead to, or come from, the same ports of others.

        What outer ports are bound to (``kept``) stays as it is.
        """
        for name, listed in ports.items():
            alike: dict[tuple[str, frozenset[tuple[str, str]]], list[str]] = defaultdict(list)
            for each in listed:
                ends = [((a, b), (c, d)) for a, b, c, d in outer]
                ends = ends if each.side == "output" else [(target, source) for source, target in ends]
                peers = frozenset(there for here, there in ends if here == (name, each.name))
                if (name, each.name) not in kept:
                    alike[each.side, peers].append(each.name)
            for names in alike.values():
                if len(names) == 1 or self._random.random() < 0.4:
                    continue
                first = names[0]
                ports[name][:] = [
                    msgspec.structs.replace(each, name=first) if each.name in names else each for each in listed
                ]
                listed = ports[name]  # noqa: PLW2901 - the next names are merged in what has become of it
                as_one = {(name, each): (name, first) for each in names}
                outer = {(*as_one.get((a, b), (a, b)), *as_one.get((c, d), (c, d))): None for a, b, c, d in outer}
        return outer

    def _end(
        self, side: str, node: Path, port: str, ports: dict[str, list[_Bound]], silent: set[str]
    ) -> tuple[str, str]:
        """An end of an edge as it is written at this level; a port is made for it where it is further inside."""
        name, *rest = node
        if not rest:
            return name, port
        if port == "error" and name in silent:
            return name, "error"
        known = next((b for b in ports[name] if (b.side, b.node, b.port) == (side, tuple(rest), port)), None)
        if known is None:
            known = _Bound(side, f"{side[0]}{len(ports[name])}", tuple(rest), port)
            ports[name].append(known)
        return name, known.name

    def _leaves_errors_alone(
        self, name: str, inside: Mapping[Path, dict[str, Any]], edges: Sequence[_Edge], bound: Sequence[_Bound]
    ) -> bool:
        """Whether the errors of a group can leave by its own error port: all that nothing takes inside go one way.

        Only where the draw wants it.
        """
        targets: dict[Path, set[tuple[Path, str]]] = {path: set() for path in inside}
        taken = set()
        for edge in edges:
            if edge.source[0] == name and edge.out == "error" and len(edge.source) > 1:
                if edge.target[0] == name:
                    taken.add(edge.source[1:])
                else:
                    targets[edge.source[1:]].add((edge.target, edge.into))
        if any(each.node[0] == name and each.port == "error" for each in bound):
            return False
        left = [frozenset(targets[path]) for path in inside if path not in taken]
        is_one_way = bool(left) and bool(left[0]) and len(set(left)) == 1 and not any(targets[p] for p in taken)
        return is_one_way and self._random.random() < 0.7

    def _ends(self, ends: Sequence[tuple[str, str]]) -> Any:
        found = [{"node": node, "port": port} for node, port in dict.fromkeys(ends)]
        return found[0] if len(found) == 1 and self._random.random() < 0.8 else found
