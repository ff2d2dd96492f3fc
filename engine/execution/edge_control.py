"""The edges of one execution in a person's hands: held, let go, stepped, and looked at before their nodes do.

An edge lies before its target, so what is done to it is done in the target's inbox, which becomes a controlled one
as long as anything is held there (``engine.execution.controlled_inbox``). Injections come to a node along an edge
that has no index: ``NO_EDGE``. An edge between nodes that run as one has no queue: the nodes run alone from then
on.

The execution's own commands and these meet in one place each:

- What is held is accepted and in flight. So an execution of which an edge is held does not complete, neither by
  itself nor when it is told that no more input comes; its timeout goes on.
- ``stop`` ends it, and what is held is unprocessed. A stop that drains lets all go first, as it resumes what is
  paused, and from then on nothing can be held.
- ``pause`` and ``resume`` of the execution change nothing about its edges, and these nothing about that.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import trio

from engine.contracts.handler import NO_EDGE, Message
from engine.errors import InboxFullError
from engine.execution.controlled_inbox import ControlledInbox, Judge, controlled, let_go
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from proto.graph import Edge


class Queue(NamedTuple):
    """One edge, where it ends.

    Attributes:
        node: the index of its target.
        edge: its index; ``NO_EDGE`` for what is injected there.
    """

    node: int
    edge: int


def edge_names(edges: Sequence[Edge]) -> list[str]:
    """Return the names by which edges are asked for: each one's id, or its index where it has none.

    An edge to a port of a graph that leads to several ports inside has become several: the first has the id.
    """
    seen = {""}
    names = []
    for index, edge in enumerate(edges):
        names.append(str(index) if edge.id in seen else edge.id)
        seen.add(edge.id)
    return names


def edge_name(edges: Sequence[Edge], index: int) -> str:
    """Return the name of one edge, as ``edge_names`` does of all."""
    identifier = edges[index].id
    is_first = not any(edge.id == identifier for edge in edges[:index])
    return identifier if identifier and is_first else str(index)


class EdgeControl:
    """The control of one execution's edges; from when its instances are there until it ends.

    Args:
        shared: has the inboxes.
        instances: of its nodes, by index.

    Attributes:
        is_closed: whether nothing can be held any more.
        is_concluding: whether nodes say their last words: what comes then may be the last thing.
        revisions: by edge, how many commands to it were obeyed.
        on_gone: hears of messages that somebody has let through, dropped or led elsewhere by name; and whether
            they come to another node.
        rewirings: how often edges have got other indices.
    """

    def __init__(self, shared: ExecutionShared, instances: Sequence[Instance]) -> None:
        self._shared = shared
        self._instances = instances
        self._inboxes: dict[int, ControlledInbox] = {}  # by index of the node
        self._by_hand: set[Queue] = set()  # those that somebody holds by name
        self.is_closed = self.is_concluding = False
        self.on_gone: Callable[[Sequence[Message], bool], None] | None = None
        self.rewirings = 0
        self.revisions: Counter[Queue] = Counter()
        self._earlier_commands = 0  # to any edge of former graphs, and one more for each of these
        self._parted: Counter[int] = Counter()  # by node: how many want it to run alone

    @cached_property
    def names(self) -> list[str]:
        """The names of the edges, by index."""
        return edge_names(self._shared.graph.edges)

    def change_graph(self) -> None:
        """Know the edges of another graph from now on, to none of which a command was obeyed yet.

        No tag comes again: one that was read of a former graph fits no edge of this one.
        """
        self.__dict__.pop("names", None)
        self._earlier_commands += 1 + max(self.revisions.values(), default=0)
        self.revisions.clear()
        self.rewirings += 1

    def hold(self, queue: Queue) -> None:
        """Hold an edge: what waits on it and what comes stays there. Idempotent; nothing where it is closed.

        What its target has taken is not held any more; of nodes that run as one, what their call under way has
        begun.
        """
        if not self.is_closed:
            self._dissolve(queue.node, [queue.edge])
            self.inbox(queue.node).hold(queue.edge)
            self._by_hand.add(queue)

    def release(self, queue: Queue) -> None:
        """Hold an edge no more, whoever does. Idempotent."""
        self._by_hand.discard(queue)
        inbox = self._inboxes.get(queue.node)
        if inbox is not None:
            inbox.release(queue.edge)
            self.tidy(queue.node)

    def note_gone(self, messages: Sequence[Message], *, is_elsewhere: bool = False) -> None:
        """Take note that messages wait no more where they did, because somebody has said so."""
        if messages and self.on_gone is not None:
            self.on_gone(messages, is_elsewhere)

    def require_room(self, queue: Queue, size: int) -> None:
        """Refuse to let what waits on an edge become larger by so many bytes, where there is no room for that.

        Raises:
            InboxFullError: its target has none.
            MemoryBoundError: there is no memory.
        """
        if size <= 0:
            return
        try:
            if not self.inbox(queue.node).may_grow_on(queue.edge, size):
                raise InboxFullError(self._shared.graph.nodes[queue.node].id, 0.0)
        finally:
            self.tidy(queue.node)

    def is_unjudged(self, node: int, message: Message) -> bool:
        """Return whether a message waits to be judged before a node, as it is."""
        return node in self._inboxes and self._inboxes[node].is_unjudged(message)

    def release_judged(self, queue: Queue) -> None:
        """Hold an edge no more of which a judge has said that it is to be held; unless somebody else does."""
        if queue not in self._by_hand:
            self.release(queue)

    def let_through(self, queues: Sequence[Queue], sequence: int) -> None:
        """Let a message that comes next on one of some edges go on before what else is let go with it."""
        for queue in queues:
            if queue not in self._by_hand and self.is_held(queue):
                waiting = self._inboxes[queue.node].waiting_on(queue.edge)
                if waiting and waiting[0].sequence == sequence:
                    self.step(queue, 1)

    def step(self, queue: Queue, count: int) -> Sequence[Message]:
        """Let messages of a held edge through, as many as there is room for; return them."""
        return self._inboxes[queue.node].step(queue.edge, count) if self.is_held(queue) else ()

    def judge(self, node: int, judge: Judge | None) -> None:
        """Let each message to a node be judged before it is handed over, or none any more.

        A message is judged once, when its node is about to take it; what steps is not judged. The edges that the
        judge returns are held from that message on, until ``release_judged``. The judge must not raise.
        """
        if judge is None:
            if node in self._inboxes:
                self._inboxes[node].judge = None
                self.tidy(node)
        elif not self.is_closed:
            self._dissolve(node, self._edges_to(node))
            self.inbox(node).judge = judge

    def part(self, node: int) -> None:
        """Let a node run alone, if it runs as one with others, until ``join`` was called as often."""
        self._parted[node] += 1
        chained = self._instances[node].chained
        if chained is not None:
            chained.dissolve()

    def join(self, node: int) -> None:
        """Let a node run as one with others again, if nobody else wants it alone."""
        self._parted[node] -= 1
        self._form_again(node)

    def _form_again(self, node: int) -> None:
        """Form the chain of a node, if nobody has anything in hand between its nodes, or looks at one alone."""
        chained = self._instances[node].chained if self._instances else None
        if chained is None:
            return
        inner = chained.inner_edges
        for member in [each.node.index for each in self._instances if each.chained is chained]:
            inbox = self._inboxes.get(member)
            if self._parted[member] or (inbox is not None and not inner.isdisjoint(inbox.held_edges)):
                return
            if inbox is not None and inbox.judge is not None and not inner.isdisjoint(self._edges_to(member)):
                return
        chained.form()

    def _edges_to(self, node: int) -> Sequence[int]:
        return self._shared.graph.nodes[node].incoming

    def is_held(self, queue: Queue) -> bool:
        """Return whether an edge is held."""
        return queue.node in self._inboxes and queue.edge in self._inboxes[queue.node].held_edges

    def is_by_hand(self, queue: Queue) -> bool:
        """Return whether somebody holds an edge by name."""
        return queue in self._by_hand

    def tag(self, queue: Queue) -> str:
        """Return what changes with each command to an edge."""
        return f"edge-{self._earlier_commands + self.revisions[queue]}"

    def held(self) -> Sequence[Queue]:
        """Return the edges that are held."""
        return [Queue(node, edge) for node, inbox in self._inboxes.items() for edge in inbox.held_edges]

    def held_by_hand(self) -> Sequence[Queue]:
        """Return the edges that somebody holds by name; breakpoints may hold others."""
        return [queue for queue in self.held() if queue in self._by_hand]

    @property
    def controlled(self) -> Sequence[int]:
        """The indices of the nodes of which an edge is held, or whose messages are judged."""
        return tuple(self._inboxes)

    def held_messages(self, queue: Queue) -> int:
        """Return how many messages stand aside on an edge."""
        return self._inboxes[queue.node].held_on(queue.edge) if queue.node in self._inboxes else 0

    def close(self) -> None:
        """Let all go, and hold nothing any more: the execution drains."""
        self.is_closed = True
        for node, inbox in list(self._inboxes.items()):
            inbox.judge = None
            for edge in inbox.held_edges:
                inbox.release(edge)
            self.tidy(node)

    def empty(self) -> None:
        """Let go of the inboxes, once the execution has ended."""
        self.is_closed = True
        self._inboxes.clear()
        self._instances = ()

    def inbox(self, node: int) -> ControlledInbox:
        """Return the inbox of a node, controlled from now on; ``tidy`` must follow where nothing is held there."""
        inbox = self._inboxes.get(node)
        if inbox is None:
            instance = self._instances[node]
            if instance.chained is not None:  # a call may have begun with a message that still waits there
                instance.chained.abandon_early(instance.place)
            inbox = self._inboxes[node] = controlled(self._shared.inboxes[node])
            inbox.tell = self._note_held
        return inbox

    def _note_held(self, edge: int, is_held: bool) -> None:
        """Count the time in which a source waits because its edge is held: its target is not to blame."""
        if edge != NO_EDGE:
            counters = self._shared.edges[edge]
            (counters.begin_hold if is_held else counters.end_hold)(trio.current_time())

    def tidy(self, node: int) -> None:
        """Let the inbox of a node be an ordinary one, where nothing is held in it."""
        inbox = self._inboxes.get(node)
        if inbox is not None and inbox.is_free:
            del self._inboxes[node]
            let_go(inbox)
        self._form_again(node)

    def _dissolve(self, node: int, edges: Sequence[int]) -> None:
        chained = self._instances[node].chained
        if chained is not None and not chained.inner_edges.isdisjoint(edges):
            chained.dissolve()
