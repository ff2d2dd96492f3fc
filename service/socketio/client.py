"""The client's half of the protocol over one WebSocket: frames in, events out. Pure.

Whoever has a WebSocket makes a client of it::

    client = ClientProtocol()
    async with trio_websocket.open_websocket_url("ws://localhost:5006/socket.io/?EIO=4&transport=websocket") as ws:
        while True:
            for event in client.receive(await ws.get_message()):
                match event:
                    case Opened():
                        await send(ws, client.connect(auth={"token": "..."}))
                    case Connected():
                        await send(ws, client.emit("execution:subscribe", {"executionId": "..."}, ack_id=1))
                    case EventReceived(name=name, args=args):
                        ...
                    case PingReceived(answer=answer):
                        await ws.send_message(answer)

where ``send`` sends each frame of a tuple, text as text and bytes as bytes. After every frame a client waits at
most ``Opened.silence_seconds`` for the next one; then the server is gone. To reconnect, make a new one of these.
"""

from typing import Any

import msgspec

from proto.codec import MalformedJsonError, decode_as
from service.socketio.errors import ProtocolError
from service.socketio.frames import CLOSE, PONG, Frame, FrameType, read_frame
from service.socketio.packets import MAIN, Packet, PacketDecoder, PacketType, event_packet, write_packet

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Attachments of one packet together. A client trusts its server, but not with all of its memory."""


class Opened(msgspec.Struct, frozen=True, rename="camel"):
    """The Engine.IO session is open; namespaces may be connected. Times are milliseconds."""

    sid: str
    ping_interval: int
    ping_timeout: int
    max_payload: int = 1_000_000

    @property
    def silence_seconds(self) -> float:
        """The longest silence of a living server."""
        return (self.ping_interval + self.ping_timeout) / 1000


class Connected(msgspec.Struct, frozen=True):
    """The server let the client into a namespace."""

    namespace: str
    sid: str


class Refused(msgspec.Struct, frozen=True):
    """The server did not let the client into a namespace."""

    namespace: str
    message: str
    data: Any


class EventReceived(msgspec.Struct, frozen=True):
    """An event; with an ``ack_id``, the server waits for ``ClientProtocol.ack``."""

    namespace: str
    name: str
    args: list[Any]
    ack_id: int | None


class AckReceived(msgspec.Struct, frozen=True):
    """The server acknowledged the event that was sent with this ``ack_id``."""

    namespace: str
    ack_id: int
    args: list[Any]


class Disconnected(msgspec.Struct, frozen=True):
    """The server put the client out of a namespace."""

    namespace: str


class PingReceived(msgspec.Struct, frozen=True):
    """The server wants to know whether the client is there: send it ``answer``."""

    answer: str


class Closed(msgspec.Struct, frozen=True):
    """The server ends the session; close the WebSocket."""


ClientEvent = Opened | Connected | Refused | EventReceived | AckReceived | Disconnected | PingReceived | Closed


class ClientProtocol:
    """One session from the client's side. Its sending methods return frames; nothing is sent by itself.

    Args:
        max_message_bytes: of the attachments of one packet together.
        leaves_raw: whether the arguments of events are left as ``msgspec.Raw``, unless there are attachments.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES, *, leaves_raw: bool = False) -> None:
        self._opened = False
        self._decoder = PacketDecoder(max_message_bytes, lambda _: leaves_raw)

    def receive(self, frame: Frame) -> list[ClientEvent]:
        """Return the meaning of a frame from the server.

        Raises:
            ProtocolError: nothing that a server may send; close the WebSocket.
        """
        kind, content = read_frame(frame)
        if not self._opened:
            if kind is not FrameType.OPEN:
                raise ProtocolError(
                    "engineio.order", f"A session begins with its open packet, not with {kind.name}"
                )
            self._opened = True
            return [_opened(content)]
        match kind:
            case FrameType.MESSAGE:
                packet = self._decoder.receive(content)
                return [] if packet is None else [_event_of(packet)]
            case FrameType.PING:
                return [PingReceived(f"{PONG}{content!s}")]
            case FrameType.CLOSE:
                return [Closed()]
            case FrameType.NOOP:
                return []
            case _:
                raise ProtocolError("engineio.order", f"A server sends no {kind.name} packet now")

    def connect(self, namespace: str = MAIN, auth: dict[str, Any] | None = None) -> tuple[Frame, ...]:
        """Ask to be let into a namespace, with the handshake's ``auth``."""
        return write_packet(Packet(PacketType.CONNECT, namespace, auth))

    def emit(self, event: str, *args: Any, namespace: str = MAIN, ack_id: int | None = None) -> tuple[Frame, ...]:
        """Send an event; with an ``ack_id`` of one's own choice, ask for its acknowledgement.

        Raises:
            ValueError, TypeError: as ``write_packet``.
        """
        return write_packet(event_packet(event, args, namespace, ack_id))

    def ack(self, ack_id: int, *args: Any, namespace: str = MAIN) -> tuple[Frame, ...]:
        """Acknowledge an event of the server's."""
        return write_packet(Packet(PacketType.ACK, namespace, list(args), ack_id))

    def disconnect(self, namespace: str = MAIN) -> tuple[Frame, ...]:
        """Leave a namespace."""
        return write_packet(Packet(PacketType.DISCONNECT, namespace))

    def close(self) -> tuple[Frame, ...]:
        """End the session."""
        return (CLOSE,)


def _opened(content: Frame) -> Opened:
    try:
        return decode_as(content if isinstance(content, bytes) else content.encode("utf-8", "replace"), Opened)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        raise ProtocolError("engineio.handshake", f"The open packet is not readable: {error}") from error


def _event_of(packet: Packet) -> ClientEvent:
    data = packet.data
    match packet.type:
        case PacketType.CONNECT if isinstance(data, dict) and isinstance(data.get("sid"), str):
            return Connected(packet.namespace, data["sid"])
        case PacketType.CONNECT_ERROR:
            found = data if isinstance(data, dict) else {"message": data}
            return Refused(packet.namespace, str(found.get("message", "")), found.get("data"))
        case PacketType.EVENT:
            return EventReceived(packet.namespace, data[0], data[1:], packet.id)
        case PacketType.ACK if packet.id is not None:
            return AckReceived(packet.namespace, packet.id, data)
        case PacketType.DISCONNECT:
            return Disconnected(packet.namespace)
        case _:
            raise ProtocolError("socketio.data", f"A server sends no such {packet.type.name} packet")
