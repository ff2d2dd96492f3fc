"""WebSockets and upgrades to them, as the official Engine.IO 4 test suite asks for it, and beyond."""

import msgspec
import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection

from tests.service.socketio.serving import SUITE, Served, open_served


async def closing_code(websocket: WebSocketConnection) -> int:
    """The code with which the server closes a WebSocket."""
    with trio.fail_after(5):
        try:
            while True:
                await websocket.get_message()
        except ConnectionClosed:
            assert websocket.closed is not None
            return int(websocket.closed.code)


def sid_query(path: str) -> str:
    """The query of the WebSocket to which a polling session may move."""
    return path.partition("?")[2].replace("polling", "websocket")


async def echo(websocket: WebSocketConnection, namespace: str = "") -> None:
    """See that a connected WebSocket works."""
    await websocket.send_message(f'42{namespace}["message","hello"]')
    while (message := await websocket.get_message()) == "2":
        pass
    assert message == f'42{namespace}["message-back","hello"]'


async def open_connected(served: Served) -> str:
    """A polling session that is connected and has nothing waiting."""
    path = await served.open_polling()
    await served.client.post(path, content="40")
    received = ""
    while "auth" not in received:
        received += (await served.client.get(path)).text
    return path


async def test_text_and_bytes_go_both_ways() -> None:
    """Each packet is a frame, bytes as they are."""
    async with open_served() as served, served.opened() as websocket:
        await echo(websocket)
        await websocket.send_message('451-["message",{"_placeholder":true,"num":0}]')
        await websocket.send_message(b"\1\2\3\4")
        assert await websocket.get_message() == '451-["message-back",{"_placeholder":true,"num":0}]'
        assert await websocket.get_message() == b"\1\2\3\4"


@pytest.mark.parametrize("frame", ["abc", "", "0", "2", "5", b"unannounced"])
async def test_an_invalid_packet_closes_the_websocket(frame: str | bytes) -> None:
    """The session is no more."""
    async with open_served() as served, served.opened() as websocket:
        await websocket.send_message(frame)
        assert await closing_code(websocket) == 1008
        assert served.server.statistics().ended == {"parse error": 1}


async def test_a_message_that_is_too_large_closes_the_websocket() -> None:
    """Characters count as their bytes, and the largest allowed message passes."""
    config = msgspec.structs.replace(SUITE, max_payload_bytes=100)
    async with open_served(config) as served, served.opened() as websocket:
        await websocket.send_message('42["message","' + "x" * 84 + '"]')
        assert len(str(await websocket.get_message())) == 105
        await websocket.send_message('42["message","' + "\u20ac" * 29 + '"]')
        assert await closing_code(websocket) == 1009


async def test_pings_and_pongs_go_back_and_forth() -> None:
    """A client that answers each ping stays."""
    async with open_served() as served, served.websocket() as websocket:
        await websocket.get_message()
        for _ in range(2):
            assert await websocket.get_message() == "2"
            await websocket.send_message("3")


async def test_a_client_that_does_not_answer_pings_is_closed() -> None:
    """After the interval and the timeout its WebSocket is closed; a pong that nobody asked for does not help."""
    async with open_served() as served, served.websocket() as websocket:
        before = trio.current_time()
        await websocket.send_message("3")
        await closing_code(websocket)
        assert 0.45 < trio.current_time() - before < 1
        assert served.server.statistics().ended == {"ping timeout": 1}


async def test_a_client_closes_its_session() -> None:
    """Upon its close packet the WebSocket is closed."""
    async with open_served() as served, served.opened() as websocket:
        await websocket.send_message("1")
        assert await closing_code(websocket) == 1000
        assert served.server.statistics().ended == {"transport close": 1}


async def test_a_session_moves_from_polling_to_websocket() -> None:
    """The probe is answered, polls get a noop at once, and after the upgrade the WebSocket serves."""
    async with open_served() as served:
        path = await open_connected(served)
        async with served.websocket(sid_query(path)) as websocket:
            await websocket.send_message("2probe")
            assert await websocket.get_message() == "3probe"
            assert (await served.client.get(path)).text == "6"
            await websocket.send_message("5")
            await echo(websocket)
            assert served.server.statistics().polling_sessions == 0


