"""A real service beside a real catalog, over real ports: publication, resolution, hydration, reports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from tests.fakes.catalog import FakeCatalog, serving_catalog
from tests.fakes.catalog_rules import staleness
from tests.fakes.identity import serving_identity
from tests.service.chosen import settings_with
from tests.service.service_with_identity import Person
from tests.service.serving import QUICK_REFERENCE, SQUARE, Service, open_service, single
from tests.service.test_metrics_page import _scrape

TWICE = {"type": "javascript", "source": "return { process: (ctx, p, v) => ctx.emit('out', v * 2) }"}
PIPELINE = {**single("symbia.core.passthrough"), "name": "Pipe", "metadata": {"role": "pipeline"}}


async def until(condition: Callable[[], Any | Awaitable[Any]]) -> None:
    """Wait for something that comes by itself; the test's own limit ends a wait for what does not."""
    while True:
        holds = condition()
        if await holds if isinstance(holds, Awaitable) else holds:
            return
        await trio.sleep(0.01)


def roomy() -> FakeCatalog:
    """A catalog that takes more writes in a minute than the platform's, for tests that cannot wait for minutes."""
    catalog = FakeCatalog()
    catalog.window.limit = 1_000
    return catalog


@asynccontextmanager
async def beside(catalog: FakeCatalog, **settings: Any) -> AsyncIterator[Service]:
    """A service that compares itself with a catalog every 50 ms."""
    chosen = {"port": 0, "catalog_service_url": catalog.url, "runtime_reconcile_interval_ms": 50, **settings}
    async with open_service(settings_with(**chosen)) as service:
        yield service


async def _check(service: Service) -> tuple[int, str]:
    reply = await service.client.get("/health/ready")
    return reply.status_code, reply.json()["checks"]["catalog"]["status"]


async def _is_up(service: Service) -> bool:
    return (await _check(service)) == (200, "ok")


async def _read_by_anybody(catalog: FakeCatalog) -> list[dict[str, Any]]:
    """The components as the platform's own check of them reads them, which has no credentials."""
    async with httpx.AsyncClient(base_url=catalog.url) as client:
        listed = await client.get("/api/resources?type=component&limit=200")
        return list(listed.json())


async def _report(service: Service) -> dict[str, Any]:
    (report,) = (await service.client.get("/api/stats")).json()["siblings"]
    return dict(report)


async def test_every_component_that_is_offered_is_published_and_the_quick_reference_passes_the_gate() -> None:
    """A new catalog has a public manifest of each, as they run; a second start writes only what drifted."""
    async with serving_catalog(roomy()) as catalog:
        async with beside(catalog, runtime_manifest_enforcement="strict") as service:
            await until(lambda: _all_are_published(service))
            running = (await service.client.get("/api/components")).json()["components"]
            assert staleness(running, await _read_by_anybody(catalog)) == []
            offered = {f"components/{item.id}" for item in service.runtime.library.components()}
            published = {item["key"]: item for item in catalog.resources.values()}
            assert set(published) == offered
            assert {item["accessPolicy"]["visibility"] for item in published.values()} == {"public"}
            assert {item["status"] for item in published.values()} == {"published"}
            await service.load(QUICK_REFERENCE)
            assert (await _report(service))["counts"]["manifestsPublished"] == len(offered)
            samples = await _scrape(service)
            assert samples["symbia_sibling_up{sibling=catalog}"] == 1
        drifted = catalog.by_key("components/symbia.core.map")
        assert drifted is not None
        drifted["metadata"]["manifest"]["version"] = "0.0.1"
        writes = [request for request in catalog.requests if request[0] != "GET"]
        async with beside(catalog) as service:
            await until(lambda: _all_are_published(service))
        later = [request for request in catalog.requests if request[0] != "GET"][len(writes) :]
        assert [(method, path) for method, path, _ in later] == [("PATCH", f"/api/resources/{drifted['id']}")]
        assert drifted["metadata"]["manifest"]["version"] == "1.3.0"


async def test_the_gate_refuses_what_has_no_manifest() -> None:
    """Deleting a manifest takes its component out of use; what is registered here has none either."""
    async with serving_catalog(roomy()) as catalog, beside(catalog) as service:
        await until(lambda: _all_are_published(service))
        gone = catalog.by_key("components/symbia.core.logger")
        assert gone is not None
        del catalog.resources[gone["id"]]
        await until(lambda: service.runtime.library._resolver.source.by_key().get(gone["key"]) is None)  # type: ignore[union-attr]
        reply = await service.client.post("/api/graphs", json=single("symbia.core.logger"))
        assert (reply.status_code, reply.json()["problems"][0]["code"]) == (400, "node.no_manifest")
        assert "components/symbia.core.logger" in reply.json()["error"]
        await service.client.post("/api/components", json=SQUARE)
        assert (await service.client.post("/api/graphs", json=single(SQUARE["id"]))).status_code == 400
        await service.load(single("symbia.core.map", config={"expression": "value"}))
        assert catalog.by_key("components/symbia.core.logger") is None  # not asserted again until the next start


