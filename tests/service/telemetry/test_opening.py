"""Telemetry of a real service, as a logging service on a real port receives it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from proto.message import Injection
from service.settings.table import read_settings
from service.telemetry.opening import LAST_SECONDS
from tests.fakes.identity import FakeIdentity, serving_identity
from tests.fakes.logging_service import FakeLogging, serving_logging
from tests.service.chosen import settings_with
from tests.service.serving import Service, open_service

STREAM = "service.runtime.logs"
BOOTSTRAP = "/api/bootstrap/internal"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@asynccontextmanager
async def _measured(logging: FakeLogging, **settings: Any) -> AsyncIterator[Service]:
    """A service that sends its telemetry; by default without telling who it is."""
    chosen = {"telemetry_auth_mode": "none", **settings}
    async with open_service(settings_with(port=0, telemetry_endpoint=logging.url, **chosen)) as service:
        yield service


def _system(identity: FakeIdentity, secret: str) -> None:
    identity.documents[BOOTSTRAP] = {"secret": secret, "orgId": "org-system", "serviceId": "system"}


async def test_a_request_is_two_events_its_metrics_and_a_span() -> None:
    """What the platform's own services tell of a request, at the latest when the service ends."""
    async with serving_logging() as logging:
        async with _measured(logging, telemetry_env="test", telemetry_org_id="org-x") as service:
            headers = {"traceparent": PARENT, "x-symbia-caller": "console", "x-symbia-origin": "user"}
            await service.client.get("/api/executions?graphId=secret", headers=headers)
            await service.client.get("/health/ready")
            url = service.url
        lines = logging.logs[STREAM]
    assert [line["metadata"]["eventType"] for line in lines] == [
        "service.started",
        "http.request",
        "http.response",
    ]
    assert lines[0]["metadata"]["url"] == url
    response = lines[2]["metadata"]
    assert (response["method"], response["path"], response["statusCode"]) == ("GET", "/api/executions", 200)
    assert (response["caller"], response["origin"]) == ("console", "user")
    assert (response["serviceId"], response["env"], response["orgId"]) == ("runtime", "test", "org-x")
    assert response["durationMs"] > 0
    assert response["size"] > 0
    (count,) = logging.points["org-x", "service.request.count"]
    assert count["value"] == 1
    assert count["labels"]["route"] == "/api/executions"
    (latency,) = logging.points["org-x", "service.request.latency_ms"]
    assert latency["value"] == response["durationMs"]
    assert ("org-x", "service.error.count") not in logging.points
    (span,) = logging.spans
    assert (span["name"], span["kind"], span["status"]) == ("GET /api/executions", "server", "ok")
    assert span["traceId"] == response["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert span["parentSpanId"] == "b7ad6b7169203331"
    assert "secret" not in str(lines) + str(logging.points) + str(logging.spans)


async def test_every_request_to_the_logging_service_says_who_sends() -> None:
    """The platform's scope headers, and what our own calls say of themselves."""
    async with serving_logging() as logging:
        async with _measured(logging, service_id="runtime-2", telemetry_env="prod", telemetry_org_id="org-x"):
            pass
        sent = [headers for _, _, headers in logging.requests]
        assert "service.runtime-2.logs" in logging.logs
    for headers in sent:
        assert headers["x-service-id"] == "runtime-2"
        assert headers["x-env"] == "prod"
        assert headers["x-org-id"] == "org-x"
        assert headers["x-data-class"] == "none"
        assert headers["x-policy-ref"] == "policy/default"
        assert headers["x-symbia-caller"] == "runtime"
        assert "authorization" not in headers


@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"telemetry_api_key": "sk_1"}, "x-api-key", "sk_1"),
        ({"telemetry_bearer": "token-1"}, "authorization", "Bearer token-1"),
    ],
)
async def test_a_credential_of_the_operator_is_sent(settings: dict[str, str], header: str, value: str) -> None:
    """A key or a token that is given is used, without saying so a second time."""
    async with serving_logging() as logging:
        async with _measured(logging, telemetry_auth_mode="unset", **settings):
            pass
        assert {headers[header] for _, _, headers in logging.requests} == {value}


