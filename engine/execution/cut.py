"""The cut through a running execution: a copy of all that it is at one moment, taken in one breath.

Nothing is stopped and nobody is waited for. What waits in a queue is copied; what a task has in hand is where the
task has noted it (``engine.execution.hand``, ``engine.execution.chained_under_way``). A batch within a handler
counts as not begun, but for the messages of which the handler's state knows already. What was made counts as made:
it is in hand until it has left, and a value that has left by one of its edges has left by all of them.

Messages do not change, so the copy is one of references; what is made of it (``engine.execution.cut_made``) takes
its time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.groups import Group, GroupedOutcome, Place, place_of
from engine.contracts.handler import NOTHING, HandlerError, LogLine, Message, Outcome, Snapshot
from engine.counters.counters import InstanceCounters
from engine.execution.grouped_shared import GroupedShared
from engine.execution.hand import Hand, Sending, TakenMessages
from engine.execution.inbox import Inbox
from engine.execution.injection import Located
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.kept_outputs import Value
from engine.execution.log_buffer import LogBuffer
from engine.execution.masking import masked_error
from engine.execution.shared import ExecutionShared
from proto.execution import LogEntry


class NodeCut(NamedTuple):
    """One node."""

    node: CompiledNode
    waiting: Sequence[Message]
    taken: Sequence[TakenMessages]
    snapshot: Snapshot | None
    held: int
    counts: tuple[int, int, int]
    seconds: tuple[float, float]
    counters: InstanceCounters  # for the distribution of those seconds, which is no promise: it is read later
    inbox: Inbox  # likewise, for its figures


class Cut:
    """The copy, while it is taken and after.

    Args:
        shared: of the execution.
    """

    def __init__(self, shared: ExecutionShared) -> None:
        self.shared = shared
        self.graph, self.edge_counters = shared.graph, list(shared.edges)  # they may be others when it is made
        self.now = trio.current_time()
        self.sequence = shared.present_sequence()
        self.nodes: list[NodeCut] = []
        self.edges: list[tuple[int, int, int, int]] = []
        self.groups: list[tuple[Group, int]] = []
        self.opened: dict[int, int] = {}
        self.held: Sequence[Located] = ()
        self.offered: Sequence[Located] = ()
        self.outputs: tuple[list[tuple[str, str, int]], list[tuple[str, str, int, int, Sequence[Value]]]] = [], []
        self.logs: Sequence[LogEntry] = ()
        # What counts as done, and has not been counted yet: messages by their edges, emissions and errors by
        # their nodes.
        self.processed = 0
        self.sent: Counter[int] = Counter()
        self.retaken: Counter[int] = Counter()
        self.emitted: Counter[int] = Counter()
        self.errors: Counter[int] = Counter()
        # By index of a node: what waits there before all else, and behind all else.
        self.ahead: defaultdict[int, list[Message]] = defaultdict(list)
        self.behind: defaultdict[int, list[Message]] = defaultdict(list)
        self.late_logs: list[tuple[str, LogLine]] = []
        self.late_errors: list[tuple[str, HandlerError]] = []
        self.late_outputs: list[tuple[str, str, int, bytes, bool]] = []
        self.chain_hands: set[Hand] = set()  # whose sending is that of a chain
        self.late_failure: tuple[str, bytes, HandlerError] | None = None

    # What goes on its way in the copy

    def send(self, node: CompiledNode, port: int, value: bytes, derived_lane: int, place: Place | None) -> None:
        """Let a value that has been made leave by all edges of a port, or the graph."""
        lane = derived_lane or node.lanes[port]
        targets = node.routes[port]
        if not targets:
            self.late_outputs.append((node.id, node.outputs[port], lane, value, False))
        for target in targets:
            self.behind[target.node].append(self.shared.made_at(place, target, value, lane, 0))
            self.sent[target.edge] += 1

    def end_sending(self, sending: Sending | None) -> int:
        """Let the value that waits go where it has not gone yet; return how many emissions have left then."""
        if sending is None:
            return 0
        message = sending.message
        if message is None:
            return sending.sent
        inbox = self.shared.inboxes[sending.node]
        is_there = inbox.has_admitted(message) or any(each is message for each in inbox.blocked())
        if not is_there:  # it waits for memory
            self.behind[sending.node].append(message)
        for target in sending.rest:
            made = self.shared.made_at(sending.place, target, message.value, message.lane, 0)
            self.behind[target.node].append(made)
            self.sent[target.edge] += 1
        return sending.sent + 1

    def fail(self, instance: Instance, message: Message, error: HandlerError) -> None:
        """See to an error that no further attempt is made for, as ``engine.execution.error_policy`` does."""
        node, policy = instance.node, instance.errors
        error = masked_error(self.shared.mask, error)
        self.late_errors.append((node.id, error))
        value = policy.value(message, error)
        if node.routes[node.error_port]:
            self.emitted[node.index] += 1
            self.send(node, node.error_port, value, message.lane, place_of(message))
            return
        lane = message.lane or node.lanes[node.error_port]
        self.late_outputs.append((node.id, node.outputs[node.error_port], lane, value, True))
        if not policy.goes_on and self.late_failure is None:
            self.late_failure = node.id, message.value, error


def take_nodes(cut: Cut, instances: Iterable[Instance], in_chain: Callable[[Instance], bool]) -> None:
    """Copy all nodes; ``in_chain`` tells of one whose chain has been copied, with what it has taken.

    There may be a thousand, and all others wait meanwhile: of one that is at rest, as little as can be is done.
    """
    add, now, inboxes = cut.nodes.append, cut.now, cut.shared.inboxes
    for instance in instances:
        node, inbox, counters = instance.node, inboxes[instance.node.index], instance.counters
        taken: Sequence[TakenMessages] = ()
        if instance.has_in_hand:
            is_chained = instance.chained is not None and in_chain(instance)
            taken = _given_by(cut, instance) if is_chained else _taken_by(cut, instance)
        waiting = inbox.waiting()
        if inbox.is_blocked:
            waiting += [message for message in inbox.blocked() if message.edge >= 0]  # others are ``offered``
        handlers = instance.handlers
        snapshot = handlers[0].snapshot(now) if len(handlers) == 1 else None
        counts = counters.invocations, counters.emitted, counters.errors
        seconds = counters.total_latency_seconds, counters.max_latency_seconds
        add(NodeCut(node, waiting, taken, snapshot, instance.in_hand.held, counts, seconds, counters, inbox))


# What an instance has in hand


def _taken_by(cut: Cut, instance: Instance) -> Sequence[TakenMessages]:
    taken: list[TakenMessages] = []
    if instance.is_concluding:  # its state may know of its last word already
        made = instance.handlers[0].made_so_far()
        taken += [TakenMessages((), [outcome], instance.last_lane) for outcome in made]
    given, batches = [], []
    for hand in instance.hands:
        if hand.batch:
            batches.append(hand)
        elif hand.outcomes:
            given.append(hand)
    if not given and not batches and not instance.initial.outcomes and not instance.left:
        return taken
    taken += [_in_hand(cut, instance, hand) for hand in given]
    taken += [TakenMessages((), [Outcome(outcome.emissions)]) for outcome in instance.initial.outcomes]
    batches.sort(key=lambda hand: hand.number)
    taken += [_in_hand(cut, instance, hand) for hand in batches]
    taken += instance.left
    return taken


def _given_by(cut: Cut, instance: Instance) -> Sequence[TakenMessages]:
    """Return what a member of a chain gives out by itself: the error of its last word."""
    others = instance.hands[1:]
    return [_in_hand(cut, instance, hand) for hand in others if hand.outcomes] if others else ()


def _in_hand(cut: Cut, instance: Instance, hand: Hand) -> TakenMessages:
    """Return what of a hand's messages is not finished; its value that is on its way goes on to the end."""
    batch, outcomes = hand.batch, hand.outcomes
    is_alone = len(instance.handlers) == 1
    if hand.attempts is not None and hand.failing is not None:
        return _tried_again(cut, instance, hand, hand.failing, *hand.attempts)
    if outcomes is None:
        made = instance.handlers[0].made_so_far() if is_alone else ()
        return TakenMessages(batch, made)
    cut.processed += min(hand.first, len(batch))
    messages = batch[hand.first :]
    rest = _unlogged(hand, outcomes)
    sending = None if hand in cut.chain_hands else hand.sending
    left = cut.end_sending(sending)
    group, next_item = hand.group, hand.next_item
    if hand.failing is not None:  # its error is on its way
        if group is None:
            rest[0] = _seen_to(rest[0], messages[0] if messages else None)
        else:
            next_item += 1
    elif sending is not None:
        cut.emitted[instance.node.index] -= len(sending.emissions) - left
        if group is not None:
            next_item += left
    if group is not None:
        rest[0] = _without(rest[0], next_item - hand.first_item)
    elif hand.failing is None:
        _drop_sent(rest, hand.sent + left)
    return TakenMessages(messages, rest, hand.lane, None, group, next_item)


