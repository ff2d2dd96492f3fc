"""The OpenAPI document: valid, complete, true to the routes and to what they answer."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema_rs import Draft202012Validator, ValidationError
from openapi_spec_validator import validate
from quart import Quart

from engine.cooperative.slices import in_slices
from engine.runtime import open_runtime
from proto.codec import decode
from service.app import create_app
from service.auth.authenticator import access_to
from service.http.openapi.document import openapi_document, routes_of
from service.http.openapi.names import operation_id, shown_path
from service.http.openapi.schemas import docstring_of
from service.http.openapi.tools import spelled_out
from service.http.operation import operation_of
from service.http.routes.documentation import ALIASES
from service.http.routes.routines import GREETING
from service.readiness import Readiness
from service.settings.table import Settings
from tests.service.serving import QUICK_REFERENCE, SQUARE, open_service, single


async def application() -> Quart:
    async with open_runtime() as runtime:
        return create_app(runtime, Settings(), Readiness())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, described in item.items():
            if method != "servers":
                yield method.upper(), path, described


async def test_the_document_is_valid() -> None:
    """It is OpenAPI 3.1 by the standard's own schema, with the title and server that the platform reads."""
    document = await in_slices(openapi_document(await application()))
    validate(document)
    assert (document["openapi"], document["info"]["title"], document["info"]["version"]) == (
        "3.1.0",
        "Symbia Runtime API",
        "1.0.0",
    )
    assert document["servers"] == [{"url": "/api"}]


