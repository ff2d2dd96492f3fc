"""Delivery to a graph by its name: through the gate, into its newest running execution, back with what came out.

A caller who waits hears what their own message caused, and nothing that another's did. So those who wait take
turns, first come, first served, and within one request each message is seen through before the next begins. The
messages of a caller whose time is over before their turn are delivered all the same; they hear of no outputs.

A graph may be published anew between the moment in which its door is found and the turn of who waits at it. The
old execution takes nothing more then; what it has not taken goes to the one that has come in its place.

Who may deliver is said by the graph's present version, and where messages enter by the version that runs: one that
was replaced and has not been started anew takes them as before.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing

import msgspec
import structlog
import trio

from engine.compile.ingress import PLACE, Ingress, ingress_of, is_declared
from engine.compile.loaded_graph import LoadedGraph
from engine.errors import ConflictError, EngineError, ExecutionNotFoundError, InvalidInjectionError
from engine.execution.injection import locate
from engine.runtime import Runtime
from proto.execution import Output
from proto.message import Injection
from proto.problem import Problem
from service.auth.caller import Caller
from service.ingress.flow_trace import FlowTrace, TracedOutput
from service.ingress.gate import graph_named, reason_against
from service.ingress.output_list import OutputList
from service.problems import IngressIdleError, IngressNotFoundError, IngressRefusedError, RefusalError
from service.settings.access import IngressEnforcement

log = structlog.get_logger("ingress")


class Door(msgspec.Struct, frozen=True):
    """An ingress that a caller may deliver to: where their messages enter, and which execution gets them.

    ``name`` is what the caller asked for, ``graph`` what the execution runs: a replaced one may have had another.
    """

    name: str
    graph: LoadedGraph
    ingress: Ingress
    execution_id: str


class Delivered(msgspec.Struct):
    """The outcome of the messages of one request so far.

    Attributes:
        execution_id: the execution that took the last of them.
        count: messages that were taken in.
        queued: whether the execution was paused meanwhile, and holds some of them.
        drained: whether each was seen through to its end.
        outputs: what the last message that caused any output left at each, by ``node:port``.
        listed: all outputs in the order in which they left, as far as one reply may show them.
        is_truncated: whether there were more.
        hops: values that travelled along edges, of all messages.
    """

    execution_id: str
    count: int = 0
    queued: bool = False
    drained: bool = False
    outputs: dict[str, TracedOutput] = {}
    listed: list[Output] = []
    is_truncated: bool = False
    hops: int = 0


class IngressDelivery:
    """The way to the ingresses of all graphs. It reaches past organisations, and the gate is its own rule for it.

    Args:
        runtime: the real one.
        caller: tells who calls, at the moment of the call.
        enforcement: whether the gate refuses, only warns, or stands open.
    """

    def __init__(self, runtime: Runtime, caller: Callable[[], Caller], enforcement: IngressEnforcement) -> None:
        self._runtime = runtime
        self._caller = caller
        self._enforcement = enforcement
        self._turns: dict[str, trio.Lock] = {}

    def door(self, graph_name: str) -> Door:
        """Return the ingress of the graph that a name means for the caller.

        Raises:
            IngressNotFoundError: no graph of this name is loaded.
            IngressRefusedError: the caller may not deliver to it.
            IngressIdleError: it has no running execution.
        """
        caller = self._caller()
        graph = graph_named(self._runtime.library.graphs_named(graph_name), graph_name, caller)
        if graph is None:
            raise IngressNotFoundError(f"No loaded graph named: {graph_name}")
        self._pass_gate(graph, ingress_of(graph.definition.metadata), caller)
        execution_id = self._runtime.newest_running(graph.id)
        if execution_id is None:
            remedy = Problem(IngressIdleError.code, "", 'Execute it, with completion "manual" so that it stays')
            raise IngressIdleError(f'Graph "{graph_name}" has no running execution', [remedy])
        running = self._runtime.execution(execution_id).graph or graph
        return Door(graph_name, running, ingress_of(running.definition.metadata), execution_id)

    def _pass_gate(self, graph: LoadedGraph, ingress: Ingress, caller: Caller) -> None:
        if self._enforcement == "off":
            return
        reason = reason_against(ingress, graph.owner, caller)
        if reason is None:
            return
        name = graph.definition.name
        who = caller.principal.id if caller.principal else ""
        log.warning(
            "delivery refused", graph=name, caller=who, reason=reason, enforced=self._enforcement == "strict"
        )
        if self._enforcement == "strict":
            raise IngressRefusedError(
                f'Delivery to ingress "{name}" refused: {reason}', graph=name, capability=ingress.capability
            )

    async def deliver(
        self, door: Door, values: Sequence[msgspec.Raw], *, is_batch: bool, wait_ms: int
    ) -> Delivered:
        """Deliver messages in order, and wait for what they cause, for a bounded time.

        Args:
            door: from :meth:`door`.
            values: of the messages.
            is_batch: whether they came as an array, for the paths of problems.
            wait_ms: how long to wait in all; 0 for not at all.

        Raises:
            InvalidInjectionError: one of them is refused, or the graph has no such entry; none was taken in.
            EngineError: the execution takes no more of them; ``accepted`` says how many were taken in.
        """
        messages = await self._checked(door, values, is_batch=is_batch)
        with closing(OutputList(self._runtime.ledger.account(door.graph.owner))) as listed:
            delivered = await self._deliver_somewhere(door, messages, wait_ms, listed)
            delivered.listed, delivered.is_truncated = listed.entries, listed.is_truncated
        return delivered

    async def _deliver_somewhere(
        self, door: Door, messages: Sequence[Injection], wait_ms: int, listed: OutputList
    ) -> Delivered:
        """Deliver to what is behind the door, and the rest to what comes in its place."""
        delivered = Delivered(door.execution_id)
        deadline = trio.current_time() + wait_ms / 1000
        while True:
            try:
                await self._deliver_all(door, messages, delivered, deadline if wait_ms else None, listed)
            except (ConflictError, ExecutionNotFoundError) as error:
                delivered.count += error.accepted
                successor = self._successor(door)
                if successor is None:
                    error.accepted = delivered.count
                    raise
                door = successor
                delivered.execution_id = door.execution_id
            except EngineError as error:
                error.accepted += delivered.count
                raise
            else:
                return delivered

    def _successor(self, door: Door) -> Door | None:
        """Return the door that the graph's name means now; None where it is the same, or there is none."""
        try:
            successor = self.door(door.name)
        except RefusalError:
            return None
        is_another = successor.execution_id != door.execution_id and successor.ingress == door.ingress
        return successor if is_another else None

    async def _deliver_all(
        self,
        door: Door,
        messages: Sequence[Injection],
        delivered: Delivered,
        deadline: float | None,
        listed: OutputList,
    ) -> None:
        """Deliver what has not been, one after another until the deadline, if there is one, and then at once."""
        if deadline is not None:
            await self._see_through(door.execution_id, messages, delivered, deadline, listed)
        rest = messages[delivered.count :]
        if rest:
            receipt = await self._runtime.execution(door.execution_id).inject(rest)
            delivered.count += receipt.accepted
            delivered.queued = receipt.queued

    async def _checked(self, door: Door, values: Sequence[msgspec.Raw], *, is_batch: bool) -> list[Injection]:
        """Return the messages as they enter; all are refused where one is wrong, before any is delivered."""
        graph, ingress = door.graph, door.ingress
        messages = [Injection(ingress.node, ingress.port, value) for value in values]
        node = graph.node(ingress.node)
        if not is_declared(graph.definition.metadata) and (node is None or ingress.port not in node.inputs):
            message = (
                f'Graph "{graph.definition.name}" declares no ingress, and has no node {ingress.node} with an '
                f"input port {ingress.port}; {PLACE} says where messages enter"
            )
            raise InvalidInjectionError([Problem("ingress.undeclared", "", message)])
        await locate(graph, messages, self._runtime.limits, key="" if is_batch else "messages")
        return messages

    async def _see_through(
        self,
        execution_id: str,
        messages: Sequence[Injection],
        delivered: Delivered,
        deadline: float,
        listed: OutputList,
    ) -> None:
        """Deliver one after another, each when nothing of the one before is on its way, while there is time."""
        async with self._turn(execution_id, deadline) as has_turn:
            while has_turn and delivered.count < len(messages) and trio.current_time() < deadline:
                execution = self._runtime.execution(execution_id)
                trace = FlowTrace(execution.open_account(), listed, execution.output_count)
                try:
                    with closing(trace), execution.watch(trace):
                        is_done = await self._deliver_one(
                            execution_id, messages[delivered.count], delivered, deadline
                        )
                except ExecutionNotFoundError:
                    return  # it has ended; the injection of the rest says so
                delivered.hops += trace.hops
                delivered.outputs = trace.outputs or delivered.outputs
                delivered.drained = is_done and delivered.count == len(messages)
                if not is_done:
                    return

    async def _deliver_one(
        self, execution_id: str, message: Injection, delivered: Delivered, deadline: float
    ) -> bool:
        """Deliver one message; whether all that it caused has been processed in time."""
        receipt = await self._runtime.execution(execution_id).inject([message])
        delivered.count += 1
        delivered.queued = receipt.queued
        if receipt.queued:
            return False
        with trio.move_on_at(deadline) as patience:
            await self._runtime.execution(execution_id).wait_quiescent()
        return not patience.cancelled_caught

    @asynccontextmanager
    async def _turn(self, execution_id: str, deadline: float) -> AsyncIterator[bool]:
        """Take the caller's turn at an execution, for the length of the block; yield whether it came in time."""
        lock = self._turns.setdefault(execution_id, trio.Lock())
        has_turn = False
        try:
            with trio.move_on_at(deadline):
                await lock.acquire()
                has_turn = True
            yield has_turn
        finally:
            if has_turn:
                lock.release()
            if not lock.locked():
                self._turns.pop(execution_id, None)
