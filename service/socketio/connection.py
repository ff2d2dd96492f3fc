"""One client's session between its transport, which reads and writes, and its sockets, one to a namespace."""

from collections.abc import Callable, Mapping

import msgspec
import structlog
import trio
from trio.lowlevel import ParkingLot

from service.socketio.config import STALLED_SECONDS, SocketioConfig
from service.socketio.deadlines import Deadlines
from service.socketio.errors import ProtocolError, SocketClosedError
from service.socketio.frames import Frame
from service.socketio.handshake import Handshake
from service.socketio.namespace import Namespace
from service.socketio.outbox import Batch, FrameBatch
from service.socketio.packets import Packet, PacketDecoder, PacketType, write_packet
from service.socketio.session import Session
from service.socketio.socket import Socket
from service.socketio.wakeups import WakeupBatcher
from service.websockets.frames import ViolationError
from service.websockets.meter import FrameMeter

log = structlog.get_logger("socketio")


class ServerContext(msgspec.Struct, frozen=True):
    """The parts of its server that a connection has."""

    config: SocketioConfig
    namespaces: Mapping[str, Namespace]
    nursery: trio.Nursery
    deadlines: Deadlines
    wakeups: WakeupBatcher
    forget: Callable[["Connection"], None]
    admitted: Callable[["Connection"], None]


