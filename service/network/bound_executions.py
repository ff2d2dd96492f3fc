"""The executions that have bindings: which of them take events, and what leaves them as events.

An execution whose graph has output bindings is watched hop by hop, which costs its edges their fast way; where
there is no Network to send to, nothing is watched.
"""

from collections.abc import Sequence
from contextlib import ExitStack

import msgspec
import structlog

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import Message
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.execution.lifecycle import TERMINAL
from engine.runtime import Runtime
from proto.binding import OutputBinding
from proto.execution import ExecutionSnapshot, ExecutionState
from service.network.causes import Causes
from service.network.events import Sending, SentPayload
from service.network.outbox import NetworkOutbox
from service.observability.throttled_log import ThrottledLog

log = structlog.get_logger("network")


class BoundExecutions(ExecutionObserver):
    """The executions whose graphs have bindings, from their first moment to their last.

    Args:
        runtime: whose executions they are.
        outbox: takes what leaves them.
        node_id: what this service is called on the Network.
        publishes: whether there is a Network to send to.

    Attributes:
        taking: the graphs of the executions that take events at present, by execution id.
    """

    def __init__(self, runtime: Runtime, outbox: NetworkOutbox, node_id: str, *, publishes: bool) -> None:
        self.taking: dict[str, LoadedGraph] = {}
        self._runtime = runtime
        self._outbox = outbox
        self._node_id = node_id
        self._publishes = publishes
        self._known: dict[str, LoadedGraph | None] = {}
        self._watching: dict[str, ExitStack] = {}
        self._complaints = ThrottledLog(log)

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        """Begin with an execution when it is first heard of, and end with it when it ends."""
        if execution.state in TERMINAL:
            self._known.pop(execution.id, None)
            self.taking.pop(execution.id, None)
            watching = self._watching.pop(execution.id, None)
            if watching is not None:
                watching.close()
            return
        if execution.id not in self._known:
            self._known[execution.id] = self._begin(execution)
        graph = self._known[execution.id]
        if graph is not None and graph.bindings.inputs and execution.state is ExecutionState.RUNNING:
            self.taking[execution.id] = graph

    def _begin(self, execution: ExecutionSnapshot) -> LoadedGraph | None:
        graph = self._runtime.execution(execution.id).graph
        if graph is None or not graph.bindings.exist:
            return None
        if graph.bindings.outputs and not self._publishes:
            log.warning("bindings without a network", execution=execution.id, graph=graph.id)
        elif graph.bindings.outputs:
            publisher = Publisher(graph, execution.id, self._outbox, self._node_id, self._complaints)
            stack = self._watching[execution.id] = ExitStack()
            stack.enter_context(self._runtime.execution(execution.id).watch(publisher))
        return graph


class Publisher(FlowObserver):
    """A publisher that makes events of what leaves the bound ports of one execution.

    Args:
        graph: the graph that it runs.
        execution_id: its id, and the ``runId`` of its events.
        outbox: takes them.
        node_id: their source.
        complaints: hears of those that are dropped.
    """

    def __init__(
        self, graph: LoadedGraph, execution_id: str, outbox: NetworkOutbox, node_id: str, complaints: ThrottledLog
    ) -> None:
        self._owner = graph.owner
        self._execution_id = execution_id
        self._outbox = outbox
        self._node_id = node_id
        self._complaints = complaints
        self._causes = Causes(graph)
        self._bindings: dict[tuple[str, str], list[OutputBinding]] = {}
        for binding in graph.bindings.outputs:
            self._bindings.setdefault((binding.node, binding.port), []).append(binding)
        self._first_targets = {place: _first_target(graph, *place) for place in self._bindings}

    def injected(self, messages: Sequence[Message], cause: str) -> None:
        self._causes.enter(messages, cause)

    def invoked_together(self, node_id: str, ports: Sequence[str], batch: Sequence[Message]) -> None:
        del ports
        self._causes.invoke(node_id, batch)

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        self._causes.send(node_id, message)
        place = (node_id, port)
        if place in self._bindings and self._first_targets[place] == (target_node, target_port):
            self._publish(place, message.value)  # once, along however many edges it goes

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        if (node_id, port) in self._bindings:
            self._publish((node_id, port), value)

    def _publish(self, place: tuple[str, str], value: bytes) -> None:
        cause = self._causes.of(place[0])
        for binding in self._bindings[place]:
            sending = Sending(
                payload=SentPayload(type=binding.network, data=msgspec.Raw(value), org_id=self._owner),
                source=self._node_id,
                run_id=self._execution_id,
                boundary=binding.boundary,
                target=binding.target,
                caused_by=cause,
            )
            reason = self._outbox.put(sending, self._owner)
            if reason:
                self._complaints.warning(
                    "event of a graph dropped",
                    execution=self._execution_id,
                    node=place[0],
                    port=place[1],
                    reason=reason,
                )


def _first_target(graph: LoadedGraph, node_id: str, port: str) -> tuple[str, str] | None:
    node = graph.node(node_id)
    targets = () if node is None else node.routes[node.output_of[port]]
    if not targets:
        return None
    target = graph.nodes[targets[0].node]
    return target.id, target.inputs[targets[0].port]
