"""The common parts of an execution whose graph has edges with policies.

Nobody waits for what the policies do but whoever sends along such an edge. What expires is looked for by a task of
each queue where something may; what goes on as a dead letter for that is carried by another, one message after
the other, which waits where its way is full. Until its turn comes, it counts as waiting where it was.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import trio

from engine.compile.edge_policies import rejected_sources
from engine.compile.loaded_graph import CompiledNode, EdgeRules, LoadedGraph, Target
from engine.contracts.groups import PRESENT, place_of
from engine.contracts.handler import Message
from engine.documents.mask import Mask
from engine.errors import MemoryBoundError
from engine.execution.controlled_inbox import take_kind
from engine.execution.controlled_joined_inbox import ControlledJoinedInbox
from engine.execution.failure import EdgeFullError, letter_value
from engine.execution.grouped_shared import GroupedShared
from engine.execution.inbox import Inbox
from engine.execution.joined_inbox import EdgeQueue, JoinedInbox
from engine.execution.pending_emissions import PendingEmissions
from engine.execution.shared import ExecutionShared


class PolicedShared(ExecutionShared):
    """The shared parts, with a queue for each edge that has a policy."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rejected = rejected_sources(self.graph.policies)
        by_target: dict[int, list[EdgeRules]] = {}
        for rules in self.graph.policies.values():
            by_target.setdefault(rules.target, []).append(rules)
        for index, all_rules in by_target.items():
            inbox = self._join(index, all_rules)
            self.inboxes[index] = inbox
            for edge in self.graph.nodes[index].incoming:
                self.doors[edge] = inbox.queues.get(edge, inbox)

    def change_graph(self, graph: LoadedGraph, mask: Mask | None) -> None:
        doors = self.doors
        super().change_graph(graph, mask)
        self.doors = doors  # a graph with policies keeps its edges (``engine.reload.plan``)

    def _join(self, index: int, rules: list[EdgeRules]) -> JoinedInbox:
        node, limits = self.graph.nodes[index], self.limits
        return JoinedInbox(
            node.capacity,
            limits.inbox_bytes,
            node.overflow,
            limits.batch_bytes,
            self.account,
            self.starvation,
            self.pace,
            rules=rules,
            watch=lambda queue: self.spawn(partial(self._watch, queue)),
            expire=self._expire,
        )

    # A full edge

    async def _send_one(
        self, node: CompiledNode, port: int, value: bytes, lane: int, pending: PendingEmissions
    ) -> None:
        for target in node.routes[port]:  # where one rejects it, it leaves by none, and nobody hears that it did
            door = self.doors[target.edge]
            if isinstance(door, EdgeQueue) and door.rejects(len(value)):
                self.counters.backpressure_events += 1
                raise self._full(door)
        await super()._send_one(node, port, value, lane, pending)

    def _full(self, queue: EdgeQueue) -> EdgeFullError:
        edge = self.graph.edges[queue.rules.edge]
        waiting = f"{len(queue)} messages wait on it"
        return EdgeFullError(f"The edge from {edge.source} to {edge.target} is full: {waiting}")

    async def _send_to_full(
        self, node_index: int, inbox: Inbox, message: Message, pending: PendingEmissions, *, is_last: bool
    ) -> None:
        if not isinstance(inbox, EdgeQueue) or inbox.rules.overflow not in ("reject", "dead-letter"):
            await super()._send_to_full(node_index, inbox, message, pending, is_last=is_last)
            return
        rules = inbox.rules
        self.counters.backpressure_events += 1
        if rules.overflow == "reject":
            self.note_lost((message,))
            self.in_flight.finish(1)
            self.edges[rules.edge].sent -= 1
            raise self._full(inbox)
        letters = self._begin_letters(rules, message, "overflow", 0.0)
        for place, (target, letter) in enumerate(letters, 1):
            door = self.doors[target.edge]
            try:
                if not door.put_nowait(letter):
                    is_end = is_last and place == len(letters)
                    await super()._send_to_full(target.node, door, letter, pending, is_last=is_end)
            except MemoryBoundError:
                for further, unsent in letters[place:]:
                    self.note_dropped(further.node, (unsent,), "overflow")
                raise
            except trio.Cancelled:
                self._give_up(letters[place:])
                raise

    def _begin_letters(
        self, rules: EdgeRules, message: Message, reason: str, waited_seconds: float
    ) -> list[tuple[Target, Message]]:
        """Make a message dead letters: these are on their way, and it is dropped."""
        letters = [
            (target, self._begin_letter(rules, target, message, reason, waited_seconds))
            for target in rules.letters
        ]
        self.edges[rules.edge].dead_lettered += 1
        self.counters.dead_lettered += 1
        self.note_dropped(rules.target, (message,), "dead-letter")
        return letters

    def _give_up(self, letters: Sequence[tuple[Target, Message]]) -> None:
        """Count dead letters that are on their way, and that nobody sends any more, as cut off there."""
        for target, _ in letters:
            self.cut_off.messages[target.node] += 1

    def _begin_letter(
        self, rules: EdgeRules, target: Target, message: Message, reason: str, waited_seconds: float
    ) -> Message:
        """Return the message that carries a dead letter, numbered, reported, and counted as on its way."""
        edge = self.graph.edges[rules.edge]
        named = {
            "edge": edge.id or str(rules.edge),
            "source": str(edge.source),
            "target": str(edge.target),
        }
        value = letter_value(reason, named, waited_seconds, message.value, self.limits.value_bytes)
        return self._begin_hop(self.graph.nodes[rules.source], rules.port, target, value, message.lane)

    # What expires

    async def _watch(self, queue: EdgeQueue) -> None:
        """Look for what expires on an edge, until nothing waits there that could."""
        messages = queue.messages
        while (deadline := messages.next_deadline()) is not None:
            await trio.sleep_until(deadline)
            self._expire(queue)
        messages.is_watched = False

    def _expire(self, queue: EdgeQueue) -> None:
        """Take out what has waited for too long."""
        if not queue.messages.expire(trio.current_time()):
            return
        rules = queue.rules
        if rules.letters:
            if not queue.is_sending:
                queue.is_sending = True
                self.spawn(partial(self._send_expired, queue))
            return
        gone = [queue.take_expired() for _ in range(len(queue.messages.expired))]
        self._count_expired(rules, len(gone))
        self.note_dropped(rules.target, gone, "expired")

    def _count_expired(self, rules: EdgeRules, count: int) -> None:
        self.edges[rules.edge].expired += count
        self.counters.expired += count

    async def _send_expired(self, queue: EdgeQueue) -> None:
        """Send on what has expired on an edge, one message after the other."""
        rules, expired = queue.rules, queue.messages.expired
        while expired:
            message = queue.take_expired()
            PRESENT.set(place_of(message))
            self._count_expired(rules, 1)
            letters = self._begin_letters(rules, message, "expired", rules.expire_seconds)
            for place, (target, letter) in enumerate(letters, 1):
                try:
                    if not self.doors[target.edge].put_nowait(letter):
                        await self._send_letter(target, letter)
                except trio.Cancelled:
                    self._give_up(letters[place:])
                    raise
            await trio.lowlevel.checkpoint()
        queue.is_sending = False

    async def _send_letter(self, target: Target, letter: Message) -> None:
        """Let a dead letter wait for room; where there is no memory for it, it comes to nothing."""
        inbox, edge = self.doors[target.edge], self.edges[target.edge]
        self.counters.backpressure_events += 1
        if inbox.overflow in ("drop-oldest", "drop-newest"):
            self.drop(target.node, inbox, letter)
            return
        edge.begin_wait(trio.current_time())
        try:
            await inbox.put(letter)
        except MemoryBoundError:
            self.note_dropped(target.node, (letter,), "overflow")
        except trio.Cancelled:
            self.cut_off.messages[target.node] += 1
            raise
        finally:
            edge.end_wait(trio.current_time())


class PolicedGroupedShared(PolicedShared, GroupedShared):
    """The same where the graph takes arrays apart and gathers them, too."""


take_kind(JoinedInbox, ControlledJoinedInbox)
