"""Memory of executions on the ledger: who must wait for it, who is refused, and that it comes back."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
import trio.lowlevel
import trio.testing

from engine.errors import MemoryBoundError, OwnerMemoryError
from engine.limits import EngineLimits
from engine.memory.starvation import PATIENCE_SECONDS
from engine.running.assembly import EXECUTION_BYTES, NODE_BYTES
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import Tap, document, node

pytestmark = pytest.mark.usefixtures("autojump_clock")

PAIR = document({"a": "symbia.core.passthrough", "b": "symbia.core.passthrough"}, ["a:out > b:in"])
MANUAL = ExecuteOptions(completion="manual")


def of(size: int) -> msgspec.Raw:
    """A value of so many bytes."""
    return msgspec.Raw(b'"' + b"x" * (size - 2) + b'"')


def messages(size: int, count: int = 1, node_id: str = "a") -> Sequence[Injection]:
    return [Injection(node_id, "in", of(size))] * count


def bounded(size: int, nodes: int, executions: int = 1, **more: Any) -> EngineLimits:
    """Limits that leave so much memory for messages, beside so many executions of so many nodes."""
    base = executions * (EXECUTION_BYTES + nodes * NODE_BYTES)
    return EngineLimits(memory_bytes=0, owner_memory_bytes=base + size, **more)


async def started(
    runtime: Runtime, graph: dict[str, Any], options: ExecuteOptions = MANUAL, owner: str = ""
) -> str:
    loaded = await runtime.library.load_graph(graph, owner=owner)
    return (await runtime.execute(loaded.id, options)).id


async def test_everything_comes_back_when_an_execution_ends() -> None:
    """Whatever an execution was charged is released with it, also what still waited."""
    async with open_runtime() as runtime:
        before = runtime.ledger.held_bytes
        execution = await started(runtime, PAIR)
        await runtime.execution(execution).inject(messages(500_000, 10))
        await runtime.execution(execution).pause()
        await runtime.execution(execution).inject(messages(500_000, 10))
        assert runtime.ledger.statistics().kinds["held"] > 5_000_000
        await runtime.execution(execution).stop()
        assert set(runtime.ledger.statistics().kinds) <= {"graphs", "history"}
        assert runtime.ledger.held_bytes < before + 20_000


async def test_held_messages_are_refused_beyond_the_bound_and_what_was_held_is_kept() -> None:
    """A paused execution holds bytes, not only messages; ``accepted`` says how many it took."""
    async with open_runtime(limits=bounded(1_000_000, 2)) as runtime:
        execution = await started(runtime, PAIR)
        await runtime.execution(execution).pause()
        with pytest.raises(OwnerMemoryError, match=r"\(ORG_MAX_MEMORY_BYTES\)") as caught:
            await runtime.execution(execution).inject(messages(100_000, 20))
        held = caught.value.accepted
        assert 5 <= held < 10
        await runtime.execution(execution).resume()
        await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).snapshot().metrics.messages_processed == 2 * held
        assert runtime.ledger.statistics().kinds.get("held", 0) == 0


async def test_what_an_execution_begins_with_is_refused_before_it_begins() -> None:
    """Inputs that find no memory start nothing, and leave nothing charged."""
    async with open_runtime(limits=bounded(1_000_000, 2)) as runtime:
        graph = await runtime.library.load_graph(PAIR)
        before = runtime.ledger.held_bytes
        with pytest.raises(OwnerMemoryError):
            await runtime.execute(graph.id, ExecuteOptions(inputs=tuple(messages(200_000, 10))))
        assert runtime.ledger.held_bytes == before
        assert runtime.executions() == []


async def test_large_graphs_are_refused_before_they_run() -> None:
    """An execution is charged for its nodes, whatever they do."""
    async with open_runtime(limits=bounded(80_000, 2)) as runtime:
        graph = await runtime.library.load_graph(document({f"n{i}": "symbia.core.passthrough" for i in range(20)}))
        with pytest.raises(MemoryBoundError):
            await runtime.execute(graph.id)


async def test_another_owner_is_not_concerned() -> None:
    """Where one owner's memory is full, the next one's messages are taken."""
    async with open_runtime(limits=bounded(400_000, 2)) as runtime:
        full = await started(runtime, PAIR, owner="full")
        other = await started(runtime, PAIR, owner="other")
        await runtime.execution(full).pause()
        with pytest.raises(OwnerMemoryError):
            await runtime.execution(full).inject(messages(100_000, 10))
        await runtime.execution(other).inject(messages(100_000))
        await runtime.execution(other).wait_quiescent()
        assert runtime.execution(other).snapshot().metrics.messages_processed == 2


async def filled(runtime: Runtime) -> str:
    """A paused execution that holds all the memory that its owner has left for the time being."""
    execution = await started(runtime, PAIR)
    await runtime.execution(execution).pause()
    with pytest.raises(OwnerMemoryError):
        await runtime.execution(execution).inject(messages(50_000, 100))
    return execution


APART = node("symbia.core.passthrough", inbox={"capacity": 500})
"""It has an inbox of its own, in which what is emitted to it waits."""

BIG = document({"a": "symbia.core.map", "b": APART, "c": "symbia.core.passthrough"})
BIG["nodes"][0]["config"] = {"expression": "'x'.repeat(400000)"}
BIG["edges"] = document({}, ["a:out > b:in", "a:error > c:in"])["edges"]


async def test_an_emission_waits_for_memory_and_gets_it_when_others_let_go() -> None:
    """A node whose value finds no memory is held up, and goes on when an execution of the owner has ended."""
    async with open_runtime(limits=bounded(600_000, 5, 2)) as runtime:
        execution = await started(runtime, BIG)
        holder = await filled(runtime)
        await runtime.execution(execution).inject(messages(3))
        await trio.sleep(PATIENCE_SECONDS / 2)
        assert runtime.execution(execution).statistics().in_flight == 1
        await runtime.execution(holder).stop()
        await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).statistics().edges[0].sent == 1
        assert runtime.execution(execution).snapshot().metrics.error_count == 0


async def test_an_emission_that_finds_no_memory_is_an_error_of_its_invocation() -> None:
    """After a bounded wait the invocation fails with the bound's name, by the error port."""
    async with open_runtime(limits=bounded(600_000, 5, 2)) as runtime:
        execution = await started(runtime, BIG)
        await filled(runtime)
        began = trio.current_time()
        await runtime.execution(execution).inject(messages(3, 2))
        await runtime.execution(execution).wait_quiescent()
        assert trio.current_time() - began >= PATIENCE_SECONDS
        snapshot = runtime.execution(execution).snapshot()
        assert snapshot.metrics.error_count == 2
        assert [edge.sent for edge in runtime.execution(execution).statistics().edges] == [0, 2]
        assert snapshot.metrics.messages_emitted == 4  # the error values, and by who hears them


