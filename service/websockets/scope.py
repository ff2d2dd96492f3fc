"""The keys of a WebSocket's scope beside those of ASGI. Pure."""

from collections.abc import Awaitable, Callable
from typing import Protocol

ADMIT = "symbia.admit"
"""The key of a function to be called when the client was recognised; from then on its whole bounds hold."""

CONNECTION = "symbia.connection"
"""The key of the :class:`FrameConnection`, if the server has one."""

WRITE = "symbia.write"
"""The key of a :data:`WriteFrames`, if whole frames can be written past ASGI."""

WriteFrames = Callable[[bytes], Awaitable[None]]
"""A function that writes whole frames, and returns when they are on their way."""


class FrameConnection(Protocol):
    """The connection below ASGI."""

    async def write(self, frames: bytes) -> None:
        """Write whole frames; return when the kernel has taken them. Nothing where the connection is not open."""

    def cut(self) -> None:
        """End the connection at once, whatever is under way on it: who waits for it learns that it is closed."""
