"""Nodes that run as one: what the chain must not change, at the places where it could."""

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
import trio
import trio.testing

from engine.compile.compiler import compile_graph
from engine.contracts.component import Component
from engine.contracts.observer import ExecutionObserver, HandlerCall
from engine.execution.execution import Execution
from engine.execution.injection import locate
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.component import ExecutionLimits
from proto.message import Injection
from tests.engine.chained_graphs import Account, Group, compare, component, open_parts, run
from tests.engine.executions import Listener, Tap, document, node
from tests.engine.handlers import Journal, components

BODIES = {
    "count": "const n = (ctx.getState('n') ?? 0) + 1; ctx.setState('n', n); ctx.emit('out', value);",
    "spin": "if (value === 3) for (;;); ctx.emit('out', value);",
    "eat": "if (value === 3) { const all = []; for (;;) all.push(new Array(1000).fill(all.length)); }"
    " ctx.emit('out', value);",
    "greedy": "try { const all = []; for (;;) all.push(new Array(50000).fill(0)); }"
    " catch (error) { ctx.emit('out', error.name); }",
    "deep": "let v = value; if (value === 3) for (let i = 0; i < 1500; i++) v = [v]; ctx.emit('out', v);",
    "recurse": "if (value === 3) { const f = () => f() + 1; f(); } ctx.emit('out', value);",
    "fan": "for (let i = 0; i < 120; i++) ctx.emit('out', value * 1000 + i);",
    "wide": "for (let i = 0; i < 120; i++) ctx.emit(i % 7 ? 'out' : 'side', [value, i]);",
    "late": "if (value % 1000 === 77) for (;;); ctx.emit('out', value);",
    "state": "ctx.setState('all', (ctx.getState('all') ?? '') + 'x'.repeat(400)); ctx.emit('out', value);",
    "flood": "for (let i = 0; i < 3000; i++) ctx.emit('out', i);",
    "chatty": "for (let i = 0; i < 3000; i++) ctx.log('info', 'line ' + i); ctx.emit('out', value);",
    "throw": "if (value === 3) throw new TypeError('three'); ctx.emit('out', value);",
}
SMALL = ExecutionLimits(cpu_ms=60, memory_bytes=8 * 1024 * 1024, state_bytes=1000, emissions=2000)
"""Limits that are met soon. Filling the memory computes for about as long on a busy machine, so whoever means to
meet another limit than that of time has ``PATIENT`` ones."""

PATIENT = msgspec.structs.replace(SMALL, cpu_ms=3000)
NUMBERS = [Group(0, [1, 2, 3, 4, 5])]


def row(*kinds: str, error: bool = False, **fields: Any) -> dict[str, Any]:
    """A run of these components, and a witness behind it and behind each port ``side``."""
    nodes: dict[str, Any] = {}
    edges = []
    for index, kind in enumerate(kinds):
        nodes[f"n{index}"] = node(kind, onError="continue", **fields)
        nodes[f"n{index}-side"] = "lane"
        edges.append(f"n{index}:side > n{index}-side:in")
        if error:
            nodes[f"n{index}-error"] = "lane"
            edges.append(f"n{index}:error > n{index}-error:in")
        if index + 1 < len(kinds):
            edges.append(f"n{index}:out > n{index + 1}:in")
    nodes["z-end"] = "lane"
    return document(nodes, [*edges, f"n{len(kinds) - 1}:out > z-end:in"])


async def both_ways(
    graph: dict[str, Any],
    groups: Sequence[Group],
    limits: EngineLimits | None = None,
    *,
    watched: bool = False,
    own_limits: ExecutionLimits = SMALL,
) -> Account:
    """What a run brings, chained and unchained alike."""
    async with open_parts(BODIES, own_limits) as (_, parts):
        alone = await run(graph, parts, groups, chaining=False, watched=watched, limits=limits)
        chained = await run(graph, parts, groups, chaining=True, watched=watched, limits=limits)
    assert chained.chains == 1
    compare(chained, alone)
    return chained


@pytest.mark.parametrize(("place", "watched"), [(0, False), (1, True), (2, False)])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("spin", "CpuLimitExceeded"),
        ("eat", "MemoryLimitExceeded"),
        ("deep", "OutputLimitExceeded"),
        ("recurse", "RangeError"),
        ("state", "StateLimitExceeded"),
        ("flood", "OutputLimitExceeded"),
        ("throw", "TypeError"),
        ("greedy", ""),
        ("chatty", ""),
    ],
)
async def test_what_one_node_does_wrong_is_its_own_affair(kind: str, name: str, place: int, watched: bool) -> None:
    """One invocation fails by the limit's name, at that node; its siblings keep every value, state and line."""
    kinds = ["js.count"] * 3
    kinds[place] = f"js.{kind}"
    own_limits = SMALL if kind == "spin" else PATIENT
    seen = await both_ways(row(*kinds, error=True), NUMBERS, watched=watched, own_limits=own_limits)
    errors = [error["name"] for error in seen.arrivals[f"n{place}-error"][1]]
    assert set(errors) == ({name} if name else set())
    kept = 5 if place else 5 - len(errors)
    assert seen.states["n0" if place else "n1"] == ({"n": b"%d" % kept} if kept else {})


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("batch", [1, 3, 64])
async def test_what_multiplies_keeps_its_order(batch: int, watched: bool) -> None:
    """A call that would tell too much returns early; nothing is lost, doubled or overtaken."""
    limits = EngineLimits(batch_messages=batch, inbox_messages=50)
    seen = await both_ways(row("js.fan", "js.wide", "js.count"), [Group(0, [1, 2])], limits, watched=watched)
    assert len(seen.arrivals["z-end"][1]) + len(seen.arrivals["n1-side"][1]) == 2 * 120 * 120
    assert seen.arrivals["z-end"][1][0] == [1000, 1]


