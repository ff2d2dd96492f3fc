"""The page at /metrics, scraped from a real service."""

from typing import Any

import trio
from prometheus_client.parser import text_string_to_metric_families

from tests.service.chosen import settings_with
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import QUICK_REFERENCE, SPIN, Service, open_service, single

Series = dict[str, float]


async def _scrape(service: Service) -> Series:
    """All samples by name, and labels other than ``le`` in the order of their names."""
    reply = await service.client.get("/metrics")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    samples: Series = {}
    for family in text_string_to_metric_families(reply.text):
        assert family.documentation
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


async def test_messages_are_counted() -> None:
    """Three messages of one execution, their latencies, the guest that ran one, and the requests, by route."""
    async with open_service() as service:
        execution = await service.start(QUICK_REFERENCE)
        await service.inject(execution, "input", 21)
        await service.processed(execution, 3)
        samples = await _scrape(service)
        assert samples["symbia_messages_processed_total"] == 3
        assert samples["symbia_invocation_duration_seconds_count"] == 3
        assert samples["symbia_invocation_duration_seconds_bucket{le=+Inf}"] == 3
        assert samples["symbia_executions{state=running}"] == samples["symbia_guests"] == 1
        inject = "{method=POST,route=/api/executions/<execution_id>/inject,status=200}"
        assert samples[f"symbia_http_requests_total{inject}"] == 1
        assert samples["symbia_http_requests_in_progress"] == 1  # the scrape itself
        assert samples["process_resident_memory_bytes"] > 10_000_000


async def test_what_ended_stays_counted() -> None:
    """Neither the end nor the forgetting of an execution takes a message back."""
    async with open_service() as service:
        execution = await service.start(QUICK_REFERENCE)
        await service.inject(execution, "input", 21)
        await service.processed(execution, 3)
        before = await _scrape(service)
        await service.client.delete(f"/api/executions/{execution}")
        after = await _scrape(service)
        assert after["symbia_messages_processed_total"] == 3
        assert after["symbia_executions_ended_total{state=cancelled}"] == 1
        assert (after["symbia_executions{state=running}"], after["symbia_guests"]) == (0, 0)
        counters = [name for name in before if "_total" in name or name.endswith(("_count", "_sum"))]
        assert [name for name in counters if after[name] < before[name]] == []


async def test_a_guest_that_is_destroyed_is_counted() -> None:
    """A spinning component that is stopped shows as a restart and as slices."""
    async with open_service() as service:
        await service.client.post("/api/components", json=SPIN)
        execution = await service.start(single("custom.spin"))
        await service.inject(execution, "only", 1)
        while (await _scrape(service))["symbia_guest_slices_total"] < 30:
            await trio.lowlevel.checkpoint()
        await service.client.post(f"/api/executions/{execution}/stop")
        samples = await _scrape(service)
        assert samples["symbia_guest_restarts_total"] == 1
        assert samples["symbia_guest_cpu_seconds_total"] > 0.01
        assert samples["symbia_messages_unprocessed_total"] == 1


async def test_unknown_paths_are_one_series() -> None:
    """However many paths are asked for, what fits no route is counted as one."""
    async with open_service() as service:
        for number in range(20):
            await service.client.get(f"/no/such/{number}")
        samples = await _scrape(service)
        assert samples["symbia_http_requests_total{method=GET,route=(none),status=404}"] == 20
        assert not [name for name in samples if "/no/such" in name]


async def test_metrics_can_be_switched_off() -> None:
    """404 with the reason."""
    async with open_service(settings_with(port=0, enable_metrics=False)) as service:
        reply = await service.client.get("/metrics")
        assert (reply.status_code, reply.json()["code"]) == (404, "metrics.disabled")


async def test_a_draining_service_can_still_be_watched() -> None:
    """While it drains it says that it is not ready, on every health route and to Prometheus, and still lives."""
    delay = {"id": "only", "component": "symbia.core.delay", "config": {"ms": 400}}
    async with open_service() as service:
        execution = await service.start({**single("symbia.core.delay"), "nodes": [delay]})
        assert (await _scrape(service))["symbia_ready"] == 1
        await service.inject(execution, "only", 1)
        service.told_to_stop.set()
        await trio.testing.wait_all_tasks_blocked()
        assert [await _status(service, path) for path in ("/health", "/health/ready", "/health/live")] == [
            503,
            503,
            200,
        ]
        ready = (await service.client.get("/health/ready")).json()
        assert ready["checks"]["server"]["status"] == "unhealthy"
        samples = await _scrape(service)
        assert (samples["symbia_ready"], samples["symbia_messages_in_flight"]) == (0, 1)


async def _status(service: Service, path: str) -> int:
    """The status of a probe, which must be the same for GET and HEAD."""
    statuses = {(await service.client.request(method, path)).status_code for method in ("GET", "HEAD")}
    (status,) = statuses
    return status


async def test_every_probe_answers_head() -> None:
    """Probes that only look at the status need no body."""
    async with open_service() as service:
        for path in ("/health", "/health/live", "/health/ready", "/api/health", "/metrics"):
            assert await _status(service, path) == 200
        head: Any = await service.client.head("/metrics")
        assert head.content == b""


async def test_metrics_are_for_whoever_is_recognised() -> None:
    """Where callers are recognised the page is closed to anonymous ones, unless the operator opens it."""
    async with open_service_with_identity() as world:
        monitor = world.person(world.identity.add_agent("prometheus", None))  # of no organisation
        answers = [await person.call("GET", "/metrics") for person in (world.anonymous, world.bob, monitor)]
        assert [answer.status_code for answer in answers] == [401, 200, 200]
        assert "WWW-Authenticate" in answers[0].headers
    async with open_service_with_identity(metrics_access="open") as world:
        assert (await world.anonymous.call("GET", "/metrics")).status_code == 200
        assert world.identity.questions == []
