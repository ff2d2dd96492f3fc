"""A running execution goes over to another version of its graph."""

from typing import Any

import msgspec
import pytest
import trio

from engine.debugging.condition import open_condition
from engine.errors import (
    EdgeCommandError,
    InvalidBreakpointError,
    InvalidInjectionError,
    ReloadRefusedError,
    ReloadUnderWayError,
)
from engine.runtime import Runtime, open_runtime
from proto.breakpoint import BreakpointRequest
from proto.edge_command import Drop, Edit, Insert, Move, Redirect, Step
from proto.message import Injection
from proto.reload import ReloadRequest
from tests.engine.executions import document, node
from tests.engine.reload.running import (
    STAMP,
    SUM,
    Outputs,
    Told,
    component,
    outputs_of,
    reload,
    row,
    send,
    start,
)

PASS = "symbia.core.passthrough"


async def registered(runtime: Runtime, *names: str, source: str = STAMP) -> None:
    for name in names:
        await runtime.library.register_component(component(name, "1", source))


async def test_nodes_come_and_go_and_the_others_keep_what_they_have() -> None:
    """One node is added before a sum, one behind it is removed; the sum goes on, and outputs leave elsewhere."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component("own.sum", "1", SUM))
        execution = await start(runtime, document({"sum": "own.sum", "out": PASS}, ["sum:out > out:in"]))
        assert await outputs_of(execution, "sum", [1, 2]) == [{"by": "1", "total": 1}, {"by": "1", "total": 3}]
        await registered(runtime, "own.twice", source="return { process: (ctx, _, v) => ctx.emit('out', 2 * v) };")
        following = document({"double": "own.twice", "sum": "own.sum"}, ["double:out > sum:in"])
        await runtime.library.replace_graph(execution.graph_id, following)
        report = await reload(execution, graph="latest")
        assert (report.state, report.plan.consistency) == ("done", "message")
        assert [(each.node_id, each.change) for each in report.plan.nodes] == [
            ("double", "added"),
            ("sum", "kept"),
            ("out", "removed"),
        ]
        assert await outputs_of(execution, "double", [10]) == [{"by": "1", "total": 23}]
        assert execution.snapshot().graph_version == 2
        with pytest.raises(InvalidInjectionError):
            await send(execution, "out", [1])
        back = await execution.roll_back()
        assert back.state == "done"
        assert await outputs_of(execution, "sum", [1]) == [{"by": "1", "total": 24}]


async def test_edges_are_named_as_the_next_graph_names_them() -> None:
    """Edges were looked at before another one came: all can be looked at."""
    async with open_runtime() as runtime:
        execution = await start(runtime, row(PASS, PASS))
        assert [each.edge for each in await execution.read_edges()] == ["0"]
        await runtime.library.replace_graph(execution.graph_id, row(PASS, PASS, PASS))
        await reload(execution, graph="latest")
        assert [each.edge for each in await execution.read_edges()] == ["0", "1"]


async def test_no_message_sees_two_versions() -> None:
    """While messages stream in by two ways that join, all is reloaded again and again: each stamp is whole."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a", "own.b", "own.c")
        edges = ["a:out > b:in", "a:out > c:in", "b:out > c:in"]
        execution = await start(runtime, document({"a": "own.a", "b": "own.b", "c": "own.c"}, edges))
        runtime.observe(told := Told())
        heard = Outputs()
        sent = 0
        with execution.watch(heard):
            async with trio.open_nursery() as nursery:

                async def stream() -> None:
                    nonlocal sent
                    while True:
                        await send(execution, "a", [[]] * 50)
                        sent += 50
                        while sent - len(heard.values) // 2 > 2_000:  # no more is held than may be
                            await trio.lowlevel.checkpoint()

                nursery.start_soon(stream)
                for version in range(2, 7):
                    for name in ("own.a", "own.b", "own.c"):
                        await runtime.library.replace_component(name, component(name, str(version), STAMP))
                    request = {"components": {"own.a": None, "own.b": None, "own.c": None}}
                    await reload(execution, **request, consistency="message")
                    await told.wait_for("done")
                nursery.cancel_scope.cancel()
            await execution.wait_quiescent()
        assert len(heard.values) >= 2 * sent
        assert [each for each in heard.values if len(set(each)) != 1] == []
        assert {each[0] for each in heard.values} == {"1", "2", "3", "4", "5", "6"}
        firsts = [int(each[0]) for each in heard.values]
        assert firsts == sorted(firsts)


