"""The nodes that hold an execution up, ranked, with the cause in words: two readings in, a report out.

A node costs others what its sources wait for room before it, less what it waits itself for those behind it: so
blocking, which spreads upstream hop by hop, is charged to where it begins. What piles up before it counts half as
much, and being busy alone hardly at all: somebody has to be the busiest.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.cooperative.slices import Steps, paced
from engine.counters.counters import percentiles_ms
from engine.execution.instance import Instance
from engine.execution.node_times import NodeReading, Reading, node_at
from engine.execution.shared import ExecutionShared
from proto.bottleneck import BottleneckReport, Cause, Evidence, NodeTime, Obstacle, Trend
from proto.execution import ExecutionState

_MOST = 20
"""Nodes that are ranked: more is a list and no answer."""

_NOTICEABLE = 0.02
_MUCH = 0.5
_BUSY = 0.3
_CPU_MUCH = 0.5
_GARBAGE_MUCH = 0.25
_OLD_SECONDS = 10.0
"""A window that is longer says nothing of the last seconds."""

_LONG_SECONDS = 1.0
"""A call that lasts longer is told while it does, and where nothing ends for longer, messages that wait are."""

_OUTSIDE = ("symbia.io.http-request",)
_BETWEEN_YIELDS = 50


class _Facts(NamedTuple):
    """The facts of one node."""

    time: NodeTime
    evidence: Evidence
    change: int
    peak: int
    is_old: bool
    is_outside: bool
    is_starved: bool
    is_paused: bool
    is_stuck: bool
    fullness: float


def report_obstacles(
    execution_id: str,
    state: ExecutionState,
    shared: ExecutionShared,
    instances: Sequence[Instance],
    before: Reading,
    reading: Reading,
) -> Steps[BottleneckReport]:
    """Return what holds an execution up, between two readings of it."""
    seconds = max(reading.now - before.now, 1e-9)
    found: list[tuple[float, _Facts]] = []
    times: list[NodeTime] = []
    waits_for = _waits(shared, before, reading)
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        index = instance.node.index
        facts = _facts(instance, shared, (before, reading), seconds, waits_for.get(index), state)
        times.append(facts.time)
        severity = _severity(facts)
        if severity >= _NOTICEABLE:
            found.append((severity, facts))
        if is_due:
            yield
    found.sort(key=lambda each: -each[0])
    ranked = [_obstacle(rank, severity, facts) for rank, (severity, facts) in enumerate(found[:_MOST], 1)]
    return BottleneckReport(execution_id, state, round(seconds, 3), tuple(ranked), tuple(times))


def _waits(shared: ExecutionShared, before: Reading, reading: Reading) -> dict[int, str]:
    """Return for each node that has waited for room the node behind it for which it has waited longest."""
    longest: dict[int, tuple[float, str]] = {}
    for index, edge in enumerate(shared.graph.edges):
        waited = reading.blocked_edges[index] - (before.blocked_edges[index] if before.blocked_edges else 0.0)
        source = shared.graph.index_of[edge.source.node]
        if waited > longest.get(source, (0.0, ""))[0]:
            longest[source] = waited, edge.target.node
    return {source: node for source, (_, node) in longest.items()}


def _facts(
    instance: Instance,
    shared: ExecutionShared,
    readings: tuple[Reading, Reading],
    seconds: float,
    waits_for: str | None,
    state: ExecutionState,
) -> _Facts:
    before, reading = readings
    index = instance.node.index
    was, now = node_at(before, index), node_at(reading, index)
    inbox = reading.inboxes[index]
    workers = max(1, len(instance.handlers))
    busy = max(0.0, now.busy - was.busy)
    blocked = min(1.0, max(0.0, now.blocked - was.blocked) / seconds)
    held = 1.0 if inbox.held_messages else 0.0
    time = _shares(instance.node.id, busy / seconds / workers, blocked, held)
    evidence = Evidence(
        queued_messages=inbox.current_buffer_used,
        queued_bytes=inbox.current_buffer_bytes,
        capacity=int(inbox.max_buffer_size),
        held_messages=inbox.held_messages,
        blocked_senders=inbox.tasks_waiting_send,
        sources_blocked_share=round(max(0.0, now.sources_blocked - was.sources_blocked) / seconds, 4),
        sent_per_second=round((now.sent - was.sent) / seconds, 1),
        done_per_second=round((now.done - was.done) / seconds, 1),
        p50_latency_ms=percentiles_ms(instance.counters.latencies)[0],
        call_seconds=round(now.busy - instance.counters.total_latency_seconds, 3),
        cpu_share=_cpu_share(was, now, busy),
        garbage_share=round(min(1.0, (reading.garbage - before.garbage) / seconds), 4),
        waits_for=waits_for if blocked >= _NOTICEABLE else None,
    )
    return _Facts(
        time,
        evidence,
        change=now.queued - was.queued,
        peak=inbox.peak_buffer_used,
        is_old=not before.nodes and seconds > _OLD_SECONDS,
        is_outside=instance.node.definition.component.startswith(_OUTSIDE),
        is_starved=shared.inboxes[index].is_starved,
        is_paused=state is ExecutionState.PAUSED,
        is_stuck=bool(inbox.current_buffer_used) and now.done == was.done and seconds >= _LONG_SECONDS,
        fullness=shared.inboxes[index].fullness,
    )


def _shares(node_id: str, computing: float, blocked: float, held: float) -> NodeTime:
    """Return shares that add up to 1: what is sure goes first, and the rest is waiting."""
    computing = min(1.0, computing)
    blocked = min(blocked, 1.0 - computing)
    held = min(held, 1.0 - computing - blocked)
    waiting = max(0.0, 1.0 - computing - blocked - held)
    return NodeTime(node_id, round(computing, 4), round(blocked, 4), round(held, 4), round(waiting, 4))


def _cpu_share(was: NodeReading, now: NodeReading, busy: float) -> float | None:
    if now.cpu is None or busy <= 0:
        return None
    return round(min(1.0, max(0.0, now.cpu - (was.cpu or 0.0)) / busy), 4)


def _severity(facts: _Facts) -> float:
    evidence, time = facts.evidence, facts.time
    fill = min(1.0, facts.fullness)
    own = max(0.0, evidence.sources_blocked_share - time.blocked)
    if time.blocked >= _MUCH:  # it is held up itself
        return own + fill / 10 + time.blocked / 20
    by_hand = _MUCH / 2 if evidence.held_messages or (facts.is_paused and evidence.queued_messages) else 0.0
    hungry = _MUCH if facts.is_starved else 0.0
    stuck = _MUCH / 5 if facts.is_stuck else 0.0
    return own + fill / 2 + by_hand + hungry + stuck + time.computing / 20


def _obstacle(rank: int, severity: float, facts: _Facts) -> Obstacle:
    cause = _cause(facts)
    reason = f"{_why(cause, facts)}. {_effect(facts)}".strip()
    return Obstacle(rank, facts.time.node_id, cause, reason, round(severity, 4), _trend(facts), facts.evidence)


def _cause(facts: _Facts) -> Cause:
    evidence, time = facts.evidence, facts.time
    if evidence.held_messages or (facts.is_paused and evidence.queued_messages):
        return "held"
    if facts.is_starved:
        return "memory"
    if time.blocked >= _MUCH:
        return "downstream"
    if time.computing < _BUSY:
        return "queue" if evidence.queued_messages or time.computing < time.blocked else _working(facts)
    return _working(facts)


def _working(facts: _Facts) -> Cause:
    evidence = facts.evidence
    if evidence.garbage_share >= _GARBAGE_MUCH:
        return "garbage"
    if facts.is_outside:
        return "outside"
    if evidence.cpu_share is not None and evidence.cpu_share < _CPU_MUCH:
        return "sandbox"
    return "code"


def _trend(facts: _Facts) -> Trend:
    queued = facts.evidence.queued_messages
    if facts.is_old:
        return "better" if queued <= facts.peak / 2 and facts.peak > 1 else "steady"
    least = max(2.0, 0.05 * (queued - facts.change))
    return "worse" if facts.change >= least else "better" if -facts.change >= least else "steady"


def _effect(facts: _Facts) -> str:
    evidence = facts.evidence
    said = []
    if evidence.sources_blocked_share >= _NOTICEABLE:
        said.append(f"Its sources wait for room {min(1.0, evidence.sources_blocked_share):.0%} of the time.")
    if evidence.queued_messages:
        said.append(f"{evidence.queued_messages:,} of {evidence.capacity:,} messages wait before it.")
    return " ".join(said)


def _why(cause: Cause, facts: _Facts) -> str:
    evidence, time = facts.evidence, facts.time
    works = f"it is at work {time.computing:.0%} of the time, {evidence.p50_latency_ms:,.3f} ms a message (median)"
    if evidence.call_seconds >= _LONG_SECONDS:
        works += f", and calls under way have lasted {evidence.call_seconds:,.1f} s"
    hand = "The execution is paused"
    if evidence.held_messages:
        hand = f"Somebody holds {evidence.held_messages:,} messages before it"
    reasons: dict[Cause, str] = {
        "code": f"Its own code: {works}",
        "queue": f"It rests {time.waiting:.0%} of the time, until another attempt or something of its own is due",
        "downstream": f"It waits {time.blocked:.0%} of the time for room before {evidence.waits_for or 'others'}",
        "sandbox": f"Its guest waits for its turn: {works}, {evidence.cpu_share or 0.0:.0%} of that computing",
        "outside": f"It waits for answers from outside: {works}",
        "garbage": f"The service collects garbage {evidence.garbage_share:.0%} of the time; {works}",
        "memory": "There is no memory for what is sent to it",
        "held": hand,
    }
    return reasons[cause]
