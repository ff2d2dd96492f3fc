"""Counters of instances and executions. Only ``engine.instance`` counts; everybody else reads snapshots."""

from collections.abc import Callable, Iterable

from proto.execution import ExecutionMetrics, InstanceMetrics


class InstanceCounters:
    """What one instance has done so far. Latencies are seconds spent in its handler."""

    __slots__ = ("emitted", "errors", "invocations", "max_latency_seconds", "total_latency_seconds")

    def __init__(self) -> None:
        self.invocations = 0
        self.emitted = 0
        self.errors = 0
        self.total_latency_seconds = 0.0
        self.max_latency_seconds = 0.0

    def count_batch(self, invocations: int, seconds: float) -> None:
        """Count invocations that took ``seconds`` together; each is charged its mean share."""
        self.invocations += invocations
        self.total_latency_seconds += seconds
        each = seconds / invocations
        if each > self.max_latency_seconds:  # noqa: PLR1730 - on the hot path, a branch beats a call
            self.max_latency_seconds = each

    def snapshot(self) -> InstanceMetrics:
        """The counters of now, in the wire's units."""
        return InstanceMetrics(
            invocations=self.invocations,
            messages_emitted=self.emitted,
            total_latency_ms=_ms(self.total_latency_seconds),
            avg_latency_ms=_mean_ms(self.total_latency_seconds, self.invocations),
            max_latency_ms=_ms(self.max_latency_seconds),
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
    instances: Iterable[InstanceCounters], execution: ExecutionCounters, epoch_ms: Callable[[float | None], int]
) -> ExecutionMetrics:
    """The metrics of a whole execution; ``epoch_ms`` turns Trio's time into milliseconds since the epoch."""
    invocations = emitted = errors = 0
    total = longest = 0.0
    for counters in instances:
        invocations += counters.invocations
        emitted += counters.emitted
        errors += counters.errors
        total += counters.total_latency_seconds
        longest = max(longest, counters.max_latency_seconds)
    return ExecutionMetrics(
        messages_processed=invocations,
        messages_emitted=emitted,
        node_invocations=invocations,
        component_invocations=invocations,
        total_latency_ms=_ms(total),
        avg_latency_ms=_mean_ms(total, invocations),
        max_latency_ms=_ms(longest),
        error_count=errors,
        backpressure_events=execution.backpressure_events,
        start_time=epoch_ms(execution.started_seconds),
        last_activity_time=epoch_ms(execution.last_activity_seconds),
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _mean_ms(seconds: float, count: int) -> float:
    return round(seconds * 1000 / count, 4) if count else 0.0