async def test_without_an_error_edge_the_execution_fails_by_the_bounds_name() -> None:
    """The reason names the bound, its setting, and what to do."""
    graph = {**BIG, "edges": BIG["edges"][:1]}
    async with open_runtime(limits=bounded(600_000, 5, 2)) as runtime:
        execution = await started(runtime, graph)
        await filled(runtime)
        await runtime.execution(execution).inject(messages(3))
        error = (await runtime.execution(execution).wait_finished()).error
        assert error is not None
        assert "MemoryBoundError" in error.message
        assert "ORG_MAX_MEMORY_BYTES" in error.message


async def test_small_messages_get_through_where_memory_is_full() -> None:
    """What an inbox may always hold is paid for with the execution, so small traffic never stops."""
    chain = document(
        {f"n{i}": "symbia.core.passthrough" for i in range(10)}, [f"n{i}:out > n{i + 1}:in" for i in range(9)]
    )
    async with open_runtime(limits=bounded(600_000, 12, 2)) as runtime:
        execution = await started(runtime, chain)
        await filled(runtime)
        for _ in range(20):
            await runtime.execution(execution).inject(messages(20, 5, "n0"))
            await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).snapshot().metrics.messages_processed == 1000


async def test_a_pause_stops_the_clock_of_who_waits_for_memory() -> None:
    """Nobody's time runs out while their execution is paused."""
    async with open_runtime(limits=bounded(600_000, 5, 2)) as runtime:
        execution = await started(runtime, BIG)
        holder = await filled(runtime)
        await runtime.execution(execution).inject(messages(3))
        await trio.sleep(PATIENCE_SECONDS / 2)
        await runtime.execution(execution).pause()
        await trio.sleep(PATIENCE_SECONDS * 3)
        await runtime.execution(holder).stop()
        await runtime.execution(execution).resume()
        await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).snapshot().metrics.error_count == 0


