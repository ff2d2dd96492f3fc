"""Every problem that a graph may have: its code, its path, and all of them at once."""

import time
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.compile.compiler import compile_graph, find_problems
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler
from engine.documents.problem_report import MAX_PROBLEMS
from engine.errors import InvalidGraphError
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, ConfigField, Port, Ports
from tests.engine.executions import document, edge_of
from tests.engine.graphs import pairs_between

LIMITS = EngineLimits(graph_nodes=10, graph_edges=10, name_characters=20, config_bytes=100, inbox_messages=50)


def component(component_id: str, config: dict[str, ConfigField] | None = None) -> Builtin:
    ports = Ports(inputs=(Port("in"),), outputs=(Port("out"),))
    definition = ComponentDefinition(component_id, "A", "1.0.0", ports, Code("builtin"), config=config or {})
    return Builtin(definition, lambda _: Handler())


COMPONENTS = {
    "plain": component("plain"),
    "fussy": component("fussy", {"size": ConfigField(type="integer", required=True, minimum=1)}),
}


def problems_of(graph: Any, limits: EngineLimits = LIMITS) -> list[tuple[str, str]]:
    _, problems = trio.run(find_problems, graph, COMPONENTS, limits)
    return [(problem.code, problem.path) for problem in problems]


def with_node(**fields: Any) -> dict[str, Any]:
    return {**document({}), "nodes": [{"id": "a", "component": "plain", **fields}]}


PAIR: dict[str, Any] = {"a": "plain", "b": "plain"}

CASES: list[tuple[str, Any, list[tuple[str, str]]]] = [
    ("no object", [], [("graph.wrong_type", "")]),
    (
        "nothing at all",
        {},
        [
            ("graph.missing_symbia", "symbia"),
            ("graph.missing_name", "name"),
            ("graph.missing_nodes", "nodes"),
            ("graph.missing_edges", "edges"),
        ],
    ),
    ("a number for a name", {**document(PAIR), "name": 7}, [("graph.wrong_type", "name")]),
    ("a long name", {**document(PAIR), "name": "n" * 21}, [("graph.wrong_type", "name")]),
    ("a number for a version", {**document(PAIR), "version": 7}, [("graph.wrong_type", "version")]),
    ("text for metadata", {**document(PAIR), "metadata": "x"}, [("graph.wrong_type", "metadata")]),
    ("no nodes", document({}), [("graph.empty", "nodes")]),
    (
        "no nodes and no edges array",
        {"symbia": "1", "name": "n", "nodes": []},
        [("graph.missing_edges", "edges"), ("graph.empty", "nodes")],
    ),
    ("too many nodes", document({str(i): "plain" for i in range(11)}), [("graph.too_large", "nodes")]),
    ("too many edges", {**document(PAIR), "edges": [1] * 11}, [("graph.too_large", "edges")]),
    ("a node without id", with_node(id=""), [("node.missing_id", "nodes[0].id")]),
    ("a node without component", with_node(component=None), [("node.missing_component", "nodes[0].component")]),
    ("a node that is no object", {**document({}), "nodes": [3]}, [("node.wrong_type", "nodes[0]")]),
    ("a config that is no object", with_node(config=3), [("node.wrong_type", "nodes[0].config")]),
    ("an unknown onError", with_node(onError="shrug"), [("node.wrong_type", "nodes[0].onError")]),
    ("no attempt", with_node(retry={"maxAttempts": 0}), [("node.wrong_type", "nodes[0].retry.maxAttempts")]),
    ("an unknown inbox key", with_node(inbox={"size": 1}), [("node.wrong_type", "nodes[0].inbox")]),
    ("an unknown overflow", with_node(inbox={"overflow": "x"}), [("node.wrong_type", "nodes[0].inbox.overflow")]),
    (
        "an inbox for nothing",
        with_node(inbox={"capacity": 0}),
        [("node.inbox_out_of_range", "nodes[0].inbox.capacity")],
    ),
    (
        "an inbox for too much",
        with_node(inbox={"capacity": 51}),
        [("node.inbox_out_of_range", "nodes[0].inbox.capacity")],
    ),
    ("a long id", with_node(id="a" * 21), [("node.name_too_long", "nodes[0].id")]),
    ("a long display name", with_node(name="a" * 21), [("node.name_too_long", "nodes[0].name")]),
    ("a large config", with_node(config={"x": "y" * 99}), [("node.config_too_large", "nodes[0].config")]),
    ("an unknown component", with_node(component="plein"), [("node.unknown_component", "nodes[0].component")]),
    ("a missing key", with_node(component="fussy"), [("config.missing_key", "nodes[0].config.size")]),
    (
        "wrong keys",
        with_node(component="fussy", config={"size": 0, "sise": 1}),
        [("config.out_of_range", "nodes[0].config.size"), ("config.unknown_key", "nodes[0].config.sise")],
    ),
    (
        "one id for two nodes",
        {**document({}), "nodes": [{"id": "a", "component": "plain"}] * 2},
        [("node.duplicate_id", "nodes[1].id")],
    ),
    (
        "an edge without ends",
        {**document(PAIR), "edges": [{}]},
        [
            ("edge.missing_end", "edges[0].source"),
            ("edge.missing_end", "edges[0].target"),
        ],
    ),
    ("an edge that is no object", {**document(PAIR), "edges": ["a"]}, [("edge.wrong_type", "edges[0]")]),
    (
        "an end that is no object",
        {**document(PAIR), "edges": [{"source": "a", "target": {"node": "b", "port": "in"}}]},
        [("edge.wrong_type", "edges[0].source")],
    ),
    ("a dangling edge", document(PAIR, ["a:out > z:in"]), [("edge.unknown_node", "edges[0].target.node")]),
    ("an edge from nowhere", document(PAIR, ["z:out > a:in"]), [("edge.unknown_node", "edges[0].source.node")]),
    ("an unknown input", document(PAIR, ["a:out > b:inn"]), [("edge.unknown_port", "edges[0].target.port")]),
    ("an unknown output", document(PAIR, ["a:in > b:in"]), [("edge.unknown_port", "edges[0].source.port")]),
    ("the same edge twice", document(PAIR, ["a:out > b:in"] * 2), [("edge.duplicate", "edges[1]")]),
    (
        "one id for two edges",
        {
            **document({**PAIR, "c": "plain"}),
            "edges": [{**edge_of("a:out > b:in"), "id": "e"}, {**edge_of("b:out > c:in"), "id": "e"}],
        },
        [("edge.duplicate_id", "edges[1].id")],
    ),
    ("a cycle", document(PAIR, ["a:out > b:in", "b:out > a:in"]), [("graph.cycle", "edges")]),
    ("an edge from the implicit error port", document(PAIR, ["a:error > b:in"]), []),
    ("a graph", document(PAIR, ["a:out > b:in"]), []),
]


