"""OpenTelemetry spans of requests and executions, as a collector receives them."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.observability.spans import LAST_SECONDS, SpansUnavailableError, check_spans, open_spans
from service.server import listen, open_configured_runtime, serve_runtime
from tests.engine.builtin.http_server import Request, answer, serving, silence
from tests.service.chosen import settings_with
from tests.service.serving import QUICK_REFERENCE, ROOT, clean_environment, run_command

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
COLLECTED = answer(content_type="application/x-protobuf")


@asynccontextmanager
async def _traced_service(endpoint: str, **chosen: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that sends its spans to an endpoint; at the end of the block all are sent."""
    settings = settings_with(port=0, otel_exporter_otlp_endpoint=endpoint, **chosen)
    told_to_stop = trio.Event()
    async with (
        open_spans(settings.tracing.endpoint) as spans,
        open_configured_runtime(settings) as runtime,
        trio.open_nursery() as nursery,
    ):
        urls: list[str] = []
        serving_now = trio.Event()

        def announce(url: str) -> None:
            urls.append(url)
            serving_now.set()

        listener = listen("127.0.0.1", 0)
        nursery.start_soon(serve_runtime, runtime, settings, listener, announce, told_to_stop, spans)
        await serving_now.wait()
        async with httpx.AsyncClient(base_url=urls[0], timeout=20) as client:
            yield client
        told_to_stop.set()


def _spans(requests: list[Request]) -> dict[str, dict[str, Any]]:
    """What was collected, by the names of the spans; of several of one name the last."""
    return {span["name"]: span for span in _all_spans(requests)}