async def test_who_waits_for_memory_can_be_stopped() -> None:
    """Stop does not wait for the memory."""
    async with open_runtime(limits=bounded(600_000, 5, 2)) as runtime:
        execution = await started(runtime, BIG)
        await filled(runtime)
        await runtime.execution(execution).inject(messages(3, 5))
        await trio.sleep(1)
        began = trio.current_time()
        stopped = await runtime.execution(execution).stop()
        assert trio.current_time() - began < 1.5
        assert stopped.unprocessed == 5


async def test_values_larger_than_a_value_may_be_are_not_emitted() -> None:
    """The invocation fails with the bound's name, nothing of it leaves, and its neighbours are not concerned."""
    source = """return { process(ctx, port, value) {
        ctx.emit('small', value);
        if (value === 2) ctx.emit('out', 'x'.repeat(5000));
    } }"""
    component = {
        "id": "custom.large",
        "name": "Large",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out", "small", "error"]},
        "execution": {"type": "javascript", "source": source},
    }
    graph = document(
        {"a": "custom.large", "b": "symbia.core.passthrough", "c": "symbia.core.passthrough"},
        ["a:out > b:in", "a:small > b:in", "a:error > c:in"],
    )
    async with open_runtime(limits=EngineLimits(value_bytes=4_000)) as runtime:
        await runtime.library.register_component(component)
        execution = await started(runtime, graph)
        await runtime.execution(execution).inject(
            [Injection("a", "in", msgspec.Raw(b"%d" % n)) for n in (1, 2, 3)]
        )
        await runtime.execution(execution).wait_quiescent()
        assert [edge.sent for edge in runtime.execution(execution).statistics().edges] == [0, 2, 1]
        assert runtime.execution(execution).snapshot().metrics.error_count == 1


@pytest.mark.parametrize("size", [1_500, 40_000, 100_000])
async def test_values_that_only_pass_get_through_however_little_memory_there_is(size: int) -> None:
    """What one node lets go another one needs: a line of nodes never stands still for want of memory."""
    nodes = {f"n{i}": "symbia.core.passthrough" for i in range(8)}
    nodes["n7"] = "symbia.core.delay"
    line = document(nodes, [f"n{i}:out > n{i + 1}:in" for i in range(7)])
    line["nodes"][7]["config"] = {"ms": 50}
    async with open_runtime(limits=bounded(250_000, 8)) as runtime:
        execution = await started(runtime, line)
        taken = 0
        while taken < 60:
            try:
                await runtime.execution(execution).inject(messages(size, 1, "n0"))
            except MemoryBoundError:
                await trio.sleep(0.05)
            else:
                taken += 1
        await runtime.execution(execution).wait_quiescent()
        metrics = runtime.execution(execution).snapshot().metrics
        assert (metrics.messages_processed, metrics.error_count) == (480, 0)


