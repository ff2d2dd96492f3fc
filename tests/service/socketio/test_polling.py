"""Long-polling, as the official Engine.IO 4 test suite asks for it, and beyond."""

import socket as sockets

import msgspec
import pytest
import trio
import trio.testing

from service.socketio import Socket, SocketioServer
from tests.service.socketio.serving import SUITE, Served, open_served

BURST = '42["message",1]\x1e42["message",2]\x1e42["message",3]'


async def connected(served: Served) -> str:
    """A polling session in the main namespace, its greeting read; its path."""
    path = await served.open_polling()
    assert (await served.client.post(path, content="40")).text == "ok"
    received = ""
    while 'auth"' not in received:
        received += (await served.client.get(path)).text
    return path


async def received(served: Served, path: str, count: int) -> list[str]:
    """The next packets of a session, pings left out."""
    packets: list[str] = []
    while len(packets) < count:
        reply = await served.client.get(path)
        packets += [packet for packet in reply.text.split("\x1e") if packet != "2"]
    return packets


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ('42["message","hello"]', ['42["message-back","hello"]']),
        (BURST, [f'42["message-back",{number}]' for number in (1, 2, 3)]),
        (
            '451-["message",{"_placeholder":true,"num":0}]\x1ebAQIDBA==',
            ['451-["message-back",{"_placeholder":true,"num":0}]', "bAQIDBA=="],
        ),
        ('42["message","€\U0001f600"]', ['42["message-back","€\U0001f600"]']),
    ],
)
async def test_payloads_go_both_ways(sent: str, expected: list[str]) -> None:
    """One packet, several, and binary ones in base64, are taken with ``ok`` and come back."""
    async with open_served() as served:
        path = await connected(served)
        reply = await served.client.post(path, content=sent.encode(), headers={"Content-Type": "text/plain"})
        assert (reply.status_code, reply.text) == (200, "ok")
        assert await received(served, path, len(expected)) == expected


async def test_what_waits_comes_together_and_in_order() -> None:
    """Packets that wait are one payload, up to its size; the rest is the next one."""
    config = msgspec.structs.replace(SUITE, max_payload_bytes=100, ping_interval_ms=25_000)

    def register(server: SocketioServer) -> None:
        @server.namespace().on_connect
        async def burst(socket: Socket) -> None:
            for number in range(10):
                await socket.emit("number", number)

    async with open_served(config, register) as served:
        path = await served.open_polling()
        await served.client.post(path, content="40")
        replies: list[str] = []
        while '["number",9]' not in "".join(replies):
            replies.append((await served.client.get(path)).text)
        assert all(len(reply) <= 100 for reply in replies)
        assert 2 <= len(replies) <= 4
        packets = "\x1e".join(replies).split("\x1e")
        assert packets[1:] == [f'42["number",{number}]' for number in range(10)]


@pytest.mark.parametrize("body", [b"abc", b"", b"4\x1e", b"0", b"2", b"5", b"4abc", b"b!", b"4\xff", b"42{}"])
async def test_an_invalid_packet_closes_the_session(body: bytes) -> None:
    """The POST is refused, a pending poll hears of the end, and the session is no more."""
    async with open_served() as served:
        path = await connected(served)
        polled = ""

        async def poll() -> None:
            nonlocal polled
            polled = (await served.client.get(path)).text

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.02)
            reply = await served.client.post(path, content=body)
            assert (reply.status_code, reply.json()) == (400, {"code": 3, "message": "Bad request"})
        assert polled == "1"
        assert (await served.client.get(path)).json() == {"code": 1, "message": "Session ID unknown"}


async def test_a_body_that_is_too_large_closes_the_session() -> None:
    """413, whether its length was announced or not."""
    config = msgspec.structs.replace(SUITE, max_payload_bytes=1000)

    async def chunks() -> object:
        for _ in range(11):
            yield b"4" * 100

    async with open_served(config) as served:
        for content in (b"4" * 1001, chunks()):
            path = await served.open_polling()
            assert (await served.client.post(path, content=content)).status_code == 413  # type: ignore[arg-type]
            assert (await served.client.get(path)).status_code == 400


