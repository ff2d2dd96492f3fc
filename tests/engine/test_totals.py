"""What a whole runtime has done: sums that no end of an execution, and no forgetting, can change."""

import pytest
import trio

from engine.errors import InboxFullError
from engine.runtime import open_runtime
from engine.totals import Totals
from proto.execution import ExecuteOptions, ExecutionState
from tests.engine.executions import document, node
from tests.engine.test_runtime import PASS, QUICK_REFERENCE, custom, execute, message, runtime_with

THROWS = (
    "return { process: (ctx, port, value) => { if (value < 0) throw new Error('no'); ctx.emit('out', value) } }"
)


def test_a_copy_of_sums_stands_apart() -> None:
    """What is counted in one of them is not counted in the other, in any of its fields."""
    one = Totals()
    one.processed = 3
    other = one.copy()
    assert other.processed == 3
    for name, value in vars(other).items():
        assert isinstance(value, int | float) or value is not getattr(one, name), name
    other.ended[ExecutionState.FAILED] += 1
    other.processed_by["ann"] += 1
    other.latencies.add(0.5, 1)
    assert (one.ended.total(), one.processed_by.total(), one.latencies.count) == (0, 0, 0)


async def test_the_sums_are_those_of_all_executions() -> None:
    """Messages, emissions and latencies of what runs and of what has ended are added up."""
    async with runtime_with(QUICK_REFERENCE) as (runtime, graph_id):
        ended = await execute(runtime, graph_id, message("input:in", 1), message("input:in", 2))
        running = (await runtime.execute(graph_id, ExecuteOptions(completion="manual"))).id
        await runtime.execution(running).inject([message("input:in", 3)])
        await runtime.execution(running).wait_quiescent()
        figures = await runtime.figures()
        totals = figures.totals
        assert totals.processed == totals.invocations == totals.latencies.count == 9
        assert (
            totals.emitted
            == ended.metrics.messages_emitted + runtime.execution(running).snapshot().metrics.messages_emitted
        )
        assert (dict(totals.ended), dict(figures.load.states)) == ({"completed": 1}, {"running": 1})
        assert figures.graphs == 1
        assert figures.sandbox.alive == 1


async def test_what_is_forgotten_stays_in_the_sums() -> None:
    """Neither a deleted execution nor a graph that is unloaded takes anything back."""
    async with runtime_with(QUICK_REFERENCE, finished_executions=1) as (runtime, graph_id):
        for _ in range(3):
            last = await execute(runtime, graph_id, message("input:in", 1))
        await runtime.execution(last.id).forget()
        await runtime.unload_graph(graph_id)
        figures = await runtime.figures()
        assert (figures.totals.processed, figures.totals.ended[ExecutionState.COMPLETED]) == (9, 3)
        assert runtime.totals().total_messages_processed == 9
        assert (figures.graphs, figures.load.states.total()) == (0, 0)


async def test_errors_and_restarts_are_summed() -> None:
    """An invocation that throws is one error and one message; the end of its execution is counted as failed."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(custom(THROWS))
        graph = await runtime.library.load_graph(document({"a": node("custom.test")}))
        await execute(runtime, graph.id, message("a:in", 1), message("a:in", -1))
        totals = (await runtime.figures()).totals
        assert (totals.errors, totals.ended[ExecutionState.FAILED]) == (1, 1)


async def test_the_load_shows_what_waits() -> None:
    """What a paused execution holds, and what lies in its queues, is counted while it is there."""
    async with runtime_with(document({"a": PASS}), max_held_messages=10) as (runtime, graph_id):
        execution = (await runtime.execute(graph_id, ExecuteOptions(completion="manual"))).id
        await runtime.execution(execution).pause()
        await runtime.execution(execution).inject([message("a:in", number) for number in range(7)])
        load = (await runtime.figures()).load
        assert (load.held, load.in_flight, dict(load.states)) == (7, 7, {"paused": 1})
        await runtime.execution(execution).stop()
        figures = await runtime.figures()
        assert (figures.load.held, figures.load.in_flight, figures.totals.unprocessed) == (0, 0, 7)


async def test_full_inboxes_show_in_the_load() -> None:
    """Queued messages, their bytes, how full the fullest inbox is, and the refusals at it."""
    spin = {"expression": "(() => { while (true) {} })()"}
    graph = document({"a": node("symbia.core.map", config=spin, inbox={"capacity": 4})})
    async with runtime_with(graph, injection_wait_seconds=0.01) as (runtime, graph_id):
        execution = (await runtime.execute(graph_id, ExecuteOptions(completion="manual"))).id
        with pytest.raises(InboxFullError):
            await runtime.execution(execution).inject([message("a:in", 1)] * 100)
        figures = await runtime.figures()
        load = figures.load
        assert (load.queued_messages, load.longest_queue, load.fullest_share) == (4, 4, 1.0)
        assert load.queued_bytes == 4
        counted = runtime.execution(execution).snapshot().metrics.backpressure_events
        assert figures.totals.backpressure_events == counted > 0


async def test_sums_never_shrink_while_executions_end() -> None:
    """An execution that ends while the figures are taken is in them exactly once."""
    async with runtime_with(document({"a": PASS})) as (runtime, graph_id):
        seen: list[int] = []

        async def look() -> None:
            while True:
                seen.append((await runtime.figures()).totals.processed)
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            for _ in range(30):
                await execute(runtime, graph_id, message("a:in", 1))
            nursery.cancel_scope.cancel()
        assert seen == sorted(seen)
        assert len(set(seen)) > 5
        assert (await runtime.figures()).totals.processed == 30
