"""WebSocket: one frame to a packet, from the first on or after an upgrade from polling."""

from collections.abc import Mapping
from typing import Any

import trio

from service.socketio.asgi import Receive, Send
from service.socketio.config import CLOSING_HANDSHAKE_SECONDS, SocketioConfig
from service.socketio.connection import Connection
from service.socketio.errors import ProtocolError
from service.socketio.frames import Frame
from service.socketio.outbox import FrameBatch
from service.websockets.scope import WriteFrames

NORMAL, GOING_AWAY, POLICY, TOO_LARGE, TRY_LATER = 1000, 1001, 1008, 1009, 1013
"""Closing codes (RFC 6455, section 7.4.1, and the registry that it founds)."""

_CODES = {
    "server shutting down": GOING_AWAY,
    "transport error": TOO_LARGE,
    "parse error": POLICY,
    "handlers stalled": TRY_LATER,
}


async def serve_websocket(
    connection: Connection, config: SocketioConfig, receive: Receive, send: Send, write: WriteFrames | None = None
) -> None:
    """Serve a WebSocket with which a session begins; ``write`` writes whole frames, where the server can."""
    connection.session.outbox.put(FrameBatch(connection.session.open_frame()))
    try:
        await send({"type": "websocket.accept"})
        await _Pump(connection, config, receive, send, write).run()
    finally:
        connection.end("transport close")


async def serve_upgrade(
    connection: Connection, config: SocketioConfig, receive: Receive, send: Send, write: WriteFrames | None = None
) -> None:
    """Serve a WebSocket that a polling session may move to; the session lives on where it does not.

    ``write`` writes whole frames, where the server can.

    Raises:
        SessionRefusedError: it has one already.
    """
    connection.session.begin_probe()
    complaint = ""
    with trio.move_on_after(config.upgrade_timeout_ms / 1000) as scope:
        try:
            complaint = await _probe(connection, receive, send)
        finally:
            connection.session.abandon_probe()
            connection.changed()
    if not scope.cancelled_caught and not complaint:
        try:
            await _Pump(connection, config, receive, send, write).run()
        finally:
            connection.end("transport close")
        return
    complaint = complaint or "The upgrade was not completed in time"
    await send({"type": "websocket.close", "code": POLICY, "reason": complaint})
    with trio.move_on_after(CLOSING_HANDSHAKE_SECONDS):
        while (await receive())["type"] != "websocket.disconnect":
            pass


async def _probe(connection: Connection, receive: Receive, send: Send) -> str:
    """Go through the upgrade; why it failed, or "" when it is complete."""
    await send({"type": "websocket.accept"})
    session = connection.session
    while session.polls:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return "The client has left"
        try:
            reply = session.receive_probe(_frame_of(event))
        except ProtocolError as error:
            return str(error)
        connection.changed()
        if reply is not None:
            await send({"type": "websocket.send", "text": reply})
    return ""


class _Pump:
    """A pump that reads and writes until the session or the WebSocket has ended."""

    def __init__(
        self,
        connection: Connection,
        config: SocketioConfig,
        receive: Receive,
        send: Send,
        write: WriteFrames | None,
    ) -> None:
        self._connection = connection
        self._config = config
        self._receive = receive
        self._send = send
        self._write_frames = write
        self._gone = trio.Event()

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read)
            await self._write()
            reason = self._connection.session.ended or ""
            await self._send({"type": "websocket.close", "code": _CODES.get(reason, NORMAL), "reason": reason})
            with trio.move_on_after(CLOSING_HANDSHAKE_SECONDS):
                await self._gone.wait()
            nursery.cancel_scope.cancel()

    async def _write(self) -> None:
        while (item := await self._connection.next_batch()) is not None:
            if self._write_frames is not None:
                await self._write_frames(item.websocket_frames)
            else:
                for frame in item.frames:
                    kind = "bytes" if isinstance(frame, bytes) else "text"
                    await self._send({"type": "websocket.send", kind: frame})
            self._connection.batch_sent()

    async def _read(self) -> None:
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                self._gone.set()
                self._connection.end("transport close")
                return
            if not self._connection.session.ending:
                await self._take(_frame_of(event))

    async def _take(self, frame: Frame) -> None:
        limit_bytes = self._connection.limit_bytes
        if len(frame) > limit_bytes or (isinstance(frame, str) and _bytes_in(frame, limit_bytes) > limit_bytes):
            self._connection.end("transport error")
            return
        try:
            await self._connection.receive(frame)
        except ProtocolError:
            return  # the session has ended, and the writer closes the WebSocket


def _frame_of(event: Mapping[str, Any]) -> Frame:
    content = event.get("bytes")
    return content if isinstance(content, bytes) else str(event.get("text") or "")


def _bytes_in(text: str, limit_bytes: int) -> int:
    """Return the bytes of a text; an upper bound where that is within the limit."""
    return 4 * len(text) if 4 * len(text) <= limit_bytes else len(text.encode("utf-8", "replace"))