async def test_what_a_chain_still_had_is_processed_when_it_ends() -> None:
    """Values between two nodes go on where they stood, ahead of newer ones, when a later call comes to nothing."""
    seen = await both_ways(row("js.fan", "js.wide", "js.late"), [Group(0, [1, 2]), Group(1, [5]), Group(2, [6])])
    assert len(seen.arrivals["z-end"][1]) == 240 * 102 + 102 + 1  # [x, i] is no number: nothing spins here
    seen = await both_ways(row("js.fan", "js.late", "js.wide"), [Group(0, [1, 2])])
    assert len(seen.failures["n1"]) == 2
    assert len(seen.arrivals["z-end"][1]) == 238 * 102


async def test_the_middle_of_a_chain_can_be_injected_into() -> None:
    """Its messages go through the rest of the chain, and count where they came in."""
    groups = [Group(1, [10, 11]), Group(0, [1]), Group(2, [20]), Group(1, [12])]
    seen = await both_ways(row("js.count", "js.count", "js.count"), groups)
    assert seen.arrivals["z-end"][1] == [10, 11, 1, 20, 12]
    assert [seen.counts[f"n{index}"][0] for index in range(3)] == [1, 4, 5]


async def test_what_is_emitted_at_the_start_leaves_before_what_follows_from_messages() -> None:
    """Each node's first emissions go through all that follows, the last node's first."""
    graph = row("js.count.first", "js.count.first", "js.count.first")
    seen = await both_ways(graph, [Group(0, ["value"])])
    lasts = ["last n0", "last n1", "last n2"]
    assert seen.arrivals["z-end"][1] == ["first n2", "first n1", "first n0", "value", *lasts]


async def test_what_is_emitted_at_the_start_keeps_its_order_when_the_chain_ends_there() -> None:
    """Also where it leaves by several ports in turn, and the first of it is too much for the next node."""
    text = """return {
        initialize(ctx) { for (const n of [3, 4, 5, 6]) { ctx.emit('out', n); ctx.emit('side', n) } },
        process(ctx, port, value) { ctx.emit('out', value) },
    }"""
    graph = row("js.eager", "js.spin", "js.count")
    async with open_parts(BODIES, SMALL) as (host, parts):
        parts["js.eager"] = component(host, "js.eager", text)
        alone = await run(graph, parts, [Group(0, [7])], chaining=False, watched=False)
        chained = await run(graph, parts, [Group(0, [7])], chaining=True, watched=False)
    compare(chained, alone)
    assert chained.arrivals["z-end"][1] == [4, 5, 6, 7]


class Caller(ExecutionObserver):
    """Keeps the calls that it hears of."""

    hears_calls: ClassVar[bool] = True

    def __init__(self) -> None:
        self.calls: list[HandlerCall] = []

    def called(self, execution_id: str, call: HandlerCall) -> None:
        del execution_id
        self.calls.append(call)


async def test_who_hears_of_calls_hears_one_of_each_node() -> None:
    """With its messages and outcomes; all within the time of the chain's call."""
    caller = Caller()
    async with open_parts(BODIES) as (_, parts):
        graph = row("js.count", "js.throw", "js.count")
        await run(graph, parts, NUMBERS, chaining=True, watched=False, observers=[caller])
    calls = {call.node_id: call for call in caller.calls if "-" not in call.node_id}
    assert [len(calls[f"n{index}"].messages) for index in range(3)] == [5, 5, 4]
    assert [outcome.error is not None for outcome in calls["n1"].outcomes] == [False, False, True, False, False]
    assert len({call.began_seconds for call in calls.values()}) == 1


class Living:
    """An execution of a chained graph, under way."""

    def __init__(self, execution: Execution, listener: Listener, journal: Journal) -> None:
        self.execution = execution
        self.listener = listener
        self.journal = journal

    async def inject(self, name: str, *values: Any) -> None:
        """Inject values at a node."""
        messages = [Injection(name, "in", msgspec.Raw(msgspec.json.encode(value))) for value in values]
        await self.execution.inject(await locate(self.execution.graph, messages, EngineLimits()), final=False)


