"""Counters of instances and executions. Only ``engine.instance`` counts; everybody else reads snapshots."""

from collections.abc import Callable, Iterable

from engine.latency import LatencyHistogram
from engine.throughput import Throughput
from proto.execution import ExecutionMetrics, InstanceMetrics


class InstanceCounters:
    """What one instance has done so far. Latencies are seconds spent in its handler.

    ``retries`` counts those of the invocations that tried a message again.
    """

    __slots__ = (
        "emitted",
        "errors",
        "invocations",
        "latencies",
        "max_latency_seconds",
        "retries",
        "throughput",
        "total_latency_seconds",
    )

    def __init__(self) -> None:
        self.latencies = LatencyHistogram()
        self.throughput = Throughput()
        self.invocations = 0
        self.emitted = 0
        self.errors = 0
        self.retries = 0
        self.total_latency_seconds = 0.0
        self.max_latency_seconds = 0.0

    def count_batch(self, invocations: int, seconds: float, now: float) -> None:
        """Count invocations that took ``seconds`` together, until ``now``; each is charged its mean share."""
        self.invocations += invocations
        self.total_latency_seconds += seconds
        each = seconds / invocations
        if each > self.max_latency_seconds:  # noqa: PLR1730 - on the hot path, a branch beats a call
            self.max_latency_seconds = each
        self.latencies.add(each, invocations)
        self.throughput.add(now, invocations)

    def snapshot(self) -> InstanceMetrics:
        """The counters of now, in the wire's units."""
        return InstanceMetrics(
            invocations=self.invocations,
            messages_emitted=self.emitted,
            total_latency_ms=_ms(self.total_latency_seconds),
            avg_latency_ms=_mean_ms(self.total_latency_seconds, self.invocations),
            max_latency_ms=_ms(self.max_latency_seconds),
            p50_latency_ms=percentile_ms(self.latencies, 50),
            p95_latency_ms=percentile_ms(self.latencies, 95),
            p99_latency_ms=percentile_ms(self.latencies, 99),
            error_count=self.errors,
        )


class ExecutionCounters:
    """What an execution counts beside its instances. Times are seconds of Trio's clock, None for never."""

    __slots__ = ("backpressure_events", "last_activity_seconds", "started_seconds")

    def __init__(self) -> None:
        self.backpressure_events = 0
        self.started_seconds: float | None = None
        self.last_activity_seconds: float | None = None


def summarise(
    instances: Iterable[InstanceCounters],
    execution: ExecutionCounters,
    *,
    queued: int,
    now: float,
    epoch_ms: Callable[[float | None], int],
) -> ExecutionMetrics:
    """The metrics of a whole execution.

    Args:
        instances: the counters of each.
        execution: its own.
        queued: messages that wait in its inboxes.
        now: seconds of Trio's clock.
        epoch_ms: turns Trio's time into milliseconds since the epoch.
    """
    invocations = retries = emitted = errors = 0
    total = longest = rate = 0.0
    latencies = LatencyHistogram()
    for counters in instances:
        invocations += counters.invocations
        retries += counters.retries
        emitted += counters.emitted
        errors += counters.errors
        total += counters.total_latency_seconds
        longest = max(longest, counters.max_latency_seconds)
        rate += counters.throughput.per_second(now)
        if counters.invocations:
            latencies.merge(counters.latencies)
    return ExecutionMetrics(
        messages_processed=invocations - retries,
        messages_emitted=emitted,
        node_invocations=invocations,
        component_invocations=invocations,
        total_latency_ms=_ms(total),
        avg_latency_ms=_mean_ms(total, invocations),
        max_latency_ms=_ms(longest),
        p50_latency_ms=percentile_ms(latencies, 50),
        p95_latency_ms=percentile_ms(latencies, 95),
        p99_latency_ms=percentile_ms(latencies, 99),
        error_count=errors,
        backpressure_events=execution.backpressure_events,
        queued_messages=queued,
        throughput_per_second=round(rate, 1),
        start_time=epoch_ms(execution.started_seconds),
        last_activity_time=epoch_ms(execution.last_activity_seconds),
    )


def percentile_ms(latencies: LatencyHistogram, percent: float) -> float:
    """A percentile in the wire's unit."""
    return _ms(latencies.percentile_seconds(percent))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _mean_ms(seconds: float, count: int) -> float:
    return round(seconds * 1000 / count, 4) if count else 0.0
