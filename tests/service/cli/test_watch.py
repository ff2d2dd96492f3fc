"""``symbia-runtime watch``, as its users call it: in a process of its own, against a real service."""

import io
import sys
from typing import Any

import pytest
import trio
from rich.console import Console

from service.cli.live_client import LiveClientError, websocket_address
from service.cli.watch_table import WatchView, tell
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import QUICK_REFERENCE, ROOT, Service, clean_environment, open_service, single

NOBODYS = "00000000-0000-4000-8000-000000000000"
UNKNOWN = "No execution has the id or the name 'none'; `symbia-runtime executions` lists them"


async def watch(service_url: str, execution_id: str, *options: str, **variables: str) -> tuple[int, str, str]:
    """Run the command to its end; its status, what it printed and its complaints."""
    environment = clean_environment({"SYMBIA_URL": service_url, **variables})
    command = [sys.executable, "-m", "service", "watch", execution_id, *options]
    with trio.fail_after(30):
        done = await trio.run_process(
            command, cwd=ROOT, env=environment, capture_stdout=True, capture_stderr=True, check=False
        )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def _watched(service: Service) -> None:
    """Return when somebody watches."""
    with trio.fail_after(30):
        while b"symbia_live_subscriptions 1.0" not in (await service.client.get("/metrics")).content:
            await trio.lowlevel.checkpoint()


async def test_a_watched_execution_is_told_in_lines_and_its_end_is_the_status() -> None:
    """Without a terminal there is a line for each change; completed is 0."""
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        results: list[tuple[int, str, str]] = []

        async def run() -> None:
            results.append(await watch(service.url, execution_id))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await _watched(service)
            await service.inject(execution_id, "input", 21)
            for command in ("pause", "resume", "complete"):
                await service.client.post(f"/api/executions/{execution_id}/{command}")
    status, printed, complaints = results[0]
    assert (status, complaints) == (0, "")
    states = [line for line in printed.splitlines() if "processed" not in line]
    assert states == ["running", "paused", "running", "completed"]
    assert "3 processed" in printed


@pytest.mark.parametrize(("end", "status"), [("stop", 3), ("complete", 0)])
async def test_an_execution_that_has_ended_is_told_at_once(end: str, status: int) -> None:
    """Its end is the status: cancelled is 3, completed is 0."""
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        await service.client.post(f"/api/executions/{execution_id}/{end}")
        with trio.fail_after(10):
            await service.runtime.execution(execution_id).wait_finished()
        assert (await watch(service.url, execution_id))[0] == status


async def test_a_failed_execution_is_told_with_its_error() -> None:
    """Failed is 1, and the error is in the line."""
    async with open_service() as service:
        execution_id = await service.start(single("symbia.core.map", config={"expression": "value.a.b"}))
        await service.inject(execution_id, "only", None)
        with trio.fail_after(10):
            await service.runtime.execution(execution_id).wait_finished()
        status, printed, _ = await watch(service.url, execution_id)
        assert status == 1
        assert "failed: Node only failed: TypeError" in printed


async def test_what_cannot_be_watched_is_said_in_one_line() -> None:
    """An unknown id, an address where nothing is, and no URL at all: status 2 and a sentence."""
    async with open_service() as service:
        status, _, complaint = await watch(service.url, "none")
        assert (status, complaint) == (2, f"Error: {UNKNOWN}\n")
        status, _, complaint = await watch(service.url, NOBODYS)
        assert (status, complaint) == (2, f"Error: Execution not found: {NOBODYS}\n")
        status, _, complaint = await watch("http://127.0.0.1:1", "none")
        assert status == 2
        assert "http://127.0.0.1:1 cannot be reached" in complaint
        status, _, complaint = await watch("nowhere", "none")
        assert status == 2
        assert "is no URL of a service" in complaint


async def test_credentials_come_from_the_environment() -> None:
    """Without one the command says how to give one; with one it watches what the caller may see."""
    async with open_service_with_identity() as world:
        _, execution_id = await world.alice.start()
        await world.alice.call("POST", f"/api/executions/{execution_id}/stop")
        url = world.service.url
        status, _, complaint = await watch(url, execution_id, SYMBIA_TOKEN="wrong")
        assert status == 2
        assert "SYMBIA_TOKEN" in complaint
        status, _, complaint = await watch(url, execution_id)
        assert status == 2
        assert "Authentication required" in complaint
        assert (await watch(url, execution_id, SYMBIA_TOKEN="token-of-alice"))[0] == 3
        assert (await watch(url, execution_id, "--token", "token-of-bob"))[0] == 2


def test_the_table_shows_nodes_queues_and_errors() -> None:
    """At a terminal the view has a row for each node, what holds the flow up, and the latest errors."""
    view = WatchView("e1")
    node: dict[str, Any] = dict.fromkeys(
        ("invocations", "errorCount", "queuedMessages", "queuedBytes", "peakMessages", "blockedSenders"), 7
    )
    node |= dict.fromkeys(("busySeconds", "busyShare", "throughputPerSecond"), 0.5)
    node |= {"nodeId": "double", "p50LatencyMs": 1.0, "p95LatencyMs": 2.0, "p99LatencyMs": 3.0, "capacity": 1000}
    statistics = {
        "executionId": "e1",
        "state": "running",
        "inFlight": 1,
        "held": 0,
        "nodes": [node],
        "edges": [],
        "bottleneck": {"nodeId": "double", "reason": "it is slow"},
    }
    failure = {"executionId": "e1", "nodeId": "double", "errorName": "E", "message": "[b]no[/b]", "timestamp": 1}
    view.take("execution:state", {"executionId": "e1", "graphId": "g", "state": "running"})
    view.take("statistics:update", {"executionId": "e1", "statistics": statistics})
    view.take("component:failed", failure)
    console = Console(file=io.StringIO(), width=100)
    console.print(view)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for part in ("running", "double", "7 of 1,000", "held up by double: it is slow", "double: E: [b]no[/b]"):
        assert part in shown


def test_lines_of_strangers_control_no_terminal() -> None:
    """What a component says is printed as text: no escapes, no markup."""
    console = Console(file=io.StringIO(), width=80)
    tell(console, "\x1b[2Jnode: [red]boo[/red]\n")
    assert console.file.getvalue() == " [2Jnode: [red]boo[/red] \n"  # type: ignore[attr-defined]


def test_urls_become_addresses_of_websockets() -> None:
    """The service may lie below a path; other schemes are refused."""
    assert websocket_address("http://127.0.0.1:5006") == "ws://127.0.0.1:5006/ws"
    assert websocket_address("https://example.org/svc/runtime/") == "wss://example.org/svc/runtime/ws"
    for wrong in ("ftp://x", "127.0.0.1:5006", "http://", ""):
        with pytest.raises(LiveClientError):
            websocket_address(wrong)
