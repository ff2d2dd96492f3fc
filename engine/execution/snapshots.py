"""The snapshots of an execution, read off its instances in steps: it may have a thousand of them."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.observer import FlowObserver
from engine.cooperative.slices import Steps, at_once, paced
from engine.counters.counters import InstanceCounters, Sums, summarise
from engine.errors import NodeNotFoundError
from engine.execution.endings import why_ended
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.kept_outputs import KeptOutputs
from engine.execution.lifecycle import TERMINAL
from engine.execution.node_times import Readings, read_times
from engine.execution.obstacles import report_obstacles
from engine.execution.revisions import Revisions
from engine.execution.shared import ExecutionShared
from engine.execution.statistics import execution_statistics
from engine.wall_clock import WallClock
from proto.bottleneck import BottleneckReport
from proto.execution import (
    ExecutionMetrics,
    ExecutionSnapshot,
    InstanceSnapshot,
    ListedExecution,
    LogEntry,
)
from proto.statistics import ExecutionStatistics, LatencyBucket, NodeLatency

_BETWEEN_YIELDS = 25
"""Instances that are read between two yields: a quarter of a millisecond where all of them have worked."""


class Remains(msgspec.Struct, frozen=True):
    """The last figures of an execution's instances, read once when none of them will do anything any more."""

    instances: tuple[InstanceSnapshot, ...]
    metrics: ExecutionMetrics
    sums: Sums
    statistics: ExecutionStatistics
    unprocessed: int


def read_instances(instances: Sequence[Instance]) -> Steps[tuple[InstanceSnapshot, ...]]:
    """Read a snapshot of each instance."""
    read = []
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        read.append(instance.snapshot())
        if is_due:
            yield
    return tuple(read)


def read_sums(instances: Sequence[Instance], gone: Sequence[InstanceCounters] = ()) -> Steps[Sums]:
    """Add up what the instances have done, and those that are gone."""
    sums = Sums()
    now = trio.current_time()
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        sums.add(instance.counters, now)
        if is_due:
            yield
    for counters in gone:
        sums.add(counters, now)
    return sums


