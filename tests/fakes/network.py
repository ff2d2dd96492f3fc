"""A small Network: a real server of WebSockets on a real port, which routes events as the platform's does.

    async with serving_network() as network:
        ...                                        # a service with NETWORK_SERVICE_URL=network.url
        await network.send("shop", "events.orders", {"id": 7}, target="runtime")
        network.behaviour = "silent"               # from now on

It speaks Engine.IO and Socket.IO in its own few lines, and shares no code with the client that it is to test.
``tests.fakes.network_process`` is the same on the reference implementation in Python.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from typing import Any, Literal

import trio
import trio_websocket

Behaviour = Literal[
    "well",
    "silent",
    "no acks",
    "refuses nodes",
    "refuses events",
    "odd acks",
    "garbage",
    "wrong packets",
    "hangs up",
    "mute",
    "refuses clients",
    "closes at once",
]

MISBEHAVIOURS: tuple[Behaviour, ...] = (
    "silent",
    "no acks",
    "refuses nodes",
    "odd acks",
    "garbage",
    "wrong packets",
    "hangs up",
    "refuses clients",
    "closes at once",
)
"""Everything after which no node is registered."""

_EVENT = re.compile(r"42(\d*)(\[.*\])", re.DOTALL)


class FakeNetwork:
    """What it knows, how it behaves, and what it was sent.

    Attributes:
        nodes: registered nodes by id.
        received: names and payloads of all that clients emitted, in order.
        events: the events that it routed.
        contracts: (source, type, target): an event of this type goes from one to the other.
        connections: how many were made in all.
        open_now: how many are open.
    """

    def __init__(self) -> None:
        self.url = ""
        self.behaviour: Behaviour = "well"
        self.retry_after = "0"
        self.nodes: dict[str, dict[str, Any]] = {}
        self.received: list[tuple[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.contracts: set[tuple[str, str, str]] = set()
        self.connections = 0
        self.open_now = 0
        self.pongs = 0
        self.max_payload = 1_000_000
        self.ping_interval_ms = 25_000
        self.ping_timeout_ms = 20_000
        self._ids = count(1)
        self._sockets: dict[str, trio_websocket.WebSocketConnection] = {}
        self._all: set[trio_websocket.WebSocketConnection] = set()
        self._changed = trio.Event()

    def sent(self, event_type: str) -> list[dict[str, Any]]:
        """What clients sent of one type of events: as they sent it."""
        return [
            value
            for name, value in self.received
            if name == "event:send" and value["payload"]["type"] == event_type
        ]

    def told(self, name: str) -> list[Any]:
        """What clients emitted under a name."""
        return [value for told, value in self.received if told == name]

    async def wait_until(self, condition: Any) -> None:
        """Wait until something holds that depends on what this was sent."""
        while not condition():
            await self._changed.wait()

    async def wait_registered(self, node_id: str = "runtime") -> None:
        """Wait until a node is there."""
        await self.wait_until(lambda: node_id in self.nodes)

    async def send(self, source: str, event_type: str, data: Any, *, target: str = "", **wrapper: Any) -> str:
        """Let a node send an event; its id. ``org`` becomes the payload's ``orgId``."""
        payload = {"type": event_type, "data": data}
        if "org" in wrapper:
            payload["orgId"] = wrapper.pop("org")
        body = {"payload": payload, "source": source, "runId": wrapper.pop("run_id", "run-1"), **wrapper}
        if target:
            body["target"] = target
        event = self.make_event(body)
        await self.route(event)
        return str(event["wrapper"]["id"])

    def make_event(self, body: dict[str, Any]) -> dict[str, Any]:
        """What a sent event becomes."""
        wrapper = {
            "id": body.get("id") or f"event-{next(self._ids)}",
            "runId": body["runId"],
            "timestamp": "2026-01-01T00:00:00.000Z",
            "source": body["source"],
            "path": [body["source"]],
            "boundary": body.get("boundary", "intra"),
        }
        for optional in ("target", "causedBy"):
            if optional in body:
                wrapper[optional] = body[optional]
        return {"payload": body["payload"], "wrapper": wrapper, "hash": "0" * 64}

    async def route(self, event: dict[str, Any]) -> str:
        """Give an event to whoever it is for; the status of its trace."""
        self.events.append(event)
        wrapper, event_type = event["wrapper"], event["payload"]["type"]
        targets = {wrapper["target"]} if "target" in wrapper else set()
        targets |= {to for source, kind, to in self.contracts if (source, kind) == (wrapper["source"], event_type)}
        for target in targets:
            await self.emit(target, "event:received", event)
        return "delivered" if targets & set(self._sockets) else "unrouted"

    async def emit(self, node_id: str, name: str, *args: Any) -> None:
        """Emit something to the socket of a node, if it has one."""
        await self.send_frame(node_id, "42" + json.dumps([name, *args]))

    async def send_frame(self, node_id: str, frame: str) -> None:
        """Send a frame as it is."""
        socket = self._sockets.get(node_id)
        if socket is not None:
            await socket.send_message(frame)

    async def drop_connections(self) -> None:
        """End all connections, as a crash would."""
        for socket in list(self._all):
            await trio.aclose_forcefully(socket._stream)

    async def talk(self, request: trio_websocket.WebSocketRequest) -> None:
        """One connection, from its beginning to its end."""
        if self.behaviour == "hangs up":
            await request.reject(503, extra_headers=[(b"Retry-After", self.retry_after.encode())])
            return
        assert "EIO=4" in request.path and "transport=websocket" in request.path, request.path  # noqa: PT018
        socket = await request.accept()
        self.connections += 1
        self.open_now += 1
        self._all.add(socket)
        self._note()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, socket)
                nursery.start_soon(self._ping, socket)
                await self._closed(socket)
                nursery.cancel_scope.cancel()
        except* (trio_websocket.ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.open_now -= 1
            self._all.discard(socket)
            for node_id in [node_id for node_id, each in self._sockets.items() if each is socket]:
                del self._sockets[node_id]
                self.nodes.pop(node_id, None)
            self._note()

    async def _closed(self, socket: trio_websocket.WebSocketConnection) -> None:
        await socket._close_handshake.wait()

    async def _ping(self, socket: trio_websocket.WebSocketConnection) -> None:
        while True:
            await trio.sleep(self.ping_interval_ms / 1000)
            if self.behaviour not in ("silent", "mute"):
                await socket.send_message("2")

    async def _serve(self, socket: trio_websocket.WebSocketConnection) -> None:
        if self.behaviour == "silent":
            await trio.sleep_forever()
        if self.behaviour == "garbage":
            await socket.send_message("surely no packet")
            await trio.sleep_forever()
        if self.behaviour == "closes at once":
            await socket.aclose()
            return
        opening = {
            "sid": "sid",
            "upgrades": [],
            "pingInterval": self.ping_interval_ms,
            "pingTimeout": self.ping_timeout_ms,
            "maxPayload": self.max_payload,
        }
        await socket.send_message("0" + json.dumps(opening))
        while True:
            await self._answer(socket, await socket.get_message())

    async def _answer(self, socket: trio_websocket.WebSocketConnection, frame: str | bytes) -> None:
        assert isinstance(frame, str)
        if frame == "3":
            self.pongs += 1
        elif frame == "41":
            self._note()
        elif frame.startswith("40"):
            if self.behaviour == "refuses clients":
                await socket.send_message('44{"message":"Go away"}')
            elif self.behaviour == "wrong packets":
                await socket.send_message('43["an ack of nothing"]')
            else:
                await socket.send_message('40{"sid":"1"}')
        else:
            found = _EVENT.fullmatch(frame)
            assert found is not None, frame
            name, value = json.loads(found[2])
            self.received.append((name, value))
            answer = await self._handle(socket, name, value)
            self._note()
            if found[1] and self.behaviour not in ("no acks", "mute"):
                answers = ["not an object", 7] if self.behaviour == "odd acks" else [answer]
                await socket.send_message(f"43{found[1]}" + json.dumps(answers))

    async def _handle(self, socket: trio_websocket.WebSocketConnection, name: str, value: Any) -> Any:
        match name:
            case "node:register":
                if self.behaviour == "refuses nodes":
                    return {"ok": False, "error": "Agent authentication required"}
                if self.behaviour in ("no acks", "odd acks"):
                    return None
                self.nodes[value["id"]] = value
                self._sockets[value["id"]] = socket
                return {"ok": True, "node": value}
            case "node:heartbeat":
                return {"ok": value["nodeId"] in self.nodes}
            case "node:unregister":
                self.nodes.pop(value["nodeId"], None)
                self._sockets.pop(value["nodeId"], None)
                return {"ok": True}
            case "event:send":
                if self.behaviour == "refuses events":
                    return {"ok": False, "error": "Denied by policy"}
                event = self.make_event(value)
                status = await self.route(event)
                event_id = event["wrapper"]["id"]
                return {
                    "ok": True,
                    "eventId": event_id,
                    "trace": {"eventId": event_id, "status": status, "path": []},
                }
        return None

    def _note(self) -> None:
        self._changed.set()
        self._changed = trio.Event()


@asynccontextmanager
async def serving_network(network: FakeNetwork | None = None, port: int = 0) -> AsyncIterator[FakeNetwork]:
    """A fake Network on a port of the loopback interface, 0 for any; at the end it is gone, as if killed."""
    network = network or FakeNetwork()
    async with trio.open_nursery() as nursery:
        serve = partial(trio_websocket.serve_websocket, network.talk, "127.0.0.1", port, None)
        server = await nursery.start(serve)
        network.url = f"http://127.0.0.1:{server.port}"
        yield network
        nursery.cancel_scope.cancel()
