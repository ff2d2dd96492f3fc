"""The JSON Schemas of what people write: they take what the loader takes, and refuse what it refuses."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from engine.components.definition import parse_component
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from service.documents.kinds import kind_of
from service.documents.reading import decode_document, format_of_file
from service.http.openapi.document_schemas import document_schema
from tests.service.serving import QUICK_REFERENCE, ROOT, SQUARE

EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").rglob("*")
    if path.suffix in (".json", ".yaml") and "node_modules" not in path.parts
)
SCHEMAS = {kind: document_schema(kind) for kind in ("graph", "component", "cases")}


def admits(kind: str, document: Any) -> bool:
    return Draft202012Validator(SCHEMAS[kind]).is_valid(document)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one_and_each_field_is_explained(kind: str) -> None:
    """By the standard's own schema; what an editor shows beside a field is there."""
    schema = SCHEMAS[kind]
    assert Draft202012Validator(schema) is not None
    for part in (schema, *schema["$defs"].values()):
        for name, field in part.get("properties", {}).items():
            assert "description" in field or "$ref" in field or "anyOf" in field or field == {}, name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_fits_its_schema(path: Path) -> None:
    """Those that are of a kind that has one."""
    document = decode_document(path.read_bytes(), format_of_file(path.name))
    kind = kind_of(document)
    if kind in SCHEMAS:
        Draft202012Validator(SCHEMAS[kind]).validate(document)


def mistakes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Mistakes in a graph, each in one place."""

    def changed(path: str, value: Any) -> dict[str, Any]:
        graph = deepcopy(QUICK_REFERENCE)
        *steps, last = path.split(".")
        place: Any = graph
        for step in steps:
            place = place[int(step)] if step.isdigit() else place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
        return graph

    for path, value in (
        ("symbia", 1.0),
        ("symbia", ...),
        ("name", ""),
        ("name", ...),
        ("nmae", "x"),
        ("version", 1.0),
        ("description", []),
        ("metadata", []),
        ("bindings", "x"),
        ("ports", []),
        ("ports", {"inputs": [{"name": "in"}]}),
        ("ports", {"input": []}),
        ("parameters", []),
        ("nodes", []),
        ("nodes", ...),
        ("nodes", {}),
        ("edges", ...),
        ("nodes.0.id", ...),
        ("nodes.0.id", 7),
        ("nodes.0.component", ...),
        ("nodes.0.component", ""),
        ("nodes.0.onErorr", "fail"),
        ("nodes.0.onError", "ignore"),
        ("nodes.0.config", []),
        ("nodes.0.retry", {"maxAttempts": 0}),
        ("nodes.0.retry", {"attempts": 3}),
        ("nodes.0.inbox", {"overflow": "spill"}),
        ("nodes.0.concurrency", 101),
        ("nodes.0.concurrency", "4"),
        ("nodes.0.ordered", "yes"),
        ("nodes.0.validate", 1),
        ("edges.0.source", ...),
        ("edges.0.source", "input:out"),
        ("edges.0.source.port", True),
        ("edges.0.source.prot", "out"),
        ("edges.0.target.node", ...),
        ("edges.0.condition", "x"),
        ("edges.0.id", 1),
    ):
        yield path, changed(path, value)


@pytest.mark.parametrize(("path", "document"), list(mistakes()))
async def test_what_the_loader_refuses_of_a_graph_its_schema_refuses(path: str, document: Any) -> None:
    """For its shape: what an editor underlines is what would not load."""
    async with open_runtime() as runtime:
        assert await runtime.library.check_graph(document), path
    assert not admits("graph", document)


@pytest.mark.parametrize(
    "fields",
    [
        {"metadata": {"anything": 1}, "x-note": [1], "$schema": "/schemas/graph.json"},
        {"version": None, "description": None, "metadata": None, "bindings": None},
        {
            "nodes": [{"id": "a", "component": "symbia.core.merge", "label": "A", "data": {}, "x-y": 1}],
            "edges": [],
        },
        {"parameters": {"rate": {"type": "number", "default": 1}}},
    ],
)
async def test_what_the_loader_takes_of_a_graph_its_schema_takes(fields: dict[str, Any]) -> None:
    """What is free is free in an editor, too."""
    document = {**QUICK_REFERENCE, **fields}
    async with open_runtime() as runtime:
        assert await runtime.library.check_graph(document) == ()
    Draft202012Validator(SCHEMAS["graph"]).validate(document)


def test_a_graph_within_a_node_needs_no_name() -> None:
    """And is held to everything else."""
    inner = {"nodes": [{"id": "a", "component": "symbia.core.merge"}], "edges": []}
    outer = {"symbia": "1.0", "name": "g", "nodes": [{"id": "n", "graph": inner}], "edges": []}
    Draft202012Validator(SCHEMAS["graph"]).validate(outer)
    outer["nodes"] = [{"id": "n", "graph": {**inner, "nodez": []}}]
    assert not admits("graph", outer)


CODE = {"type": "javascript", "source": "return {}"}


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "a b"},
        {"id": ""},
        {"version": 1.0},
        {"name": None},
        {"ports": []},
        {"ports": {"inputs": [""]}},
        {"ports": {"inputs": [{"name": "in", "shema": {}}]}},
        {"ports": {"outputs": [{"name": "out", "lane": "fast"}]}},
        {"ports": {"input": ["in"]}},
        {"execution": {**CODE, "type": "cobol"}},
        {"execution": {**CODE, "type": "builtin"}},
        {"execution": {**CODE, "entryPoint": "x"}},
        {"execution": {**CODE, "limits": {"cpuMS": 1}}},
        {"execution": {**CODE, "limits": {"cpuMs": 0}}},
        {"execution": {"type": "javascript"}},
        {"config": {"size": {"type": "strng"}}},
        {"config": {"size": {"defualt": 1}}},
        {"config": []},
        {"stateless": "yes"},
        {"stateles": True},
    ],
)
def test_what_is_refused_of_a_component_its_schema_refuses(fields: dict[str, Any]) -> None:
    """For its shape."""
    document = {**SQUARE, **fields}
    assert parse_component(document, EngineLimits())[1]
    assert not admits("component", document)


def test_what_is_taken_of_a_component_its_schema_takes() -> None:
    """Ports by their bare names, fields of replies, and what begins with x-."""
    document = {
        **SQUARE,
        "ports": {
            "inputs": ["in"],
            "outputs": ["out", {"name": "more", "lane": "apocryphal", "laneNote": "guessed"}],
        },
        "config": {"size": {"type": "integer", "default": 3, "minimum": 1}},
        "inputs": ["in"],
        "x-team": "pricing",
    }
    assert parse_component(document, EngineLimits())[1] == []
    Draft202012Validator(SCHEMAS["component"]).validate(document)


@pytest.mark.parametrize(
    "fields",
    [
        {"cases": []},
        {"cases": [{"nmae": "x"}]},
        {"cases": [{"name": "x", "send": [1]}]},
        {"component": 1},
        {"graph": "g.yaml"},
        {"casez": []},
    ],
)
def test_files_of_cases_have_a_schema(fields: dict[str, Any]) -> None:
    """It takes what they need and refuses what they cannot have."""
    right = {"component": "symbia.core.merge", "cases": [{"name": "x", "send": [{"in": 1}]}]}
    Draft202012Validator(SCHEMAS["cases"]).validate(right)
    assert not admits("cases", {**right, **fields})
