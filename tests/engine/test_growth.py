"""Nothing that the engine does with graphs and executions grows faster than what it is done with.

Four times as much is measured in computing time, without the garbage collector, whose pauses follow from all that
is there. Linear work takes four times as long; the bound leaves room for a noisy machine, and none for squares.
"""

import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions

UNBOUNDED = EngineLimits(
    memory_bytes=0, owner_memory_bytes=0, owner_graphs=0, owner_executions=0, max_concurrent_executions=10_000
)
MANUAL = ExecuteOptions(completion="manual", timeout_ms=0)
LARGEST_RATIO = 8

Work = Callable[[], Awaitable[object]]


def graph(nodes: int, edges_each: int = 10, **fields: Any) -> dict[str, Any]:
    pairs = [(at, at + step) for at in range(nodes) for step in range(1, edges_each + 1) if at + step < nodes]
    return {
        "symbia": "1.0",
        "name": "g",
        "nodes": [{"id": str(at), "component": "symbia.core.passthrough", **fields} for at in range(nodes)],
        "edges": [
            {"source": {"node": str(source), "port": "out"}, "target": {"node": str(target), "port": "in"}}
            for source, target in pairs
        ],
    }


async def load_nodes(runtime: Runtime, size: int) -> Work:
    document = graph(size)
    return lambda: runtime.library.load_graph(document)


async def refuse_keys(runtime: Runtime, size: int) -> Work:
    document = graph(1, component="symbia.core.delay", config={f"key{number}": 1 for number in range(20 * size)})
    return lambda: runtime.library.check_graph(document)


async def begin_nodes(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(size))
    return lambda: runtime.execute(loaded.id, MANUAL)


async def stop_nodes(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(size))
    execution = await runtime.execute(loaded.id, MANUAL)
    return lambda: runtime.execution(execution.id).stop()


async def complete_nodes(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(size))
    execution = await runtime.execute(loaded.id, MANUAL)

    async def complete() -> None:
        await runtime.execution(execution.id).complete()
        await runtime.execution(execution.id).wait_finished()

    return complete


async def load_graphs(runtime: Runtime, size: int) -> Work:
    document = graph(3)

    async def load() -> None:
        for _ in range(size):
            await runtime.library.load_graph(document)

    return load


async def begin_executions(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(3))

    async def begin() -> None:
        for _ in range(size):
            await runtime.execute(loaded.id, MANUAL)

    return begin


async def delete_graph(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(3))
    for _ in range(size):
        await runtime.execute(loaded.id, MANUAL)
    return lambda: runtime.unload_graph(loaded.id)


async def list_executions(runtime: Runtime, size: int) -> Work:
    loaded = await runtime.library.load_graph(graph(3))
    for _ in range(size):
        await runtime.execute(loaded.id, MANUAL)
    return runtime.list_executions


@asynccontextmanager
async def without_garbage_collection() -> AsyncIterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "prepare",
    [
        load_nodes,
        refuse_keys,
        begin_nodes,
        stop_nodes,
        complete_nodes,
        load_graphs,
        begin_executions,
        delete_graph,
        list_executions,
    ],
)
async def test_four_times_as_much_takes_four_times_as_long(
    prepare: Callable[[Runtime, int], Awaitable[Work]],
) -> None:
    """Nodes, edges, keys, graphs and executions."""
    seconds = []
    for size in (150, 600):
        async with open_runtime(limits=UNBOUNDED) as runtime:
            work = await prepare(runtime, size)
            async with without_garbage_collection():
                began = time.thread_time()
                await work()
                seconds.append(time.thread_time() - began)
    assert seconds[1] < LARGEST_RATIO * seconds[0] + 0.005
