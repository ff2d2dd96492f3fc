"""The statistics of a running execution, read off its circuit and its instances."""

from collections.abc import Sequence

import trio

from engine.bottleneck import find_bottleneck
from engine.circuit import Circuit
from engine.instance import Instance
from engine.metrics import percentile_ms
from proto.execution import ExecutionState
from proto.statistics import EdgeStatistics, ExecutionStatistics, NodeStatistics


def measure(
    execution_id: str, state: ExecutionState, circuit: Circuit, instances: Sequence[Instance], held: int
) -> ExecutionStatistics:
    """All nodes and edges at this moment, and the bottleneck among them."""
    now = trio.current_time()
    started = circuit.counters.started_seconds
    age_seconds = 0.0 if started is None else now - started
    nodes = tuple(_measure_node(instance, circuit, age_seconds, now) for instance in instances)
    edges = _measure_edges(circuit, now)
    return ExecutionStatistics(
        execution_id=execution_id,
        state=state,
        in_flight=circuit.in_flight.count,
        held=held,
        nodes=nodes,
        edges=edges,
        bottleneck=find_bottleneck(nodes, edges),
    )


def _measure_node(instance: Instance, circuit: Circuit, age_seconds: float, now: float) -> NodeStatistics:
    counters = instance.counters
    inbox = circuit.inboxes[instance.node.index].statistics()
    return NodeStatistics(
        node_id=instance.node.id,
        invocations=counters.invocations,
        error_count=counters.errors,
        busy_seconds=round(counters.total_latency_seconds, 6),
        busy_share=round(counters.total_latency_seconds / age_seconds, 4) if age_seconds else 0.0,
        throughput_per_second=round(counters.throughput.per_second(now), 1),
        p50_latency_ms=percentile_ms(counters.latencies, 50),
        p95_latency_ms=percentile_ms(counters.latencies, 95),
        p99_latency_ms=percentile_ms(counters.latencies, 99),
        queued_messages=inbox.waiting_messages,
        queued_bytes=inbox.waiting_bytes,
        peak_messages=inbox.peak_messages,
        capacity=instance.node.capacity,
        blocked_senders=inbox.blocked_senders,
    )


def _measure_edges(circuit: Circuit, now: float) -> tuple[EdgeStatistics, ...]:
    return tuple(
        EdgeStatistics(
            index=index,
            source=str(edge.source),
            target=str(edge.target),
            sent=counters.sent,
            queued=counters.queued,
            peak=max(counters.peak, counters.queued),
            dropped=counters.dropped,
            blocked_seconds=round(counters.blocked_until(now), 6),
        )
        for index, (edge, counters) in enumerate(zip(circuit.graph.definition.edges, circuit.edges, strict=False))
    )
