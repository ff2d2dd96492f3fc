"""A connection that Hypercorn trips over ends alone, and ends; and nobody holds one without end.

Hypercorn runs every connection in one nursery, and some bytes make it raise there: a WebSocket frame that follows
the upgrade request before the upgrade was answered is enough, from anybody, at any path. An exception there ends
the server. So whatever goes wrong with a connection stays with it.

What is written is written in pieces, each without a copy, and within a time that depends on its length: a caller
who reads a large reply by single bytes would hold it for days. One task waits for the end of a connection's
idleness, however many requests there are (``service.asgi.keep_alive``). There are only so many connections
(``service.asgi.connections``).

Hypercorn has no place to put something around a connection, so the classes that serve one are replaced. What is
spoken on it is ``service.asgi.http_protocol``; the tasks that it needs are ``service.asgi.request_tasks``; a
WebSocket on it is ``service.asgi.websocket_stream``.
"""

import os
from contextlib import suppress
from typing import Any, cast

import hypercorn.protocol.h11
import hypercorn.trio.run
import hypercorn.trio.tcp_server
import structlog
import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.tcp_server import MAX_RECV, TCPServer

from proto.codec import encode
from proto.problem import ErrorBody
from service.asgi.connections import Connections
from service.asgi.http_protocol import HttpProtocol
from service.asgi.keep_alive import IdleWatch
from service.asgi.request_tasks import GuardedTaskGroup
from service.asgi.websocket_stream import BoundedWebSocket

LINGER_SECONDS = 1.0
LINGER_BYTES = 1024 * 1024
"""The time for which, and the bytes up to which, a refused connection is still read."""

PIECE_BYTES = 256 * 1024
"""Bytes written at once; smaller pieces are put together, larger ones divided without a copy."""

WRITE_SECONDS = 60.0
WRITE_BYTES_PER_SECOND = 64 * 1024
"""The time that any write may take, and the pace that adds to it by its length: a caller must read at this pace
at least."""

log = structlog.get_logger("service")


