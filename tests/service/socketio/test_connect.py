"""Connecting to namespaces, as the official Socket.IO 5 test suite asks for it, and beyond."""

import msgspec
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from tests.service.socketio.serving import SUITE, Served, open_served


async def wait_closed(websocket: WebSocketConnection) -> list[str]:
    """The messages that still come until the server closes the WebSocket."""
    messages = []
    with trio.fail_after(5):
        try:
            while True:
                messages.append(str(await websocket.get_message()))
        except ConnectionClosed:
            return messages


async def connected(served: Served, packet: str) -> tuple[str, str]:
    """The two packets that answer a CONNECT packet."""
    async with served.websocket() as websocket:
        await websocket.get_message()
        await websocket.send_message(packet)
        return str(await websocket.get_message()), str(await websocket.get_message())


@pytest.mark.parametrize(
    ("packet", "begin", "greeting"),
    [
        ("40", "40", '42["auth",{}]'),
        ('40{"token":"123"}', "40", '42["auth",{"token":"123"}]'),
        ("40/custom,", "40/custom,", '42/custom,["auth",{}]'),
        ('40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]'),
    ],
)
async def test_a_client_connects_to_a_namespace(packet: str, begin: str, greeting: str) -> None:
    """It gets its socket's id, and then what the connect handler emitted, its own auth here."""
    async with open_served() as served:
        answer, event = await connected(served, packet)
        assert answer.startswith(begin)
        assert set(msgspec.json.decode(answer.removeprefix(begin))) == {"sid"}
        assert event == greeting


async def test_an_unknown_namespace_is_refused() -> None:
    """The client hears it in the words of the reference server, and its connection stays."""
    async with open_served() as served, served.websocket() as websocket:
        await websocket.get_message()
        await websocket.send_message("40/random")
        assert await websocket.get_message() == '44/random,{"message":"Invalid namespace"}'
        await websocket.send_message("40")
        assert str(await websocket.get_message()).startswith("40{")


@pytest.mark.parametrize("packet", ["4abc", '42["message"]', "41", "43[]", '42/custom,["x"]', "44{}", "45", b"\1"])
async def test_whoever_does_not_connect_first_is_closed(packet: str | bytes) -> None:
    """Anything but a CONNECT packet at the beginning closes the connection immediately."""
    async with open_served() as served, served.websocket() as websocket:
        await websocket.get_message()
        await websocket.send_message(packet)
        assert await wait_closed(websocket) == []


async def test_whoever_never_connects_is_closed() -> None:
    """At the connect timeout a client without a namespace is closed."""
    config = msgspec.structs.replace(SUITE, connect_timeout_ms=50)
    async with open_served(config) as served, served.websocket() as websocket:
        await websocket.get_message()
        assert await wait_closed(websocket) == []
        assert served.server.statistics().ended == {"connect timeout": 1}
