"""The edges of a running execution, and the messages that wait on them: read, and left as they are.

An edge has no queue of its own: its messages wait in the inbox of its target, among those of the other edges that
end there. An edge between nodes that run as one has nothing there, because it has no queue at all.
"""

from collections.abc import Sequence

import msgspec
import trio

from engine.contracts.handler import Message
from engine.contracts.lanes import NAMES
from engine.cooperative.slices import Steps, paced
from engine.execution.shared import ExecutionShared
from proto.edge import EdgeSnapshot, WaitingMessage
from proto.graph import Edge

_BETWEEN_YIELDS = 100
"""Edges or messages that are read between two yields."""

_NULL = b"null"


def edge_name(edge: Edge, index: int) -> str:
    """Return the name by which an edge is asked for."""
    return edge.id or str(index)


def edge_index(edges: Sequence[Edge], name: str) -> int | None:
    """Return the index of the edge of a name; None where there is none. An author's id goes before an index."""
    for index, edge in enumerate(edges):
        if edge.id and edge.id == name:
            return index
    index = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else -1
    return index if 0 <= index < len(edges) and not edges[index].id else None


def read_edges(shared: ExecutionShared, indices: Sequence[int] | None = None) -> Steps[list[EdgeSnapshot]]:
    """Read edges at this moment: all of them, or those of some indices.

    What waits at a node is counted once for all edges that end there.
    """
    now = trio.current_time()
    waiting: dict[int, dict[int, tuple[int, int]]] = {}
    snapshots: list[EdgeSnapshot] = []
    edges = shared.graph.edges
    for index, is_due in paced(range(len(edges)) if indices is None else indices, _BETWEEN_YIELDS):
        edge, counters = edges[index], shared.edges[index]
        target = shared.graph.nodes[shared.graph.index_of[edge.target.node]]
        if target.index not in waiting:
            waiting[target.index] = yield from _weigh(shared.inboxes[target.index].waiting())
        here = waiting[target.index].get(index)
        snapshots.append(
            EdgeSnapshot(
                edge=edge_name(edge, index),
                index=index,
                source=str(edge.source),
                target=str(edge.target),
                sent=counters.sent,
                waiting=counters.queued,
                waiting_bytes=0 if here is None else here[0],
                oldest_sequence=None if here is None else here[1],
                peak=max(counters.peak, counters.queued),
                dropped=counters.dropped,
                blocked_seconds=round(counters.blocked_until(now), 6),
                capacity=target.capacity,
                overflow=target.overflow,
            )
        )
        if is_due:
            yield
    return snapshots


def read_waiting(shared: ExecutionShared, index: int) -> Steps[list[Message]]:
    """Read the messages that wait on an edge, the oldest first."""
    edge = shared.graph.edges[index]
    inbox = shared.inboxes[shared.graph.index_of[edge.target.node]]
    found: list[Message] = []
    for message, is_due in paced(inbox.waiting(), _BETWEEN_YIELDS):
        if message.edge == index:
            found.append(message)
        if is_due:
            yield
    return found


def shown_message(shared: ExecutionShared, message: Message, most_bytes: int) -> WaitingMessage:
    """Return a message as it is shown: without secrets, and without its value where that is larger."""
    is_omitted = len(message.value) > most_bytes
    value = _NULL if is_omitted else message.value if shared.mask is None else shared.mask.json(message.value)
    return WaitingMessage(
        sequence=message.sequence,
        lane=NAMES[message.lane],
        size_bytes=len(message.value),
        value=msgspec.Raw(value),
        is_omitted=is_omitted,
    )


def _weigh(messages: Sequence[Message]) -> Steps[dict[int, tuple[int, int]]]:
    """Return the bytes, and the number of the first, of the messages of each edge, by its index."""
    found: dict[int, tuple[int, int]] = {}
    for message, is_due in paced(messages, _BETWEEN_YIELDS):
        size_bytes, oldest = found.get(message.edge, (0, message.sequence))
        found[message.edge] = size_bytes + len(message.value), oldest
        if is_due:
            yield
    return found
