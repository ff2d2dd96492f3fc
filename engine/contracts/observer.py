"""The seam between the engine and whoever watches it.

``ExecutionObserver`` hears the rare things of all executions. ``FlowObserver`` hears every hop of the executions
that it asked for; where nobody asked, nothing is built and nothing is called. Observers are called in the midst
of the engine's work: they take note and return at once, and never raise.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from engine.contracts.handler import HandlerError, LogLine, Message, Outcome
from proto.edge import DropReason
from proto.events import ControlEvent
from proto.execution import ExecutionSnapshot
from proto.reload import HandledBy, ReloadReport


class HandlerCall(msgspec.Struct, frozen=True):
    """One call of a handler that has ended: the invocations of a batch, which are timed together.

    Attributes:
        node_id: the node.
        component_id: what it is a use of.
        messages: the batch; one alone where nothing else waited.
        outcomes: of each message, in the same order.
        began_seconds: on Trio's clock.
        ended_seconds: likewise.
    """

    node_id: str
    component_id: str
    messages: Sequence[Message]
    outcomes: Sequence[Outcome]
    began_seconds: float
    ended_seconds: float


class ExecutionObserver:
    """An observer of all executions: it hears state changes, log lines, failures, drops, and what people do.

    Where ``hears_calls`` is true it hears of every call of a handler, too, in executions that begin after it was
    made known; messages travel as fast as without it.
    """

    hears_calls: ClassVar[bool] = False

    def called(self, execution_id: str, call: HandlerCall) -> None:
        """Hear that a call of a handler has ended; one that was cancelled never does."""

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        """Hear that the execution entered ``execution.state``."""

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        """Hear that a handler logged a line."""

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        """Hear that an invocation ended in an error."""

    def reloaded(self, execution_id: str, report: ReloadReport) -> None:
        """Hear that a change of the execution has begun, was made, tried, refused, or taken back."""

    def changed(self, execution_id: str, handled_by: Mapping[str, HandledBy]) -> None:
        """Hear who handles the messages of nodes from this moment on, by their ids."""

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        """Hear that messages before a node were dropped: by a policy of it or of an edge, or by hand."""

    def happened(self, execution_id: str, event: ControlEvent) -> None:
        """Hear what somebody has done to an execution by hand, or that a breakpoint was hit."""


class FlowObserver:
    """An observer of one execution's flow: it hears every invocation and every emission.

    Where ``hears_hops`` is false, it hears only of what leaves the graph (``emitted``, ``emitted_in_lane``,
    ``errored``), and messages travel as if nobody watched.
    """

    hears_hops: ClassVar[bool] = True

    def injected(self, messages: Sequence[Message], cause: str) -> None:
        """Messages are about to enter; ``cause`` is what their sender gives as such. They may yet be refused."""

    def invoked_together(self, node_id: str, ports: Sequence[str], batch: Sequence[Message]) -> None:
        """Hear that a handler is about to be called with a batch; ``ports`` are the names of the node's input
        ports.

        Whoever does not ask for batches hears of each message (``invoked``).
        """
        for message in batch:
            self.invoked(node_id, ports[message.port], message)

    def invoked(self, node_id: str, port: str, message: Message) -> None:
        """Hear that a handler is about to be called with a message."""

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        """Hear that an emitted value began its way along one edge."""

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        """Hear that a value was emitted on a port that no edge leaves: it is an output of the graph."""

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        """Hear of an emission as ``emitted`` does, but with its lane (``engine.contracts.lanes``)."""
        del lane
        self.emitted(node_id, port, value)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        """Hear that an invocation ended in an error that no edge takes up: what its error port would have sent.

        Whoever hears of the graph's outputs does not hear of it by ``emitted``: nothing was emitted.
        """
