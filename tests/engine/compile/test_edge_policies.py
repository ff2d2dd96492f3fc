"""Policies of edges in documents: what is wrong with them, and what they mean."""

from math import inf
from typing import Any

import pytest
import trio

from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.compile.compiler import compile_graph, find_problems
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.component import Component
from engine.limits import EngineLimits
from tests.engine.compile.test_validation import component
from tests.engine.executions import document

LIMITS = EngineLimits(inbox_messages=50, inbox_bytes=1_000)
COMPONENTS: dict[str, Component] = {"plain": component("plain")}
NODES: dict[str, Any] = {"a": "plain", "b": "plain", "late": "plain"}
LATE = {"node": "late", "port": "in"}


def with_policy(policy: Any, *more: str) -> dict[str, Any]:
    graph = document(NODES, ["a:out > b:in", *more])
    graph["edges"][0]["policy"] = policy
    return graph


def problems_of(graph: Any, limits: EngineLimits = LIMITS) -> list[tuple[str, str, str]]:
    _, problems = trio.run(find_problems, graph, COMPONENTS, limits)
    return [(problem.code, problem.path, problem.message) for problem in problems]


def compiled(graph: Any) -> LoadedGraph:
    return trio.run(compile_graph, graph, COMPONENTS, LIMITS, lambda: "now")


