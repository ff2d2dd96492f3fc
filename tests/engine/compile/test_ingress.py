"""The ingress that a graph declares is looked at when the graph is loaded."""

from typing import Any

import pytest
import trio

from engine.compile.compiler import find_problems
from engine.compile.ingress import Ingress, ingress_of, is_declared
from engine.contracts.component import Builtin
from engine.contracts.handler import Handler
from engine.limits import EngineLimits
from proto.component import Code, ComponentDefinition, Port, Ports

COMPONENTS = {
    "plain": Builtin(
        ComponentDefinition("plain", "P", "1.0.0", Ports((Port("in"), Port("side")), ()), Code("builtin")),
        lambda _: Handler(),
    )
}


def problems_of(ingress: Any, node: dict[str, Any] | None = None) -> list[tuple[str, str, str]]:
    nodes = [{"id": "entry", "component": "plain"}, node or {"id": "other", "component": "plain"}]
    document = {"symbia": "1.0", "name": "G", "nodes": nodes, "edges": [], "metadata": {"ingress": ingress}}
    _, problems = trio.run(find_problems, document, COMPONENTS, EngineLimits())
    return [(problem.code, problem.path, problem.message) for problem in problems]


@pytest.mark.parametrize(
    "ingress",
    [
        None,
        {},
        {"node": "other"},
        {"port": "side"},
        {
            "node": "other",
            "port": "side",
            "capability": "cap:x",
            "description": "d",
            "owner": ["the author's own"],
        },
    ],
)
def test_a_right_ingress_is_no_problem(ingress: Any) -> None:
    """All of it may be left away, and what else is in it is the author's own."""
    assert problems_of(ingress) == []


@pytest.mark.parametrize(
    ("ingress", "code", "path", "words"),
    [
        (True, "ingress.wrong_type", "metadata.ingress", "Expected `object`, got `bool`"),
        (["entry"], "ingress.wrong_type", "metadata.ingress", "Expected `object`, got `array`"),
        ({"node": 7}, "ingress.wrong_type", "metadata.ingress.node", "Expected `str`, got `int`"),
        ({"capability": ""}, "ingress.wrong_type", "metadata.ingress.capability", "length >= 1"),
        ({"node": "ghost"}, "ingress.unknown_node", "metadata.ingress.node", "unknown node: ghost"),
        (
            {"port": "out"},
            "ingress.unknown_port",
            "metadata.ingress.port",
            "no input port out for the ingress; it ",
        ),
    ],
)
def test_a_wrong_ingress_is_one_problem_with_its_place(ingress: Any, code: str, path: str, words: str) -> None:
    """The problem says what is wrong, and where in the document."""
    (problem,) = problems_of(ingress)
    assert problem[:2] == (code, path)
    assert words in problem[2]


def test_the_default_node_must_exist_too() -> None:
    """Whoever declares an ingress without a node is told which one was looked for, and why."""
    document = {"symbia": "1.0", "name": "G", "nodes": [{"id": "a", "component": "plain"}], "edges": []}
    _, problems = trio.run(find_problems, {**document, "metadata": {"ingress": {}}}, COMPONENTS, EngineLimits())
    assert [problem.message for problem in problems] == [
        "Ingress at an unknown node: entry, the default where metadata.ingress names no node"
    ]


@pytest.mark.parametrize("node", [{"id": "x"}, {"id": "x", "component": "nothing"}])
def test_a_node_that_is_wrong_itself_is_told_once(node: dict[str, Any]) -> None:
    """The ingress adds nothing to the problem that its node has."""
    codes = [code for code, _, _ in problems_of({"node": "x"}, node)]
    assert codes in (["node.missing_component"], ["node.unknown_component"])


def test_every_graph_has_a_default_ingress() -> None:
    """Without a declaration it is the port in of the node entry; null declares nothing."""
    assert ingress_of({}) == ingress_of({"ingress": None}) == Ingress("entry", "in", None)
    assert not is_declared({"ingress": None})


INSIDE = {
    "id": "other",
    "graph": {
        "nodes": [{"id": "x", "component": "plain"}],
        "edges": [],
        "ports": {"inputs": [{"name": "orders", "bind": {"node": "x", "port": "side"}}]},
    },
}


@pytest.mark.parametrize(
    ("ingress", "path"),
    [
        ({"node": "other", "port": "orders"}, ""),
        ({"node": "other/x", "port": "in"}, ""),
        ({"node": "other"}, "metadata.ingress.port"),
        ({"node": "other/y"}, "metadata.ingress.node"),
    ],
)
def test_an_ingress_may_be_a_port_of_a_graph_inside(ingress: dict[str, Any], path: str) -> None:
    """By the node that uses it, or by the path of a node inside."""
    assert [place for _, place, _ in problems_of(ingress, INSIDE)] == ([path] if path else [])