@pytest.mark.parametrize(("enforcement", "status"), [("strict", 400), ("unset", 201), ("warn", 201), ("off", 201)])
async def test_a_catalog_that_is_down_at_boot(enforcement: str, status: int) -> None:
    """The service serves; only where strictness was asked for, graphs wait for the catalog."""
    async with serving_catalog() as catalog:
        port = int(catalog.url.rpartition(":")[2])
    async with beside(catalog, runtime_manifest_enforcement=enforcement) as service:
        await until(lambda: _down(service))
        assert await _check(service) == (200, "degraded")
        reply = await service.client.post("/api/graphs", json=QUICK_REFERENCE)
        assert reply.status_code == status
        if status == 400:
            assert reply.json()["error"].startswith("Component manifests unavailable (catalog not reached)")
        async with serving_catalog(catalog, port):
            await until(lambda: _is_up(service))
            await service.load(QUICK_REFERENCE)


async def _all_are_published(service: Service) -> bool:
    counts = (await _report(service)).get("counts", {})
    return bool(counts.get("manifestsWaiting") == 0 and counts["manifestsPublished"])


async def _down(service: Service) -> bool:
    return bool((await _report(service))["state"] == "down")


async def test_who_must_have_the_catalog_is_not_ready_without_it() -> None:
    """RUNTIME_CATALOG_FAIL_FAST makes it a reason for 503, at the start and later."""
    async with serving_catalog() as catalog, beside(catalog, runtime_catalog_fail_fast=True) as service:
        await until(lambda: _is_up(service))
        catalog.behaviour = "status 500"
        await until(lambda: _down(service))
        assert await _check(service) == (503, "unhealthy")
        assert (await service.client.get("/health/live")).status_code == 200


async def test_a_service_is_not_ready_before_what_is_published_runs() -> None:
    """Ready says no while the catalog is read for the first time, and yes when the graph runs."""
    async with serving_catalog() as catalog:
        catalog.add_graph("graphs/pipe", PIPELINE)
        catalog.held = trio.Event()
        async with beside(catalog) as service:
            assert await _check(service) == (503, "unhealthy")
            catalog.held.set()
            await until(lambda: _is_ready(service))
            assert [item.state for item in service.runtime.executions()] == ["running"]


async def _is_ready(service: Service) -> bool:
    return (await service.client.get("/health/ready")).status_code == 200


async def test_a_component_of_the_catalog_runs() -> None:
    """A graph that names one is loaded and runs it; one that was published a moment ago is found, too."""
    async with serving_catalog() as catalog:
        catalog.add_component("custom.twice", TWICE)
        async with beside(catalog) as service:
            await until(lambda: _is_up(service))
            execution = await service.start(single("custom.twice"), completion="manual")
            reply = await service.client.post(
                f"/api/executions/{execution}/inject?wait=2000", json={"nodeId": "only", "port": "in", "value": 21}
            )
            assert reply.json()["outputs"]["only:out"]["value"] == 42


async def test_code_may_be_a_file_and_is_held_to_its_hash() -> None:
    """An uploaded executor runs; one that is not what it should be, or none at all, refuses the graph."""
    async with serving_catalog() as catalog:
        source = TWICE["source"].encode()
        good, bad = catalog.add_component("custom.good"), catalog.add_component("custom.bad")
        catalog.add_artifact(good, "executor-1.js", source)
        catalog.add_artifact(bad, "executor-1.js", source, sha256="0" * 64)
        catalog.add_component("custom.none")
        async with beside(catalog) as service:
            await until(lambda: _is_up(service))
            await service.load(single("custom.good"))
            await service.load(single("custom.good"))
            assert catalog.asked("GET", "/api/artifacts/artifact-3/download") == 1
            for component_id, words in (("custom.bad", "SHA-256"), ("custom.none", "no code")):
                reply = await service.client.post("/api/graphs", json=single(component_id))
                assert reply.status_code == 400
                assert words in reply.json()["problems"][1]["message"]


async def test_the_specifications_own_route_is_the_last_resort() -> None:
    """GET /api/components/<id> is asked for what no list has, once in a while."""
    async with serving_catalog() as catalog:
        catalog.components["custom.plain"] = {**SQUARE, "id": "custom.plain"}
        async with beside(catalog, runtime_manifest_enforcement="off") as service:
            await until(lambda: _is_up(service))
            await service.load(single("custom.plain"))
            for number in range(30):
                graph = single(f"custom.unknown-{number}")
                assert (await service.client.post("/api/graphs", json=graph)).status_code == 400
        asked = [path for _, path, _ in catalog.requests if path.startswith("/api/components/")]
        assert len(asked) == 10


