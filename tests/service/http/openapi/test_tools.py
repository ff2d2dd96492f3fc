"""The OpenAPI document as the platform's integrations service reads it: tools by their documented names."""

import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from engine.cooperative.slices import in_slices
from engine.runtime import open_runtime
from service.app import create_app
from service.http.openapi.document import openapi_document
from service.http.openapi.names import operation_id
from service.http.openapi.tools import spelled_out
from service.readiness import Readiness
from service.settings.table import Settings
from tests.fakes.mcp_clients import Tool, call_of, tools_of
from tests.service.serving import QUICK_REFERENCE, SQUARE, Service, open_service

DOCUMENTED = {
    "runtime_runtime_graphs_post": ("POST", "/api/graphs"),
    "runtime_runtime_graphs_execute_post": ("POST", "/api/graphs/{id}/execute"),
    "runtime_runtime_graphs_delete": ("DELETE", "/api/graphs/{id}"),
    "runtime_runtime_executions_inject_post": ("POST", "/api/executions/{id}/inject"),
    "runtime_runtime_executions_pause_post": ("POST", "/api/executions/{id}/pause"),
    "runtime_runtime_executions_resume_post": ("POST", "/api/executions/{id}/resume"),
    "runtime_runtime_executions_stop_post": ("POST", "/api/executions/{id}/stop"),
    "runtime_runtime_components_post": ("POST", "/api/components"),
    "runtime_runtime_ingress_post": ("POST", "/api/ingress/{graphName}"),
}
"""What the platform's own document becomes there: no id is in it, so method and path give the names."""

_ANY = ["array", "boolean", "number", "object", "string", "null"]
OFFERED: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "runtime_runtime_graphs_post": (
        {"symbia": "string", "name": "string", "version": ["string", "null"], "nodes": _ANY, "routines": _ANY},
        ("symbia", "name"),
    ),
    "runtime_runtime_graphs_execute_post": ({"id": "string", "inputs": ["array", "null"]}, ("id",)),
    "runtime_runtime_executions_inject_post": (
        {"id": "string", "nodeId": "string", "port": "string", "value": _ANY, "messages": "array"},
        ("id",),
    ),
    "runtime_runtime_executions_stop_post": ({"id": "string", "drain": "boolean"}, ("id",)),
    "runtime_runtime_components_post": (
        {"id": "string", "version": "string", "ports": "object", "execution": "object"},
        ("id", "name", "version", "ports", "execution"),
    ),
    "runtime_runtime_ingress_post": ({"graphName": "string"}, ("graphName",)),
}
"""Some of what a tool says that it takes, with its type, and all that it requires."""


async def served() -> dict[str, Any]:
    """The document as it is served."""
    async with open_runtime() as runtime:
        return spelled_out(await in_slices(openapi_document(create_app(runtime, Settings(), Readiness()))))


async def tools() -> dict[str, Tool]:
    document = await served()
    found = tools_of(document)
    operations = sum(len(set(item) - {"servers"}) for item in document["paths"].values())
    assert len(found) == operations  # none is lost under another's name
    return {tool.name: tool for tool in found}


async def called(service: Service, tool: str, /, **arguments: Any) -> httpx.Response:
    """Call a tool as the integrations service does."""
    call = call_of((await tools())[tool], arguments)
    return await service.client.request(call.method, call.path, content=call.body, headers=call.headers)


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_documented_tool_keeps_its_name(name: str) -> None:
    """Assistants that know the platform's tools find them here, listed, by the names and the ways."""
    tool = (await tools())[name]
    assert (tool.is_listed, tool.method, tool.path) == (True, *DOCUMENTED[name])


@pytest.mark.parametrize("name", OFFERED)
async def test_a_tool_says_what_it_takes(name: str) -> None:
    """The fields of its body, though they are described elsewhere, each with its type; a model sees no more."""
    tool = (await tools())[name]
    offered, required = OFFERED[name]
    assert {each: tool.offered.get(each) for each in offered} == offered
    assert sorted(tool.required) == sorted(required)


async def test_no_tool_offers_what_it_would_send_to_the_wrong_place() -> None:
    """Arguments go into the path or the body, so that a parameter of the query or a header must not be offered."""
    document = await served()
    for tool in tools_of(document):
        if tool.method == "GET":
            continue
        described = document["paths"][tool.path.removeprefix("/api")][tool.method.lower()]
        content = described.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        places = {*re.findall(r"{(\w+)}", tool.path), *schema.get("properties", {})}
        assert set(tool.offered) <= places, tool


async def test_a_parameter_that_no_tool_offers_is_described_all_the_same() -> None:
    """Its reference leads to it, and says in words what it is, for the MCP server that shows it as it stands."""
    document = await served()
    validate(document)
    (wait, final) = document["paths"]["/executions/{id}/inject"]["post"]["parameters"][1:]
    assert wait["description"].startswith("`wait` in the query: Milliseconds")
    told = document["components"]["parameters"][wait["$ref"].rpartition("/")[2]]
    assert (told["name"], told["in"], told["schema"]["type"]) == ("wait", "query", "integer")
    assert final["$ref"].endswith(".final")


async def test_a_tool_may_be_called_with_all_that_it_offers() -> None:
    """A model that fills in everything that the tool names is not refused, and is shown what came of it."""
    async with open_service() as service:
        graph = (await called(service, "runtime_runtime_graphs_post", **QUICK_REFERENCE)).json()["id"]
        started = await called(service, "runtime_runtime_graphs_execute_post", id=graph, completion="manual")
        execution = started.json()["executionId"]
        inject = (await tools())["runtime_runtime_executions_inject_post"]
        message = {"nodeId": "input", "port": "in", "value": 21, "lane": "canonical", "final": False}
        usual = {"id": execution, **message}
        assert set(inject.offered) == {*usual, "messages"}  # either one message, or several
        reply = await called(service, inject.name, **usual)
        assert (reply.status_code, reply.json()["outputs"]["output:out"]["value"]) == (200, 42), reply.text
        for verb in ("pause", "resume"):
            reply = await called(service, f"runtime_runtime_executions_{verb}_post", id=execution)
            assert reply.status_code == 200, reply.text
        reply = await called(service, "runtime_runtime_executions_stop_post", id=execution, drain=True)
        assert reply.status_code == 200, reply.text
        assert (await called(service, "runtime_runtime_graphs_delete", id=graph)).status_code == 204
        assert (await called(service, "runtime_runtime_components_post", **SQUARE)).status_code == 201


async def test_no_tool_is_taken_for_a_model() -> None:
    """An id with ``messages`` in it would be sent to a provider of language models."""
    assert {tool.name for tool in (await tools()).values() if tool.kind != "call"} == set()


async def test_every_tool_leads_to_a_route() -> None:
    """The integrations service knows one address for the whole document, so each path is served under it."""
    async with open_service() as service:
        for tool in (await tools()).values():
            path = re.sub(r"{\w+}", "nobody", tool.path)
            reply = await service.client.request(tool.method, path)
            assert '"code":"route.' not in reply.text, (tool, reply.text)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/graphs", "graphs_get"),
        ("GET", "/graphs/{id}", "graphs_id_get"),
        ("DELETE", "/graphs/{id}", "graphs_delete"),
        ("GET", "/executions/{id}/logs", "executions_logs_get"),
        ("GET", "/docs/llms-full.txt", "docs_llms_full_txt_get"),
    ],
)
def test_an_id_is_made_of_the_route(method: str, path: str, name: str) -> None:
    """The words of the path and the method; an entry of a list has its parameter's name in it, too."""
    assert operation_id(method, path) == name
