"""Graphs inside graphs become one flat graph, and what is wrong with them is told where it is written."""

from collections.abc import Mapping
from typing import Any

import pytest
import trio

from engine.compile.compiler import ReadGraph, find_problems, read_graph
from engine.compile.filling import Filling
from engine.compile.parts import FoundDocument
from engine.compile.version_ranges import Range
from engine.contracts.surroundings import NOTHING_AROUND
from engine.cooperative.slices import at_once
from engine.limits import EngineLimits
from proto.problem import Problem
from tests.engine.executions import document, node
from tests.engine.handlers import Journal, components

KNOWN = components(Journal())
LIMITS = EngineLimits()


class Named:
    """A finder of some graphs by name."""

    def __init__(self, graphs: Mapping[str, Any]) -> None:
        self._graphs = graphs
        self.asked: list[tuple[str, str]] = []

    async def find(self, name: str, versions: Range) -> FoundDocument | Problem:
        self.asked.append((name, str(versions)))
        found = self._graphs.get(name)
        return Problem("node.unknown_graph", "", name) if found is None else FoundDocument(found)


def ports(inputs: Mapping[str, Any] | None = None, outputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The ports of a graph: each name with ``node:port``, or a list of them."""

    def bind(text: str) -> dict[str, str]:
        name, _, port = text.partition(":")
        return {"node": name, "port": port}

    def listed(sides: Mapping[str, Any] | None) -> list[Any]:
        return [
            {"name": name, "bind": bind(ends) if isinstance(ends, str) else [bind(end) for end in ends]}
            for name, ends in (sides or {}).items()
        ]

    return {"inputs": listed(inputs), "outputs": listed(outputs)}


def part(nodes: Mapping[str, Any], edges: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A graph that others use."""
    return {**document(nodes, edges), **more}


PAIR = part({"a": "forward", "b": "forward"}, ("a:out > b:in",), ports=ports({"in": "a:in"}, {"out": "b:out"}))


def read(graph: Any, graphs: Mapping[str, Any] | None = None, limits: EngineLimits = LIMITS) -> ReadGraph:
    """A graph that has been read and written out."""
    return trio.run(read_graph, graph, limits, Named(graphs or {}))


def flat_edges(graph: Any, graphs: Mapping[str, Any] | None = None) -> list[str]:
    """The edges of a flat graph without problems."""
    found = read(graph, graphs)
    assert not found.report, found.report.problems()
    assert found.flat is not None
    return [f"{edge.source} > {edge.target}" for edge in found.flat.definition.edges]


def problems(graph: Any, graphs: Mapping[str, Any] | None = None, limits: EngineLimits = LIMITS) -> list[Any]:
    """Codes and places of what is wrong with a graph before its components are looked at."""
    return [(each.code, each.path) for each in read(graph, graphs, limits).report.problems()]


def everything_wrong(graph: Any) -> list[tuple[str, str]]:
    """Codes and places of all that is wrong with a graph."""
    _, found = trio.run(find_problems, graph, KNOWN, LIMITS)
    return [(each.code, each.path) for each in found]


def test_ids_become_paths_however_deep() -> None:
    """A node of a graph inside a graph inside a graph has the path of all of them."""
    inner = part({"p": {"graph": PAIR}}, ports=ports({"in": "p:in"}, {"out": "p:out"}))
    outer = document({"x": "forward", "q": {"graph": inner}}, ("x:out > q:in",))
    found = read(outer).flat
    assert found is not None
    assert [each.id for each in found.definition.nodes] == ["x", "q/p/a", "q/p/b"]
    assert found.uses == {"q": "", "q/p": ""}
    assert flat_edges(outer) == ["x:out > q/p/a:in", "q/p/a:out > q/p/b:in"]


def test_a_port_may_stand_for_several() -> None:
    """An edge to it leads to all of them, an edge from it comes from all of them."""
    wide = part(
        {"a": "forward", "b": "forward"},
        ports=ports({"in": ["a:in", "b:other"]}, {"out": ["a:out", "b:out"]}),
    )
    graph = document({"x": "forward", "w": {"graph": wide}, "y": "forward"}, ("x:out > w:in", "w:out > y:in"))
    assert flat_edges(graph) == [
        "x:out > w/a:in",
        "x:out > w/b:other",
        "w/a:out > y:in",
        "w/b:out > y:in",
    ]


def test_a_name_is_looked_up_once_and_used_many_times() -> None:
    """Fifty uses of a graph are fifty copies of what was read once."""
    named = Named({"pair": PAIR})
    nodes = {f"p{index}": "graph:pair@^1" for index in range(50)}
    found = trio.run(read_graph, document(nodes), LIMITS, named)
    assert found.flat is not None
    assert len(found.flat.definition.nodes) == 100
    assert named.asked == [("pair", "^1")]


def test_errors_leave_by_the_innermost_graph_that_is_connected() -> None:
    """What is taken inside stays inside; the rest leaves where an edge leads away."""
    inner = part({"a": "forward", "b": "forward", "c": "forward"}, ("a:error > c:in",))
    outer = part({"i": {"graph": inner}, "d": "forward"})
    graph = document({"o": {"graph": outer}, "far": "forward"}, ("o:error > far:in",))
    assert flat_edges(graph) == [
        "o/i/b:error > far:in",
        "o/i/c:error > far:in",
        "o/d:error > far:in",
        "o/i/a:error > o/i/c:in",
    ]
    outer["edges"] = [{"source": {"node": "i", "port": "error"}, "target": {"node": "d", "port": "in"}}]
    assert sorted(flat_edges(graph)) == [
        "o/d:error > far:in",
        "o/i/a:error > o/i/c:in",
        "o/i/b:error > o/d:in",
        "o/i/c:error > o/d:in",
    ]


def test_an_error_that_a_port_leads_out_is_taken_there() -> None:
    """One that a port of its own leads to somebody does not leave by ``error`` as well."""
    inner = part({"a": "forward", "b": "forward"}, ports=ports({}, {"failed": "a:error"}))
    nodes = {"i": {"graph": inner}, "x": "forward", "y": "forward"}
    both = document(nodes, ("i:failed > x:in", "i:error > y:in"))
    assert flat_edges(both) == ["i/a:error > x:in", "i/b:error > y:in"]
    assert flat_edges(document(nodes, ("i:error > y:in",))) == ["i/a:error > y:in", "i/b:error > y:in"]


def test_a_use_says_what_an_error_does_inside() -> None:
    """Unless it is said there, nearer by."""
    inner = part({"a": "forward", "b": node("forward", onError="fail"), "c": {"graph": PAIR}})
    inner["nodes"][2]["onError"] = "continue"
    retry = {"maxAttempts": 7, "backoffMs": 1}
    found = read(document({"x": "forward", "i": {"graph": inner, "onError": "retry", "retry": retry}})).flat
    assert found is not None
    said = {each.id: (each.on_error, each.retry.max_attempts) for each in found.definition.nodes}
    assert said == {
        "x": (None, 3),
        "i/a": ("retry", 7),
        "i/b": ("fail", 3),
        "i/c/a": ("continue", 3),
        "i/c/b": ("continue", 3),
    }


def test_values_of_parameters_reach_every_depth() -> None:
    """A use gives values, defaults fill in the others, and the use inside is given what it asks for."""
    inner = part({"a": "forward"}, parameters={"rate": {"type": "number"}, "unit": {"default": "EUR"}})
    outer = part({"i": {"graph": inner, "config": {"rate": "${param.rate}"}}}, parameters={"rate": {"default": 1}})
    found = read(document({"x": "forward", "o": {"graph": outer, "config": {"rate": 2.5}}, "p": {"graph": outer}}))
    flat = found.flat
    assert flat is not None
    filling = Filling(NOTHING_AROUND, LIMITS, found.report, is_executed=False)
    known = at_once(filling.parameters(flat.scopes, {}))
    scopes = {
        each.id: known[scope].values for each, scope in zip(flat.definition.nodes, flat.scope_of, strict=True)
    }
    assert scopes == {"x": {}, "o/i/a": {"rate": 2.5, "unit": "EUR"}, "p/i/a": {"rate": 1, "unit": "EUR"}}


RATED = part(
    {"a": "forward"},
    parameters={"rate": {"type": "number", "minimum": 0}, "unit": {"enum": ["EUR"], "default": "EUR"}},
)


@pytest.mark.parametrize(
    ("config", "code", "place"),
    [
        ({}, "config.missing_key", "rate"),
        ({"rate": "x"}, "config.misfit", "rate"),
        ({"rate": -1}, "config.misfit", "rate"),
        ({"rate": 1, "unit": "USD"}, "config.misfit", "unit"),
        ({"rate": 1, "units": "EUR"}, "config.unknown_key", "units"),
        ({"rate": "${param.none}"}, "placeholder.unknown", "rate"),
    ],
)
def test_values_are_held_against_the_parameters(config: dict[str, Any], code: str, place: str) -> None:
    """A wrong one is told at the node that gives it."""
    graph = document({"i": {"graph": RATED, "config": config}})
    _, found = trio.run(find_problems, graph, KNOWN, LIMITS)
    assert (code, f"nodes[0].config.{place}") in [(each.code, each.path) for each in found]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"a b": {}}, ("parameter.wrong_name", "parameters.a b")),
        ({"a": 5}, ("parameter.wrong_type", "parameters.a")),
        ({"a": {"type": "nubmer"}}, ("parameter.invalid_schema", "parameters.a")),
        ({"a": {"type": "number", "default": "x"}}, ("parameter.wrong_default", "parameters.a.default")),
        ({"a": {"$ref": "http://127.0.0.1/x"}}, ("parameter.invalid_schema", "parameters.a")),
        ({str(index): {} for index in range(201)}, ("parameter.too_many", "parameters")),
        ({f"a{index}": {"enum": ["x" * 500]} for index in range(150)}, ("parameter.too_large", "parameters")),
    ],
)
def test_parameters_are_checked(parameters: dict[str, Any], problem: tuple[str, str]) -> None:
    """What is declared has a name, a schema that is one, and a default that fits."""
    assert problem in problems({**document({"a": "forward"}), "parameters": parameters})


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"edges": ["x:out > p:on"]}, ("edge.unknown_port", "edges[0].target.port")),
        ({"edges": ["p:in > x:in"]}, ("edge.unknown_port", "edges[0].source.port")),
        ({"edges": ["x:out > p/a:in"]}, ("edge.unknown_node", "edges[0].target.node")),
        ({"edges": ["x:out > z:in"]}, ("edge.unknown_node", "edges[0].target.node")),
        ({"p": {"graph": PAIR, "concurrency": 2}}, ("node.not_for_graphs", "nodes[1].concurrency")),
        ({"p": {"graph": PAIR, "inbox": {"capacity": 3}}}, ("node.not_for_graphs", "nodes[1].inbox")),
        ({"p": {"graph": PAIR, "component": "forward"}}, ("node.two_components", "nodes[1].component")),
        ({"p": {"graph": []}}, ("node.wrong_type", "nodes[1].graph")),
        ({"p": {"graph": {"nodes": []}}}, ("graph.empty", "nodes[1].graph.nodes")),
        ({"p": {"graph": {**PAIR, "nods": 1}}}, ("graph.unknown_field", "nodes[1].graph.nods")),
        ({"p": "graph:none"}, ("node.unknown_graph", "nodes[1].component")),
        ({"p": "graph:"}, ("node.wrong_reference", "nodes[1].component")),
        ({"p": "graph:pair@"}, ("node.wrong_reference", "nodes[1].component")),
        ({"p": "graph:pair@latest"}, ("node.wrong_reference", "nodes[1].component")),
        ({"p": "graph:broken"}, ("graph.missing_nodes", "nodes[1].component(broken).nodes")),
        ({"p": "graph:text"}, ("graph.wrong_type", "nodes[1].component(text)")),
        ({"p/a": "forward"}, ("node.duplicate_id", "nodes[2].id")),
    ],
)
def test_what_is_wrong_with_a_use_is_told_where_it_is_written(
    change: dict[str, Any], problem: tuple[str, str]
) -> None:
    """At its node, its edge, or inside the graph that is written out there."""
    nodes = {"x": "forward", "p": {"graph": PAIR}} | {
        key: value for key, value in change.items() if key != "edges"
    }
    graph = document(nodes, change.get("edges", ()))
    found = problems(
        graph, {"pair": PAIR, "broken": {"symbia": "1.0", "name": "broken", "edges": []}, "text": "x"}
    )
    assert problem in (found if problem[0] != "node.duplicate_id" else everything_wrong(graph))


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"in": "z:in"}, ("edge.unknown_node", "inputs[0].bind.node")),
        ({"in": "a:nope"}, ("edge.unknown_port", "inputs[0].bind.port")),
        ({"in": ["a:in", "a:in"]}, ("port.duplicate_end", "inputs[0].bind")),
        ({"in": []}, ("port.unbound", "inputs[0].bind")),
        ({"": "a:in"}, ("port.wrong_name", "inputs[0].name")),
        ({str(index): "a:in" for index in range(101)}, ("port.too_many", "inputs")),
    ],
)
def test_the_ports_of_a_graph_are_checked(bad: dict[str, Any], problem: tuple[str, str]) -> None:
    """Also of one that nobody uses, and once where it is used often."""
    wrong = part({"a": "forward"}, ports=ports(bad))
    code, place = problem
    assert everything_wrong(wrong) == [(code, f"ports.{place}")]
    used = document({"x": {"graph": wrong}, "y": "forward"})
    assert everything_wrong(used) == [(code, f"nodes[0].graph.ports.{place}")]