async def test_a_pending_poll_is_answered_by_the_probe() -> None:
    """So that the client can move without leaving a request behind."""
    async with open_served() as served:
        path = await open_connected(served)
        polled = ""

        async def poll() -> None:
            nonlocal polled
            polled = (await served.client.get(path)).text

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.02)
            async with served.websocket(sid_query(path)) as websocket:
                await websocket.send_message("2probe")
                assert await websocket.get_message() == "3probe"
                await websocket.send_message("5")
                await echo(websocket)
        assert polled == "6"


async def test_polls_after_the_upgrade_are_refused() -> None:
    """The session goes on over its WebSocket, undisturbed by requests of the old transport."""
    async with open_served() as served:
        path = await open_connected(served)
        async with served.websocket(sid_query(path)) as websocket:
            await websocket.send_message("2probe")
            assert await websocket.get_message() == "3probe"
            await websocket.send_message("5")
            await echo(websocket)
            for reply in (await served.client.get(path), await served.client.post(path, content="1")):
                assert (reply.status_code, reply.json()) == (400, {"code": 3, "message": "Bad request"})
            await echo(websocket)


@pytest.mark.parametrize("upgraded", [False, True])
async def test_a_second_websocket_is_refused(upgraded: bool) -> None:
    """A session has one WebSocket at most, on trial or in use, and that one is undisturbed."""
    async with open_served() as served:
        path = await open_connected(served)
        async with served.websocket(sid_query(path)) as websocket:
            await websocket.send_message("2probe")
            assert await websocket.get_message() == "3probe"
            if upgraded:
                await websocket.send_message("5")
                await echo(websocket)
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
            second = {**upgrade, "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
            reply = await served.client.get(f"/socket.io/?{sid_query(path)}", headers=second)
            assert (reply.status_code, reply.json()) == (400, {"code": 3, "message": "Bad request"})
            if not upgraded:
                await websocket.send_message("5")
            await echo(websocket)


@pytest.mark.parametrize(
    "frames", [["2"], ["5"], ["2probe", "2probe"], ["2probe", "4x"], ["x"], [b"2probe"], ["1"]]
)
async def test_a_failed_probe_leaves_the_session_to_polling(frames: list[str | bytes]) -> None:
    """Whatever is no upgrade closes the WebSocket alone, and another may be tried."""
    async with open_served() as served:
        path = await open_connected(served)
        for _ in range(2):
            async with served.websocket(sid_query(path)) as websocket:
                for frame in frames:
                    await websocket.send_message(frame)
                assert await closing_code(websocket) == 1008
        await served.client.post(path, content='42["message","hello"]')
        received = ""
        while "message-back" not in received:
            received += (await served.client.get(path)).text


async def test_an_upgrade_that_is_not_completed_is_given_up() -> None:
    """At its timeout the WebSocket is closed, and polling goes on."""
    config = msgspec.structs.replace(SUITE, upgrade_timeout_ms=50)
    async with open_served(config) as served:
        path = await open_connected(served)
        async with served.websocket(sid_query(path)) as websocket:
            await websocket.send_message("2probe")
            assert await closing_code(websocket) == 1008
        assert (await served.client.post(path, content="3")).text == "ok"


async def test_nothing_is_lost_by_moving() -> None:
    """What waits when the client moves comes over the WebSocket, in order."""
    async with open_served() as served:
        path = await open_connected(served)
        await served.client.post(path, content="\x1e".join(f'42["message",{number}]' for number in range(20)))
        async with served.websocket(sid_query(path)) as websocket:
            await websocket.send_message("2probe")
            assert await websocket.get_message() == "3probe"
            await websocket.send_message("5")
            messages = [str(await websocket.get_message()) for _ in range(20)]
        assert [each for each in messages if each != "2"] == [
            f'42["message-back",{number}]' for number in range(20)
        ]


async def test_a_client_that_vanishes_is_gone() -> None:
    """Without a closing handshake, when its connection ends."""
    async with open_served() as served:
        async with served.opened() as websocket:
            await websocket._stream.aclose()
            with trio.fail_after(5):
                while served.server.statistics().sessions:
                    await trio.lowlevel.checkpoint()
        assert served.server.statistics().ended == {"transport close": 1}
