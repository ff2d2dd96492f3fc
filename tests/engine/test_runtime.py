"""The runtime, through its only door, with the real sandbox."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.errors import (
    ComponentExistsError,
    ComponentNotFoundError,
    ExecutionNotFoundError,
    GraphNotFoundError,
    IllegalTransitionError,
    InvalidComponentError,
    InvalidGraphError,
    InvalidInjectionError,
    TooManyExecutionsError,
)
from engine.limits import EngineLimits
from engine.runtime import Runtime, open_runtime
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions, ExecutionSnapshot
from proto.message import Injection
from tests.engine.executions import Listener, Tap, document, node

PASS = "symbia.core.passthrough"
LOGGER = "symbia.core.logger"
QUICK_REFERENCE = document(
    {"input": PASS, "double": node("symbia.core.map", config={"expression": "value * 2"}), "output": LOGGER},
    ["input:out > double:in", "double:out > output:in"],
)
SPIN = document({"a": node("symbia.core.map", config={"expression": "(() => { while (true) {} })()"})})


def message(place: str, value: Any) -> Injection:
    node_id, port = place.split(":")
    return Injection(node_id, port, msgspec.Raw(msgspec.json.encode(value)))


def custom(source: str, component_id: str = "custom.test") -> dict[str, Any]:
    return {
        "id": component_id,
        "name": "Custom",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source},
    }


@asynccontextmanager
async def runtime_with(graph: dict[str, Any], **limits: Any) -> AsyncIterator[tuple[Runtime, str]]:
    async with open_runtime(limits=EngineLimits(**limits)) as runtime:
        yield runtime, (await runtime.library.load_graph(graph)).id


async def execute(runtime: Runtime, graph_id: str, *inputs: Injection) -> ExecutionSnapshot:
    """Execute with inputs, to the end."""
    started = await runtime.execute(graph_id, ExecuteOptions(inputs=inputs))
    return await runtime.execution(started.id).wait_finished()


async def test_the_quick_reference_runs() -> None:
    """21 comes out doubled, three messages are processed, and the logger has 42."""
    async with runtime_with(QUICK_REFERENCE) as (runtime, graph_id):
        snapshot = await execute(runtime, graph_id, message("input:in", 21))
        assert snapshot.state == "completed"
        assert snapshot.metrics.messages_processed == 3
        assert "42" in str(msgspec.to_builtins(runtime.execution(snapshot.id).logs()))


async def test_a_registered_component_runs() -> None:
    """An untrusted component is registered once, found, and turns 12 into 144."""
    square = custom("return { process: async (ctx, port, value) => ctx.emit('out', value * value) }")
    tap = Tap()
    async with open_runtime() as runtime:
        await runtime.library.register_component(square)
        with pytest.raises(ComponentExistsError, match=r"custom\.test"):
            await runtime.library.register_component(square)
        assert runtime.library.component("custom.test").name == "Custom"
        assert runtime.library.components()[-1].id == "custom.test"
        graph = await runtime.library.load_graph(document({"a": "custom.test"}))
        started = await runtime.execute(graph.id)
        with runtime.execution(started.id).watch(tap):
            await runtime.execution(started.id).inject([message("a:in", 12)], final=True)
            await runtime.execution(started.id).wait_finished()
    assert tap.outputs == [("a", "out", b"144")]


async def test_a_wrong_component_is_refused_and_not_stored() -> None:
    """A syntax error in the source is a problem of the registration."""
    async with open_runtime() as runtime:
        with pytest.raises(InvalidComponentError) as caught:
            await runtime.library.register_component(custom("return { process( }"))
        assert [problem.path for problem in caught.value.problems] == ["execution.source"]
        with pytest.raises(ComponentNotFoundError):
            runtime.library.component("custom.test")


async def test_a_wrong_graph_is_refused_and_not_stored() -> None:
    """A syntax error in an expression is a problem of the graph that points at the node's key."""
    graph = document({"ok": PASS, "bad": node("symbia.core.map", config={"expression": "value *"})})
    async with open_runtime() as runtime:
        with pytest.raises(InvalidGraphError) as caught:
            await runtime.library.load_graph(graph)
        assert [problem.path for problem in caught.value.problems] == ["nodes[1].config.expression"]
        assert await runtime.library.check_graph(graph) == caught.value.problems
        assert runtime.library.graphs() == []


