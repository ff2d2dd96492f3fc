"""What handlers can do: refuse, emit, call, rooms; and what happens when they fail or a server ends."""

from typing import Any

import msgspec
import pytest
import structlog
import trio
import trio.testing
from trio_websocket import WebSocketConnection

from service.socketio import (
    AckTimeoutError,
    ConnectRefusedError,
    Socket,
    SocketClosedError,
    SocketioServer,
    SocketLimitError,
    encode_event,
)
from service.socketio.config import MAX_PENDING_ACKS, MAX_ROOMS_PER_SOCKET
from tests.service.socketio.serving import SUITE, open_served
from tests.service.socketio.test_connect import wait_closed

QUIET = msgspec.structs.replace(SUITE, ping_interval_ms=25_000, connect_timeout_ms=25_000)


async def connect(websocket: WebSocketConnection, packet: str = "40") -> str:
    """Connect to a namespace; the answer."""
    await websocket.get_message()
    await websocket.send_message(packet)
    return str(await websocket.get_message())


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (ConnectRefusedError("Not authorized"), '44{"message":"Not authorized"}'),
        (ConnectRefusedError("No", {"code": 7}), '44{"message":"No","data":{"code":7}}'),
        (ConnectRefusedError("No", object()), '44{"message":"No"}'),
        (RuntimeError("a secret"), '44{"message":"Internal server error"}'),
    ],
)
async def test_a_connect_handler_refuses(error: Exception, answer: str) -> None:
    """The client hears why, nothing of our own failures, and may try again; nobody hears that it left."""
    gone: list[str] = []

    def register(server: SocketioServer) -> None:
        @server.namespace().on_connect
        async def decide(socket: Socket) -> None:
            socket.join("room")
            await socket.emit("never heard")
            if not socket.handshake.auth:
                raise error

        @server.namespace().on_disconnect
        async def farewell(_: Socket, reason: str) -> None:
            gone.append(reason)

    async with open_served(QUIET, register) as served, served.websocket() as websocket:
        assert await connect(websocket) == answer
        assert not served.server.namespace().members("room")
        await websocket.send_message('40{"token":"x"}')
        assert str(await websocket.get_message()).startswith('40{"sid"')
        assert await websocket.get_message() == '42["never heard"]'
        assert gone == []


async def test_a_handshake_tells_of_the_client() -> None:
    """Headers, query, cookies, address, and each namespace's own auth."""
    seen: list[Socket] = []

    def register(server: SocketioServer) -> None:
        for name in ("/", "/custom"):

            @server.namespace(name).on_connect
            async def note(socket: Socket) -> None:
                seen.append(socket)

    async with open_served(QUIET, register) as served:
        headers = [("X-API-Key", "k"), ("Cookie", 'token=t; other="o"; token=later'), ("Cookie", "third=3")]
        reply = await served.client.get("/socket.io/?EIO=4&transport=polling&x=%20y&x=z", headers=headers)
        sid = msgspec.json.decode(reply.text[1:])["sid"]
        body = '40{"token":"a"}\x1e40/custom,{"token":"b"}'
        await served.client.post(f"/socket.io/?EIO=4&transport=polling&sid={sid}", content=body)
        with trio.fail_after(5):
            while len(seen) < 2:
                await trio.lowlevel.checkpoint()
        seen.sort(key=lambda socket: socket.namespace.name)  # handlers of two sockets run in any order
        first, second = (socket.handshake for socket in seen)
        assert (first.auth, second.auth) == ({"token": "a"}, {"token": "b"})
        assert first.headers["x-api-key"] == "k"
        assert first.query == {"EIO": "4", "transport": "polling", "x": " y"}
        assert first.cookies == second.cookies == {"token": "t", "other": "o", "third": "3"}
        assert (first.scheme, first.client, first.path) == ("http", "127.0.0.1", "/socket.io/")


