"""Events whose values are left as they came."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio_websocket import open_websocket_url

from proto.codec import decode
from service.socketio import Socket, SocketioServer
from service.socketio.errors import ProtocolError
from service.socketio.packets import Packet, PacketDecoder
from tests.service.serving import open_service, single
from tests.service.socketio.serving import open_served
from tests.service.socketio.test_server_api import QUIET, connect


def decoder(*, raw: bool) -> PacketDecoder:
    return PacketDecoder(1_000, lambda _: raw)


async def test_values_keep_every_digit() -> None:
    """A namespace that takes them raw hands on the text of a value; bytes and acknowledgements go as ever."""
    texts: list[bytes] = []

    def register(server: SocketioServer) -> None:
        main = server.namespace()
        main.takes_raw = True

        @main.on("value")
        async def keep(_: Socket, value: object) -> object:
            texts.append(bytes(value) if isinstance(value, msgspec.Raw) else b"decoded")
            return value

    async with open_served(QUIET, register) as served, served.websocket() as websocket:
        await connect(websocket)
        await websocket.send_message('421["value",{"b":1.10,"a":123456789012345678901234567890,"b":1E2}]')
        assert await websocket.get_message() == '431[{"b":1.10,"a":123456789012345678901234567890,"b":1E2}]'
        await websocket.send_message('451-2["value",{"_placeholder":true,"num":0}]')
        await websocket.send_message(b"x")
        assert await websocket.get_message() == "461-2[" + '{"_placeholder":true,"num":0}]'
    assert texts == [b'{"b":1.10,"a":123456789012345678901234567890,"b":1E2}', b"decoded"]


@given(st.text('[]{}",:1eE.-xn\\ ', max_size=30))
def test_whatever_is_left_raw_would_have_been_read_alike(text: str) -> None:
    """What decoding accepts is accepted, with the same name and values; a value of its own the handler refuses."""

    def outcome(*, raw: bool) -> Packet | None:
        try:
            return decoder(raw=raw).receive("2" + text)
        except ProtocolError:
            return None

    decoded, left = outcome(raw=False), outcome(raw=True)
    if decoded is not None:
        assert left is not None
        assert (left.namespace, left.id, left.data[0]) == (decoded.namespace, decoded.id, decoded.data[0])
        assert [decode(bytes(value)) for value in left.data[1:]] == decoded.data[1:]


@pytest.mark.parametrize(
    "text", ["2", "2[]", "2{}", "2[{}]", '2["disconnect"]', '2["x",]', '2["x",' + "[" * 300 + "]" * 300 + "]"]
)
def test_what_is_no_event_ends_the_connection(text: str) -> None:
    """The form of an event, and its depth, are looked at in any case."""
    with pytest.raises(ProtocolError):
        decoder(raw=True).receive(text)


async def test_bytes_in_a_message_become_base64() -> None:
    """A value is JSON, and JSON has no bytes; the live interface says so in its documentation."""
    async with open_service() as service:
        execution = await service.start(single("symbia.core.passthrough"), completion="manual")
        url = service.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
        async with open_websocket_url(url) as socket:
            await socket.get_message()
            await socket.send_message("40")
            await socket.get_message()
            watch = f'{{"executionId":"{execution}","events":["port:output"]}}'
            await socket.send_message(f'42["execution:subscribe",{watch}]')
            placed = '"value":{"_placeholder":true,"num":0}'
            message = f'{{"executionId":"{execution}","nodeId":"only","port":"in",{placed}}}'
            await socket.send_message(f'451-2["execution:inject",{message}]')
            await socket.send_message(b"\x00\xff")
            while "port:output" not in (event := str(await socket.get_message())):
                pass
        assert decode(event[2:].encode())[1]["value"] == "AP8="