async def test_an_injection_that_finds_no_memory_is_refused_at_once() -> None:
    """Nothing of it is taken in, and it is not kept waiting."""
    async with open_runtime(limits=bounded(600_000, 4, 2)) as runtime:
        execution = await started(runtime, PAIR)
        await filled(runtime)
        began = trio.current_time()
        with pytest.raises(OwnerMemoryError) as caught:
            await runtime.execution(execution).inject(messages(100_000, 3))
        assert caught.value.accepted == 0
        assert trio.current_time() == began


KEEPERS: dict[str, dict[str, Any]] = {
    "a delay": {"component": "symbia.core.delay", "config": {"ms": 3_600_000}},
    "an accumulator": {"component": "symbia.core.accumulator", "config": {"count": 1_000}},
    "half of a zip": {"component": "symbia.core.merge", "config": {"mode": "zip", "inputs": ["in", "b"]}},
}


@pytest.mark.parametrize("keeper", KEEPERS)
async def test_what_a_node_keeps_is_charged_and_bounded(keeper: str) -> None:
    """Delayed values, gathered values and halves of pairs count; what finds no memory waits, or is an error."""
    async with open_runtime(limits=bounded(1_000_000, 1)) as runtime:
        execution = await started(runtime, document({"a": {**KEEPERS[keeper]}}, role="pipeline"))
        taken = 0
        while taken < 40 and runtime.execution(execution).snapshot().metrics.error_count == 0:
            try:
                with trio.move_on_after(60) as patience:
                    await runtime.execution(execution).inject(messages(100_000))
            except MemoryBoundError:
                break
            if patience.cancelled_caught:
                break
            taken += 1
            await trio.lowlevel.checkpoint()
        await trio.sleep(10)
        held = runtime.ledger.statistics()
        assert 400_000 <= held.kinds["handlers"] <= 1_000_000
        assert taken < 12
        assert held.held_bytes <= runtime.ledger.owner_bytes + 100_200
        await runtime.execution(execution).stop()
        assert "handlers" not in runtime.ledger.statistics().kinds


async def test_a_state_that_grows_beyond_the_bound_ends_its_execution() -> None:
    """What a guest has written is there; so its execution fails, by the bound's name, and all is released."""
    source = "return { process(ctx, port, value) { ctx.setState('k' + value, 'x'.repeat(200000)) } }"
    component = {
        "id": "custom.keeps",
        "name": "Keeps",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source},
    }
    async with open_runtime(limits=bounded(600_000, 1)) as runtime:
        await runtime.library.register_component(component)
        execution = await started(runtime, document({"a": "custom.keeps"}, role="pipeline"))
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"%d" % n)) for n in range(2)])
        await runtime.execution(execution).wait_quiescent()
        assert runtime.ledger.statistics().kinds["handlers"] > 400_000
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"%d" % n)) for n in (2, 3)])
        error = (await runtime.execution(execution).wait_finished()).error
        assert error is not None
        assert "Node a keeps too much" in error.message
        assert "ORG_MAX_MEMORY_BYTES" in error.message
        assert "handlers" not in runtime.ledger.statistics().kinds


async def test_a_merge_knows_how_large_its_set_will_be_before_it_joins_it() -> None:
    """Sets of sets double: the first that would be too large is an error by the name of the bound."""
    nodes: dict[str, Any] = {"first": "symbia.core.passthrough"}
    edges = []
    before = "first"
    for number in range(20):
        merge = f"m{number}"
        nodes[merge] = {"component": "symbia.core.merge", "config": {"mode": "all", "inputs": ["a", "b"]}}
        edges += [f"{before}:out > {merge}:a", f"{before}:out > {merge}:b"]
        before = merge
    async with open_runtime(limits=EngineLimits(value_bytes=10_000)) as runtime:
        execution = await started(runtime, document(nodes, edges, role="pipeline"))
        await runtime.execution(execution).inject([Injection("first", "in", msgspec.Raw(b"1"))])
        await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).snapshot().metrics.error_count > 0
        assert runtime.ledger.statistics().peak_bytes < 2_000_000


