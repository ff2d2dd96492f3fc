"""A runtime with live clients in one process: real hub, real sessions, and connections of memory."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import trio

from engine.runtime import Runtime, open_runtime
from proto.codec import decode, encode
from service.auth.caller import UNRESTRICTED, Caller
from service.live.framing import PLAIN
from service.live.hub import Hub, open_hub
from service.live.session import LiveSession
from service.readiness import Readiness
from service.websockets.frames import texts_in

PASS = "symbia.core.passthrough"


def chain(*nodes: str, component: str = PASS) -> dict[str, Any]:
    """A graph of nodes that pass on, one after the other; edges are called ``e0``, ``e1``."""
    edges = [
        {"id": f"e{index}", "source": {"node": a, "port": "out"}, "target": {"node": b, "port": "in"}}
        for index, (a, b) in enumerate(pairwise(nodes))
    ]
    listed = [{"id": node, "component": component} for node in nodes]
    return {"symbia": "1.0", "name": "Chain", "version": "1.0.0", "nodes": listed, "edges": edges}


class MemoryConnection:
    """A connection: keeps what is sent, and takes nothing while it is held."""

    form = PLAIN

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.writes = 0
        self.is_cut = False
        self._free = trio.Event()
        self._free.set()

    def hold(self) -> None:
        """The client reads no more."""
        self._free = trio.Event()

    def release(self) -> None:
        """It reads again."""
        self._free.set()

    async def send(self, parts: Sequence[bytes]) -> None:
        await self._free.wait()
        self.writes += 1
        for part in parts:
            self.frames.append(part)
            self.messages += [decode(text.encode()) for text in texts_in(part)]
        await trio.lowlevel.checkpoint()

    def cut(self) -> None:
        self.is_cut = True


class SessionClient:
    """A client of one live session, at its connection of memory."""

    def __init__(self, session: LiveSession, memory: MemoryConnection) -> None:
        self.session = session
        self.memory = memory

    async def say(self, event: str, **data: Any) -> dict[str, Any]:
        """Send an event; the answer."""
        await trio.lowlevel.checkpoint()  # each message that comes over a connection has a turn of its own
        answer: dict[str, Any] = msgspec.json.decode(encode(await self.session.handle(event, encode(data))))
        return answer

    async def start(self, graph_id: str, **options: Any) -> str:
        """Start an execution; its id."""
        answer = await self.say("execution:start", graphId=graph_id, **options)
        return str(answer["executionId"])

    def heard(self, *names: str) -> list[Any]:
        """The payloads of the events with these names, or of all, in order."""
        return [each["data"] for each in self.memory.messages if not names or each["event"] in names]

    @property
    def names(self) -> list[str]:
        """The names of the events so far."""
        return [each["event"] for each in self.memory.messages]

    async def wait_for(self, name: str, count: int = 1) -> list[Any]:
        """The payloads of an event as soon as it has come so often."""
        while len(self.heard(name)) < count:  # noqa: ASYNC110  a connection of memory tells nobody
            await trio.sleep(0.005)
        return self.heard(name)


class LiveRuntime(msgspec.Struct, frozen=True):
    """A runtime with its hub, and clients of it."""

    runtime: Runtime
    hub: Hub
    readiness: Readiness
    nursery: trio.Nursery

    def open_client(self, caller: Caller = UNRESTRICTED) -> SessionClient:
        """One more client."""
        memory = MemoryConnection()
        session = LiveSession(self.hub, self.runtime, memory, caller, self.readiness, metrics_enabled=True)
        self.nursery.start_soon(session.run)
        return SessionClient(session, memory)

    async def load(self, graph: dict[str, Any]) -> str:
        """Load a graph; its id."""
        return (await self.runtime.library.load_graph(graph)).id


@asynccontextmanager
async def open_live_runtime(
    *, metrics_seconds: float | None = 0.25, max_value_bytes: int = 10**6
) -> AsyncIterator[LiveRuntime]:
    """A runtime with a hub; all sessions are cancelled at the end of the block."""
    async with (
        open_runtime() as runtime,
        open_hub(runtime, metrics_seconds=metrics_seconds, max_value_bytes=max_value_bytes) as hub,
        trio.open_nursery() as nursery,
    ):
        yield LiveRuntime(runtime, hub, Readiness(), nursery)
        nursery.cancel_scope.cancel()
