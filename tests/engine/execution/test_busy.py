"""A node that is computing reads as busy while it does, and not only when its batch has ended."""

from itertools import pairwise

import msgspec
import pytest
import trio
import trio.testing

from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import document, inject, node, open_execution
from tests.engine.handlers import Journal


@pytest.mark.usefixtures("autojump_clock")
async def test_a_call_counts_while_it_lasts() -> None:
    """Four seconds into a call of ten the node was busy all the time, and afterwards no second counts twice."""
    graph = document({"a": node("slow", config={"seconds": 10}), "b": "forward"}, ["a:out > b:in"])
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.sleep(4)
        busy, idle = execution.statistics().nodes
        assert (busy.invocations, busy.busy_seconds, busy.busy_share) == (0, 4.0, 1.0)
        assert (idle.busy_seconds, idle.busy_share) == (0.0, 0.0)
        await trio.sleep(16)
        after = execution.statistics().nodes[0]
        assert (after.invocations, after.busy_seconds, after.busy_share) == (1, 10.0, 0.5)


@pytest.mark.usefixtures("autojump_clock")
async def test_calls_at_once_add_up() -> None:
    """Of a node that does three things at once each counts; it is processing until the last has ended."""
    graph = document({"a": node("slow", config={"seconds": 10}, concurrency=3)}, [])
    async with open_execution(graph, Journal()) as execution:
        for number in range(3):
            await inject(execution, "a:in", number)
            await trio.sleep(1)
        assert execution.statistics().nodes[0].busy_seconds == 3 + 2 + 1
        await trio.sleep(7.5)  # the first has ended half a second ago
        node_now = execution.statistics().nodes[0]
        assert (node_now.invocations, node_now.busy_seconds) == (1, 10 + 9.5 + 8.5)
        assert execution.snapshot().instances[0].state == "processing"
        await trio.sleep(5)
        assert execution.statistics().nodes[0].busy_seconds == 30
        assert execution.snapshot().instances[0].state == "ready"


@pytest.mark.usefixtures("autojump_clock")
async def test_a_bottleneck_that_computes_says_so() -> None:
    """The reason names the share of the time that the node has been at work until now."""
    graph = document(
        {"a": "forward", "b": node("slow", config={"seconds": 100}, inbox={"capacity": 2})}, ["a:out > b:in"]
    )
    async with open_execution(graph, Journal()) as execution:
        await inject(execution, "a:in", 1)
        await trio.testing.wait_all_tasks_blocked()
        await inject(execution, "a:in", 2, 3, 4, 5)
        await trio.sleep(50)
        bottleneck = execution.statistics().bottleneck
        assert bottleneck is not None
        assert bottleneck.node_id == "b"
        assert "it was busy 100% of the time" in bottleneck.reason


SPIN = "(() => { for (let i = 0; ; i++); })()"


@pytest.mark.parametrize("length", [1, 3])
async def test_a_guest_that_computes_is_busy(length: int) -> None:
    """Alone, and in a row of nodes that run as one, which share the time of their call."""
    names = [f"n{index}" for index in range(length)]
    graph = {
        "symbia": "1.0",
        "name": "spinning",
        "version": "1.0.0",
        "nodes": [{"id": name, "component": "symbia.core.map", "config": {"expression": SPIN}} for name in names],
        "edges": [
            {"source": {"node": one, "port": "out"}, "target": {"node": other, "port": "in"}}
            for one, other in pairwise(names)
        ],
    }
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph)
        execution = await runtime.execute(loaded.id, ExecuteOptions(completion="manual"))
        handle = runtime.execution(execution.id)
        await handle.inject([Injection(node_id="n0", port="in", value=msgspec.Raw(b"1"))])
        last = handle.statistics().nodes[-1]
        while not last.busy_seconds and not last.invocations:
            await trio.lowlevel.checkpoint()
            last = handle.statistics().nodes[-1]
        assert (last.invocations, last.error_count) == (0, 0)
        assert handle.statistics().nodes[0].busy_seconds >= last.busy_seconds > 0
        await handle.stop()
