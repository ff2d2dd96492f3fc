"""The hub: which executions are watched, and by whom. It is the one observer that live events need in the engine.

An execution that nobody watches costs one look into a dictionary at each change of its state, and nothing besides.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog
import trio

from engine.contracts.handler import HandlerError, LogLine
from engine.contracts.observer import ExecutionObserver
from engine.cooperative.encoding import encoded_in_slices
from engine.errors import ExecutionNotFoundError
from engine.runtime import Runtime
from engine.wall_clock import epoch_ms
from proto.codec import encode
from proto.events import (
    ComponentFailed,
    ComponentLogged,
    ControlEvent,
    ExecutionReloaded,
    MetricsUpdate,
    StatisticsUpdate,
)
from proto.execution import ExecutionMetrics, ExecutionSnapshot
from proto.reload import HandledBy, ReloadReport
from service.live.counters import LiveCounters
from service.live.execution_watch import ExecutionWatch, Subscriber, View
from service.live.feed import FeedMemory, Reader
from service.live.limits import ALL_FEEDS_BYTES, MEASURED_AT_ONCE, MEASURED_PER_SECOND, NODES_PER_UNIT
from service.live.pending_events import ControlNote, NodeEvent, Ready, Whole
from service.live.ration import Ration
from service.live.selection import Selection
from service.socketio.wakeups import WakeupBatcher

log = structlog.get_logger("live")

SHOWN_CHANGES = 50
"""Nodes that an event of a reload names; its report has all of them."""

TRIM_SECONDS = 1.0
"""The time between two looks for chunks that everybody has read, and for clients that read nothing."""


class Subscription(msgspec.Struct, frozen=True):
    """One client's reading of one execution."""

    watch: ExecutionWatch
    view: View
    reader: Reader