async def test_a_handler_that_makes_much_hands_it_over_in_parts() -> None:
    """A batch of small messages that make large values does not make them all before the first has left."""
    merge = {"component": "symbia.core.merge", "config": {"mode": "all", "inputs": ["a", "b"]}}
    graph = document({"m": merge, "end": "symbia.core.passthrough"}, ["m:out > end:in"], role="pipeline")
    async with open_runtime(limits=EngineLimits()) as runtime:
        execution = await started(runtime, graph)
        await runtime.execution(execution).inject([Injection("m", "a", of(600_000))])
        await runtime.execution(execution).inject(
            [Injection("m", "b", msgspec.Raw(b"%d" % n)) for n in range(200)]
        )
        await runtime.execution(execution).wait_quiescent()
        metrics = runtime.execution(execution).snapshot().metrics
        assert (metrics.messages_processed, metrics.error_count) == (401, 0)
        assert runtime.ledger.statistics().peak_bytes < 30_000_000


async def test_log_lines_are_cut_and_kept_within_bytes() -> None:
    """Lines of any length are shown from their beginning; the oldest go where there is too much of them."""
    source = (
        "return { process(ctx, port, value) { ctx.log('info', 'x'.repeat(200000), { a: 'y'.repeat(100000) }) } }"
    )
    component = {
        "id": "custom.talks",
        "name": "Talks",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source, "limits": {"logBytes": 4_000_000}},
    }
    async with open_runtime(limits=EngineLimits(log_bytes=50_000)) as runtime:
        await runtime.library.register_component(component)
        execution = await started(runtime, document({"a": "custom.talks"}))
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"1"))] * 20)
        await runtime.execution(execution).wait_quiescent()
        lines = runtime.execution(execution).logs()
        assert 2 <= len(lines) <= 3
        assert all(line.message.endswith("… (cut: 200000 characters in all)") for line in lines)
        assert all(bytes(line.meta) == b'{"cut":100008}' for line in lines if isinstance(line.meta, msgspec.Raw))
        assert runtime.ledger.statistics().kinds["logs"] <= 70_000


def shouter(where: str, size: int) -> dict[str, Any]:
    """A component that emits a value of so many bytes, on its beginning or for each message."""
    begin = f"initialize(ctx) {{ ctx.emit('out', 'x'.repeat({size})) }}," if where == "initialize" else ""
    emitted = "value" if where == "initialize" else f"'x'.repeat({size})"
    return {
        "id": "custom.shouter",
        "name": "Shouter",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out", "error"]},
        "execution": {
            "type": "javascript",
            "source": f"return {{ {begin} process(ctx, port, value) {{ ctx.emit('out', {emitted}) }} }}",
        },
    }


async def test_what_guests_make_of_a_batch_is_charged_before_it_leaves() -> None:
    """A batch whose values find no memory is an error of those messages at once: it does not wait uncharged."""
    graph = document(
        {"a": "custom.shouter", "b": {"component": "symbia.core.delay", "config": {"ms": 3_600_000}}},
        ["a:out > b:in"],
        role="pipeline",
    )
    async with open_runtime(limits=bounded(2_000_000, 3), chaining=False) as runtime:
        await runtime.library.register_component(shouter("process", 300_000))
        execution = await started(runtime, graph)
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"1"))] * 30)
        await trio.sleep(300)
        metrics = runtime.execution(execution).snapshot().metrics
        assert metrics.error_count >= 20
        # What has been made is charged until all of it has left, and in the place where it has come besides.
        assert runtime.ledger.statistics().peak_bytes <= 2 * runtime.ledger.owner_bytes


async def test_what_instances_emit_before_they_run_is_charged() -> None:
    """A hundred nodes that each emit a megabyte in initialize do not hold a hundred megabytes."""
    nodes = {f"n{number}": "custom.shouter" for number in range(20)}
    async with open_runtime(limits=bounded(3_000_000, 20), chaining=False) as runtime:
        await runtime.library.register_component(shouter("initialize", 400_000))
        graph = await runtime.library.load_graph(document(nodes, [f"n{n}:out > n{n + 1}:in" for n in range(19)]))
        snapshot = await runtime.execute(graph.id, MANUAL)
        assert snapshot.error is not None
        assert "MemoryBoundError" in snapshot.error.message
        assert runtime.ledger.statistics().peak_bytes <= runtime.ledger.owner_bytes
        assert "outcomes" not in runtime.ledger.statistics().kinds


