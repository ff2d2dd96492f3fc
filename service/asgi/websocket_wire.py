"""A WebSocket below ASGI: many frames in one write, and an end to those who do not read.

ASGI sends one message at a time. Each costs Hypercorn some 50 µs and a system call, which a hundred watchers of a
busy execution would multiply into more than a processor has. Frames of a server are not masked, so the same bytes
are right for every client; they are made once, many of them together, and handed to the connection in one write.
Compression would make them different for each client again; ``service.websockets`` agrees on none. And ASGI
cannot end a connection whose client does not read: the closing would wait behind what is unread.

So the scope of a WebSocket holds its connection (``service.websockets.scope``). Where it does not, as under
another server, everything goes through ASGI, more slowly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import trio
from hypercorn.typing import ASGISendCallable, Scope

from service.websockets.frames import PING_FRAME, texts_in
from service.websockets.scope import CONNECTION, FrameConnection


class Wire:
    """A WebSocket connection, below ASGI where the server lets it.

    Args:
        scope: of the ASGI application.
        send: likewise.

    Attributes:
        writing_since: since when a write waits for the client to read, on Trio's clock; None where none does.
        takes_frames: whether any frames can be written; otherwise they must be of text.
    """

    def __init__(self, scope: Scope, send: ASGISendCallable) -> None:
        self._send = send
        self._connection: FrameConnection | None = cast("dict[str, Any]", scope).get(CONNECTION)
        self.takes_frames = self._connection is not None
        self.writing_since: float | None = None
        self._writers = 0

    async def write(self, frames: bytes) -> None:
        """Write whole text frames; return when the kernel has taken them. Nothing while the connection closes."""
        with self._writing():
            if self._connection is None:
                for text in texts_in(frames):
                    await self._send({"type": "websocket.send", "bytes": None, "text": text})
            else:
                await self._connection.write(frames)
        await trio.lowlevel.checkpoint()

    async def send(self, event: Any) -> None:
        """Send anything else by ASGI, such as the end of the connection; that waits for the client likewise."""
        with self._writing():
            await self._send(event)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Count a write: the client is waited for since the first of several began, or one of them was done."""
        if not self._writers:
            self.writing_since = trio.current_time()
        self._writers += 1
        try:
            yield
        finally:
            self._writers -= 1
            self.writing_since = trio.current_time() if self._writers else None

    async def ping(self) -> None:
        """Ask whether the client is still there; its system answers. Some other servers ask by themselves."""
        if self._connection is not None:
            await self.write(PING_FRAME)

    def cut(self) -> None:
        """End the connection at once, whatever is under way on it: who waits for it learns that it is closed."""
        if self._connection is not None:
            self._connection.cut()