async def test_what_is_injected_meanwhile_waits_and_is_the_next_versions(nursery: trio.Nursery) -> None:
    """A node that is slow holds the change up; injectors are not."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a")
        execution = await start(
            runtime,
            document({"slow": node("symbia.core.delay", config={"ms": 200}), "a": "own.a"}, ["slow:out > a:in"]),
        )
        heard = Outputs()
        with execution.watch(heard):
            await send(execution, "slow", [["old"]])
            await runtime.library.replace_component("own.a", component("own.a", "2", STAMP))
            nursery.start_soon(_reload_messagewise, execution)
            await trio.testing.wait_all_tasks_blocked()
            began = trio.current_time()
            receipt = await execution.inject([Injection("slow", "in", msgspec.Raw(b'["new"]'))])
            assert receipt.queued
            assert trio.current_time() - began < 0.1
            await execution.wait_quiescent()
        assert heard.values == [["old", "1"], ["new", "2"]]


async def test_a_reload_whose_request_is_cancelled_is_still_under_way(nursery: trio.Nursery) -> None:
    """Whoever asked goes away while a node is waited for: no other reload begins until this one is done."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a")
        slow = node("symbia.core.delay", config={"ms": 60_000})
        execution = await start(runtime, document({"slow": slow, "a": "own.a"}, ["slow:out > a:in"]))
        runtime.observe(told := Told())
        await send(execution, "slow", [[]])
        await runtime.library.replace_component("own.a", component("own.a", "2", STAMP))
        asked = trio.CancelScope()

        async def ask() -> None:
            with asked:
                await _reload_messagewise(execution)

        nursery.start_soon(ask)
        while not told.reports:
            await trio.lowlevel.checkpoint()
        asked.cancel()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ReloadUnderWayError):
            await _reload_messagewise(execution)
        assert told.states == ["switching"]
        await execution.stop()


async def _reload_messagewise(execution: Any) -> None:
    await reload(execution, components={"own.a": None}, consistency="message")


async def test_a_removed_node_hands_its_queue_to_an_edge() -> None:
    """What waits before it is not processed by it, but waits on the edge that is named."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a", "own.b")
        graph = document({"in": PASS, "a": "own.a"}, ["in:out > a:in"])
        execution = await start(runtime, graph)
        await execution.pause()
        await send(execution, "a", [["x"]])
        await runtime.library.replace_graph(
            execution.graph_id, document({"in": PASS, "b": "own.b"}, ["in:out > b:in"])
        )
        with pytest.raises(ReloadRefusedError, match="no edge"):
            await reload(execution, graph="latest", queues={"a": "nowhere"})
        await reload(execution, graph="latest", queues={"a": "in:out -> b:in"}, consistency="none")
        heard = Outputs()
        with execution.watch(heard):
            await execution.resume()
            await execution.wait_quiescent()
        metrics = execution.snapshot().metrics
        assert (heard.values, metrics.messages_dropped) == ([], 1)  # held by the injector: it had no queue


async def test_a_configuration_changes_and_held_values_are_not_lost() -> None:
    """An accumulator with five values held whose count becomes three gives out all of them."""
    async with open_runtime() as runtime:
        counting = node("symbia.core.accumulator", config={"count": 10})
        execution = await start(runtime, document({"n0": counting}))
        assert await outputs_of(execution, "n0", [1, 2, 3, 4, 5]) == []
        heard = Outputs()
        with execution.watch(heard):
            plan = await execution.plan_reload(msgspec.convert({"configs": {"n0": {"count": 3}}}, ReloadRequest))
            assert [(each.change, each.because, each.held) for each in plan.nodes] == [
                ("changed", ("its configuration",), 5)
            ]
            await reload(execution, configs={"n0": {"count": 3}})
            await send(execution, "n0", [6, 7, 8, 9])
            await execution.wait_quiescent()
        assert heard.values == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
        assert execution.snapshot().metrics.messages_processed == 9


async def test_arrays_under_way_are_gathered_before_the_graph_changes() -> None:
    """Items of forEach are not torn apart: an array goes through one version."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a")
        each = {"component": "own.a", "forEach": True}
        execution = await start(runtime, document({"each": each, "out": PASS}, ["each:out > out:in"]))
        heard = Outputs()
        with execution.watch(heard):
            await send(execution, "each", [[[], [], []]] * 20)
            await runtime.library.replace_component("own.a", component("own.a", "2", STAMP))
            report = await reload(execution, components={"own.a": None}, consistency="message")
            assert report.state == "done", report
            await send(execution, "each", [[[], []]])
            await execution.wait_quiescent()
        assert heard.values == [[["1"]] * 3] * 20 + [[["2"]] * 2]


