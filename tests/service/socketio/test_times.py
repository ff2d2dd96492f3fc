"""What takes its time, on a clock that jumps: the server is driven through ASGI itself, without a network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from service.socketio import Socket, SocketioServer, open_socketio_server

pytestmark = pytest.mark.usefixtures("autojump_clock")

SCOPE: dict[str, Any] = {
    "scheme": "http",
    "path": "/socket.io/",
    "headers": [(b"host", b"here")],
    "client": ("192.0.2.1", 1234),
    "query_string": b"EIO=4&transport=websocket",
}


class Wire:
    """The caller's end of one WebSocket. ``unblocked`` holds the server's sending up."""

    def __init__(self, incoming: trio.MemorySendChannel[dict[str, Any]], nursery: trio.Nursery) -> None:
        self.sent: list[Any] = []
        self.closed: list[int] = []
        self.unblocked = trio.Event()
        self.unblocked.set()
        self._incoming = incoming
        self._nursery = nursery

    async def bring(self, *texts: str) -> None:
        """Send to the server, as fast as it takes it."""
        for text in texts:
            await self._incoming.send({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        """End the connection."""
        await self._incoming.send({"type": "websocket.disconnect", "code": 1006})

    async def take(self, event: Any) -> None:
        """What the server sends."""
        await self.unblocked.wait()
        if event["type"] == "websocket.send":
            self.sent.append(event.get("text"))
            if event.get("text") == "2":
                self._nursery.start_soon(self.bring, "3")
        elif event["type"] == "websocket.close":
            self.closed.append(event["code"])


@asynccontextmanager
async def open_wire(server: SocketioServer) -> AsyncIterator[Wire]:
    """A WebSocket whose client answers pings and is connected to the main namespace."""
    putting, taking = trio.open_memory_channel[dict[str, Any]](10)
    async with trio.open_nursery() as nursery:
        wire = Wire(putting, nursery)
        nursery.start_soon(server, {**SCOPE, "type": "websocket"}, taking.receive, wire.take)
        await putting.send({"type": "websocket.connect"})
        await wire.bring("40")
        await trio.testing.wait_all_tasks_blocked()
        yield wire
        nursery.cancel_scope.cancel()


async def test_a_client_that_answers_its_pings_stays_for_an_hour() -> None:
    """It is pinged each 25 s after its last answer."""
    async with open_socketio_server() as server, open_wire(server_with(server)) as wire:
        await trio.sleep(3_600)
        assert not wire.closed
        assert wire.sent.count("2") in {143, 144}


async def test_handlers_that_stall_end_the_session() -> None:
    """A client that they leave unread is not taken for dead, and after 60 s not kept either."""
    async with open_socketio_server() as server, open_wire(server_with(server)) as wire:

        @server.namespace().on("wait")
        async def wait(_: Socket) -> None:
            await trio.sleep(200)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wire.bring, *['42["wait"]'] * 130)
            await trio.sleep(59)
            assert not wire.closed
            await trio.sleep(2)
            assert wire.closed == [1013]
            nursery.cancel_scope.cancel()
        assert server.statistics().ended == {"handlers stalled": 1}


async def test_what_is_left_to_handle_has_ten_seconds() -> None:
    """The handler under way is cancelled then, the rest is dropped, and the end is heard of once."""
    heard: list[Any] = []
    async with open_socketio_server() as server, open_wire(server_with(server)) as wire:
        main = server.namespace()

        @main.on("wait")
        async def wait(_: Socket, seconds: int) -> None:
            await trio.sleep(seconds)
            heard.append(seconds)

        @main.on_disconnect
        async def farewell(_: Socket, reason: str) -> None:
            heard.append((reason, trio.current_time()))

        await wire.bring('42["wait",3]', '42["wait",4]', '42["wait",30]', '42["wait",0]')
        before = trio.current_time()
        await wire.leave()
        await trio.sleep(60)
        assert heard == [3, 4, ("transport close", before + 10)]


async def test_a_message_that_lies_unread_for_twenty_seconds_ends_the_session() -> None:
    """Also when nothing else is sent to that client."""
    async with open_socketio_server() as server, open_wire(server_with(server)) as wire:
        main = server.namespace()
        (socket,) = main.members()
        wire.unblocked = trio.Event()
        await socket.emit("news")
        await trio.sleep(19)
        assert main.members() == (socket,)
        await trio.sleep(2)
        assert main.members() == ()
        assert server.statistics().ended == {"slow client": 1}
        wire.unblocked.set()


async def test_a_connect_handler_ends_with_its_client() -> None:
    """Nobody is left to decide on; and one that decides nothing has as long as the connect timeout."""
    ended: list[float] = []
    async with open_socketio_server() as server:

        @server.namespace().on_connect
        async def decide(_: Socket) -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(trio.current_time())

        start = trio.current_time()
        async with open_wire(server) as wire:
            await wire.leave()
            await trio.sleep(1)
            assert ended == [start]
        async with open_wire(server) as wire:
            await trio.sleep(46)
            assert len(ended) == 2
            assert wire.closed
        assert server.statistics().ended == {"transport close": 1, "connect timeout": 1}


async def test_a_body_that_trickles_has_a_minute() -> None:
    """Then its session ends."""
    async with open_socketio_server() as server:
        answers: list[Any] = []

        async def send(event: Any) -> None:
            await trio.lowlevel.checkpoint()
            answers.append(event)

        async def nothing() -> dict[str, Any]:
            await trio.sleep_forever()
            raise AssertionError

        async def trickle() -> dict[str, Any]:
            await trio.sleep(5)
            return {"type": "http.request", "body": b"4", "more_body": True}

        polling = {**SCOPE, "type": "http", "query_string": b"EIO=4&transport=polling"}
        await server({**polling, "method": "GET"}, nothing, send)
        sid = answers[1]["body"].decode().partition('"sid":"')[2].partition('"')[0]
        query = f"EIO=4&transport=polling&sid={sid}".encode()
        before = trio.current_time()
        with trio.move_on_after(100):
            await server({**polling, "method": "POST", "query_string": query}, trickle, send)
        assert trio.current_time() - before <= 60
        assert server.statistics().sessions == 0


def server_with(server: SocketioServer) -> SocketioServer:
    """A server with its main namespace."""
    server.namespace()
    return server
