"""The snapshots of an execution, read off its instances in steps: it may have a thousand of them."""

from collections.abc import Callable, Sequence

import msgspec
import trio

from engine.circuit import Circuit
from engine.instance import Instance
from engine.metrics import Sums, summarise
from engine.slices import Steps, paced
from proto.execution import ExecutionMetrics, InstanceSnapshot
from proto.statistics import ExecutionStatistics

_BETWEEN_YIELDS = 25
"""Instances that are read between two yields: a quarter of a millisecond where all of them have worked."""


class Remains(msgspec.Struct, frozen=True):
    """What an execution's instances have come to, read once when none of them will do anything any more."""

    instances: tuple[InstanceSnapshot, ...]
    metrics: ExecutionMetrics
    sums: Sums
    statistics: ExecutionStatistics


def read_instances(instances: Sequence[Instance]) -> Steps[tuple[InstanceSnapshot, ...]]:
    """A snapshot of each instance."""
    read = []
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        read.append(instance.snapshot())
        if is_due:
            yield
    return tuple(read)


def read_sums(instances: Sequence[Instance]) -> Steps[Sums]:
    """What the instances have done together."""
    sums = Sums()
    now = trio.current_time()
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        sums.add(instance.counters, now)
        if is_due:
            yield
    return sums


def read_metrics(
    instances: Sequence[Instance], circuit: Circuit, epoch_ms: Callable[[float | None], int]
) -> Steps[ExecutionMetrics]:
    """The metrics of an execution; ``epoch_ms`` turns Trio's time into milliseconds since the epoch."""
    sums = yield from read_sums(instances)
    return metrics_of(sums, circuit, epoch_ms)


def metrics_of(sums: Sums, circuit: Circuit, epoch_ms: Callable[[float | None], int]) -> ExecutionMetrics:
    """The metrics of an execution whose instances have been added up."""
    queued = sum(map(len, circuit.inboxes))
    return summarise(sums, circuit.counters, queued=queued, epoch_ms=epoch_ms)
