"""The edges of a running execution, and the messages that wait on them: read, and left as they are.

An edge without a policy has no queue of its own: its messages wait in the inbox of its target, among those of the
other edges that end there. An edge between nodes that run as one has nothing there: it has no queue at all.
"""

from collections.abc import Sequence
from hashlib import blake2b

import msgspec
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import NO_EDGE, Message, SyntheticMessage
from engine.contracts.lanes import NAMES
from engine.cooperative.slices import Steps, paced
from engine.errors import EdgeNotFoundError, NodeNotFoundError
from engine.execution.controlled_inbox import ControlledInbox, waiting_on
from engine.execution.edge_control import EdgeControl, Queue
from engine.execution.shared import ExecutionShared
from proto.edge import EdgeSnapshot, WaitingMessage
from proto.graph import Edge

_BETWEEN_YIELDS = 100
"""Edges or messages that are read between two yields."""

_NULL = b"null"

INPUT = "input:"
"""The beginning of the name of what is injected into a node; the node's id follows."""


def edge_index(edges: Sequence[Edge], name: str) -> int | None:
    """Return the index of the edge of a name; None where there is none. An author's id goes before an index."""
    for index, edge in enumerate(edges):
        if edge.id and edge.id == name:
            return index
    index = int(name) if name.isascii() and name.isdigit() and len(name) < 10 else -1
    if not 0 <= index < len(edges):
        return None
    identifier = edges[index].id
    return index if not identifier or any(edge.id == identifier for edge in edges[:index]) else None


def find_queue(graph: LoadedGraph, name: str) -> Queue:
    """Return an edge by its name: its id, or its index, or ``input:`` and a node's id.

    Raises:
        EdgeNotFoundError: there is none of this name.
    """
    index = edge_index(graph.edges, name)
    if index is not None:
        return Queue(graph.index_of[graph.edges[index].target.node], index)
    node = graph.index_of.get(name.removeprefix(INPUT)) if name.startswith(INPUT) else None
    if node is None:
        raise EdgeNotFoundError(name[:100])
    return Queue(node, NO_EDGE)


def queues_of(graph: LoadedGraph, node_id: str) -> list[Queue]:
    """Return the edges that lead to a node, or into a graph that it uses and between the nodes inside.

    Raises:
        NodeNotFoundError: there is no such node.
    """
    inside = f"{node_id}/"
    is_use = node_id in graph.uses
    nodes = [node.index for node in graph.nodes if node.id == node_id or (is_use and node.id.startswith(inside))]
    if not nodes:
        raise NodeNotFoundError(node_id[:100])
    wanted = set(nodes)
    targets = [graph.index_of[edge.target.node] for edge in graph.edges]
    edges = [Queue(target, index) for index, target in enumerate(targets) if target in wanted]
    return [*edges, *[Queue(node, NO_EDGE) for node in nodes]]


def read_edges(
    shared: ExecutionShared, control: EdgeControl, indices: Sequence[int] | None = None
) -> Steps[list[EdgeSnapshot]]:
    """Read edges at this moment: all of them, or those of some indices.

    What waits at a node is counted once for all edges that end there.
    """
    now = trio.current_time()
    began = now if shared.counters.started_seconds is None else shared.counters.started_seconds
    waiting: dict[int, dict[int, tuple[int, int]]] = {}
    snapshots: list[EdgeSnapshot] = []
    edges = shared.graph.edges
    for index, is_due in paced(range(len(edges)) if indices is None else indices, _BETWEEN_YIELDS):
        edge, counters = edges[index], shared.edges[index]
        target = shared.graph.nodes[shared.graph.index_of[edge.target.node]]
        if target.index not in waiting:
            waiting[target.index] = yield from _weigh(shared.inboxes[target.index].waiting())
        here = waiting[target.index].get(index)
        sent_per_second, taken_per_second = counters.rates(now, began)
        queue = Queue(target.index, index)
        rules = shared.graph.policies.get(index)
        letters_of = shared.graph.letters_of.get(index)
        snapshots.append(
            EdgeSnapshot(
                edge=control.names[index],
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
                is_held=control.is_held(queue),
                tag=control.tag(queue),
                sent_per_second=round(sent_per_second, 1),
                taken_per_second=round(taken_per_second, 1),
                oldest_age_ms=None if here is None else round(shared.ages.seconds(here[1], now) * 1000),
                capacity=target.capacity if rules is None else rules.capacity,
                overflow=target.overflow if rules is None else rules.overflow,
                expired=counters.expired,
                dead_lettered=counters.dead_lettered,
                policy=None if rules is None else rules.policy,
                dead_letters_of=None if letters_of is None else control.names[letters_of],
            )
        )
        if is_due:
            yield
    return snapshots


def read_waiting(shared: ExecutionShared, queue: Queue) -> Steps[list[Message]]:
    """Read the messages that wait on an edge, the oldest first."""
    found: list[Message] = []
    inbox = shared.inboxes[queue.node]
    is_held = isinstance(inbox, ControlledInbox) and queue.edge in inbox.held_edges
    waiting = waiting_on(inbox, queue.edge) if is_held else inbox.waiting()  # what has stepped waits no more
    for message, is_due in paced(waiting, _BETWEEN_YIELDS):
        if message.edge == queue.edge:
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
        age_ms=round(shared.ages.seconds(message.sequence, trio.current_time()) * 1000),
        is_synthetic=isinstance(message, SyntheticMessage),
        tag=message_tag(message),
    )


def message_tag(message: Message) -> str:
    """Return what tells a message that waits from itself with another value."""
    return f"{message.sequence}-{blake2b(message.value, digest_size=8).hexdigest()}"


def _weigh(messages: Sequence[Message]) -> Steps[dict[int, tuple[int, int]]]:
    """Return the bytes, and the number of the first, of the messages of each edge, by its index."""
    found: dict[int, tuple[int, int]] = {}
    for message, is_due in paced(messages, _BETWEEN_YIELDS):
        size_bytes, oldest = found.get(message.edge, (0, message.sequence))
        found[message.edge] = size_bytes + len(message.value), oldest
        if is_due:
            yield
    return found
