"""Cases of whole graphs: what enters by input ports, what leaves by output ports, and what happens in between."""

from typing import Any

import pytest
from trio.testing import MockClock

from engine.testing.run_cases import UnusableSubjectError
from tests.engine.testing.playing import complaints_of, component


def graph(nodes: dict[str, Any], edges: list[str], **fields: Any) -> dict[str, Any]:
    """Return a graph: its nodes by id, its edges as ``a:out b:in``."""
    return {
        "symbia": "1.0",
        "name": "Subject",
        "nodes": [{"id": node, **what} for node, what in nodes.items()],
        "edges": [
            {
                "source": dict(zip(("node", "port"), one.split(":"), strict=True)),
                "target": dict(zip(("node", "port"), other.split(":"), strict=True)),
            }
            for one, other in (edge.split() for edge in edges)
        ],
        **fields,
    }


def expression(text: str) -> dict[str, Any]:
    return {"component": "symbia.core.map", "config": {"expression": text}}


async def test_a_graph_is_tested_from_port_to_port(mock_clock: MockClock) -> None:
    """What is sent to a node, or to its only input port, leaves at the ports that no edge leaves, and is looked at
    within, where a case names such a port.
    """
    file = {"graph": graph({"a": expression("value + 1"), "b": expression("value * 2")}, ["a:out b:in"])}
    assert await complaints_of(
        mock_clock,
        file,
        {"send": [{"a": 1}, {"a:in": 2, "b": 5}], "expect": {"b:out": [4, 6, 10]}},
        {"send": [{"a": 1}], "expect": {"b:out": [4], "a:out": [2]}},
        {"send": [{"a": 1}], "expect": {"b:out": [5]}},
        {"send": [{"x": 1}]},
        {"send": [{"a:x": 1}]},
        {"expect": {"c:out": []}},
        {"config": {"a": 1}},
    ) == [
        (),
        (),
        ("port b:out: expected [5], got [4]",),
        ("send[0]: There is no node x; there are a, b",),
        ("send[0]: Node a has no input port x; there are in",),
        ("expect: There is no output port c:out; there are a:out, a:error, b:out, b:error",),
        ("The graph has no parameter a; it declares none",),
    ]


async def test_a_case_gives_the_parameters_of_its_graph(mock_clock: MockClock) -> None:
    """The config of a case holds their values; one that does not fit fails the case alone."""
    tested = graph({"a": expression("value * param.rate")}, [], parameters={"rate": {"type": "number"}})
    found = await complaints_of(
        mock_clock,
        {"graph": tested},
        {"config": {"rate": 1.5}, "send": [{"a": 2}], "expect": {"a:out": [3]}},
        {"config": {"rate": "x"}},
        {},
    )
    assert found[0] == ()
    assert found[1] == ('Parameter rate: "x" is not of type "number"',)
    assert found[2] == ("Parameter rate is required",)


async def test_an_error_that_an_edge_takes_is_no_error_of_the_case(mock_clock: MockClock) -> None:
    """An error that an edge takes up is seen where it leaves; others are errors, with their node."""
    broken = expression("value.a.b")
    caught = graph({"a": broken, "b": expression("value.name")}, ["a:error b:in"])
    assert await complaints_of(
        mock_clock, {"graph": caught}, {"send": [{"a": 1}], "expect": {"b:out": ["TypeError"]}}
    ) == [()]
    loose = {"graph": graph({"a": broken}, [])}
    found = await complaints_of(
        mock_clock,
        loose,
        {"send": [{"a": 1}]},
        {"send": [{"a": 1}], "errors": [{"node": "a", "name": "TypeError"}]},
    )
    assert (found[0][0].endswith("(at node a)"), found[1]) == (True, ())


async def test_a_graph_lives_in_simulated_time(mock_clock: MockClock) -> None:
    """Timers, delays and waits before another attempt take no time, and come in their order."""
    nodes = {
        "tick": {"component": "symbia.source.timer", "config": {"intervalMs": 1000}},
        "late": {"component": "symbia.core.delay", "config": {"ms": 2500}},
        "count": {"component": "symbia.core.map", "config": {"expression": "1"}},
    }
    ticking = graph(nodes, ["tick:out late:in", "late:out count:in"])
    steps = [{"advance": "3400ms"}, {"expect": {}}, {"advance": "1s"}, {"expect": {"count:out": [1]}}]
    case = {"send": steps, "expect": {"count:out": [1, 1, 1, 1]}}
    assert await complaints_of(mock_clock, {"graph": ticking}, case) == [()]


async def test_state_logs_and_the_end_are_seen(mock_clock: MockClock) -> None:
    """The state of each node at the end, lines with their nodes, and what is held until the end of the input."""
    source = """return { process(ctx, port, value) {
        ctx.setState('last', value); ctx.log('info', `saw ${value}`); ctx.emit('out', value);
    } };"""
    nodes = {
        "keep": {"component": "custom.subject"},
        "pack": {"component": "symbia.core.accumulator", "config": {"count": 10}},
    }
    file = {"components": [component(source)], "graph": graph(nodes, ["keep:out pack:in"])}
    case = {
        "send": [{"keep": 1}, {"keep": 2}],
        "state": {"keep": {"last": 2}},
        "logs": ["saw 1", {"node": "keep"}],
    }
    assert await complaints_of(
        mock_clock,
        file,
        {**case, "expect": {"pack:out": [[1, 2]]}},
        {**case, "flush": False},
        {**case, "state": {}, "flush": False},
    ) == [(), (), ('state: expected {}, got {"keep":{"last":2}}',)]


async def test_graphs_inside_and_their_ports_are_named(mock_clock: MockClock) -> None:
    """A case names the graph's own ports, those of graphs inside by their paths, and what is in these."""
    inner = graph({"plus": expression("value + 1"), "twice": expression("value * 2")}, ["plus:out twice:in"])
    inner["ports"] = {
        "inputs": [{"name": "number", "bind": {"node": "plus", "port": "in"}}],
        "outputs": [{"name": "result", "bind": {"node": "twice", "port": "out"}}],
    }
    outer = graph({"sum": {"graph": inner}, "log": {"component": "symbia.core.logger"}}, ["sum:result log:in"])
    outer["ports"] = {
        "inputs": [{"name": "into", "bind": {"node": "sum", "port": "number"}}],
        "outputs": [{"name": "total", "bind": {"node": "sum", "port": "result"}}],
    }
    assert await complaints_of(
        mock_clock,
        {"graph": outer},
        {"send": [{"into": 1}, {"sum:number": 2}], "expect": {"total": [4, 6], "log:out": [4, 6]}},
        {"send": [{"into": 1}], "expect": {"sum/plus:out": [2], "sum/twice:out": [4], "log:out": [4]}},
        {"send": [{"sum/twice": 5}], "expect": {"total": [10], "log:out": [10]}},
        {"send": [{"onto": 1}]},
    ) == [(), (), (), ("send[0]: There is no node onto; there are into, sum/plus, sum/twice, log",)]


async def test_a_graph_that_cannot_be_loaded_is_told(mock_clock: MockClock) -> None:
    """Everything that is wrong with the graph is told once, and no case is run."""
    file = {"graph": graph({"a": {"component": "custom.nowhere"}}, ["a:out b:in"])}
    with pytest.raises(UnusableSubjectError) as caught:
        await complaints_of(mock_clock, file, {})
    assert [line.partition(":")[0] for line in caught.value.complaints] == [
        "nodes[0].component",
        "edges[0].target.node",
    ]
