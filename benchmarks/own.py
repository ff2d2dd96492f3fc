"""This runtime as it is measured beside its peers: through the engine's door, with nothing left out."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec
import trio

from benchmarks.workloads import Workload
from engine.contracts.observer import FlowObserver
from engine.runtime import Runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection

INJECTED = 500
"""Messages in one call of ``inject`` under load: what one HTTP request would bring."""

INJECTED_BYTES = 1024 * 1024
"""Of the values in one call: a burst of large ones would only wait before a full inbox."""


class Own:
    """This runtime with one kind of component.

    Args:
        runtime: that runs it.
        component: of every node: ``symbia.core.map``, in the sandbox, or ``symbia.core.passthrough``.
        label: what the component is called in tables.
    """

    def __init__(self, runtime: Runtime, component: str = "symbia.core.map", label: str = "JavaScript") -> None:
        self.name = f"symbia-runtime, {label}"
        self._runtime = runtime
        self._component = component

    async def throughput(self, workload: Workload, messages: int) -> float:
        """Seconds a message takes while as many are on their way as the engine takes.

        Raises:
            RuntimeError: as in ``push``.
        """
        async with self._running(workload) as executions:
            each = max(1, messages // len(executions))
            began = time.perf_counter()
            async with trio.open_nursery() as nursery:
                for execution_id in executions:
                    nursery.start_soon(self.push, execution_id, workload, each)
            return (time.perf_counter() - began) / (each * len(executions))

    async def output(self, workload: Workload) -> Any:
        """The value that a message comes out as."""
        async with self._running(workload) as (execution_id, *_):
            arrival = Arrivals(workload.outputs, 1)
            with self._runtime.execution(execution_id).watch(arrival):
                await self._runtime.execution(execution_id).inject([_injection(workload, 0)])
                await arrival.all.wait()
        return msgspec.json.decode(arrival.last)

    async def opening(self, workload: Workload) -> float:
        """Seconds until an execution runs, all its guests opened."""
        graph = await self._runtime.library.load_graph(workload.document(self._component))
        began = time.perf_counter()
        await self._runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=0))
        seconds = time.perf_counter() - began
        await self._runtime.unload_graph(graph.id)
        return seconds

    async def closed_loop(self, workload: Workload, messages: int) -> list[float]:
        """Seconds of each message, the next one sent when its outputs have arrived."""
        samples = []
        async with self._running(workload) as (execution_id, *_):
            arrival = Arrivals(workload.outputs)
            with self._runtime.execution(execution_id).watch(arrival):
                for index in range(messages):
                    began = time.perf_counter()
                    await self._runtime.execution(execution_id).inject([_injection(workload, index)])
                    await arrival.wait()
                    samples.append(time.perf_counter() - began)
        return samples

    async def open_loop(self, workload: Workload, messages: int, rate: float) -> list[float]:
        """Seconds of each message from when it was due, at so many a second: waiting outside counts."""
        async with self._running(workload) as (execution_id, *_):
            arrival = Arrivals(workload.outputs, messages)
            with self._runtime.execution(execution_id).watch(arrival):
                began = time.perf_counter()
                for index in range(messages):
                    while time.perf_counter() < began + index / rate:
                        await trio.lowlevel.checkpoint()
                    await self._runtime.execution(execution_id).inject([_injection(workload, index)])
                await arrival.all.wait()
        return [arrived - began - index / rate for index, arrived in enumerate(arrival.times)]

    @asynccontextmanager
    async def _running(self, workload: Workload) -> AsyncIterator[list[str]]:
        graph = await self._runtime.library.load_graph(workload.document(self._component))
        options = ExecuteOptions(completion="manual", timeout_ms=0)
        ids = [(await self._runtime.execute(graph.id, options)).id for _ in range(workload.executions)]
        try:
            yield ids
        finally:
            await self._runtime.unload_graph(graph.id)

    async def push(self, execution_id: str, workload: Workload, messages: int) -> float:
        """Seconds a message takes through a fresh execution, until the last one has passed all nodes.

        Raises:
            RuntimeError: not every message passed every node; a figure from such a run would be a lie.
        """
        began = time.perf_counter()
        at_once = max(1, min(INJECTED, messages, INJECTED_BYTES // len(workload.value)))
        burst = [_injection(workload, index) for index in range(at_once)]
        for sent in range(0, messages, at_once):
            await self._runtime.execution(execution_id).inject(burst[: messages - sent])
        quiet = await self._runtime.execution(execution_id).wait_quiescent()
        seconds = time.perf_counter() - began
        processed = quiet.metrics.messages_processed
        if quiet.state is not ExecutionState.RUNNING or processed != messages * workload.invocations:
            raise RuntimeError(f"The run lost messages: {quiet.state}, {quiet.metrics}")
        return seconds / messages


class Arrivals(FlowObserver):
    """Notes when all outputs of a message have left the graph, and the last value.

    Args:
        outputs: of each message.
        messages: after how many ``all`` is set.
    """

    hears_hops: ClassVar[bool] = False

    def __init__(self, outputs: int, messages: int = 0) -> None:
        self.times: list[float] = []
        self.last = b""
        self.all = trio.Event()
        self._outputs = outputs
        self._messages = messages
        self._seen = 0
        self._next = trio.Event()

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        """One of the outputs has arrived."""
        del node_id, port
        self._seen += 1
        self.last = value
        if self._seen % self._outputs == 0:
            self.times.append(time.perf_counter())
            self._next.set()
            if len(self.times) == self._messages:
                self.all.set()

    async def wait(self) -> None:
        """Return when the outputs of the next message have arrived; at once where they have, as the peers do."""
        if not self._next.is_set():
            await self._next.wait()
        self._next = trio.Event()


def _injection(workload: Workload, index: int) -> Injection:
    node = workload.entries[index % len(workload.entries)]
    return Injection(node_id=node, port="in", value=msgspec.Raw(workload.value))
