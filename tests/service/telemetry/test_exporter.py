"""The exporter: batches, patience, and what becomes of records that nobody takes."""

import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from service.siblings.backoff import LONGEST_SECONDS
from service.siblings.status import Siblings
from service.telemetry.client import LoggingClient
from service.telemetry.credentials import FixedCredentials
from service.telemetry.exporter import FLUSH_SECONDS, GRAPH_FLUSH_SECONDS, RETRIES, Exporter
from service.telemetry.outbox import BATCH_RECORDS, QUEUE_RECORDS
from service.telemetry.records import DataPoint, LogRecord, MetricRecord
from service.telemetry.series import SERIES, Series, _find
from tests.fakes.logging_service import ABSENCES, RETRY_AFTER_SECONDS, Behaviour, FakeLogging

STREAM = "service.runtime.logs"

pytestmark = pytest.mark.usefixtures("autojump_clock")


def _line(number: int) -> LogRecord:
    return LogRecord("2026-01-01T00:00:00.000Z", "info", f"line {number}", {"eventType": "test"})


def _point(name: str, value: float, org: str = "") -> MetricRecord:
    return MetricRecord(name, DataPoint("2026-01-01T00:00:00.000Z", value), org)


@asynccontextmanager
async def _exporting(
    logging: FakeLogging, siblings: Siblings | None = None, limit: int = SERIES
) -> AsyncIterator[Exporter]:
    """A running exporter that speaks to a fake without a socket; it never takes a chance."""
    siblings = siblings or Siblings()
    async with httpx.AsyncClient(base_url="http://logging/api", transport=logging.transport) as client:
        speaking = LoggingClient(client, FixedCredentials({}), {"X-Service-Id": "runtime"})
        series = Series(speaking, "runtime", limit=limit)
        exporter = Exporter(speaking, series, siblings.add("logging"), chance=lambda: 1.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exporter.run)
            yield exporter
            nursery.cancel_scope.cancel()


async def test_a_second_after_the_last_batch_the_next_one_leaves() -> None:
    """Few records wait a second at most, and go in one request."""
    logging = FakeLogging()
    async with _exporting(logging) as exporter:
        for number in range(3):
            exporter.logs.put(_line(number))
        await trio.sleep(FLUSH_SECONDS * 0.9)
        assert not logging.requests
        await trio.sleep(FLUSH_SECONDS * 0.2)
    assert [line["message"] for line in logging.logs[STREAM]] == ["line 0", "line 1", "line 2"]
    assert logging.sizes == [3]
    assert (exporter.sent, exporter.dropped) == (3, 0)


async def test_a_full_batch_waits_for_nothing() -> None:
    """Fifty records leave at once, and no request has more."""
    logging = FakeLogging()
    async with _exporting(logging) as exporter:
        for number in range(2 * BATCH_RECORDS + 5):
            exporter.logs.put(_line(number))
        began = trio.current_time()
        while sum(logging.sizes) < BATCH_RECORDS:
            await trio.lowlevel.checkpoint()
        assert trio.current_time() == began
        await trio.sleep(3 * FLUSH_SECONDS)
    assert logging.sizes[0] == BATCH_RECORDS
    assert max(logging.sizes) == BATCH_RECORDS
    assert sum(logging.sizes) == 2 * BATCH_RECORDS + 5


async def test_ids_are_asked_for_once() -> None:
    """The stream is made once, and a metric is looked for once."""
    logging = FakeLogging()
    async with _exporting(logging) as exporter:
        for number in range(5):
            exporter.logs.put(_line(number))
            exporter.metrics.put(_point("service.request.count", 1))
            await trio.sleep(2 * FLUSH_SECONDS)
    assert logging.asked("/api/logs/streams") == 1
    assert [path for method, path, _ in logging.requests if method == "GET"] == ["/api/metrics"]
    assert len(logging.points["", "service.request.count"]) == 5


@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_graphs_metric_is_found_or_made_under_its_organisation(*, wrapped: bool) -> None:
    """An existing series is used, a missing one is made as a gauge, and both only for the graph's own owner."""
    logging = FakeLogging()
    logging.wrapped_lists = wrapped
    logging.add_metric("org-a", "orders.margin")
    async with _exporting(logging) as exporter:
        exporter.graph_metrics.put(_point("orders.margin", 1.5, "org-a"))
        exporter.graph_metrics.put(_point("orders.margin", 2.5, "org-b"))
        await trio.sleep(GRAPH_FLUSH_SECONDS + 2 * FLUSH_SECONDS)
    assert [point["value"] for point in logging.points["org-a", "orders.margin"]] == [1.5]
    assert [point["value"] for point in logging.points["org-b", "orders.margin"]] == [2.5]
    assert len(logging.metrics("org-a")) == 1
    assert logging.metrics("org-b")[0]["metricType"] == "gauge"


