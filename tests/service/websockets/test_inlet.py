"""What waits for an application: little, in order, and the end after it."""

from typing import Any

import pytest
import trio
import trio.testing

from service.websockets.inlet import WAITING_BYTES, WAITING_MESSAGES, Inlet

pytestmark = pytest.mark.usefixtures("autojump_clock")


def message(text: str) -> Any:
    """A message as ASGI has it."""
    return {"type": "websocket.receive", "bytes": None, "text": text}


@pytest.mark.parametrize(("size_bytes", "room"), [(1, WAITING_MESSAGES), (WAITING_BYTES, 1)])
async def test_whoever_sends_more_than_is_taken_waits(size_bytes: int, room: int) -> None:
    """Bounded in number and in bytes; what waits comes out in its order, then the end, again and again."""
    inlet, put = Inlet(), 0
    assert (await inlet.receive())["type"] == "websocket.connect"

    async def send() -> None:
        nonlocal put
        for number in range(30):
            await inlet.put(message(str(number)), size_bytes)
            put += 1
        inlet.end(1000)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked()
        assert put == room - 1
        texts = [str((await inlet.receive())["text"]) for _ in range(30)]  # type: ignore[typeddict-item]
    assert texts == [str(number) for number in range(30)]
    for _ in range(2):
        assert await inlet.receive() == {"type": "websocket.disconnect", "code": 1000}


async def test_the_end_lets_whoever_waits_go() -> None:
    """What waits is dropped where nobody wants it any more, and nothing is taken in."""
    inlet = Inlet()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inlet.put, message("large"), WAITING_BYTES)
        await trio.testing.wait_all_tasks_blocked()
        inlet.end(1000, drop=True)
    await inlet.put(message("late"), 1)
    assert (await inlet.receive())["type"] == "websocket.disconnect"
