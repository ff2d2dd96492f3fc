"""The demo: it runs, and it notices when something is wrong."""

import io
from typing import Any

import httpx
import pytest
from rich.console import Console

from examples.countries.__main__ import DemoError, graph_for, inject, main, report
from examples.countries.collector import Collector, open_collector
from examples.countries.records import expect, read_records

METRICS: dict[str, Any] = {
    "messagesProcessed": 0,
    "errorCount": 0,
    "backpressureEvents": 0,
    "startTime": 0,
    "lastActivityTime": 0,
}


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def collector_with(records: dict[str, list[Any]]) -> Collector:
    collector = Collector()
    for name, batch in records.items():
        collector.add(name, batch)
    return collector


def test_every_record_comes_out_as_plain_python_expects() -> None:
    """The demo ends with status 0: started over HTTP, 13,000 records in, the same out, nothing lost."""
    console = quiet()
    status = main(console)
    output = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert status == 0, output
    assert "Every record arrived" in output


def test_the_expectation_loses_no_record() -> None:
    """The yardstick puts every record that the demo injects in exactly one place."""
    assert sum(len(records) for records in expect().values()) == len(read_records())


@pytest.mark.parametrize("name", ["languages", "countries", "subdivisions", "rejected"])
def test_a_lost_record_fails_the_demo(name: str) -> None:
    """One record missing at any of the four ends gives status 1."""
    records = expect()
    execution = {"state": "completed", "metrics": METRICS, "instances": []}
    assert report(execution, collector_with(records), quiet()) == 0
    records[name] = records[name][1:]
    assert report(execution, collector_with(records), quiet()) == 1


def test_a_failed_execution_fails_the_demo() -> None:
    """The right records do not hide that the execution failed."""
    execution = {"state": "failed", "error": {"message": "a node failed"}, "metrics": METRICS, "instances": []}
    assert report(execution, collector_with(expect()), quiet()) == 1


def test_the_collector_keeps_batches_in_order() -> None:
    """What is posted over HTTP is kept by path, in the order of arrival."""
    with open_collector() as collector:
        for batch in ([1, 2], [3]):
            httpx.post(f"{collector.url}/languages", json=batch).raise_for_status()
        assert collector.records("languages") == [1, 2, 3]
        assert collector.records("countries") == []
        assert collector.requests == 2


def test_the_graph_posts_to_the_collector() -> None:
    """Each of the four posting nodes gets the collector's address in place of the placeholder."""
    urls = [node["config"]["url"] for node in graph_for("http://collector")["nodes"] if "post_" in node["id"]]
    assert urls == [f"http://collector/{name}" for name in ("languages", "countries", "subdivisions", "rejected")]


def test_only_what_was_not_taken_is_sent_again() -> None:
    """After a 429 that took two of three messages, the third alone is injected again."""
    bodies = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        if len(bodies) == 1:
            return httpx.Response(
                429, json={"error": "full", "code": "x", "accepted": 2}, headers={"Retry-After": "0"}
            )
        return httpx.Response(200, json={"accepted": 1})

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service") as client:
        inject(client, "/api/executions/1", [{"value": 1}, {"value": 2}, {"value": 3}])
    assert bodies[1:] == [b'{"messages":[{"value":3}]}']


def test_a_refusal_stops_the_demo() -> None:
    """Any other refusal is told with the request, the status and the service's own words."""
    refuse = httpx.MockTransport(lambda _: httpx.Response(400, json={"error": "no such node"}))
    with (
        httpx.Client(transport=refuse, base_url="http://service") as client,
        pytest.raises(DemoError, match=r"POST /api/executions/1/inject was answered 400: .*no such node"),
    ):
        inject(client, "/api/executions/1", [{"value": 1}])