class GuardedTCPServer(TCPServer):
    """The server of one connection. Whatever goes wrong with it is logged, and stays with it.

    Attributes:
        keeps: whether what is written is kept, to be written together with what is written after it.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.idle_task: Any = IdleWatch(self.config.keep_alive_timeout, self.context, self._initiate_server_close)
        self.keeps = False
        self._kept: list[bytes] = []
        self._connections: Connections = getattr(self.config, "connections", None) or Connections(0)
        self._life = trio.CancelScope()

    async def run(self) -> None:
        """Serve it until it ends; it is closed in any case."""
        if not self._connections.enter():
            await self._refuse()
            return
        try:
            self._connections.wait(self, self._life.cancel)
            with self._life:
                await super().run()
        except* Exception as group:  # noqa: BLE001  whatever it is; and what is cancelled goes on being so
            log.warning("connection ended by an error", errors=[repr(error) for error in group.exceptions])
        finally:
            self._connections.leave(self)

    def cut(self) -> None:
        """End it at once, whatever is under way on it: who waits for it learns that it is closed."""
        cast("trio.SocketStream", self.stream).socket.close()

    async def protocol_send(self, event: Event) -> None:
        """Do what the protocol asks for: write, close, or note that the connection is idle or is not."""
        if isinstance(event, RawData):
            if event.data:
                self._kept.append(event.data)
            if self._kept and not self.keeps:
                await self._flush()
            return
        if self._kept:  # a reply of known length has nothing to say at its end
            await self._flush()
        if isinstance(event, Updated):
            if event.idle:
                self._connections.wait(self, self._life.cancel)
            else:
                self._connections.work(self)
        await super().protocol_send(event)

    async def write(self, data: bytes) -> None:
        """Write a whole reply: at once where the socket has the room for it, as it nearly always has."""
        written = 0
        stream: Any = self.stream
        is_free = not self._kept and not self.send_lock.locked()
        if is_free and len(data) <= PIECE_BYTES and isinstance(stream, trio.SocketStream):
            try:
                written = os.write(stream.socket.fileno(), data)  # which never waits: the socket is Trio's
            except BlockingIOError:
                pass
            except OSError:
                await self.protocol.handle(Closed())
                return
        if written < len(data):
            self._kept.append(data[written:])
            await self._flush()

    async def _flush(self) -> None:
        """Write what was kept; the connection is closed where that takes too long."""
        pieces, self._kept = _in_pieces(self._kept), []
        seconds = WRITE_SECONDS + sum(map(len, pieces)) / WRITE_BYTES_PER_SECOND
        has_failed = False
        async with self.send_lock:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + seconds) as patience:
                try:
                    for piece in pieces:
                        await self.stream.send_all(piece)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    has_failed = True
            if patience.cancelled_caught:
                has_failed = True
                log.warning("connection cut: its reply is not read", seconds=round(seconds))
                await trio.aclose_forcefully(self.stream)
        if has_failed:
            await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        group = cast("GuardedTaskGroup", self._task_group)
        group.connection = self
        try:
            while True:
                try:
                    data = await self.stream.receive_some(MAX_RECV)
                except (trio.ClosedResourceError, trio.BrokenResourceError):
                    break
                await self.protocol.handle(RawData(bytes(data)))
                await group.release()
                if cast("HttpProtocol", self.protocol).is_over:
                    await self._linger()
                    break
                if not data:
                    break
            await self.protocol.handle(Closed())
        finally:
            self.idle_task.end()

    async def _refuse(self) -> None:
        """Say that there are too many connections, and end this one."""
        with self._connections.refusing() as has_time:
            if has_time:
                bound = self._connections.bound
                text = (
                    f"{bound} connections are at work, and no more are served (MAX_CONNECTIONS); try again later"
                )
                body = encode(ErrorBody(error=text, code="connections.limit"))
                head = f"HTTP/1.1 503 \r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                head += "Retry-After: 5\r\nConnection: close\r\n\r\n"
                with trio.move_on_after(LINGER_SECONDS):
                    with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
                        await self.stream.send_all(head.encode() + body)
                    await self._linger()
        await trio.aclose_forcefully(self.stream)

    async def _linger(self) -> None:
        """Read what is still on its way to a connection that was refused, for a while.

        A connection that is closed with something unread is reset, and the caller never sees why (RFC 9112
        section 9.6).
        """
        with trio.move_on_after(LINGER_SECONDS):
            try:
                await cast("trio.SocketStream", self.stream).send_eof()
                for _ in range(LINGER_BYTES // MAX_RECV):
                    if not await self.stream.receive_some(MAX_RECV):
                        break
            except (trio.ClosedResourceError, trio.BrokenResourceError, trio.BusyResourceError):
                pass


def _in_pieces(written: list[bytes]) -> list[bytes | memoryview]:
    """Return the same bytes in pieces of a good size: small ones put together, large ones not copied."""
    if sum(map(len, written)) <= PIECE_BYTES:
        return [b"".join(written)]
    pieces: list[bytes | memoryview] = []
    for each in written:
        view = memoryview(each)
        pieces += [view[start : start + PIECE_BYTES] for start in range(0, len(view), PIECE_BYTES)]
    return pieces


def guard_connections() -> None:
    """Let every connection of Hypercorn's Trio servers in this process be guarded."""
    hypercorn.trio.run.TCPServer = GuardedTCPServer  # type: ignore[attr-defined,assignment]  # there is no other place
    hypercorn.trio.tcp_server.TaskGroup = GuardedTaskGroup  # type: ignore[attr-defined]  # likewise
    hypercorn.trio.tcp_server.ProtocolWrapper = HttpProtocol  # type: ignore[attr-defined,assignment]  # likewise
    hypercorn.protocol.h11.WSStream = BoundedWebSocket  # type: ignore[attr-defined,assignment]  # likewise