async def test_what_throws_in_the_sandbox_goes_the_way_of_all_errors() -> None:
    """A JavaScript error fails an execution whose error port is unconnected, with its name and its node."""
    graph = document({"a": node("symbia.core.map", config={"expression": "value.no.such"})})
    async with runtime_with(graph) as (runtime, graph_id):
        snapshot = await execute(runtime, graph_id, message("a:in", 1))
        assert snapshot.state == "failed"
        assert snapshot.error is not None
        assert snapshot.error.node_id == "a"
        assert "TypeError" in snapshot.error.message


async def test_a_spinning_component_is_stopped_and_hurts_nobody() -> None:
    """A component in an endless loop neither holds up another execution nor its own stop."""
    async with runtime_with(SPIN) as (runtime, graph_id):
        spinning = await runtime.execute(graph_id)
        await runtime.execution(spinning.id).inject([message("a:in", 1)])
        other = await runtime.library.load_graph(QUICK_REFERENCE)
        with trio.fail_after(5):
            assert (await execute(runtime, other.id, message("input:in", 21))).state == "completed"
            assert (await runtime.execution(spinning.id).stop()).state == "cancelled"


async def test_a_spinning_component_can_be_paused() -> None:
    """Pause answers while a component spins, because it stands aside between two slices."""
    async with runtime_with(SPIN) as (runtime, graph_id):
        spinning = await runtime.execute(graph_id)
        await runtime.execution(spinning.id).inject([message("a:in", 1)])
        with trio.fail_after(5):
            assert (await runtime.execution(spinning.id).pause()).state == "paused"
            assert (await runtime.execution(spinning.id).resume()).state == "running"


async def test_inputs_are_checked_before_anything_starts() -> None:
    """An execution whose inputs name no port is not started at all."""
    async with runtime_with(QUICK_REFERENCE) as (runtime, graph_id):
        with pytest.raises(InvalidInjectionError) as caught:
            await runtime.execute(graph_id, ExecuteOptions(inputs=(message("nobody:in", 1),)))
        assert [problem.path for problem in caught.value.problems] == ["inputs[0].nodeId"]
        assert runtime.executions() == []


async def test_an_execution_with_no_inputs_at_all_completes() -> None:
    """An empty list of inputs says that no input is coming."""
    async with runtime_with(document({"a": PASS})) as (runtime, graph_id):
        assert (await execute(runtime, graph_id)).state == "completed"


async def test_more_inputs_than_an_inbox_holds_pass_in_order() -> None:
    """The inputs of ``execute`` are accepted as many as they are, and kept in their order."""
    listener = Listener()
    graph = document({"a": node(PASS, inbox={"capacity": 2}), "b": LOGGER}, ["a:out > b:in"])
    async with runtime_with(graph) as (runtime, graph_id):
        runtime.observe(listener)
        snapshot = await execute(runtime, graph_id, *(message("a:in", value) for value in range(200)))
        assert snapshot.metrics.messages_processed == 400
    shown = [line for _, line in listener.lines]
    assert len(shown) == 200
    assert shown == sorted(shown, key=lambda line: int("".join(filter(str.isdigit, line)) or -1))


async def test_executions_are_limited() -> None:
    """Beyond the limit no execution is started; when one has ended there is room again."""
    async with runtime_with(document({"a": PASS}), max_concurrent_executions=2) as (runtime, graph_id):
        first = await runtime.execute(graph_id)
        await runtime.execute(graph_id)
        with pytest.raises(TooManyExecutionsError, match="Maximum concurrent executions reached: 2"):
            await runtime.execute(graph_id)
        await runtime.execution(first.id).stop()
        await trio.testing.wait_all_tasks_blocked()
        await runtime.execute(graph_id)