class Connection:
    """A session with its sockets. Whatever changes the session tells so with ``changed``."""

    def __init__(self, session: Session, handshake: Handshake, context: ServerContext) -> None:
        self.session = session
        self.handshake = handshake
        self.sockets: dict[str, Socket] = {}
        self._context = context
        self._decoder = PacketDecoder(
            context.config.max_unadmitted_bytes, self._leaves_raw, context.config.max_decoded_bytes
        )
        self._meter = FrameMeter(trio.current_time())
        self._is_admitted = False
        self._when_admitted: Callable[[], None] | None = None
        self._packet_bytes = 0
        self._left: set[str] = set()
        self._over = False
        self._unread = False
        self._sending_since: float | None = None
        self._connect_by = trio.current_time() + context.config.connect_timeout_ms / 1000
        self._checked_at = float("inf")
        self._outgoing = ParkingLot()
        self._room = ParkingLot()
        self._schedule()

    @property
    def limit_bytes(self) -> int:
        """Bytes of one message of the client, or of one body of a POST."""
        config = self._context.config
        bound = config.max_payload_bytes
        return bound if self._is_admitted else min(bound, config.max_unadmitted_bytes)

    def admit(self) -> None:
        """Note that a namespace has let the client in: from now on it may send as much as clients may."""
        if not self._is_admitted:
            self._is_admitted = True
            self._context.admitted(self)
            self._decoder.max_bytes = self._context.config.max_attachments_bytes
            if self._when_admitted is not None:
                self._when_admitted()

    def tell_when_admitted(self, tell: Callable[[], None]) -> None:
        """Call ``tell`` as soon as a namespace has let the client in."""
        self._when_admitted = tell
        if self._is_admitted:
            tell()

    def _leaves_raw(self, name: str) -> bool:
        namespace = self._context.namespaces.get(name)
        return namespace is not None and namespace.takes_raw

    async def receive(self, frame: Frame) -> None:
        """Take a frame that came over the transport; waits while the client sends faster than handlers work.

        Raises:
            ProtocolError: nothing that a client may send; the session has ended.
        """
        try:
            message = self.session.receive(frame, trio.current_time())
            if self.session.ending:
                return
            if message is None:
                await self._pay_for_little()
                return
            self._packet_bytes += len(message)
            packet = self._decoder.receive(message)
            if packet is not None:
                size_bytes, self._packet_bytes = self._packet_bytes, 0
                await self._take(packet, size_bytes)
        except ProtocolError as error:
            log.debug("protocol broken", sid=self.session.sid, reason=error.reason, message=str(error))
            self.session.end("parse error")
            raise
        finally:
            if self.session.ended is not None:
                self.changed()

    async def _pay_for_little(self) -> None:
        """Leave a client unread for a while that sends many packets with nothing in them.

        Raises:
            ProtocolError: it goes on like that.
        """
        try:
            seconds = self._meter.spend(trio.current_time())
        except ViolationError as error:
            raise ProtocolError("engineio.flood", str(error)) from error
        if seconds:
            await trio.sleep(seconds)

    async def _take(self, packet: Packet, size_bytes: int) -> None:
        socket = self.sockets.get(packet.namespace)
        if packet.type is PacketType.CONNECT:
            await self._connect(packet, socket)
        elif socket is None:
            if packet.namespace not in self._left:  # else it was under way when the socket left
                raise ProtocolError("socketio.order", f"Connect to {packet.namespace} before anything else")
        elif packet.type is PacketType.EVENT:
            await self._wait_unread(lambda: not socket.busy)
            socket.receive_event(packet, size_bytes)
        elif packet.type is PacketType.ACK:
            socket.receive_ack(packet)
        elif packet.type is PacketType.DISCONNECT:
            self.leave(socket, "client namespace disconnect")
        else:
            raise ProtocolError("socketio.order", f"A client sends no {packet.type.name} packet")

    async def _connect(self, packet: Packet, socket: Socket | None) -> None:
        if socket is not None:
            raise ProtocolError("socketio.order", f"This client is connected to {packet.namespace} already")
        await self._wait_unread(lambda: not self.full)
        if self.session.ending:
            return
        namespace = self._context.namespaces.get(packet.namespace)
        if namespace is None:
            refusal = Packet(PacketType.CONNECT_ERROR, packet.namespace, {"message": "Invalid namespace"})
            self.put(FrameBatch(*write_packet(refusal)))
            return
        handshake = msgspec.structs.replace(self.handshake, auth=packet.data or {})
        socket = Socket(namespace, self, handshake, self._context.nursery)
        self.sockets[namespace.name] = socket
        socket.begin()

    async def _wait_unread(self, ready: Callable[[], bool]) -> None:
        """Leave the client unread until ``ready``, but not for ever."""
        if ready():
            return
        self._unread = True
        with trio.move_on_after(STALLED_SECONDS) as scope:
            while not ready() and not self.session.ending:
                await self._room.park()
        self._unread = False
        if scope.cancelled_caught:
            log.warning("handlers stalled", sid=self.session.sid, seconds=STALLED_SECONDS)
            self.session.end("handlers stalled")

    def leave(self, socket: Socket, reason: str) -> None:
        """Note a socket's end. Its client may connect to the namespace again."""
        name = socket.namespace.name
        if self.sockets.get(name) is socket:
            del self.sockets[name]
            self._left.add(name)
        was_connected = socket.connected
        socket.end(reason)
        if was_connected and self._awaits_connect:
            self._connect_by = trio.current_time() + self._context.config.connect_timeout_ms / 1000
            self._schedule()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait for the client, all its sockets together."""
        return self.session.outbox.size_bytes

    @property
    def full(self) -> bool:
        """True while so much waits for the client that those who send should wait."""
        return self.session.outbox.full

    def put(self, item: Batch) -> None:
        """Let something wait for the client, full or not."""
        if not self.session.ending:
            self.session.outbox.put(item)
            if self._outgoing:
                self._context.wakeups.call(self._outgoing.unpark_all)

    async def wait_room(self) -> None:
        """Wait while much waits for the client.

        Raises:
            SocketClosedError: the session has ended.
        """
        while self.full and not self.session.ending:
            await self._room.park()
        if self.session.ending:
            raise SocketClosedError(self.session.ended or "forced close")

    def make_room(self) -> None:
        """Wake whoever waits for room: a socket has taken an event, or something has been sent."""
        self._room.unpark_all()

    async def poll(self) -> str:
        """Return the payload for the pending poll, as soon as there is one."""
        while True:
            answer = self.session.poll_answer()
            if answer is not None:
                self.changed()
                return answer
            await self._outgoing.park()

    async def next_batch(self) -> Batch | None:
        """Return what to send over WebSocket next, as soon as there is anything; None at the session's end."""
        while True:
            item = self.session.outbox.take()
            if item is not None:
                self._sending_since = trio.current_time()
                self._schedule()
                return item
            if self.session.ending:
                self.session.flushed()
                self.changed()
                return None
            await self._outgoing.park()

    def batch_sent(self) -> None:
        """Note that the batch of ``next_batch`` has been sent."""
        self._sending_since = None
        self.session.outbox.sent()
        self.make_room()

    def changed(self) -> None:
        """Note that the session has changed otherwise than by a frame: wake who waits, and end what has ended."""
        if self.session.ended is not None and not self._over:
            self._over = True
            for socket in list(self.sockets.values()):
                socket.end(self.session.ended)
            self.sockets.clear()
            self._context.forget(self)
        self._outgoing.unpark_all()
        self._room.unpark_all()

    def finish(self, reason: str) -> None:
        """End the session as soon as everything that waits has been sent."""
        self.session.finish(reason, trio.current_time())
        for socket in list(self.sockets.values()):
            self.leave(socket, reason)
        self._schedule()
        self.changed()

    def end(self, reason: str) -> None:
        """End the session at once."""
        self.session.end(reason)
        self.changed()

    def tick(self) -> None:
        """Do what is due."""
        now = trio.current_time()
        self._checked_at = float("inf")
        self.session.tick(now, unread=self._unread)
        if self._sending_since is not None and now >= self._send_by:
            self.session.end("slow client")
        elif self._awaits_connect and now >= self._connect_by:
            self.session.end("connect timeout")
        self.changed()
        self._schedule()

    @property
    def _awaits_connect(self) -> bool:
        return not self.session.ending and not any(socket.connected for socket in self.sockets.values())

    @property
    def _send_by(self) -> float:
        since = self._sending_since
        return float("inf") if since is None else since + self._context.config.slow_client_seconds

    def _schedule(self) -> None:
        """See to it that ``tick`` is called in time."""
        if self._over:
            return
        deadline = min(self.session.deadline, self._send_by)
        if self._awaits_connect:
            deadline = min(deadline, self._connect_by)
        if deadline < self._checked_at:
            self._checked_at = deadline
            self._context.deadlines.enter(deadline, self.session.sid)
