"""A client of ``/ws``: trio-websocket, and JSON messages."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from proto.codec import decode, encode

Headers = Sequence[tuple[str, str]]


class PlainClient:
    """One connection; ``messages`` holds what has come."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection
        self.messages: list[dict[str, Any]] = []
        self._ids = 0

    async def say(self, event: str, **data: Any) -> dict[str, Any]:
        """Send an event; the answer."""
        self._ids += 1
        identifier = self._ids
        message = {"event": event, "data": data, "id": identifier}
        await self.connection.send_message(encode(message).decode())
        while True:
            came = await self._next()
            if came.get("ack") == identifier:
                answer: dict[str, Any] = came["data"]
                return answer

    async def wait_for(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """The payloads of an event as soon as it has come so often."""
        while len(self.heard(name)) < count:
            await self._next()
        return self.heard(name)

    def heard(self, name: str) -> list[dict[str, Any]]:
        """The payloads of an event that have been read."""
        return [each["data"] for each in self.messages if each.get("event") == name]

    async def closed(self) -> tuple[int, str]:
        """The code and the reason with which the connection is closed."""
        try:
            while True:
                await self._next()
        except ConnectionClosed as error:
            reason = error.reason
            return (reason.code, str(reason.reason)) if reason is not None else (0, "")

    async def _next(self) -> dict[str, Any]:
        with trio.fail_after(10):
            text = await self.connection.get_message()
        message: dict[str, Any] = decode(text.encode() if isinstance(text, str) else text)
        self.messages.append(message)
        return message


@asynccontextmanager
async def open_plain(url: str, headers: Headers = ()) -> AsyncIterator[PlainClient]:
    """A client of the service at ``url``."""
    address = url.replace("http", "ws", 1)
    if not address.partition("://")[2].partition("/")[2]:
        address += "/ws"
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    # A message that nobody reads must not keep trio-websocket from reading that the connection has ended.
    async with open_websocket_url(address, extra_headers=encoded, message_queue_size=10_000) as connection:
        try:
            yield PlainClient(connection)
        finally:
            # trio-websocket leaves the socket open where the server was the first to close the connection.
            await trio.aclose_forcefully(connection._stream)