async def test_the_history_is_bounded() -> None:
    """Ended executions stay visible up to a bound, and the oldest goes first."""
    async with runtime_with(document({"a": PASS}), finished_executions=3) as (runtime, graph_id):
        ended = [(await execute(runtime, graph_id)).id for _ in range(5)]
        await trio.testing.wait_all_tasks_blocked()
        assert {snapshot.id for snapshot in runtime.executions()} == set(ended[2:])
        with pytest.raises(ExecutionNotFoundError):
            runtime.execution(ended[0]).snapshot()
        assert runtime.execution(ended[4]).snapshot().state == "completed"
        assert (await runtime.execution(ended[4]).wait_finished()).state == "completed"
        assert runtime.execution(ended[4]).statistics().state == "completed"


async def test_an_ended_execution_refuses_commands_by_its_state() -> None:
    """After the end every command names the state; an unknown execution is not found."""
    async with runtime_with(document({"a": PASS})) as (runtime, graph_id):
        ended = await execute(runtime, graph_id)
        await trio.testing.wait_all_tasks_blocked()
        execution = runtime.execution(ended.id)
        for command in (execution.pause, execution.resume, execution.complete, execution.stop):
            with pytest.raises(IllegalTransitionError, match="it is completed"):
                await command()
        with pytest.raises(ExecutionNotFoundError):
            runtime.execution("nobody")
        with pytest.raises(IllegalTransitionError, match="Cannot inject into"):
            await runtime.execution(ended.id).inject([message("a:in", 1)])
        with pytest.raises(ExecutionNotFoundError), runtime.execution(ended.id).watch(Tap()):
            pass


async def test_unloading_a_graph_stops_its_executions() -> None:
    """All executions of the graph are ended and cleaned up; those of another go on."""
    async with runtime_with(document({"a": PASS})) as (runtime, graph_id):
        other = await runtime.library.load_graph(document({"a": PASS}))
        mine = [(await runtime.execute(graph_id)).id for _ in range(3)]
        theirs = await runtime.execute(other.id)
        await runtime.unload_graph(graph_id)
        assert [runtime.execution(one).snapshot().state for one in mine] == ["cancelled"] * 3
        assert runtime.execution(theirs.id).snapshot().state == "running"
        with pytest.raises(GraphNotFoundError):
            runtime.library.graph(graph_id)
        with pytest.raises(GraphNotFoundError):
            await runtime.execute(graph_id)
        assert [graph.id for graph in runtime.library.graphs()] == [other.id]


async def test_unloading_with_drain_finishes_what_was_accepted(autojump_clock: trio.testing.MockClock) -> None:
    """The graph is gone at once, and its executions come to their end with all that was on its way."""
    del autojump_clock
    slow = document({"a": node("symbia.core.delay", config={"ms": 1000})})
    async with runtime_with(slow) as (runtime, graph_id):
        execution = await runtime.execute(graph_id)
        await runtime.execution(execution.id).inject([message("a:in", 1), message("a:in", 2)])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(runtime.unload_graph, graph_id, drain=True))
            await trio.testing.wait_all_tasks_blocked()
            assert runtime.library.graphs() == []
        ended = runtime.execution(execution.id).snapshot()
        assert (ended.state, ended.metrics.messages_emitted) == ("completed", 2)


async def test_a_crash_in_one_execution_does_not_reach_another() -> None:
    """A fault of the engine's own ends the execution in which it happens, and no other."""
    async with runtime_with(document({"a": PASS})) as (runtime, graph_id):
        broken, sound = await runtime.execute(graph_id), await runtime.execute(graph_id)
        nursery = runtime._executions.underway[broken.id]._scopes.nursery
        assert nursery is not None
        nursery.start_soon(crash)
        snapshot = await runtime.execution(broken.id).wait_finished()
        assert snapshot.error is not None
        assert snapshot.error.message.startswith("Internal error")
        await runtime.execution(sound.id).inject([message("a:in", 1)], final=True)
        assert (await runtime.execution(sound.id).wait_finished()).state == "completed"


async def crash() -> None:
    raise RuntimeError("a fault of ours")