@pytest.mark.parametrize(
    ("schema", "code"),
    [({"type": "nubmer"}, "port.invalid_schema"), ({"enum": ["x" * 70_000]}, "port.schema_too_large")],
)
def test_the_schemas_of_ports_are_schemas(schema: dict[str, Any], code: str) -> None:
    """One that is none, or is too large, is refused; the platform's word for everything is taken."""
    graph = part({"a": "forward"}, ports=ports({"in": "a:in", "any": "a:other"}))
    graph["ports"]["inputs"][0]["schema"], graph["ports"]["inputs"][1]["schema"] = schema, {"type": "any"}
    assert everything_wrong(graph) == [(code, "ports.inputs[0].schema")]


def test_what_components_find_wrong_is_told_inside() -> None:
    """An unknown component, and an unknown port of one, stand where they are written."""
    inner = part({"a": "forward", "b": "farward"}, ("a:oot > b:in",))
    assert everything_wrong(document({"x": "forward", "i": {"graph": inner}})) == [
        ("node.unknown_component", "nodes[1].graph.nodes[1].component"),
        ("edge.unknown_port", "nodes[1].graph.edges[0].source.port"),
    ]


def test_a_cycle_through_a_border_is_a_cycle() -> None:
    """And what only looks like one, because a graph has an entrance and an exit, is none."""
    through = document({"p": {"graph": PAIR}, "x": "forward"}, ("p:out > x:in", "x:out > p:in"))
    assert everything_wrong(through) == [("graph.cycle", "edges")]
    apart = part({"a": "forward", "b": "forward"}, ports=ports({"in": "b:in"}, {"out": "a:out"}))
    fine = document({"p": {"graph": apart}, "x": "forward"}, ("p:out > x:in", "x:out > p:in"))
    assert everything_wrong(fine) == []


