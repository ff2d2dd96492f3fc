"""The tables of an execution, made to fit another graph: inboxes, counters of edges, and what waits or is held.

Called while no node works and no injection is in the midst of being taken in, and without an await: nobody sees it
half done.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import NO_EDGE, Message
from engine.counters.edge_counters import EdgeCounters
from engine.execution.injection import Located
from engine.execution.injector import Injector
from engine.execution.shared import ExecutionShared
from engine.reload.plan import edge_keys


class Rewiring:
    """The way from one graph to another.

    Args:
        shared: of the execution.
        injector: likewise.
        old: the graph that it runs.
        new: the graph that it is to run.
    """

    def __init__(self, shared: ExecutionShared, injector: Injector, old: LoadedGraph, new: LoadedGraph) -> None:
        self._shared = shared
        self._injector = injector
        self._old = old
        self._new = new
        self._nodes: Mapping[int, CompiledNode] = {
            node.index: found for node in old.nodes for found in [new.node(node.id)] if found is not None
        }
        present = {key: index for index, key in enumerate(edge_keys(new.edges))}
        self._edges = {index: present[key] for index, key in enumerate(edge_keys(old.edges)) if key in present}

    def apply(self, queues: Mapping[str, int]) -> list[Message]:
        """Rewire everything; return the messages that have no place in the new graph.

        Args:
            queues: indices of the new graph's edges that are handed what waits before removed nodes, by their ids.
        """
        shared = self._shared
        inboxes, counters = list(shared.inboxes), list(shared.edges)
        for index, node in self._nodes.items():
            inboxes[index].change(partial(self._moved, index))
            inboxes[index].widen(node.capacity, node.overflow)
        moved = {node.index: inboxes[index] for index, node in self._nodes.items()}
        shared.inboxes[:] = [
            moved[node.index] if node.index in moved else shared.make_inbox(node) for node in self._new.nodes
        ]
        former = {new: old for old, new in self._edges.items()}
        shared.edges[:] = [
            counters[former[index]] if index in former else EdgeCounters() for index in range(len(self._new.edges))
        ] + [counters[-1]]
        if shared.outputs.kept is not None:
            shared.outputs.kept.move(self._nodes, self._old.nodes)
        shared.early_starts.clear()
        lost = self._injector.change_held(self._moved_held)
        for node in self._old.nodes:
            if node.index not in self._nodes:
                inbox = inboxes[node.index]
                waiting = inbox.waiting()
                if node.id in queues:
                    self._hand_over(waiting, queues[node.id], counters)
                else:
                    lost += waiting
                inbox.close()
        return lost

    def _moved(self, index: int, message: Message) -> Message:
        """Return a message as it waits before a node of the new graph, which knew it by this index."""
        node = self._nodes[index]
        port = node.input_of.get(self._old.nodes[index].inputs[message.port], message.port)
        edge = NO_EDGE if message.edge == NO_EDGE else self._edges.get(message.edge, NO_EDGE)
        if port == message.port and edge == message.edge:
            return message
        return msgspec.structs.replace(message, port=port, edge=edge)

    def _moved_held(self, index: int, message: Message) -> Located | None:
        node = self._nodes.get(index)
        if node is None or self._old.nodes[index].inputs[message.port] not in node.input_of:
            return None
        return node.index, self._moved(index, message)

    def _hand_over(self, waiting: Sequence[Message], edge: int, counters: Sequence[EdgeCounters]) -> None:
        """Let messages wait on an edge of the new graph, behind those that do."""
        target = self._new.edges[edge].target
        node = self._new.nodes[self._new.index_of[target.node]]
        port = node.input_of[target.port]
        for message in waiting:
            counters[message.edge].take(1)
        self._shared.edges[edge].sent += len(waiting)
        moved = [msgspec.structs.replace(message, port=port, edge=edge) for message in waiting]
        self._shared.inboxes[node.index].put_back(moved, behind=True)
