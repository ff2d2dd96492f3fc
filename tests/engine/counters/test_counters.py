"""Counters of instances, their sums, and what is told of them."""

from dataclasses import dataclass

import pytest

from engine.counters.counters import ExecutionCounters, InstanceCounters, Sums, percentiles_ms, summarise
from engine.counters.latency import LatencyHistogram
from proto.execution import ExecutionMetrics, InstanceMetrics


@dataclass
class About:
    """Equal to numbers within the error of a histogram."""

    number: float

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(other - self.number) <= 0.05 * self.number

    def __hash__(self) -> int:
        return 0


def counted(*batches: tuple[int, float, float], emitted: int = 0, errors: int = 0) -> InstanceCounters:
    """Counters after batches, each of so many invocations that took so many seconds together until then."""
    counters = InstanceCounters()
    for invocations, seconds, now in batches:
        counters.count_batch(invocations, seconds, now)
    counters.emitted, counters.errors = emitted, errors
    return counters


def test_the_percentiles_are_the_median_and_those_of_95_and_99() -> None:
    """Of a hundred latencies they are the 50th, the 95th and the 99th."""
    latencies = LatencyHistogram()
    for seconds, count in ((0.001, 50), (0.01, 45), (0.1, 4), (1.0, 1)):
        latencies.add(seconds, count)
    assert percentiles_ms(latencies) == [About(1.0), About(10.0), About(100.0)]


def test_an_instance_that_was_never_called_tells_of_nothing() -> None:
    """But of what it emitted and got wrong at its beginning and its end."""
    assert counted().snapshot() == InstanceMetrics()
    assert counted(emitted=2).snapshot() == InstanceMetrics(messages_emitted=2)
    assert counted(errors=3).snapshot() == InstanceMetrics(error_count=3)


def test_a_batch_counts_each_of_its_invocations_with_its_share() -> None:
    """The longest is that of the slowest batch; the mean is over invocations and not over batches."""
    metrics = counted((4, 0.008, 1.0), (1, 0.012, 1.0), emitted=7, errors=1).snapshot()
    assert metrics == InstanceMetrics(
        invocations=5,
        messages_emitted=7,
        total_latency_ms=20.0,
        avg_latency_ms=4.0,
        max_latency_ms=12.0,
        p50_latency_ms=About(2.0),  # type: ignore[arg-type]
        p95_latency_ms=About(12.0),  # type: ignore[arg-type]
        p99_latency_ms=About(12.0),  # type: ignore[arg-type]
        error_count=1,
    )


def test_sums_are_over_all_instances_and_messages_are_counted_apart() -> None:
    """An invocation need not finish a message: it may be a second attempt, or leave it with its handler."""
    sums = Sums()
    sums.add(counted((3, 0.003, 9.5), emitted=3), now=10.0)
    sums.add(counted((1, 0.017, 9.5), emitted=1, errors=1), now=10.0)
    sums.add(counted(emitted=5, errors=1), now=10.0)
    execution = ExecutionCounters()
    execution.backpressure_events, execution.processed, execution.dropped = 6, 2, 7
    execution.started_seconds, execution.last_activity_seconds = 1.0, 2.0
    told = summarise(sums, execution, queued=8, epoch_ms=lambda seconds: int(1000 * (seconds or 0)))
    assert told == ExecutionMetrics(
        messages_processed=2,
        messages_dropped=7,
        messages_emitted=9,
        node_invocations=4,
        component_invocations=4,
        total_latency_ms=20.0,
        avg_latency_ms=5.0,
        max_latency_ms=17.0,
        p50_latency_ms=About(1.0),  # type: ignore[arg-type]
        p95_latency_ms=About(17.0),  # type: ignore[arg-type]
        p99_latency_ms=About(17.0),  # type: ignore[arg-type]
        error_count=2,
        backpressure_events=6,
        queued_messages=8,
        throughput_per_second=4.0,
        start_time=1000,
        last_activity_time=2000,
    )


def test_nothing_summed_is_nothing() -> None:
    """No mean of no invocations."""
    told = summarise(Sums(), ExecutionCounters(), queued=0, epoch_ms=lambda seconds: -1 if seconds is None else 0)
    assert (told.avg_latency_ms, told.messages_processed, told.start_time, told.last_activity_time) == (
        0,
        0,
        -1,
        -1,
    )
    assert told.throughput_per_second == pytest.approx(0.0)
