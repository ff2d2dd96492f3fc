"""Statistics: where the messages of an execution are, and what holds them up."""

import msgspec

from proto.execution import ExecutionState


class NodeStatistics(msgspec.Struct, frozen=True, rename="camel"):
    """One node at one moment.

    Attributes:
        node_id: the node.
        invocations: messages whose invocation has ended.
        error_count: those that ended in an error.
        busy_seconds: time spent in the handler.
        busy_share: ``busy_seconds`` by the age of the execution; 1 means that the node never rested.
        throughput_per_second: invocations per second, over the last seconds.
        p50_latency_ms: half of the invocations took no longer.
        p95_latency_ms: likewise 95 of 100.
        p99_latency_ms: likewise 99 of 100.
        queued_messages: messages waiting before it, in its inbox and on edges with policies.
        queued_bytes: bytes of their values.
        peak_messages: the most that ever waited.
        capacity: the most that may wait there.
        blocked_senders: tasks that wait for room in its inbox now.
        held_messages: of those that wait, how many do because somebody holds their edge.
    """

    node_id: str
    invocations: int
    error_count: int
    busy_seconds: float
    busy_share: float
    throughput_per_second: float
    p50_latency_ms: float
    p95_latency_ms: float
    p99_latency_ms: float
    queued_messages: int
    queued_bytes: int
    peak_messages: int
    capacity: int
    blocked_senders: int
    held_messages: int = 0


class LatencyBucket(msgspec.Struct, frozen=True, rename="camel"):
    """Invocations of about the same length.

    Attributes:
        below_ms: they took less; each bucket ends at twice the length of the one before.
        count: so many did.
    """

    below_ms: float
    count: int


class NodeLatency(msgspec.Struct, frozen=True, rename="camel"):
    """The lengths of a node's invocations since its execution began.

    Attributes:
        execution_id: the execution.
        node_id: the node.
        total: invocations that were measured.
        buckets: from the shortest one to the longest one, with those between; none before the first.
    """

    execution_id: str
    node_id: str
    total: int
    buckets: tuple[LatencyBucket, ...]


class EdgeStatistics(msgspec.Struct, frozen=True, rename="camel"):
    """One edge at one moment; injected messages travel on none.

    Attributes:
        index: its place in the graph's ``edges``.
        source: ``node:port``.
        target: ``node:port``.
        sent: messages that began their way.
        queued: messages of this edge that wait in the target's inbox.
        peak: the most that waited there when the target turned to them.
        dropped: messages taken out by a policy, its own or the target's, whatever the reason.
        blocked_seconds: time that the source spent waiting for room.
        held_seconds: of that, the time in which somebody held the edge.
        expired: messages that had waited for too long; of ``dropped``.
        dead_lettered: messages that went on as dead letters; of ``dropped``.
    """

    index: int
    source: str
    target: str
    sent: int
    queued: int
    peak: int
    dropped: int
    blocked_seconds: float
    held_seconds: float = 0.0
    expired: int = 0
    dead_lettered: int = 0


class Bottleneck(msgspec.Struct, frozen=True, rename="camel"):
    """The node that holds the others up, and why, in one sentence."""

    node_id: str
    reason: str


class ExecutionStatistics(msgspec.Struct, frozen=True, rename="camel"):
    """All nodes and edges of an execution at one moment.

    Attributes:
        execution_id: the execution.
        state: the state of the execution.
        in_flight: messages accepted and not finished.
        held: injected messages that wait for ``resume``.
        nodes: statistics of each node, in the author's order.
        edges: statistics of each edge, in the author's order.
        bottleneck: nothing where no node holds any other up.
    """

    execution_id: str
    state: ExecutionState
    in_flight: int
    held: int
    nodes: tuple[NodeStatistics, ...]
    edges: tuple[EdgeStatistics, ...]
    bottleneck: Bottleneck | None


class RuntimeTotals(msgspec.Struct, frozen=True, rename="camel"):
    """The contents of a whole runtime at one moment.

    Attributes:
        loaded_graphs: graphs that can be executed.
        active_executions: executions that have not ended.
        total_messages_processed: messages of all executions since the start, ended and forgotten ones included.
    """

    loaded_graphs: int
    active_executions: int
    total_messages_processed: int
