"""A WebSocket client that sends whatever bytes it is told to, on a socket of its own, and reads how it ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
LOST = 1006
"""What stands for an end without a Close frame (RFC 6455, section 7.4.1)."""

MASK = b"\x11\x22\x33\x44"


def request(path: str = "/ws", *, version: bytes = b"13", key: bytes = KEY, more: bytes = b"") -> bytes:
    """The request for a WebSocket."""
    return (
        b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: %b\r\nSec-WebSocket-Key: %b\r\n%b\r\n"
    ) % (path.encode(), version, key, more)


def frame(first: int, payload: bytes = b"", *, mask: bytes | None = MASK, width: int | None = None) -> bytes:
    """A frame as a client sends it.

    Args:
        first: its first byte: FIN, reserved bits, opcode.
        payload: as it is meant.
        mask: None for none.
        width: bytes of the length, 0, 2 or 8; the shortest when absent.
    """
    size = len(payload)
    if width is None:
        width = 0 if size < 126 else 2 if size < 1 << 16 else 8
    second = {0: size, 2: 126, 8: 127}[width] | (0x80 if mask is not None else 0)
    masked = (
        payload
        if not mask or not any(mask)
        else bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    )
    return bytes((first, second)) + (size.to_bytes(width) if width else b"") + (mask or b"") + masked


def text(content: str) -> bytes:
    """A message of text."""
    return frame(0x81, content.encode())


class RawWebSocket:
    """One connection. ``status`` is that of the answer to the handshake."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.head = b""
        self._came = b""

    @property
    def status(self) -> int:
        """Of the answer to the request."""
        return int(self.head.split(b" ", 2)[1])

    async def send(self, content: bytes) -> None:
        """Send as much as the other side takes."""
        with suppress(trio.BrokenResourceError):
            await self.stream.send_all(content)

    async def read_head(self) -> None:
        """Read the head of the answer to the request."""
        while b"\r\n\r\n" not in self._came:
            piece = await self.stream.receive_some()
            if not piece:
                break
            self._came += piece
        self.head, _, self._came = self._came.partition(b"\r\n\r\n")

    async def next_frame(self) -> tuple[int, bytes]:
        """The next frame: its opcode and payload; opcode -1 at the end of the connection."""
        while True:
            came = self._came
            if len(came) >= 2:
                size, head = came[1], 2
                if size >= 126:
                    width = 2 if size == 126 else 8
                    size, head = int.from_bytes(came[2 : 2 + width]), 2 + width
                if len(came) >= head + size:
                    self._came = came[head + size :]
                    return came[0] & 0x0F, came[head : head + size]
            try:
                piece = await self.stream.receive_some()
            except trio.BrokenResourceError:
                piece = b""
            if not piece:
                return -1, b""
            self._came += piece

    async def wait_end(self) -> tuple[int, str]:
        """The code and the reason of the Close frame, when the other side has ended the connection.

        Whoever hears one says no more, so that nobody has to wait for them.
        """
        code, reason = LOST, ""
        while True:
            opcode, payload = await self.next_frame()
            if opcode == 8:
                code, reason = int.from_bytes(payload[:2]) if payload else 1005, payload[2:].decode()
                with suppress(trio.BrokenResourceError, trio.BusyResourceError, OSError):
                    await self.stream.send_eof()
            if opcode == -1:
                return code, reason


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[RawWebSocket]:
    """A connection to a service, on which nothing has been said."""
    host, port = url.removeprefix("http://").split(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        yield RawWebSocket(stream)


@asynccontextmanager
async def opened(url: str, path: str = "/ws") -> AsyncIterator[RawWebSocket]:
    """A WebSocket."""
    async with connect(url) as websocket:
        await websocket.send(request(path))
        await websocket.read_head()
        assert websocket.status == 101, websocket.head
        yield websocket
