"""Since when a client is waited for, which decides when it is cut off."""

from typing import Any

import pytest
import trio
import trio.testing

from service.asgi.websocket_wire import Wire
from service.websockets.frames import text_frame

pytestmark = pytest.mark.usefixtures("autojump_clock")

SCOPE: Any = {"type": "websocket"}


class Slow:
    """An ASGI server whose client reads one message whenever it is told to."""

    def __init__(self) -> None:
        self._reads = trio.Semaphore(0)

    def read(self) -> None:
        self._reads.release()

    async def send(self, _event: Any) -> None:
        await self._reads.acquire()


async def test_a_client_is_waited_for_since_it_read_last() -> None:
    """A later write makes an unread one no younger, one that was read does; closing a connection counts."""
    slow = Slow()
    wire = Wire(SCOPE, slow.send)

    def since() -> float | None:
        return wire.writing_since

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wire.write, text_frame(b"a"))
        await trio.sleep(5)
        nursery.start_soon(wire.write, text_frame(b"b"))
        await trio.sleep(5)
        assert since() == began
        slow.read()
        await trio.testing.wait_all_tasks_blocked()
        assert since() == began + 10
        slow.read()
        await trio.testing.wait_all_tasks_blocked()
        assert since() is None
        nursery.start_soon(wire.send, {"type": "websocket.close"})
        await trio.testing.wait_all_tasks_blocked()
        assert since() == began + 10
        slow.read()
    assert since() is None
