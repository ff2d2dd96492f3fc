"""Clients that others wrote: node, Chromium, python-socketio; and what to do where one is missing."""

import os
import shutil
from pathlib import Path

import pytest

from tests.service.serving import ROOT

CLIENTS = ROOT / "tests" / "clients"
"""Where `make clients` puts the packages of npm."""

SPECIFIED = """
const socket = io('ws://localhost:5006');

socket.emit('execution:subscribe', { executionId: 'exec-uuid' });

socket.on('port:emit', (msg) => {
  console.log(`${msg.sourceNode}:${msg.sourcePort} → ${msg.targetNode}:${msg.targetPort}`);
  console.log('Value:', msg.value);
});

socket.on('execution:completed', (data) => {
  console.log('Done! Messages processed:', data.metrics.messagesProcessed);
});
"""
"""The specification's "WebSocket Monitoring", verbatim; a test puts its own address and id into it."""

PRINTED = [
    "input:out → double:in",
    "Value: 21",
    "double:out → output:in",
    "Value: 42",
    "Done! Messages processed: 3",
]
"""What it prints of the Quick Reference."""


def monitor(url: str, execution_id: str) -> str:
    """The specification's snippet for one execution of one service."""
    address = url.replace("http", "ws", 1)
    assert "ws://localhost:5006" in SPECIFIED
    return SPECIFIED.replace("ws://localhost:5006", address).replace("exec-uuid", execution_id)


def missing(what: str, remedy: str) -> None:
    """Leave the test out where a client is missing; on CI it is required."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI requires it: {remedy}")
    pytest.skip(f"{what} is missing: {remedy}")


def socketio_client() -> Path:
    """The folder of the npm package socket.io-client."""
    folder = CLIENTS / "node_modules" / "socket.io-client"
    if not folder.is_dir():
        missing("The npm package socket.io-client", "make clients")
    return folder


def node() -> str:
    """The node program."""
    found = shutil.which("node")
    if found is None:
        missing("Node", "install nodejs")
    return str(found)


def chromium() -> str:
    """A Chromium, under whichever name."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next((path for path in map(shutil.which, names) if path), None)
    if found is None:
        missing("Chromium", "install chromium")
    return str(found)
