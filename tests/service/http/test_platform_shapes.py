"""Every endpoint that clients of the platform know, called once, and its reply held against what they read.

The shapes are those of the platform's own runtime: a name with ``?`` may be absent, further names may be there.
Where the specification differs (404, 409), its status counts; sentences are compared where clients compare them.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from service.http.routes.routines import GREETING
from tests.service.serving import QUICK_REFERENCE, SQUARE, Service, open_service, single

Shape = Any
TEXT, COUNT, NUMBER, ANY = str, int, (int, float), object
TEXT_OR_NULL = (str, type(None))

TOPOLOGY = {"inputNodes": [TEXT], "outputNodes": [TEXT]}
LOADED = {"id": TEXT, "name": TEXT, "version": TEXT, "nodeCount": COUNT, "edgeCount": COUNT, "loadedAt": TEXT}
ROUTINE_COUNTS = {"routineCount": COUNT, "totalNodeCount": COUNT, "totalEdgeCount": COUNT, "warnings": [ANY]}
METRICS = dict.fromkeys(
    (
        "messagesProcessed",
        "messagesEmitted",
        "nodeInvocations",
        "componentInvocations",
        "errorCount",
        "backpressureEvents",
    ),
    COUNT,
) | dict.fromkeys(("totalLatencyMs", "avgLatencyMs", "maxLatencyMs", "startTime", "lastActivityTime"), NUMBER)
SHORT_METRICS = {
    name: METRICS[name]
    for name in ("messagesProcessed", "messagesEmitted", "componentInvocations", "avgLatencyMs", "errorCount")
}
EXECUTION = {
    "id": TEXT,
    "graphId": TEXT,
    "state": TEXT,
    "startedAt?": TEXT,
    "completedAt?": TEXT,
    "createdAt": TEXT,
}
INSTANCE_METRICS = {"invocations": COUNT, "totalLatencyMs": NUMBER, "avgLatencyMs": NUMBER, "errorCount": COUNT}
INSTANCE = {"nodeId": TEXT, "instanceId": TEXT, "componentId": TEXT, "state": TEXT, "metrics": INSTANCE_METRICS}
COMMANDED = {"executionId": TEXT, "state": TEXT}
OUTPUT = {"value": ANY, "lane": TEXT}
HOP = {"node": TEXT, "port": TEXT, "lane": TEXT, "ms": NUMBER, "summary": ANY}
LISTED_COMPONENT = {
    "id": TEXT,
    "name": TEXT,
    "description": TEXT,
    "inputs": [TEXT],
    "outputs": [TEXT],
    "config?": {"*": {"type": TEXT, "required?": bool, "default?": ANY, "enum?": [ANY], "description?": TEXT}},
    "lanes?": {"*": {"lane": TEXT, "note?": TEXT}},
    "emitsApocryphal?": bool,
}
COMPONENT = {**LISTED_COMPONENT, "ports": {"inputs": [{"name": TEXT}], "outputs": [{"name": TEXT}]}}
HEALTHY = {"status": "ok", "timestamp": TEXT}
ERROR = {"error": TEXT}
DOCS = ("openapi", "llms", "llmsFull", "openapiDirect", "openapiApi", "llmsApi", "llmsFullApi")
STARTED = {"executionId": TEXT, "graphId": TEXT, "state": "running", "startedAt": TEXT}
GRAPH = {"id": TEXT, "name": TEXT, "version": TEXT, "description?": TEXT, "loadedAt": TEXT}
LISTED_GRAPH = {
    **LOADED,
    "description?": TEXT_OR_NULL,
    "orgId": TEXT_OR_NULL,
    "role": TEXT_OR_NULL,
    "ingress": (dict, type(None)),
}

MESSAGE = {"nodeId": "input", "port": "in", "value": 21}
ENTERED = {**QUICK_REFERENCE, "name": "entered", "metadata": {"ingress": {"node": "input"}}}
REFUSED = {"error": TEXT, "ingress": {"graph": TEXT, "requiresCapability": TEXT_OR_NULL, "declaredIn": TEXT}}
CYCLE = {
    **single("symbia.core.merge"),
    "edges": [{"source": {"node": "only", "port": "out"}, "target": {"node": "only", "port": "in"}}],
}
DELIVERED = {"success": True, "executionId": TEXT, "delivered": COUNT, "outputs": {"*": OUTPUT}, "hops": COUNT}
INJECTED = {
    "success": True,
    "executionId": TEXT,
    "nodeId": "input",
    "port": "in",
    "outputs": {"output:out": OUTPUT},
    "trace": [HOP],
    "hops": COUNT,
}

CALLS: list[tuple[str, str, Any, int, Shape]] = [
    # 1.1 Health, discovery, documentation
    ("GET", "/health", None, 200, HEALTHY),
    ("GET", "/health/live", None, 200, HEALTHY),
    (
        "GET",
        "/health/ready",
        None,
        200,
        {"status": "ok", "timestamp": TEXT, "checks?": {"*": {"status": TEXT, "message": TEXT}}},
    ),
    ("GET", "/api/health", None, 200, {**HEALTHY, "service": TEXT}),
    (
        "GET",
        "/api/bootstrap/service",
        None,
        200,
        {
            "service": "runtime",
            "version": TEXT,
            "description": TEXT,
            "status": TEXT,
            "statusNote": TEXT,
            "docsUrls": dict.fromkeys(DOCS, TEXT),
            "endpoints": {"graphs": TEXT, "routines": TEXT, "executions": TEXT, "websocket": "/"},
            "authentication": [TEXT],
            "websocketEvents": {"client": [TEXT], "server": [TEXT]},
            "runtime": {"maxConcurrentExecutions": COUNT, "defaultExecutionTimeout": NUMBER},
        },
    ),
    (
        "GET",
        "/api/stats",
        None,
        200,
        dict.fromkeys(("loadedGraphs", "activeExecutions", "totalMessagesProcessed"), COUNT),
    ),
    ("GET", "/", None, 302, "/docs/llms.txt"),
    ("GET", "/openapi.json", None, 302, "/docs/openapi.json"),
    ("GET", "/api/docs", None, 302, "/docs/openapi.json"),
    ("GET", "/api/docs/openapi.json", None, 302, "/docs/openapi.json"),
    ("GET", "/llms.txt", None, 302, "/docs/llms.txt"),
    ("GET", "/llm.txt", None, 302, "/docs/llms.txt"),
    ("GET", "/llms-full.txt", None, 302, "/docs/llms-full.txt"),
    ("GET", "/docs/llms.txt", None, 200, TEXT),
    ("GET", "/docs/llms-full.txt", None, 200, TEXT),
    (
        "GET",
        "/docs/openapi.json",
        None,
        200,
        {
            "info": {"title": "Symbia Runtime API", "version": "1.0.0"},
            "servers": [{"url": "/api"}],
            "paths": {"/graphs": ANY},
        },
    ),
    # 1.2 Graphs
    ("POST", "/api/graphs", QUICK_REFERENCE, 201, {"type": "graph", **LOADED, "topology": TOPOLOGY}),
    (
        "POST",
        "/api/graphs",
        GREETING,
        201,
        {
            "type": "routine",
            "assistantId": TEXT,
            "compiledAt": TEXT,
            **ROUTINE_COUNTS,
            "graphs": [{**LOADED, "topology": TOPOLOGY}],
        },
    ),
    ("POST", "/api/graphs", {}, 400, {"error": "Graph missing symbia version"}),
    ("POST", "/api/graphs", CYCLE, 400, ERROR),
    (
        "POST",
        "/api/graphs",
        {"symbia": "routine/1.0"},
        400,
        {"error": TEXT, "code": "COMPILATION_ERROR", "details": [ANY]},
    ),
    (
        "GET",
        "/api/graphs",
        None,
        200,
        {"loadedGraphs": COUNT, "activeExecutions": COUNT, "graphs": [LISTED_GRAPH]},
    ),
    (
        "GET",
        "/api/graphs/{graph}",
        None,
        200,
        {**GRAPH, "nodes": [ANY], "edges": [ANY], "topology": {**TOPOLOGY, "sorted": [TEXT]}},
    ),
    ("GET", "/api/graphs/none", None, 404, ERROR),
    ("POST", "/api/graphs/{graph}/execute", {"input": {}}, 201, STARTED),
    ("POST", "/api/graphs/none/execute", None, 404, ERROR),
    ("DELETE", "/api/graphs/{graph}", None, 204, None),
    ("DELETE", "/api/graphs/none", None, 404, ERROR),
    # 1.3 Executions
    (
        "GET",
        "/api/executions",
        None,
        200,
        {"executions": [{**EXECUTION, "instanceCount": COUNT, "metrics": SHORT_METRICS}], "total": COUNT},
    ),
    ("GET", "/api/executions/{execution}", None, 200, {**EXECUTION, "instances": [INSTANCE], "metrics": METRICS}),
    ("GET", "/api/executions/none", None, 404, ERROR),
    (
        "GET",
        "/api/executions/{execution}/metrics",
        None,
        200,
        {"executionId": TEXT, "state": TEXT, **METRICS, "uptimeMs": NUMBER},
    ),
    ("POST", "/api/executions/{execution}/inject?wait=5000", MESSAGE, 200, INJECTED),
    ("POST", "/api/executions/{execution}/inject", {}, 400, {"error": "nodeId and port are required"}),
    (
        "POST",
        "/api/executions/{execution}/inject",
        {**MESSAGE, "nodeId": "ghost"},
        400,
        {"error": "Node not in graph: ghost"},
    ),
    ("POST", "/api/executions/none/inject", MESSAGE, 404, ERROR),
    ("POST", "/api/executions/{execution}/pause", None, 200, {**COMMANDED, "state": "paused"}),
    ("POST", "/api/executions/{paused}/resume", None, 200, {**COMMANDED, "state": "running"}),
    (
        "POST",
        "/api/executions/{paused}/pause",
        None,
        409,
        ERROR,
    ),
    (
        "POST",
        "/api/executions/{execution}/resume",
        None,
        409,
        ERROR,
    ),
    ("POST", "/api/executions/{execution}/stop", None, 200, {**COMMANDED, "state": "cancelled"}),
    ("POST", "/api/executions/none/stop", None, 404, ERROR),
    # 1.4 Components
    ("GET", "/api/components", None, 200, {"components": [LISTED_COMPONENT], "count": COUNT}),
    ("GET", "/api/components?detail=full", None, 200, {"components": [COMPONENT], "count": COUNT}),
    ("GET", "/api/components/symbia.core.filter", None, 200, COMPONENT),
    ("GET", "/api/components/none", None, 404, ERROR),
    ("POST", "/api/components", SQUARE, 201, {"registered": SQUARE["id"]}),
    (
        "POST",
        "/api/components",
        {},
        400,
        {"error": "Invalid component definition: missing id, name, version, ports, execution"},
    ),
    (
        "POST",
        "/api/components",
        {**SQUARE, "id": "symbia.core.map"},
        409,
        {"error": "Component already registered: symbia.core.map"},
    ),
    # 1.5 Routines
    ("POST", "/api/routines/validate", GREETING, 200, {"valid": True, "errors": [ANY], "warnings": [ANY]}),
    (
        "POST",
        "/api/routines/preview",
        GREETING,
        200,
        {
            "assistantId": TEXT,
            "metadata": dict,
            "graphs": [{"name": TEXT, "nodes": [ANY], "edges": [ANY]}],
            "warnings": [ANY],
        },
    ),
    (
        "POST",
        "/api/routines",
        GREETING,
        201,
        {
            "assistantId": TEXT,
            "compilerVersion": TEXT,
            "sourceHash": TEXT,
            **ROUTINE_COUNTS,
            "graphs": [{"id": TEXT, "routineId": TEXT, "isMain": bool}],
        },
    ),
    # 1.6 Ingress
    ("POST", "/api/ingress/entered", 21, 200, {**DELIVERED, "delivered": 1}),
    ("POST", "/api/ingress/entered", [1, 2, 3], 200, {**DELIVERED, "delivered": 3}),
    ("POST", "/api/ingress/none", 21, 404, {"error": "No loaded graph named: none"}),
    ("POST", "/api/ingress/idle", 21, 409, {"error": 'Graph "idle" has no running execution'}),
]


def _differences(value: Any, shape: Shape, place: str = "") -> Iterator[str]:
    """Where a value is not what a shape says."""
    match shape:
        case dict() if isinstance(value, dict):
            for name, inner in shape.items():
                if name == "*":
                    for key, each in value.items():
                        yield from _differences(each, inner, f"{place}.{key}")
                elif name.rstrip("?") in value:
                    yield from _differences(value[name.rstrip("?")], inner, f"{place}.{name}")
                elif not name.endswith("?"):
                    yield f"{place}.{name} is missing"
        case [inner] if isinstance(value, list):
            for number, each in enumerate(value):
                yield from _differences(each, inner, f"{place}[{number}]")
        case type() if isinstance(value, shape) and (
            shape is object or isinstance(value, bool) == (shape is bool)
        ):
            return
        case tuple() if isinstance(value, shape):
            return
        case _ if value != shape or type(value) is not type(shape):
            yield f"{place}: {value!r} is not {shape!r}"


async def _names(service: Service) -> dict[str, str]:
    """A graph, an execution of it, a paused one, one that can be delivered to, and a graph without any."""
    execution, paused = await service.start(QUICK_REFERENCE), await service.start(QUICK_REFERENCE)
    await service.client.post(f"/api/executions/{paused}/pause")
    await service.start(ENTERED)
    await service.load({**QUICK_REFERENCE, "name": "idle"})
    graph = (await service.client.get(f"/api/executions/{execution}")).json()["graphId"]
    return {"graph": graph, "execution": execution, "paused": paused}


def _body(reply: httpx.Response) -> Any:
    if reply.status_code == 302:
        return reply.headers["Location"]
    if not reply.content:
        return None
    return reply.json() if reply.headers["Content-Type"].startswith("application/json") else reply.text


@pytest.mark.parametrize(("method", "path", "body", "status", "shape"), CALLS)
async def test_clients_of_the_platform_find_what_they_read(
    method: str, path: str, body: Any, status: int, shape: Shape
) -> None:
    """Status and fields are those that the platform's console, tools and siblings rely on."""
    async with open_service() as service:
        path = path.format(**await _names(service))
        reply = await service.client.request(method, path, json=body)
        assert reply.status_code == status, reply.text
        assert list(_differences(_body(reply), shape)) == []


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ({"a": 1}, {"b": COUNT}),
        ({"a": "1"}, {"a": COUNT}),
        ({"a": True}, {"a": COUNT}),
        ({"a": [1, "x"]}, {"a": [COUNT]}),
        ({"a": None}, {"a": TEXT}),
        ({"a": {"b": 1}}, {"a": {"*": TEXT}}),
        ("x", {"a": TEXT}),
        ("x", "y"),
        (1, True),
    ],
)
def test_a_difference_is_seen(value: Any, shape: Shape) -> None:
    """The comparison finds what is missing, and what has another type or value."""
    assert list(_differences(value, shape))