def _all_spans(requests: list[Request]) -> list[dict[str, Any]]:
    """What was collected, in the order of the ends."""
    spans = []
    for request in requests:
        assert (request.method, request.target) == ("POST", "/v1/traces")
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans:
            service = {each.key: each.value.string_value for each in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                described: dict[str, Any] = {
                    "name": span.name,
                    "began": span.start_time_unix_nano,
                    "ended": span.end_time_unix_nano,
                    "service": service["service.name"],
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "attributes": {
                        each.key: each.value.string_value or each.value.int_value for each in span.attributes
                    },
                    "events": [event.name for event in span.events],
                    "error": span.status.code == span.status.STATUS_CODE_ERROR,
                    "text": str(span),
                }
                spans.append(described)
    return spans


async def _run(client: httpx.AsyncClient, graph: dict[str, Any], node: str, value: Any) -> None:
    """Execute a graph on one value, under a caller's trace."""
    graph_id = (await client.post("/api/graphs", json=graph)).json()["id"]
    body = {"inputs": [{"nodeId": node, "port": "in", "value": value}]}
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    reply = await client.post(f"/api/graphs/{graph_id}/execute", json=body, headers=headers)
    execution = reply.json()["executionId"]
    while "completedAt" not in (await client.get(f"/api/executions/{execution}")).json():
        await trio.lowlevel.checkpoint()


async def test_a_request_and_its_execution_are_spans_of_one_trace() -> None:
    """The execution lies under its request, the request under the caller; both are named by what is bounded."""
    async with serving(*[COLLECTED] * 20) as collector:
        async with _traced_service(collector.url) as client:
            await _run(client, QUICK_REFERENCE, "input", 21)
        spans = _spans(collector.requests)
    request, execution = spans["POST /api/graphs/<graph_id>/execute"], spans["execution"]
    assert (request["trace"], request["parent"]) == (TRACE, PARENT)
    assert (execution["trace"], execution["parent"]) == (TRACE, request["id"])
    assert request["attributes"]["http.response.status_code"] == 201
    assert request["attributes"]["symbia.trace_id"] == TRACE
    assert execution["attributes"]["symbia.messages.processed"] == 3
    assert execution["attributes"]["symbia.execution.state"] == "completed"
    assert execution["events"] == ["initializing", "running", "completed", "node", "node", "node"]
    assert request["service"] == "symbia-runtime"
    assert not request["error"] and not execution["error"]  # noqa: PT018  one statement: neither


async def test_a_failed_execution_is_an_error_without_its_value() -> None:
    """The span says which node failed and how, and no value of the graph's owner leaves with it."""
    node = {"id": "a", "component": "symbia.core.map", "config": {"expression": "value.secret.x()"}}
    graph = {"symbia": "1.0", "name": "Fails", "version": "1.0.0", "nodes": [node], "edges": []}
    async with serving(*[COLLECTED] * 20) as collector:
        async with _traced_service(collector.url) as client:
            await _run(client, graph, "a", {"secret": "hush-hush"})
        execution = _spans(collector.requests)["execution"]
    assert execution["error"]
    assert execution["attributes"]["symbia.node.id"] == "a"
    assert "invocation failed" in execution["events"]
    assert "TypeError" in execution["text"]
    assert "hush" not in execution["text"]


def _invocations(requests: list[Request]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The spans of handler calls, and that of their one execution."""
    spans = _all_spans(requests)
    (execution,) = (span for span in spans if span["name"] == "execution")
    return [span for span in spans if span["name"] == "invocation"], execution


async def test_each_call_of_a_component_is_a_span_under_its_execution() -> None:
    """It says which node was called and with how many messages, and lies within the time of its execution."""
    async with serving(*[COLLECTED] * 20) as collector:
        async with _traced_service(collector.url) as client:
            await _run(client, QUICK_REFERENCE, "input", 21)
        calls, execution = _invocations(collector.requests)
    assert [call["attributes"]["symbia.node.id"] for call in calls] == ["input", "double", "output"]
    assert [call["attributes"]["symbia.messages"] for call in calls] == [1, 1, 1]
    for call in calls:
        assert (call["trace"], call["parent"], call["error"]) == (TRACE, execution["id"], False)
        assert execution["began"] <= call["began"] <= call["ended"] <= execution["ended"]
    assert execution["attributes"]["symbia.calls.untold"] == 0


async def test_a_failed_call_is_an_error_without_its_value() -> None:
    """It has the kind of error, and neither its words nor the value, in which somebody's data may be."""
    node = {"id": "a", "component": "symbia.core.map", "config": {"expression": "value.secret.x()"}}
    graph = {"symbia": "1.0", "name": "Fails", "version": "1.0.0", "nodes": [node], "edges": []}
    async with serving(*[COLLECTED] * 20) as collector:
        async with _traced_service(collector.url) as client:
            await _run(client, graph, "a", {"secret": "hush-hush"})
        (call,), _ = _invocations(collector.requests)
    assert (call["error"], call["attributes"]["error.type"]) == (True, "TypeError")
    assert call["events"] == ["invocation failed"]
    assert "hush" not in call["text"]


@pytest.mark.parametrize("per_second", [0, 3])
async def test_calls_beyond_the_ration_are_counted_and_not_told(per_second: int) -> None:
    """A busy execution has no more spans a second than it may, and says how many calls it left out."""
    node = {"id": "a", "component": "symbia.core.passthrough"}
    graph = {"symbia": "1.0", "name": "Busy", "version": "1.0.0", "nodes": [node], "edges": []}
    async with serving(*[COLLECTED] * 20) as collector:
        async with _traced_service(collector.url, otel_calls_per_second=per_second) as client:
            graph_id = (await client.post("/api/graphs", json=graph)).json()["id"]
            options = {"inputs": [{"nodeId": "a", "port": "in", "value": 1}] * 2_000}
            began = trio.current_time()
            reply = await client.post(f"/api/graphs/{graph_id}/execute", json=options)
            path = f"/api/executions/{reply.json()['executionId']}"
            while "completedAt" not in (await client.get(path)).json():
                await trio.lowlevel.checkpoint()
            seconds = trio.current_time() - began
        calls, execution = _invocations(collector.requests)
    assert min(per_second, 1) <= len(calls) <= per_second * (1 + seconds)
    assert sum(call["attributes"]["symbia.messages"] for call in calls) < 2_000
    assert execution["attributes"]["symbia.calls.untold"] + len(calls) >= 2_000 / 64


async def test_a_collector_that_does_not_answer_holds_up_nobody() -> None:
    """The end of the service waits for the last spans no longer than it says."""
    async with serving(silence, silence) as collector:
        async with _traced_service(collector.url) as client:
            assert (await client.get("/health")).status_code == 200
            began = trio.current_time()
        assert trio.current_time() - began < LAST_SECONDS + 4


async def test_without_an_endpoint_there_are_no_spans() -> None:
    """Nothing is opened where nobody collects."""
    async with open_spans("") as spans:
        assert spans is None


def test_without_an_endpoint_nothing_is_imported() -> None:
    """The command does not even load the packages."""
    code = "import sys, service.cli.serve; sys.exit('opentelemetry' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment({}), check=False)
    assert run.returncode == 0


def test_without_the_extra_the_service_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint without the packages is one clear line; without an endpoint they are not missed."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace.export", None)
    check_spans("")
    with pytest.raises(SpansUnavailableError, match=r"pip install '\.\[otel\]' in a checkout.*, or unset it"):
        check_spans("http://collector:4318")


def test_a_wrong_endpoint_is_a_wrong_setting() -> None:
    """Status 2 before anything is served."""
    result = run_command("serve", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"})
    assert (result.returncode, b"OTEL_EXPORTER_OTLP_ENDPOINT=" in result.stderr) == (2, True)
