"""The platform around the service, which is a process of its own: all siblings at once on real ports, or none.

The environment is what the platform's own composition gives its runtime.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import trio

from tests.fakes.catalog import FakeCatalog, serving_catalog
from tests.fakes.identity import FakeIdentity, serving_identity
from tests.fakes.logging_service import FakeLogging, serving_logging
from tests.fakes.network import FakeNetwork, serving_network
from tests.service.catalog.test_service import until
from tests.service.serving import QUICK_REFERENCE, SQUARE, single, start_process
from tests.service.tokens import SECRET as JWT_SECRET
from tests.service.tokens import hs

SYSTEM = {"secret": "system-secret", "orgId": "org-system", "serviceId": "system"}
MARGIN = (
    "return { process: (ctx, port, order) => ctx.emit('out', {id: order.id, margin: order.price - order.cost}) }"
)

PRICING: dict[str, Any] = {
    "symbia": "1.0",
    "name": "order-margin",
    "version": "1.0.0",
    "nodes": [
        {"id": "order", "component": "symbia.core.passthrough"},
        {"id": "margin", "component": "shop.margin"},
    ],
    "edges": [{"source": {"node": "order", "port": "out"}, "target": {"node": "margin", "port": "in"}}],
    "bindings": {
        "order": {"input": {"network": "orders.*", "component": "symbia.network.subscriber", "protocol": "ws"}},
        "margin": {"output": {"network": "margins.new", "target": "runtime"}},
    },
    "metadata": {"role": "pipeline", "ingress": {"node": "order"}},
}
"""Takes orders by its name and from the Network; its margins are events for this same runtime."""

WATCH: dict[str, Any] = {
    "symbia": "1.0",
    "name": "margin-watch",
    "version": "1.0.0",
    "nodes": [
        {
            "id": "poor",
            "component": "symbia.logic.filter",
            "config": {"field": "margin", "op": "lt", "value": 2},
        },
        {"id": "measure", "component": "symbia.sink.metric", "config": {"name": "margin", "valueField": "margin"}},
    ],
    "edges": [{"source": {"node": "poor", "port": "fail"}, "target": {"node": "measure", "port": "in"}}],
    "bindings": {
        "poor": {"in": {"network": "margins.new"}, "pass": {"network": "margins.poor", "target": "shop"}},
    },
    "metadata": {"role": "service"},
}
"""Takes the margins, tells the shop of the poor ones, and measures the others."""


def _populate(catalog: FakeCatalog, identity: FakeIdentity, logging: FakeLogging) -> None:
    catalog.add_component("shop.margin", {"type": "javascript", "source": MARGIN}, orgId="org-a")
    catalog.add_graph("graphs/order-margin", PRICING, orgId="org-a")
    catalog.add_graph("graphs/margin-watch", WATCH, orgId="org-a")
    identity.documents["/api/bootstrap/internal"] = SYSTEM
    logging.secret = SYSTEM["secret"]


async def _as_member(
    url: str, catalog: FakeCatalog, identity: FakeIdentity, network: FakeNetwork, logging: FakeLogging
) -> None:
    member = {"Authorization": f"Bearer {identity.add_user('alice', 'org-a')}"}
    outsider = {"Authorization": f"Bearer {identity.add_user('bob', 'org-b')}"}
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        # Nobody has called yet, and both graphs run
        await network.wait_registered()
        await until(lambda: catalog.by_key("ingress/order-margin"))
        await until(lambda: logging.events)
        running = (await client.get("/api/executions?state=running", headers=member)).json()
        assert running["total"] == 2
        assert (await client.get("/api/executions", headers=outsider)).json()["total"] == 0
        assert (await client.get("/api/executions")).status_code == 401

        # A batch of a member flows through; nobody else's does
        batch = [{"id": 1, "price": 9, "cost": 2}, {"id": 2, "price": 5, "cost": 1}]
        delivered = await client.post("/api/ingress/order-margin", json=batch, headers=member)
        assert delivered.status_code == 200, delivered.text
        assert delivered.json()["delivered"] == 2
        assert delivered.json()["outputs"]["margin:out"]["value"] == {"id": 2, "margin": 4}
        refused = await client.post("/api/ingress/order-margin", json=batch, headers=outsider)
        assert refused.status_code == 403
        assert (await client.post("/api/ingress/order-margin", json=batch)).status_code == 401

        # An event enters one graph and leaves the other
        order = {"id": 3, "price": 4, "cost": 3}
        cause = await network.send("shop", "orders.new", order, target="runtime", org="org-a")
        await network.send("shop", "orders.new", {**order, "id": 4}, target="runtime", org="org-b")
        await network.wait_until(lambda: network.sent("margins.poor"))
        (poor,) = network.sent("margins.poor")
        assert poor["payload"]["data"] == {"id": 3, "margin": 1}
        assert (poor["payload"]["orgId"], poor["target"]) == ("org-a", "shop")
        margins = [event for event in network.events if event["payload"]["type"] == "margins.new"]
        assert [event["payload"]["data"]["id"] for event in margins] == [1, 2, 3]
        assert margins[2]["wrapper"]["causedBy"] == cause
        assert poor["causedBy"] == margins[2]["wrapper"]["id"]
        runs = {item["id"] for item in running["executions"]}
        assert {poor["runId"], margins[2]["wrapper"]["runId"]} == runs

        ready = await client.get("/health/ready")
        assert ready.status_code == 200
        assert {check["status"] for check in ready.json()["checks"].values()} == {"ok"}
        assert {item["state"] for item in (await client.get("/api/stats")).json()["siblings"]} == {"up"}


async def test_a_member_of_the_platform() -> None:
    """A published graph runs unasked, takes its organisation's batches alone, and passes events on to another."""
    async with (
        serving_catalog() as catalog,
        serving_identity() as identity,
        serving_network() as network,
        serving_logging() as logging,
    ):
        _populate(catalog, identity, logging)
        environment = {
            "IDENTITY_SERVICE_URL": identity.url,
            "CATALOG_SERVICE_URL": catalog.url,
            "NETWORK_SERVICE_URL": network.url,
            "LOGGING_SERVICE_URL": logging.url,
            "NODE_ENV": "development",
            "DATABASE_URL": "postgres://symbia@localhost/runtime",
        }
        with await trio.to_thread.run_sync(start_process, environment) as process:
            await _as_member(process.url, catalog, identity, network, logging)
            status, log = await trio.to_thread.run_sync(process.end)
        assert status == 0, log
        assert "runtime" not in network.nodes  # it took its leave
        assert {"service.started", "http.request", "http.response"} <= set(logging.events)
        assert [point["value"] for point in logging.points["org-a", "margin"]] == [7, 4]
        assert {headers["authorization"] for _, _, headers in logging.requests} == {"Bearer system-secret"}
        assert SYSTEM["secret"] not in log
        assert "token-of" not in log


