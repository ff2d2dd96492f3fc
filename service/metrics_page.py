"""The page at ``/metrics``, in the text form that Prometheus reads.

All numbers are collected when somebody asks: the engine, the sandbox and the HTTP layer only keep the counters
that they need anyway. There is one registry for each application and no global one, and nothing has a label that
callers could fill: neither executions, nor graphs, nor paths.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from engine.counters.latency import LatencyHistogram
from engine.durability.checkpoints import DurabilityStatistics
from engine.execution.lifecycle import TERMINAL
from engine.keeping.keeper import KeeperStatistics
from engine.memory.ledger import Kind, LedgerStatistics
from engine.runtime import Runtime
from engine.totals import QueueLoad, RuntimeStatistics, Totals
from proto.execution import ExecutionState
from service.live.counters import LiveCounters
from service.observability.histogram import INFINITY, Histogram
from service.observability.http_metrics import HttpMetrics
from service.observability.loop_lag import LAG_SECONDS
from service.readiness import Readiness
from service.siblings.status import SiblingReport
from service.version import version
from workers.pool import PoolStatistics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_DOUBLINGS = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24)
"""Bounds of the latencies' buckets, as doublings of a microsecond: 4 µs to 17 s, ends of the engine's own."""

_UNDERWAY = [state for state in ExecutionState if state not in TERMINAL]


_WORKER_METRICS = (
    (GaugeMetricFamily, "symbia_worker_tasks_waiting", "Tasks that wait for a worker process.", "waiting"),
    (GaugeMetricFamily, "symbia_worker_tasks_running", "Tasks that run in worker processes.", "running"),
    (GaugeMetricFamily, "symbia_worker_processes", "Worker processes that are there.", "processes"),
    (CounterMetricFamily, "symbia_worker_processes_started", "Worker processes started.", "started"),
    (CounterMetricFamily, "symbia_worker_tasks", "Tasks that came to their end by themselves.", "done"),
    (CounterMetricFamily, "symbia_worker_tasks_overdue", "Tasks killed because their time was over.", "overdue"),
    (CounterMetricFamily, "symbia_worker_tasks_abandoned", "Tasks killed because nobody waited.", "abandoned"),
    (CounterMetricFamily, "symbia_worker_tasks_died", "Tasks that ended with their process.", "died"),
    (CounterMetricFamily, "symbia_worker_tasks_refused", "Tasks refused because too many waited.", "refused"),
)
"""The metrics of each pool of worker processes, and the field of its statistics that each comes from."""


class Metrics:
    """The metrics of one application.

    Args:
        runtime: the runtime that is served.
        readiness: whether it takes work.

    Attributes:
        http: counts requests; the layer around the application does.
        live: counts live clients; whoever serves them puts its own counters here.
        lags: how late the event loop was; ``service.observability.loop_lag`` looks.
    """

    def __init__(self, runtime: Runtime, readiness: Readiness) -> None:
        self._runtime = runtime
        self._readiness = readiness
        self.http = HttpMetrics()
        self.live = LiveCounters()
        self.lags = Histogram(LAG_SECONDS)
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        GCCollector(registry=self._process)

    async def page(self) -> bytes:
        """Make the page of now."""
        figures = await self._runtime.figures()
        return generate_latest(_Page(self._families(figures)))

    def _families(self, figures: RuntimeStatistics) -> Iterator[Metric]:
        yield InfoMetricFamily("symbia_runtime", "The program that answers.", {"version": version()})
        yield _gauge("symbia_ready", "Whether the service takes work.", self._readiness.ready)
        yield _gauge("symbia_graphs", "Loaded graphs.", figures.graphs)
        yield from _sibling_families(self._readiness.siblings.reports())
        yield from _load_families(figures.load)
        yield from _tally_families(figures.totals)
        yield from _sandbox_families(figures)
        yield from _worker_families(figures.workers)
        yield from _ledger_families(self._runtime.ledger.statistics())
        yield from _keeper_families(self._runtime.keeper.statistics())
        yield from _durability_families(self._runtime.durability())
        lag = "How much later than asked for the event loop woke a task that looks four times a second."
        yield _histogram("symbia_event_loop_lag_seconds", lag, self.lags)
        yield from _http_families(self.http)
        yield from _live_families(self.live)
        yield from self._process.collect()


class _Page(Collector):
    """Families that are there already, in the form in which the library wants to be asked for them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _keeper_families(statistics: KeeperStatistics) -> Iterator[Metric]:
    yield _counter("symbia_store_changes", "Changes that were written to the store.", statistics.written)
    yield _gauge("symbia_store_waiting", "Ends of executions that are to be written.", statistics.waiting)
    yield _counter("symbia_store_lost", "Ends of executions that could not be written.", statistics.lost)
    yield _counter("symbia_store_failures", "Writes that failed.", statistics.failures)


