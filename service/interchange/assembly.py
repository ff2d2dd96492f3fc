"""A graph put together of nodes and wires: doubled wires become one, and what closes a cycle is left out. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

SPECIFICATION = "1.0"

_PLACEHOLDER = re.compile(r"\$+(?=\{(?:param|env|secret)\.)")


class Wire(msgspec.Struct, frozen=True, order=True):
    """A wire between two ports, by the ids of their nodes."""

    source: str
    output: str
    target: str
    input: str = "in"


def without_cycles(nodes: Sequence[str], wires: Iterable[Wire]) -> tuple[list[Wire], list[Wire]]:
    """Tell wires that can stay from those that lead back; the latter close a cycle each.

    A search from the nodes that nothing feeds, then from the others in their order, calls back whatever leads to a
    node that it is still behind, so of a loop the wire to its beginning is the one that goes.
    """
    kept = list(dict.fromkeys(wires))
    onward: dict[str, list[Wire]] = {node: [] for node in nodes}
    fed: set[str] = set()
    for wire in kept:
        onward[wire.source].append(wire)
        fed.add(wire.target)
    back: set[Wire] = set()
    finished: set[str] = set()
    for start in (*(node for node in nodes if node not in fed), *nodes):
        if start not in finished:
            back.update(_back_from(start, onward, finished))
    return [wire for wire in kept if wire not in back], [wire for wire in kept if wire in back]


def _back_from(start: str, onward: dict[str, list[Wire]], finished: set[str]) -> Iterator[Wire]:
    """Yield the wires that lead back, of those within reach of a node; without recursion, for chains are long."""
    open_nodes = {start}
    stack = [(start, iter(onward[start]))]
    while stack:
        node, rest = stack[-1]
        wire = next(rest, None)
        if wire is None:
            stack.pop()
            open_nodes.discard(node)
            finished.add(node)
        elif wire.target in open_nodes:
            yield wire
        elif wire.target not in finished:
            open_nodes.add(wire.target)
            stack.append((wire.target, iter(onward[wire.target])))


class Reach:
    """Answers whether a wire would close a cycle, as wires are added one after another."""

    def __init__(self, wires: Iterable[Wire]) -> None:
        self._onward: dict[str, set[str]] = {}
        for wire in wires:
            self.add(wire)

    def add(self, wire: Wire) -> None:
        """Take in a wire."""
        self._onward.setdefault(wire.source, set()).add(wire.target)

    def closes(self, wire: Wire) -> bool:
        """Return whether the wire's source is within reach of its target."""
        seen = {wire.target}
        waiting = [wire.target]
        while waiting:
            node = waiting.pop()
            if node == wire.source:
                return True
            fresh = self._onward.get(node, set()) - seen
            seen |= fresh
            waiting += fresh
        return False


def literal(value: Any) -> Any:
    """Return a value of a configuration in which no text is a placeholder of ours, whatever it looks like."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda dollars: dollars[0] * 2, value)
    if isinstance(value, list):
        return [literal(item) for item in value]
    return {key: literal(item) for key, item in value.items()} if isinstance(value, dict) else value


def graph_document(
    name: str, nodes: Iterable[dict[str, Any]], wires: Iterable[Wire], **more: Any
) -> dict[str, Any]:
    """Return a graph as its authors write it; ``more`` are further fields, and empty ones are left away."""
    edges = [
        {
            "source": {"node": wire.source, "port": wire.output},
            "target": {"node": wire.target, "port": wire.input},
        }
        for wire in wires
    ]
    shown = [{**node, "config": literal(node["config"])} if "config" in node else node for node in nodes]
    head = {"symbia": SPECIFICATION, "name": name, **{key: value for key, value in more.items() if value}}
    return {**head, "nodes": shown, "edges": edges}
