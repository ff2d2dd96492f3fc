"""A checkpoint made of a cut, in steps: groups and places become numbers, and what was copied is put in order."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from engine.checkpoint.checkpoint import (
    At,
    Attempts,
    Checkpoint,
    EdgeState,
    GroupState,
    HandlerState,
    KeptLog,
    KeptRun,
    LateEffects,
    MadeOutcome,
    NodeCounters,
    NodeState,
    PlacedMessage,
    Taken,
)
from engine.contracts.groups import Group, GroupedMessage, GroupedOutcome, Opener, Place
from engine.contracts.handler import Message, Outcome, Snapshot
from engine.cooperative.slices import Steps, paced
from engine.execution.cut import Cut, NodeCut
from engine.execution.grouped_shared import GroupedShared
from engine.execution.hand import TakenMessages
from engine.execution.injection import Located
from engine.execution.kept_outputs import Value
from engine.execution.masking import masked_error, masked_line
from proto.execution import LogEntry

T = TypeVar("T")
Made = TypeVar("Made")

_BETWEEN_YIELDS = 200


def made_of_cut(cut: Cut, head: Checkpoint) -> Steps[Checkpoint]:
    """Make the checkpoint; ``head`` says who it is of, and when."""
    maker = _Maker(cut)
    nodes = []
    for node in cut.nodes:
        nodes.append((yield from maker.node(node)))
        yield
    shared = cut.shared
    totals, runs = cut.outputs
    edges = []
    for index, is_due in paced(range(len(cut.graph.edges)), _BETWEEN_YIELDS):
        edges.append(_edge(cut, index))
        if is_due:
            yield
    late = LateEffects(
        logs=tuple([(node_id, masked_line(shared.mask, line)) for node_id, line in cut.late_logs]),
        errors=tuple(cut.late_errors),
        outputs=tuple(cut.late_outputs),
        failure=cut.late_failure,
    )
    return msgspec.structs.replace(
        head,
        nodes=tuple(nodes),
        edges=tuple(edges),
        held=(yield from _located(cut, cut.held)),
        offered=(yield from _located(cut, cut.offered)),
        late=late,
        port_outputs=tuple(totals),
        kept_outputs=(yield from _in_steps(runs, _run)),
        logs=(yield from _in_steps(cut.logs, _log)),
        groups=(yield from maker.groups()),
    )


def _in_steps(items: Iterable[T], make: Callable[[T], Made]) -> Steps[tuple[Made, ...]]:
    made: list[Made] = []
    for item, is_due in paced(items, _BETWEEN_YIELDS):
        made.append(make(item))
        if is_due:
            yield
    return tuple(made)


def _located(cut: Cut, messages: Iterable[Located]) -> Steps[tuple[tuple[str, Message], ...]]:
    nodes = cut.graph.nodes
    return (yield from _in_steps(messages, lambda located: (nodes[located[0]].id, located[1])))


def _run(run: tuple[str, str, int, int, Sequence[Value]]) -> KeptRun:
    node, port, last, lane, values = run
    return KeptRun(node, port, last, lane, tuple(values))


def _edge(cut: Cut, index: int) -> EdgeState:
    edge = cut.graph.edges[index]
    sent, taken, dropped, peak = cut.edges[index]
    blocked_seconds = cut.edge_counters[index].blocked_until(cut.now)
    return EdgeState(
        str(edge.source),
        str(edge.target),
        sent + cut.sent[index],
        taken + cut.retaken[index],
        dropped,
        peak,
        blocked_seconds,
    )


def _log(entry: LogEntry) -> KeptLog:
    meta = None if entry.meta is msgspec.UNSET else bytes(entry.meta)
    return KeptLog(entry.timestamp, entry.node_id, entry.level, entry.message, meta)


class _Maker:
    """Gives groups their numbers."""

    def __init__(self, cut: Cut) -> None:
        self._cut = cut
        self._mask = cut.shared.mask  # what is in hand has not been shown yet, so nothing has masked it
        self._is_grouped = isinstance(cut.shared, GroupedShared)
        self._awaited = dict(cut.groups)
        self._node_of: dict[Opener, int] = {}
        if isinstance(cut.shared, GroupedShared):
            self._node_of = {opener: index for index, opener in cut.shared.openers().items()}
        self._number_of: dict[Group, int] = {}
        self._groups: list[Group] = []
        for group, _ in cut.groups:
            self._number(group)

    def node(self, cut: NodeCut) -> Steps[NodeState]:
        """Make the state of a node."""
        index = cut.node.index
        ahead, behind = self._cut.ahead.get(index, ()), self._cut.behind.get(index, ())
        waiting = yield from self._messages([*ahead, *cut.waiting, *behind])
        taken: list[Taken] = []
        for each in cut.taken:
            made = yield from self._taken(each)
            taken.append(made)
        invocations, emitted, errors = cut.counts
        total, longest = cut.seconds
        latencies = cut.counters.latencies.counts() if invocations else ()
        peak, dropped = cut.inbox.figures
        counters = NodeCounters(
            invocations,
            emitted + self._cut.emitted[index],
            errors + self._cut.errors[index],
            total,
            longest,
            tuple(latencies),
        )
        return NodeState(
            id=cut.node.id,
            component=cut.node.definition.component,
            waiting=waiting,
            taken=tuple(taken),
            handler=None if cut.snapshot is None else (yield from self._handler(cut.snapshot)),
            held=cut.held,
            counters=counters,
            opened=self._cut.opened.get(index, 0),
            peak=peak,
            dropped=dropped,
        )

    def _handler(self, snapshot: Snapshot) -> Steps[HandlerState]:
        kept = snapshot() if callable(snapshot) else snapshot
        messages = yield from self._messages(kept.messages)
        return HandlerState(messages=messages, groups=tuple(map(self._number, kept.groups)), rest=kept.rest)

    def _taken(self, taken: TakenMessages) -> Steps[Taken]:
        attempts = None
        if taken.attempts is not None:
            failed, error, due = taken.attempts
            attempts = Attempts(failed, masked_error(self._mask, error), due - self._cut.now)
        return Taken(
            messages=(yield from self._messages(taken.messages)),
            outcomes=tuple(map(self._outcome, taken.outcomes)),
            attempts=attempts,
            lane=taken.lane,
            opening=None if taken.group is None else (self._number(taken.group), taken.next_item),
        )

    def _outcome(self, outcome: Outcome) -> MadeOutcome:
        places: tuple[At | None, ...] = ()
        done: tuple[At, ...] | None = None
        if isinstance(outcome, GroupedOutcome):
            places = tuple([None if place is None else self._at(place) for place in outcome.places])
            done = tuple(map(self._at, outcome.done))
        return MadeOutcome(
            tuple(outcome.emissions),
            tuple([masked_line(self._mask, line) for line in outcome.logs]),
            None if outcome.error is None else masked_error(self._mask, outcome.error),
            tuple(outcome.lanes),
            tuple(outcome.made_from),
            places,
            done,
        )

    def _messages(self, messages: Sequence[Message]) -> Steps[tuple[Message, ...]]:
        """Return messages whose places are numbers; those without one as they are."""
        if not self._is_grouped:
            return tuple(messages)
        plain: list[Message] = []
        for message, is_due in paced(messages, _BETWEEN_YIELDS):
            if type(message) is GroupedMessage and message.place is not None:
                at = self._at(message.place)
                plain.append(
                    PlacedMessage(message.port, message.value, message.sequence, message.edge, message.lane, at)
                )
            else:
                plain.append(message)
            if is_due:
                yield
        return tuple(plain)

    def _at(self, place: Place) -> At:
        return self._number(place.group), place.index

    def _number(self, group: Group) -> int:
        number = self._number_of.get(group)
        if number is None:
            number = self._number_of[group] = len(self._groups)
            self._groups.append(group)
        return number

    def groups(self) -> Steps[tuple[GroupState, ...]]:
        """Return the groups, those of the arrays' own places among them."""
        states = []
        nodes = self._cut.graph.nodes
        index = 0
        while index < len(self._groups):  # a place may name a further one
            group = self._groups[index]
            index += 1
            outer = None if group.outer is None else self._at(group.outer)
            opener = nodes[self._node_of[group.opener]].id
            states.append(GroupState(opener, group.lane, outer, self._awaited.get(group, 0)))
            if not index % _BETWEEN_YIELDS:
                yield
        return tuple(states)