@pytest.mark.parametrize(
    "others",
    [{"service": "catalog"}, {"service": None}, {"env": "prod"}],
)
@pytest.mark.parametrize("org", ["", "org-a"])
async def test_a_metric_of_another_service_is_left_to_it(others: dict[str, str | None], org: str) -> None:
    """Every service has one of this name in the organisation, and all of them are listed; ours is used again."""
    logging = FakeLogging()
    whose: dict[str, Any] = {**others}
    foreign = logging.add_metric(org, "service.request.count", **whose)
    for _ in range(2):
        async with _exporting(logging) as exporter:
            exporter.metrics.put(_point("service.request.count", 1, org))
            await trio.sleep(2 * FLUSH_SECONDS)
    assert foreign not in logging.by_id
    assert [len(points) for points in logging.by_id.values()] == [2]
    assert len(logging.metrics(org)) == 2


async def test_a_logging_service_that_does_not_say_whose_a_metric_is_has_one_of_each_name() -> None:
    """What is not told says nothing against it, so that a series goes on after a restart."""
    found = {"metrics": [{"id": "m", "name": "service.request.count"}]}
    assert _find(found, {"name": "service.request.count", "serviceId": "runtime", "env": "dev"}) == "m"


async def test_a_metric_of_another_organisation_is_left_to_it() -> None:
    """Also where a logging service lists those of all organisations, and for the service's own metrics."""

    class Unscoped(FakeLogging):
        def metrics(self, org: str) -> list[dict[str, Any]]:
            del org
            return list(self._metrics.values())

    logging = Unscoped()
    foreign = logging.add_metric("org-b", "service.request.count")
    async with httpx.AsyncClient(base_url="http://logging/api", transport=logging.transport) as client:
        speaking = LoggingClient(client, FixedCredentials({"X-Org-Id": "org-x"}), {"X-Service-Id": "runtime"})
        series = Series(speaking, "runtime", own_org="org-x")
        own, graphs = [await series.metric(org, "service.request.count") for org in ("", "org-a")]
    assert len({foreign, own, graphs}) == 3


async def test_what_graphs_report_in_bulk_lags_seconds() -> None:
    """However many batches wait, all of them leave when the time has come."""
    logging = FakeLogging()
    async with _exporting(logging) as exporter:
        for number in range(QUEUE_RECORDS):
            exporter.graph_metrics.put(_point("orders.margin", number, "org-a"))
        await trio.sleep(GRAPH_FLUSH_SECONDS + 2 * FLUSH_SECONDS)
        assert [point["value"] for point in logging.points["org-a", "orders.margin"]] == list(range(QUEUE_RECORDS))
        assert (exporter.dropped, exporter.waiting) == (0, 0)


async def test_a_batch_of_graphs_that_nobody_takes_is_not_followed_by_the_next_at_once() -> None:
    """The next one waits until it is time again."""
    logging = FakeLogging()
    logging.behaviour = "status 400"
    async with _exporting(logging) as exporter:
        for number in range(3 * BATCH_RECORDS):
            exporter.graph_metrics.put(_point("orders.margin", number, "org-a"))
        await trio.sleep(GRAPH_FLUSH_SECONDS + 1.5 * FLUSH_SECONDS)
        assert (exporter.dropped, exporter.waiting) == (BATCH_RECORDS, 2 * BATCH_RECORDS)


@pytest.mark.parametrize("absence", [*ABSENCES, "silent"])
async def test_what_is_not_taken_is_sent_again(absence: Behaviour) -> None:
    """A logging service that fails and comes back within the retries loses nothing, and hears nothing twice."""
    logging, siblings = FakeLogging(), Siblings()
    async with _exporting(logging, siblings) as exporter:
        logging.behaviour = absence
        exporter.logs.put(_line(1))
        exporter.metrics.put(_point("service.request.count", 1))
        while not siblings.reports()[0].failures:  # noqa: ASYNC110  the clock is a mock
            await trio.sleep(0.1)
        assert siblings.reports()[0].state == "down"
        logging.behaviour = "well"
        await trio.sleep(40)
        assert siblings.reports()[0].state == "up"
    assert len(logging.logs[STREAM]) == 1
    assert len(logging.points["", "service.request.count"]) == 1
    assert exporter.dropped == 0


async def test_only_the_part_of_a_batch_that_was_not_taken_is_sent_again() -> None:
    """One metric that fails for a while does not double the others of its batch."""

    class Picky(FakeLogging):
        refusals = 2

        async def answer(
            self, method: str, path: str, headers: dict[str, str], body: bytes
        ) -> tuple[int, dict[str, str], bytes]:
            if b"service.error.count" in body and self.refusals:
                self.refusals -= 1
                return 503, {}, b"{}"
            return await super().answer(method, path, headers, body)

    logging = Picky()
    async with _exporting(logging) as exporter:
        for name in ("service.request.count", "service.error.count", "service.request.latency_ms"):
            exporter.metrics.put(_point(name, 1))
        await trio.sleep(30)
    assert {name: len(points) for (_, name), points in logging.points.items()} == {
        "service.request.count": 1,
        "service.error.count": 1,
        "service.request.latency_ms": 1,
    }
    assert (exporter.sent, exporter.dropped) == (3, 0)


