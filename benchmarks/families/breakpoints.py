"""Breakpoints: what they cost messages that they do not stop, on other edges and on their own."""

from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any

from benchmarks.bench import Bench, Measured
from benchmarks.results import Result
from benchmarks.workloads import Workload
from proto.breakpoint import BreakpointRequest
from proto.execution import ExecuteOptions

NODES = 10
ROW = f"a message through {NODES} JavaScript nodes"
NONE = "without breakpoints"
ELSEWHERE = "with ten on other edges"
CONDITION = "with a condition on one of its edges"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    elsewhere = [BreakpointRequest(edge=f"y{index}") for index in range(10)]
    condition = [BreakpointRequest(edge="x4", when="value < 0")]
    subjects = {NONE: (), ELSEWHERE: elsewhere, CONDITION: condition}
    measured = {subject: _running(bench, wanted) for subject, wanted in subjects.items()}
    for row in await bench.rounds("breakpoints", ROW, measured, "µs"):
        yield row


def _document() -> dict[str, Any]:
    """Two rows of nodes that have nothing to do with each other."""
    rows = {"x": [f"x{index}" for index in range(NODES)], "y": [f"y{index}" for index in range(11)]}
    return {
        "symbia": "1.0",
        "name": "two rows",
        "nodes": [
            {"id": node, "component": "symbia.core.map", "config": {"expression": "value * 2"}}
            for nodes in rows.values()
            for node in nodes
        ],
        "edges": [
            {"id": source, "source": {"node": source, "port": "out"}, "target": {"node": target, "port": "in"}}
            for nodes in rows.values()
            for source, target in pairwise(nodes)
        ],
    }


def _running(bench: Bench, wanted: Sequence[BreakpointRequest]) -> Measured:
    async def measure() -> float:
        runtime, count = bench.runtime, 20 * bench.scale.samples
        workload = Workload(ROW, "double", (), (), ("x0",), 1, NODES)
        graph = await runtime.library.load_graph(_document())
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=0))
        try:
            for each in wanted:
                await runtime.execution(execution.id).set_breakpoint(each)
            return 1e6 * await bench.javascript.push(execution.id, workload, count)
        finally:
            await runtime.unload_graph(graph.id)

    return measure
