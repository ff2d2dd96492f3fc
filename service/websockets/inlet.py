"""The messages that wait for the application behind one WebSocket: few messages of few bytes, and then the end."""

from collections import deque

import trio
from hypercorn.typing import ASGIReceiveEvent

from service.websockets.turns import wait_turn

WAITING_MESSAGES = 10
"""Messages of one client that wait for the application; while there are so many, the client is not read."""

WAITING_BYTES = 64 * 1024
"""Bytes of those; one message more than that is taken in, so that any can be."""


class Inlet:
    """The messages of one client, in order."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[ASGIReceiveEvent, int]] = deque([({"type": "websocket.connect"}, 0)])
        self._waiting_bytes = 0
        self._end: ASGIReceiveEvent | None = None
        self._changed = trio.lowlevel.ParkingLot()

    async def put(self, event: ASGIReceiveEvent, size_bytes: int) -> None:
        """Let a message wait; returns when there is room for the next. After the end nothing is taken in."""
        if self._end is None:
            self._waiting.append((event, size_bytes))
            self._waiting_bytes += size_bytes
            self._changed.unpark_all()
        while self._end is None and self._is_full:
            await self._changed.park()

    def end(self, code: int, *, drop: bool = False) -> None:
        """End the inlet: nothing more comes. With ``drop``, what waits is not wanted any more either."""
        if drop:
            self._waiting.clear()
            self._waiting_bytes = 0
        if self._end is None:
            self._end = {"type": "websocket.disconnect", "code": code}
        self._changed.unpark_all()

    async def receive(self) -> ASGIReceiveEvent:
        """Receive the next message, or the end, as an ASGI application receives them."""
        if self._waiting or self._end is not None:
            await wait_turn()
        while not self._waiting:
            if self._end is not None:
                return self._end
            await self._changed.park()
        event, size_bytes = self._waiting.popleft()
        self._waiting_bytes -= size_bytes
        self._changed.unpark_all()
        return event

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) >= WAITING_MESSAGES or self._waiting_bytes >= WAITING_BYTES