def _durability_families(statistics: DurabilityStatistics) -> Iterator[Metric]:
    checkpoints = statistics.checkpoints
    executions = GaugeMetricFamily("symbia_durable_executions", "Durable executions.", labels=["state"])
    executions.add_metric(["running"], statistics.running)
    executions.add_metric(["waiting"], statistics.waiting)
    yield executions
    yield _counter("symbia_checkpoints", "Checkpoints that are on disk.", checkpoints.taken)
    yield _counter("symbia_checkpoint_failures", "Checkpoints that could not be written.", checkpoints.failed)
    yield _counter("symbia_checkpoint_seconds", "Time that checkpoints took.", checkpoints.seconds)
    yield _counter("symbia_checkpoint_bytes", "Bytes of checkpoints that were written.", checkpoints.size_bytes)
    longest = "The time of the longest checkpoint so far."
    yield _gauge("symbia_checkpoint_longest_seconds", longest, checkpoints.longest_seconds)
    age = "The time since the last checkpoint of the execution that has waited longest for its next."
    yield _gauge("symbia_checkpoint_age_seconds", age, statistics.age_seconds)


def _sibling_families(reports: Iterable[SiblingReport]) -> Iterator[Metric]:
    up = GaugeMetricFamily("symbia_sibling_up", "Whether a service beside this one answers.", labels=["sibling"])
    attempts = CounterMetricFamily("symbia_sibling_attempts", "How often it was tried.", labels=["sibling"])
    failures = CounterMetricFamily("symbia_sibling_failures", "How many of those failed.", labels=["sibling"])
    counts = GaugeMetricFamily(
        "symbia_sibling_count", "What has become of what a sibling is there for.", labels=["sibling", "what"]
    )
    for report in reports:
        for what, count in report.counts.items():
            counts.add_metric([report.name, what], count)
        up.add_metric([report.name], report.state == "up")
        attempts.add_metric([report.name], report.attempts)
        failures.add_metric([report.name], report.failures)
    yield from (up, attempts, failures, counts)


def _load_families(load: QueueLoad) -> Iterator[Metric]:
    states = GaugeMetricFamily("symbia_executions", "Executions under way, by state.", labels=["state"])
    for state in _UNDERWAY:
        states.add_metric([state.value], load.states[state])
    yield states
    yield _gauge("symbia_messages_in_flight", "Messages accepted and not finished.", load.in_flight)
    yield _gauge("symbia_inbox_messages", "Messages that wait in inboxes.", load.queued_messages)
    yield _gauge("symbia_inbox_bytes", "Bytes of the values that wait in inboxes.", load.queued_bytes)
    yield _gauge("symbia_inbox_longest_messages", "Messages in the fullest inbox.", load.longest_queue)
    yield _gauge("symbia_inbox_fullest_ratio", "How full the fullest inbox is, 0 to 1.", load.fullest_share)
    yield _gauge("symbia_blocked_senders", "Tasks that wait for room in an inbox.", load.blocked_senders)
    yield _gauge("symbia_held_messages", "Messages that wait for a resume or for their turn to enter.", load.held)


def _tally_families(totals: Totals) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "symbia_executions_ended", "Executions that have ended, by their last state.", labels=["state"]
    )
    for state in sorted(TERMINAL):
        ended.add_metric([state.value], totals.ended[state])
    yield ended
    yield _counter("symbia_messages_processed", "Messages that are finished.", totals.processed)
    yield _counter("symbia_messages_emitted", "Values that handlers emitted.", totals.emitted)
    yield _counter("symbia_invocation_errors", "Invocations that ended in an error.", totals.errors)
    yield _counter("symbia_messages_dropped", "Messages dropped because a graph asks for it.", totals.dropped)
    yield _counter("symbia_messages_expired", "Dropped messages that had waited for too long.", totals.expired)
    text = "Dropped messages that went on as dead letters."
    yield _counter("symbia_messages_dead_lettered", text, totals.dead_lettered)
    unprocessed = "Messages accepted and not finished when their execution ended."
    yield _counter("symbia_messages_unprocessed", unprocessed, totals.unprocessed)
    waits = "Waits, refusals and drops at full queues."
    yield _counter("symbia_backpressure_events", waits, totals.backpressure_events)
    yield HistogramMetricFamily(
        "symbia_invocation_duration_seconds",
        "Time in handlers for one message; in a batch, its mean share.",
        buckets=_latency_buckets(totals.latencies),
        sum_value=totals.busy_seconds,
    )


