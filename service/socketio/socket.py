"""A client in one namespace: what its handlers hold in their hands.

Handlers of one socket run one at a time, in the order in which its events came, in a task that lives only while
there is something to do. When the client is gone, what had come before is still handled, within a time.
"""

import enum
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog
import trio

from service.observability.throttled_log import ThrottledLog
from service.socketio.config import LAST_EVENTS_SECONDS, MAX_PENDING_ACKS, MAX_WAITING_EVENTS
from service.socketio.errors import AckTimeoutError, ConnectRefusedError, SocketClosedError, SocketLimitError
from service.socketio.events import EncodedEvent, encode_event
from service.socketio.handshake import Handshake
from service.socketio.outbox import Batch, FrameBatch
from service.socketio.packets import Packet, PacketType, event_packet, write_packet

SID_BYTES = 15
"""Bytes of randomness in an id: nobody guesses it, and base64 makes 20 characters of it."""

MAX_WAITING_BYTES = 1_000_000
"""Bytes of events whose turn has not come; one more is taken in than that, so that any event can be."""

LOGGED_CHARACTERS = 100
"""Characters of an event's name in a log line; clients choose it."""

log = structlog.get_logger("socketio")


class Stage(enum.Enum):
    """The stages of a socket's life."""

    CONNECTING = enum.auto()
    CONNECTED = enum.auto()
    ENDED = enum.auto()


class _PendingAck:
    """An event whose acknowledgement is awaited."""

    __slots__ = ("args", "come")

    def __init__(self) -> None:
        self.come = trio.Event()
        self.args: list[Any] | None = None


class ClientConnection(Protocol):
    """The part of a client's connection that a socket needs, and shares with the client's other sockets."""

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client."""

    @property
    def full(self) -> bool:
        """True while so much waits for the client that those who send should wait."""

    def put(self, item: Batch) -> None:
        """Let something wait for the client, full or not."""

    async def wait_room(self) -> None:
        """Wait while much waits for the client; raise ``SocketClosedError`` when the session has ended."""

    def make_room(self) -> None:
        """Wake whoever waits for room: an event was taken."""

    def admit(self) -> None:
        """Note that a socket was let in."""

    def leave(self, socket: "Socket", reason: str) -> None:
        """End a socket; its client may connect to the namespace again."""

    def finish(self, reason: str) -> None:
        """End the session, once what waits has been sent."""


class Membership(Protocol):
    """The part of its namespace that a socket needs: its name, its handlers, and its rooms."""

    name: str
    failures: ThrottledLog
    handlers: dict[str, Callable[..., Awaitable[Any]]]

    @property
    def sockets(self) -> "dict[str, Socket]":
        """The connected sockets by their ids."""

    @property
    def any_handler(self) -> "Callable[[Socket, str, list[Any]], Awaitable[Any]] | None":
        """Handle events without a handler of their own."""

    @property
    def connect_handler(self) -> "Callable[[Socket], Awaitable[None]] | None":
        """Decide on a client."""

    @property
    def disconnect_handler(self) -> "Callable[[Socket, str], Awaitable[None]] | None":
        """Hear of a socket's end."""

    def join(self, socket: "Socket", room: str) -> None:
        """Put a socket into a room; raise ``SocketLimitError`` where it is in too many."""

    def leave(self, socket: "Socket", room: str) -> None:
        """Take a socket out of a room, if it is there."""

    def forget(self, socket: "Socket") -> None:
        """Take a socket out of everything."""