async def test_a_private_component_of_another_organisation_does_not_exist() -> None:
    """It resolves for its own organisation alone, by the list and by the specification's route."""
    private = {"visibility": "private"}
    async with serving_catalog() as catalog, serving_identity() as identity:
        catalog.add_component("custom.secret", TWICE, orgId="org-b", accessPolicy=private)
        catalog.components["custom.secret"] = {**SQUARE, "id": "custom.secret"}
        plain = {**SQUARE, "id": "custom.plain", "orgId": "org-b", "accessPolicy": private}
        catalog.components["custom.plain"] = plain
        alice, bob = identity.add_user("alice", "org-a"), identity.add_user("bob", "org-b")
        async with beside(
            catalog, identity_service_url=identity.url, runtime_manifest_enforcement="off"
        ) as service:
            for component_id in ("custom.secret", "custom.plain"):
                statuses = []
                for token in (alice, bob):
                    person = Person(service, {"Authorization": f"Bearer {token}"})
                    reply = await person.call("POST", "/api/graphs", json=single(component_id))
                    statuses.append(reply.status_code)
                assert statuses == [400, 201]


async def test_a_published_graph_runs_without_anybody_calling() -> None:
    """It is loaded for its organisation and executed; changed, it is replaced; unpublished, it is gone."""
    async with serving_catalog() as catalog:
        resource = catalog.add_graph("graphs/pipe", PIPELINE, orgId="org-a")
        catalog.add_graph("graphs/broken", {"nodes": [], "edges": []})
        async with beside(catalog) as service:
            runtime = service.runtime
            await until(runtime.executions)
            (graph,) = runtime.library.graphs()
            (first,) = runtime.executions()
            assert (graph.owner, graph.definition.name, first.graph_id) == ("org-a", "Pipe", graph.id)
            await until(lambda: _is_up(service))
            counts = (await _report(service))["counts"]
            assert (counts["graphsLoaded"], counts["graphsRefused"]) == (1, 1)
            catalog.change(resource, metadata={"definition": {**PIPELINE, "version": "2.0.0"}})
            await until(lambda: len(runtime.executions()) == 2)
            await until(lambda: runtime.execution(first.id).snapshot().state == "completed")
            assert [item.definition.version for item in runtime.library.graphs()] == ["2.0.0"]
            catalog.change(resource, status="draft")
            await until(lambda: not runtime.library.graphs())
            await until(lambda: {item.state for item in runtime.executions()} <= {"completed", "cancelled"})


async def test_an_ingress_is_told_once() -> None:
    """Its resource is made, repaired when the graph says otherwise, and otherwise left alone."""
    graph = {**PIPELINE, "metadata": {"role": "pipeline", "ingress": {"node": "only"}}}
    async with serving_catalog() as catalog:
        resource = catalog.add_graph("graphs/pipe", graph, orgId="org-a")
        async with beside(catalog) as service:
            await until(lambda: catalog.by_key("ingress/Pipe"))
            told = catalog.by_key("ingress/Pipe")
            assert told is not None
            assert (told["metadata"]["endpoint"], told["orgId"]) == ("/api/ingress/Pipe", "org-a")
            await until(lambda: _is_up(service))
            rounds = catalog.asked("GET", "/api/resources")
            await until(lambda: catalog.asked("GET", "/api/resources") > rounds + 4)
            assert catalog.asked("PATCH", f"/api/resources/{told['id']}") == 0
            graph["metadata"]["ingress"]["port"] = "in2"
            catalog.change(resource, metadata={"definition": {**graph, "version": "3.0.0"}})
            graph["metadata"]["ingress"]["port"] = "in"
            catalog.change(resource, metadata={"definition": {**graph, "description": "again"}})
            await until(lambda: catalog.asked("GET", "/api/resources") > rounds + 8)
            assert told["metadata"]["port"] == "in"


async def test_a_batch_flows_through_a_published_graph() -> None:
    """Published by one organisation: its member delivers to it by name, and another organisation's is refused."""
    definition = {
        "symbia": "1.0",
        "name": "order-margin",
        "nodes": [
            {"id": "entry", "component": "symbia.core.passthrough"},
            {"id": "margin", "component": "shop.margin"},
        ],
        "edges": [{"source": {"node": "entry", "port": "out"}, "target": {"node": "margin", "port": "in"}}],
        "metadata": {"role": "pipeline", "ingress": {}},
    }
    source = "return { process: (ctx, p, v) => ctx.emit('out', v.price - v.cost) }"
    async with serving_catalog() as catalog, serving_identity() as identity:
        catalog.add_component("shop.margin", {"type": "javascript", "source": source}, orgId="org-a")
        catalog.add_graph("graphs/order-margin", definition, orgId="org-a")
        member, outsider = identity.add_user("alice", "org-a"), identity.add_user("bob", "org-b")
        async with beside(catalog, identity_service_url=identity.url) as service:
            await until(service.runtime.executions)
            batch = [{"price": 5, "cost": 3}, {"price": 9, "cost": 2}]
            replies = {}
            for token in (member, outsider):
                person = Person(service, {"Authorization": f"Bearer {token}"})
                replies[token] = await person.call("POST", "/api/ingress/order-margin", json=batch)
            assert (replies[member].status_code, replies[outsider].status_code) == (200, 403)
            assert replies[member].json()["delivered"] == 2
            assert replies[member].json()["outputs"]["margin:out"]["value"] == 7
            assert catalog.by_key("ingress/order-margin") is not None