class Hub(ExecutionObserver):
    """The hub of a service's live events. Made by :func:`open_hub`.

    Args:
        runtime: the real one; whether a client may see an execution is asked before it comes here.
        nursery: of the watches' tasks.
        metrics_seconds: between two ``metrics:update`` of one execution; None for none at all.
        max_value_bytes: the most that is shown of a value.

    Attributes:
        counters: for ``/metrics``.
        max_value_bytes: as given.
        wakeups: wakes the clients' senders.
    """

    def __init__(
        self, runtime: Runtime, nursery: trio.Nursery, *, metrics_seconds: float | None, max_value_bytes: int
    ) -> None:
        self.counters = LiveCounters()
        self.max_value_bytes = max_value_bytes
        self.memory = FeedMemory(ALL_FEEDS_BYTES)
        self.wakeups = WakeupBatcher()
        self._ration = Ration(MEASURED_PER_SECOND, MEASURED_AT_ONCE)
        self._runtime = runtime
        self._nursery = nursery
        self._metrics_seconds = metrics_seconds
        self._watches: dict[str, ExecutionWatch] = {}

    # What the engine tells

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        watch = self._watches.get(execution.id)
        if watch is not None:
            watch.note_state(execution)

    def changed(self, execution_id: str, handled_by: Mapping[str, HandledBy]) -> None:
        watch = self._watches.get(execution_id)
        if watch is not None:
            watch.change(handled_by)

    def reloaded(self, execution_id: str, report: ReloadReport) -> None:
        watch = self._watches.get(execution_id)
        if watch is not None:
            changed = [node.node_id for node in report.plan.nodes if node.change != "kept"]
            event = ExecutionReloaded(
                execution_id,
                report.number,
                report.state,
                report.revision,
                report.reason,
                tuple(changed[:SHOWN_CHANGES]),
                report.canary,
            )
            watch.note_whole(Whole(event, is_lifecycle=True))

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        watch = self._watches.get(execution_id)
        if watch is not None and watch.wants(ComponentLogged.name):
            watch.note_flow(
                NodeEvent(
                    ComponentLogged(
                        execution_id, node_id, line.level, line.message, epoch_ms(), *watch.who_handles(node_id)
                    )
                )
            )

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        watch = self._watches.get(execution_id)
        if watch is not None and watch.wants(ComponentFailed.name):
            watch.note_flow(
                NodeEvent(
                    ComponentFailed(
                        execution_id, node_id, error.name, error.message, epoch_ms(), *watch.who_handles(node_id)
                    )
                )
            )

    def happened(self, execution_id: str, event: ControlEvent) -> None:
        watch = self._watches.get(execution_id)
        if watch is not None and watch.wants(event.name):
            watch.note_flow(ControlNote(event))

    # Who listens

    def subscribe(
        self, execution: ExecutionSnapshot, selection: Selection, subscriber: Subscriber
    ) -> Subscription:
        """Let somebody hear of an execution that has not ended, from this moment on.

        Raises:
            SubscriptionLimitError: it is watched in too many ways.
        """
        watch = self._watches.get(execution.id)
        if watch is None:
            watch = self._watches[execution.id] = ExecutionWatch(execution, self._runtime, self.memory)
            watch.nodes, watch.edges = self._size_of(execution.id)
            self._nursery.start_soon(self._run, watch)
        view, reader = watch.subscribe(selection, subscriber)
        self.counters.subscriptions += 1
        return Subscription(watch, view, reader)

    def _size_of(self, execution_id: str) -> tuple[int, int]:
        """Nodes and edges of an execution's graph; the most that there may be where it has just ended."""
        graph = self._runtime.execution(execution_id).graph
        if graph is None:
            return self._runtime.limits.graph_nodes, self._runtime.limits.graph_edges
        return len(graph.nodes), len(graph.edges)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Let somebody hear no more."""
        watch = subscription.watch
        watch.unsubscribe(subscription.view, subscription.reader)
        self.counters.subscriptions -= 1
        if not watch.views:
            watch.busy.cancel()
            self._forget(watch)

    async def _run(self, watch: ExecutionWatch) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._measure, watch)
                await watch.run()
                nursery.cancel_scope.cancel()
        except Exception:  # a mistake of ours ends this watch, and neither the others nor the service
            log.exception("live watch failed", execution=watch.execution_id)
            watch.cut_all("what it watches cannot be told")
        finally:
            self._forget(watch)

    def _forget(self, watch: ExecutionWatch) -> None:
        if self._watches.get(watch.execution_id) is watch:
            del self._watches[watch.execution_id]

    async def _measure(self, watch: ExecutionWatch) -> None:
        """Tell of the counters while they change, and whenever somebody came, at a bounded rate."""
        if self._metrics_seconds is None:
            return
        told: ExecutionMetrics | None = None
        while True:
            await trio.sleep(self._metrics_seconds)
            wants_statistics = watch.wants(StatisticsUpdate.name)
            if not (wants_statistics or watch.wants(MetricsUpdate.name)):
                continue
            try:
                await self._ration.take(watch.owner, watch.nodes / NODES_PER_UNIT)
                metrics = (await self._runtime.execution(watch.execution_id).read_metrics()).metrics
                if told is not None and not watch.has_newcomer and not _has_changed(told, metrics):
                    continue
                watch.note_whole(Whole(MetricsUpdate(watch.execution_id, metrics)))
                if wants_statistics:
                    await self._ration.take(watch.owner, watch.nodes + watch.edges)
                    watch.note_whole(await self._statistics(watch.execution_id))
            except ExecutionNotFoundError:
                return  # it has ended, and was forgotten at once
            told, watch.has_newcomer = metrics, False

    async def _statistics(self, execution_id: str) -> Ready:
        """Make the event of all figures, read and encoded in slices, once for everybody."""
        statistics = await encoded_in_slices(await self._runtime.execution(execution_id).read_statistics())
        payload = b'{"executionId":%b,"statistics":%b}' % (encode(execution_id), statistics)
        return Ready(StatisticsUpdate.name, payload)

    async def flush(self) -> None:
        """Encode everything that waits for it."""
        for watch in tuple(self._watches.values()):
            await watch.flush()

    async def trim(self) -> None:
        """Let go, now and then, of what everybody has read."""
        while True:
            await trio.sleep(TRIM_SECONDS)
            for watch in tuple(self._watches.values()):
                for view in watch.views.values():
                    view.feed.let_go()


def _has_changed(told: ExecutionMetrics, metrics: ExecutionMetrics) -> bool:
    """Return whether counters moved, apart from those that move by themselves as time passes."""
    return _moved(told) != _moved(metrics)


def _moved(metrics: ExecutionMetrics) -> tuple[float, ...]:
    return (
        metrics.messages_processed,
        metrics.messages_emitted,
        metrics.component_invocations,
        metrics.error_count,
        metrics.backpressure_events,
        metrics.queued_messages,
        metrics.throughput_per_second,
    )


@asynccontextmanager
async def open_hub(runtime: Runtime, *, metrics_seconds: float | None, max_value_bytes: int) -> AsyncIterator[Hub]:
    """Open a hub that observes a runtime; nobody is told of anything after the block.

    Args:
        runtime: the real one.
        metrics_seconds: between two ``metrics:update`` of one execution; None for none at all.
        max_value_bytes: the most that is shown of a value.
    """
    async with trio.open_nursery() as nursery:
        hub = Hub(runtime, nursery, metrics_seconds=metrics_seconds, max_value_bytes=max_value_bytes)
        runtime.observe(hub)
        nursery.start_soon(hub.trim)
        nursery.start_soon(hub.wakeups.run)
        yield hub
        nursery.cancel_scope.cancel()
