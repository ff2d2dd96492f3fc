"""One Socket.IO connection to the Network, on Trio: the protocol's client half over a WebSocket."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

import trio
import trio_websocket

from engine.builtin.parts.connection_reason import kind_of
from engine.builtin.parts.redirects import trusted_authorities
from engine.builtin.parts.retry_after import retry_after_seconds
from service.outbound.streams import Stream, open_stream
from service.socketio.client import (
    AckReceived,
    ClientEvent,
    ClientProtocol,
    Closed,
    Connected,
    Disconnected,
    EventReceived,
    Opened,
    PingReceived,
    Refused,
)
from service.socketio.errors import ProtocolError
from service.socketio.frames import Frame

CONNECT_SECONDS = 10.0
"""The time from the first packet of TCP to the admission by the Network."""

SEND_SECONDS = 20.0
"""The time for giving one packet to the connection: a Network that does not read is gone."""

CLOSE_SECONDS = 1.0
"""The time for parting in good order."""

FRAME_BYTES = 2 * 1024 * 1024
"""One frame of the Network. It takes a million bytes from nodes, and adds little to them."""


_GATEWAY = frozenset({502, 503, 504})
"""The statuses of a gateway that finds nobody behind it."""


class NetworkError(Exception):
    """The Network cannot be reached, does not behave, or has gone; the message says which, without addresses.

    Attributes:
        retry_after_seconds: how long it asks to be left alone; 0 for nothing.
        is_absent: whether nothing answers for it, so that asking again costs nobody anything.
    """

    retry_after_seconds = 0.0
    is_absent = False


class SessionProtocolError(NetworkError):
    """The Network sent what no Network sends."""


class NetworkSession:
    """A connection that is open. Made by :func:`hold_session`.

    Attributes:
        max_payload_bytes: the largest packet that the Network takes.
    """

    def __init__(
        self, socket: trio_websocket.WebSocketConnection, on_event: Callable[[str, list[Any]], Any]
    ) -> None:
        self.max_payload_bytes = 1_000_000
        self._socket = socket
        self._on_event = on_event
        self._protocol = ClientProtocol(FRAME_BYTES, leaves_raw=True)
        self._silence_seconds = CONNECT_SECONDS
        self._acks: dict[int, trio.Event] = {}
        self._answers: dict[int, list[Any]] = {}
        self._next_ack = 0
        self._turn = trio.Lock()

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event.

        Raises:
            NetworkError: the connection is gone.
        """
        await self._send(self._protocol.emit(event, *args))

    async def call(
        self, event: str, *args: Any, timeout_seconds: float, on_the_wire: Callable[[], None] = lambda: None
    ) -> Any:
        """Send an event and wait for its acknowledgement: its first argument, None where it has none.

        Args:
            event: its name.
            args: its arguments.
            timeout_seconds: for sending and acknowledgement together.
            on_the_wire: called when it has been sent.

        Raises:
            NetworkError: the connection is gone.
            trio.TooSlowError: no acknowledgement came in time.
        """
        self._next_ack += 1
        ack_id = self._next_ack
        answered = self._acks[ack_id] = trio.Event()
        try:
            with trio.fail_after(timeout_seconds):
                await self._send(self._protocol.emit(event, *args, ack_id=ack_id))
                on_the_wire()
                await answered.wait()
            answer = self._answers[ack_id]
            return answer[0] if answer else None
        finally:
            del self._acks[ack_id]
            self._answers.pop(ack_id, None)

    async def connect(self) -> None:
        """Open the session and enter the main namespace.

        Raises:
            NetworkError: that cannot be done.
        """
        admitted = False
        while not admitted:
            for event in await self._receive():
                match event:
                    case Opened():
                        self.max_payload_bytes = event.max_payload
                        self._silence_seconds = min(max(event.silence_seconds, 1.0), 300.0)
                        await self._send(self._protocol.connect())
                    case Connected():
                        admitted = True
                    case _:
                        await self._handle(event)

    async def read(self) -> None:
        """Take what comes, until the connection is gone.

        Raises:
            NetworkError: always, at last.
        """
        while True:
            for event in await self._receive():
                await self._handle(event)

    async def _handle(self, event: ClientEvent) -> None:
        match event:
            case EventReceived(name=name, args=args, ack_id=ack_id):
                answer = self._on_event(name, args)
                if ack_id is not None:
                    await self._send(self._protocol.ack(ack_id, answer))
            case AckReceived(ack_id=ack_id, args=args):
                answered = self._acks.get(ack_id)
                if answered is not None and not answered.is_set():
                    self._answers[ack_id] = args
                    answered.set()
            case PingReceived(answer=answer):
                await self._send((answer,))
            case Refused(message=message):
                raise NetworkError(f"it lets nobody in: {message[:200]}")
            case Disconnected() | Closed():
                raise NetworkError("it ended the connection")
            case _:
                raise SessionProtocolError(f"it sends {type(event).__name__} in the midst of a session")

    async def _receive(self) -> list[ClientEvent]:
        try:
            with trio.fail_after(self._silence_seconds):
                frame = await self._socket.get_message()
        except trio.TooSlowError as error:
            raise NetworkError(f"silent for {self._silence_seconds:g} s") from error
        except trio_websocket.ConnectionClosed as error:
            raise NetworkError(_told_end(error)) from error
        try:
            return self._protocol.receive(frame)
        except ProtocolError as error:
            raise SessionProtocolError(f"it breaks the protocol ({error.reason})") from error

    async def _send(self, frames: tuple[Frame, ...]) -> None:
        try:
            with trio.fail_after(SEND_SECONDS):
                async with self._turn:  # the frames of one packet stay together
                    for frame in frames:
                        await self._socket.send_message(frame)
        except trio.TooSlowError as error:
            raise NetworkError(f"it takes nothing for {SEND_SECONDS:g} s") from error
        except trio_websocket.ConnectionClosed as error:
            raise NetworkError(_told_end(error)) from error

    async def leave(self) -> None:
        """Say goodbye to the protocol; the connection is closed by :func:`hold_session`."""
        await self._send(self._protocol.disconnect())