class Socket:
    """A client in a namespace. ``data`` is for handlers, to keep what they like."""

    def __init__(
        self, namespace: Membership, connection: ClientConnection, handshake: Handshake, nursery: trio.Nursery
    ) -> None:
        self.id = secrets.token_urlsafe(SID_BYTES)
        self.namespace = namespace
        self.handshake = handshake
        self.rooms: set[str] = set()
        self.data: dict[str, Any] = {}
        self._connection = connection
        self._nursery = nursery
        self._stage = Stage.CONNECTING
        self._reason: str | None = None
        self._early: list[Batch] = []
        self._inbox: deque[tuple[Packet, int]] = deque()
        self._inbox_bytes = 0
        self._acks: dict[int, _PendingAck] = {}
        self._last_ack_id = 0
        self._working = False
        self._was_let_in = False
        self._scope = trio.CancelScope()

    def __repr__(self) -> str:
        return f"<Socket {self.id} in {self.namespace.name}, {self._stage.name.lower()}>"

    @property
    def connected(self) -> bool:
        """True while it has been let in, and has not left."""
        return self._stage is Stage.CONNECTED

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for this client, all its namespaces together."""
        return self._connection.waiting_bytes

    def join(self, room: str) -> None:
        """Join a room, which comes to be thereby.

        Raises:
            SocketLimitError: this socket is in too many.
        """
        if self._stage is not Stage.ENDED:
            self.namespace.join(self, room)

    def leave(self, room: str) -> None:
        """Leave a room, if it is in it."""
        self.namespace.leave(self, room)

    async def emit(self, event: str, *args: Any) -> None:
        """Send an event; waits while much waits for this client already.

        Raises:
            SocketClosedError: it has disconnected.
            ValueError, TypeError: as ``encode_event``.
        """
        await self.send(encode_event(event, *args, namespace=self.namespace.name))

    def emit_nowait(self, event: str, *args: Any) -> bool:
        """Send an event, unless much waits for this client already or it is gone. Whether it was sent."""
        return self.send_nowait(encode_event(event, *args, namespace=self.namespace.name))

    async def send(self, event: EncodedEvent) -> None:
        """Send as ``emit`` does, but an event that has been encoded for this namespace."""
        await self._send(event.batch)

    def send_nowait(self, event: EncodedEvent) -> bool:
        """Send as ``emit_nowait`` does, but an event that has been encoded for this namespace."""
        if self._stage is Stage.ENDED or self._full:
            return False
        self._put(event.batch)
        return True

    async def call(self, event: str, *args: Any, timeout_seconds: float) -> list[Any]:
        """Send an event, and wait for the values with which the client acknowledges it.

        Raises:
            AckTimeoutError: it does not in time.
            SocketClosedError: it has disconnected.
            SocketLimitError: too many events of this socket await acknowledgement, or it is not let in yet.
            ValueError, TypeError: as ``encode_event``.
        """
        if self._stage is Stage.CONNECTING or len(self._acks) >= MAX_PENDING_ACKS:
            raise SocketLimitError(f"A connected socket awaits at most {MAX_PENDING_ACKS} acknowledgements")
        self._last_ack_id += 1
        ack_id, pending = self._last_ack_id, _PendingAck()
        frames = write_packet(event_packet(event, args, self.namespace.name, ack_id))
        self._acks[ack_id] = pending
        try:
            with trio.move_on_after(timeout_seconds):
                await self._send(FrameBatch(*frames))
                await pending.come.wait()
        finally:
            self._acks.pop(ack_id, None)
        if pending.args is not None:
            return pending.args
        if self._reason is not None:
            raise SocketClosedError(self._reason)
        raise AckTimeoutError(f"{event!r} was not acknowledged within {timeout_seconds:g} s")

    def disconnect(self, *, close: bool = False) -> None:
        """Put the client out of this namespace, with ``close`` out of all, its connection included.

        Clients do not come back by themselves after that.
        """
        if self._stage is not Stage.ENDED:
            self._connection.put(FrameBatch(*write_packet(Packet(PacketType.DISCONNECT, self.namespace.name))))
            self._connection.leave(self, "server namespace disconnect")
        if close:
            self._connection.finish("forced close")

    @property
    def busy(self) -> bool:
        """True while so many events wait for their turn that no more should be read."""
        return len(self._inbox) >= MAX_WAITING_EVENTS or self._inbox_bytes >= MAX_WAITING_BYTES

    def begin(self) -> None:
        """Begin to let the client in, as it wants."""
        self._work_on()

    def receive_event(self, packet: Packet, size_bytes: int) -> None:
        """Take in an event that has come."""
        if self._stage is not Stage.ENDED:
            self._inbox.append((packet, size_bytes))
            self._inbox_bytes += size_bytes
            self._work_on()

    def receive_ack(self, packet: Packet) -> None:
        """Take in an acknowledgement; one that nobody waits for, or too late, means nothing."""
        pending = self._acks.get(-1 if packet.id is None else packet.id)
        if pending is not None and pending.args is None:
            pending.args = packet.data
            pending.come.set()

    def end(self, reason: str) -> None:
        """End the socket, its client gone or put out: nothing more comes, and nothing more is sent."""
        if self._stage is Stage.ENDED:
            return
        if self._stage is Stage.CONNECTING:
            self._inbox.clear()
            self._scope.cancel()
        else:
            self._scope.deadline = trio.current_time() + LAST_EVENTS_SECONDS
        self._stage = Stage.ENDED
        self._reason = reason
        self._early.clear()
        self.namespace.forget(self)
        for pending in self._acks.values():
            pending.come.set()
        self._work_on()

    @property
    def _full(self) -> bool:
        if self._stage is Stage.CONNECTING:
            return len(self._early) >= MAX_WAITING_EVENTS
        return self._connection.full

    async def _send(self, item: Batch) -> None:
        await trio.lowlevel.checkpoint()
        while self._stage is not Stage.ENDED and self._full:
            if self._stage is Stage.CONNECTING:
                raise SocketLimitError(f"A connect handler emits at most {MAX_WAITING_EVENTS} events")
            await self._connection.wait_room()
        if self._reason is not None:
            raise SocketClosedError(self._reason)
        self._put(item)

    def _put(self, item: Batch) -> None:
        if self._stage is Stage.CONNECTING:
            self._early.append(item)
        else:
            self._connection.put(item)

    def _work_on(self) -> None:
        if not self._working:
            self._working = True
            self._scope = trio.CancelScope()
            self._nursery.start_soon(self._work)

    async def _work(self) -> None:
        """Do everything there is to do."""
        with self._scope:
            if self._stage is Stage.CONNECTING:
                await self._be_let_in()
            while self._inbox:
                packet, size_bytes = self._inbox.popleft()
                self._inbox_bytes -= size_bytes
                self._connection.make_room()
                await self._handle(packet)
        self._working = False
        if self._stage is Stage.ENDED:
            self._inbox.clear()
            await self._say_goodbye()

    async def _be_let_in(self) -> None:
        handler = self.namespace.connect_handler
        try:
            if handler is not None:
                await handler(self)
        except ConnectRefusedError as refusal:
            self._refuse(refusal.message, refusal.data)
        except Exception as error:  # noqa: BLE001 - it is logged
            self.namespace.failures.error("connect handler failed", error, namespace=self.namespace.name)
            self._refuse("Internal server error")
        else:
            if self._stage is Stage.CONNECTING:
                self._let_in()

    def _let_in(self) -> None:
        self._stage = Stage.CONNECTED
        self._was_let_in = True
        self.namespace.sockets[self.id] = self
        self._connection.admit()
        answer = Packet(PacketType.CONNECT, self.namespace.name, {"sid": self.id})
        for item in (FrameBatch(*write_packet(answer)), *self._early):
            self._connection.put(item)
        self._early = []

    def _refuse(self, message: str, data: Any = None) -> None:
        if self._stage is Stage.ENDED:
            return
        content = {"message": message} if data is None else {"message": message, "data": data}
        try:
            frames = write_packet(Packet(PacketType.CONNECT_ERROR, self.namespace.name, content))
        except (TypeError, ValueError) as error:
            self.namespace.failures.error("refusal without its data", error, namespace=self.namespace.name)
            frames = write_packet(Packet(PacketType.CONNECT_ERROR, self.namespace.name, {"message": str(message)}))
        self._connection.put(FrameBatch(*frames))
        self._connection.leave(self, "refused")

    async def _handle(self, packet: Packet) -> None:
        event, *args = packet.data
        try:
            work = self._begun(event, args)
            if work is None:
                return
            result = await work
            if packet.id is not None and self._stage is Stage.CONNECTED:
                await self._send(FrameBatch(*write_packet(self._ack_of(packet.id, result))))
        except SocketClosedError:
            log.debug("client gone meanwhile", sid=self.id, handler=event[:LOGGED_CHARACTERS])
        except Exception as error:  # noqa: BLE001 - it is logged
            fields = {"namespace": self.namespace.name, "handler": event[:LOGGED_CHARACTERS]}
            self.namespace.failures.error("event handler failed", error, **fields)

    def _begun(self, event: str, args: list[Any]) -> Awaitable[Any] | None:
        """Begin the event's handler, and return what is left to await; None where no handler takes it."""
        handler = self.namespace.handlers.get(event)
        if handler is None:
            any_handler = self.namespace.any_handler
            return None if any_handler is None else any_handler(self, event, args)
        try:
            return handler(self, *args)
        except TypeError as error:  # a coroutine function's body has not begun: the client's mistake, not ours
            log.debug("event does not fit its handler", handler=event[:LOGGED_CHARACTERS], error=str(error))
            return None

    def _ack_of(self, ack_id: int, result: Any) -> Packet:
        values = [] if result is None else list(result) if isinstance(result, tuple) else [result]
        return Packet(PacketType.ACK, self.namespace.name, values, ack_id)

    async def _say_goodbye(self) -> None:
        handler = self.namespace.disconnect_handler
        if handler is None or not self._was_let_in or self._reason is None:
            return
        self._was_let_in = False
        try:
            with trio.move_on_after(LAST_EVENTS_SECONDS):
                await handler(self, self._reason)
        except Exception as error:  # noqa: BLE001 - it is logged
            self.namespace.failures.error("disconnect handler failed", error, namespace=self.namespace.name)
