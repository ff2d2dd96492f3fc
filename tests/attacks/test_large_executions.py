"""Executions of a thousand nodes begin, stop, fail and go in groups, and nobody is kept waiting by it.

The test suite's stopwatch fails a test in which a step takes more than 50 ms. A pass of the event loop is made of
the steps of all tasks that can run, and only after it is the network looked at: how many there are is counted.
"""

import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
import trio.abc
import trio.testing

from engine.execution.node_tasks import GROUP
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionState
from proto.message import Injection
from tests.attacks.test_documents import asked_for_health, edge, graph_of
from tests.service.serving import open_service

NODES = 1_000
LARGE = graph_of([{"id": str(number), "component": "symbia.core.passthrough"} for number in range(NODES)])
NO_MEMORY_BOUND = EngineLimits(memory_bytes=0, owner_memory_bytes=0)
CHAIN = {**LARGE, "edges": [edge(f"{number}:out", f"{number + 1}:in") for number in range(NODES - 1)]}
UNTIL_STOPPED = ExecuteOptions(completion="manual", timeout_ms=0)


class Passes(trio.abc.Instrument):
    """The most steps of tasks between two looks at the network."""

    def __init__(self) -> None:
        self.most_steps = 0
        self._steps = 0

    def before_io_wait(self, timeout: float) -> None:
        del timeout
        self.most_steps = max(self.most_steps, self._steps)
        self._steps = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        del task
        self._steps += 1


class PassTimes(trio.abc.Instrument):
    """The computing time of each pass, in milliseconds."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []
        self._began = time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        del timeout
        self.milliseconds.append((time.thread_time() - self._began) * 1000)

    def after_io_wait(self, timeout: float) -> None:
        del timeout
        self._began = time.thread_time()


@asynccontextmanager
async def counted() -> AsyncIterator[Passes]:
    passes = Passes()
    trio.lowlevel.add_instrument(passes)
    try:
        yield passes
    finally:
        trio.lowlevel.remove_instrument(passes)


async def start(runtime: Runtime, graph: Any, count: int) -> tuple[str, list[str]]:
    """Executions of a graph, begun at the same time; the graph's id and theirs."""
    loaded = await runtime.library.load_graph(graph)
    started: list[str] = []

    async def one() -> None:
        started.append((await runtime.execute(loaded.id, UNTIL_STOPPED)).id)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(one)
    return loaded.id, started


async def test_no_pass_of_the_loop_begins_or_ends_more_than_a_group() -> None:
    """Ten executions of a thousand nodes, begun together, and ended together because their graph is deleted."""
    async with open_runtime(limits=NO_MEMORY_BOUND) as runtime:
        async with counted() as passes:
            graph_id, started = await start(runtime, LARGE, 10)
            await runtime.unload_graph(graph_id)
        assert {runtime.execution(each).snapshot().state for each in started} == {ExecutionState.CANCELLED}
        assert passes.most_steps < 5 * GROUP


async def test_a_shutting_down_runtime_ends_its_executions_in_groups() -> None:
    """Whatever ends them, it is not all at once."""
    async with counted() as passes, open_runtime(limits=NO_MEMORY_BOUND) as runtime:
        await start(runtime, LARGE, 5)
    assert passes.most_steps < 5 * GROUP


async def test_a_timeout_ends_an_execution_in_groups(autojump_clock: trio.testing.MockClock) -> None:
    """And is reported as ever."""
    del autojump_clock
    async with open_runtime(limits=NO_MEMORY_BOUND) as runtime:
        graph = await runtime.library.load_graph(LARGE)
        async with counted() as passes:
            execution = await runtime.execute(graph.id, ExecuteOptions(completion="manual", timeout_ms=1_000))
            ended = await runtime.execution(execution.id).wait_finished()
        assert ended.state is ExecutionState.FAILED
        assert ended.error is not None
        assert "timeout" in ended.error.message
        assert passes.most_steps < 5 * GROUP


async def test_a_node_has_no_more_tasks_than_it_needs() -> None:
    """A node that may do a hundred things at once has one task while it does none."""
    nodes = [
        {"id": str(number), "component": "symbia.core.passthrough", "concurrency": 51} for number in range(20)
    ]
    async with open_runtime() as runtime:
        before = trio.lowlevel.current_statistics().tasks_living
        await start(runtime, graph_of(nodes), 1)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living - before < 20 * 2 + 10


async def test_a_paused_execution_is_stopped_as_soon() -> None:
    """A closed gate keeps no task from its end."""
    async with open_runtime(limits=NO_MEMORY_BOUND) as runtime:
        _, (execution_id,) = await start(runtime, LARGE, 1)
        await runtime.execution(execution_id).pause()
        assert (await runtime.execution(execution_id).stop()).state is ExecutionState.CANCELLED


async def test_others_are_served_while_large_executions_come_and_go() -> None:
    """Over HTTP: the largest graph with all the concurrency that it may have, started and deleted."""
    nodes = [{**each, "concurrency": 2} for each in LARGE["nodes"]]
    async with open_service() as service:
        graph_id = await service.load(graph_of(nodes))
        async with asked_for_health(service):
            for _ in range(3):
                reply = await service.client.post(f"/api/graphs/{graph_id}/execute", json={"completion": "manual"})
                assert reply.status_code == 201, reply.text
            assert (await service.client.delete(f"/api/graphs/{graph_id}")).status_code == 204
        stats = (await service.client.get("/api/stats")).json()
        assert (stats["loadedGraphs"], stats["activeExecutions"]) == (0, 0)


async def test_a_thousand_busy_nodes_leave_time_for_the_network() -> None:
    """Each has full batches before it, all the while; the passes of the loop stay short all the same."""
    times = PassTimes()
    async with open_runtime(limits=NO_MEMORY_BOUND) as runtime:
        _, (execution_id,) = await start(runtime, CHAIN, 1)
        value = msgspec.Raw(b"1")
        messages = [Injection(str(node), "in", value) for node in range(NODES) for _ in range(40)]
        trio.lowlevel.add_instrument(times)
        await runtime.execution(execution_id).inject(messages)
        await trio.sleep(1)
        trio.lowlevel.remove_instrument(times)
        await runtime.execution(execution_id).stop()
    busy = sorted(each for each in times.milliseconds if each > 1)
    assert len(busy) > 20, "they were busy for many passes"
    assert statistics.quantiles(busy, n=10)[-1] < 16
