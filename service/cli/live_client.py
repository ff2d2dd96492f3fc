"""A client of ``/ws``, for the command line: events in, answers out, errors in words."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

import msgspec
import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    DisconnectionTimeout,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from engine.builtin.parts.connection_reason import words_of
from proto.codec import MalformedJsonError, decode_raw_values, encode
from service.outbound.streams import open_stream

CONNECT_SECONDS = 10
"""The time that the service may take to take the connection."""

ASK_SECONDS = 25
"""The time between two questions whether the service is still there, as between Engine.IO's."""

ANSWER_SECONDS = 20
"""The time that its answers may take, as there. They are asked for each second, and heard whenever they come: so a
process that was stopped for an hour does not take its own silence for the service's."""

CLOSE_SECONDS = 5
"""The time that the service may take to close the connection."""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""The largest message that is taken from a service: statistics of the largest graph have room in it."""


class LiveClientError(Exception):
    """The service cannot be reached, refuses, or goes away; the message says what to do."""


class LiveMessage(msgspec.Struct, frozen=True):
    """A message of the service: an event, or an answer."""

    event: str = ""
    data: Any = None
    ack: int | str | None = None


class LiveClient:
    """A connection. Made by :func:`open_live_client`."""

    def __init__(self, connection: WebSocketConnection, url: str) -> None:
        self._connection = connection
        self._url = url
        self._has_vanished = False

    async def heed(self) -> None:
        """Ask the service whether it is still there, for ever; ``receive`` fails when no answer comes any more."""
        try:
            while True:
                await trio.sleep(ASK_SECONDS)
                if not await self._answers():
                    break
        except ConnectionClosed:
            return  # which ``receive`` tells
        self._has_vanished = True
        with trio.CancelScope() as at_once:
            at_once.cancel()
            await self._connection.aclose()

    async def _answers(self) -> bool:
        for _ in range(ANSWER_SECONDS):
            with trio.move_on_after(1):
                await self._connection.ping()
                return True
        return False

    async def send(self, event: str, data: dict[str, Any], identifier: int) -> None:
        """Send an event that is to be answered.

        Raises:
            LiveClientError: the connection has ended.
        """
        text = encode({"event": event, "data": data, "id": identifier}).decode()
        try:
            await self._connection.send_message(text)
        except ConnectionClosed as error:
            raise self._closed(error) from error

    async def receive(self) -> LiveMessage:
        """Receive the next message.

        Raises:
            LiveClientError: the connection has ended, or what came is no message.
        """
        try:
            text = await self._connection.get_message()
        except ConnectionClosed as error:
            raise self._closed(error) from error
        try:
            return decode_raw_values(text if isinstance(text, bytes) else text.encode(), LiveMessage)
        except (msgspec.ValidationError, MalformedJsonError) as error:
            raise LiveClientError(f"{self._url} speaks something else: {error}") from error

    def _closed(self, error: ConnectionClosed) -> LiveClientError:
        if self._has_vanished:
            return LiveClientError(f"{self._url} has not answered for {ANSWER_SECONDS} s; is it still running?")
        reason = getattr(error.reason, "reason", None)
        return LiveClientError(f"{self._url} has closed the connection{f': {reason}' if reason else ''}")


@asynccontextmanager
async def open_live_client(url: str, headers: Sequence[tuple[str, str]] = ()) -> AsyncIterator[LiveClient]:
    """Open a client of the service at ``url``, such as ``http://127.0.0.1:5006``.

    Raises:
        LiveClientError: it cannot be reached, or does not want this client.
    """
    address = websocket_address(url)
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    tls = ssl.create_default_context() if address.startswith("wss:") else None
    is_open = False
    failure: BaseException | None = None
    try:
        if tls is not None:
            await _judge(urlsplit(address), tls)
        async with open_websocket_url(
            address,
            tls,
            extra_headers=encoded,
            connect_timeout=CONNECT_SECONDS,
            disconnect_timeout=CLOSE_SECONDS,
            max_message_size=MAX_MESSAGE_BYTES,
        ) as connection:
            is_open = True
            try:
                yield LiveClient(connection, url)
            except BaseException as error:
                failure = error
                raise
    except ConnectionRejected as error:
        raise LiveClientError(_refused(url, error)) from error
    except DisconnectionTimeout:
        if failure is not None:
            try:
                raise failure from None
            finally:
                del failure
        return  # all was said; that the service does not close the connection is its own affair
    except trio.BrokenResourceError as error:
        if is_open:
            raise
        raise LiveClientError(f"{url} cannot be reached: {words_of(error)}") from error
    except (HandshakeError, trio.TooSlowError, OSError) as error:
        if is_open:
            raise
        reason = str(error.__cause__ or error) or type(error).__name__
        raise LiveClientError(f"{url} cannot be reached: {reason}; is the service running there?") from error


async def _judge(parts: SplitResult, tls: ssl.SSLContext) -> None:
    """Look at the certificate of a service before anything is asked of it."""
    with trio.fail_after(CONNECT_SECONDS):
        await trio.aclose_forcefully(await open_stream(parts.hostname or "", parts.port or 443, tls))


def websocket_address(url: str) -> str:
    """Return the address of a service's WebSocket.

    Raises:
        LiveClientError: the URL is none of a service.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise LiveClientError(f"{url!r} is no URL of a service; write one such as http://127.0.0.1:5006")
    path = parts.path.rstrip("/")
    return f"{scheme}://{parts.netloc}{path}/ws"


def _refused(url: str, error: ConnectionRejected) -> str:
    try:
        sentence = msgspec.json.decode(error.body or b"{}").get("error", "")
    except (msgspec.DecodeError, AttributeError):
        sentence = ""
    told = f": {sentence}" if sentence else ""
    if error.status_code == 401:
        return f"{url} wants to know who you are{told}; give --token, --api-key, SYMBIA_TOKEN or SYMBIA_API_KEY"
    if error.status_code == 404:
        return f"{url} has no live events; is it a symbia-runtime of this version?"
    return f"{url} refuses with status {error.status_code}{told}"
