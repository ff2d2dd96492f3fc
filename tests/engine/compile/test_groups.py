"""Who gathers what others take apart, as graphs are loaded."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from engine.builtin.core_each import EACH
from engine.builtin.core_gather import GATHER
from engine.compile.compiler import compile_graph, find_problems
from engine.contracts.component import Component
from engine.limits import EngineLimits
from tests.engine.executions import document
from tests.engine.handlers import Journal, components

PARTS: Mapping[str, Component] = {**components(Journal()), "each": EACH, "gather": GATHER}


async def plan(nodes: Mapping[str, Any], edges: Iterable[str]) -> tuple[dict[str, set[str]], set[str]] | None:
    """Who gathers the groups of each node, and whose messages may have places."""
    graph = await compile_graph(document(nodes, edges), PARTS, EngineLimits(), str)
    if graph.groups is None:
        return None
    names = [each.id for each in graph.nodes]
    gathers = {names[each]: {names[at] for at in nodes} for each, nodes in graph.groups.gathers.items()}
    return gathers, {names[at] for at in graph.groups.grouped}


async def codes(nodes: Mapping[str, Any], edges: Iterable[str]) -> list[tuple[str, str]]:
    """The problems of a graph: codes and paths."""
    _, problems = await find_problems(document(nodes, edges), PARTS, EngineLimits())
    return [(problem.code, problem.path) for problem in problems]


async def test_only_nodes_between_have_places() -> None:
    """What leads to no gather, or comes after it, is as in any other graph."""
    nodes = {"a": "forward", "e": "each", "b": "forward", "aside": "forward", "g": "gather", "z": "forward"}
    edges = ["a:out > e:in", "e:out > b:in", "b:out > g:in", "b:out > aside:in", "g:out > z:in"]
    assert await plan(nodes, edges) == ({"e": {"g"}}, {"b", "g"})


async def test_brackets_nest() -> None:
    """A gather closes what was opened last; the inner pair is between the outer one."""
    nodes = {"e": "each", "e2": "each", "b": "forward", "g2": "gather", "c": "forward", "g": "gather"}
    edges = ["e:out > e2:in", "e2:out > b:in", "b:out > g2:in", "g2:out > c:in", "c:out > g:in"]
    assert await plan(nodes, edges) == ({"e": {"g"}, "e2": {"g2"}}, {"e2", "b", "g2", "c", "g"})


async def test_errors_concern_the_array() -> None:
    """An error of the taking apart, and one of the gathering, concern the array and no item of it."""
    nodes = {"o": "each", "e": "each", "x": "forward", "g": "gather", "h": "gather"}
    edges = [
        "o:out > e:in",
        "e:out > g:in",
        "e:error > x:in",
        "x:out > h:in",
        "g:out > h:in",
        "g:error > h:failed",
    ]
    assert await plan(nodes, edges) == ({"o": {"h"}, "e": {"g"}}, {"e", "x", "g", "h"})


async def test_without_a_gather_there_are_no_groups() -> None:
    """A graph that only takes apart has no plan."""
    assert await plan({"e": "each", "b": "forward"}, ["e:out > b:in"]) is None


@pytest.mark.parametrize(
    "edges",
    [[], ["a:out > g:in"], ["e:error > g:in"], ["e:out > g2:in", "g2:out > g:in"]],
)
async def test_a_gather_without_groups_is_refused(edges: list[str]) -> None:
    """Where nothing that was taken apart can come, the graph is refused, at the node."""
    nodes = {"g": "gather", "a": "forward", "e": "each", **({"g2": "gather"} if "g2" in str(edges) else {})}
    assert await codes(nodes, edges) == [("node.nothing_to_gather", "nodes[0].component")]


async def test_depth_is_bounded() -> None:
    """More groups within groups than there may be refuse the graph."""
    nodes: dict[str, Any] = {f"e{n}": "each" for n in range(18)}
    edges = [f"e{n}:out > e{n + 1}:in" for n in range(17)]
    assert ("node.groups_too_deep", "nodes[17].component") in await codes(
        {**nodes, "g": "gather"}, [*edges, "e17:out > g:in"]
    )
