"""The nodes that hold an execution up, ranked by what they cost the others, with cause and evidence."""

from typing import Literal

import msgspec

from proto.execution import ExecutionState

Cause = Literal["code", "queue", "downstream", "sandbox", "outside", "garbage", "memory", "held"]
"""The ways in which a node's time goes by: its own code; messages that wait although it rests; a node behind it;
other guests, whose turn it is; an answer from outside; the collection of garbage; memory that is not there; or
somebody's hand."""

Trend = Literal["worse", "steady", "better"]


class NodeTime(msgspec.Struct, frozen=True, rename="camel"):
    """The time of one node since the window began; the shares add up to 1.

    Attributes:
        node_id: the node.
        computing: in its handler, a call under way included; the mean of its workers.
        blocked: waiting for room on an edge that leaves it.
        held: with messages before it that somebody holds.
        waiting: for messages.
    """

    node_id: str
    computing: float
    blocked: float
    held: float
    waiting: float


class Evidence(msgspec.Struct, frozen=True, rename="camel"):
    """The numbers behind a verdict, at this moment or since the window began.

    Attributes:
        queued_messages: messages that wait before the node.
        queued_bytes: bytes of their values.
        capacity: the most that may wait there.
        held_messages: of those that wait, how many somebody holds.
        blocked_senders: tasks that wait for room there.
        sources_blocked_share: time that its sources spent waiting for room there, by the length of the window.
        sent_per_second: messages sent to it.
        done_per_second: invocations that ended.
        p50_latency_ms: half of its invocations took no longer.
        call_seconds: how long calls under way have taken so far, together.
        cpu_share: of the time in its handler, how much a sandboxed component computed; null where nobody knows.
        garbage_share: of the window, how much the collection of garbage took, of the whole service.
        waits_for: the node behind it that it waits for; null where it waits for none.
    """

    queued_messages: int
    queued_bytes: int
    capacity: int
    held_messages: int
    blocked_senders: int
    sources_blocked_share: float
    sent_per_second: float
    done_per_second: float
    p50_latency_ms: float
    call_seconds: float
    cpu_share: float | None
    garbage_share: float
    waits_for: str | None


class Obstacle(msgspec.Struct, frozen=True, rename="camel"):
    """A node that holds others up, or is held up.

    Attributes:
        rank: 1 for the one that costs most.
        node_id: the node.
        cause: what its time goes by with.
        reason: the same in a sentence.
        severity: how much it costs; only for comparing.
        trend: of what waits before it, since the window began.
        evidence: the numbers.
    """

    rank: int
    node_id: str
    cause: Cause
    reason: str
    severity: float
    trend: Trend
    evidence: Evidence


class BottleneckReport(msgspec.Struct, frozen=True, rename="camel"):
    """The nodes that hold an execution up, and where the time of all of them goes.

    Attributes:
        execution_id: the execution.
        state: of the execution.
        window_seconds: the time that was looked at: since somebody last asked, one second at least, or since the
            execution began.
        bottlenecks: what costs most first; nothing where nobody waits for anybody.
        nodes: the time of each node, in the author's order.
    """

    execution_id: str
    state: ExecutionState
    window_seconds: float
    bottlenecks: tuple[Obstacle, ...]
    nodes: tuple[NodeTime, ...]
