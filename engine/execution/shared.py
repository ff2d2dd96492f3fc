"""The common parts of one execution's instances, and the sending of values along its edges."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count, groupby
from operator import itemgetter

import trio

from engine.compile.loaded_graph import CompiledNode, LoadedGraph, Target
from engine.contracts.call_keys import CallKeys
from engine.contracts.groups import Place
from engine.contracts.handler import Emission, HandlerError, LogLine, Message, Outcome
from engine.contracts.lanes import CANONICAL
from engine.contracts.observer import ExecutionObserver, FlowObserver, HandlerCall
from engine.cooperative.pace import pace
from engine.counters.ages import Ages
from engine.counters.counters import ExecutionCounters
from engine.counters.edge_counters import EdgeCounters
from engine.documents.mask import Mask
from engine.errors import MemoryBoundError
from engine.execution.end_of_input import EndOfInput
from engine.execution.gate import Gate
from engine.execution.in_flight import InFlight
from engine.execution.inbox import Inbox
from engine.execution.log_buffer import LogBuffer, bounded
from engine.execution.masking import guarded, guarded_anew, masked_error, masked_line, masked_outcomes, without
from engine.execution.outputs import Outputs
from engine.execution.pending_emissions import LIGHT_BYTES, PendingEmissions
from engine.execution.unprocessed import CutOff
from engine.journal.recorder import Recorder
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from engine.memory.starvation import Spawn, Starvation
from proto.edge import DropReason
from proto.events import ControlEvent
from proto.execution import ExecutionError
from proto.reload import HandledBy

_WORTH_TOGETHER = 3
"""Values that are sent along several edges together, at least: of fewer, the asking costs more than the taking."""


class ExecutionShared:
    """The inboxes of one execution, its gate, its count of messages in flight, and its watchers.

    Args:
        execution_id: for reports.
        graph: whose nodes the inboxes belong to, by index.
        limits: bounds of inboxes and logs.
        observers: told of log lines, failed invocations and drops; shared with the runtime.
        fail: called when an unconnected error must end the execution.
        timestamp: the present wall time, ISO 8601 in UTC.
        spawn: starts a task that the execution owns.
        account: charged with what the execution keeps in memory; nothing is when absent.
        mask: of the secrets that its nodes use, for all that is shown; None where they use none.
    """

    def __init__(
        self,
        execution_id: str,
        graph: LoadedGraph,
        limits: EngineLimits,
        observers: Sequence[ExecutionObserver],
        fail: Callable[[ExecutionError], None],
        timestamp: Callable[[], str],
        spawn: Spawn,
        account: Account | None = None,
        mask: Mask | None = None,
    ) -> None:
        self.execution_id = execution_id
        self.mask = mask
        self.graph = graph
        self.limits = limits
        self.fail = fail
        self.gate = Gate()
        self.pace = pace()
        self.in_flight = InFlight()
        self.input = EndOfInput(self.in_flight, limits.completion_grace_ms / 1000, graph.producer_ids)
        # Whether any message may be apocryphal: where none can be, nobody looks at the lane of each. Once it is
        # True it stays so.
        self.has_lanes = graph.has_lanes
        self.counters = ExecutionCounters()
        self.account = account
        self.cut_off = CutOff()
        self.spawn = spawn
        self.starvation = Starvation(spawn, lambda: not self.gate.is_open)
        self.inboxes = [self.make_inbox(node) for node in graph.nodes]
        # By index of an edge: the queue in which its messages wait, which is mostly its target's inbox.
        self.doors = self._find_doors()
        # One for each edge, by its index, and a spare one at the end: the index ``NO_EDGE`` finds it, so messages
        # that travel along no edge are counted without a question, and what it counts is shown to nobody.
        self.edges = [EdgeCounters() for _ in range(len(graph.edges) + 1)]
        # Replaced as a whole when one comes or goes, so that who is in the midst of telling them tells the same.
        # Those who hear of hops: while there are none, values go several at a time; with one, each hop by itself.
        self.flow_observers: tuple[FlowObserver, ...] = ()
        self.outputs = Outputs(limits, account, mask)  # those who hear of them are these, and others
        self.call_keys = CallKeys(execution_id)  # of calls to the outside
        self.call_observers = tuple(observer for observer in observers if observer.hears_calls)
        self.log_buffer = LogBuffer(limits.log_lines, limits.log_bytes, account)
        # Of the nodes that were changed while it ran, by their ids: who handles their messages now.
        self.handled_by: dict[str, HandledBy] = {}
        self.recorder: Recorder | None = None
        # Told of messages that nodes have been sent and never get, before they are counted as done with.
        self.on_dropped: Callable[[Sequence[Message]], None] | None = None
        # By index of a node: takes a message for it in the task that injects it; returns whether it is done with.
        self.early_starts: dict[int, Callable[[Message], bool]] = {}
        # Indices of nodes of whose emissions some may be rejected by a full edge, and others not.
        self.rejected: frozenset[int] = frozenset()
        self._observers = observers
        self._timestamp = timestamp
        self._sequence = count(1)
        self.ages = Ages()
        # Calling it returns a number greater than all before it in this execution.
        self.next_sequence: Callable[[], int] = self._sequence.__next__

    def mark_ages(self, now: float) -> None:
        """Take note of how far the numbers of messages have come, where ``ages`` says that this is due."""
        self.ages.mark(now, self.present_sequence())

    def present_sequence(self) -> int:
        """Return the next sequence number, which stays the next one."""
        return int(repr(self._sequence)[len("count(") : -1])  # nothing else tells the next one and leaves it

    def made_at(self, place: Place | None, target: Target, value: bytes, lane: int, sequence: int) -> Message:
        """Make a message for the end of an edge; places in groups are for graphs that have any."""
        del place
        return Message(target.port, value, sequence, target.edge, lane)

    def number_from(self, first: int) -> None:
        """Let the next sequence number be this one; for before anything is numbered."""
        self._sequence = count(first)
        self.next_sequence = self._sequence.__next__
        if self.recorder is not None:
            self.recorder.number_by(self.next_sequence)

    def empty(self) -> None:
        """Let go of what it held, once the execution has ended; its counters stay."""
        for inbox in self.inboxes:
            inbox.empty()
        self.log_buffer.empty()
        self.flow_observers = ()
        self.recorder = self.on_dropped = None
        self.outputs.empty()
        self.early_starts.clear()

    def make_inbox(self, node: CompiledNode) -> Inbox:
        """Make an inbox for a node."""
        limits = self.limits
        return Inbox(
            node.capacity,
            limits.inbox_bytes,
            node.overflow,
            limits.batch_bytes,
            self.account,
            self.starvation,
            self.pace,
        )

    def change_graph(self, graph: LoadedGraph, mask: Mask | None) -> None:
        """Know another graph from now on, whose nodes and edges the inboxes and counters are of already."""
        self.graph = graph
        if mask is not self.mask:
            self.flow_observers = guarded_anew(self.flow_observers, mask)
        self.mask = self.outputs.mask = mask
        if self.recorder is not None:
            self.recorder.revise(graph, mask)
        self.has_lanes = self.has_lanes or graph.has_lanes
        self.input.expect(graph.producer_ids)
        self.doors = self._find_doors()

    def _find_doors(self) -> list[Inbox]:
        index_of = self.graph.index_of
        return [self.inboxes[index_of[edge.target.node]] for edge in self.graph.edges]

    def add_flow_observer(self, observer: FlowObserver) -> None:
        """Tell an observer from now on of what it wants to hear."""
        self.outputs.add_observer(observer)
        if observer.hears_hops:
            self.flow_observers = (*self.flow_observers, guarded(observer, self.mask))

    def remove_flow_observer(self, observer: FlowObserver) -> None:
        """Tell an observer no more."""
        self.flow_observers = without(self.flow_observers, observer)
        self.outputs.remove_observer(observer)

    def record(self, recorder: Recorder) -> None:
        """Let a recorder take note of everything from now on."""
        self.recorder = recorder
        if recorder.is_full:
            self.add_flow_observer(recorder)

    def record_no_more(self) -> None:
        """Let nobody take note any more."""
        recorder, self.recorder = self.recorder, None
        if recorder is not None and recorder.is_full:
            self.remove_flow_observer(recorder)

    async def send(
        self, node: CompiledNode, emissions: Sequence[Emission], derived_lane: int = CANONICAL, size: int = -1
    ) -> None:
        """Send a node's emissions to where its edges lead, in order; wait wherever an inbox is full.

        Their lane is the tightest of what they derive from and of the port that they leave by. ``size`` is the
        sum of their bytes where the caller knows it.

        Every message is counted as in flight before it is on its way. Not a checkpoint where nothing is full.

        Raises:
            UnsentError: there was no memory for one of them; says how many had left, and why.
        """
        sent = 0
        for port, values in _by_port(emissions):
            targets = node.routes[port]
            lane = derived_lane or node.lanes[port]
            if not targets:
                self.outputs.count += len(values)
                if self.outputs.is_heard:
                    known_size = size if len(values) == len(emissions) else -1
                    self.outputs.note(node, port, values, lane, known_size)
            elif len(targets) == 1 and not self.flow_observers:
                left = self._put_run(targets[0], values, lane, size if len(values) == len(emissions) else -1)
                if left:
                    pending = self._pending_emissions(node, emissions, sent + len(values) - len(left))
                    await pending.carry(self._send_run, targets[0], left)
            else:
                gone = self._put_several(node, port, values, lane)
                if gone < len(values):
                    pending = self._pending_emissions(node, emissions, sent + gone)
                    await pending.carry(self._send_each, node, port, values, lane, gone)
            sent += len(values)

    def has_room(self, node: CompiledNode, port: int, size_bytes: int) -> bool:
        """Return whether a value that leaves by a port would wait nowhere."""
        inboxes = [self.doors[target.edge] for target in node.routes[port]]
        return len(set(inboxes)) == len(inboxes) and all(inbox.has_room(1, size_bytes) for inbox in inboxes)

    def send_at_once(self, node: CompiledNode, port: int, value: bytes, derived_lane: int) -> None:
        """Send one value as ``send`` does, where all of its edges have room for it."""
        lane = derived_lane or node.lanes[port]
        if node.routes[port]:
            self._deliver(node, port, value, lane)
            return
        self.outputs.count += 1
        if self.outputs.is_heard:
            self.outputs.note(node, port, (value,), lane, len(value))

    def _pending_emissions(self, node: CompiledNode, emissions: Sequence[Emission], sent: int) -> PendingEmissions:
        own = self.inboxes[node.index]
        return PendingEmissions(self.account, self.starvation, own, emissions, sent, self.cut_off)

    def _put_run(self, target: Target, values: Sequence[bytes], lane: int, size: int) -> Sequence[Message]:
        """Send values along one edge that nobody watches, as far as there is room; return the messages left.

        ``_send_run`` sends those, one by one, in the same way.
        """
        sequence = self._sequence
        messages = [Message(target.port, value, next(sequence), target.edge, lane) for value in values]
        fitting = self.doors[target.edge].put_many_nowait(messages, size)
        self.in_flight.add(fitting)
        self.edges[target.edge].sent += fitting
        return messages[fitting:]

    # A value goes along its edges by ``_put_run`` (many values, one edge, nobody watches), by ``_deliver`` (all
    # edges have room) or by ``_send_one`` (one has none: it waits). All must do the same, in the same order:
    # number the message, report the hop, count it in flight and on its edge, put it in. Held by tests/simulation,
    # whose graphs go all these ways, and by tests/engine/execution/test_fan_out.py.

    async def _send_run(self, pending: PendingEmissions, target: Target, messages: Sequence[Message]) -> None:
        inbox = self.doors[target.edge]
        edge = self.edges[target.edge]
        for message in messages:
            self.in_flight.add(1)
            edge.sent += 1
            if not inbox.put_nowait(message):
                await self._send_to_full(target.node, inbox, message, pending, is_last=True)
            pending.sent += 1

    def _put_several(
        self, node: CompiledNode, port: int, values: Sequence[bytes], lane: int, start: int = 0
    ) -> int:
        """Send values along several edges, or watched ones; return how many from ``start`` on have left.

        A value leaves by all its edges at once or stays, so none waits at one edge after it has left by another.
        """
        targets = node.routes[port]
        inboxes = [self.doors[target.edge] for target in targets]
        if len(inboxes) > 1 and len(set(inboxes)) < len(inboxes):
            return 0  # two edges lead to one inbox: what one of them takes the other one lacks
        gone = 0
        if len(values) - start >= _WORTH_TOGETHER and not self.flow_observers:
            gone = self._put_together(targets, inboxes, values, start, lane)
        for value in values[start + gone :] if start or gone else values:
            size = len(value)
            for inbox in inboxes:
                if not inbox.has_room(1, size):
                    return gone
            self._deliver(node, port, value, lane)
            gone += 1
        return gone

    def _put_together(
        self, targets: Sequence[Target], inboxes: Sequence[Inbox], values: Sequence[bytes], start: int, lane: int
    ) -> int:
        most = min([len(values) - start, *[inbox.room_messages for inbox in inboxes]])
        if most < _WORTH_TOGETHER:
            return 0
        together = values if most == len(values) else values[start : start + most]
        size = sum([len(value) for value in together])
        if not all(inbox.has_room(most, size) for inbox in inboxes):
            return 0
        for target in targets:
            self._put_run(target, together, lane, size)
        return most

    def _deliver(self, node: CompiledNode, port: int, value: bytes, lane: int) -> None:
        """Send one value along edges that all have room for it; ``_send_one`` where one has not."""
        for target in node.routes[port]:
            self.doors[target.edge].put_nowait(self._begin_hop(node, port, target, value, lane))

    def _begin_hop(self, node: CompiledNode, port: int, target: Target, value: bytes, lane: int) -> Message:
        """Return the message that carries a value along an edge: numbered, reported, and counted as on its way."""
        message = Message(target.port, value, next(self._sequence), target.edge, lane)
        if self.flow_observers:
            self.report_hop(node, port, target, message)
        self.in_flight.add(1)
        self.edges[target.edge].sent += 1
        return message

    async def _send_each(
        self,
        pending: PendingEmissions,
        node: CompiledNode,
        port: int,
        values: Sequence[bytes],
        lane: int,
        start: int,
    ) -> None:
        while start < len(values):
            await self._send_one(node, port, values[start], lane, pending)
            gone = 1 + self._put_several(node, port, values, lane, start + 1)
            pending.sent += gone
            start += gone

    async def _send_one(
        self, node: CompiledNode, port: int, value: bytes, lane: int, pending: PendingEmissions
    ) -> None:
        targets = node.routes[port]
        for place, target in enumerate(targets, 1):
            inbox = self.doors[target.edge]
            message = self._begin_hop(node, port, target, value, lane)
            if not inbox.put_nowait(message):
                is_last = place == len(targets)
                pending.rest = targets[place:]
                await self._send_to_full(target.node, inbox, message, pending, is_last=is_last)
                pending.rest = ()

    async def _send_to_full(
        self, node_index: int, inbox: Inbox, message: Message, pending: PendingEmissions, *, is_last: bool
    ) -> None:
        """Let a message that is on its way wait for room; ``is_last`` if its emission has left when it has."""
        self.counters.backpressure_events += 1
        if inbox.overflow in ("drop-oldest", "drop-newest"):
            self.drop(node_index, inbox, message)
            return
        edge = self.edges[message.edge]
        edge.begin_wait(trio.current_time())
        pending.message, pending.node = message, node_index
        try:
            await pending.put(inbox, message)
        except MemoryBoundError:
            self.in_flight.finish(1)
            edge.sent -= 1
            raise
        except trio.Cancelled:
            self.cut_off.messages[node_index] += 1  # it is on its way, and waits nowhere any more
            pending.sent += is_last
            raise
        finally:
            pending.message = None
            edge.end_wait(trio.current_time())

    @contextmanager
    def carrying(self, message: Message) -> Iterator[None]:
        """Charge a large message for as long as a worker works on it."""
        size = len(message.value)
        if self.account is None or size <= LIGHT_BYTES:
            yield
            return
        self.account.note(size, "requests")
        try:
            yield
        finally:
            self.account.release(size, "requests")

    def drop(self, node_index: int, inbox: Inbox, message: Message) -> None:
        """Put a message that is counted as in flight into a full queue of a node, whose policy is to drop."""
        dropped = inbox.put_or_drop(message)
        if dropped:
            self.note_dropped(node_index, dropped, "overflow")

    def note_dropped(self, node_index: int, dropped: Sequence[Message], reason: DropReason = "command") -> None:
        """Count, report and finish messages that a node has been sent and never gets."""
        for lost in dropped:
            edge = self.edges[lost.edge]
            edge.dropped += 1
            edge.take(1)
        self.counters.dropped += len(dropped)
        if self.recorder is not None and self.recorder.is_full:
            self.recorder.dropped(self.graph.nodes[node_index], dropped, reason)
        for observer in self._observers:
            observer.dropped(self.execution_id, self.graph.nodes[node_index].id, len(dropped), reason)
        self.note_lost(dropped)
        if self.on_dropped is not None:
            self.on_dropped(dropped)
        self.in_flight.finish(len(dropped))

    def note_lost(self, messages: Sequence[Message]) -> None:
        """Take note of messages that come to nothing; they are in flight still."""

    def note_refused(self, error: HandlerError) -> None:
        """Take note of an error that nothing has taken and that ends nothing, for who asks what came of what."""

    def note_taken(self, batch: Sequence[Message]) -> None:
        """Count messages that a node has just taken from its inbox, by the edges that they came along.

        No other edge is looked at: a node may have thousands, and the queue of one only grows until its own next
        message is taken, so its peak is seen then.
        """
        edges = self.edges
        if len(batch) == 1:
            edges[batch[0].edge].take(1)
            return
        came_along = [message.edge for message in batch]
        if came_along.count(came_along[0]) == len(came_along):  # as in most batches
            edges[came_along[0]].take(len(came_along))
            return
        for index, number in Counter(came_along).items():
            edges[index].take(number)

    def log(self, node: CompiledNode, line: LogLine) -> None:
        """Keep a handler's log line for inspection, and report it."""
        line = bounded(masked_line(self.mask, line))
        if self.recorder is not None and self.recorder.is_full:
            self.recorder.logged(node, line)
        self.log_buffer.add(self._timestamp(), node.id, line, self.handled_by.get(node.id))
        for observer in self._observers:
            observer.logged(self.execution_id, node.id, line)

    def tell(self, event: ControlEvent) -> None:
        """Report what somebody has done to the execution by hand, and what came of it."""
        for observer in self._observers:
            observer.happened(self.execution_id, event)

    def report_failure(self, node: CompiledNode, error: HandlerError) -> None:
        """Report an invocation that ended in an error."""
        error = masked_error(self.mask, error)
        for observer in self._observers:
            observer.invocation_failed(self.execution_id, node.id, error)

    def report_call(
        self, node: CompiledNode, batch: Sequence[Message], outcomes: Sequence[Outcome], began: float, ended: float
    ) -> None:
        """Report to those who hear of calls that a handler's has ended."""
        told = masked_outcomes(self.mask, outcomes)
        call = HandlerCall(node.id, node.definition.component, batch, told, began, ended)
        for observer in self.call_observers:
            observer.called(self.execution_id, call)

    def report_invocations(self, node: CompiledNode, batch: Sequence[Message]) -> None:
        """Report to those who watch that a handler is about to be called."""
        for observer in self.flow_observers:
            observer.invoked_together(node.id, node.inputs, batch)

    def report_hop(self, node: CompiledNode, port: int, target: Target, message: Message) -> None:
        """Report to those who watch that a value begins its way along an edge."""
        target_node = self.graph.nodes[target.node]
        for observer in self.flow_observers:
            observer.sent(node.id, node.outputs[port], target_node.id, target_node.inputs[target.port], message)


def _by_port(emissions: Sequence[Emission]) -> Iterable[tuple[int, list[bytes]]]:
    """Return the values of each run of emissions that leave by one port, with that port, in order."""
    if len(emissions) == 1:
        ((port, value),) = emissions
        return ((port, [value]),)
    return [(port, [value for _, value in run]) for port, run in groupby(emissions, itemgetter(0))]
