"""Events for Socket.IO clients: one batch in two forms, each made once and only where it is wanted."""

from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from proto.codec import encode
from service.live.socketio_framing import SOCKET, EventBatch
from service.socketio import SocketioConfig, open_socketio_server
from service.socketio.outbox import FRAME_OVERHEAD_BYTES
from service.websockets.frames import texts_in
from service.websockets.scope import WRITE
from tests.engine.builtin.harness import JSON_VALUES

EVENTS = st.lists(
    st.tuples(st.sampled_from(["port:emit", "error"]), JSON_VALUES.map(encode)), min_size=1, max_size=5
)


@given(EVENTS)
def test_both_forms_say_the_same(events: list[tuple[str, bytes]]) -> None:
    """Each event is a packet of its own in a poll and on a WebSocket; its size is known before either is made."""
    batch = EventBatch(events)
    assert batch.size_bytes == sum(len(text.encode()) for text in batch.frames) + FRAME_OVERHEAD_BYTES
    assert texts_in(batch.websocket_frames) == list(batch.frames)
    assert list(batch.frames) == [f'42["{name}",{data.decode()}]' for name, data in events]


def test_a_form_is_made_where_it_is_wanted() -> None:
    """No text is made for clients on WebSockets, no frame for those who poll, and none twice."""
    batch = SOCKET.of([("error", b"{}")]).batch
    assert not {"frames", "websocket_frames"} & vars(batch).keys()
    frames = batch.websocket_frames
    assert "frames" not in vars(batch)
    assert batch.websocket_frames is frames


@pytest.mark.parametrize("takes_frames", [True, False])
async def test_the_writer_takes_frames_where_the_server_does(*, takes_frames: bool) -> None:
    """A batch goes out in one write past ASGI, or packet by packet by ASGI, in the same order."""
    sent: list[Any] = []
    incoming, come = trio.open_memory_channel[Any](10)
    incoming.send_nowait({"type": "websocket.connect"})
    incoming.send_nowait({"type": "websocket.receive", "text": "40"})

    async def send(event: Any) -> None:
        sent.append(event.get("text"))
        await trio.lowlevel.checkpoint()

    async def write(frames: bytes) -> None:
        sent.append(frames)
        await trio.lowlevel.checkpoint()

    scope: dict[str, Any] = {
        "type": "websocket",
        "scheme": "ws",
        "path": "/socket.io",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [],
        "client": None,
    }
    if takes_frames:
        scope[WRITE] = write
    async with open_socketio_server(SocketioConfig()) as server, trio.open_nursery() as nursery:
        connected = trio.Event()

        @server.namespace().on_connect
        async def greet(socket: Any) -> None:
            await socket.send(SOCKET.of([("a", b"1"), ("b", b"2")]))
            connected.set()

        nursery.start_soon(server, scope, come.receive, send)
        await connected.wait()
        await trio.testing.wait_all_tasks_blocked()
        incoming.send_nowait({"type": "websocket.disconnect"})
    if takes_frames:
        assert texts_in(sent[-2]) == ['42["a",1]', '42["b",2]']
    else:
        assert [text for text in sent if text and text.startswith("42")] == ['42["a",1]', '42["b",2]']