def test_a_graph_inside_itself_is_refused_with_its_way() -> None:
    """By its name, however many others lie between."""
    a, b = part({"n": "graph:b"}, name="a"), part({"n": "graph:a"}, name="b")
    (problem,) = read(a, {"a": a, "b": b}).report.problems()
    assert (problem.code, problem.message) == (
        "graph.recursion",
        "A graph cannot be inside itself: a -> b -> a",
    )
    assert problems(part({"n": "graph:a"}, name="a"), {"a": a}) == [("graph.recursion", "nodes[0].component")]


def _tower(levels: int) -> dict[str, Any]:
    graph = part({"a": "forward"})
    for _ in range(levels - 1):
        graph = part({"a": {"graph": graph}})
    return graph


def test_depth_is_bounded() -> None:
    """As many graphs in one another as may be, and not one more, written out or by name."""
    deepest = LIMITS.graph_depth
    assert problems(_tower(deepest)) == []
    assert [code for code, _ in problems(_tower(deepest + 1))] == ["graph.too_deep"]
    named = {f"g{index}": part({"a": f"graph:g{index + 1}"}, name=f"g{index}") for index in range(100)}
    assert [code for code, _ in problems(document({"a": "graph:g0"}), named)] == ["graph.too_deep"]


def test_a_billion_nodes_are_refused_before_they_are_built() -> None:
    """Eight graphs of a thousand uses each are weighed by what they would be."""
    named: dict[str, Any] = {"g0": part({f"n{index}": "forward" for index in range(1000)})}
    for level in range(1, 7):
        named[f"g{level}"] = part({f"n{index}": f"graph:g{level - 1}" for index in range(1000)})
    found = read(document({"a": "graph:g6"}), named)
    assert found.flat is None
    assert {each.code for each in found.report.problems()} == {"graph.too_large"}
    assert "1000000000000000000000 nodes; 1000" in found.report.problems()[0].message


@pytest.mark.parametrize("by_port", [True, False])
def test_edges_are_counted_before_they_are_built(by_port: bool) -> None:
    """Ports that stand for many, on both sides of many edges, cannot become millions."""
    names = [f"n{index}" for index in range(120)]
    wide = part(
        dict.fromkeys(names, "forward"),
        ports=ports(
            {f"i{number}": [f"{name}:in" for name in names] for number in range(20)},
            {f"o{number}": [f"{name}:out" for name in names] for number in range(20)},
        ),
    )
    edges = ["p:o0 > q:i0"] if by_port else [f"p:o{number} > q:i{number}" for number in range(20)]
    graph = document({"p": {"graph": wide}, "q": {"graph": wide}}, edges)
    assert ("graph.too_large", "edges") in problems(graph)


def test_bytes_are_counted_for_each_use() -> None:
    """A large configuration that is used often weighs what it would weigh written out."""
    large = part({"a": node("forward", config={"text": "x" * 500_000})})
    graph = document({f"n{index}": "graph:large" for index in range(20)})
    assert problems(graph, {"large": large}) == [("graph.too_large", "nodes")]