async def test_a_room_hears_what_is_sent_to_it_once_encoded() -> None:
    """Those in it, and nobody else; leaving and disconnecting leave no trace of it."""
    async with open_served(QUIET) as served:
        main = served.server.namespace()
        async with served.opened() as first, served.opened() as second, served.opened() as third:
            sockets = main.members()
            for socket in sockets[:2]:
                socket.join("room")
                socket.join("room")
            event = encode_event("news", b"\1", {"n": 1})
            assert main.send_nowait(event, room="room") == []
            assert main.emit_nowait("all") == []
            news = '451-["news",{"_placeholder":true,"num":0},{"n":1}]'
            for websocket in (first, second):
                assert [await websocket.get_message() for _ in range(3)] == [news, b"\1", '42["all"]']
            assert await third.get_message() == '42["all"]'
            sockets[0].leave("room")
            sockets[0].leave("never joined")
            assert main.members("room") == (sockets[1],)
        with trio.fail_after(5):
            while main.members():
                await trio.lowlevel.checkpoint()
        assert main.members("room") == ()
        assert not main._rooms


async def test_a_server_calls_its_client() -> None:
    """The client's acknowledgement is the answer; none in time, or a client that leaves, is an error."""
    async with open_served(QUIET) as served, served.opened() as websocket:
        (socket,) = served.server.namespace().members()
        answers: list[Any] = []

        async def call(seconds: float) -> None:
            try:
                answers.append(await socket.call("question", 6, 7, timeout_seconds=seconds))
            except (AckTimeoutError, SocketClosedError) as error:
                answers.append(type(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, 5)
            assert await websocket.get_message() == '421["question",6,7]'
            await websocket.send_message('461-1[42,{"_placeholder":true,"num":0}]')
            await websocket.send_message(b"\1")
        await call(0.02)
        await websocket.send_message("432[]")
        assert await websocket.get_message() == '422["question",6,7]'
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, 5)
            assert await websocket.get_message() == '423["question",6,7]'
            await websocket.send_message("41")
        await call(5)
        assert answers == [[42, b"\1"], AckTimeoutError, SocketClosedError, SocketClosedError]
        assert not socket._acks


async def test_handlers_of_one_socket_run_in_order_and_others_beside_them() -> None:
    """A handler that waits holds up its own socket's events, and no other's."""
    release = trio.Event()

    def register(server: SocketioServer) -> None:
        @server.namespace().on_any
        async def note(_: Socket, event: str, args: list[Any]) -> Any:
            if event == "wait":
                await release.wait()
            return event, *args

    async with open_served(QUIET, register) as served, served.websocket() as first, served.websocket() as second:
        await connect(first)
        await connect(second)
        for packet in ('421["wait"]', '422["b",2]'):
            await first.send_message(packet)
        await second.send_message('421["c"]')
        assert await second.get_message() == '431["c"]'
        release.set()
        assert [await first.get_message() for _ in range(2)] == ['431["wait"]', '432["b",2]']


