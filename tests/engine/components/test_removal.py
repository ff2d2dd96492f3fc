"""What is removed from a runtime: components, and executions that nobody wants to look at any more."""

import pytest
import trio
import trio.testing

from engine.errors import (
    ComponentBuiltInError,
    ComponentInUseError,
    ComponentNotFoundError,
    ExecutionNotFoundError,
)
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from tests.engine.executions import document
from tests.engine.test_runtime import PASS, SPIN, custom, execute, message, runtime_with

ECHO = custom("return { process: (ctx, port, value) => ctx.emit('out', value) }")


async def test_a_component_goes_when_nothing_uses_it() -> None:
    """In use it stays, and the refusal names the graph; afterwards its id may be taken again."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(ECHO)
        graph = await runtime.library.load_graph(document({"a": "custom.test"}))
        with pytest.raises(ComponentInUseError, match=graph.id):
            await runtime.library.unregister_component("custom.test")
        await runtime.unload_graph(graph.id)
        await runtime.library.unregister_component("custom.test")
        with pytest.raises(ComponentNotFoundError):
            runtime.library.component("custom.test")
        await runtime.library.register_component(ECHO)


async def test_a_built_in_component_never_goes() -> None:
    """Built-in components are refused as such, used or not."""
    async with open_runtime() as runtime:
        with pytest.raises(ComponentBuiltInError):
            await runtime.library.unregister_component(PASS)
        assert runtime.library.component(PASS).id == PASS


async def test_a_component_of_another_owner_does_not_exist() -> None:
    """Neither is it found, nor does another's use of the same id hold one's own back."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(ECHO, owner="one")
        with pytest.raises(ComponentNotFoundError):
            await runtime.library.unregister_component("custom.test", owner="two")
        await runtime.library.register_component(ECHO, owner="two")
        await runtime.library.load_graph(document({"a": "custom.test"}), owner="two")
        await runtime.library.unregister_component("custom.test", owner="one")


async def test_a_running_execution_is_stopped_and_forgotten() -> None:
    """Even one that spins ends; afterwards its id means nothing, and its place is free."""
    async with runtime_with(SPIN, max_concurrent_executions=1) as (runtime, graph_id):
        started = await runtime.execute(graph_id, ExecuteOptions(inputs=(message("a:in", 1),)))
        await runtime.execution(started.id).forget()
        assert runtime.executions() == []
        with pytest.raises(ExecutionNotFoundError):
            await runtime.execution(started.id).forget()
        await runtime.execute(graph_id)


async def test_what_was_processed_stays_counted() -> None:
    """The total counts running, ended and forgotten executions alike, and those beyond the history."""
    async with runtime_with(document({"a": PASS}), finished_executions=1) as (runtime, graph_id):
        for _ in range(3):
            ended = await execute(runtime, graph_id, message("a:in", 1), message("a:in", 2))
            await runtime.execution(ended.id).wait_finished()
        await runtime.execution(ended.id).forget()
        running = await runtime.execute(graph_id)
        await runtime.execution(running.id).inject([message("a:in", 3)])
        await runtime.execution(running.id).wait_quiescent()
        totals = runtime.totals()
    assert (totals.loaded_graphs, totals.active_executions, totals.total_messages_processed) == (1, 1, 7)


async def test_quiescence_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    """The wait ends when a delayed message has come out, and not before."""
    del autojump_clock
    graph = document({"a": {"component": "symbia.core.delay", "config": {"ms": 5000}}})
    async with runtime_with(graph) as (runtime, graph_id):
        started = await runtime.execute(graph_id)
        await runtime.execution(started.id).inject([message("a:in", 1)])
        began = trio.current_time()
        snapshot = await runtime.execution(started.id).wait_quiescent()
        assert trio.current_time() - began == pytest.approx(5)
        assert snapshot.metrics.messages_emitted == 1


async def test_the_end_of_an_execution_ends_the_wait() -> None:
    """Who waits for a spinning component is woken by its stop, and by nothing if it has ended before."""
    async with runtime_with(SPIN) as (runtime, graph_id):
        started = await runtime.execute(graph_id, ExecuteOptions(inputs=(message("a:in", 1),)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(runtime.execution(started.id).wait_quiescent)
            await trio.lowlevel.checkpoint()
            await runtime.execution(started.id).stop()
        assert (await runtime.execution(started.id).wait_quiescent()).state == "cancelled"
        with pytest.raises(ExecutionNotFoundError):
            await runtime.execution("none").wait_quiescent()


async def test_limits_of_the_history_hold() -> None:
    """No more executions are kept than the limit says, and the oldest goes first."""
    async with open_runtime(limits=EngineLimits(finished_executions=2)) as runtime:
        graph = await runtime.library.load_graph(document({"a": PASS}))
        ids = []
        for _ in range(3):
            started = await execute(runtime, graph.id, message("a:in", 1))
            ids.append(started.id)
            await runtime.execution(started.id).wait_finished()
        assert [snapshot.id for snapshot in runtime.executions()] == ids[1:]
