"""Handlers that fail, over and over: what of it stands in the log."""

import pytest
import structlog
import trio

from service.socketio import Socket, SocketioServer
from service.socketio.throttled_log import QUIET_SECONDS, ThrottledLog
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


@pytest.mark.usefixtures("autojump_clock")
async def test_one_failure_a_second_is_logged() -> None:
    """The next line says how many were left out since the last."""
    failures = ThrottledLog()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            for _ in range(100):
                failures.note("handler failed", ValueError("x"), handler="x")
            await trio.sleep(QUIET_SECONDS)
    assert [line.get("left_out") for line in lines] == [None, 99, 99]
    assert all(line["exc_info"] for line in lines)