async def test_a_second_poll_closes_the_session() -> None:
    """The first hears the end, the second is refused, and so is the next."""
    async with open_served() as served:
        path = await served.open_polling()
        first = ""

        async def poll() -> None:
            nonlocal first
            first = (await served.client.get(path)).text

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert (await served.client.get(path)).status_code == 400
        assert first == "1"
        assert (await served.client.get(path)).status_code == 400


async def test_a_second_post_closes_the_session() -> None:
    """While the body of one is still coming, another would overtake it."""
    async with open_served() as served:
        path = await served.open_polling()
        host, port = served.host.split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n4".encode())
        await trio.testing.wait_all_tasks_blocked(0.02)
        assert (await served.client.post(path, content="3")).status_code == 400
        assert (await served.client.post(path, content="3")).json()["code"] == 1
        await stream.aclose()


async def test_a_poll_that_is_given_up_closes_the_session() -> None:
    """What its answer would have held can no longer be known to arrive."""
    async with open_served() as served:
        path = await served.open_polling()
        with trio.move_on_after(0.03):
            await served.client.get(path)
        assert (await served.client.get(path)).status_code == 400


async def test_a_body_that_never_comes_whole_closes_the_session() -> None:
    """A client that leaves in the middle of a POST is gone."""
    async with open_served() as served:
        path = await served.open_polling()
        host, port = served.host.split(":")
        stream = await trio.open_tcp_stream(host, int(port))
        await stream.send_all(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n4".encode())
        await trio.testing.wait_all_tasks_blocked(0.02)
        stream.socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await stream.aclose()
        assert (await served.client.get(path)).status_code == 400


async def test_pings_and_pongs_go_back_and_forth() -> None:
    """A client that answers each ping stays."""
    async with open_served() as served:
        path = await served.open_polling()
        for _ in range(2):
            assert (await served.client.get(path)).text == "2"
            assert (await served.client.post(path, content="3")).status_code == 200


async def test_a_client_that_does_not_answer_pings_is_closed() -> None:
    """After the interval and the timeout the session is no more."""
    async with open_served() as served:
        path = await served.open_polling()
        await trio.sleep(0.5)
        assert (await served.client.get(path)).status_code == 400
        assert served.server.statistics().ended == {"ping timeout": 1}


async def test_a_client_closes_its_session() -> None:
    """Its pending poll is answered with a noop, and the session is no more."""
    async with open_served() as served:
        path = await served.open_polling()
        polled = ""

        async def poll() -> None:
            nonlocal polled
            polled = (await served.client.get(path)).text

        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            await trio.testing.wait_all_tasks_blocked(0.02)
            assert (await served.client.post(path, content="1\x1e4nothing after it counts")).text == "ok"
        assert polled == "6"
        assert (await served.client.get(path)).status_code == 400
        assert (await served.client.request("PATCH", path)).status_code == 400


async def test_a_flood_of_packets_with_nothing_in_them_ends_the_session() -> None:
    """A few thousand pongs are read; whoever goes on is read slowly, and then not at all."""
    async with open_served(msgspec.structs.replace(SUITE, ping_interval_ms=25_000)) as served:
        path = await connected(served)
        assert (await served.client.post(path, content="\x1e".join(["3"] * 2_000))).text == "ok"
        reply = await served.client.post(path, content="\x1e".join(["3"] * 9_000), timeout=30)
        assert reply.status_code == 400


async def test_a_flood_of_small_packets_lets_others_run() -> None:
    """A payload of ten thousand packets is taken in pieces."""
    async with open_served() as served:
        path = await connected(served)
        longest = 0.0

        async def watch() -> None:
            nonlocal longest
            while True:
                before = trio.current_time()
                await trio.lowlevel.checkpoint()
                longest = max(longest, trio.current_time() - before)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch)
            reply = await served.client.post(path, content="\x1e".join(["431[]"] * 10_000))
            nursery.cancel_scope.cancel()
        assert reply.text == "ok"
        assert longest < 0.1  # a tenth of what it is in one go on the slowest machine seen
