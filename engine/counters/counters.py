"""Counters of instances and executions. Only ``engine.execution.observed`` and ``.chained`` count; all others read
snapshots.
"""

from collections.abc import Callable, Sequence

from engine.counters.latency import LatencyHistogram
from engine.counters.throughput import Throughput
from proto.execution import ExecutionMetrics, InstanceMetrics

_UNCALLED = InstanceMetrics()


class InstanceCounters:
    """Counts of one instance's work so far. Latencies are seconds spent in its handler."""

    __slots__ = (
        "emitted",
        "errors",
        "invocations",
        "latencies",
        "max_latency_seconds",
        "throughput",
        "total_latency_seconds",
    )

    def __init__(self) -> None:
        self.latencies = LatencyHistogram()
        self.throughput = Throughput()
        self.invocations = 0
        self.emitted = 0
        self.errors = 0
        self.total_latency_seconds = 0.0
        self.max_latency_seconds = 0.0

    def begin_with(
        self, counts: tuple[int, int, int], total_seconds: float, longest_seconds: float, latencies: Sequence[int]
    ) -> None:
        """Go on from other counters: invocations, emissions and errors, and how long those took."""
        self.invocations, self.emitted, self.errors = counts
        self.total_latency_seconds = total_seconds
        self.max_latency_seconds = longest_seconds
        self.latencies.begin_with(latencies)

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
        """Return the counters of now, in the wire's units."""
        if not self.invocations:
            return (
                _UNCALLED
                if not self.emitted and not self.errors
                else InstanceMetrics(messages_emitted=self.emitted, error_count=self.errors)
            )
        p50_ms, p95_ms, p99_ms = percentiles_ms(self.latencies)
        return InstanceMetrics(
            invocations=self.invocations,
            messages_emitted=self.emitted,
            total_latency_ms=_ms(self.total_latency_seconds),
            avg_latency_ms=_mean_ms(self.total_latency_seconds, self.invocations),
            max_latency_ms=_ms(self.max_latency_seconds),
            p50_latency_ms=p50_ms,
            p95_latency_ms=p95_ms,
            p99_latency_ms=p99_ms,
            error_count=self.errors,
        )


class ExecutionCounters:
    """Counts of an execution beside those of its instances. Times are seconds of Trio's clock, None for never.

    ``processed`` are messages that are finished: their invocation has ended, all that was emitted for them has
    left, and no handler holds them. Those that have ``expired`` or gone on as dead letters are among the
    ``dropped``.
    """

    __slots__ = (
        "backpressure_events",
        "dead_lettered",
        "dropped",
        "expired",
        "last_activity_seconds",
        "processed",
        "started_seconds",
    )

    def __init__(self) -> None:
        self.backpressure_events = 0
        self.dropped = self.expired = self.dead_lettered = 0
        self.processed = 0
        self.started_seconds: float | None = None
        self.last_activity_seconds: float | None = None


class Sums:
    """Sums over the instances of an execution. Latencies are seconds spent in handlers."""

    def __init__(self) -> None:
        self.latencies = LatencyHistogram()
        self.invocations = 0
        self.emitted = 0
        self.errors = 0
        self.total_latency_seconds = 0.0
        self.max_latency_seconds = 0.0
        self.per_second = 0.0

    def add(self, counters: InstanceCounters, now: float) -> None:
        """Add one instance, as it is at ``now``, seconds of Trio's clock."""
        self.emitted += counters.emitted
        self.errors += counters.errors
        if counters.invocations:
            self.invocations += counters.invocations
            self.total_latency_seconds += counters.total_latency_seconds
            self.max_latency_seconds = max(self.max_latency_seconds, counters.max_latency_seconds)
            self.per_second += counters.throughput.per_second(now)
            self.latencies.merge(counters.latencies)


def summarise(
    sums: Sums, execution: ExecutionCounters, *, queued: int, epoch_ms: Callable[[float | None], int]
) -> ExecutionMetrics:
    """Return the metrics of a whole execution.

    Args:
        sums: over its instances.
        execution: its own counters.
        queued: messages that wait in its inboxes.
        epoch_ms: turns Trio's time into milliseconds since the epoch.
    """
    p50_ms, p95_ms, p99_ms = percentiles_ms(sums.latencies)
    return ExecutionMetrics(
        messages_processed=execution.processed,
        messages_dropped=execution.dropped,
        messages_expired=execution.expired,
        messages_dead_lettered=execution.dead_lettered,
        messages_emitted=sums.emitted,
        node_invocations=sums.invocations,
        component_invocations=sums.invocations,
        total_latency_ms=_ms(sums.total_latency_seconds),
        avg_latency_ms=_mean_ms(sums.total_latency_seconds, sums.invocations),
        max_latency_ms=_ms(sums.max_latency_seconds),
        p50_latency_ms=p50_ms,
        p95_latency_ms=p95_ms,
        p99_latency_ms=p99_ms,
        error_count=sums.errors,
        backpressure_events=execution.backpressure_events,
        queued_messages=queued,
        throughput_per_second=round(sums.per_second, 1),
        start_time=epoch_ms(execution.started_seconds),
        last_activity_time=epoch_ms(execution.last_activity_seconds),
    )


def percentiles_ms(latencies: LatencyHistogram) -> list[float]:
    """Return the median and the percentiles 95 and 99, in the wire's unit."""
    return [_ms(seconds) for seconds in latencies.percentiles_seconds((50, 95, 99))]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _mean_ms(seconds: float, count: int) -> float:
    return round(seconds * 1000 / count, 4) if count else 0.0
