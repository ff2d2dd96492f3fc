"""Events: what watchers of an execution hear, and what they ask for (specification, "WebSocket Events").

``name`` is the event's name on the wire; the fields are its payload. Whoever needs all names takes them from here.
"""

from enum import StrEnum
from typing import ClassVar, Literal, get_args

import msgspec

from proto.breakpoint_events import (
    BreakpointFailed,
    BreakpointReleased,
    BreakpointRemoved,
    BreakpointSet,
    BreakpointWasHit,
)
from proto.edge_events import (
    EdgeDropped,
    EdgeEdited,
    EdgeInserted,
    EdgeMoved,
    EdgePaused,
    EdgeRedirected,
    EdgeResumed,
    EdgeStepped,
)
from proto.execution import ExecutionError, ExecutionMetrics, ExecutionState
from proto.reload import CanaryReport, ReloadState
from proto.statistics import ExecutionStatistics


class ExecutionSeen(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An execution as it was when somebody subscribed to it."""

    name: ClassVar[str] = "execution:state"

    execution_id: str
    graph_id: str
    state: ExecutionState
    metrics: ExecutionMetrics | None = None
    started_at: str | None = None
    completed_at: str | None = None
    error: ExecutionError | None = None
    unprocessed: int = 0


class ExecutionStarted(msgspec.Struct, frozen=True, rename="camel"):
    """The execution began: all instances are initialised."""

    name: ClassVar[str] = "execution:started"

    execution_id: str
    graph_id: str
    state: ExecutionState
    started_at: str


class ExecutionPaused(msgspec.Struct, frozen=True, rename="camel"):
    """No handler is running, and none will start until the execution is resumed."""

    name: ClassVar[str] = "execution:paused"

    execution_id: str
    state: ExecutionState


class ExecutionResumed(msgspec.Struct, frozen=True, rename="camel"):
    """Handlers run again; what was held is processed first."""

    name: ClassVar[str] = "execution:resumed"

    execution_id: str
    state: ExecutionState


class ExecutionCompleted(msgspec.Struct, frozen=True, rename="camel"):
    """The execution ended, by itself or by ``stop``; ``state`` says which.

    ``unprocessed`` counts the messages that were accepted and not finished.
    """

    name: ClassVar[str] = "execution:completed"

    execution_id: str
    state: ExecutionState
    metrics: ExecutionMetrics
    completed_at: str
    unprocessed: int = 0


class ExecutionFailed(msgspec.Struct, frozen=True, rename="camel"):
    """The execution ended because of an error or a limit; ``unprocessed`` is as in ``ExecutionCompleted``."""

    name: ClassVar[str] = "execution:failed"

    execution_id: str
    state: ExecutionState
    error: ExecutionError
    metrics: ExecutionMetrics
    completed_at: str
    unprocessed: int = 0


class ExecutionReloaded(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A change of what the execution runs has begun, was made, tried, refused or taken back.

    Attributes:
        execution_id: the execution.
        number: of the reload, counted from 1.
        reload: how far it is.
        revision: of the execution since it has switched.
        reason: why it has come to nothing, or has been taken back.
        changed: the paths of nodes whose handler changes, the first ones.
        canary: the figures of its trial.
    """

    name: ClassVar[str] = "execution:reloaded"

    execution_id: str
    number: int
    reload: ReloadState
    revision: int
    reason: str = ""
    changed: tuple[str, ...] = ()
    canary: CanaryReport | None = None


class ExecutionInjected(msgspec.Struct, frozen=True, rename="camel"):
    """Told to whoever injected a message over the same connection: it was accepted."""

    name: ClassVar[str] = "execution:injected"

    execution_id: str
    node_id: str
    port: str


class PortEmit(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One value began its way along one edge.

    Attributes:
        execution_id: the execution.
        source_node: the node whose handler emitted it.
        source_port: on which port.
        target_node: the node that the edge leads to.
        target_port: into which port.
        value: the JSON value, or the beginning of its text where ``truncated``.
        timestamp: milliseconds since the epoch.
        sequence: strictly increasing within the execution.
        truncated: whether the value was larger than the subscription wants.
        value_bytes: its whole size, where truncated.
        skipped: values on this edge that were left out since the last one shown (``maxPerSecond``).
        version: of the component that emitted it, where its node was changed while the execution ran.
        revision: of the execution in which that handler began, likewise.
    """

    name: ClassVar[str] = "port:emit"

    execution_id: str
    source_node: str
    source_port: str
    target_node: str
    target_port: str
    value: msgspec.Raw
    timestamp: int
    sequence: int
    truncated: bool = False
    value_bytes: int = 0
    skipped: int = 0
    version: str = ""
    revision: int = 0


class PortOutput(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One value was emitted on a port that no edge leaves. The further fields are those of ``PortEmit``."""

    name: ClassVar[str] = "port:output"

    execution_id: str
    source_node: str
    source_port: str
    value: msgspec.Raw
    timestamp: int
    truncated: bool = False
    value_bytes: int = 0
    skipped: int = 0
    version: str = ""
    revision: int = 0


class ComponentInvoked(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A handler was called with one message; ``skipped`` counts calls left out before (``maxPerSecond``)."""

    name: ClassVar[str] = "component:invoked"

    execution_id: str
    node_id: str
    port: str
    timestamp: int
    skipped: int = 0
    version: str = ""
    revision: int = 0


class ComponentFailed(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An invocation ended in an error, whatever became of it."""

    name: ClassVar[str] = "component:failed"

    execution_id: str
    node_id: str
    error_name: str
    message: str
    timestamp: int
    version: str = ""
    revision: int = 0


class ComponentLogged(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A handler logged a line."""

    name: ClassVar[str] = "component:logged"

    execution_id: str
    node_id: str
    level: str
    message: str
    timestamp: int
    version: str = ""
    revision: int = 0


class MetricsUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """The counters changed."""

    name: ClassVar[str] = "metrics:update"

    execution_id: str
    metrics: ExecutionMetrics


class StatisticsUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """The counters of nodes and edges changed."""

    name: ClassVar[str] = "statistics:update"

    execution_id: str
    statistics: ExecutionStatistics


class EventsSkipped(msgspec.Struct, frozen=True, rename="camel"):
    """Events that a subscriber did not get.

    Attributes:
        execution_id: the execution whose events they are.
        count: their number.
        reason: ``slow``: they came faster than they could be told, or than the client read;
            ``sampled``: the subscription's ``maxPerSecond`` left them out, and no later event could say so.
    """

    name: ClassVar[str] = "events:skipped"

    execution_id: str
    count: int
    reason: Literal["slow", "sampled"]


Event = (
    ExecutionSeen
    | ExecutionStarted
    | ExecutionPaused
    | ExecutionResumed
    | ExecutionCompleted
    | ExecutionFailed
    | ExecutionReloaded
    | ExecutionInjected
    | PortEmit
    | PortOutput
    | ComponentInvoked
    | ComponentFailed
    | ComponentLogged
    | MetricsUpdate
    | StatisticsUpdate
    | EventsSkipped
    | BreakpointSet
    | BreakpointRemoved
    | BreakpointWasHit
    | BreakpointReleased
    | BreakpointFailed
    | EdgePaused
    | EdgeResumed
    | EdgeStepped
    | EdgeDropped
    | EdgeEdited
    | EdgeMoved
    | EdgeInserted
    | EdgeRedirected
)

ControlEvent = (
    BreakpointSet
    | BreakpointRemoved
    | BreakpointWasHit
    | BreakpointReleased
    | BreakpointFailed
    | EdgePaused
    | EdgeResumed
    | EdgeStepped
    | EdgeDropped
    | EdgeEdited
    | EdgeMoved
    | EdgeInserted
    | EdgeRedirected
)
"""Deeds done to a running execution by hand, and what came of them."""

BATCH = "events:batch"
"""The event that carries others, for whoever asked for it: a list of ``{"event", "data"}``."""

ERROR = "error"
"""The event of a refusal: what was refused, and why."""

SERVER_EVENTS: tuple[str, ...] = (*(shape.name for shape in get_args(Event)), BATCH, ERROR)
"""All names of what a client hears."""


class Command(StrEnum):
    """The names of what a client sends."""

    SUBSCRIBE = "execution:subscribe"
    UNSUBSCRIBE = "execution:unsubscribe"
    START = "execution:start"
    PAUSE = "execution:pause"
    RESUME = "execution:resume"
    COMPLETE = "execution:complete"
    RECORD = "execution:record"
    STOP = "execution:stop"
    INJECT = "execution:inject"
    BOTTLENECK = "execution:bottleneck"
    PAUSE_EDGE = "edge:pause"
    RESUME_EDGE = "edge:resume"
    STEP_EDGE = "edge:step"
    DROP = "edge:drop"
    EDIT = "edge:edit"
    MOVE = "edge:move"
    INSERT = "edge:insert"
    REDIRECT = "edge:redirect"
    BREAKPOINT_ADD = "breakpoint:add"
    BREAKPOINT_LIST = "breakpoint:list"
    BREAKPOINT_RELEASE = "breakpoint:release"
    BREAKPOINT_REMOVE = "breakpoint:remove"
    RELOAD = "execution:reload"
    ROLLBACK = "execution:rollback"


CLIENT_EVENTS: tuple[str, ...] = tuple(command.value for command in Command)
"""The same as texts."""
