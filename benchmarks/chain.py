"""Chains of equal nodes, run through the engine's door as any caller would run them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from engine.observer import FlowObserver
from engine.runtime import Runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection

INJECTED = 500
"""Messages in one call of ``inject`` under load: what one HTTP request would bring."""

DOUBLE = ("symbia.core.map", {"expression": "value * 2"})
PASSTHROUGH: tuple[str, dict[str, Any]] = ("symbia.core.passthrough", {})

_FIRST = Injection(node_id="n0", port="in", value=msgspec.Raw(b"21"))


def chain(component: str, config: dict[str, Any], length: int) -> dict[str, Any]:
    """A graph of ``length`` nodes in a row: ``n0``, ``n1`` and so on."""
    nodes = [{"id": f"n{index}", "component": component, "config": config} for index in range(length)]
    edges = [
        {"source": {"node": f"n{index}", "port": "out"}, "target": {"node": f"n{index + 1}", "port": "in"}}
        for index in range(length - 1)
    ]
    return {"symbia": "1.0", "name": f"{length} x {component}", "version": "1.0.0", "nodes": nodes, "edges": edges}


async def message_seconds(runtime: Runtime, graph_id: str, messages: int, length: int) -> float:
    """Seconds a message takes under load: all are injected as fast as they are taken, and none is watched.

    Raises:
        RuntimeError: not every message passed every node; a figure from such a run would be a lie.
    """
    execution = await runtime.execute(graph_id, ExecuteOptions(completion="manual"))
    batch = [_FIRST] * INJECTED
    started = time.perf_counter()
    for _ in range(messages // INJECTED):
        await runtime.inject(execution.id, batch)
    await runtime.complete(execution.id)
    finished = await runtime.wait_finished(execution.id)
    seconds = time.perf_counter() - started
    injected = messages // INJECTED * INJECTED
    if finished.state is not ExecutionState.COMPLETED or finished.metrics.messages_processed != injected * length:
        raise RuntimeError(f"The run lost messages: {finished.state}, {finished.metrics}")
    return seconds / injected


class Arrival(FlowObserver):
    """Wakes the one who waits for the next value that leaves the graph."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        """The message has arrived."""
        del node_id, port, value
        self._event.set()

    async def wait(self) -> None:
        """Return at the next arrival."""
        await self._event.wait()
        self._event = trio.Event()


async def latencies(runtime: Runtime, graph_id: str, messages: int) -> list[float]:
    """Seconds from ``inject`` to the graph's output, for each message, one at a time."""
    samples = []
    async with _watched(runtime, graph_id) as (execution_id, arrival):
        for _ in range(messages):
            started = time.perf_counter()
            await runtime.inject(execution_id, [_FIRST])
            await arrival.wait()
            samples.append(time.perf_counter() - started)
    return samples


@asynccontextmanager
async def _watched(runtime: Runtime, graph_id: str) -> AsyncIterator[tuple[str, Arrival]]:
    execution = await runtime.execute(graph_id, ExecuteOptions(completion="manual"))
    arrival = Arrival()
    with runtime.watch(execution.id, arrival):
        yield execution.id, arrival
    await runtime.stop(execution.id)
