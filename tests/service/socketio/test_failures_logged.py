"""Handlers that fail, over and over: what of it stands in the log."""

import structlog

from service.socketio import Socket, SocketioServer
from tests.service.socketio.serving import open_served
from tests.service.socketio.test_server_api import QUIET, connect


async def test_events_that_fit_no_handler_fill_no_log() -> None:
    """A client that sends too few or too many values is told nothing, and no warning stands in the log."""

    def register(server: SocketioServer) -> None:
        @server.namespace().on("one")
        async def one(_: Socket, value: object) -> object:
            return value

    with structlog.testing.capture_logs() as lines:
        async with open_served(QUIET, register) as served, served.websocket() as websocket:
            await connect(websocket)
            for packet in ('42["one"]', '421["one",1,2]', '422["one",7]'):
                await websocket.send_message(packet)
            assert await websocket.get_message() == "432[7]"
    assert [line["log_level"] for line in lines if line.get("handler") == "one"] == ["debug", "debug"]