async def test_every_route_is_in_the_document_and_back() -> None:
    """Each route is described at the servers that it is served at, but redirects to others and the console."""
    app = await application()
    document = await in_slices(openapi_document(app))
    described = {
        (method, server["url"].rstrip("/") + path)
        for method, path, _ in operations(document)
        for server in document["paths"][path].get("servers", document["servers"])
    }
    served = {
        (method, shown_path(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    served = {(method, path) for method, path in served if not path.startswith("/console")}
    doubled = {("GET", alias) for alias in ALIASES} & described
    assert described - doubled == served - {("GET", alias) for alias in ALIASES}
    assert doubled <= {("GET", "/api/docs"), ("GET", "/api/docs/openapi.json")}


async def test_names_are_unique_and_everything_has_words() -> None:
    """Clients are generated from operation ids; people read summaries, and the reason for each status."""
    document = await in_slices(openapi_document(await application()))
    found = list(operations(document))
    assert len({described["operationId"] for _, _, described in found}) == len(found)
    tags = {tag["name"] for tag in document["tags"]}
    for _, _, described in found:
        assert described["summary"]
        assert set(described["tags"]) <= tags
        assert all(answer["description"] for answer in described["responses"].values())


async def test_examples_fit_their_schemas() -> None:
    """Every example in the document is what its schema asks for."""
    document = await in_slices(openapi_document(await application()))
    checked = 0
    for _, _, described in operations(document):
        contents = [*described.get("requestBody", {}).get("content", {}).values()]
        contents += [
            each for answer in described["responses"].values() for each in answer.get("content", {}).values()
        ]
        for content in contents:
            validator = validator_of(document, content["schema"])
            examples = [each["value"] for each in content.get("examples", {}).values()]
            for example in examples + ([content["example"]] if "example" in content else []):
                validator.validate(example)
                checked += 1
    assert checked > 10


def validator_of(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/graphs", QUICK_REFERENCE),
        ("POST", "/graphs", GREETING),
        ("POST", "/graphs", {"symbia": "routine/1.0"}),
        ("POST", "/routines", GREETING),
        ("POST", "/routines", {"symbia": "routine/1.0"}),
        ("POST", "/routines/preview", GREETING),
        ("POST", "/routines/preview", []),
        ("POST", "/routines/validate", GREETING),
        ("POST", "/routines/validate", None),
        ("GET", "/graphs", None),
        ("GET", "/graphs/{id}", None),
        ("POST", "/graphs/{id}/execute", {}),
        ("GET", "/executions", None),
        ("GET", "/executions/{id}", None),
        ("GET", "/executions/{id}/metrics", None),
        ("GET", "/executions/{id}/statistics", None),
        ("GET", "/executions/{id}/logs", None),
        ("POST", "/executions/{id}/inject", {"nodeId": "input", "port": "in", "value": 1}),
        ("POST", "/executions/{id}/inject", {"nodeId": "ghost", "port": "in", "value": 1}),
        ("POST", "/executions/{id}/pause", None),
        ("POST", "/executions/{id}/resume", None),
        ("POST", "/ingress/{graphName}", 21),
        ("POST", "/components", SQUARE),
        ("POST", "/components", {}),
        ("GET", "/components", None),
        ("GET", "/components/{id}", None),
        ("GET", "/health", None),
        ("GET", "/health/live", None),
        ("GET", "/health/ready", None),
        ("GET", "/stats", None),
        ("GET", "/bootstrap/service", None),
        ("GET", "/graphs/none", None),
    ],
)
async def test_answers_fit_the_document(method: str, path: str, body: Any) -> None:
    """What the running service answers is what its document promises, field by field and with no further ones."""
    async with open_service() as service:
        execution = await service.start({**QUICK_REFERENCE, "metadata": {"ingress": {"node": "input"}}})
        graph = (await service.client.get(f"/api/executions/{execution}")).json()["graphId"]
        ids = {"graphs": graph, "executions": execution, "components": "symbia.core.map"}
        names = {"id": ids.get(path.split("/")[1]), "graphName": QUICK_REFERENCE["name"]}
        if path.endswith("/resume"):
            await service.client.post(f"/api/executions/{execution}/pause")
        reply = await service.client.request(method, f"/api{path.format(**names)}", json=body)
        document = (await service.client.get("/docs/openapi.json")).json()
        key = "/graphs/{id}" if path.endswith("none") else path
        answer = document["paths"][key][method.lower()]["responses"][str(reply.status_code)]
        schema = answer["content"]["application/json"]["schema"]
        validator_of(document, schema).validate(reply.json())
        shapes = [part["$ref"].rpartition("/")[2] for part in schema.get("anyOf", [schema])]
        fields = [set(document["components"]["schemas"][shape]["properties"]) for shape in shapes]
        assert any(set(reply.json()) <= each for each in fields)


async def test_the_wrong_does_not_fit() -> None:
    """The schemas are no empty promises: a graph without nodes and an edge without an end do not fit."""
    document = await in_slices(openapi_document(await application()))
    schema = document["paths"]["/graphs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = validator_of(document, schema)
    validator.validate(QUICK_REFERENCE)
    for wrong in ({**QUICK_REFERENCE, "nodes": 7}, {**QUICK_REFERENCE, "edges": [{"source": {"node": "a"}}]}):
        with pytest.raises(ValidationError):
            validator.validate(wrong)


@pytest.mark.parametrize("authenticated", [False, True])
async def test_credentials_are_asked_for_where_the_service_asks(authenticated: bool) -> None:
    """An operation names its credentials, and 401, exactly where the service refuses to go on without them."""
    app = await application()
    document = await in_slices(openapi_document(app, authenticated=authenticated))
    validate(document)
    asking = {described["operationId"] for _, _, described in operations(document) if "security" in described}
    closed = {
        operation_id(method, path.removeprefix("/api"))
        for (method, path), said in routes_of(app).items()
        if not said.is_public
    }
    assert asking == (closed if authenticated else set())
    for rule in app.url_map.iter_rules():
        said = operation_of(app.view_functions[rule.endpoint])
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if said is not None:
                is_closed = access_to(rule.rule, method) in {"required", "recognised"}
                assert is_closed == (not said.is_public), rule.rule


def test_docstrings_become_words_for_people() -> None:
    """The beginning describes the whole, attributes their fields, over several lines and without our marks."""

    class Sample(msgspec.Struct):
        """A ``sample`` of :class:`proto.graph.Node`.

        Attributes:
            one: the first,
                on two lines.
            two: the second.
        """

    assert docstring_of(Sample) == (
        "A `sample` of `Node`.",
        {"one": "the first, on two lines.", "two": "the second."},
    )


async def test_the_document_is_made_of_json() -> None:
    """It is served as it was made, so that both readings of it are the same."""
    async with open_service() as service:
        reply = await service.client.get("/docs/openapi.json")
        assert reply.headers["Content-Type"] == "application/json"
        assert decode(reply.content) == spelled_out(await in_slices(openapi_document(await application())))


async def test_the_document_says_what_the_service_does() -> None:
    """Required headers, names that may not be empty, and fields that are not taken: as the routes behave."""
    async with open_service() as service:
        document = (await service.client.get("/docs/openapi.json")).json()
        schemas = document["components"]["schemas"]
        parameters = document["components"]["parameters"].values()
        assert {each["name"]: each["required"] for each in parameters if each["in"] == "header"} == {
            "X-Symbia-Event-Id": True,
            "X-Symbia-Run-Id": True,
            "X-Symbia-Boundary": False,
            "X-Symbia-Source": False,
            "If-Match": False,
            "If-None-Match": False,
        }
        for name, fields in {
            "Routine": ("id", "name"),
            "RoutineStep": ("id",),
            "RoutineDefinition": ("name", "version", "assistantId"),
            "GraphDefinition": ("symbia", "name"),
            "Node": ("id",),
            "Endpoint": ("node", "port"),
            "WrittenComponent": ("id", "name", "version"),
            "Port": ("name",),
            "Injection": ("nodeId", "port"),
        }.items():
            for field in fields:
                assert schemas[name]["properties"][field]["minLength"] == 1, (name, field)
        for name in ("OneMessage", "SeveralMessages", "Injection", "ExecuteOptions", "StopBody", "NoFields"):
            assert schemas[name]["additionalProperties"] is False, name
        assert "format" in schemas["Port"]["properties"]["schema"]["description"]


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        ({"type": "string", "format": "date"}, "no date", True),
        ({"minimum": 1, "exclusiveMinimum": True}, 1, None),
        ({"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1, "exclusiveMinimum": True}, 1, False),
        ({"properties": {"a": False}}, {"a": 1}, False),
        (True, 1, None),
    ],
)
async def test_a_port_s_schema_is_what_the_document_says(schema: Any, value: Any, fits: bool | None) -> None:
    """The dialect is named or 2020-12, ``format`` is not asserted, and the schema of a port is an object."""
    component = {**SQUARE, "ports": {"inputs": [{"name": "in", "schema": schema}], "outputs": ["out"]}}
    async with open_service() as service:
        registered = await service.client.post("/api/components", json=component)
        assert registered.status_code == (400 if fits is None else 201), registered.text
        if fits is not None:
            execution = await service.start(single(SQUARE["id"], validate=True), completion="manual")
            body = {"nodeId": "only", "port": "in", "value": value}
            path = f"/api/executions/{execution}/inject?wait=5000"
            answer = (await service.client.post(path, json=body)).json()
            assert ("SchemaMismatch" in str(answer.get("error"))) is not fits, answer
