"""The statistics of a running execution, read off what its instances share and its instances."""

from collections.abc import Sequence

import trio

from engine.cooperative.slices import Steps, paced
from engine.counters.counters import percentiles_ms
from engine.counters.edge_counters import EdgeCounters
from engine.execution.bottleneck import look_for_bottleneck
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionState
from proto.graph import Edge
from proto.statistics import EdgeStatistics, ExecutionStatistics, NodeStatistics

_BETWEEN_YIELDS = 25
"""Nodes or edges that are measured between two yields: a tenth of a millisecond."""


def execution_statistics(
    execution_id: str, state: ExecutionState, shared: ExecutionShared, instances: Sequence[Instance], held: int
) -> Steps[ExecutionStatistics]:
    """Read all nodes and edges at this moment, and look for the bottleneck among them."""
    now = trio.current_time()
    started = shared.counters.started_seconds
    age_seconds = 0.0 if started is None else now - started
    nodes = []
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        nodes.append(_measure_node(instance, shared, age_seconds, now))
        if is_due:
            yield
    edges = []
    pairs = enumerate(zip(shared.graph.edges, shared.edges, strict=False))
    for (index, (edge, counters)), is_due in paced(pairs, _BETWEEN_YIELDS):
        edges.append(_measure_edge(index, edge, counters, now))
        if is_due:
            yield
    bottleneck = yield from look_for_bottleneck(nodes, edges)
    return ExecutionStatistics(
        execution_id=execution_id,
        state=state,
        in_flight=shared.in_flight.count,
        held=held,
        nodes=tuple(nodes),
        edges=tuple(edges),
        bottleneck=bottleneck,
    )


def _measure_node(instance: Instance, shared: ExecutionShared, age_seconds: float, now: float) -> NodeStatistics:
    counters = instance.counters
    inbox = shared.inboxes[instance.node.index].statistics()
    busy_seconds = instance.busy_seconds(now)
    p50_ms, p95_ms, p99_ms = percentiles_ms(counters.latencies)
    return NodeStatistics(
        node_id=instance.node.id,
        invocations=counters.invocations,
        error_count=counters.errors,
        busy_seconds=round(busy_seconds, 6),
        busy_share=round(busy_seconds / age_seconds, 4) if age_seconds else 0.0,
        throughput_per_second=round(counters.throughput.per_second(now), 1),
        p50_latency_ms=p50_ms,
        p95_latency_ms=p95_ms,
        p99_latency_ms=p99_ms,
        queued_messages=inbox.current_buffer_used,
        queued_bytes=inbox.current_buffer_bytes,
        peak_messages=inbox.peak_buffer_used,
        capacity=int(inbox.max_buffer_size),
        blocked_senders=inbox.tasks_waiting_send,
        held_messages=inbox.held_messages,
    )


def _measure_edge(index: int, edge: Edge, counters: EdgeCounters, now: float) -> EdgeStatistics:
    return EdgeStatistics(
        index=index,
        source=str(edge.source),
        target=str(edge.target),
        sent=counters.sent,
        queued=counters.queued,
        peak=max(counters.peak, counters.queued),
        dropped=counters.dropped,
        expired=counters.expired,
        dead_lettered=counters.dead_lettered,
        blocked_seconds=round(counters.blocked_until(now), 6),
        held_seconds=round(counters.held_until(now), 6),
    )