async def test_what_was_emitted_at_the_beginning_is_charged_until_it_has_left() -> None:
    """By both workers of a node, and not any longer."""
    graph = document({"a": {"component": "custom.shouter", "concurrency": 2}, "b": "symbia.core.passthrough"})
    graph["edges"] = document({}, ["a:out > b:in"])["edges"]
    async with open_runtime() as runtime:
        await runtime.library.register_component({**shouter("initialize", 100_000), "stateless": True})
        execution = runtime.execution(await started(runtime, graph))
        await execution.wait_quiescent()
        assert execution.snapshot().metrics.messages_processed == 2
        assert "outcomes" not in runtime.ledger.statistics().kinds


async def test_what_a_chain_makes_is_charged() -> None:
    """Nodes that run as one, and make more in one call than there is memory for, fail by the bound's name."""
    nodes = {"a": node("symbia.core.map", config={"expression": "value"}), "b": "custom.shouter"}
    graph = document({**nodes, "c": APART}, ["a:out > b:in", "b:out > c:in"], role="pipeline")
    component = shouter("process", 300_000)
    component["execution"]["source"] = (
        "return { process(ctx, port, times) { while (times--) ctx.emit('out', 'x'.repeat(300000)) } }"
    )
    async with open_runtime(limits=bounded(1_000_000, 4)) as runtime:
        await runtime.library.register_component(component)
        execution = await started(runtime, graph)
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"1"))])
        await runtime.execution(execution).wait_quiescent()
        assert runtime.execution(execution).snapshot().metrics.messages_processed == 3
        await runtime.execution(execution).inject([Injection("a", "in", msgspec.Raw(b"9"))])
        error = (await runtime.execution(execution).wait_finished()).error
        assert error is not None
        assert "run as one from a made too much" in error.message
        assert "ORG_MAX_MEMORY_BYTES" in error.message
        assert "outcomes" not in runtime.ledger.statistics().kinds


async def test_what_a_chain_makes_is_charged_once() -> None:
    """What fits into the memory that there is goes through, where twice as much would not."""
    graph = document(dict.fromkeys("ab", "custom.shouter"), ["a:out > b:in"], role="pipeline")
    async with open_runtime(limits=bounded(1_000_000, 3)) as runtime:
        await runtime.library.register_component(shouter("process", 300_000))
        execution = runtime.execution(await started(runtime, graph))
        tap = Tap()
        with execution.watch(tap):  # then both values leave the guest: 600,000 bytes
            await execution.inject([Injection("a", "in", msgspec.Raw(b"1"))])
            await execution.wait_quiescent()
        assert [len(value) for *_, value in [*tap.hops, *tap.outputs]] == [300_002] * 2
        assert execution.snapshot().state == "running"


async def test_an_execution_that_never_ran_leaves_nothing_charged() -> None:
    """Also where some of its nodes had emitted in initialize when another one failed."""
    source = "return { initialize() { throw new Error('no') }, process() {} }"
    failing = {**shouter("initialize", 1), "id": "custom.failing"}
    failing["execution"] = {"type": "javascript", "source": source}
    async with open_runtime(chaining=False) as runtime:
        await runtime.library.register_component(shouter("initialize", 400_000))
        await runtime.library.register_component(failing)
        graph = await runtime.library.load_graph(
            document({"a": "custom.shouter", "b": "custom.failing"}, ["a:out > b:in"])
        )
        snapshot = await runtime.execute(graph.id, MANUAL)
        assert snapshot.state == "failed"
        assert set(runtime.ledger.statistics().kinds) == {"graphs", "components", "history"}
