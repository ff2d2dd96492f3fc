"""Events, acknowledgements and disconnects, as the official Socket.IO 5 test suite asks for it, and beyond."""

import pytest
from trio_websocket import WebSocketConnection

from tests.service.socketio.serving import Served, open_served
from tests.service.socketio.test_connect import wait_closed

TWO = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'


async def received(websocket: WebSocketConnection, count: int = 1) -> list[str | bytes]:
    """The next packets, pings left out."""
    packets: list[str | bytes] = []
    while len(packets) < count:
        packet = await websocket.get_message()
        if packet != "2":
            packets.append(packet)
    return packets


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (['42["message",1,"2",{"3":[true]}]'], ['42["message-back",1,"2",{"3":[true]}]']),
        ([f'452-["message",{TWO}]', b"\1\2\3", b"\4"], [f'452-["message-back",{TWO}]', b"\1\2\3", b"\4"]),
        (['42456["message-with-ack",1,"2",{"3":[false]}]'], ['43456[1,"2",{"3":[false]}]']),
        (['420["message-with-ack"]'], ["430[]"]),
        ([f'452-789["message-with-ack",{TWO}]', b"\1\2\3", b"\4"], [f"462-789[{TWO}]", b"\1\2\3", b"\4"]),
        (['4212["message"]'], ['42["message-back"]', "4312[]"]),
        (['42["nobody handles this"]', '42["message"]'], ['42["message-back"]']),
        (["43999[1]", '42["message"]'], ['42["message-back"]']),
        (["6", "3", '42["message"]'], ['42["message-back"]']),
    ],
)
async def test_events_and_acknowledgements(sent: list[str | bytes], expected: list[str | bytes]) -> None:
    """They come back with their values and attachments, acknowledged by their id; the rest is passed over."""
    async with open_served() as served, served.opened() as websocket:
        for message in sent:
            await websocket.send_message(message)
        assert await received(websocket, len(expected)) == expected


@pytest.mark.parametrize(
    "packet",
    [
        "4abc",
        "42{}",
        "42[]",
        '42abc["message-with-ack",1,"2",{"3":[false]}]',
        '42["connect"]',
        "40",
        "40{}",
        "44{}",
        '42/custom,["never connected"]',
        "42" + "[" * 500,
        '451-["x",{"_placeholder":true,"num":0}]\n',
        b"unannounced",
    ],
)
async def test_an_invalid_packet_closes_the_connection(packet: str | bytes) -> None:
    """Unknown types, wrong data, wrong ids, wrong order: the connection is closed, and others live on."""
    async with open_served() as served, served.opened() as other, served.opened() as websocket:
        await websocket.send_message(packet)
        if packet == '451-["x",{"_placeholder":true,"num":0}]\n':
            await websocket.send_message('42["text where an attachment must be"]')
        assert [each for each in await wait_closed(websocket) if each != "2"] == []
        await other.send_message('42["message"]')
        assert await received(other) == ['42["message-back"]']


async def test_a_client_leaves_the_main_namespace() -> None:
    """No answer comes, and the connection lives on: the next that is heard is a ping."""
    async with open_served() as served, served.opened() as websocket:
        await websocket.send_message("41")
        assert await websocket.get_message() == "2"


@pytest.mark.parametrize("leaving", ["41/custom", "41/custom,"])
async def test_a_client_comes_and_leaves_again(leaving: str) -> None:
    """Leaving one namespace leaves the other alone, late packets for the left one too, and it may come back."""
    async with open_served() as served, served.opened() as websocket:
        for _ in range(2):
            await websocket.send_message("40/custom,")
            answer, greeting = await received(websocket, 2)
            assert str(answer).startswith('40/custom,{"sid"')
            assert greeting == '42/custom,["auth",{}]'
            await websocket.send_message(leaving)
            await websocket.send_message('42/custom,["too late"]')
            await websocket.send_message('42["message","message to main namespace"]')
            assert await received(websocket) == ['42["message-back","message to main namespace"]']


async def test_ids_differ_between_namespaces_and_sessions() -> None:
    """Nobody learns a session's id from a socket's."""
    async with open_served() as served:
        ids = [await _ids(served) for _ in range(3)]
    assert len({each for pair in ids for each in pair}) == 6


async def _ids(served: Served) -> tuple[str, str]:
    async with served.websocket() as websocket:
        opened = str(await websocket.get_message())
        await websocket.send_message("40")
        connected = str(await websocket.get_message())
    return opened.partition('"sid":"')[2][:20], connected.partition('"sid":"')[2][:20]
