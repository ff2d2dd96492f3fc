"""The deeds that are done to the edges of one execution by a person's command: each in one go, counted and told.

Whatever is done, the books hold: accepted and sent messages are processed, dropped or unprocessed. A dropped one
is dropped like one that an inbox has no room for; an inserted one is sent along its edge, and in flight; one that
is led to another edge is counted there, and on its own no more.

What lies between where an array is taken apart and where it is gathered belongs to an item of that array, which is
done with when nothing of it is on its way. There messages are looked at, changed and dropped like any others, but
none is put in or led away.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from engine.compile.loaded_graph import Target
from engine.contracts.handler import NO_EDGE, Message, SyntheticMessage
from engine.contracts.lanes import NUMBERS
from engine.errors import (
    EdgeCommandError,
    HeldEdgesError,
    IllegalTransitionError,
    InboxFullError,
    InputsClosedError,
    WaitingNotFoundError,
)
from engine.execution.controlled_inbox import waiting_on
from engine.execution.edge_control import EdgeControl, Queue
from engine.execution.edges import INPUT
from engine.execution.shared import ExecutionShared
from proto.edge_command import SHOWN_NUMBERS, EdgeState, EdgeVerb, Insert, Move
from proto.edge_events import EDGE_EVENTS, EdgeChange, EdgeEvent, EdgeRedirected
from proto.execution import ExecutionState

RECORDED_NUMBERS = 20
"""Messages that a recording names of one command."""

HELD_EDGES = 500
"""Edges of one execution that are held at once. Each is a queue of its own: a kilobyte or two."""


class EdgeCommands:
    """The commands to one execution's edges.

    Args:
        shared: of the execution.
        control: of its edges.
        state: of the execution, at the moment of the call.
        is_ending: whether it takes no commands any more, likewise.
    """

    def __init__(
        self,
        shared: ExecutionShared,
        control: EdgeControl,
        state: Callable[[], ExecutionState],
        is_ending: Callable[[], bool],
    ) -> None:
        self._shared = shared
        self._control = control
        self._state = state
        self._is_ending = is_ending

    def pause(self, queue: Queue) -> None:
        """Hold an edge. Idempotent.

        Raises:
            HeldEdgesError: too many are held already.
            IllegalTransitionError: the execution is neither running nor paused, or it drains.
        """
        self._check("hold edges of")
        if not self._control.is_by_hand(queue):  # a breakpoint may hold it, and let it go
            if not self._control.is_held(queue) and len(self._control.held()) >= HELD_EDGES:
                raise HeldEdgesError(HELD_EDGES)
            self._control.hold(queue)
            self._tell(queue, "paused", self.waiting(queue))

    def resume(self, queue: Queue) -> None:
        """Hold an edge no more. Idempotent.

        Raises:
            IllegalTransitionError: as of ``pause``.
        """
        self._check("let go of edges of")
        if self._control.is_held(queue):
            let_go = self.waiting(queue)
            self._control.release(queue)
            self._tell(queue, "resumed", let_go)

    def step(self, queue: Queue, count: int) -> Sequence[Message]:
        """Let so many messages through a held edge, as far as there are and its node has room; return them.

        Raises:
            EdgeCommandError: it is not held.
            IllegalTransitionError: as of ``pause``.
        """
        self._check("step through edges of")
        if not self._control.is_held(queue):
            raise EdgeCommandError(f"Edge {self.name(queue)} is not held, so nothing steps through it; pause it")
        gone = self._control.step(queue, count)
        if gone:
            self._control.note_gone(gone)
            self._tell(queue, "stepped", gone)
        return gone

    def drop(self, queue: Queue, is_dropped: Callable[[Message], bool]) -> Sequence[Message]:
        """Drop messages that wait on an edge; return them.

        Raises:
            IllegalTransitionError: as of ``pause``.
        """
        self._check("drop messages of")
        waiting = self.waiting(queue)
        dropped = [message for message in waiting if is_dropped(message)]
        if dropped:
            gone = {message.sequence for message in dropped}
            self._arrange(queue, [message for message in waiting if message.sequence not in gone])
            self._shared.note_dropped(queue.node, dropped)
            self._control.note_gone(dropped)
            self._tell(queue, "dropped", dropped)
        return dropped

    def edit(self, queue: Queue, sequence: int, value: bytes) -> Message:
        """Give a message that waits another value; return it as it is now.

        Raises:
            WaitingNotFoundError: it does not wait there.
            InboxFullError: the value is larger, and there is no room for that.
            MemoryBoundError: likewise, and there is no memory for that.
            IllegalTransitionError: as of ``pause``.
        """
        self._check("edit messages of")
        waiting = self.waiting(queue)
        at = _place_of(waiting, sequence)
        self._control.require_room(queue, len(value) - len(waiting[at].value))
        edited = waiting[at] = replace(waiting[at], value=value)
        self._arrange(queue, waiting)
        self._tell(queue, "edited", [edited])
        return edited

    def move(self, queue: Queue, command: Move) -> Message:
        """Let a message that waits be the first or the last of its edge; return it.

        Raises:
            WaitingNotFoundError: it does not wait there.
            IllegalTransitionError: as of ``pause``.
        """
        self._check("move messages of")
        waiting = self.waiting(queue)
        moved = waiting.pop(_place_of(waiting, command.sequence))
        self._arrange(queue, [moved, *waiting] if command.to == "first" else [*waiting, moved])
        self._tell(queue, "moved", [moved])
        return moved

    def insert(self, queue: Queue, command: Insert) -> Message:
        """Let a new message wait on an edge; return it.

        Raises:
            EdgeCommandError: it is no edge between nodes, or lies where an array is taken apart.
            InboxFullError: there is no room for it.
            InputsClosedError: the execution is about to end, because nothing is on its way any more.
            IllegalTransitionError: as of ``pause``.
        """
        self._check("insert messages into")
        if queue.edge == NO_EDGE:
            raise EdgeCommandError(f"Nothing is inserted into {self.name(queue)}; inject it")
        self._refuse_grouped(queue)
        self._refuse_after_all()
        shared, edge = self._shared, self._shared.graph.edges[queue.edge]
        source = shared.graph.nodes[shared.graph.index_of[edge.source.node]]
        target = shared.graph.nodes[queue.node]
        port = source.outputs.index(edge.source.port)
        lane = max(NUMBERS[command.lane], source.lanes[port])
        value = bytes(command.value)
        try:
            inbox = self._control.inbox(queue.node)
            if not inbox.has_room_on(queue.edge, 1, len(value)):
                raise InboxFullError(target.id, 0.0)
            into = target.input_of[edge.target.port]
            message = SyntheticMessage(into, value, shared.next_sequence(), queue.edge, lane)
            shared.has_lanes = shared.has_lanes or lane > 0
            if shared.flow_observers:
                shared.report_hop(source, port, Target(queue.edge, queue.node, into), message)
            shared.in_flight.add(1)
            shared.edges[queue.edge].sent += 1
            waiting = inbox.waiting_on(queue.edge)
            inbox.rearrange_on(queue.edge, [message, *waiting] if command.at == "first" else [*waiting, message])
        finally:
            self._control.tidy(queue.node)
        self._tell(queue, "inserted", [message])
        return message

    def redirect(self, queue: Queue, to: Queue, is_led: Callable[[Message], bool]) -> Sequence[Message]:
        """Let messages that wait on an edge wait on another one, as many as it has room for; return them.

        Raises:
            EdgeCommandError: it is the same edge, or no edge between nodes, or lies where an array is taken apart.
            InputsClosedError: as of ``insert``.
            IllegalTransitionError: as of ``pause``.
        """
        self._check("redirect messages of")
        if queue == to or NO_EDGE in (queue.edge, to.edge):
            raise EdgeCommandError("Messages are led from one edge between nodes to another one")
        self._refuse_grouped(queue)
        self._refuse_grouped(to)
        self._refuse_after_all()
        shared, edge = self._shared, self._shared.graph.edges[to.edge]
        source = shared.graph.nodes[shared.graph.index_of[edge.source.node]]
        lane = source.lanes[source.outputs.index(edge.source.port)]
        port = shared.graph.nodes[to.node].input_of[edge.target.port]
        led: list[Message] = []
        size = 0
        waiting = self.waiting(queue)
        try:
            other = self._control.inbox(to.node)
            for message in filter(is_led, waiting):
                size += len(message.value)
                if not other.has_room_on(to.edge, len(led) + 1, size):
                    break
                led.append(replace(message, port=port, edge=to.edge, lane=max(message.lane, lane)))
            if led:
                other.rearrange_on(to.edge, [*other.waiting_on(to.edge), *led])
        finally:
            self._control.tidy(to.node)
        if led:
            gone = {message.sequence for message in led}
            shared.edges[queue.edge].sent -= len(led)
            shared.edges[to.edge].sent += len(led)
            shared.has_lanes = shared.has_lanes or lane > 0
            self._arrange(queue, [message for message in waiting if message.sequence not in gone])
            self._control.note_gone(led, is_elsewhere=True)
            self._tell_redirected(queue, to, led)
        return led

    # Reading

    def name(self, queue: Queue) -> str:
        """Return the name of an edge."""
        if queue.edge == NO_EDGE:
            return f"{INPUT}{self._shared.graph.nodes[queue.node].id}"
        return self._control.names[queue.edge]

    def waiting(self, queue: Queue) -> list[Message]:
        """Return the messages that wait on an edge, the oldest first; they stay. What has stepped waits not."""
        return waiting_on(self._shared.inboxes[queue.node], queue.edge)

    def state_of(self, queue: Queue) -> EdgeState:
        """Return an edge as it is now."""
        is_held = self._control.is_held(queue)
        if is_held:
            waiting = self._control.held_messages(queue)
        elif queue.edge == NO_EDGE:
            waiting = len(self.waiting(queue))
        else:
            waiting = self._shared.edges[queue.edge].queued  # a node may have thousands of edges
        return EdgeState(
            self.name(queue),
            is_held=is_held,
            waiting=waiting,
            tag=self._control.tag(queue),
        )

    def _check(self, command: str) -> None:
        state = self._state()
        if state not in (ExecutionState.RUNNING, ExecutionState.PAUSED):
            raise IllegalTransitionError(self._shared.execution_id, command, state)
        if self._is_ending() or self._control.is_closed:
            raise IllegalTransitionError(self._shared.execution_id, command, "ending")

    def _refuse_grouped(self, queue: Queue) -> None:
        groups = self._shared.graph.groups
        if groups is not None and queue.node in groups.grouped:
            text = f"Edge {self.name(queue)} lies where an array is taken apart: each message there is of an item"
            raise EdgeCommandError(text)

    def _refuse_after_all(self) -> None:
        """Refuse what would begin after everything is done: nodes may have said their last word."""
        shared = self._shared
        if shared.input.is_closed and (self._control.is_concluding or not shared.in_flight.count):
            raise InputsClosedError(shared.execution_id, shared.input.why)

    def _arrange(self, queue: Queue, messages: Sequence[Message]) -> None:
        try:
            self._control.inbox(queue.node).rearrange_on(queue.edge, messages)
        finally:
            self._control.tidy(queue.node)

    def _tell(self, queue: Queue, verb: EdgeVerb, messages: Sequence[Message]) -> None:
        self._control.revisions[queue] += 1
        self._note(EDGE_EVENTS[verb](*self._told(queue, messages)))

    def _tell_redirected(self, queue: Queue, to: Queue, messages: Sequence[Message]) -> None:
        self._control.revisions[queue] += 1
        self._control.revisions[to] += 1
        self._note(EdgeRedirected(*self._told(queue, messages), self.name(to), to.edge))

    def _note(self, event: EdgeChange | EdgeRedirected) -> None:
        """Tell whoever watches, and whoever records."""
        self._shared.tell(event)
        if self._shared.recorder is not None:
            self._shared.recorder.commanded(recorded(event))

    def _told(self, queue: Queue, messages: Sequence[Message]) -> tuple[str, str, int, str, int, tuple[int, ...]]:
        node_id = self._shared.graph.nodes[queue.node].id
        numbers = tuple([message.sequence for message in messages[:SHOWN_NUMBERS]])
        return self._shared.execution_id, self.name(queue), queue.edge, node_id, len(messages), numbers


def recorded(event: EdgeEvent) -> str:
    """Return a command as a recording has it, such as ``edge:dropped priced: 7, 8 and 3 more``."""
    numbers = ", ".join(map(str, event.sequences[:RECORDED_NUMBERS]))
    more = event.messages - RECORDED_NUMBERS
    to = f" to {event.to}" if isinstance(event, EdgeRedirected) else ""
    return (
        f"{event.name} {event.edge}{to}" + (f": {numbers}" if numbers else "") + f" and {more} more" * (more > 0)
    )


def _place_of(messages: Sequence[Message], sequence: int) -> int:
    for at, message in enumerate(messages):
        if message.sequence == sequence:
            return at
    raise WaitingNotFoundError(str(sequence))