def _latency_buckets(latencies: LatencyHistogram) -> list[tuple[str, float]]:
    below = [(str(2**doublings / 1e6), float(latencies.count_below(doublings))) for doublings in LATENCY_DOUBLINGS]
    return [*below, (INFINITY, latencies.count)]


def _sandbox_families(figures: RuntimeStatistics) -> Iterator[Metric]:
    sandbox = figures.sandbox
    yield _gauge("symbia_guests", "Sandboxed instances alive.", sandbox.alive)
    yield _counter("symbia_guest_calls", "Calls of sandboxed code.", sandbox.calls)
    yield _counter("symbia_guest_slices", "Time slices of at most a millisecond that calls took.", sandbox.slices)
    yield _counter("symbia_guest_restarts", "Guests destroyed in the middle of a call.", sandbox.restarts)
    yield _counter("symbia_guest_cpu_seconds", "Time that sandboxed code ran.", sandbox.cpu_seconds)


def _ledger_families(ledger: LedgerStatistics) -> Iterator[Metric]:
    kinds = GaugeMetricFamily(
        "symbia_tenant_memory_bytes", "Memory that callers cause, by what it is used for.", labels=["kind"]
    )
    for kind in get_args(Kind):
        kinds.add_metric([kind], ledger.kinds.get(kind, 0))
    yield kinds
    peak = "The most memory that callers have caused at once."
    yield _gauge("symbia_tenant_memory_peak_bytes", peak, ledger.peak_bytes)
    shut = "Whether nothing new is taken in, because the process takes more than its share of memory."
    yield _gauge("symbia_memory_guard_shut", shut, bool(ledger.shut_for))
    refused = CounterMetricFamily(
        "symbia_tenant_memory_refused", "What was refused for want of memory, by the bound.", labels=["bound"]
    )
    refused.add_metric(["owner"], ledger.refused_by_owner)
    refused.add_metric(["process"], ledger.refused_by_process)
    yield refused


def _worker_families(pools: Mapping[str, PoolStatistics]) -> Iterator[Metric]:
    yield from (
        _by_pool(kind, name, help_text, {pool: getattr(statistics, field) for pool, statistics in pools.items()})
        for kind, name, help_text, field in _WORKER_METRICS
    )


def _by_pool(
    kind: type[GaugeMetricFamily | CounterMetricFamily], name: str, help_text: str, values: Mapping[str, int]
) -> Metric:
    family = kind(name, help_text, labels=["pool"])
    for pool, value in values.items():
        family.add_metric([pool], value)
    return family


def _http_families(http: HttpMetrics) -> Iterator[Metric]:
    yield _gauge("symbia_http_requests_in_progress", "Requests that have begun and not ended.", http.in_progress)
    requests = CounterMetricFamily(
        "symbia_http_requests",
        "Requests that have ended; status 0 means that the caller went before the reply.",
        labels=["method", "route", "status"],
    )
    for (method, route, status), count in http.requests.items():
        requests.add_metric([method, route, str(status)], count)
    yield requests
    durations = HistogramMetricFamily(
        "symbia_http_request_duration_seconds",
        "From the head of a request to the end of its reply.",
        labels=["method", "route"],
    )
    for (method, route), histogram in http.durations.items():
        durations.add_metric([method, route], histogram.buckets(), histogram.sum_seconds)
    yield durations


def _live_families(live: LiveCounters) -> Iterator[Metric]:
    connections = GaugeMetricFamily(
        "symbia_live_connections", "Clients connected for live events, by transport.", labels=["transport"]
    )
    for transport, count in live.connections.items():
        connections.add_metric([transport], count)
    yield connections
    yield _gauge("symbia_live_subscriptions", "Executions watched, summed over all clients.", live.subscriptions)
    yield _counter("symbia_live_events_sent", "Events handed to clients' connections.", live.sent)
    skipped = "Events that subscribers did not get, because they came too fast or were read too slowly."
    yield _counter("symbia_live_events_skipped", skipped, live.skipped)
    slow = "Clients that were disconnected because they did not read."
    yield _counter("symbia_live_slow_disconnects", slow, live.slow_disconnects)
    refused = "Live connections that were refused, or not authenticated in time."
    yield _counter("symbia_live_refused", refused, live.refused)


def _gauge(name: str, description: str, value: float) -> Metric:
    return GaugeMetricFamily(name, description, value)


def _counter(name: str, description: str, value: float) -> Metric:
    return CounterMetricFamily(name, description, value)


def _histogram(name: str, description: str, histogram: Histogram) -> Metric:
    return HistogramMetricFamily(name, description, histogram.buckets(), histogram.sum_seconds)
