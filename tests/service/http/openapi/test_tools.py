"""The OpenAPI document as the platform's integrations service reads it: tools by their documented names."""

import re

import pytest

from engine.runtime import open_runtime
from service.app import create_app
from service.http.openapi.document import openapi_document
from service.http.openapi.names import operation_id
from service.readiness import Readiness
from service.settings.table import Settings
from tests.fakes.mcp_clients import Tool, tools_of
from tests.service.serving import open_service

DOCUMENTED = {
    "runtime_runtime_graphs_post": ("POST", "/api/graphs", ()),
    "runtime_runtime_graphs_execute_post": ("POST", "/api/graphs/{id}/execute", ("id",)),
    "runtime_runtime_graphs_delete": ("DELETE", "/api/graphs/{id}", ("id",)),
    "runtime_runtime_executions_inject_post": ("POST", "/api/executions/{id}/inject", ("id", "wait", "final")),
    "runtime_runtime_executions_pause_post": ("POST", "/api/executions/{id}/pause", ("id",)),
    "runtime_runtime_executions_resume_post": ("POST", "/api/executions/{id}/resume", ("id",)),
    "runtime_runtime_executions_stop_post": ("POST", "/api/executions/{id}/stop", ("id", "drain")),
    "runtime_runtime_components_post": ("POST", "/api/components", ()),
    "runtime_runtime_ingress_post": ("POST", "/api/ingress/{graphName}", ("graphName", "wait")),
}
"""What the platform's own document becomes there: no id is in it, so method and path give the names."""


async def tools() -> dict[str, Tool]:
    async with open_runtime() as runtime:
        document = openapi_document(create_app(runtime, Settings(), Readiness()))
    found = tools_of(document)
    operations = sum(len(set(item) - {"servers"}) for item in document["paths"].values())
    assert len(found) == operations  # none is lost under another's name
    return {tool.name: tool for tool in found}


@pytest.mark.parametrize("name", DOCUMENTED)
async def test_a_documented_tool_keeps_its_name(name: str) -> None:
    """Assistants that know the platform's tools find them here: the names, the ways and the parameters."""
    tool = (await tools())[name]
    assert (tool.method, tool.path, tool.parameters) == DOCUMENTED[name]


async def test_no_tool_is_taken_for_a_model() -> None:
    """An id with ``messages`` in it would be sent to a provider of language models."""
    assert {tool.name for tool in (await tools()).values() if tool.kind == "model"} == set()


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
