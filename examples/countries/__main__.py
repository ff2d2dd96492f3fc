"""Runs the demo: starts the service and a collector, injects every record, and compares what comes out.

Exit status 0 when every record arrived where plain Python expects it, in order and unchanged; 1 when not.
"""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from examples.countries.collector import Collector, open_collector
from examples.countries.records import expect, read_records
from examples.countries.server import ServerError, open_server

BATCH = 500
"""Records in one request: large enough to make HTTP cheap, small enough to watch the bar move."""

PLACEHOLDER = "http://collector.invalid"
"""What graph.yaml says in place of the collector's address."""

FINISH_SECONDS = 60.0
ENDED = {"completed", "failed", "cancelled"}


class DemoError(Exception):
    """The service answered with a refusal; the message holds it."""


def main(console: Console | None = None) -> int:
    """Run the demo and return its exit status."""
    console = console or Console()
    try:
        with (
            open_collector() as collector,
            open_server(collector.url.removeprefix("http://")) as url,
            httpx.Client(base_url=url, timeout=30, trust_env=False) as client,
        ):
            console.print(f"Service on {url}, collector on {collector.url}")
            execution = run(client, collector, console)
            return report(execution, collector, console)
    except (ServerError, DemoError, httpx.HTTPError) as error:
        console.print(f"[red]The demo stopped:[/red] {error}")
        return 1


def run(client: httpx.Client, collector: Collector, console: Console) -> dict[str, Any]:
    """Load the graph, push every record through it, and wait for the end. Returns the execution as JSON."""
    graph = call(client, "POST", "/api/graphs", graph_for(collector.url))
    console.print(f"Graph {graph['name']!r}: {graph['nodeCount']} nodes, {graph['edgeCount']} edges")
    started = call(client, "POST", f"/api/graphs/{graph['id']}/execute", {})
    path = f"/api/executions/{started['executionId']}"
    records = read_records()
    columns = (TextColumn("Injecting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("records", total=len(records))
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            inject(client, path, [{"nodeId": "extract", "port": "in", "value": record} for record in batch])
            progress.advance(task, len(batch))
    call(client, "POST", f"{path}/complete", {})  # the accumulators give out their last, smaller batches
    return wait_ended(client, path)


def graph_for(collector_url: str) -> dict[str, Any]:
    """The graph of graph.yaml, posting to a collector at this URL."""
    graph: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("graph.yaml").read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["component"] == "symbia.io.http-request":
            node["config"]["url"] = node["config"]["url"].replace(PLACEHOLDER, collector_url)
    return graph


def inject(client: httpx.Client, path: str, messages: list[dict[str, Any]]) -> None:
    """Inject messages; when the service asks for patience (429), send later what it has not taken yet."""
    while messages:
        response = client.post(f"{path}/inject", json={"messages": messages})
        if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
            checked(response)
            return
        messages = messages[response.json().get("accepted", 0) :]
        time.sleep(float(response.headers.get("Retry-After", "1")))


def call(client: httpx.Client, method: str, path: str, body: object = None) -> dict[str, Any]:
    """The reply to one request, as JSON."""
    return checked(client.request(method, path, json=body))


def checked(response: httpx.Response) -> dict[str, Any]:
    """The body of a reply.

    Raises:
        DemoError: it is a refusal.
    """
    if response.is_error:
        request = response.request
        raise DemoError(
            f"{request.method} {request.url.path} was answered {response.status_code}: {response.text}"
        )
    reply: dict[str, Any] = response.json()
    return reply


def wait_ended(client: httpx.Client, path: str) -> dict[str, Any]:
    """The execution, once it has ended.

    Raises:
        DemoError: it had not after FINISH_SECONDS.
    """
    deadline = time.monotonic() + FINISH_SECONDS
    while time.monotonic() < deadline:
        execution = call(client, "GET", path)
        if execution["state"] in ENDED:
            return execution
        time.sleep(0.05)
    raise DemoError(f"The execution is still {execution['state']} after {FINISH_SECONDS:g} s")


def report(execution: dict[str, Any], collector: Collector, console: Console) -> int:
    """Print what came out, beside what plain Python expects, and the metrics. Returns the exit status."""
    expected = expect()
    arrived = {name: collector.records(name) for name in expected}
    table = Table("came out", "records", "expected", "the same", "the last one")
    for name, records in expected.items():
        same = "yes" if arrived[name] == records else "NO"
        last = arrived[name][-1]["name"] if arrived[name] else ""
        table.add_row(name, f"{len(arrived[name]):,}", f"{len(records):,}", same, last)
    console.print(table)
    kinds = Counter(record["type"] for record in arrived["subdivisions"])
    console.print("Commonest subdivisions:", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(5)))
    print_metrics(execution, collector, console)
    if execution["state"] != "completed":
        console.print(f"[red]The execution is {execution['state']}:[/red] {execution.get('error')}")
        return 1
    if arrived != expected:
        console.print("[red]What came out differs from what plain Python makes of the same records.[/red]")
        return 1
    console.print("[green]Every record arrived, in order and unchanged.[/green]")
    return 0


def print_metrics(execution: dict[str, Any], collector: Collector, console: Console) -> None:
    """The execution's counters, and those of its nodes."""
    table = Table("node", "messages", "emitted", "mean ms", "errors")
    for instance in execution["instances"]:
        metrics = instance["metrics"]
        numbers = (metrics["invocations"], metrics["messagesEmitted"])
        mean = f"{metrics['avgLatencyMs']:.3f}"
        table.add_row(instance["nodeId"], *(f"{number:,}" for number in numbers), mean, str(metrics["errorCount"]))
    console.print(table)
    metrics = execution["metrics"]
    seconds = (metrics["lastActivityTime"] - metrics["startTime"]) / 1000
    console.print(
        f"{metrics['messagesProcessed']:,} messages processed in {seconds:.1f} s, "
        f"{collector.requests} batches posted, {metrics['errorCount']} errors, "
        f"{metrics['backpressureEvents']} times backpressure"
    )


if __name__ == "__main__":
    sys.exit(main())
