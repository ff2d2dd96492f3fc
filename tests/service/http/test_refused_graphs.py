"""Graphs that cannot be loaded: each refusal names the place, all come at once, and nothing is stored."""

from typing import Any

import pytest

from tests.service.serving import QUICK_REFERENCE, Service, open_service


def _edge(source: str, target: str) -> dict[str, Any]:
    source_node, source_port = source.split(":")
    target_node, target_port = target.split(":")
    return {
        "source": {"node": source_node, "port": source_port},
        "target": {"node": target_node, "port": target_port},
    }


def _with(**fields: Any) -> dict[str, Any]:
    return {**QUICK_REFERENCE, **fields}


NODES = QUICK_REFERENCE["nodes"]
EDGES = QUICK_REFERENCE["edges"]

# What is wrong: the graph, the path of the problem, and a word of its message.
WRONG: dict[str, tuple[Any, str, str]] = {
    "cycle": (_with(edges=[*EDGES, _edge("output:out", "input:in")]), "edges", "cycle"),
    "unknown component": (
        _with(nodes=[*NODES, {"id": "x", "component": "symbia.core.nothing"}]),
        "nodes[3].component",
        "symbia.core.nothing",
    ),
    "dangling edge": (_with(edges=[*EDGES, _edge("ghost:out", "output:in")]), "edges[2].source.node", "ghost"),
    "unknown output port": (_with(edges=[_edge("input:nowhere", "double:in")]), "edges[0].source.port", "nowhere"),
    "unknown input port": (_with(edges=[_edge("input:out", "double:nowhere")]), "edges[0].target.port", "nowhere"),
    "duplicate id": (_with(nodes=[*NODES, NODES[0]]), "nodes[3].id", "input"),
    "expression syntax": (
        _with(nodes=[NODES[0], {**NODES[1], "config": {"expression": "value *"}}, NODES[2]]),
        "nodes[1].config.expression",
        "",
    ),
    "empty object": ({}, "symbia", "Graph missing symbia version"),
}


async def _assert_nothing_stored(service: Service) -> None:
    listed = (await service.client.get("/api/graphs")).json()
    assert (listed["loadedGraphs"], listed["graphs"]) == (0, [])


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_graph_is_refused_with_its_place(case: str) -> None:
    """Status 400, a problem whose path is the place and whose message says what, and nothing is kept."""
    graph, path, word = WRONG[case]
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json=graph)
        body = reply.json()
        assert (reply.status_code, body["code"]) == (400, "graph.invalid")
        found = [problem for problem in body["problems"] if problem["path"] == path and word in problem["message"]]
        assert found, body
        assert all(problem["code"] and problem["message"] for problem in body["problems"])
        await _assert_nothing_stored(service)


async def test_all_problems_come_in_one_answer() -> None:
    """A graph that is wrong in four ways is told all four."""
    graph = _with(
        nodes=[
            NODES[0],
            NODES[0],
            {"id": "double", "component": "symbia.core.map", "config": {"expression": "value *"}},
            {"id": "output", "component": "symbia.core.nothing"},
        ],
        edges=[_edge("ghost:out", "double:in")],
    )
    async with open_service() as service:
        problems = (await service.client.post("/api/graphs", json=graph)).json()["problems"]
        paths = {problem["path"] for problem in problems}
        assert {"nodes[1].id", "nodes[2].config.expression", "nodes[3].component", "edges[0].source.node"} <= paths
        await _assert_nothing_stored(service)


async def test_a_body_that_is_no_json_is_refused() -> None:
    """Status 400, with the place in the text, and nothing is kept."""
    async with open_service() as service:
        reply = await service.client.post(
            "/api/graphs", content=b'{"symbia": ', headers={"Content-Type": "application/json"}
        )
        assert (reply.status_code, reply.json()["code"]) == (400, "body.unreadable")
        assert "JSON" in reply.json()["error"]
        await _assert_nothing_stored(service)


async def test_a_graph_without_a_version_is_told_so_first() -> None:
    """The platform's clients read this very sentence."""
    async with open_service() as service:
        reply = await service.client.post("/api/graphs", json={})
        assert reply.json()["error"] == "Graph missing symbia version"
