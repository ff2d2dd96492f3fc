"""Opens executions of test graphs without the sandbox, in the way of ``engine.runtime``."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.compile.compiler import compile_graph
from engine.contracts.component import Component
from engine.contracts.handler import HandlerError, LogLine, Message
from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.cooperative.slices import in_slices
from engine.execution.checkpoint_checks import check
from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.execution.lifecycle import TERMINAL
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.edge import DropReason
from proto.execution import Completion, ExecutionSnapshot, InjectionReceipt
from proto.message import Injection
from tests.engine.handlers import Journal, components


def document(nodes: Mapping[str, Any], edges: Iterable[str] = (), **metadata: Any) -> dict[str, Any]:
    """A graph document.

    Args:
        nodes: by id, a component's id, or a dict of a node's fields.
        edges: such as ``a:out > b:in``.
        metadata: the graph's.
    """
    return {
        "symbia": "1.0",
        "name": "A test",
        "nodes": [
            {"id": node_id, **({"component": node} if isinstance(node, str) else node)}
            for node_id, node in nodes.items()
        ],
        "edges": [edge_of(text) for text in edges],
        "metadata": metadata,
    }


def policed(nodes: Mapping[str, Any], *edges: str, policies: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """A graph document, some of whose edges have policies, by their index."""
    graph = document(nodes, edges)
    for index, policy in policies.items():
        graph["edges"][index]["policy"] = policy
    return graph


def edge_of(text: str) -> dict[str, Any]:
    """``a:out > b:in`` as an edge."""
    ends = [end.strip().split(":") for end in text.split(">")]
    (source, target) = ({"node": node, "port": port} for node, port in ends)
    return {"source": source, "target": target}


def node(component: str, *, config: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A node's fields."""
    return {"component": component, "config": config or {}, **fields}


@asynccontextmanager
async def open_execution(
    graph: dict[str, Any],
    journal: Journal,
    *,
    limits: EngineLimits | None = None,
    completion: Completion = "manual",
    timeout_ms: float = 0,
    observers: Sequence[ExecutionObserver] = (),
    wait: bool = True,
    more: Mapping[str, Component] | None = None,
    begins_from: Checkpoint | None = None,
) -> AsyncIterator[Execution]:
    """A started execution; stopped at the end of the block if it has not ended, and ended in any case.

    ``more`` are components beside those of the tests.
    """
    limits = limits or EngineLimits()
    clock = WallClock(trio.current_time)
    compiled = await compile_graph(graph, {**components(journal), **(more or {})}, limits, clock.timestamp)
    if begins_from is not None:
        await in_slices(check(begins_from, compiled))
    execution = Execution(
        execution_id="test",
        graph=compiled,
        limits=limits,
        completion=completion,
        timeout_ms=timeout_ms,
        observers=observers,
        clock=clock,
        begins_from=begins_from,
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(execution.run)
        if wait:
            await execution.started.wait()
        yield execution
        if execution.state not in TERMINAL:
            await execution.stop(drain=False)


async def inject(
    execution: Execution, place: str, *values: Any, final: bool = False, limits: EngineLimits | None = None
) -> InjectionReceipt:
    """Inject values at a place such as ``a:in``."""
    node_id, port = place.split(":")
    messages = [Injection(node_id, port, msgspec.Raw(msgspec.json.encode(value))) for value in values]
    return await execution.inject(await locate(execution.graph, messages, limits or EngineLimits()), final=final)


class Listener(ExecutionObserver):
    """Keeps all that it hears."""

    def __init__(self) -> None:
        self.snapshots: list[ExecutionSnapshot] = []
        self.lines: list[tuple[str, str]] = []
        self.failures: list[tuple[str, str]] = []
        self.drops: list[tuple[str, int]] = []

    @property
    def states(self) -> list[str]:
        return [str(snapshot.state) for snapshot in self.snapshots]

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        self.snapshots.append(execution)

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        del execution_id
        self.lines.append((node_id, line.message))

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        del execution_id
        self.failures.append((node_id, error.message))

    def dropped(self, execution_id: str, node_id: str, count: int, reason: DropReason) -> None:
        del execution_id, reason
        self.drops.append((node_id, count))


class Tap(FlowObserver):
    """Keeps every hop that it hears."""

    def __init__(self) -> None:
        self.invocations: list[tuple[str, str, bytes]] = []
        self.hops: list[tuple[str, str, str, str, bytes]] = []
        self.outputs: list[tuple[str, str, bytes]] = []
        self.sequences: list[int] = []

    def invoked(self, node_id: str, port: str, message: Message) -> None:
        self.invocations.append((node_id, port, message.value))

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        self.hops.append((node_id, port, target_node, target_port, message.value))
        self.sequences.append(message.sequence)

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        self.outputs.append((node_id, port, value))


class OutputTap(Tap):
    """Keeps every output that it hears, and wants to hear of nothing else."""

    hears_hops: ClassVar[bool] = False
