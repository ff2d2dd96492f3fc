"""A Network on the reference implementation of Socket.IO in Python, in a process of its own.

    with network_process() as network:
        ...                         # a service with NETWORK_SERVICE_URL=network.url
        network.ask({"send": {...}})

``python -m tests.fakes.network_process`` is the process: python-socketio's server under hypercorn. It registers
nodes and routes events to explicit targets. Commands come to its standard input, a line of JSON each, and are
answered in the same way.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.processes import ended

ROOT = Path(__file__).parents[2]


class NetworkProcess(msgspec.Struct, frozen=True):
    """A running one, which answers at ``url``."""

    url: str
    process: Any

    def ask(self, command: dict[str, Any]) -> Any:
        """Let it do something; its answer."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def network_process() -> Iterator[NetworkProcess]:
    """A Network for the length of the block."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.network_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with ended(started) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield NetworkProcess(f"http://127.0.0.1:{port}", process)


async def _main() -> None:
    import socket  # noqa: PLC0415  only the process needs all this

    import socketio  # type: ignore[import-untyped]  # noqa: PLC0415
    from hypercorn.asyncio import serve  # noqa: PLC0415
    from hypercorn.config import Config  # noqa: PLC0415

    server: Any = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)
    nodes: dict[str, Any] = {}
    heard: list[Any] = []

    async def register(sid: str, data: dict[str, Any]) -> dict[str, Any]:
        nodes[data["id"]] = data
        await server.enter_room(sid, f"node:{data['id']}")
        return {"ok": True, "node": data}

    async def unregister(_sid: str, data: dict[str, Any]) -> dict[str, Any]:
        return {"ok": nodes.pop(data["nodeId"], None) is not None}

    async def send(_sid: str, data: dict[str, Any]) -> dict[str, Any]:
        heard.append(data)
        await route(data)
        return {"ok": True, "eventId": f"event-{len(heard)}", "trace": {"status": "delivered"}}

    async def route(data: dict[str, Any]) -> None:
        wrapper = {"id": f"event-{len(heard)}", "boundary": "intra", "path": [data["source"]]}
        wrapper |= {key: data[key] for key in ("runId", "source", "target", "causedBy") if key in data}
        event = {"payload": data["payload"], "wrapper": wrapper, "hash": "0"}
        await server.emit("event:received", event, room=f"node:{data.get('target')}")

    server.on("node:register", register)
    server.on("node:unregister", unregister)
    server.on("event:send", send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "ERROR"
    loop = asyncio.get_running_loop()
    serving = asyncio.ensure_future(serve(socketio.ASGIApp(server), config))
    with socket.socket(fileno=int(config.bind[0].removeprefix("fd://"))) as known:
        print(known.getsockname()[1], flush=True)  # noqa: T201
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            if "send" in command:
                await route(command["send"])
            print(json.dumps({"nodes": nodes, "heard": heard}), flush=True)  # noqa: T201
        serving.cancel()
        known.detach()


if __name__ == "__main__":
    asyncio.run(_main())