async def test_shutting_down_ends_what_is_under_way() -> None:
    """Leaving the runtime cancels executions in every state, and cleans them up."""
    listener = Listener()
    before = trio.lowlevel.current_statistics().tasks_living
    async with runtime_with(SPIN) as (runtime, graph_id):
        runtime.observe(listener)
        idle, paused, busy = [(await runtime.execute(graph_id)).id for _ in range(3)]
        await runtime.execution(paused).pause()
        await runtime.execution(busy).inject([message("a:in", 1)])
        assert {runtime.execution(one).snapshot().state for one in (idle, busy)} == {"running"}
    assert [str(snapshot.state) for snapshot in listener.snapshots[-3:]] == ["cancelled"] * 3
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_long_lived_graphs_live_until_they_are_stopped(autojump_clock: trio.testing.MockClock) -> None:
    """A graph with the role of a pipeline has no timeout, and completes by itself only where it is asked to."""
    del autojump_clock
    graph = document({"a": PASS}, role="pipeline")
    limits = EngineLimits()
    async with open_runtime(limits=limits, clock=WallClock(trio.current_time)) as runtime:
        long_lived, short_lived = (
            await runtime.library.load_graph(graph),
            await runtime.library.load_graph(document({"a": PASS})),
        )
        living = await runtime.execute(long_lived.id)
        asked = await runtime.execute(long_lived.id, ExecuteOptions(completion="auto"))
        unused = await runtime.execute(short_lived.id)
        for one in (living, asked):
            await runtime.execution(one.id).inject([message("a:in", 1)])
        await trio.sleep(limits.default_timeout_ms / 1000 + 1)
        states = [runtime.execution(one.id).snapshot().state for one in (living, asked, unused)]
    assert states == ["running", "completed", "failed"]


async def test_an_execution_whose_caller_went_away_before_it_ran_ends() -> None:
    """An execution whose id has reached nobody does not stay behind, for nobody could ever stop it."""
    source = "return { async initialize() { for (let i = 0; i < 3e7; i++); }, process() {} }"
    async with open_runtime() as runtime:
        await runtime.library.register_component(custom(source))
        graph = await runtime.library.load_graph(document({"a": "custom.test"}))
        with trio.move_on_after(0.02) as scope:
            await runtime.execute(graph.id)
        assert scope.cancelled_caught
        (execution,) = runtime.executions()
        assert str((await runtime.execution(execution.id).wait_finished()).state) == "cancelled"


async def test_what_is_raised_inside_comes_out_as_it_is() -> None:
    """An error in the block leaves the runtime as itself, in no group of errors, after everything has ended."""

    async def fail_inside() -> None:
        async with runtime_with(QUICK_REFERENCE) as (runtime, graph_id):
            await runtime.execute(graph_id)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await fail_inside()


async def test_a_component_that_says_it_is_stateless_can_keep_no_state() -> None:
    """With ``stateless`` a component may run several at once, and ``setState`` is an error, not a silent split."""
    source = "return { process(ctx, port, value) { ctx.setState('n', value); ctx.emit('out', value); } }"
    graph = document({"a": {"component": "custom.test", "concurrency": 3}})
    async with open_runtime() as runtime:
        await runtime.library.register_component({**custom(source), "stateless": True})
        loaded = await runtime.library.load_graph(graph)
        ended = await execute(runtime, loaded.id, message("a:in", 1))
        assert str(ended.state) == "failed"
        assert ended.error is not None
        assert "StateLimitExceeded" in ended.error.message


async def test_a_watcher_told_of_the_creation_misses_nothing_of_the_start() -> None:
    """Who watches from ``on_created`` on sees the first state of an execution and its first hop."""
    async with runtime_with(QUICK_REFERENCE) as (runtime, graph_id), AsyncExitStack() as stack:
        tap = Tap()
        states: list[str] = []

        def begin(execution_id: str) -> None:
            states.append(str(runtime.execution(execution_id).snapshot().state))
            stack.enter_context(runtime.execution(execution_id).watch(tap))

        options = ExecuteOptions(inputs=(message("input:in", 1),))
        execution = await runtime.execute(graph_id, options, on_created=begin)
        await runtime.execution(execution.id).wait_finished()
    assert states == ["pending"]
    assert tap.hops[0][:2] == ("input", "out")
