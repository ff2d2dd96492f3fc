"""Fields of graphs: those that mean something, those that are free, and slips, which are refused."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.draft import parse_graph
from engine.compile.fields import without_unknown
from engine.cooperative.slices import at_once
from engine.limits import EngineLimits
from proto.problem import Problem

GRAPH: dict[str, Any] = {
    "symbia": "1.0",
    "name": "g",
    "nodes": [{"id": "a", "component": "c"}, {"id": "b", "component": "c"}],
    "edges": [{"source": {"node": "a", "port": "out"}, "target": {"node": "b", "port": "in"}}],
}
PLACES = {
    "graph": lambda graph: graph,
    "node": lambda graph: graph["nodes"][1],
    "edge": lambda graph: graph["edges"][0],
    "end": lambda graph: graph["edges"][0]["target"],
}


def with_field(kind: str, key: str, value: object = 1) -> dict[str, Any]:
    """The graph with one more field, at a place of this kind."""
    graph = deepcopy(GRAPH)
    PLACES[kind](graph)[key] = value
    return graph


def problems_of(graph: object) -> list[Problem]:
    """What is wrong with the shape of a graph."""
    return at_once(parse_graph(graph, EngineLimits()))[1].problems()


@pytest.mark.parametrize(
    ("kind", "key", "path", "message"),
    [
        ("graph", "nmae", "nmae", "A graph has no field nmae; did you mean name?"),
        ("graph", "node", "node", "A graph has no field node; did you mean nodes?"),
        ("node", "onErorr", "nodes[1].onErorr", "A node has no field onErorr; did you mean onError?"),
        ("node", "on_error", "nodes[1].on_error", "A node has no field on_error; did you mean onError?"),
        ("node", "Config", "nodes[1].Config", "A node has no field Config; did you mean config?"),
        (
            "edge",
            "condition",
            "edges[0].condition",
            "An edge has no field condition; known are source, target, id, policy",
        ),
        ("end", "prot", "edges[0].target.prot", "An end of an edge has no field prot; did you mean port?"),
    ],
)
def test_a_slip_is_refused_with_what_was_meant(kind: str, key: str, path: str, message: str) -> None:
    """At its place; a field that is nowhere near another one is answered with those that there are."""
    assert problems_of(with_field(kind, key)) == [Problem(f"{kind}.unknown_field", path, message)]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        *(("graph", key) for key in ("id", "tags", "viewport", "$schema", "x-anything")),
        *(("node", key) for key in ("label", "data", "measured", "x-note")),
        *(("edge", key) for key in ("animated", "sourceHandle", "x-")),
        ("end", "x-y"),
    ],
)
def test_what_editors_write_is_free(kind: str, key: str) -> None:
    """So is what begins with x-, everywhere."""
    assert problems_of(with_field(kind, key, {"deep": [1]})) == []


def test_metadata_and_configuration_are_the_authors() -> None:
    """Whatever their keys are."""
    graph = with_field("node", "config", {"onErorr": 1})
    graph["metadata"] = {"nmae": 1}
    assert problems_of(graph) == []


def test_thousands_of_slips_are_counted_and_not_listed() -> None:
    """The report keeps its bounds, and few names are compared with others."""
    graph = deepcopy(GRAPH)
    graph |= {f"unknown{number}": 1 for number in range(10_000)}
    problems = problems_of(graph)
    assert len(problems) == 101
    assert problems[-1].message == "There are 9900 further problems; repair these first"


@pytest.mark.parametrize("kind", PLACES)
def test_of_published_graphs_slips_are_left_out(kind: str) -> None:
    """Their places are told, and nothing else is gone; the document itself stays as it was."""
    graph = with_field(kind, "slip")
    before = deepcopy(graph)
    kept, left_out = at_once(without_unknown(graph))
    assert graph == before
    assert kept == GRAPH
    (place,) = left_out
    assert place.endswith("slip")
    assert problems_of(kept) == []


def test_of_published_graphs_slips_are_left_out_within_nodes() -> None:
    """A graph that stands in a node is held to the same."""
    inner = with_field("node", "slip")
    document = {**GRAPH, "nodes": [{"id": "n", "graph": inner}], "edges": []}
    kept, left_out = at_once(without_unknown(document))
    assert kept == {**document, "nodes": [{"id": "n", "graph": GRAPH}]}
    assert left_out == ["nodes[0].graph.nodes[1].slip"]


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["nodes", "edges", "source", "target", "node", "port", "id", "x-a", "odd", "config"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(document=JSON)
def test_what_is_left_of_any_document_has_no_unknown_field(document: object) -> None:
    """And where nothing was left out, nothing has changed."""
    kept, left_out = at_once(without_unknown(document))
    assert not any(problem.code.endswith("unknown_field") for problem in problems_of(kept))
    if not left_out:
        assert kept == document
