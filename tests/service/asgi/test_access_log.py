"""Each request has one trace id: in the reply, in the log, in what it starts and what that sends."""

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from service.asgi.access_log import AccessLog
from service.observability.http_metrics import HttpMetrics
from service.observability.logs import start_logging
from service.observability.trace import present_trace
from service.settings.table import Settings, read_settings
from tests.engine.builtin.http_server import answer, serving
from tests.service.serving import Service, open_service, single

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is logged as JSON during a test."""
    stream = io.StringIO()
    start_logging("debug", "json", stream)
    yield stream
    structlog.reset_defaults()


def _lines(log: io.StringIO, **wanted: Any) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if wanted.items() <= line.items()]


async def test_the_callers_id_is_in_the_reply_and_in_the_log(log: io.StringIO) -> None:
    """What came in as x-trace-id or traceparent goes out as x-trace-id; without either one is made up."""
    async with open_service() as service:
        seen = [
            (await service.client.get("/api/graphs", headers=headers)).headers["x-trace-id"]
            for headers in ({"x-trace-id": "from-a-caller"}, {"traceparent": PARENT}, {})
        ]
        refused = await service.client.post("/api/graphs", content=b"{", headers={"x-trace-id": "refused"})
    assert seen[:2] == ["from-a-caller", "0af7651916cd43dd8448eb211c80319c"]
    assert re.fullmatch(r"trace_\d{13}_[0-9a-f]{6}", seen[2])
    assert refused.headers["x-trace-id"] == "refused"
    logged = [line["trace_id"] for line in _lines(log, event="request")]
    assert logged == [*seen, "refused"]


async def test_each_request_is_one_line_without_what_it_carried(log: io.StringIO) -> None:
    """Method, path, status and duration; neither the query, nor the body, nor a credential."""
    async with open_service() as service:
        headers = {"Authorization": "Bearer secret-token", "Cookie": "token=secret-cookie"}
        await service.client.get("/api/executions?graphId=secret-query", headers=headers)
        await service.client.post("/api/graphs", json={"name": "secret-name"}, headers=headers)
    lines = _lines(log, event="request")
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("GET", "/api/executions", 200),
        ("POST", "/api/graphs", 400),
    ]
    assert all(line["duration_ms"] >= 0 for line in lines)
    assert "secret" not in log.getvalue()


async def test_what_a_request_starts_logs_with_its_id(log: io.StringIO) -> None:
    """An execution's lines carry the id of the request that started it, also for later injections."""
    async with open_service() as service:
        execution = await _execute(service, single("symbia.core.logger"), "starter")
        await service.inject(execution, "only", 42)
        await service.processed(execution, 1)
    assert {line["trace_id"] for line in _lines(log, event="component log")} == {"starter"}
    assert {line["trace_id"] for line in _lines(log, event="execution state")} == {"starter"}


async def test_probes_that_go_well_are_not_in_the_way(log: io.StringIO) -> None:
    """They are logged at debug; everything else at info."""
    async with open_service() as service:
        for path in ("/health", "/health/live", "/api/health", "/metrics", "/api/graphs"):
            await service.client.get(path)
    lines = {line["path"]: line["level"] for line in _lines(log, event="request")}
    assert lines.pop("/api/graphs") == "info"
    assert set(lines.values()) == {"debug"}


@pytest.mark.parametrize(("headers", "expected"), [({}, "starter"), ({"X-Trace-Id": "own"}, "own")])
async def test_outgoing_requests_carry_the_id(headers: dict[str, str], expected: str) -> None:
    """http-request sends the id of the request that started its execution, unless its node says another."""
    settings = read_settings({"PORT": "0", "OUTBOUND": "open"})
    async with serving(answer()) as other, open_service(settings) as service:
        node = {
            "id": "only",
            "component": "symbia.io.http-request",
            "config": {"url": other.url, "headers": headers},
        }
        execution = await _execute(service, {**single(""), "nodes": [node]}, "starter")
        await service.inject(execution, "only", None)
        await service.processed(execution, 1)
    assert other.requests[0].headers["x-trace-id"] == expected


async def _execute(service: Service, graph: dict[str, Any], trace_id: str) -> str:
    graph_id = await service.load(graph)
    reply = await service.client.post(f"/api/graphs/{graph_id}/execute", headers={"x-trace-id": trace_id})
    return str(reply.json()["executionId"])


def test_the_time_of_a_request_is_a_setting() -> None:
    """REQUEST_TIMEOUT_SECONDS, two minutes unless somebody says otherwise."""
    assert Settings().http.request_timeout_seconds == 120
    assert read_settings({"REQUEST_TIMEOUT_SECONDS": "0"}).http.request_timeout_seconds == 0


async def test_nothing_of_a_request_is_left_in_its_task() -> None:
    """A connection's own task answers one request after another, and logs for each with its own trace id."""
    seen: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        seen.append(present_trace())

    watched = AccessLog(application, HttpMetrics())
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-trace-id", b"mine")]}

    async def nothing(*_: object) -> Any:
        raise NotImplementedError

    await watched(scope, nothing, nothing)
    assert (seen, present_trace()) == (["mine"], "")