async def test_a_handler_that_fails_is_its_own_affair(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged; its client hears nothing broken, and the connection stays."""
    structlog.reset_defaults()  # a command that another test ran may have sent its log elsewhere

    def register(server: SocketioServer) -> None:
        main = server.namespace()

        @main.on("fail")
        async def fail(_: Socket) -> None:
            raise RuntimeError("a mistake of ours")

        @main.on("unwritable")
        async def unwritable(_: Socket) -> object:
            return object()

        @main.on("fine")
        async def fine(_: Socket) -> str:
            return "fine"

    async with open_served(QUIET, register) as served, served.websocket() as websocket:
        await connect(websocket)
        for packet in ('421["fail"]', '422["fail",1,2,3]', '423["unwritable"]', '424["fine"]'):
            await websocket.send_message(packet)
        assert await websocket.get_message() == '434["fine"]'
    assert "a mistake of ours" in capsys.readouterr().out


async def test_what_came_before_the_end_is_handled_before_it() -> None:
    """Events that were sent before a client left are handled, and then, once, its leaving is heard of."""
    heard: list[str] = []
    finished = trio.Event()

    def register(server: SocketioServer) -> None:
        @server.namespace().on("number")
        async def note(socket: Socket, number: int) -> None:
            while socket.connected:
                await trio.lowlevel.checkpoint()
            heard.append(f"{number}")
            await socket.emit("an answer that comes too late")

        @server.namespace().on_disconnect
        async def farewell(_: Socket, reason: str) -> None:
            heard.append(reason)
            finished.set()

    async with open_served(QUIET, register) as served, served.websocket() as websocket:
        await connect(websocket)
        for packet in ('42["number",1]', '42["number",2]', "41"):
            await websocket.send_message(packet)
        with trio.fail_after(5):
            await finished.wait()
    assert heard == ["1", "2", "client namespace disconnect"]


@pytest.mark.parametrize("close", [False, True])
async def test_a_server_puts_a_client_out(close: bool) -> None:
    """What it was told before arrives; with ``close``, the connection is closed as well."""
    async with open_served(QUIET) as served, served.opened() as websocket:
        (socket,) = served.server.namespace().members()
        await socket.emit("last words")
        socket.disconnect(close=close)
        socket.disconnect(close=close)
        assert [await websocket.get_message() for _ in range(2)] == ['42["last words"]', "41"]
        assert not socket.connected
        assert not socket.emit_nowait("too late")
        with pytest.raises(SocketClosedError):
            await socket.emit("too late")
        if close:
            assert await wait_closed(websocket) == []
            assert served.server.statistics().ended == {"forced close": 1}
        else:
            await websocket.send_message("40")
            assert str(await websocket.get_message()).startswith("40")


async def test_a_polling_client_that_is_put_out_fetches_the_news() -> None:
    """Its next poll holds what waits, and the close packet."""
    async with open_served(QUIET) as served:
        path = await served.open_polling()
        await served.client.post(path, content="40")
        received = ""
        while "auth" not in received:
            received += (await served.client.get(path)).text
        (socket,) = served.server.namespace().members()
        socket.emit_nowait("last words")
        socket.disconnect(close=True)
        assert (await served.client.get(path)).text == '42["last words"]\x1e41\x1e1'
        assert (await served.client.get(path)).status_code == 400


async def test_an_ending_server_tells_its_clients() -> None:
    """What waits is delivered; connections are closed such that clients come back; handlers hear of it."""
    heard: list[str] = []
    async with open_served(QUIET) as served, served.opened() as websocket:
        path = await served.open_polling()
        main = served.server.namespace()

        @main.on_disconnect
        async def farewell(_: Socket, reason: str) -> None:
            await trio.lowlevel.checkpoint()
            heard.append(reason)

        (socket,) = main.members()
        polled = ""

        async def poll() -> None:
            nonlocal polled
            polled = (await served.client.get(path)).text

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.02)
            socket.emit_nowait("last words")
            with trio.fail_after(1):
                await served.server.aclose()
        assert polled == "1"
        assert await wait_closed(websocket) == ['42["last words"]']
        assert websocket.closed is not None
        assert websocket.closed.code == 1001
        assert (await served.client.get("/socket.io/?EIO=4&transport=polling")).status_code == 503
    assert heard == ["server shutting down"]


async def test_one_socket_has_bounds() -> None:
    """Rooms, awaited acknowledgements, events in a connect handler: more than enough, and no more."""
    complaints: list[str] = []

    def register(server: SocketioServer) -> None:
        @server.namespace().on_connect
        async def exceed(socket: Socket) -> None:
            try:
                for number in range(1_000):
                    await socket.emit("early", number)
            except SocketLimitError as error:
                complaints.append(str(error))
            with pytest.raises(SocketLimitError):
                await socket.call("early", timeout_seconds=1)

    async with open_served(QUIET, register) as served, served.websocket() as websocket:
        await connect(websocket)
        (socket,) = served.server.namespace().members()
        for number in range(MAX_ROOMS_PER_SOCKET):
            socket.join(str(number))
        with pytest.raises(SocketLimitError):
            socket.join("one more")
        async with trio.open_nursery() as nursery:
            for _ in range(MAX_PENDING_ACKS):
                nursery.start_soon(lambda: socket.call("x", timeout_seconds=9))
            await trio.testing.wait_all_tasks_blocked(0.02)
            with pytest.raises(SocketLimitError):
                await socket.call("x", timeout_seconds=9)
            nursery.cancel_scope.cancel()
    assert complaints == ["A connect handler emits at most 100 events"]


@pytest.mark.parametrize("name", ["admin", "/a,b", "/a\n", "/" + "x" * 256])
async def test_a_namespace_has_a_name_that_travels(name: str) -> None:
    """What the encoding cannot carry is refused where it is written."""
    async with open_served() as served:
        with pytest.raises(ValueError, match="namespace"):
            served.server.namespace(name)
        with pytest.raises(ValueError, match="on_connect"):
            served.server.namespace().on("connect")
