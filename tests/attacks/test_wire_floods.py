"""Clients that send without end: dropped, slowed or let go, in little memory, while others are served."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio

from service.asgi.websocket_stream import CLOSING_SECONDS, UNADMITTED_BYTES
from tests.attacks.raw_websocket import RawWebSocket, connect, frame, opened, request, text
from tests.service.chosen import settings_with
from tests.service.live.plain_client import open_plain
from tests.service.service_with_identity import open_service_with_identity
from tests.service.serving import Process, open_service, start_process

SOCKETIO = "/socket.io/?EIO=4&transport=websocket"
PATHS = ("/ws", SOCKETIO)
PIECE = b"x" * 65_536
ENOUGH_BYTES = 4_000_000_000
"""What a service that never ends a connection is sent at the most."""


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    """A service in a process of its own."""
    with start_process() as running:
        yield running


def resident_bytes(process: Process) -> int:
    """Memory of a service that lies in the machine's."""
    pages = Path(f"/proc/{process.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * 4096


async def send_without_end(websocket: RawWebSocket, piece: bytes, seconds: float) -> float:
    """Send until the other side ends the connection; how long it took."""
    began, sent = trio.current_time(), 0
    with suppress(trio.BrokenResourceError), trio.fail_after(seconds):
        while sent < ENOUGH_BYTES:
            await websocket.stream.send_all(piece)
            sent += len(piece)
    return trio.current_time() - began


ENDED: dict[str, tuple[bytes, bytes]] = {
    "an over-long message": (b"\x82\xff" + (1 << 40).to_bytes(8) + b"mask", PIECE),
    "an over-long message in pieces": (frame(0x01, b"{" * 16_000), frame(0x00, b"x" * 16_000)),
    "a violation": (b"\xff", PIECE),
    "what is no message, and then messages": (frame(0x82, b"\x01"), text('{"event":"x"}') * 1000),
    "a close, and then anything": (frame(0x88, b"\x03\xe8"), PIECE),
    "a close, and then frames": (frame(0x88, b"\x03\xe8"), text("{}") * 1000),
}
"""What ends a connection, and what its client goes on sending."""


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("case", ENDED)
async def test_what_comes_after_the_end_is_dropped_and_then_the_connection(
    process: Process, path: str, case: str
) -> None:
    """Whoever goes on sending is cut off soon, and nothing of it is kept."""
    end, piece = ENDED[case]
    before = resident_bytes(process)
    async with opened(process.url, path) as websocket:
        await websocket.send(end)
        took = await send_without_end(websocket, piece, 20)
    assert took < CLOSING_SECONDS + 5
    assert resident_bytes(process) - before < 20_000_000


@pytest.mark.parametrize("path", PATHS)
async def test_a_closed_connection_ends_though_its_client_does_not(process: Process, path: str) -> None:
    """A client that neither answers the Close frame nor leaves is not waited for."""
    async with opened(process.url, path) as websocket:
        await websocket.send(frame(0x82, b"\x01"))
        with trio.fail_after(CLOSING_SECONDS + 5):
            assert await websocket.stream.receive_some()  # the Close frame, or what came before it
            while await websocket.stream.receive_some():
                pass


@pytest.mark.parametrize("content", [request(version=b"12"), request(key=b"none"), request("/none")])
async def test_who_was_refused_a_websocket_is_not_read_for_ever(process: Process, content: bytes) -> None:
    """The answer ends the connection, whatever comes after it."""
    before = resident_bytes(process)
    async with connect(process.url) as websocket:
        await websocket.send(content)
        assert await send_without_end(websocket, PIECE, 20) < 10
    assert resident_bytes(process) - before < 20_000_000


FLOODS: dict[str, tuple[str, bytes, bytes]] = {
    "pings": ("/ws", b"", frame(0x89) * 2_000),
    "empty pieces": ("/ws", frame(0x01), frame(0x00) * 2_000),
    "events that there are not": ("/ws", b"", text('{"event":"x","id":1}') * 500),
    "executions that there are not": (
        "/ws",
        b"",
        text('{"event":"execution:subscribe","data":{"executionId":"x"}}') * 200,
    ),
    "Socket.IO events": (SOCKETIO, text("40"), text('42["x"]') * 500),
    "Socket.IO acknowledgements": (SOCKETIO, text("40"), text("431[]") * 500),
    "Engine.IO pongs": (SOCKETIO, text("40"), text("3") * 500),
    "namespaces that there are not": (SOCKETIO, b"", text("40/x,") * 500),
    "coming and going": (SOCKETIO, b"", (text("40") + text("41")) * 500),
}
"""A path, what is sent first, and what is sent again and again."""


@pytest.mark.parametrize("case", FLOODS)
async def test_others_are_served_while_some_send_without_a_pause(case: str) -> None:
    """However small the frames: each step on the event loop is short, and a message of another is answered."""
    path, begin, piece = FLOODS[case]
    answered = 0
    async with open_service() as service, open_plain(service.url) as other, trio.open_nursery() as nursery:

        async def flood() -> None:
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async with opened(service.url, path) as websocket, trio.open_nursery() as both:
                    await websocket.send(begin)
                    both.start_soon(read, websocket)
                    while True:
                        await websocket.stream.send_all(piece)

        async def read(websocket: RawWebSocket) -> None:
            while await websocket.stream.receive_some():
                await trio.lowlevel.checkpoint()

        for _ in range(10):
            nursery.start_soon(flood)
        with trio.move_on_after(2):
            while True:
                with trio.fail_after(5):
                    await other.say("execution:pause", executionId="none")
                answered += 1
        nursery.cancel_scope.cancel()
    assert answered >= 5


# Before anybody is recognised


async def test_who_has_not_said_who_he_is_may_say_little() -> None:
    """A message of 16 KiB is enough for a credential; a larger one is refused before it is kept."""
    async with open_service_with_identity() as world:
        url = world.service.url
        for path in PATHS:
            async with opened(url, path) as websocket:
                await websocket.send(frame(0x81, b"x" * (UNADMITTED_BYTES + 1))[:14])
                assert (await websocket.wait_end())[0] == 1009
        polling = "/socket.io/?EIO=4&transport=polling"
        async with httpx.AsyncClient(base_url=url) as client:
            opening = (await client.get(polling)).text
            sid = opening.split('"sid":"')[1].split('"')[0]
            refused = await client.post(f"{polling}&sid={sid}", content=b"4" + b"0" * UNADMITTED_BYTES)
            assert refused.status_code == 413


async def test_who_has_said_who_he_is_may_say_much() -> None:
    """From then on the bound is LIVE_MAX_FRAME_BYTES, over both ways."""
    async with open_service_with_identity() as world:
        token = world.identity.add_user("carol", "org-a")
        large = "x" * 500_000
        async with open_plain(world.service.url) as client:
            assert (await client.say("authenticate", token=token))["authenticated"]
            answer = await client.say("execution:inject", executionId="none", value=large)
            assert "code" in answer
        async with opened(world.service.url, SOCKETIO) as websocket:
            await websocket.send(text(f'40{{"token":"{token}"}}'))
            while not (await websocket.next_frame())[1].startswith(b"40"):
                pass
            await websocket.send(
                frame(0x81, f'421["execution:inject",{{"value":"{large}"}}]'.encode(), mask=bytes(4))
            )
            while not (came := (await websocket.next_frame())[1]).startswith(b"431["):
                assert came


async def test_attachments_of_whom_nobody_knows_are_not_kept() -> None:
    """A packet of many attachments is refused at the first that is too much, before it is whole."""
    async with open_service_with_identity() as world, opened(world.service.url, SOCKETIO) as websocket:
        await websocket.send(text('451-["x",{"_placeholder":true,"num":0}]'.replace("451", "4564")))
        for _ in range(2):
            await websocket.send(frame(0x82, b"x" * (UNADMITTED_BYTES - 10)))
        with trio.fail_after(5):
            assert (await websocket.wait_end())[0] == 1008


@pytest.mark.parametrize("path", PATHS)
async def test_who_says_nothing_keeps_nobody_out(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """One more than there may be takes the place of the one that has taken longest, and may come in itself."""
    monkeypatch.setattr("service.live.clients.UNADMITTED_CLIENTS", 2)
    monkeypatch.setattr("service.live.opening.UNADMITTED_CLIENTS", 2)
    async with open_service_with_identity() as world:
        url = world.service.url
        token = world.identity.add_user("carol", "org-a")
        async with opened(url, path) as first, opened(url, path):
            await trio.sleep(0.1)
            async with opened(url, path) as third:
                with trio.fail_after(5):
                    assert (await first.wait_end())[0] in {1000, 1008}
                admit = f'{{"event":"authenticate","data":{{"token":"{token}"}},"id":1}}'
                await third.send(text(admit if path == "/ws" else f'40{{"token":"{token}"}}'))
                with trio.fail_after(5):
                    while not (came := (await third.next_frame())[1]).startswith((b'{"ack":1', b"40")):
                        assert came


@pytest.mark.parametrize("path", PATHS)
async def test_a_connection_is_charged_to_whom_it_belongs(path: str) -> None:
    """Whoever has no memory left opens none; what was charged is released when the client goes."""
    async with open_service() as service:
        ledger = service.runtime.ledger
        async with opened(service.url, path) as websocket:
            await websocket.send(text("40"))
            with trio.fail_after(5):
                while not ledger.statistics().kinds.get("sockets"):  # noqa: ASYNC110  a ledger tells nobody
                    await trio.sleep(0.01)
        with trio.fail_after(5):
            while ledger.statistics().kinds.get("sockets"):  # noqa: ASYNC110  likewise
                await trio.sleep(0.01)
        account = ledger.account("")
        account.note(ledger.owner_bytes, "held")
        async with connect(service.url) as websocket:
            await websocket.send(request(path))
            await websocket.read_head()
            if path == "/ws":
                assert websocket.status == 503
            else:
                await websocket.send(text("40"))
                with trio.fail_after(5):
                    while not (came := (await websocket.next_frame())[1]).startswith(b"44"):
                        assert came.startswith((b"0{", b"2"))
                assert b"ORG_MAX_MEMORY_BYTES" in came
        account.close()


# Packets that are dear to read


def many(text: str, count: int = 400_000) -> str:
    """A text again and again, with commas between."""
    return ",".join([text] * count)


DEAR_PACKETS = {
    "an event of many values": f'42["execution:pause",{many("0")}]',
    "an event without a name": f"42[{many('[0]', 200_000)}]",
    "an event with a long name": '42["' + "\\u0041" * 150_000 + '"]',
    "an acknowledgement of many values": f"431[{many('0')}]",
    "a binary event of many values": f'451-["x",{many("0")}]',
    "a credential of many values": f'40/other,{{"a":[{many("0")}]}}',
    "messages that are none": f'42["execution:inject",{{"messages":[{many("{}", 300_000)}]}}]',
    "many messages": '42["execution:inject",{"executionId":"x","messages":['
    + many('{"nodeId":"a","port":"in","value":1}', 25_000)
    + "]}]",
    "many inputs": '42["execution:start",{"graphId":"x","inputs":['
    + many('{"nodeId":"a","port":"in","value":1}', 25_000)
    + "]}]",
    "many names": f'42["execution:subscribe",{{"executionId":"x","nodes":[{many(chr(34) * 2, 300_000)}]}}]',
    "many places": f'42["execution:subscribe",{{"executionId":"x","edges":[{many("1")}]}}]',
    "a number of many digits": '42["execution:subscribe",{"executionId":"x","maxPerSecond":'
    + "9" * 900_000
    + "}]",
    "many fields": '42["execution:subscribe",{' + many('"a":0', 150_000) + "}]",
    "many escapes": '42["execution:pause",{"executionId":"' + "\\n" * 450_000 + '"}]',
    "deep values": '42["execution:subscribe",{"a":[' + many("[" * 190 + "]" * 190, 2_000) + "]}]",
    "what is no JSON": "42" + "[" * 201 + '"' + "\\" * 400_000,
}
"""About a megabyte each."""


@pytest.mark.parametrize("case", DEAR_PACKETS)
async def test_a_packet_costs_little_whatever_is_in_it(case: str) -> None:
    """A megabyte of the smallest values is answered or refused in short steps (every test measures them)."""
    async with open_service(settings_with(port=0)) as service, opened(service.url, SOCKETIO) as websocket:
        await websocket.send(text("40"))
        while not (await websocket.next_frame())[1].startswith(b"40"):
            pass
        await websocket.send(frame(0x81, DEAR_PACKETS[case].encode(), mask=bytes(4)))
        await websocket.send(text('4277["execution:pause",{"executionId":"none"}]'))
        with trio.fail_after(10):
            while True:
                opcode, payload = await websocket.next_frame()
                if opcode in {8, -1} or payload.startswith(b"4377["):
                    break
