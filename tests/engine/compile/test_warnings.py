"""Warnings of graphs: what can be loaded and may not be meant so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from engine.library import Library
from engine.runtime import open_runtime
from proto.graph import GraphVerdict
from tests.service.serving import SQUARE

PASS = "symbia.core.passthrough"
SPLIT = {"condition": "value > 1"}


def node(name: str, component: str = PASS, **fields: Any) -> dict[str, Any]:
    return {"id": name, "component": component, **fields}


def edge(source: str, target: str) -> dict[str, Any]:
    source_node, _, source_port = source.partition(":")
    target_node, _, target_port = target.partition(":")
    return {
        "source": {"node": source_node, "port": source_port or "out"},
        "target": {"node": target_node, "port": target_port or "in"},
    }


def graph(nodes: list[dict[str, Any]], *edges: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"symbia": "1.0", "name": "g", "nodes": nodes, "edges": list(edges), **fields}


@asynccontextmanager
async def library() -> AsyncIterator[Library]:
    async with open_runtime() as runtime:
        await runtime.library.register_component(SQUARE)
        yield runtime.library


async def told(document: Any) -> list[tuple[str, str]]:
    async with library() as known:
        verdict = await known.judge_graph(document)
    assert verdict.errors == ()
    assert verdict.valid
    return [(warning.code, warning.path) for warning in verdict.warnings]


A, B, C = node("a"), node("b"), node("c")
SERVICE = {"role": "service"}
INGRESS = {"ingress": {"node": "a", "port": "in"}}
MAP = node("b", "symbia.core.map", config={"expression": "value"})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (graph([A]), []),
        (graph([A, B], edge("a", "b")), []),
        (graph([A, B, C], edge("a", "b")), [("node.unconnected", "nodes[2]")]),
        (graph([A, B, C], edge("a", "b"), metadata=INGRESS), [("node.unreachable", "nodes[2]")]),
        (
            graph([A, B, C], edge("b", "c"), metadata=INGRESS),
            [("node.unreachable", f"nodes[{i}]") for i in (1, 2)],
        ),
        (graph([A, node("t", "symbia.source.timer"), B], edge("t", "b")), [("node.unreachable", "nodes[0]")]),
        (
            graph([node("a", "symbia.core.split", config=SPLIT), B], edge("a:true", "b")),
            [("port.unconnected", "nodes[0]")],
        ),
        (graph([node("a", "symbia.core.split", config=SPLIT)]), []),
        (graph([node("a", "symbia.core.split", config=SPLIT), B], edge("a:error", "b")), []),
        (graph([node("a", "symbia.core.filter", config={"predicate": "value"}), B], edge("a", "b")), []),
        (graph([A, MAP], edge("a", "b")), []),
        (graph([A, MAP], edge("a", "b"), metadata=SERVICE), [("node.errors_lost", "nodes[1]")]),
        (graph([A, {**MAP, "onError": "continue"}], edge("a", "b"), metadata=SERVICE), []),
        (graph([A, MAP, C], edge("a", "b"), edge("b:error", "c"), metadata=SERVICE), []),
        (graph([node("a", SQUARE["id"]), MAP], edge("a", "b"), metadata=SERVICE), [("node.errors_lost", "nodes")]),
        (graph([A, B], edge("a", "b"), metadata=SERVICE), []),
        (graph([node("a", retry={"maxAttempts": 5})]), [("node.retry_unused", "nodes[0].retry")]),
        (graph([node("a", retry={"maxAttempts": 5}, onError="retry")]), []),
    ],
)
async def test_what_may_not_be_meant_so_is_told(document: Any, expected: list[tuple[str, str]]) -> None:
    """Where a graph that runs would lose something in silence, and nowhere else."""
    assert await told(document) == expected


def mapped(expression: str, **parameters: Any) -> dict[str, Any]:
    return graph([node("a", "symbia.core.map", config={"expression": expression})], parameters=parameters)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (mapped("value * param.rate + parameter.x", rate={"type": "number", "x-unit": "%", "ui": 1}), []),
        (mapped("value * param.rat", rate={}), [("parameter.unknown", "nodes[0].config.expression")]),
        (mapped("param?.rate"), [("parameter.unknown", "nodes[0].config.expression")]),
        (mapped("[value].map((param) => param.rat)[0]", rate={}), []),
        (mapped("value", rate={"defult": 1}), [("parameter.unknown_key", "parameters.rate.defult")]),
        (mapped("value", rate={"min": 1}), [("parameter.unknown_key", "parameters.rate.min")]),
        (
            graph(
                [{"id": "a", "graph": {**mapped("param.y", x={"typ": "any", "default": 1}), "ports": {}}}],
                parameters={"y": {}},
            ),
            [
                ("parameter.unknown_key", "nodes[0].graph.parameters.x.typ"),
                ("parameter.unknown", "nodes[0].graph.nodes[0].config.expression"),
            ],
        ),
    ],
    ids=["known", "misspelt", "none declared", "of the program", "misspelt key", "short key", "inside"],
)
async def test_a_parameter_that_is_misspelt_in_a_program_or_its_schema_is_told(
    document: Any, expected: list[tuple[str, str]]
) -> None:
    """JavaScript makes undefined of such a name, and JSON Schema passes over such a key."""
    assert await told(document) == expected


async def test_a_type_that_there_is_none_of_is_answered_with_the_one_that_was_meant() -> None:
    """JSON Schema itself says only what it does not fit."""
    async with library() as known:
        verdict = await known.judge_graph(mapped("value", rate={"type": "numbr"}))
    assert [error.message for error in verdict.errors] == [
        "The schema of parameter rate is not JSON Schema: numbr is no type; did you mean number?"
    ]


async def test_a_binding_is_a_way_in_and_a_way_out() -> None:
    """What events reach is reached, and a port whose values leave as events leads somewhere."""
    bindings = {"a": {"in": {"network": "orders.*"}, "true": {"network": "big"}}}
    a = node("a", "symbia.core.split", config=SPLIT, onError="fail")
    assert await told(graph([a, B], edge("a:false", "b"), bindings=bindings)) == []


async def test_of_a_graph_with_errors_no_warnings_are_told() -> None:
    """A misspelt edge makes a node one that nothing reaches: the error is enough."""
    async with library() as known:
        verdict = await known.judge_graph(graph([A, B, C], edge("a", "bb"), metadata=INGRESS))
    assert (verdict.valid, verdict.warnings) == (False, ())
    assert [error.code for error in verdict.errors] == ["edge.unknown_node"]


async def test_what_cannot_be_said_in_json_is_an_error() -> None:
    """As when it is loaded."""
    async with library() as known:
        verdict: GraphVerdict = await known.judge_graph(graph([A], metadata={"x": object()}))
    assert [error.code for error in verdict.errors] == ["graph.unsayable"]


async def test_a_thousand_nodes_that_nothing_reaches_are_counted() -> None:
    """The list keeps the bounds of a report."""
    async with library() as known:
        verdict = await known.judge_graph(graph([A, *(node(f"n{i}") for i in range(999))], metadata=INGRESS))
    assert len(verdict.warnings) == 101