def _tried_again(
    cut: Cut, instance: Instance, hand: Hand, error: HandlerError, failed: int, due: float
) -> TakenMessages:
    made = instance.handlers[0].made_so_far() if len(instance.handlers) == 1 else ()
    if not made:
        return TakenMessages(hand.batch, (), 0, (failed, error, due))
    if made[0].error is None:
        return TakenMessages(hand.batch, made)
    cut.errors[instance.node.index] += 1
    return TakenMessages(hand.batch, (), 0, (failed + 1, made[0].error, cut.now))


def _unlogged(hand: Hand, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes that have not left, without the lines that have been logged."""
    rest = list(outcomes[hand.first :])
    for index, outcome in enumerate(rest, hand.first):
        if outcome.logs and index <= hand.logged:
            lines = outcome.logs[hand.lines :] if index == hand.logged else ()
            rest[index - hand.first] = _changed(outcome, outcome.emissions, 0, logs=lines)
    return rest


def _drop_sent(outcomes: list[Outcome], sent: int) -> None:
    """Take emissions out of outcomes, from the first on, which have left."""
    for index, outcome in enumerate(outcomes):
        if not sent:
            return
        own = min(sent, len(outcome.emissions)) if outcome.error is None else 0
        if own:
            outcomes[index] = _without(outcome, own)
            sent -= own


def _without(outcome: Outcome, sent: int) -> Outcome:
    """Return an outcome without its first emissions."""
    return _changed(outcome, outcome.emissions[sent:], sent, logs=outcome.logs)


def _changed(
    outcome: Outcome, emissions: Sequence[tuple[int, bytes]], sent: int, *, logs: Sequence[LogLine]
) -> Outcome:
    lanes, made_from = outcome.lanes[sent:], outcome.made_from[sent:]
    if isinstance(outcome, GroupedOutcome):
        places = outcome.places[sent:] if outcome.error is None else outcome.places
        return GroupedOutcome(emissions, logs, outcome.error, lanes, made_from, places=places, done=outcome.done)
    return Outcome(emissions, logs, outcome.error, lanes, made_from)


def _seen_to(outcome: Outcome, message: Message | None) -> Outcome:
    """Return what is left of an outcome whose error has left: the places that are done with by it."""
    if isinstance(outcome, GroupedOutcome):
        return GroupedOutcome(done=outcome.done)
    place = None if message is None else place_of(message)
    return NOTHING if place is None else GroupedOutcome(done=(place,))


# All else


def take_rest(cut: Cut, injector: Injector) -> None:
    """Copy what belongs to no node: edges, groups, the injector, outputs and logs."""
    shared = cut.shared
    cut.edges = [(each.sent, each.taken, each.dropped, each.peak) for each in shared.edges]
    if isinstance(shared, GroupedShared):
        cut.groups = [(group, group.awaited) for group in shared.groups]
        cut.opened = {index: opener.opened for index, opener in shared.openers().items()}
    cut.held, cut.offered = injector.holding(), injector.offered()
    if shared.outputs.kept is not None:
        cut.outputs = shared.outputs.kept.runs()
    cut.logs = _entries(shared.log_buffer)


def _entries(log_buffer: LogBuffer) -> Sequence[LogEntry]:
    return log_buffer.entries() if log_buffer.logged else ()