@pytest.mark.parametrize(("graph", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_problem_has_its_code_and_its_place(graph: Any, expected: list[tuple[str, str]]) -> None:
    """Each thing that can be wrong is reported with its code and its path, and nothing else is."""
    assert problems_of(graph) == expected


def test_all_problems_of_one_document_come_at_once() -> None:
    """One document with a problem of every part is answered with all of them."""
    graph = {
        "symbia": "",
        "name": "n",
        "version": 1,
        "nodes": [
            {"id": "a", "component": "plain", "config": 1},
            {"id": "b", "component": "nobody"},
            {"component": "plain"},
            {"id": "c", "component": "fussy"},
            {"id": "c", "component": "plain"},
        ],
        "edges": [{}, edge_of("a:out > b:in"), edge_of("c:out > c:in"), edge_of("c:zzz > y:in")],
    }
    assert problems_of(graph) == [
        ("graph.missing_symbia", "symbia"),
        ("node.wrong_type", "nodes[0].config"),
        ("node.missing_id", "nodes[2].id"),
        ("edge.missing_end", "edges[0].source"),
        ("edge.missing_end", "edges[0].target"),
        ("graph.wrong_type", "version"),
        ("node.unknown_component", "nodes[1].component"),
        ("config.missing_key", "nodes[3].config.size"),
        ("node.duplicate_id", "nodes[4].id"),
        ("edge.unknown_port", "edges[3].source.port"),
        ("edge.unknown_node", "edges[3].target.node"),
        ("graph.cycle", "edges"),
    ]


def test_a_refused_graph_carries_every_problem() -> None:
    """``compile_graph`` refuses with all problems in one error, and one sentence for each in its text."""
    with pytest.raises(InvalidGraphError) as caught:
        trio.run(compile_graph, document({"a": "plein", "b": "fussy"}), COMPONENTS, LIMITS, lambda: "now")
    assert [problem.code for problem in caught.value.problems] == ["node.unknown_component", "config.missing_key"]
    assert "a -> plein; did you mean plain?" in str(caught.value)


def test_a_graph_of_cycles_is_answered_briefly() -> None:
    """Thousands of long cycles do not make an answer of gigabytes."""
    names = [f"{index:0>200}" for index in range(1000)]
    back = [(source, target) for source in names[500:] for target in names[:18]]
    graph = {
        **document(dict.fromkeys(names, "plain")),
        "edges": [edge_of(f"{source}:out > {target}:in") for source, target in pairs_between(names) + back],
    }
    _, problems = trio.run(find_problems, graph, COMPONENTS, EngineLimits())
    assert {problem.code for problem in problems} == {"graph.cycle"}
    assert 0 < len(problems) <= 20
    assert sum(len(problem.message) for problem in problems) < 100_000


def test_a_graph_of_unknown_components_is_answered_soon() -> None:
    """A thousand unknown components among a thousand known ones do not hold up everybody else."""
    known = {f"vendor.family.component-{index}": COMPONENTS["plain"] for index in range(1000)}
    graph = document({str(index): f"vendor.family.componend-{index}" for index in range(1000)})
    began = time.process_time()
    _, problems = trio.run(find_problems, graph, known, EngineLimits())
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "There are 900 further problems; repair these first"
    assert time.process_time() - began < 5, "it took a minute and more"


def test_a_config_of_unknown_keys_is_answered_soon() -> None:
    """Thousands of unknown keys of a component with a hundred known ones do not hold up everybody else."""
    known = {"wide": component("wide", {f"key-number-{index}": ConfigField() for index in range(100)})}
    config = {f"kee-number-{index}": 1 for index in range(5000)}
    graph = document({"a": {"component": "wide", "config": config}})
    began = time.process_time()
    _, problems = trio.run(find_problems, graph, known, EngineLimits())
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message == "There are 4900 further problems; repair these first"
    assert time.process_time() - began < 3, "it took ten seconds and more"


def test_a_large_graph_compiles_soon() -> None:
    """Compiling a graph takes time by the sum of its nodes and edges, not by their product."""
    names = [f"n{index}" for index in range(3000)]
    pairs = [(names[low], names[low + step]) for step in range(1, 11) for low in range(3000 - step)]
    graph = {
        **document(dict.fromkeys(names, "plain")),
        "edges": [edge_of(f"{source}:out > {target}:in") for source, target in pairs],
    }
    limits = EngineLimits(graph_nodes=3000, graph_edges=30_000)
    began = time.process_time()
    loaded = trio.run(compile_graph, graph, COMPONENTS, limits, lambda: "now")
    assert time.process_time() - began < 4, "it took ten seconds and more"
    assert sum(len(targets) for item in loaded.nodes for targets in item.routes) == len(pairs)
    assert len(loaded.nodes[500].incoming) == 10


GRAPH_KEYS = ("symbia", "name", "nodes", "edges", "id", "component", "config", "source", "target", "node", "port")
NODE_KEYS = ("retry", "inbox", "capacity", "overflow", "onError", "maxAttempts", "concurrency", "validate")
KEYS = st.sampled_from((*GRAPH_KEYS, *NODE_KEYS))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["plain", "fussy", "a", "b", "in", "out", "error", "block", "retry", 10**30]),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
NODE_LIKE = st.fixed_dictionaries(
    {"id": st.sampled_from(["a", "b", "c"]), "component": st.sampled_from(["plain", "fussy", "other"])},
    optional={"config": VALUES, "retry": VALUES, "inbox": VALUES, "onError": VALUES, "name": VALUES},
)
END_LIKE = st.fixed_dictionaries(
    {"node": st.sampled_from(["a", "b", "c", "d"]), "port": st.sampled_from(["in", "out", "error"])}
)
GRAPH_LIKE = st.fixed_dictionaries(
    {
        "symbia": st.just("1.0") | VALUES,
        "name": st.just("n") | VALUES,
        "nodes": st.lists(NODE_LIKE | VALUES, max_size=5) | VALUES,
        "edges": st.lists(st.fixed_dictionaries({"source": END_LIKE, "target": END_LIKE}) | VALUES, max_size=5),
    },
    optional={"metadata": VALUES, "version": VALUES, "description": VALUES},
)


@settings(max_examples=300)
@given(GRAPH_LIKE | VALUES)
def test_any_json_value_is_a_graph_or_has_problems(graph: Any) -> None:
    """Whatever JSON comes, it compiles, or it is refused with problems that each say what and where."""
    _, problems = trio.run(find_problems, graph, COMPONENTS, LIMITS)
    if problems:
        assert all(problem.code and problem.message for problem in problems)
        places = [problem.path for problem in problems if problem.path.startswith("nodes[")]
        assert all(int(place[6 : place.index("]")]) < len(graph["nodes"]) for place in places)
        with pytest.raises(InvalidGraphError) as caught:
            trio.run(compile_graph, graph, COMPONENTS, LIMITS, lambda: "now")
        assert list(caught.value.problems) == problems
    else:
        loaded = trio.run(compile_graph, graph, COMPONENTS, LIMITS, lambda: "now")
        assert sorted(loaded.order) == list(range(len(loaded.nodes)))