async def test_a_graph_with_what_is_unknown_is_refused() -> None:
    """Misspelt nodes, components and versions are said, with what was meant."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a")
        execution = await start(runtime, row("own.a"))
        for request, text in (
            ({"configs": {"n00": {}}}, "did you mean n0"),
            ({"components": {"own.aa": 1}}, "did you mean own.a"),
            ({"components": {"own.a": 7}}, "Version 7 of own.a is not kept"),
            ({"graph": 9}, "Version 9"),
        ):
            with pytest.raises(Exception, match=text):
                await reload(execution, **request)
        assert await outputs_of(execution, "n0", [[]]) == [["1"]]


async def test_where_edges_have_policies_nothing_but_components_and_configurations_is_changed() -> None:
    """Their queues stay; another capacity, or a graph without them, is refused with a reason."""
    async with open_runtime() as runtime:
        await registered(runtime, "own.a")
        policed = row("own.a", "own.a")
        policed["edges"][0]["policy"] = {"capacity": 3}
        execution = await start(runtime, policed)
        wider = {**policed, "edges": [{**policed["edges"][0], "policy": {"capacity": 4}}]}
        for other in (wider, row("own.a", "own.a"), row("own.a", "own.a", "own.a")):
            await runtime.library.replace_graph(execution.snapshot().graph_id, other)
            with pytest.raises(ReloadRefusedError, match="Where edges have policies") as refused:
                await reload(execution, graph="latest")
            assert [problem.code for problem in refused.value.problems] == ["reload.policies_change"]
        await reload(execution, configs={"n1": {}})
        assert await outputs_of(execution, "n0", [[]]) == [["1", "1"]]


async def test_a_command_to_an_edge_of_the_former_graph_is_refused() -> None:
    """It was looked up before the change, and has another index now, or is another edge."""
    async with open_runtime() as runtime:
        execution = await start(runtime, document({"a": PASS, "b": PASS}, ["a:out > b:in"]))
        edge, node_ = execution.edge("0"), execution.edges_of("b")
        following = document({"new": PASS, "a": PASS, "b": PASS}, ["new:out > a:in", "a:out > b:in"])
        await runtime.library.replace_graph(execution.graph_id, following)
        await reload(execution, graph="latest")
        for handle in (edge, node_):
            for ask in (
                handle.pause,
                handle.resume,
                lambda handle=handle: handle.step(Step()),
                lambda handle=handle: handle.drop(Drop(all=True)),
                lambda handle=handle: handle.drop(Drop(where="@")),
                lambda handle=handle: handle.edit(Edit(1, msgspec.Raw(b"1"))),
                lambda handle=handle: handle.move(Move(1, "last")),
                lambda handle=handle: handle.insert(Insert(msgspec.Raw(b"1"))),
                lambda handle=handle: handle.redirect(Redirect("1")),
            ):
                with pytest.raises(EdgeCommandError, match="changed meanwhile"):
                    await ask()
        assert not any(each.is_held for each in await execution.read_edges())


async def test_a_breakpoint_that_is_set_while_the_graph_changes_looks_where_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its condition is compiled meanwhile; the node has another index then, or is no more."""
    async with open_runtime() as runtime:
        execution = await start(runtime, document({"a": PASS, "b": PASS}, ["a:out > b:in"]))
        following = document({"new": PASS, "b": PASS}, ["new:out > b:in"])
        await runtime.library.replace_graph(execution.graph_id, following)

        async def slow(*args: Any) -> Any:
            if len(await execution.read_edges()) == 1:
                await reload(execution, graph="latest")
            return await open_condition(*args)

        monkeypatch.setattr("engine.debugging.debugger.open_condition", slow)
        with pytest.raises(InvalidBreakpointError):
            await execution.set_breakpoint(BreakpointRequest(node="a", when="true"))
        made = await execution.set_breakpoint(BreakpointRequest(node="b", when="true", action="log"))
        assert await outputs_of(execution, "b", [1]) == [1]
        assert execution.breakpoint(made.id).recent[0].node == "b"
