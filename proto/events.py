"""Events: what watchers of an execution are told (specification, "WebSocket Events").

``name`` is the event's name on the wire; the fields are its payload.
"""

from typing import ClassVar

import msgspec

from proto.execution import ExecutionError, ExecutionMetrics, ExecutionState


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
    """The execution ended, by itself or by ``stop``; ``state`` says which."""

    name: ClassVar[str] = "execution:completed"

    execution_id: str
    state: ExecutionState
    metrics: ExecutionMetrics
    completed_at: str


class ExecutionFailed(msgspec.Struct, frozen=True, rename="camel"):
    """The execution ended because of an error or a limit."""

    name: ClassVar[str] = "execution:failed"

    execution_id: str
    state: ExecutionState
    error: ExecutionError


class PortEmit(msgspec.Struct, frozen=True, rename="camel"):
    """One value began its way along one edge."""

    name: ClassVar[str] = "port:emit"

    execution_id: str
    source_node: str
    source_port: str
    target_node: str
    target_port: str
    value: msgspec.Raw
    timestamp: int
    sequence: int


class ComponentInvoked(msgspec.Struct, frozen=True, rename="camel"):
    """A handler was called with one message."""

    name: ClassVar[str] = "component:invoked"

    execution_id: str
    node_id: str
    port: str
    timestamp: int


class MetricsUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """The counters changed."""

    name: ClassVar[str] = "metrics:update"

    execution_id: str
    metrics: ExecutionMetrics


Event = (
    ExecutionStarted
    | ExecutionPaused
    | ExecutionResumed
    | ExecutionCompleted
    | ExecutionFailed
    | PortEmit
    | ComponentInvoked
    | MetricsUpdate
)
