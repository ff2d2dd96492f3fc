"""The common parts of an execution whose graph takes arrays apart and gathers them again.

Here messages between the two get their places, and the places are counted: a place is done with when none of its
messages is left, a group when none of its places is, and then those that gather it are told. As with messages in
flight, what follows is counted before what it follows from is released, so nothing is done with too early.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from engine.compile.loaded_graph import CompiledNode, LoadedGraph, Target
from engine.contracts.groups import (
    PRESENT,
    GatheringHandler,
    Group,
    GroupedMessage,
    Opener,
    Place,
    gatherer,
    place_of,
)
from engine.contracts.handler import Handler, HandlerError, Message
from engine.documents.mask import Mask
from engine.errors import MemoryBoundError
from engine.execution.failure import EdgeFullError
from engine.execution.inbox import Inbox
from engine.execution.pending_emissions import PendingEmissions
from engine.execution.shared import ExecutionShared


class GroupedShared(ExecutionShared):
    """The shared parts; in sending, the place of what is sent is ``PRESENT`` of the running task.

    Attributes:
        gatherers: the handlers that gather groups, by index of their node.
        complete_groups: how many are complete and have not been given out, once for each who gathers them; each is
            in flight.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plan = self.graph.groups
        assert plan is not None  # noqa: S101 - the execution has looked
        self._grouped = plan.grouped
        self._openers = {each: Opener(gathers) for each, gathers in plan.gathers.items()}
        self.groups: dict[Group, None] = {}  # that not all have gathered
        self.gatherers: dict[int, GatheringHandler] = {}
        self._told: dict[int, Any] = {}
        self.complete_groups = 0
        self.has_receipts = not all(plan.gathers.values())  # whether sources wait for what comes of their values

    def empty(self) -> None:
        super().empty()
        self.groups.clear()
        self.gatherers.clear()
        self._told.clear()

    def change_graph(self, graph: LoadedGraph, mask: Mask | None) -> None:
        former = {self.graph.nodes[index].id: opener for index, opener in self._openers.items()}
        super().change_graph(graph, mask)
        plan = graph.groups
        assert plan is not None  # noqa: S101 - whoever changes it has looked
        self._grouped = plan.grouped
        self._openers = {each: Opener(gathers) for each, gathers in plan.gathers.items()}
        for index, opener in self._openers.items():
            before = former.get(graph.nodes[index].id)
            if before is not None and before.gathers == opener.gathers:
                self._openers[index] = before

    def has_open_groups(self) -> bool:
        """Return whether arrays are under way to where they are gathered."""
        gathered = [opener for opener in self._openers.values() if opener.gathers]
        return bool(self.complete_groups) or any(opener.under_way for opener in gathered)

    def concerns(self, node: int) -> bool:
        """Return whether a node opens groups, or is handed messages with places."""
        return node in self._grouped or node in self._openers

    def openers(self) -> Mapping[int, Opener]:
        """Return those who open groups, by index of their node."""
        return self._openers

    def opener(self, node: int) -> Opener | None:
        """Return the opener of a node that opens groups which are gathered."""
        return self._openers.get(node)

    def gathers(self, node: int, handler: Handler, tell: Any) -> None:
        """Let a node gather groups; ``tell`` is called when one is complete."""
        self.gatherers[node] = gatherer(handler)
        self._told[node] = tell

    # Messages with places

    def _made(self, target: Target, value: bytes, lane: int) -> Message:
        return self.made_at(PRESENT.get(), target, value, lane, next(self._sequence))

    def made_at(self, place: Place | None, target: Target, value: bytes, lane: int, sequence: int) -> Message:
        """Make a message that has a place, where its node is one of those whose messages have."""
        if place is None or target.node not in self._grouped:
            return Message(target.port, value, sequence, target.edge, lane)
        place.live += 1
        return GroupedMessage(target.port, value, sequence, target.edge, lane, place)

    def _put_run(self, target: Target, values: Sequence[bytes], lane: int, size: int) -> Sequence[Message]:
        messages = [self._made(target, value, lane) for value in values]
        fitting = self.doors[target.edge].put_many_nowait(messages, size)
        self.in_flight.add(fitting)
        self.edges[target.edge].sent += fitting
        return messages[fitting:]

    def _begin_hop(self, node: CompiledNode, port: int, target: Target, value: bytes, lane: int) -> Message:
        message = self._made(target, value, lane)
        if self.flow_observers:
            self.report_hop(node, port, target, message)
        self.in_flight.add(1)
        self.edges[target.edge].sent += 1
        return message

    async def _send_run(self, pending: PendingEmissions, target: Target, messages: Sequence[Message]) -> None:
        before = pending.sent
        try:
            await super()._send_run(pending, target, messages)
        except (MemoryBoundError, EdgeFullError):
            self.note_lost(messages[pending.sent - before + 1 :])
            raise

    async def _send_to_full(
        self, node_index: int, inbox: Inbox, message: Message, pending: PendingEmissions, *, is_last: bool
    ) -> None:
        pending.place = PRESENT.get()
        try:
            await super()._send_to_full(node_index, inbox, message, pending, is_last=is_last)
        except MemoryBoundError:
            self.note_lost((message,))
            raise

    def note_lost(self, messages: Sequence[Message]) -> None:
        for message in messages:
            place = place_of(message)
            if place is not None:
                self.settle(place)

    # Groups

    def may_open(self, opener: Opener) -> bool:
        """Return whether those who gather have room for one more group."""
        return all(self.gatherers[node].has_room() for node in opener.gathers)

    def open(self, opener: Opener, lane: int, outer: Place | None) -> Group:
        """Open a group; ``end_opening`` must follow."""
        group = Group(opener, lane, outer)
        self.groups[group] = None
        opener.opened += 1
        if outer is not None:
            outer.live += 1
        for node in opener.gathers:
            self.gatherers[node].open(group)
            if self.gatherers[node].due() is not None:
                self._told[node]()  # it may wait for no time yet
        return group

    def join(self, place: Place, joined: Sequence[Place]) -> Place:
        """Return a place beside another, with which further ones are let go; held until ``settle``."""
        joint = self.begin(place.group, place.index)
        joint.joined = joined
        return joint

    def note_refused(self, error: HandlerError) -> None:
        """Note of what the running task has at hand that an error was the end of it which nothing took."""
        place = PRESENT.get()
        left = [] if place is None else [place]
        seen: set[Place] = set()
        while left:
            place = left.pop()
            if place in seen:
                continue
            seen.add(place)
            left.extend(place.joined)
            if place.group.outer is not None:
                left.append(place.group.outer)
            if place.group.refusal is None:
                place.group.refusal = error

    def begin(self, group: Group, index: int) -> Place:
        """Give an item its place; it is held by whoever sends it until ``settle``."""
        place = Place(group, index)
        place.live = 1
        group.live += 1
        group.opener.under_way += 1
        return place

    def settle(self, place: Place) -> None:
        """Let go of one message at a place."""
        place.live -= 1
        if place.live:
            return
        opener = place.group.opener
        opener.under_way -= 1
        opener.waiting.unpark_all()
        self.end_opening(place.group)
        for other in place.joined:
            self.settle(other)

    def end_opening(self, group: Group) -> None:
        """Let go of one of the places of a group, or of its opening; tell who gathers it when nothing is left."""
        group.live -= 1
        if group.live:
            return
        if not group.opener.gathers:
            self.groups.pop(group, None)
            receipt, group.receipt = group.receipt, None
            if receipt is not None:
                receipt.settle(group.refusal)
            return
        for node in group.opener.gathers:
            if self.gatherers[node].complete(group):
                self.in_flight.add(1)
                self.complete_groups += 1
                self._told[node]()
            else:
                self.close(group)

    def given_out(self, group: Group) -> None:
        """Take note that one node has given out a group that was complete."""
        self.close(group)
        self.complete_groups -= 1
        self.in_flight.finish(1)

    def close(self, group: Group) -> None:
        """Take note that a group which is complete has been gathered by one node, or that it had been before."""
        group.awaited -= 1
        if group.awaited:
            return
        self.groups.pop(group, None)
        if group.outer is not None:
            self.settle(group.outer)
