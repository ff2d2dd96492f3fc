"""Executions: states, metrics and snapshots of running graphs."""

import enum
from typing import Annotated, Literal

import msgspec

from proto.graph import Recording
from proto.message import Injection, Lane

Completion = Literal["auto", "manual"]


class ExecutionState(enum.StrEnum):
    """The state of an execution; ``engine.execution.lifecycle`` holds the table of what may follow what."""

    PENDING = "pending"
    INITIALIZING = "initializing"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExecutionError(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The reason why an execution failed.

    Attributes:
        message: one sentence: what happened, and where.
        node_id: the node whose handler failed, if it was one.
        stack: the author's stack trace, if there is one.
        value: the JSON text of the message that the handler failed on, cut where it is long.
        version: of the component that failed, where its node was changed while the execution ran.
        revision: of the execution in which that handler began, likewise.
    """

    message: str
    node_id: str | None = None
    stack: str | None = None
    value: str | None = None
    version: str = ""
    revision: int = 0


class ExecutionMetrics(msgspec.Struct, frozen=True, rename="camel"):
    """Counters of one execution (specification, "Executions").

    Attributes:
        messages_processed: messages that are finished, with or without an error: their invocation has ended, all
            that was emitted for them has left, and no handler holds them.
        messages_dropped: messages that a policy of the graph has taken out of a queue, whatever the reason.
        messages_expired: those of them that had waited on an edge for too long.
        messages_dead_lettered: those of them that went on as dead letters.
        messages_emitted: values emitted by handlers; one that fans out to three edges counts once.
        node_invocations: the same as ``component_invocations``; clients of the platform read this name.
        component_invocations: calls of a handler's ``process``.
        total_latency_ms: time spent in handlers, summed over invocations.
        avg_latency_ms: the mean of it.
        max_latency_ms: the longest single invocation, or the mean of its batch.
        p50_latency_ms: half of the invocations took no longer; the percentiles are good to 5 per cent.
        p95_latency_ms: likewise 95 of 100.
        p99_latency_ms: likewise 99 of 100.
        error_count: invocations that ended in an error.
        backpressure_events: waits, refusals and drops at full queues.
        queued_messages: messages waiting in inboxes now.
        throughput_per_second: messages processed per second, over the last seconds.
        start_time: the moment when the execution entered ``running``, milliseconds since the epoch; 0 before.
        last_activity_time: the moment when the last message was processed or injected, likewise.
    """

    messages_processed: int = 0
    messages_dropped: int = 0
    messages_expired: int = 0
    messages_dead_lettered: int = 0
    messages_emitted: int = 0
    node_invocations: int = 0
    component_invocations: int = 0
    total_latency_ms: float = 0.0
    avg_latency_ms: float = 0.0
    max_latency_ms: float = 0.0
    p50_latency_ms: float = 0.0
    p95_latency_ms: float = 0.0
    p99_latency_ms: float = 0.0
    error_count: int = 0
    backpressure_events: int = 0
    queued_messages: int = 0
    throughput_per_second: float = 0.0
    start_time: int = 0
    last_activity_time: int = 0


class InstanceMetrics(msgspec.Struct, frozen=True, rename="camel"):
    """Counters of one component instance, with the meaning they have in :class:`ExecutionMetrics`."""

    invocations: int = 0
    messages_emitted: int = 0
    total_latency_ms: float = 0.0
    avg_latency_ms: float = 0.0
    max_latency_ms: float = 0.0
    p50_latency_ms: float = 0.0
    p95_latency_ms: float = 0.0
    p99_latency_ms: float = 0.0
    error_count: int = 0


class InstanceSnapshot(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One node of an execution at one moment. ``queued`` counts the messages waiting before it.

    ``unprocessed`` are those of the execution's that were there when it ended; until then 0. ``version`` and
    ``revision`` say who handles its messages, where it was changed while the execution ran.
    """

    node_id: str
    instance_id: str
    component_id: str
    state: str
    queued: int
    metrics: InstanceMetrics
    unprocessed: int = 0
    version: str = ""
    revision: int = 0


class ExecutionSnapshot(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An execution at one moment. Times are ISO 8601 in UTC; those that have not come yet are omitted.

    ``unprocessed`` counts the messages that were accepted, or on their way between nodes, and not finished when
    the execution ended (docs/semantics.md): what a stop or a failure cut off is reported, not silently lost.
    ``graph_version`` is the version of the graph that it runs, whatever has come after; ``durable`` says whether
    it goes on after a restart of the service.
    """

    id: str
    graph_id: str
    state: ExecutionState
    instances: tuple[InstanceSnapshot, ...]
    metrics: ExecutionMetrics
    created_at: str
    started_at: str | None = None
    completed_at: str | None = None
    error: ExecutionError | None = None
    unprocessed: int = 0
    graph_version: int = 0
    durable: bool = False

    def listed(self, instance_count: int) -> "ListedExecution":
        """Return the entry of this execution in a list."""
        return ListedExecution(
            id=self.id,
            graph_id=self.graph_id,
            state=self.state,
            instance_count=instance_count,
            metrics=self.metrics,
            created_at=self.created_at,
            started_at=self.started_at,
            completed_at=self.completed_at,
            error=self.error,
            unprocessed=self.unprocessed,
            graph_version=self.graph_version,
            durable=self.durable,
        )


class ListedExecution(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One execution in a list; ``instanceCount`` stands in place of the instances."""

    id: str
    graph_id: str
    state: ExecutionState
    instance_count: int
    metrics: ExecutionMetrics
    created_at: str
    started_at: str | None = None
    completed_at: str | None = None
    error: ExecutionError | None = None
    unprocessed: int = 0
    graph_version: int = 0
    durable: bool = False


class Output(msgspec.Struct, frozen=True, rename="camel"):
    """One value that left a graph.

    Attributes:
        sequence: its number among all outputs of its execution, counted from 1.
        node: where it left.
        port: likewise; at an ``error`` port also an error that no edge takes up.
        value: its JSON text; null where it is left out.
        lane: its lane (docs/lanes.md).
        omitted_bytes: the size that it had, where it is left out because it is too large.
    """

    sequence: int
    node: str
    port: str
    value: msgspec.Raw
    lane: Lane = "canonical"
    omitted_bytes: int | msgspec.UnsetType = msgspec.UNSET


class OutputCounts(msgspec.Struct, frozen=True):
    """The number of values that have left, at one port or at all, and of those that are kept."""

    total: int = 0
    kept: int = 0


class LogEntry(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One line that a handler logged. ``timestamp`` is ISO 8601 in UTC, ``meta`` whatever the author added.

    ``version`` and ``revision`` say who logged it, of a node that was changed while its execution ran.
    """

    timestamp: str
    node_id: str
    level: str
    message: str
    meta: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    version: str = ""
    revision: int = 0


class InjectionReceipt(msgspec.Struct, frozen=True):
    """The outcome of an injection: how many were accepted, and whether they wait for ``resume``."""

    accepted: int
    queued: bool


class ExecuteOptions(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Options of an execution; every field may be absent.

    Attributes:
        completion: ``auto`` ends the execution when it has gone quiet, ``manual`` only when it is told so;
            the graph's role decides when absent.
        timeout_ms: wall time that the execution may take; 0 for no limit; the service's default when absent.
        inputs: messages injected at once; when given, no further input is expected.
        parameters: values for the graph's parameters; those that have a default may be absent.
        durable: whether it goes on after a restart of the service (docs/durability.md); the graph says so when
            absent, or else its role.
        recording: what is noted of it: ``off``, ``inputs``, or ``full``; the graph decides when absent.
    """

    completion: Completion | None = None
    timeout_ms: Annotated[float, msgspec.Meta(ge=0)] | None = None
    inputs: tuple[Injection, ...] | None = None
    parameters: dict[str, msgspec.Raw] = {}
    durable: bool | None = None
    recording: Recording | None = None
