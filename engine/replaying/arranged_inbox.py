"""The inbox of a node that several others feed: what comes too early waits until it is its turn.

Which of two nodes is quicker is nobody's to say, and what a third one remembers of them may depend on it. So a
recording says in which order a node was handed what came along its edges, and here it is handed it in that order
again. Where that cannot be, because another program emits less, the rest goes in as it came once all is over.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import trio

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox
from engine.execution.joined_inbox import JoinedInbox
from engine.execution.shared import ExecutionShared


class ArrangedInbox(Inbox):
    """An inbox that hands out messages in a given order.

    Args:
        inbox: that it takes the place of, before anything has come.
        order: the index of the edge of each message, in the order in which they are handed out.
    """

    def __init__(self, inbox: Inbox, order: Iterable[int]) -> None:
        self.__dict__.update(inbox.__dict__)
        self._order = deque(order)
        self._arranged = frozenset(self._order)
        self._early: dict[int, deque[Message]] = {}
        self._is_released = False
        self._waiting = trio.CancelScope()

    async def take_batch(self, limit: int) -> list[Message]:
        while True:
            if batch := self._due(limit):
                await trio.lowlevel.checkpoint()
                return batch
            with trio.CancelScope() as self._waiting:
                for message in await super().take_batch(limit):
                    self._early.setdefault(message.edge, deque()).append(message)

    def release(self) -> None:
        """Hand out from now on what there is, in any order."""
        self._is_released = True
        self._waiting.cancel()

    def _due(self, limit: int) -> list[Message]:
        """Take what may be handed out now."""
        batch: list[Message] = []
        for edge in [edge for edge in self._early if edge not in self._arranged or self._is_released]:
            batch += self._early.pop(edge)  # all of them: nobody bounds what waited only here
        while self._order and len(batch) < limit and not self._is_released:
            early = self._early.get(self._order[0])
            if not early:
                break
            self._order.popleft()
            batch.append(early.popleft())
        if not self._order and not batch and any(self._early.values()):  # more came than had come
            self._is_released = True
            return self._due(limit)
        return batch


def arrange(
    shared: ExecutionShared, orders: Mapping[int, Sequence[int]], *, is_chained: bool = True
) -> list[ArrangedInbox]:
    """Let the nodes of an execution that are fed by several edges be handed messages in a given order.

    Those to which an edge with a policy leads take theirs by priority, as ever.

    Args:
        shared: of the execution; nothing has come yet.
        orders: of each node, by index, the edges of its messages.
        is_chained: whether nodes that may run as one do.
    """
    chains = shared.graph.chains if is_chained else ()
    chain_of = {index: number for number, chain in enumerate(chains) for index in chain}
    arranged = []
    for index, order in orders.items():
        outer = [edge for edge in order if not _is_inner(edge, index, chain_of, shared)]
        if len(set(outer)) > 1 and not isinstance(shared.inboxes[index], JoinedInbox):
            before = shared.inboxes[index]
            inbox = shared.inboxes[index] = ArrangedInbox(before, outer)
            for edge in shared.graph.nodes[index].incoming:
                if shared.doors[edge] is before:  # and not a queue of its own, by a policy
                    shared.doors[edge] = inbox
            arranged.append(inbox)
    return arranged


def _is_inner(edge: int, index: int, chain_of: dict[int, int], shared: ExecutionShared) -> bool:
    """Return whether messages along an edge travel within a chain, which no inbox sees."""
    if edge < 0 or index not in chain_of:
        return False
    source = shared.graph.index_of[shared.graph.edges[edge].source.node]
    return chain_of.get(source) == chain_of[index]