async def test_a_batch_that_is_never_taken_is_dropped_and_counted() -> None:
    """Three retries, then the next batch has its turn."""
    logging, siblings = FakeLogging(), Siblings()
    logging.behaviour = "status 500"
    async with _exporting(logging, siblings) as exporter:
        exporter.logs.put(_line(1))
        await trio.sleep(120)
        assert exporter.dropped == 1
        assert len(logging.requests) == RETRIES + 1
        logging.behaviour = "well"
        exporter.logs.put(_line(2))
        await trio.sleep(2)
    assert [line["message"] for line in logging.logs[STREAM]] == ["line 2"]
    assert siblings.reports()[0].failures == RETRIES + 1


async def test_what_is_wrong_in_itself_is_not_sent_again() -> None:
    """A 400 would be a 400 again."""
    logging = FakeLogging()
    logging.behaviour = "status 400"
    async with _exporting(logging) as exporter:
        exporter.logs.put(_line(1))
        await trio.sleep(60)
    assert len(logging.requests) == 1
    assert exporter.dropped == 1


async def test_retry_after_is_heeded() -> None:
    """A service that asks for a pause gets it."""
    logging = FakeLogging()
    logging.behaviour = "status 429"
    async with _exporting(logging) as exporter:
        exporter.logs.put(_line(1))
        await trio.sleep(FLUSH_SECONDS + RETRY_AFTER_SECONDS - 0.1)
        assert len(logging.requests) == 1
        await trio.sleep(0.2)
        assert len(logging.requests) == 2


async def test_a_service_that_lost_its_memory_is_told_again() -> None:
    """Ids of before its restart are forgotten when they are not found, and nothing is lost."""
    logging = FakeLogging()
    async with _exporting(logging) as exporter:
        exporter.logs.put(_line(1))
        await trio.sleep(2)
        logging.forget_ids()
        exporter.logs.put(_line(2))
        exporter.metrics.put(_point("service.request.count", 1))
        await trio.sleep(10)
    assert [line["message"] for line in logging.logs[STREAM]] == ["line 1", "line 2"]
    assert len(logging.points["", "service.request.count"]) == 1


async def test_a_full_queue_keeps_the_newest() -> None:
    """While nothing can be sent the oldest records go, and each is counted."""
    logging = FakeLogging()
    logging.behaviour = "silent"
    async with _exporting(logging) as exporter:
        for number in range(QUEUE_RECORDS + 10):
            exporter.logs.put(_line(number))
        assert (len(exporter.logs), exporter.logs.dropped) == (QUEUE_RECORDS, 10)
        logging.behaviour = "well"
        await trio.sleep(60)
    assert logging.logs[STREAM][0]["message"] == "line 10"
    assert exporter.sent == QUEUE_RECORDS


@pytest.mark.long_steps("the fake service answers without a pause, so that all requests are one step")
async def test_graphs_cannot_name_metrics_without_end() -> None:
    """Beyond the bound of series values are dropped and counted; the known ones go on."""
    logging = FakeLogging()
    async with _exporting(logging, limit=100) as exporter:
        for number in range(105):
            exporter.graph_metrics.put(_point(f"metric.{number}", 1, "org-a"))
            if not number % 40:
                await trio.sleep(GRAPH_FLUSH_SECONDS * 1.3)
        await trio.sleep(GRAPH_FLUSH_SECONDS * 3)
        exporter.graph_metrics.put(_point("metric.1", 2, "org-a"))
        await trio.sleep(GRAPH_FLUSH_SECONDS * 2)
    assert len(logging.metrics("org-a")) == 100
    assert exporter.dropped == 5
    assert [point["value"] for point in logging.points["org-a", "metric.1"]] == [1, 2]


async def test_ten_minutes_of_flapping_leave_nothing_behind() -> None:
    """A service that comes and goes costs few requests, no memory, no tasks; each return is soon noticed."""
    logging, siblings = FakeLogging(), Siblings()
    recoveries: list[float] = []
    sizes: list[int] = []
    async with _exporting(logging, siblings) as exporter:
        tasks = trio.lowlevel.current_statistics().tasks_living
        tracemalloc.start()
        for round_number in range(10):
            logging.behaviour = ABSENCES[round_number % len(ABSENCES)]
            asked = len(logging.requests)
            for second in range(30):
                for number in range(20):
                    exporter.logs.put(_line(second * 20 + number))
                await trio.sleep(1)
            assert len(logging.requests) - asked < 15, "a hot loop"
            logging.behaviour = "well"
            began = trio.current_time()
            while siblings.reports()[0].state != "up":
                exporter.logs.put(_line(0))
                await trio.sleep(0.5)
            recoveries.append(trio.current_time() - began)
            await trio.sleep(max(0.0, 30 - recoveries[-1]))
            logging.logs.clear()
            logging.requests.clear()
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert max(recoveries) <= LONGEST_SECONDS
    assert sizes[-1] - sizes[2] < 200_000