@pytest.mark.parametrize(
    ("policy", "code", "place", "words"),
    [
        (3, "edge.wrong_type", "", "got `int`"),
        ({"capcity": 3}, "edge.wrong_type", "", "did you mean capacity?"),
        ({"capacity": 0}, "edge.wrong_type", ".capacity", ">= 1"),
        ({"capacity": True}, "edge.wrong_type", ".capacity", "got `bool`"),
        ({"capacity": 51}, "edge.policy_out_of_range", ".capacity", "1 to 50 messages"),
        ({"capacity": 10**30}, "edge.policy_out_of_range", ".capacity", "1 to 50 messages"),
        ({"bytes": 1_001}, "edge.policy_out_of_range", ".bytes", "1 to 1000 bytes"),
        ({"bytes": 0}, "edge.wrong_type", ".bytes", ">= 1"),
        ({"overflow": "dead-leter"}, "edge.wrong_type", ".overflow", '"dead-letter"'),
        ({"expireMs": 0}, "edge.wrong_type", ".expireMs", "> 0"),
        ({"expireMs": 1e12}, "edge.wrong_type", ".expireMs", "604800000"),
        ({"priority": 256}, "edge.wrong_type", ".priority", "<= 255"),
        ({"priority": -1}, "edge.wrong_type", ".priority", ">= 0"),
        ({"priority": ""}, "edge.wrong_type", ".priority", "length >= 1"),
        ({"priority": "a..b"}, "edge.policy_out_of_range", ".priority", "such as a.b, not a..b"),
        ({"priority": ".".join("a" * 17)}, "edge.policy_out_of_range", ".priority", "one to 16 names"),
        ({"overflow": "dead-letter"}, "edge.no_dead_letter", ".deadLetter", "there is none"),
        ({"deadLetter": LATE}, "edge.dead_letter_unused", ".deadLetter", "overflow: dead-letter, or expireMs"),
        (
            {"expireMs": 5, "deadLetter": {"node": "b", "port": "in"}},
            "edge.dead_letter_to_itself",
            ".deadLetter",
            "to b:in",
        ),
        ({"expireMs": 5, "deadLetter": {"node": "late"}}, "edge.wrong_type", ".deadLetter", "`port`"),
        (
            {"expireMs": 5, "deadLetter": {"node": "lat", "port": "in"}},
            "edge.unknown_node",
            ".deadLetter.node",
            "unknown target node: lat",
        ),
        (
            {"expireMs": 5, "deadLetter": {"node": "late", "port": "im"}},
            "edge.unknown_port",
            ".deadLetter.port",
            "no input port im; it has in",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_at_its_place(policy: Any, code: str, place: str, words: str) -> None:
    """Once, with what would be right."""
    ((found, path, message),) = problems_of(with_policy(policy))
    assert (found, path) == (code, f"edges[0].policy{place}")
    assert words in message


def test_the_way_of_dead_letters_makes_no_cycle() -> None:
    """It leads from where the edge begins: to a node before that would go round."""
    graph = document({**NODES, "first": "plain"}, ["first:out > a:in", "a:out > b:in"])
    graph["edges"][1]["policy"] = {"expireMs": 5, "deadLetter": {"node": "first", "port": "in"}}
    ((code, _, message),) = problems_of(graph)
    assert code == "graph.cycle"
    assert "a -> first -> a" in message


def test_ways_of_dead_letters_count_as_edges() -> None:
    """A graph has so many edges, those that its author has not drawn among them."""
    graph = with_policy({"expireMs": 5, "deadLetter": LATE})
    limits = EngineLimits(graph_edges=1)
    assert [code for code, _, _ in problems_of(graph, limits)] == ["graph.too_large"]


def test_what_a_policy_leaves_open_the_inbox_of_the_target_says() -> None:
    """Its capacity, and what it does when it is full; to reject is for injections, and blocks what is sent."""
    graph = document(
        {"a": "plain", "b": {"component": "plain", "inbox": {"capacity": 7, "overflow": "drop-newest"}}},
        ["a:out > b:in"],
    )
    graph["edges"][0]["policy"] = {"expireMs": 500, "priority": "x.y"}
    (rules,) = compiled(graph).policies.values()
    assert (rules.capacity, rules.size_bytes, rules.overflow) == (7, 1_000, "drop-newest")
    assert (rules.expire_seconds, rules.priority, rules.field) == (0.5, 0, ("x", "y"))
    graph["nodes"][1]["inbox"] = {"overflow": "reject"}
    graph["edges"][0]["policy"] = {"priority": 3}
    (rules,) = compiled(graph).policies.values()
    assert (rules.capacity, rules.overflow, rules.priority, rules.field) == (50, "block", 3, ())
    assert rules.expire_seconds == inf


def test_the_way_of_dead_letters_is_an_edge_that_nothing_emitted_takes() -> None:
    """It stands behind the author's edges, whose places stay; and no port feeds it."""
    graph = compiled(with_policy({"expireMs": 5, "deadLetter": LATE}, "b:out > late:in"))
    assert [(str(edge.source), str(edge.target)) for edge in graph.edges] == [
        ("a:out", "b:in"),
        ("b:out", "late:in"),
        ("a:out", "late:in"),
    ]
    assert graph.letters_of == {2: 0}
    assert [target.edge for node in graph.nodes for targets in node.routes for target in targets] == [0, 1]
    assert len(graph.definition.edges) == 2
    assert graph.topology.sorted == ("a", "b", "late")


def test_policies_of_edges_to_and_in_graphs_inside_hold_there() -> None:
    """An edge to a graph becomes one to each port that it feeds, each with the policy; names are those inside."""
    inner = {
        "nodes": [{"id": name, "component": "plain"} for name in ("x", "y", "late")],
        "edges": [
            {
                "source": {"node": "x", "port": "out"},
                "target": {"node": "y", "port": "in"},
                "policy": {"capacity": 2, "overflow": "dead-letter", "deadLetter": LATE},
            }
        ],
        "ports": {
            "inputs": [{"name": "go", "bind": [{"node": "x", "port": "in"}, {"node": "late", "port": "in"}]}]
        },
    }
    graph = {
        **document({"a": "plain", "late": "plain"}, ["a:out > sub:go"]),
        "nodes": [
            {"id": "a", "component": "plain"},
            {"id": "sub", "graph": inner},
            {"id": "late", "component": "plain"},
        ],
    }
    graph["edges"][0]["policy"] = {"expireMs": 5, "deadLetter": LATE}
    loaded = compiled(graph)
    named = {
        index: str(edge) for index, edge in enumerate(f"{edge.source}>{edge.target}" for edge in loaded.edges)
    }
    found = {
        named[index]: [named[target.edge] for target in rules.letters] for index, rules in loaded.policies.items()
    }
    assert found == {
        "a:out>sub/x:in": ["a:out>late:in"],
        "a:out>sub/late:in": ["a:out>late:in"],
        "sub/x:out>sub/y:in": ["sub/x:out>sub/late:in"],
    }
    graph["edges"][0]["policy"] = {"capacity": 51}
    assert [(code, path) for code, path, _ in problems_of(graph)] == [
        ("edge.policy_out_of_range", "edges[0].policy.capacity")
    ]


def test_dead_letters_may_go_to_a_graph_inside() -> None:
    """To each port that its port feeds."""
    inner = {
        "nodes": [{"id": name, "component": "plain"} for name in ("x", "y")],
        "edges": [],
        "ports": {"inputs": [{"name": "go", "bind": [{"node": "x", "port": "in"}, {"node": "y", "port": "in"}]}]},
    }
    graph = document({"a": "plain", "b": "plain"}, ["a:out > b:in"])
    graph["nodes"].append({"id": "sub", "graph": inner})
    graph["edges"][0]["policy"] = {"expireMs": 5, "deadLetter": {"node": "sub", "port": "go"}}
    (rules,) = compiled(graph).policies.values()
    assert [compiled(graph).nodes[target.node].id for target in rules.letters] == ["sub/x", "sub/y"]
    graph["edges"][0]["policy"]["deadLetter"]["port"] = "gone"
    ((code, path, _),) = problems_of(graph)
    assert (code, path) == ("edge.unknown_port", "edges[0].policy.deadLetter.port")


def test_an_array_that_is_taken_apart_waits_by_the_policy() -> None:
    """An edge to a node with forEach leads to what takes the array apart, with its policy."""
    graph = with_policy({"capacity": 3})
    graph["nodes"][1]["forEach"] = True
    components: dict[str, Component] = {**COMPONENTS, "symbia.core.each": EACH, "symbia.core.gather": GATHER}
    loaded = trio.run(compile_graph, graph, components, LIMITS, lambda: "now")
    ((index, rules),) = loaded.policies.items()
    assert (str(loaded.edges[index].target), rules.capacity) == ("b/(each):in", 3)