async def living(nursery: trio.Nursery, graph: dict[str, Any], parts: dict[str, Component]) -> Living:
    """A started execution, chained."""
    journal, listener = Journal(), Listener()
    clock = WallClock(trio.current_time)
    limits = EngineLimits()
    execution = Execution(
        execution_id="living",
        graph=await compile_graph(graph, {**parts, **components(journal)}, limits, clock.timestamp),
        limits=limits,
        completion="manual",
        timeout_ms=0,
        observers=[listener],
        clock=clock,
    )
    assert execution.graph.chains
    nursery.start_soon(execution.run)
    await execution.started.wait()
    return Living(execution, listener, journal)


async def test_a_pause_holds_a_chain() -> None:
    """While it lasts nothing goes through; then everything does, in order."""
    async with open_parts(BODIES) as (_, parts), trio.open_nursery() as nursery:
        life = await living(nursery, row("js.count", "js.count"), parts)
        await life.inject("n0", 1)
        await life.execution.wait_quiescent()
        await life.execution.pause()
        await life.inject("n0", 2)
        await life.inject("n1", 3)
        await trio.testing.wait_all_tasks_blocked()
        assert life.journal.values("z-end") == [1]
        await life.execution.resume()
        await life.execution.wait_quiescent()
        assert sorted(life.journal.values("z-end")) == [1, 2, 3]
        await life.execution.stop(drain=False)


async def test_who_begins_to_watch_during_a_pause_misses_nothing_of_what_follows() -> None:
    """Also of the messages that a chain had taken when the pause began."""
    tap = Tap()
    async with open_parts(BODIES) as (_, parts), trio.open_nursery() as nursery:
        life = await living(nursery, row("js.count", "js.count"), parts)
        await trio.testing.wait_all_tasks_blocked()
        await life.inject("n0", 1, 2)
        await life.execution.pause()
        await trio.testing.wait_all_tasks_blocked()
        assert life.journal.values("z-end") == []
        life.execution.add_flow_observer(tap)
        await life.execution.resume()
        await life.execution.wait_quiescent()
        await life.execution.stop(drain=False)
    seen = [name for name, _, _ in tap.invocations if name != "z-end"]
    assert seen == ["n0", "n1", "n0", "n1"]
    assert [value for *_, value in tap.hops] == [b"1", b"1", b"2", b"2"]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_pause_and_a_stop_do_not_wait_for_a_chain_that_spins(place: int) -> None:
    """The one holds it between two slices, the other ends it; then every node cleans up, its state at hand."""
    kinds = ["js.count"] * 3
    kinds[place] = "js.spin"
    async with open_parts(BODIES, ExecutionLimits(cpu_ms=30_000)) as (host, parts), trio.open_nursery() as nursery:
        life = await living(nursery, row(*kinds), parts)
        await life.inject("n0", 1, 2)
        await life.execution.wait_quiescent()
        await life.inject("n0", 3)
        with trio.fail_after(5):
            await trio.sleep(0.02)
            await life.execution.pause()
            await life.execution.resume()
            await life.execution.stop(drain=False)
        said = {name for name, line in life.listener.lines if line == "bye"}
        assert {f"n{index}" for index in range(3) if index != place} <= said
        assert host.statistics().alive == 0


async def test_all_nodes_of_a_chain_are_one_guest_and_count_as_many_instances() -> None:
    """Limits of instances mean what they meant; calls are those of the chain."""
    async with open_parts(BODIES) as (host, parts), trio.open_nursery() as nursery:
        life = await living(nursery, row("js.count", "js.count", "js.count"), parts)
        assert host.statistics().alive == 3
        before = host.statistics().calls
        await life.inject("n0", *range(10))
        await life.execution.wait_quiescent()
        assert host.statistics().calls == before + 1
        await life.execution.stop(drain=False)
        assert host.statistics().alive == 0
        assert host.statistics().restarts == 0


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_node_that_cannot_begin_is_named(place: int) -> None:
    """The execution fails with its id, and those that had begun clean up."""
    kinds: list[Any] = ["js.count"] * 3
    kinds[place] = "js.frail"
    text = "return { initialize() { throw new Error('not today') }, process() {} }"
    async with open_parts(BODIES) as (host, parts), trio.open_nursery() as nursery:
        frail = component(host, "js.frail", text)
        life = await living(nursery, row(*kinds), {**parts, "js.frail": frail})
        await life.execution.finished.wait()
        error = life.execution.snapshot().error
        assert error is not None
        assert error.node_id == f"n{place}"
        assert {name for name, line in life.listener.lines if line == "bye"} == {
            f"n{index}" for index in range(place)
        }


async def test_watchers_see_every_hop_once_and_an_invocation_before_what_it_sends() -> None:
    """In the order of the flow, with sequence numbers that only grow."""
    tap = Tap()
    async with open_parts(BODIES) as (_, parts), trio.open_nursery() as nursery:
        life = await living(nursery, row("js.count", "js.fan", "js.count"), parts)
        life.execution.add_flow_observer(tap)
        await life.inject("n0", 1, 2)
        await life.execution.wait_quiescent()
        await life.execution.stop(drain=False)
    assert tap.sequences == sorted(set(tap.sequences))
    assert len(tap.hops) == 2 + 240 + 240
    assert [name for name, _, _ in tap.invocations][:5] == ["n0", "n1", "n2", "n2", "n2"]
