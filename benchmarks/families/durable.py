"""Durable executions: what an injection costs that is on disk before its answer, and a restart with many."""

import json
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from benchmarks.bench import Bench, Measured
from benchmarks.families.http import (
    BATCH,
    BATCH_BODY,
    BATCHES,
    BODY,
    PASSTHROUGH,
    SINGLE,
    percentiles,
    wait_processed,
)
from benchmarks.plain_http import Connection
from benchmarks.results import Result
from benchmarks.serving import Served, serve

INJECT = "inject one message, kept on disk"
MANY = "1 pass-through node, kept on disk"
DURABLE, NOT_DURABLE = "durable", "not durable"
RESTART = "a restart"
GRAPHS, EXECUTIONS = 1_000, 100
READY = f"with {GRAPHS:,} graphs and {EXECUTIONS} durable executions"


async def measure(bench: Bench) -> AsyncIterator[Result]:
    """All rows of the family."""
    with TemporaryDirectory() as folder, serve(DATA_DIR=folder) as served:
        paths = {name: _execution(served, is_durable=name == DURABLE) for name in (DURABLE, NOT_DURABLE)}
        requests = {
            name: partial(Connection(served.port).post, f"{path}/inject", BODY) for name, path in paths.items()
        }
        for row in await percentiles(bench, INJECT, requests, family="durable"):
            yield row
        rates: dict[str, Measured] = {
            f"{BATCHES}, {name}": _Batches(bench, served, path).rate for name, path in paths.items()
        }
        for row in await bench.rounds("durable", MANY, rates, "messages/s", "higher"):
            yield row
    with TemporaryDirectory() as folder:
        counts = (10, 2) if bench.scale.is_smoke else (GRAPHS, EXECUTIONS)
        _fill(Path(folder), *counts)
        ready: dict[str, Measured] = {READY: partial(_restart, Path(folder), counts[1])}
        for row in await bench.rounds("durable", RESTART, ready, "ms"):
            yield row


def _execution(served: Served, *, is_durable: bool, name: str = "") -> str:
    """The path of an execution of a graph of its own."""
    connection = Connection(served.port)
    graph = connection.json("POST", "/api/graphs", SINGLE.document(PASSTHROUGH) | ({"name": name} if name else {}))
    options = {"completion": "manual", "durable": is_durable}
    started = connection.json("POST", f"/api/graphs/{graph['id']}/execute", options)
    return f"/api/executions/{started['executionId']}"


class _Batches:
    """Batches of messages for one execution."""

    def __init__(self, bench: Bench, served: Served, path: str) -> None:
        self._count = 5 if bench.scale.is_smoke else 80
        self._path = path
        self._connection = Connection(served.port)

    async def rate(self) -> float:
        """Messages a second until all are processed."""
        await trio.lowlevel.checkpoint()
        before = self._connection.json("GET", f"{self._path}/metrics")["messagesProcessed"]
        began = time.perf_counter()
        for _ in range(self._count):
            self._connection.post(f"{self._path}/inject", BATCH_BODY)
        wait_processed(self._connection, self._path, before + self._count * BATCH)
        return self._count * BATCH / (time.perf_counter() - began)


def _fill(folder: Path, graphs: int, executions: int) -> None:
    """Leave graphs and durable executions in a folder, each of which has accepted a message."""
    with serve(DATA_DIR=str(folder)) as served:
        connection = Connection(served.port)
        for number in range(graphs):
            if number < executions:
                path = _execution(served, is_durable=True, name=f"graph {number}")
                connection.post(f"{path}/inject", BODY)
            else:
                document = SINGLE.document(PASSTHROUGH) | {"name": f"graph {number}"}
                connection.post("/api/graphs", json.dumps(document).encode())


async def _restart(folder: Path, executions: int) -> float:
    """Milliseconds from the start of a process until its executions run."""
    await trio.lowlevel.checkpoint()
    began = time.perf_counter()
    with serve(DATA_DIR=str(folder)) as served:
        connection = Connection(served.port)
        while connection.json("GET", "/api/executions?state=running&limit=1")["total"] < executions:
            time.sleep(0.01)  # noqa: ASYNC251 - nothing else runs here, and it is measured
        return (time.perf_counter() - began) * 1e3
