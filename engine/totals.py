"""The sums over all executions since the start, those that are forgotten included.

Nothing is counted here. Instances count what they do (``engine.counters.counters``); these totals add that up when
an execution ends, and when somebody asks. So a message costs nothing more for being measured, and who asks
pays.
"""

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from engine.components.sandboxed import HostStatistics
from engine.cooperative.slices import Steps, in_slices
from engine.counters.counters import Sums
from engine.counters.latency import LatencyHistogram
from engine.execution.execution import Execution
from engine.execution.snapshots import read_sums
from proto.execution import ExecutionState
from workers.pool import PoolStatistics

OWNERS_COUNTED = 10_000
"""Owners whose messages are counted apart. Beyond it those with fewest are forgotten; the sum over all is not."""


class Totals:
    """Sums over executions. Times are seconds.

    Attributes:
        ended: executions that have ended, by their last state.
        processed: messages that are finished.
        emitted: values that handlers emitted.
        errors: invocations that ended in an error.
        invocations: calls of handlers, one for each message, retries included.
        backpressure_events: waits, refusals and drops at full queues.
        dropped: messages that a policy of a graph has taken out of a queue.
        expired: those of them that had waited on an edge for too long.
        dead_lettered: those of them that went on as dead letters.
        unprocessed: messages that were accepted and not finished when their execution ended.
        busy_seconds: time spent in handlers.
        latencies: of invocations.
        processed_by: messages processed, by owner; of ``OWNERS_COUNTED`` owners, those with most.
    """

    def __init__(self) -> None:
        self.ended: Counter[ExecutionState] = Counter()
        self.processed = 0
        self.emitted = 0
        self.errors = 0
        self.invocations = 0
        self.backpressure_events = 0
        self.dropped = self.expired = self.dead_lettered = 0
        self.unprocessed = 0
        self.busy_seconds = 0.0
        self.latencies = LatencyHistogram()
        self.processed_by: Counter[str] = Counter()

    def copy(self) -> Self:
        """Return another one with the same sums; neither changes with the other."""
        other = copy.copy(self)  # shares what can change, so each of that is copied by itself
        other.ended = self.ended.copy()
        other.processed_by = self.processed_by.copy()
        other.latencies = LatencyHistogram()
        other.latencies.merge(self.latencies)
        return other

    def close(self, execution: Execution) -> None:
        """Add an execution that has ended."""
        self.ended[execution.state] += 1
        self.processed_by[execution.owner] += execution.messages_processed
        if len(self.processed_by) > OWNERS_COUNTED:
            self.processed_by = Counter(dict(self.processed_by.most_common(OWNERS_COUNTED * 9 // 10)))
        self.unprocessed += execution.head().unprocessed
        self._add_counters(execution)
        self._add_sums(execution.sums)

    def add(self, execution: Execution) -> Steps[None]:
        """Add what an execution has done so far."""
        self._add_counters(execution)
        if execution.finished.is_set():  # since the asking began: its books are closed
            self._add_sums(execution.sums)
        else:
            self._add_sums((yield from read_sums(execution.instances)))

    def _add_counters(self, execution: Execution) -> None:
        self.processed += execution.messages_processed
        self.backpressure_events += execution.shared.counters.backpressure_events
        self.dropped += execution.shared.counters.dropped
        self.expired += execution.shared.counters.expired
        self.dead_lettered += execution.shared.counters.dead_lettered

    def _add_sums(self, sums: Sums) -> None:
        self.invocations += sums.invocations
        self.busy_seconds += sums.total_latency_seconds
        self.emitted += sums.emitted
        self.errors += sums.errors
        self.latencies.merge(sums.latencies)


class QueueLoad(msgspec.Struct, frozen=True):
    """The load of the executions under way, at one moment.

    Attributes:
        states: how many there are, by state.
        queued_messages: messages that wait in inboxes.
        queued_bytes: bytes of their values.
        longest_queue: messages in the fullest inbox.
        fullest_share: how full the fullest inbox is by messages, from 0 to 1.
        blocked_senders: tasks that wait for room in an inbox.
        held: injected messages that wait for the resume of a paused execution.
        in_flight: messages accepted and not finished.
    """

    states: Counter[ExecutionState]
    queued_messages: int = 0
    queued_bytes: int = 0
    longest_queue: int = 0
    fullest_share: float = 0.0
    blocked_senders: int = 0
    held: int = 0
    in_flight: int = 0


def load_of(executions: Sequence[Execution]) -> Steps[QueueLoad]:
    """Return the load of these executions now."""
    states: Counter[ExecutionState] = Counter()
    messages = size = longest = blocked = held = in_flight = 0
    share = 0.0
    for execution in executions:
        yield
        states[execution.state] += 1
        held += execution.injector.held
        in_flight += execution.shared.in_flight.count
        for inbox in execution.shared.inboxes:
            if not inbox:
                continue
            queue = inbox.statistics()
            messages += queue.current_buffer_used
            size += queue.current_buffer_bytes
            blocked += queue.tasks_waiting_send
            longest = max(longest, queue.current_buffer_used)
            share = max(share, min(1.0, queue.current_buffer_used / queue.max_buffer_size))
    return QueueLoad(states, messages, size, longest, share, blocked, held, in_flight)


class RuntimeStatistics(msgspec.Struct, frozen=True):
    """A whole runtime in numbers, for whoever measures it; unlike an execution's, they only grow until it ends.

    Attributes:
        totals: what was done since the start.
        load: what lies in the executions that are under way.
        sandbox: what guests used since the start.
        graphs: that are loaded.
        workers: what worker processes do and have done, by what they are for.
    """

    totals: Totals
    load: QueueLoad
    sandbox: HostStatistics
    graphs: int
    workers: Mapping[str, PoolStatistics]


async def runtime_statistics(
    closed: Totals,
    underway: Sequence[Execution],
    sandbox: HostStatistics,
    graphs: int,
    workers: Mapping[str, PoolStatistics],
) -> RuntimeStatistics:
    """Return the figures of a runtime.

    An execution that ends meanwhile is not in the copy of ``closed`` that is made first, and it keeps its counters
    when it ends: it is counted exactly once.

    Args:
        closed: the sums over executions that have ended.
        underway: all others.
        sandbox: of the runtime's host.
        graphs: that are loaded.
        workers: statistics of the pools of worker processes.
    """
    totals = closed.copy()
    load = await in_slices(load_of(underway))
    for execution in underway:
        await in_slices(totals.add(execution))
    return RuntimeStatistics(totals, load, sandbox, graphs, workers)
