"""What is pushed through every engine alike: graphs of equal nodes, and the values that travel through them."""

import json
from itertools import pairwise
from typing import Any

import msgspec

from benchmarks.works import WORKS, WorkName

NUMBER = b"21"


class Workload(msgspec.Struct, frozen=True):
    """A graph and its messages, in words that every engine can be told.

    Attributes:
        name: for tables.
        work: of all nodes.
        nodes: their ids.
        edges: pairs of ids.
        entries: the nodes that messages enter, in turn.
        outputs: values that leave the graph for each message.
        invocations: nodes that each message passes.
        value: JSON text.
        executions: how many of the graph run side by side.
    """

    name: str
    work: WorkName
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    entries: tuple[str, ...]
    outputs: int
    invocations: int
    value: bytes = NUMBER
    executions: int = 1

    def document(self, component: str = "symbia.core.map") -> dict[str, Any]:
        """The graph as this runtime takes it, made of one kind of component."""
        config = {"expression": WORKS[self.work].expression} if component == "symbia.core.map" else {}
        return {
            "symbia": "1.0",
            "name": self.name,
            "version": "1.0.0",
            "nodes": [{"id": node, "component": component, "config": config} for node in self.nodes],
            "edges": [
                {"source": {"node": source, "port": "out"}, "target": {"node": target, "port": "in"}}
                for source, target in self.edges
            ],
        }

    def request(self) -> dict[str, Any]:
        """The graph and its messages as a peer takes them (peers/README.md)."""
        work = {"work": self.work, "expression": WORKS[self.work].expression}
        return {
            "graph": {"nodes": [{"id": node, **work} for node in self.nodes], "edges": self.edges},
            "entries": self.entries,
            "outputs": self.outputs,
            "value": json.loads(self.value),
            "executions": self.executions,
        }


def chain(length: int, work: WorkName = "double", value: bytes = NUMBER, executions: int = 1) -> Workload:
    """Nodes in a row."""
    nodes = _names(length)
    edges = tuple(pairwise(nodes))
    name = f"chain of {length}"
    return Workload(name, work, nodes, edges, nodes[:1], 1, length, value, executions)


def fan_out(width: int) -> Workload:
    """One node that feeds many."""
    head, *others = nodes = _names(width + 1)
    edges = tuple((head, other) for other in others)
    return Workload(f"fan-out to {width}", "double", nodes, edges, (head,), width, width + 1)


def fan_in(width: int) -> Workload:
    """Many nodes that feed one; messages enter them in turn."""
    *others, end = nodes = _names(width + 1)
    edges = tuple((other, end) for other in others)
    return Workload(f"fan-in from {width}", "double", nodes, edges, tuple(others), 1, 2)


def diamond() -> Workload:
    """One node that feeds two, which feed one."""
    nodes = top, left, right, end = _names(4)
    edges = ((top, left), (top, right), (left, end), (right, end))
    return Workload("diamond", "double", nodes, edges, (top,), 2, 5)


def wide(width: int) -> Workload:
    """One node that feeds many, which all feed one."""
    nodes = _names(width + 2)
    head, *others, end = nodes
    edges = tuple((head, other) for other in others) + tuple((other, end) for other in others)
    return Workload(f"wide, {width} in parallel", "double", nodes, edges, (head,), width, 2 * width + 1)


def document_of(size_bytes: int) -> bytes:
    """A JSON value of about so many bytes: a number where it is small, else an order of as many items as fit."""
    if size_bytes <= 16:
        return b"21.1234567"
    count = max(1, round((size_bytes - _ORDER_BYTES) / _ITEM_BYTES))
    items = [{"sku": f"SKU-{at:05d}", "qty": at % 9 + 1, "price": 19.95} for at in range(count)]
    customer = {"name": "Jürgen Groß", "country": "DE"}
    return _text_of({"id": "order-4711", "customer": customer, "price": 21.5, "qty": 3, "items": items})


_ORDER_BYTES, _ITEM_BYTES = 104, 42
"""Of an order without items, and of each of them."""


def _text_of(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _names(count: int) -> tuple[str, ...]:
    return tuple(f"n{index}" for index in range(count))