def _told_end(error: trio_websocket.ConnectionClosed) -> str:
    reason = error.reason
    return "the connection is gone" if reason is None else f"the connection was closed ({reason.code})"


async def hold_session(
    url: str, on_event: Callable[[str, list[Any]], Any], live: Callable[[NetworkSession], Awaitable[None]]
) -> None:
    """Connect to the Network at ``url`` and do something there; close the connection when that is done.

    Args:
        url: of the Network, http or https.
        on_event: called with the name and the arguments of each event, as ``msgspec.Raw``; what it returns
            acknowledges the event.
        live: what is to be done with the session. One of its tasks must read.

    Raises:
        NetworkError: no connection came about, or it ended while it was needed.
    """
    faults: list[BaseException] = []
    stream: Stream | None = None
    parts = urlsplit(socket_url(url))
    try:
        with trio.fail_after(CONNECT_SECONDS):
            stream = await _open_stream(parts)
        async with trio.open_nursery() as nursery:
            with trio.fail_after(CONNECT_SECONDS):
                socket = await trio_websocket.wrap_client_stream(
                    nursery,
                    stream,
                    parts.netloc,
                    f"{parts.path}?{parts.query}",
                    message_queue_size=8,
                    max_message_size=FRAME_BYTES,
                )
                session = NetworkSession(socket, on_event)
                await session.connect()
            await live(session)
            with trio.move_on_after(CLOSE_SECONDS):
                await socket.aclose()
            nursery.cancel_scope.cancel()
    except* (NetworkError, *_CONNECTION_ERRORS) as group:
        faults = _leaves(group)
    finally:
        if stream is not None:  # the library leaves it open when a handshake fails
            await trio.aclose_forcefully(stream)
    if faults:
        own = next((fault for fault in faults if isinstance(fault, NetworkError)), None)
        raise own or _failure(faults[0])


_CONNECTION_ERRORS = (
    OSError,
    trio.TooSlowError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio_websocket.HandshakeError,
    trio_websocket.ConnectionClosed,
)


async def _open_stream(parts: SplitResult) -> Stream:
    is_encrypted = parts.scheme == "wss"
    return await open_stream(
        parts.hostname or "",
        parts.port or (443 if is_encrypted else 80),
        trusted_authorities() if is_encrypted else None,
    )


def _failure(error: BaseException) -> NetworkError:
    if isinstance(error, trio_websocket.ConnectionRejected):
        failure = NetworkError(f"no connection: it answers with status {error.status_code}")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in error.headers}
        failure.retry_after_seconds = retry_after_seconds(headers, datetime.now(UTC))
        failure.is_absent = error.status_code in _GATEWAY
        return failure
    if isinstance(error, trio.TooSlowError):
        return NetworkError(f"no session within {CONNECT_SECONDS:g} s")
    failure = NetworkError(f"no connection: {kind_of(error)}")
    failure.is_absent = isinstance(error, OSError)
    return failure


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Return the faults of a group, and of the groups in it."""
    leaves: list[BaseException] = []
    for fault in group.exceptions:
        leaves += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return leaves


def socket_url(url: str) -> str:
    """Return the URL of a Network's WebSocket."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    path = f"{parts.path.rstrip('/')}/socket.io/"
    return urlunsplit((scheme, parts.netloc, path, "EIO=4&transport=websocket", ""))
