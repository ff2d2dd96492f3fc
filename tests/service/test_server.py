"""The server as a process: it starts, says where, answers under load, and ends in good order."""

import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import trio

from service.http.openapi.first_graph import shell_lines
from service.server import ListenError, listen
from tests.processes import ended
from tests.service.chosen import settings_with
from tests.service.cli.terminal import Terminal
from tests.service.serving import (
    ROOT,
    SPIN,
    Process,
    clean_environment,
    log_lines,
    open_service,
    run_command,
    single,
    start_process,
)

PASS = single("symbia.core.passthrough")


def _start(process: Process, graph: object) -> str:
    """Load and execute a graph in a service of its own process; the execution's id."""
    graph_id = httpx.post(f"{process.url}/api/graphs", json=graph).json()["id"]
    return str(httpx.post(f"{process.url}/api/graphs/{graph_id}/execute").json()["executionId"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_with_status_0(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end an idle service at once, without a traceback."""
    with start_process() as process:
        assert httpx.get(f"{process.url}/health/ready").status_code == 200
        began = time.monotonic()
        status, log = process.end(number)
    assert (status, time.monotonic() - began < 3) == (0, True)
    assert "Traceback" not in log
    assert [line["event"] for line in log_lines(log)][-1] == "stopped"


def test_a_database_that_is_named_is_answered_with_a_word() -> None:
    """Whoever names the platform's database hears at the start that state is kept in memory, and not its URL."""
    with start_process({"DATABASE_URL": "postgres://symbia:hidden@localhost/runtime"}) as process:
        status, log = process.end()
    (said,) = [line for line in log_lines(log) if line["event"] == "state is kept in memory"]
    assert (status, said["level"], "no database" in said["reason"]) == (0, "warning", True)
    assert "hidden" not in log
    with start_process() as process:
        assert "kept in memory" not in process.end()[1]


def test_what_runs_at_the_end_is_ended_too() -> None:
    """Even a component that spins does not keep the service from ending within its deadline."""
    with start_process({"DRAIN_SECONDS": "1"}) as process:
        assert httpx.post(f"{process.url}/api/components", json=SPIN).status_code == 201
        execution = _start(process, single("custom.spin"))
        body = {"nodeId": "only", "port": "in", "value": 1}
        httpx.post(f"{process.url}/api/executions/{execution}/inject", json=body)
        began = time.monotonic()
        status, log = process.end()
    assert (status, time.monotonic() - began < 10) == (0, True)
    assert "draining" in [line["event"] for line in log_lines(log)]


def test_what_a_signal_leaves_unprocessed_is_told() -> None:
    """Accepted messages that do not drain in time are a warning for their execution, and one for the whole."""
    held = {"id": "held", "component": "symbia.core.delay", "config": {"ms": 3_600_000}}
    with start_process({"DRAIN_SECONDS": "1"}) as process:
        execution = _start(process, {**PASS, "nodes": [held]})
        messages = [{"nodeId": "held", "port": "in", "value": number} for number in range(3)]
        reply = httpx.post(f"{process.url}/api/executions/{execution}/inject", json={"messages": messages})
        assert reply.json()["accepted"] == 3
        status, log = process.end()
    assert status == 0, "it was told to end, and has ended in good order"
    lines = {line["event"]: line for line in log_lines(log)}
    left = lines["messages unprocessed"]
    assert (left["level"], left["execution"], left["state"]) == ("warning", execution, "cancelled")
    assert (left["count"], left["nodes"]) == (3, {"held": 3})
    assert (lines["stopped"]["level"], lines["stopped"]["unprocessed"]) == ("warning", 3)


def test_a_caller_who_does_not_read_cannot_keep_the_service() -> None:
    """Replies that nobody fetches do not hold up the end of the service."""
    graph = {**PASS, "metadata": {"note": "x" * 4_000_000}}
    with start_process({"DRAIN_SECONDS": "1"}) as process:
        graph_id = httpx.post(f"{process.url}/api/graphs", json=graph).json()["id"]
        host, port = process.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.sendall(f"GET /api/graphs/{graph_id} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert deaf.recv(1) == b"H"
            began = time.monotonic()
            status, log = process.end()
    assert (status, time.monotonic() - began < 12) == (0, True), log


def _seconds_of_health(client: httpx.Client) -> list[float]:
    """How long each of forty looks at the health of a service takes."""
    durations = []
    for _ in range(40):
        began = time.monotonic()
        assert client.get("/api/health").status_code == 200
        durations.append(time.monotonic() - began)
    return durations


def test_a_spinning_component_does_not_delay_health() -> None:
    """While a component spins, GET /api/health stays quick: half of the answers within 50 ms of what they took.

    What they take before is seldom a millisecond, and more on a machine that is busy with other things.
    """
    with start_process() as process, httpx.Client(base_url=process.url) as client:
        before = statistics.median(_seconds_of_health(client))
        client.post("/api/components", json=SPIN)
        execution = _start(process, single("custom.spin"))
        client.post(f"/api/executions/{execution}/inject", json={"nodeId": "only", "port": "in", "value": 1})
        durations = _seconds_of_health(client)
        assert client.get(f"/api/executions/{execution}").json()["state"] == "running"
        stopped = client.post(f"/api/executions/{execution}/stop").json()
        assert stopped["state"] == "cancelled"
        assert statistics.median(durations) < 0.05 + 3 * before, durations
        assert _start(process, PASS)


def test_the_greeting_is_a_working_first_graph() -> None:
    """The lines that the service prints, pasted into a shell, end with 42 in the log and three messages."""
    assert shutil.which("curl"), "the lines are for curl"
    with Terminal("serve", environment={"PORT": "0"}) as terminal:
        terminal.read_until("Ctrl-C stops")
        shown = terminal.shown.replace("\r\n", "\n")
        lines = shell_lines(re.findall(r"serves (http://\S+)\n", shown)[0])
        assert lines in shown
        shell = subprocess.run(
            ["bash", "-eu", "-c", lines],
            env=clean_environment({}),
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    injected, logs, metrics = shell.stdout.strip().splitlines()
    assert '"accepted":1' in injected
    assert '"message":"42"' in logs
    assert '"messagesProcessed":3' in metrics


def test_where_nobody_sits_only_the_address_is_printed() -> None:
    """Standard output that is no terminal has one line, and no lesson in it."""
    with start_process() as process:
        assert process.process.stdout is not None
        process.process.terminate()
        assert (process.greeting, process.process.stdout.read()) == (f"symbia-runtime serves {process.url}\n", "")


def test_a_taken_port_is_one_clear_line() -> None:
    """The service says which port is taken and what to do, with status 1 and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run_command("serve", "--port", str(port))
    assert result.returncode == 1
    what = f"Error: Port {port} on 127.0.0.1 is in use already: "
    advice = "stop what uses it, or choose another with --port or PORT"
    assert result.stderr.decode().splitlines() == [what + advice]


def test_wrong_settings_are_status_2_all_at_once() -> None:
    """Nothing is served with wrong settings, and each is named as it was given."""
    result = run_command("serve", "--host", "0.0.0.0", "--port", "http", environment={"LOG_LEVEL": "loud"})
    lines = result.stderr.decode().splitlines()
    assert (result.returncode, len(lines)) == (2, 2)
    assert ["--port=" in lines[0], "LOG_LEVEL=" in lines[1]] == [True, True]


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_foreign_address_cannot_be_served(host: str) -> None:
    """An address that is not this machine's is told as such."""
    with pytest.raises(ListenError, match="no address of this machine"):
        listen(host, 0)


async def test_a_stopping_service_takes_no_more_work() -> None:
    """Once told to stop it is not ready, and refuses work with 503, while what runs may drain."""
    async with open_service() as service:
        execution = await service.start(
            {**PASS, "nodes": [{"id": "only", "component": "symbia.core.delay", "config": {"ms": 400}}]}
        )
        await service.inject(execution, "only", 1)
        service.told_to_stop.set()
        await trio.testing.wait_all_tasks_blocked()
        ready = await service.client.get("/health/ready")
        refused = await service.client.post("/api/graphs", json=PASS)
        assert (ready.status_code, ready.json()["status"]) == (503, "unhealthy")
        assert (refused.status_code, refused.json()["code"]) == (503, "service.stopping")
        assert (await service.client.get("/health/live")).status_code == 200
        assert (await service.runtime.execution(execution).wait_finished()).metrics.messages_processed == 1


async def test_what_was_begun_in_the_last_moment_drains_too() -> None:
    """An execution that is still being initialised when the service is told to stop processes its inputs."""
    source = (
        "return { initialize() { for (let i = 0; i < 3e6; i++); }, process(ctx, port, v) { ctx.emit('out', v) } }"
    )
    component = {**SPIN, "execution": {**SPIN["execution"], "source": source}}
    async with open_service() as service:
        assert (await service.client.post("/api/components", json=component)).status_code == 201
        graph_id = await service.load(single(SPIN["id"]))
        inputs = [{"nodeId": "only", "port": "in", "value": number} for number in range(10)]

        async def execute() -> None:
            await service.client.post(f"/api/graphs/{graph_id}/execute", json={"inputs": inputs})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(execute)
            while not service.runtime.executions():
                await trio.lowlevel.checkpoint()
            (begun,) = service.runtime.executions()
            assert begun.state in {"pending", "initializing"}
            service.told_to_stop.set()
            ended = await service.runtime.execution(begun.id).wait_finished()
        assert (ended.state, ended.metrics.messages_processed, ended.unprocessed) == ("completed", 10, 0)


async def test_a_request_that_came_before_the_end_begins_nothing_after_it() -> None:
    """An execution asked for by a body that is still on its way when the service stops is refused with 503."""
    async with open_service() as service:
        graph_id = await service.load(PASS)
        head = f"POST /api/graphs/{graph_id}/execute HTTP/1.1\r\nHost: localhost\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
        slow = await service.start({**PASS, "nodes": [{"id": "only", "component": "symbia.core.delay"}]})
        await service.client.post(f"/api/executions/{slow}/pause")
        host, port = service.url.removeprefix("http://").split(":")
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            await stream.send_all(head.encode())
            while not (await service.client.get("/metrics")).text.count("in_progress 2.0"):
                await trio.lowlevel.checkpoint()
            service.told_to_stop.set()
            await stream.send_all(b"}")
            reply = b""
            while not reply.endswith(b"}"):
                reply += await stream.receive_some()
        assert (reply.split()[1], b"service.stopping" in reply) == (b"503", True)


def test_a_signal_while_the_command_is_being_imported_ends_it() -> None:
    """As soon as the program has begun it has a handler, so it ends even as the first process of a container."""
    command = [sys.executable, "-m", "service", "serve"]
    started = subprocess.Popen(command, cwd=ROOT, env=clean_environment({"PORT": "0"}), stderr=subprocess.PIPE)
    with ended(started) as process:
        status = Path(f"/proc/{process.pid}/status")
        mask = 0
        while not mask >> (signal.SIGTERM - 1) & 1:
            found = re.search(r"^SigCgt:\s+([0-9a-f]+)$", status.read_text(), re.MULTILINE)
            mask = int(found[1], 16) if found else 0
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert (process.returncode, log) == (128 + signal.SIGTERM, b"")


async def test_a_reply_under_way_at_the_end_is_sent_whole() -> None:
    """Who waits for an execution to start when the service ends is told, in full, that it was cancelled."""
    code = {**SPIN["execution"], "source": "return { initialize() { while (true) {} }, process() {} }"}
    async with open_service(settings_with(port=0, drain_seconds=1)) as service:
        assert (await service.client.post("/api/components", json={**SPIN, "execution": code})).status_code == 201
        graph_id = await service.load(single(SPIN["id"]))
        replies: list[httpx.Response] = []

        async def execute() -> None:
            replies.append(await service.client.post(f"/api/graphs/{graph_id}/execute"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(execute)
            while not service.runtime.executions():
                await trio.lowlevel.checkpoint()
            service.told_to_stop.set()
    assert [(reply.status_code, reply.json()["state"]) for reply in replies] == [(201, "cancelled")]


async def test_health_says_what_clients_read() -> None:
    """Status, time, version and uptime; HEAD works for those that only look whether it lives."""
    async with open_service() as service:
        body = (await service.client.get("/health")).json()
        assert (body["status"], set(body)) == ("ok", {"status", "timestamp", "service", "version", "uptime"})
        assert body["timestamp"].endswith("Z")
        api = (await service.client.get("/api/health")).json()
        assert (api["status"], api["service"]) == ("ok", "runtime")
        assert (await service.client.head("/health/live")).status_code == 200