@contextmanager
def _absent() -> Iterator[str]:
    """The URL of a service that is down: the port is taken, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def _all_at(url: str) -> dict[str, str]:
    siblings = ("IDENTITY_SERVICE_URL", "CATALOG_SERVICE_URL", "NETWORK_SERVICE_URL", "LOGGING_SERVICE_URL")
    return dict.fromkeys(siblings, url)


@pytest.mark.parametrize(
    ("environment", "headers"),
    [
        ({"AUTH": "none"}, {}),
        ({"IDENTITY_SERVICE_URL": ""}, {}),
        ({"IDENTITY_SERVICE_URL": "", "JWT_SECRET": JWT_SECRET}, {"Authorization": f"Bearer {hs(JWT_SECRET)}"}),
    ],
    ids=["everybody", "this machine", "tokens verified here"],
)
def test_the_quick_reference_while_every_sibling_is_down(
    environment: dict[str, str], headers: dict[str, str]
) -> None:
    """The specification's graph makes 42 of 21, and its custom component 144 of 12, whoever is missing."""
    with (
        _absent() as url,
        start_process({**_all_at(url), **environment}) as process,
        httpx.Client(base_url=process.url, headers=headers, timeout=10) as client,
    ):

        def run(graph: Any, node_id: str, value: Any) -> Any:
            loaded = client.post("/api/graphs", json=graph)
            assert loaded.status_code == 201, loaded.text
            started = client.post(f"/api/graphs/{loaded.json()['id']}/execute")
            assert (started.status_code, started.json()["state"]) == (201, "running")
            path = f"/api/executions/{started.json()['executionId']}"
            message = {"nodeId": node_id, "port": "in", "value": value}
            outputs = client.post(f"{path}/inject?wait=5000", json=message).json()["outputs"]
            metrics = client.get(f"{path}/metrics").json()
            assert metrics["messagesProcessed"] == len(graph["nodes"])
            return [output["value"] for output in outputs.values()]

        assert run(QUICK_REFERENCE, "input", 21) == [42]
        assert client.post("/api/components", json=SQUARE).json()["registered"] == SQUARE["id"]
        assert run(single(SQUARE["id"]), "only", 12) == [144]
        assert client.get("/health/ready").status_code == 200
        status, log = process.end()
    assert status == 0, log


def test_who_cannot_be_recognised_is_told_which_sibling_is_missing() -> None:
    """While Identity is down nobody is let in unrecognised; what is open to everybody goes on."""
    with _absent() as url, start_process(_all_at(url)) as process, httpx.Client(base_url=process.url) as client:
        refused = client.post("/api/graphs", json=QUICK_REFERENCE, headers={"Authorization": "Bearer some"})
        assert (refused.status_code, refused.json()["code"]) == (503, "identity.unavailable")
        assert "dentity" in refused.json()["error"]
        assert client.post("/api/graphs", json=QUICK_REFERENCE).status_code == 401
        for path in ("/health", "/health/ready", "/api/components", "/api/stats", "/docs/openapi.json"):
            assert client.get(path).status_code == 200, path