async def test_the_systems_secret_is_asked_for_again_when_it_is_refused() -> None:
    """Identity makes a new secret when it starts; the first 401 fetches it, and nothing is lost."""
    async with serving_logging() as logging, serving_identity() as identity:
        logging.secret = "first"
        _system(identity, "first")
        system = {"telemetry_auth_mode": "system", "identity_service_url": identity.url, "auth": "none"}
        async with _measured(logging, **system) as service:
            while "service.started" not in logging.events:
                await trio.lowlevel.checkpoint()
            logging.secret = "second"
            _system(identity, "second")
            await service.client.get("/api/graphs")
        assert logging.events == ["service.started", "http.request", "http.response"]
        assert identity.asked(BOOTSTRAP) == 2
        assert {headers.get("x-org-id") for _, _, headers in logging.requests} == {"org-system"}


@pytest.mark.parametrize("answer", [{}, {"secret": "a\nb"}])
async def test_an_identity_that_gives_no_secret_costs_telemetry_only(answer: Any) -> None:
    """Whatever Identity answers, requests are served, and the fault is to be seen in health."""
    async with serving_logging() as logging, serving_identity() as identity:
        identity.documents[BOOTSTRAP] = answer
        system = {"telemetry_auth_mode": "system", "identity_service_url": identity.url, "auth": "none"}
        async with _measured(logging, **system) as service:
            assert (await service.client.get("/api/graphs")).status_code == 200
            while "identity" not in (health := (await service.client.get("/health/ready")).text):
                await trio.lowlevel.checkpoint()
        assert '"logging"' in health
        assert not logging.requests


async def test_a_logging_service_that_is_down_holds_up_nothing() -> None:
    """Requests are answered as ever, and the end of the service waits no longer than it says."""
    async with serving_logging() as logging:
        logging.behaviour = "silent"
        async with _measured(logging) as service:
            assert (await service.client.get("/api/graphs")).status_code == 200
            began = trio.current_time()
        assert trio.current_time() - began < LAST_SECONDS + 2


async def test_graphs_report_under_their_own_organisation() -> None:
    """A number lands in a series of the graph's owner, a line in the service's stream, marked with whose it is."""
    graph = {
        "symbia": "1.0",
        "name": "Reports",
        "nodes": [
            {
                "id": "m",
                "component": "symbia.sink.metric",
                "config": {"name": "orders", "labels": {"region": "n"}},
            },
            {"id": "l", "component": "symbia.sink.log", "config": {"level": "warn", "message": "saw"}},
        ],
        "edges": [{"source": {"node": "m", "port": "out"}, "target": {"node": "l", "port": "in"}}],
    }
    async with serving_logging() as logging:
        async with _measured(logging) as service:
            loaded = await service.runtime.library.load_graph(graph, owner="org-a")
            execution = await service.runtime.execute(loaded.id)
            injection = Injection("m", "in", msgspec.Raw(b'{"value": 21}'))
            await service.runtime.execution(execution.id).inject([injection])
            await service.runtime.execution(execution.id).wait_quiescent()
        (point,) = logging.points["org-a", "orders"]
        assert logging.metrics("org-a")[0]["metricType"] == "gauge"
        (line,) = [each for each in logging.logs[STREAM] if each["metadata"]["eventType"] == "graph.log"]
    assert point["value"] == 21
    assert point["labels"] == {"region": "n"}  # another label would make it another series
    assert (line["level"], line["metadata"]["orgId"], line["metadata"]["nodeId"]) == ("warn", "org-a", "l")
    assert "saw" in line["message"]


async def test_nothing_is_sent_unless_it_is_configured() -> None:
    """Without a logging service there is no telemetry, and a switch turns it off where there is one."""
    assert not read_settings({}).telemetry.is_active
    assert read_settings({"LOGGING_SERVICE_URL": "http://l"}).telemetry.is_active
    assert not read_settings({"LOGGING_SERVICE_URL": "http://l", "TELEMETRY_ENABLED": "false"}).telemetry.is_active
    async with serving_logging() as logging:
        async with _measured(logging, telemetry_enabled=False) as service:
            await service.client.get("/api/graphs")
            assert "logging" not in (await service.client.get("/health/ready")).text
        assert not logging.requests


def test_the_first_of_the_names_counts() -> None:
    """The platform's services know four names of one URL."""
    environment = {"LOGGING_SERVICE_URL": "http://third", "TELEMETRY_ENDPOINT": "http://first"}
    assert read_settings(environment).telemetry.url == "http://first"
