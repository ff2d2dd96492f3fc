"""Clients that do not read, that never stop sending, or that outrun their handlers: bounded, all of them."""

import contextlib
import socket as sockets
from typing import Any

import msgspec
import trio
import trio.testing

from service.socketio import Socket, SocketioServer
from service.socketio.config import MAX_WAITING_EVENTS
from tests.service.socketio.serving import SUITE, Served, open_served
from tests.service.socketio.test_connect import wait_closed

PATIENT = msgspec.structs.replace(SUITE, ping_interval_ms=25_000, connect_timeout_ms=25_000)
IMPATIENT = msgspec.structs.replace(PATIENT, slow_client_seconds=0.2, buffer_bytes=50_000)
MASK = bytes(4)


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """A client's WebSocket frame (RFC 6455, section 5.2), with a mask of zeros."""
    length = len(payload)
    head = bytes([0x80 | opcode])
    size = bytes([0x80 | length]) if length < 126 else b"\xfe" + length.to_bytes(2, "big")
    return head + size + MASK + payload


async def raw_client(served: Served, extensions: str = "") -> tuple[trio.SocketStream, bytes]:
    """A WebSocket in bare bytes with the smallest buffers, connecting; nothing but the head is read of it."""
    host, port = served.host.split(":")
    connection = trio.socket.socket()
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    await connection.connect((host, int(port)))
    stream = trio.SocketStream(connection)
    key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\n{key}{extensions}"
    await stream.send_all(
        f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n{upgrade}\r\n".encode()
    )
    head = b""
    while b"\r\n\r\n" not in head:
        head += await stream.receive_some(1)
    await stream.send_all(masked(b"40"))
    return stream, head


async def until(condition: Any) -> None:
    """Wait until something holds."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110  it depends on the kernel's doing, which no event tells of
            await trio.sleep(0.001)


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    """Its buffer fills and no more, whoever emits waits, and after a while it is gone; others hear everything."""
    reasons: list[str] = []

    def register(server: SocketioServer) -> None:
        @server.namespace().on_disconnect
        async def note(_: Socket, reason: str) -> None:
            reasons.append(reason)

    async with open_served(IMPATIENT, register) as served, served.websocket() as healthy:
        await healthy.get_message()
        await healthy.send_message("40")
        await healthy.get_message()
        main = served.server.namespace()
        (good,) = main.members()
        stream, _ = await raw_client(served)
        await until(lambda: len(main.members()) == 2)
        (bad,) = set(main.members()) - {good}
        largest = sent = 0

        async def fill() -> None:
            nonlocal largest, sent
            with contextlib.suppress(Exception):
                while True:
                    await bad.emit("fill", "x" * 10_000)
                    sent += 1
                    largest = max(largest, bad.waiting_bytes)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fill)
            await until(lambda: bad.waiting_bytes >= 50_000)
            assert not bad.emit_nowait("fill")
            assert main.emit_nowait("news") == [bad]
            assert await healthy.get_message() == '42["news"]'
            await until(lambda: reasons)
        assert reasons == ["slow client"]
        assert sent > 5
        assert largest <= 50_000 + 2 * 11_000
        assert bad.waiting_bytes <= 11_000
        assert served.server.statistics().ended == {"slow client": 1}
        await stream.aclose()


async def test_a_poller_that_never_polls_costs_a_bounded_buffer() -> None:
    """Nothing more is kept for it than the buffer holds, and the heartbeat ends it."""
    async with open_served(msgspec.structs.replace(SUITE, buffer_bytes=5_000)) as served:
        path = await served.open_polling()
        await served.client.post(path, content="40")
        main = served.server.namespace()
        await until(main.members)
        (socket,) = main.members()
        while socket.emit_nowait("fill", "x" * 1_000):
            pass
        assert socket.waiting_bytes < 7_000
        await until(lambda: served.server.statistics().ended == {"ping timeout": 1})
        assert not socket.connected


async def test_a_client_that_sends_faster_than_handlers_work_is_left_unread() -> None:
    """A bounded number of its events wait, the rest stays on its side; all are handled in the end, in order."""
    release = trio.Event()
    numbers: list[int] = []
    seen: list[Socket] = []

    def register(server: SocketioServer) -> None:
        @server.namespace().on("number")
        async def note(socket: Socket, number: int, _: str) -> None:
            seen.append(socket)
            await release.wait()
            numbers.append(number)

    async with open_served(PATIENT, register) as served, served.websocket() as websocket:
        await websocket.get_message()
        await websocket.send_message("40")
        await websocket.get_message()

        async def flood() -> None:
            for number in range(300):
                await websocket.send_message(f'42["number",{number},"{"x" * 100}"]')

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            await until(lambda: seen and seen[0].busy)
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert len(seen[0]._inbox) == MAX_WAITING_EVENTS
            release.set()
            await until(lambda: len(numbers) == 300)
            nursery.cancel_scope.cancel()
    assert numbers == list(range(300))


async def test_a_flood_after_the_end_ends_too() -> None:
    """A client that goes on sending when its session has ended is closed all the same, and leaves nothing."""
    async with open_served(PATIENT) as served:
        await trio.testing.wait_all_tasks_blocked(0.02)  # until the server has all its tasks
        before = trio.lowlevel.current_statistics().tasks_living
        stream, _ = await raw_client(served)
        await until(served.server.namespace().members)
        with contextlib.suppress(trio.BrokenResourceError), trio.fail_after(30):
            await stream.send_all(masked(b"x"))
            while True:
                await stream.send_all(masked(b"3") * 100)
        await stream.aclose()
        await until(lambda: trio.lowlevel.current_statistics().tasks_living <= before)
        assert served.server.statistics().ended == {"parse error": 1}


async def test_compression_is_not_agreed_to() -> None:
    """A client that offers it goes without, so that small messages cannot become large ones."""
    async with open_served() as served:
        stream, head = await raw_client(served, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
        assert head.startswith(b"HTTP/1.1 101")
        assert b"deflate" not in head.lower()
        await stream.aclose()


async def test_many_clients_hear_one_event() -> None:
    """A hundred sockets of a room get what was encoded once."""
    async with open_served(PATIENT) as served, trio.open_nursery() as nursery:
        heard = 0

        async def listen() -> None:
            nonlocal heard
            async with served.opened() as websocket:
                assert await websocket.get_message() == '42["news",{"n":1}]'
                heard += 1
                await wait_closed(websocket)

        for _ in range(100):
            nursery.start_soon(listen)
        main = served.server.namespace()
        await until(lambda: len(main.members()) == 100)
        assert main.emit_nowait("news", {"n": 1}) == []
        await until(lambda: heard == 100)
        await served.server.aclose()
