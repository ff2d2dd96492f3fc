"""A real service for a test: on a real port, in the test's own process or in a process of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
import trio

from engine.runtime import Runtime
from service.outbound.backend import Resolve
from service.server import listen, open_configured_runtime, serve_runtime
from service.settings.table import TABLE, Settings
from service.telemetry.graph_reports import GraphReports
from tests.service.chosen import settings_with

ROOT = Path(__file__).parents[2]

QUICK_REFERENCE: dict[str, Any] = {
    "symbia": "1.0",
    "name": "Simple Pipeline",
    "version": "1.0.0",
    "nodes": [
        {"id": "input", "component": "symbia.core.passthrough"},
        {"id": "double", "component": "symbia.core.map", "config": {"expression": "value * 2"}},
        {"id": "output", "component": "symbia.core.logger"},
    ],
    "edges": [
        {"id": "e1", "source": {"node": "input", "port": "out"}, "target": {"node": "double", "port": "in"}},
        {"id": "e2", "source": {"node": "double", "port": "out"}, "target": {"node": "output", "port": "in"}},
    ],
}
"""The specification's Quick Reference graph, verbatim."""

SQUARE: dict[str, Any] = {
    "id": "custom.math.square",
    "name": "Square",
    "version": "1.0.0",
    "ports": {
        "inputs": [{"name": "in", "schema": {"type": "number"}}],
        "outputs": [{"name": "out", "schema": {"type": "number"}}],
    },
    "execution": {
        "type": "javascript",
        "entrypoint": "handler",
        "source": "return { process: async (ctx, port, value) => ctx.emit('out', value * value) }",
    },
}
"""The specification's custom component, verbatim."""

SPIN: dict[str, Any] = {
    **SQUARE,
    "id": "custom.spin",
    "name": "Spin",
    "execution": {"type": "javascript", "source": "return { process: () => { while (true) {} } }"},
}
"""A component that never comes back."""


def single(component: str, **fields: Any) -> dict[str, Any]:
    """A graph of one node, called ``only``."""
    node = {"id": "only", "component": component, **fields}
    return {"symbia": "1.0", "name": "Single", "version": "1.0.0", "nodes": [node], "edges": []}


class Service(msgspec.Struct, frozen=True):
    """A service that answers at ``url``; ``client`` speaks to it, ``runtime`` lies behind it."""

    url: str
    client: httpx.AsyncClient
    runtime: Runtime
    told_to_stop: trio.Event

    async def load(self, graph: Any) -> str:
        """Load a graph; its id."""
        reply = await self.client.post("/api/graphs", json=graph)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    async def start(self, graph: Any, **options: Any) -> str:
        """Load and execute a graph; the execution's id."""
        reply = await self.client.post(f"/api/graphs/{await self.load(graph)}/execute", json=options)
        assert reply.status_code == 201, reply.text
        return str(reply.json()["executionId"])

    async def inject(self, execution_id: str, node_id: str, value: Any, port: str = "in") -> httpx.Response:
        """Inject one message."""
        body = {"nodeId": node_id, "port": port, "value": value}
        return await self.client.post(f"/api/executions/{execution_id}/inject", json=body)

    async def processed(self, execution_id: str, count: int) -> dict[str, Any]:
        """The metrics of an execution as soon as it has processed ``count`` messages."""
        while True:
            metrics: dict[str, Any] = (await self.client.get(f"/api/executions/{execution_id}/metrics")).json()
            if metrics["messagesProcessed"] >= count:
                return metrics
            await trio.lowlevel.checkpoint()


@asynccontextmanager
async def open_service(settings: Settings | None = None, resolve: Resolve | None = None) -> AsyncIterator[Service]:
    """A service in this process, on a free port of this machine; ``resolve`` finds the hosts of its requests."""
    settings = settings or settings_with(port=0)
    told_to_stop = trio.Event()
    reports = GraphReports()
    async with open_configured_runtime(settings, resolve, reports) as runtime, trio.open_nursery() as nursery:
        urls: list[str] = []
        serving = trio.Event()

        def announce(url: str) -> None:
            urls.append(url)
            serving.set()

        listener = listen(settings.host, 0)
        nursery.start_soon(serve_runtime, runtime, settings, listener, announce, told_to_stop, None, reports)
        await serving.wait()
        async with httpx.AsyncClient(base_url=urls[0], timeout=20) as client:
            yield Service(url=urls[0], client=client, runtime=runtime, told_to_stop=told_to_stop)
        told_to_stop.set()


class Process:
    """A service in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", greeting: str) -> None:
        self.process = process
        self.greeting = greeting
        found = re.search(r"http://\S+", greeting)
        assert found is not None, greeting
        self.url = found.group()

    def end(self, signal_number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal, wait for the end; the exit status and what was logged."""
        self.process.send_signal(signal_number)
        _, log = self.process.communicate(timeout=20)
        return self.process.returncode, log

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def start_process(environment: Mapping[str, str] | None = None, *, open_files: int = 0) -> Process:
    """``symbia-runtime serve`` on a free port, ready to answer; to be used as a context manager.

    Args:
        environment: its settings.
        open_files: that it may have; as many as this process where 0.
    """
    limited = [] if not open_files else ["prlimit", f"--nofile={open_files}"]
    process = subprocess.Popen(
        [*limited, sys.executable, "-m", "service", "serve"],
        cwd=ROOT,
        env=clean_environment({"PORT": "0", **(environment or {})}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    greeting = ""
    try:
        for line in process.stdout:
            greeting += line
            if line.startswith("symbia-runtime serves "):
                return Process(process, greeting)
        _, log = process.communicate()
    except BaseException:  # the test's time is over: nobody will end it
        process.kill()
        raise
    raise AssertionError(f"The service did not start: {log}")


def run_command(
    *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run ``symbia-runtime`` with arguments to its end."""
    return subprocess.run(
        [sys.executable, "-m", "service", *arguments],
        cwd=ROOT,
        env=clean_environment(environment or {}),
        input=stdin,
        capture_output=True,
        timeout=40,
        check=False,
    )


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process' environment without any setting of the service, and with ``extra``."""
    settings = {variable for row in TABLE for variable in row.variables}
    return {name: value for name, value in os.environ.items() if name not in settings} | dict(extra)


def log_lines(log: str) -> list[dict[str, Any]]:
    """The lines of a JSON log."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]
