"""The nodes that stand around a node with ``forEach``: those that take apart what comes, and gather what leaves.

They have the node's path before their names, in parentheses, so that no node of an author has the same.
"""

from typing import Any

import msgspec

from proto.component import ERROR_PORT
from proto.graph import Edge, Endpoint, ForEach, InboxOptions, Node, OnError

EACH = "symbia.core.each"
GATHER = "symbia.core.gather"
COMPONENTS = (EACH, GATHER)

ITEM = "item"
"""The last step of the path of a component that handles the items."""

FAILED = "failed"
"""The port of a gather that takes the errors of items."""


class Brackets:
    """The nodes around one node.

    Args:
        node: with its path for its id.
        inputs: the ports that take arrays.
        outputs: the ports by which what became of the items leaves, without ``error``; the first one leads.
        on_error: what an unconnected error does, where the node does not say it.

    Attributes:
        path: of the node.
        nodes: that stand around it.
    """

    def __init__(
        self, node: Node, inputs: tuple[str, ...], outputs: tuple[str, ...], on_error: OnError | None = None
    ) -> None:
        self.path = node.id
        self._every = node.every or ForEach()
        asked = node.on_error or on_error
        self._on_error: OnError | None = "fail" if asked == "retry" else asked
        self._eaches = {port: self._name("each", port, inputs) for port in inputs}
        self._gathers = {port: self._name("gather", port, outputs) for port in outputs}
        self.nodes = [
            *(self._each(name, port, node) for port, name in self._eaches.items()),
            *(self._gather(name, is_first=port == outputs[0]) for port, name in self._gathers.items()),
        ]

    def _name(self, what: str, port: str, ports: tuple[str, ...]) -> str:
        return f"{self.path}/({what})" if len(ports) == 1 else f"{self.path}/({what} {port})"

    def _each(self, name: str, port: str, node: Node) -> Node:
        config: dict[str, Any] = {"concurrency": self._every.concurrency, "_port": port}
        return Node(name, EACH, config=config, on_error=self._on_error, inbox=node.inbox)

    def _gather(self, name: str, *, is_first: bool) -> Node:
        """Make the node that gathers one port; the first one tells of what has gone wrong, for all of them."""
        every = self._every
        config: dict[str, Any] = {"onItemError": every.on_item_error, "timeoutMs": every.timeout_ms}
        config["_inside"] = True
        if not is_first:
            config |= {"_silent": True, "onItemError": "fail" if every.on_item_error == "fail" else "skip"}
        return Node(name, GATHER, config=config, on_error=self._on_error)

    def into(self, port: str) -> Endpoint | None:
        """Return where an array goes that comes by a port."""
        return Endpoint(self._eaches[port], "in") if port in self._eaches else None

    def out_of(self, port: str) -> tuple[Endpoint, ...]:
        """Return where the node's own values come from, by a port; nothing where nobody gathers it."""
        if port == ERROR_PORT:
            return tuple(Endpoint(each.id, ERROR_PORT) for each in self.nodes)
        return (Endpoint(self._gathers[port], "out"),) if port in self._gathers else ()

    def gathers(self, port: str) -> bool:
        """Return whether what leaves by a port inside is gathered; errors are where anything is."""
        return port in self._gathers or (port == ERROR_PORT and bool(self._gathers))

    def inner_edges(self, port: str, targets: tuple[Endpoint, ...]) -> list[Edge]:
        """Return the edges by which the items of a port reach those who handle them."""
        return [Edge(Endpoint(self._eaches[port], "out"), target) for target in targets]

    def outer_edges(self, port: str, sources: tuple[Endpoint, ...]) -> list[Edge]:
        """Return the edges by which what became of items is gathered, or by which all hear of their errors."""
        if port == ERROR_PORT:
            failed = [Endpoint(name, FAILED) for name in self._gathers.values()]
            return [Edge(source, target) for source in sources for target in failed]
        return [Edge(source, Endpoint(self._gathers[port], "in")) for source in sources]


def without_brackets(path: str) -> str:
    """Return the path of a node; of one that stands around another, that of the other."""
    return path.rpartition("/(")[0] if path.endswith(")") and "/(" in path else path


def item_of(node: Node, outputs: tuple[str, ...], *, is_stateless: bool) -> Node:
    """Return the node that handles the items of one with a component."""
    every = node.every or ForEach()
    changes: dict[str, Any] = {"id": f"{node.id}/{ITEM}", "for_each": False, "inbox": InboxOptions()}
    if outputs and node.on_error != "retry":
        changes["on_error"] = None
    if is_stateless and every.concurrency > 1 and node.concurrency == 1:
        changes["concurrency"] = min(every.concurrency, 100)
    return msgspec.structs.replace(node, **changes)
