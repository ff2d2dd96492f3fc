"""The specification's monitoring example, through clients that others wrote, against a real service."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from service.addresses.origins import read_origins
from tests.service.chosen import settings_with
from tests.service.live.page_server import serving_page
from tests.service.live.real_clients import CLIENTS, PRINTED, chromium, monitor, node, socketio_client
from tests.service.serving import QUICK_REFERENCE, ROOT, Service, open_service

pytestmark = pytest.mark.timeout(120)

PYTHON_MONITOR = """
import os
import sys
import socketio

def tell(text):
    os.write(1, f"{text}\\n".encode())  # in one piece: handlers run in threads of their own

url, execution_id, *transports = sys.argv[1:]
client = socketio.Client(reconnection=False)

@client.on("port:emit")
def hop(msg):
    ends = f"{msg['sourceNode']}:{msg['sourcePort']} → {msg['targetNode']}:{msg['targetPort']}"
    tell(f"{ends}\\nValue: {msg['value']}")

@client.on("execution:completed")
def done(data):
    tell(f"Done! Messages processed: {data['metrics']['messagesProcessed']}")
    client.disconnect()

client.connect(url, transports=transports or None)
answer = client.call("execution:subscribe", {"executionId": execution_id})
assert answer["executionId"] == execution_id and answer["state"] == "running", answer
client.wait()
"""


async def run_quick_reference(service: Service, execution_id: str) -> None:
    """Wait for a watcher, then inject 21 and let the execution complete."""
    with trio.fail_after(60):
        while b"symbia_live_subscriptions 1.0" not in (await service.client.get("/metrics")).content:
            await trio.lowlevel.checkpoint()
    await service.inject(execution_id, "input", 21)
    await service.client.post(f"/api/executions/{execution_id}/complete")


@asynccontextmanager
async def program(*command: str, cwd: Path = ROOT) -> AsyncIterator[trio.Process]:
    """A program under way; killed at the end of the block if it has not ended by itself."""
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        process: trio.Process = await nursery.start(run, command)
        yield process
        process.kill()


async def lines_of(process: trio.Process, count: int) -> list[str]:
    """The first lines that a program prints."""
    received = b""
    assert process.stdout is not None
    with trio.move_on_after(60):
        while received.count(b"\n") < count:
            data = await process.stdout.receive_some()
            if not data:
                break
            received += data
    return received.decode().splitlines()


async def test_the_snippet_of_the_specification_in_node() -> None:
    """Pasted unchanged but for the address and the id, it prints the hops of the Quick Reference and its end."""
    socketio_client()
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        script = f"import {{ io }} from 'socket.io-client';\n{monitor(service.url, execution_id)}"
        async with program(node(), "--input-type=module", "-e", script, cwd=CLIENTS) as process:
            await run_quick_reference(service, execution_id)
            assert await lines_of(process, len(PRINTED)) == PRINTED


@pytest.mark.parametrize("transports", [(), ("websocket",), ("polling",)], ids=["upgrade", "websocket", "polling"])
async def test_the_monitoring_example_in_python_socketio(transports: tuple[str, ...]) -> None:
    """The Python client sees the same over each transport, and its subscription is acknowledged.

    It calls each handler in a thread of its own, so what it prints may be in another order than what it was told.
    """
    async with open_service() as service:
        execution_id = await service.start(QUICK_REFERENCE, completion="manual")
        command = (sys.executable, "-u", "-c", PYTHON_MONITOR, service.url, execution_id, *transports)
        async with program(*command) as process:
            await run_quick_reference(service, execution_id)
            assert sorted(await lines_of(process, len(PRINTED))) == sorted(PRINTED)


async def test_a_page_in_chromium_watches_across_origins(tmp_path: Path) -> None:
    """A page of another origin, named in CORS_ALLOWED_ORIGINS, runs the snippet with the browser's own bundle."""
    bundle = (socketio_client() / "dist" / "socket.io.min.js").read_bytes()
    browser = chromium()
    files = {"/socket.io.min.js": ("text/javascript", bundle)}
    async with serving_page(files) as pages:
        settings = settings_with(port=0, auth="none", cors_origins=read_origins(pages.url))
        async with open_service(settings) as service:
            execution_id = await service.start(QUICK_REFERENCE, completion="manual")
            files["/"] = ("text/html; charset=utf-8", page(monitor(service.url, execution_id)))
            switches = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
            async with program(browser, *switches, f"--user-data-dir={tmp_path}", pages.url):
                await run_quick_reference(service, execution_id)
                with trio.fail_after(60):
                    assert (await pages.wait_report()).splitlines() == PRINTED


async def test_a_page_that_is_not_named_gets_no_connection(tmp_path: Path) -> None:
    """The browser of a page of another origin hears an error, over polling and over WebSocket."""
    bundle = (socketio_client() / "dist" / "socket.io.min.js").read_bytes()
    browser = chromium()
    files = {"/socket.io.min.js": ("text/javascript", bundle)}
    settings = settings_with(port=0, auth="none", cors_origins=read_origins("https://console.example.org"))
    async with serving_page(files) as pages, open_service(settings) as service:
        script = f"""
            const told = [];
            for (const transport of ['polling', 'websocket']) {{
                const socket = io('{service.url}', {{ transports: [transport], reconnection: false }});
                socket.on('connect', () => report('connected'));
                socket.on('connect_error', () => {{
                    told.push(transport);
                    if (told.length == 2) report(told.sort().join('\\n'));
                }});
            }}
            function report(text) {{ fetch('/report', {{ method: 'POST', body: text }}); }}
        """
        files["/"] = ("text/html; charset=utf-8", page(script))
        switches = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
        async with program(browser, *switches, f"--user-data-dir={tmp_path}", pages.url):
            with trio.fail_after(60):
                assert (await pages.wait_report()).splitlines() == ["polling", "websocket"]


def page(script: str) -> bytes:
    """A page with socket.io-client that runs a script, and reports what that prints up to its last line."""
    reporting = """
        const lines = [];
        console.log = (...parts) => {
            lines.push(parts.join(' '));
            if (lines.at(-1).startsWith('Done!')) fetch('/report', { method: 'POST', body: lines.join('\\n') });
        };
    """
    return (
        "<!DOCTYPE html><meta charset='utf-8'><script src='/socket.io.min.js'></script>"
        f"<script>{reporting}</script><script>{script}</script>"
    ).encode()