class ReadableExecution:
    """The readable side of an execution, alive or ended; the rest of it is in ``engine.execution.execution``."""

    id: str
    graph: LoadedGraph
    shared: ExecutionShared
    instances: list[Instance]
    injector: Injector
    revisions: Revisions
    _clock: WallClock
    _remains: Remains | None
    _readings: Readings

    @property
    def clock(self) -> WallClock:
        """The clock of the times that people see."""
        return self._clock

    def head(self) -> ExecutionSnapshot:
        """Return the execution at this moment; while it lives, without its instances and its metrics."""
        raise NotImplementedError

    def add_flow_observer(self, observer: FlowObserver) -> None:
        """Tell ``observer`` from now on of what it wants to hear."""
        self.shared.add_flow_observer(observer)

    def remove_flow_observer(self, observer: FlowObserver) -> None:
        """Tell ``observer`` no more."""
        self.shared.remove_flow_observer(observer)

    def read_snapshot(self) -> Steps[ExecutionSnapshot]:
        """Read the execution at this moment; its counters may go on while they are read."""
        return self._read(self.head(), with_instances=True)

    def read_metrics(self) -> Steps[ExecutionSnapshot]:
        """Read the same without its instances."""
        return self._read(self.head(), with_instances=False)

    def _read(self, head: ExecutionSnapshot, *, with_instances: bool) -> Steps[ExecutionSnapshot]:
        if self._remains is not None:
            return head
        instances: tuple[InstanceSnapshot, ...] = ()
        if with_instances:
            instances = yield from read_instances(self.instances)
        metrics = self._metrics_of((yield from read_sums(self.instances, self.revisions.gone)))
        return msgspec.structs.replace(head, instances=instances, metrics=metrics)

    def _metrics_of(self, sums: Sums) -> ExecutionMetrics:
        queued = sum(map(len, self.shared.inboxes))
        return summarise(sums, self.shared.counters, queued=queued, epoch_ms=self._clock.milliseconds_at)

    def read_listed(self) -> Steps[ListedExecution]:
        """Read the same for a list."""
        snapshot = yield from self.read_metrics()
        return snapshot.listed(len(self.graph.nodes))

    def snapshot(self) -> ExecutionSnapshot:
        """Read the execution at this moment, at once."""
        return at_once(self.read_snapshot())

    def read_statistics(self) -> Steps[ExecutionStatistics]:
        """Read where its messages are at this moment, and what holds them up."""
        state = self.head().state
        if self._remains is not None:
            return msgspec.structs.replace(self._remains.statistics, state=state)
        return (yield from execution_statistics(self.id, state, self.shared, self.instances, self.injector.held))

    def node_latency(self, node_id: str) -> NodeLatency:
        """Return how long the invocations of a node took.

        Raises:
            NodeNotFoundError: there is no such node.
        """
        found = [each.counters.latencies for each in self.instances if each.node.id == node_id]
        if not found:
            raise NodeNotFoundError(node_id[:100])
        buckets = [LatencyBucket(round(seconds * 1000, 6), count) for seconds, count in found[0].by_doublings()]
        return NodeLatency(self.id, node_id, found[0].count, tuple(buckets))

    def read_bottlenecks(self) -> Steps[BottleneckReport]:
        """Read what holds it up while it lives, in the last seconds if somebody has asked before."""
        now = trio.current_time()
        began = self.shared.counters.started_seconds
        reading = yield from read_times(self.shared, self.instances, now)
        before = self._readings.window(reading, now if began is None else began)
        state = self.head().state
        return (yield from report_obstacles(self.id, state, self.shared, self.instances, before, reading))

    def statistics(self) -> ExecutionStatistics:
        """Read the same, at once."""
        return at_once(self.read_statistics())

    def read_remains(self) -> Steps[Remains]:
        """Read what is left of the instances when nothing runs any more, before an end is shown."""
        read = yield from read_instances(self.instances)
        left = self._unprocessed_by_node()
        instances = tuple(
            msgspec.structs.replace(snapshot, unprocessed=count) if count else snapshot
            for snapshot, count in zip(read, [left[each.node.index] for each in self.instances], strict=True)
        )
        sums = yield from read_sums(self.instances, self.revisions.gone)
        statistics = yield from self.read_statistics()
        return Remains(instances, self._metrics_of(sums), sums, statistics, left.total())

    def _unprocessed_by_node(self) -> Counter[int]:
        """Count what was accepted and not finished, by index of the node where it is, when nothing runs."""
        left = self.shared.cut_off.messages + self.injector.held_by_node()
        for index, inbox in enumerate(self.shared.inboxes):
            left[index] += len(inbox)
        for instance in self.instances:
            left[instance.node.index] += instance.in_hand.held + sum(len(each.messages) for each in instance.left)
        return left

    @property
    def messages_processed(self) -> int:
        """The number of messages that are finished."""
        return self.shared.counters.processed

    @property
    def sums(self) -> Sums:
        """The sums over its instances; of an execution that has ended."""
        assert self._remains is not None  # noqa: S101 - the books are closed after the end
        return self._remains.sums

    def logs(self) -> list[LogEntry]:
        """Return the latest log lines of its handlers, oldest first."""
        return self.shared.log_buffer.entries()

    @property
    def kept_outputs(self) -> KeptOutputs | None:
        """The last values that left it; None where none are kept."""
        return self.shared.outputs.kept

    @property
    def output_count(self) -> int:
        """The number of values that have left it, kept or not."""
        return self.shared.outputs.count

    @property
    def ending(self) -> str:
        """Return why it has ended, and what to do; "" while it has not."""
        head = self.head()
        return why_ended(head.state, head.error, self.shared.input.why) if head.state in TERMINAL else ""

    @property
    def logged(self) -> int:
        """The number of lines that its handlers have logged, kept or not."""
        return self.shared.log_buffer.logged
