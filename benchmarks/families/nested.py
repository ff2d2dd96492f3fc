"""Graphs in graphs: what loading and running a thousand nodes costs flat, and in fifty graphs inside one."""

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

from benchmarks.bench import Bench, Measured
from benchmarks.results import Result
from benchmarks.workloads import Workload
from proto.execution import ExecuteOptions

PARTS = 50
NODES_OF_EACH = 20
NODES = PARTS * NODES_OF_EACH
COMPONENT = "symbia.core.passthrough"

LOADING = f"load {NODES:,} nodes"
RUNNING = f"a message through {NODES:,} nodes, for each"
FLAT = "flat"
WRITTEN_OUT = f"in {PARTS} graphs, written out"
BY_NAME = f"in {PARTS} graphs, by name"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    documents = {FLAT: _flat(), WRITTEN_OUT: _nested({"graph": _part()}), BY_NAME: _nested(_USE)}
    part = await bench.runtime.library.load_graph(_part())
    try:
        loading = {subject: _loading(bench, document) for subject, document in documents.items()}
        for row in await bench.rounds("nested", LOADING, loading, "ms"):
            yield row
        running = {subject: _running(bench, documents[subject]) for subject in (FLAT, BY_NAME)}
        for row in await bench.rounds("nested", RUNNING, running, "µs"):
            yield row
    finally:
        await bench.runtime.unload_graph(part.id)


_USE: dict[str, Any] = {"component": "graph:part of a thousand@^1"}


def _document(nodes: list[dict[str, Any]], pairs: list[tuple[str, str]]) -> dict[str, Any]:
    edges = [{"source": {"node": a, "port": "out"}, "target": {"node": b, "port": "in"}} for a, b in pairs]
    return {"symbia": "1.0", "name": "a thousand", "nodes": nodes, "edges": edges}


def _names() -> list[str]:
    return [f"n{index}" for index in range(NODES_OF_EACH)]


def _part() -> dict[str, Any]:
    """A row of nodes, with a port at each end."""
    names = _names()
    ports = {
        "inputs": [{"name": "in", "bind": {"node": names[0], "port": "in"}}],
        "outputs": [{"name": "out", "bind": {"node": names[-1], "port": "out"}}],
    }
    nodes = [{"id": name, "component": COMPONENT} for name in names]
    return {**_document(nodes, list(pairwise(names))), "name": "part of a thousand", "ports": ports}


def _nested(use: dict[str, Any]) -> dict[str, Any]:
    """A row of such graphs."""
    names = [f"p{index}" for index in range(PARTS)]
    return _document([{"id": name, **use} for name in names], list(pairwise(names)))


def _flat() -> dict[str, Any]:
    """The same nodes, by the paths that they have in the others."""
    names = [f"p{index}/{name}" for index in range(PARTS) for name in _names()]
    return _document([{"id": name, "component": COMPONENT} for name in names], list(pairwise(names)))


def _loading(bench: Bench, document: dict[str, Any]) -> Measured:
    async def measure() -> float:
        library, times = bench.runtime.library, max(1, bench.scale.samples // 50)
        began = time.perf_counter()
        for _ in range(times):
            await library.forget_graph((await library.load_graph(document)).id)
        return 1e3 * (time.perf_counter() - began) / times

    return measure


def _running(bench: Bench, document: dict[str, Any]) -> Measured:
    async def measure() -> float:
        runtime, count = bench.runtime, max(1, bench.scale.samples // 10)
        workload = Workload(RUNNING, "same", (), (), ("p0/n0",), 1, NODES)
        graph = await runtime.library.load_graph(document)
        execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=0))
        try:
            return 1e6 * await bench.passthrough.push(execution.id, workload, count) / NODES
        finally:
            await runtime.unload_graph(graph.id)

    return measure
