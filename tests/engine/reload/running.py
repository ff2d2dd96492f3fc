"""Graphs of versioned JavaScript components, run by a real runtime, for the tests of reloads."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import trio

from engine.contracts.observer import ExecutionObserver, FlowObserver
from engine.handle import ExecutionHandle
from engine.runtime import Runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from proto.reload import ReloadReport, ReloadRequest
from tests.engine.executions import document

MANUAL = ExecuteOptions(completion="manual")

SUM = """return {
    process(ctx, port, value) {
        const total = (ctx.getState('total') || 0) + value;
        ctx.setState('total', total);
        ctx.emit('out', {by: 'VERSION', total});
    }MORE
};"""
"""Adds up what it gets; says its version."""

STAMP = "return { process(ctx, port, value) { ctx.emit('out', [...value, 'VERSION']); } };"
"""Adds its version to a list."""


def component(component_id: str, version: str, source: str, more: str = "") -> dict[str, Any]:
    """A component's document; ``VERSION`` in its source is its version."""
    return {
        "id": component_id,
        "name": component_id,
        "version": version,
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {
            "type": "javascript",
            "source": source.replace("VERSION", version).replace("MORE", more),
        },
    }


def row(*components: str, **more: Any) -> dict[str, Any]:
    """A graph of nodes ``n0``, ``n1`` and so on in a row."""
    names = [f"n{index}" for index in range(len(components))]
    edges = [f"{a}:out > {b}:in" for a, b in pairwise(names)]
    return document(dict(zip(names, components, strict=True)), edges, **more)


class Told(ExecutionObserver):
    """Keeps the reports of reloads."""

    def __init__(self) -> None:
        self.reports: list[ReloadReport] = []
        self._news = trio.Event()

    def reloaded(self, execution_id: str, report: ReloadReport) -> None:
        del execution_id
        self.reports.append(report)
        self._news.set()
        self._news = trio.Event()

    async def wait_for(self, state: str) -> ReloadReport:
        """Wait until the last report says so."""
        while self.reports[-1].state != state:
            await self._news.wait()
        return self.reports[-1]

    @property
    def states(self) -> list[str]:
        return [report.state for report in self.reports]


class Outputs(FlowObserver):
    """Keeps what leaves the graph."""

    hears_hops = False

    def __init__(self) -> None:
        self.values: list[Any] = []

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del node_id, port
        self.values.append(msgspec.json.decode(value))


async def start(runtime: Runtime, graph: dict[str, Any]) -> ExecutionHandle:
    """Load a graph and let it run."""
    loaded = await runtime.library.load_graph(graph)
    return runtime.execution((await runtime.execute(loaded.id, MANUAL)).id)


async def send(execution: ExecutionHandle, node: str, values: Sequence[Any]) -> None:
    """Inject values."""
    await execution.inject([Injection(node, "in", msgspec.Raw(msgspec.json.encode(each))) for each in values])


async def outputs_of(execution: ExecutionHandle, node: str, values: Sequence[Any]) -> list[Any]:
    """What leaves a graph when values are injected, until all is quiet."""
    heard = Outputs()
    with execution.watch(heard):
        await send(execution, node, values)
        await execution.wait_quiescent()
    return heard.values


async def reload(execution: ExecutionHandle, **request: Any) -> ReloadReport:
    """Ask for a reload, in the words of the wire."""
    return await execution.reload(msgspec.convert(request, ReloadRequest))
