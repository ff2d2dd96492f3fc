"""The beginning of an execution from a checkpoint: its nodes, queues and counters as they were at that moment.

It has been looked at before: whatever stands in it that cannot have been so in this graph refuses it as a whole.
Handlers are given what they kept, before they are initialised; then messages are put where they were, before any
node runs. What an edge led along that this graph has no more, waits where it waited and came along no edge.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.checkpoint.checkpoint import (
    At,
    Checkpoint,
    MadeOutcome,
    NodeState,
    PlacedMessage,
    Taken,
)
from engine.compile.loaded_graph import CompiledNode, LoadedGraph, Target
from engine.contracts.groups import Group, GroupedMessage, GroupedOutcome, Place
from engine.contracts.handler import NO_EDGE, Handler, Kept, Message, Outcome
from engine.cooperative.slices import Steps, paced
from engine.errors import CheckpointMismatchError
from engine.execution.checkpoint_checks import check_numbers
from engine.execution.edge_control import EdgeControl, Queue
from engine.execution.grouped_shared import GroupedShared
from engine.execution.hand import TakenMessages
from engine.execution.injection import Located
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from proto.execution import LogEntry
from proto.problem import Problem

_TOGETHER = 500
"""Messages between two yields: half a millisecond."""

_REFUSALS = (ValueError, TypeError, LookupError, ArithmeticError, AssertionError, msgspec.MsgspecError)
"""All that a handler may raise where it is given what cannot have been kept."""


class GoingOn:
    """The parts of a checkpoint, as one execution of a graph takes them up.

    Args:
        checkpoint: the moment to go on from; the graph can (``engine.execution.checkpoint_checks``).
        graph: of the execution.
        moment: the moment of the checkpoint on Trio's present clock, which may be long ago.
    """

    def __init__(self, checkpoint: Checkpoint, graph: LoadedGraph, moment: float) -> None:
        self.checkpoint = checkpoint
        self._graph = graph
        self._moment = moment
        self._states: dict[int, NodeState] = {}
        self._edge_of = _edges_of(checkpoint, graph)
        self._groups: list[Group] = []
        self._places: dict[At, Place] = {}
        self._live: Counter[At] = Counter()
        self._unreported: list[Located] = []  # messages whose leaving nobody has been told of
        for state in checkpoint.nodes:
            index = graph.index_of.get(state.id)
            if index is not None:
                self._states[index] = state

    def is_chained(self, nodes: Iterable[int]) -> bool:
        """Return whether nodes that may run as one do: where one has something in hand, it must end that alone."""
        return not any(self._states[index].taken for index in nodes if index in self._states)

    # Before the handlers are initialised

    def begin_groups(self, shared: ExecutionShared) -> None:
        """Make the groups, of which handlers keep something."""
        if not isinstance(shared, GroupedShared) or not self.checkpoint.groups:
            return
        for state in self.checkpoint.groups:
            opener = shared.openers()[self._graph.index_of[state.opener]]
            outer = None if state.outer is None else self._place(state.outer)  # its group comes later, or came
            group = Group(opener, state.lane, None)
            group.live, group.awaited = 0, state.awaited
            group.outer = outer
            self._groups.append(group)
        for at, place in self._places.items():
            place.group = self._groups[at[0]]

    def restore_handlers(self, instances: Sequence[Instance]) -> Steps[None]:
        """Give handlers what they kept.

        Raises:
            CheckpointMismatchError: one was given what it cannot have kept.
        """
        for instance, is_due in paced(instances, 10):
            state = self._states.get(instance.node.index)
            instance.is_going_on = state is not None
            if state is not None and state.handler is not None:
                self._restore(instance, instance.handlers[0], state)
            if is_due:
                yield

    def _restore(self, instance: Instance, handler: Handler, state: NodeState) -> None:
        assert state.handler is not None  # noqa: S101 - the caller has looked
        messages = self._messages(state.handler.messages)
        kept = Kept(messages, tuple([self._groups[number] for number in state.handler.groups]), state.handler.rest)
        self._note_live(state.handler.messages)
        try:
            check_numbers(kept.rest)
            handler.restore(kept, self._moment)
            if handler.held_messages() < 0:
                raise ValueError("it holds less than nothing")
        except _REFUSALS as error:
            text = f"Node {instance.node.id} cannot go on from it: {type(error).__name__}: {error}"
            raise CheckpointMismatchError(
                [Problem(CheckpointMismatchError.code, f"nodes.{state.id}", text)]
            ) from error

    # When they are

    def begin_nodes(
        self, shared: ExecutionShared, instances: Sequence[Instance], injector: Injector, control: EdgeControl
    ) -> Steps[None]:
        """Put everything where it was."""
        yield from self._begin_held(shared, injector)
        self._begin_shared(shared)
        for instance, is_due in paced(instances, 10):
            state = self._states.get(instance.node.index)
            if state is not None:
                yield from self._begin_node(shared, instance, state)
            if is_due:
                yield
        for name, edge in self.checkpoint.held_edges:
            node = self._graph.index_of.get(name)
            if node is not None:
                control.hold(Queue(node, self._edge_of.get(edge, NO_EDGE)))
        self._begin_flushed(instances)
        if isinstance(shared, GroupedShared):
            self._end_groups(shared)

    def _begin_held(self, shared: ExecutionShared, injector: Injector) -> Steps[None]:
        checkpoint = self.checkpoint
        shared.number_from(max(checkpoint.sequence, shared.present_sequence()))
        for start in range(0, len(checkpoint.held), _TOGETHER):
            part = checkpoint.held[start : start + _TOGETHER]
            held: list[Located] = [(self._graph.index_of[name], message) for name, message in part]
            if shared.account is not None:
                shared.account.note(sum([injector.cost_of(message) for _, message in held]), "held")
            injector.preload(self._numbered(shared, held))
            yield

    def _begin_shared(self, shared: ExecutionShared) -> None:
        checkpoint = self.checkpoint
        shared.has_lanes = shared.has_lanes or checkpoint.has_lanes
        shared.counters.processed = checkpoint.processed
        shared.counters.dropped = checkpoint.dropped
        shared.counters.backpressure_events = checkpoint.backpressure_events
        for index, state in enumerate(checkpoint.edges):
            edge = self._edge_of.get(index, NO_EDGE)
            if edge != NO_EDGE:
                shared.edges[edge].begin_with(
                    state.sent, state.taken, state.dropped, state.peak, state.blocked_seconds
                )
        self._begin_outputs(shared)
        logs = [
            LogEntry(
                each.timestamp,
                each.node_id,
                each.level,
                each.message,
                msgspec.UNSET if each.meta is None else msgspec.Raw(each.meta),
            )
            for each in checkpoint.logs
        ]
        shared.log_buffer.begin_with(logs, checkpoint.logged)

    def _begin_outputs(self, shared: ExecutionShared) -> None:
        checkpoint, outputs = self.checkpoint, shared.outputs
        outputs.count = checkpoint.outputs
        if outputs.kept is None:
            return
        kept_there: Counter[tuple[str, str]] = Counter()
        for run in checkpoint.kept_outputs:
            kept_there[run.node, run.port] += len(run.values)
        for name, port, total in checkpoint.port_outputs:
            found = _port_of(self._graph, name, port)
            if found is not None:
                outputs.kept.begin_with(*found, max(0, total - kept_there[name, port]))
        for run in checkpoint.kept_outputs:
            found = _port_of(self._graph, run.node, run.port)
            if found is not None and run.values:
                outputs.kept.go_on_with(*found, run.values, run.lane, run.last)

    def _begin_node(self, shared: ExecutionShared, instance: Instance, state: NodeState) -> Steps[None]:
        index = instance.node.index
        waiting: list[Located] = []
        for start in range(0, len(state.waiting), _TOGETHER):
            messages = self._messages(state.waiting[start : start + _TOGETHER])
            waiting += self._numbered(shared, [(index, message) for message in messages])
            yield
        self._note_live(state.waiting)
        chained = instance.chained
        inner = chained.inner_edges if chained is not None else frozenset()
        own = [message for _, message in waiting if message.edge not in inner]
        if chained is not None and len(own) < len(waiting):
            chained.leave(instance.place, [message for _, message in waiting if message.edge in inner])
        shared.inboxes[index].begin_with(own, state.peak, state.dropped)
        shared.in_flight.add(len(waiting))
        for taken in state.taken:
            self._note_taken(instance, taken)
            shared.in_flight.add(len(taken.messages))
        instance.go_on([self._taken(shared, index, each) for each in state.taken], state.held)
        if instance.handlers[0].counts_as_in_flight:
            shared.in_flight.add(state.held)
        counters = state.counters
        instance.counters.begin_with(
            (counters.invocations, counters.emitted, counters.errors),
            counters.total_latency_seconds,
            counters.max_latency_seconds,
            counters.latencies,
        )
        if isinstance(shared, GroupedShared):
            opener = shared.opener(index)
            if opener is not None:
                opener.opened = state.opened

    def _begin_flushed(self, instances: Sequence[Instance]) -> None:
        for index in self._graph.order[: self.checkpoint.flushed]:
            instances[index].is_concluded = True

    def tell_late(self, shared: ExecutionShared, instances: Sequence[Instance]) -> None:
        """See to what remains of calls that had ended; when the execution runs."""
        late, graph = self.checkpoint.late, self._graph
        for name, line in late.logs:
            if name in graph.index_of:
                shared.log(graph.nodes[graph.index_of[name]], line)
        for name, error in late.errors:
            if name in graph.index_of:
                instances[graph.index_of[name]].errors.observed.count_error(error)
        for target_index, message in self._unreported if shared.flow_observers else ():
            if message.edge != NO_EDGE:
                end = graph.edges[message.edge].source
                source = graph.nodes[graph.index_of[end.node]]
                target = Target(message.edge, target_index, message.port)
                shared.report_hop(source, source.output_of[end.port], target, message)
        for name, port, lane, value, is_error in late.outputs:
            found = _port_of(graph, name, port)
            if found is None:
                continue
            node, index = found
            if is_error:
                shared.outputs.note_error(node, lane, value)
                continue
            shared.outputs.count += 1
            if shared.outputs.is_heard:
                shared.outputs.note(node, index, (value,), lane, len(value))
        if late.failure is not None:
            name, value, error = late.failure
            if name in graph.index_of:
                instances[graph.index_of[name]].errors.end(Message(0, value, 1), error)

    # Messages and groups

    def _numbered(self, shared: ExecutionShared, messages: Iterable[Located]) -> list[Located]:
        """Return messages that all have numbers: those that had none are given the next ones."""
        numbered: list[Located] = []
        for node, message in messages:
            if message.sequence:
                numbered.append((node, message))
            else:
                numbered.append((node, _with_number(message, shared.next_sequence())))
                self._unreported.append(numbered[-1])
        return numbered

    def _messages(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        return tuple(map(self._message, messages))

    def _message(self, message: Message) -> Message:
        edge = message.edge if message.edge == NO_EDGE else self._edge_of.get(message.edge, NO_EDGE)
        at = message.at if isinstance(message, PlacedMessage) else None
        if at is None or not self._groups:
            if edge == message.edge and at is None:
                return message
            return Message(message.port, message.value, message.sequence, edge, message.lane)
        return GroupedMessage(message.port, message.value, message.sequence, edge, message.lane, self._place(at))

    def _note_live(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, PlacedMessage) and message.at is not None:
                self._live[message.at] += 1

    def _note_taken(self, instance: Instance, taken: Taken) -> None:
        """Take note of the places that are let go when what is in hand has left, and of no others.

        A message that its handler has kept is in the handler's state, and what that has given out is not.
        """
        self._note_live(taken.messages[len(taken.outcomes) :])
        for number, outcome in enumerate(taken.outcomes):
            if outcome.done is not None:
                self._live.update(outcome.done)
            elif instance.lets_go(is_error=outcome.error is not None):
                self._note_live(taken.messages[number : number + 1])

    def _place(self, at: At) -> Place:
        place = self._places.get(at)
        if place is None:
            group: Any = self._groups[at[0]] if at[0] < len(self._groups) else None
            place = self._places[at] = Place(group, at[1])
        return place

    def _taken(self, shared: ExecutionShared, index: int, taken: Taken) -> TakenMessages:
        messages = self._numbered(shared, [(index, message) for message in self._messages(taken.messages)])
        attempts = taken.attempts
        opening = taken.opening if self._groups else None
        return TakenMessages(
            [message for _, message in messages],
            [self._outcome(outcome) for outcome in taken.outcomes],
            taken.lane,
            None if attempts is None else (attempts.failed, attempts.error, self._moment + attempts.due_seconds),
            None if opening is None else self._groups[opening[0]],
            0 if opening is None else opening[1],
        )

    def _outcome(self, made: MadeOutcome) -> Outcome:
        if made.done is None or not self._groups:
            return Outcome(made.emissions, made.logs, made.error, made.lanes, made.made_from)
        places = [None if at is None else self._place(at) for at in made.places]
        done = [self._place(at) for at in made.done]
        return GroupedOutcome(
            made.emissions, made.logs, made.error, made.lanes, made.made_from, places=places, done=done
        )

    def _end_groups(self, shared: GroupedShared) -> None:
        """Count what lives in the groups; what nothing lives in any more is complete."""
        opening = Counter(
            taken.opening[0]
            for state in self._states.values()
            for taken in state.taken
            if taken.opening is not None
        )
        for state in self.checkpoint.groups:
            if state.awaited and state.outer is not None:
                self._live[state.outer] += 1
        for at, live in self._live.items():
            place = self._place(at)
            place.live = live
            place.group.live += 1
            place.group.opener.under_way += 1
        for number, group in enumerate(self._groups):
            group.live += opening[number]
            if group.awaited:
                shared.groups[group] = None
        shared.complete_groups = sum([each.complete_groups() for each in shared.gatherers.values()])
        shared.in_flight.add(shared.complete_groups)


def _with_number(message: Message, sequence: int) -> Message:
    if type(message) is GroupedMessage:
        return GroupedMessage(message.port, message.value, sequence, message.edge, message.lane, message.place)
    return Message(message.port, message.value, sequence, message.edge, message.lane)


def _edges_of(checkpoint: Checkpoint, graph: LoadedGraph) -> Mapping[int, int]:
    """Return the index of each edge of a checkpoint in this graph; edges between the same ports in their order."""
    here: dict[tuple[str, str], deque[int]] = {}
    for index, edge in enumerate(graph.edges):
        here.setdefault((str(edge.source), str(edge.target)), deque()).append(index)
    found: dict[int, int] = {}
    for index, state in enumerate(checkpoint.edges):
        same = here.get((state.source, state.target))
        if same:
            found[index] = same.popleft()
    return found


def _port_of(graph: LoadedGraph, name: str, port: str) -> tuple[CompiledNode, int] | None:
    index = graph.index_of.get(name)
    node = None if index is None else graph.nodes[index]
    return None if node is None or port not in node.outputs else (node, node.outputs.index(port))


def moment_of(checkpoint: Checkpoint, present_ms: float) -> float:
    """Return the moment of a checkpoint on Trio's present clock."""
    return trio.current_time() - max(0.0, present_ms - checkpoint.taken_ms) / 1000
