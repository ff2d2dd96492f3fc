"""Clients that others wrote, unmodified, in processes of their own: socket.io-client and python-socketio."""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from service.socketio import ConnectRefusedError, Socket, SocketioServer
from tests.service.socketio.serving import SUITE, open_served, register_suite

CLIENTS = Path(__file__).parents[2] / "clients"
CONFIG = msgspec.structs.replace(SUITE, ping_interval_ms=200, ping_timeout_ms=2_000, connect_timeout_ms=5_000)
REFUSED = {"message": "Not authorized", "data": {"code": 7}}


def node() -> list[str]:
    """The command that runs socket.io-client; skips where it is missing, and fails where it must not be."""
    program = shutil.which("node")
    missing = ""
    if program is None:
        missing = "Node is not installed"
    elif not (CLIENTS / "node_modules/socket.io-client").is_dir():
        missing = "socket.io-client is not installed; `make clients` does it"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing or program is None:
        pytest.skip(missing)
    return [program, str(CLIENTS / "socketio_node.mjs")]


def register(server: SocketioServer) -> None:
    """The official suites' handlers, and some more."""
    register_suite(server)
    main = server.namespace()

    @server.namespace("/strict").on_connect
    async def refuse(_: Socket) -> None:
        raise ConnectRefusedError("Not authorized", {"code": 7})

    @main.on("ask")
    async def ask(socket: Socket) -> Any:
        return (await socket.call("question", 6, 7, timeout_seconds=5))[0]

    @main.on("put me out")
    async def put_out(socket: Socket) -> None:
        socket.disconnect()


async def met_by(command: list[str], transports: str) -> dict[str, Any]:
    """What a client meets at a server."""
    async with open_served(CONFIG, register) as served:
        run = functools.partial(
            trio.run_process,
            [*command, f"http://{served.host}", transports],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        with trio.fail_after(50):
            process: subprocess.CompletedProcess[bytes] = await run()
        assert process.returncode == 0, process.stderr.decode()
        met: dict[str, Any] = json.loads(process.stdout)
        return met


COMMON = {
    "auth": {"token": "123"},
    "echo": [1, "€😀", {"deep": [True, None]}],
    "ack": {"n": 1},
    "binary": [[1, 2, 3], [4]],
    "binaryAck": [9],
    "inOrder": True,
    "unknown": "Invalid namespace",
    "refused": REFUSED,
    "asked": 42,
}


@pytest.mark.parametrize(
    ("transports", "transport"),
    [("polling,websocket", "websocket"), ("websocket", "websocket"), ("polling", "polling")],
)
async def test_socket_io_client_under_node(transports: str, transport: str) -> None:
    """It connects, moves to WebSocket, sends and hears events, acks and bytes, and is refused and put out."""
    met = await met_by(node(), transports)
    own = {"transport": transport, "custom": {"token": "abc"}, "putOut": "io server disconnect"}
    assert met == COMMON | own


@pytest.mark.parametrize(
    ("transports", "transport"),
    [("polling,websocket", "websocket"), ("websocket", "websocket"), ("polling", "polling")],
)
async def test_python_socketio(transports: str, transport: str) -> None:
    """As above, from another implementation in another language."""
    met = await met_by([sys.executable, str(CLIENTS / "socketio_python.py")], transports)
    own = {"transport": transport, "custom": {"token": "123"}, "putOut": True}
    assert met == COMMON | own
