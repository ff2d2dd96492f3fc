"""Readings of where the time of an execution's nodes has gone, and what of it lies between two of them.

Nothing is counted for it: the nodes count their calls and the edges the waits of their sources in any case. So it
costs nothing while nobody asks. Two readings are kept, a second apart or more, so that who asks again and again is
told of the last seconds, and who asks for the first time of all since the beginning.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import Steps, paced
from engine.counters.garbage import garbage_seconds
from engine.execution.inbox_statistics import InboxStatistics
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared

_APART_SECONDS = 1.0
"""The least time between two readings that are kept: in less, a batch of messages is all that happens."""

_BETWEEN_YIELDS = 50


class NodeReading(NamedTuple):
    """The counts of one node until a moment. Times are seconds.

    Attributes:
        busy: in its handlers, calls under way included.
        blocked: waiting for room on edges that leave it.
        sources_blocked: its sources', on edges that lead to it.
        sent: messages sent along edges to it.
        done: invocations that have ended.
        queued: messages that wait before it.
        cpu: computed by its sandboxed components; None where nobody knows.
    """

    busy: float = 0.0
    blocked: float = 0.0
    sources_blocked: float = 0.0
    sent: int = 0
    done: int = 0
    queued: int = 0
    cpu: float | None = None


class Reading(NamedTuple):
    """The counts of all nodes until a moment of Trio's clock.

    Attributes:
        now: the moment.
        garbage: seconds that the collection of garbage has taken.
        nodes: of each node, by index; empty at the beginning, where all are zero.
        blocked_edges: seconds that the source of each edge has waited for room on it, by index.
        inboxes: of each node, by index.
        graph: whose nodes and edges they are; None at the beginning.
    """

    now: float
    garbage: float
    nodes: Sequence[NodeReading] = ()
    blocked_edges: Sequence[float] = ()
    inboxes: Sequence[InboxStatistics] = ()
    graph: LoadedGraph | None = None


_NOTHING = NodeReading()


def node_at(reading: Reading, index: int) -> NodeReading:
    """Return the counts of a node in a reading; nothing in that of the beginning."""
    return reading.nodes[index] if reading.nodes else _NOTHING


class Readings:
    """The last readings of one execution."""

    def __init__(self) -> None:
        self._last: Reading | None = None
        self._recent: Reading | None = None

    def window(self, reading: Reading, began: float) -> Reading:
        """Return the reading with which one is to be compared, and keep this one."""
        if self._recent is not None and self._recent.graph is not reading.graph:  # it goes on with another one
            self._last = self._recent = None
        before = self._last or Reading(began, reading.garbage)
        if self._recent is None or reading.now - self._recent.now >= _APART_SECONDS:
            self._last, self._recent = self._recent, reading
        return before


def read_times(shared: ExecutionShared, instances: Sequence[Instance], now: float) -> Steps[Reading]:
    """Read all nodes at this moment."""
    blocked = [0.0] * len(instances)
    sources_blocked = [0.0] * len(instances)
    sent = [0] * len(instances)
    by_edge = []
    index_of = shared.graph.index_of
    for (edge, counters), is_due in paced(zip(shared.graph.edges, shared.edges, strict=False), _BETWEEN_YIELDS):
        seconds = counters.blocked_until(now)
        source, target = index_of[edge.source.node], index_of[edge.target.node]
        by_edge.append(seconds)
        blocked[source] += seconds
        sources_blocked[target] += seconds
        sent[target] += counters.sent
        if is_due:
            yield
    nodes, inboxes = [], []
    for instance, is_due in paced(instances, _BETWEEN_YIELDS):
        index = instance.node.index
        inboxes.append(shared.inboxes[index].statistics())
        nodes.append(
            NodeReading(
                instance.busy_seconds(now),
                blocked[index],
                sources_blocked[index],
                sent[index],
                instance.counters.invocations,
                inboxes[-1].current_buffer_used,
                _cpu_of(instance),
            )
        )
        if is_due:
            yield
    return Reading(now, garbage_seconds(), nodes, by_edge, inboxes, shared.graph)


def _cpu_of(instance: Instance) -> float | None:
    seconds = [handler.innermost().cpu_seconds() for handler in instance.handlers]
    known = [each for each in seconds if each is not None]
    return sum(known) if known and len(known) == len(seconds) else None
