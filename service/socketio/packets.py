"""Socket.IO 5 packets: text and attachments in, packets out, and back. Pure.

``<type>[<attachments>-][<namespace>,][<ack id>][<JSON>]`` (Socket.IO protocol, "Packet encoding"). Events with
attachments have packet types of their own on the wire; here they are events whose data holds bytes.
"""

import enum
import re
from collections.abc import Callable
from typing import Any

import msgspec

from proto.codec import MalformedJsonError, check_depth, decode, decoded_by, encode
from service.socketio.attachments import put_together, take_apart
from service.socketio.errors import ProtocolError
from service.socketio.frames import Frame

MAIN = "/"
MAX_ATTACHMENTS = 64
"""Attachments of one packet, more than any use needs; each is a frame to wait for, so a packet may not promise
endlessly many."""

MAX_VALUES = 32
"""Values of an event whose values are left as they are: each is an object, and may take two bytes."""

MAX_NAMESPACE_CHARACTERS = 256
"""A namespace is a name of the server's, and an unknown one is repeated in the refusal."""

RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Names that clients keep for themselves: socket.io-parser refuses packets with them, in both directions."""


class PacketType(enum.IntEnum):
    """The types of Socket.IO packets. The binary ones exist on the wire only."""

    CONNECT = 0
    DISCONNECT = 1
    EVENT = 2
    ACK = 3
    CONNECT_ERROR = 4
    BINARY_EVENT = 5
    BINARY_ACK = 6


class Packet(msgspec.Struct, frozen=True):
    """A whole packet.

    ``data`` is an object or nothing for CONNECT, an array that begins with the event's name for EVENT, an array
    for ACK, an object for CONNECT_ERROR, nothing for DISCONNECT. ``id`` asks for an acknowledgement, or is one.
    """

    type: PacketType
    namespace: str = MAIN
    data: Any = None
    id: int | None = None


_WITH_BINARY = {PacketType.EVENT: PacketType.BINARY_EVENT, PacketType.ACK: PacketType.BINARY_ACK}
_WITHOUT_BINARY = {binary: plain for plain, binary in _WITH_BINARY.items()}

_DIGITS = re.compile(r"[0-9]*")
_ATTACHMENTS = re.compile(r"([0-9]{1,10})-")
_MAX_ID = 2**53 - 1  # what a JavaScript client can count to


def write_packet(packet: Packet) -> tuple[Frame, ...]:
    """Write the frames of a packet, ready for the wire: Engine.IO messages, attachments last.

    Raises:
        ValueError, TypeError: the data cannot be written as JSON, or is nested too deeply.
    """
    data, attachments = take_apart(packet.data)
    kind, promise = packet.type, ""
    if attachments:
        if kind not in _WITH_BINARY:
            raise ValueError(f"A {kind.name} packet carries no binary data")
        if len(attachments) > MAX_ATTACHMENTS:
            raise ValueError(f"A packet carries at most {MAX_ATTACHMENTS} binary values, not {len(attachments)}")
        kind, promise = _WITH_BINARY[kind], f"{len(attachments)}-"
    namespace = "" if packet.namespace == MAIN else f"{packet.namespace},"
    number = "" if packet.id is None else packet.id
    text = "" if data is None else encode(data).decode("utf-8")
    return (f"4{kind:d}{promise}{namespace}{number}{text}", *attachments)


def event_packet(event: str, args: tuple[Any, ...], namespace: str = MAIN, ack_id: int | None = None) -> Packet:
    """Make the packet of an event.

    Raises:
        ValueError: the name is one that clients keep for themselves.
    """
    if event in RESERVED_EVENTS:
        raise ValueError(f"{event!r} is a name that Socket.IO clients keep for themselves; choose another")
    return Packet(PacketType.EVENT, namespace, [event, *args], ack_id)


class PacketDecoder:
    """A decoder that makes packets of the messages of one connection, in their order.

    Args:
        max_bytes: of all the attachments of one packet together; may be changed at any time.
        leaves_raw: says of a namespace whether its events' values are left as they are, as ``msgspec.Raw``, unless
            there are attachments among them.
        max_decoded_bytes: of a packet's JSON text where it is not left as it is.
    """

    def __init__(
        self,
        max_bytes: int,
        leaves_raw: Callable[[str], bool] = lambda _: False,
        max_decoded_bytes: int = 1_000_000,
    ) -> None:
        self.max_bytes = max_bytes
        self._leaves_raw = leaves_raw
        self._max_decoded_bytes = max_decoded_bytes
        self._head: Packet | None = None
        self._missing = 0
        self._attachments: list[bytes] = []
        self._size_bytes = 0

    def receive(self, message: Frame) -> Packet | None:
        """Return a message's packet; None when attachments are still to come.

        Raises:
            ProtocolError: it is no packet, or none that may come now. The decoder is of no use after that.
        """
        if isinstance(message, bytes):
            return self._receive_attachment(message)
        if self._head is not None:
            raise ProtocolError(
                "socketio.attachments", f"{self._missing} attachments are missing before this text"
            )
        packet, self._missing = _read_head(message, self._leaves_raw, self._max_decoded_bytes)
        if not self._missing:
            return _checked(packet, [])
        self._head, self._attachments, self._size_bytes = packet, [], 0
        return None

    def _receive_attachment(self, content: bytes) -> Packet | None:
        if self._head is None:
            raise ProtocolError("socketio.attachments", "No packet has announced this attachment")
        self._size_bytes += len(content)
        if self._size_bytes > self.max_bytes:
            raise ProtocolError(
                "socketio.attachments", f"A packet's attachments hold at most {self.max_bytes} bytes here"
            )
        self._attachments.append(content)
        self._missing -= 1
        if self._missing:
            return None
        head, self._head = self._head, None
        attachments, self._attachments = self._attachments, []
        return _checked(head, attachments)


def _read_head(text: str, leaves_raw: Callable[[str], bool], max_decoded_bytes: int) -> tuple[Packet, int]:
    """Read a packet as its text has it, and how many attachments follow."""
    if text[:1] not in {"0", "1", "2", "3", "4", "5", "6"}:
        raise ProtocolError("socketio.type", f"There is no Socket.IO packet type {text[:1]!r}")
    kind = PacketType(int(text[0]))
    start, promised = 1, 0
    if kind in _WITHOUT_BINARY:
        match = _ATTACHMENTS.match(text, 1)
        if match is None or int(match[1]) > MAX_ATTACHMENTS:
            raise ProtocolError(
                "socketio.attachments",
                f"A binary packet says how many attachments follow, {MAX_ATTACHMENTS} at most",
            )
        kind, promised, start = _WITHOUT_BINARY[kind], int(match[1]), match.end()
    namespace, start = _read_namespace(text, start)
    number, start = _read_id(text, start)
    if kind is PacketType.EVENT and not promised and leaves_raw(namespace):
        return Packet(kind, namespace, _read_raw(text[start:]), number), 0
    if len(text) - start > max_decoded_bytes:
        raise ProtocolError(
            "socketio.size", f"A {kind.name} packet holds at most {max_decoded_bytes} characters of JSON here"
        )
    return Packet(kind, namespace, _read_json(text[start:]), number), promised


def _read_namespace(text: str, start: int) -> tuple[str, int]:
    if text[start : start + 1] != "/":
        return MAIN, start
    end = text.find(",", start)
    name = text[start:] if end < 0 else text[start:end]
    if len(name) > MAX_NAMESPACE_CHARACTERS or not name.isprintable():
        raise ProtocolError(
            "socketio.namespace",
            f"A namespace is at most {MAX_NAMESPACE_CHARACTERS} printable characters, ended by a comma",
        )
    return name, len(text) if end < 0 else end + 1


def _read_id(text: str, start: int) -> tuple[int | None, int]:
    match = _DIGITS.match(text, start)
    digits = match[0] if match else ""
    if not digits:
        return None, start
    if len(digits) > 16 or int(digits) > _MAX_ID:
        raise ProtocolError("socketio.id", f"An acknowledgement id is at most {_MAX_ID}")
    return int(digits), start + len(digits)


def _read_json(text: str) -> Any:
    if not text:
        return None
    try:
        return decode(text.encode("utf-8"))
    except (MalformedJsonError, UnicodeEncodeError) as error:
        raise ProtocolError("socketio.json", str(error)) from error


_RawEvent = msgspec.defstruct(
    "_RawEvent",
    [
        ("name", str | int),
        *((f"value_{index}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for index in range(MAX_VALUES)),
    ],
    array_like=True,
    forbid_unknown_fields=True,
)
"""An event whose values are left as they are. One too many is refused before the next is looked at."""

_raw_event: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_RawEvent)


def _read_raw(text: str) -> list[Any]:
    """Read an event's name, and its values as they are: decoding a megabyte of small ones would take 50 ms."""
    try:
        data = text.encode("utf-8")
        check_depth(data)
        event = decoded_by(_raw_event, data)
        return [value for value in msgspec.structs.astuple(event) if value is not msgspec.UNSET]
    except (msgspec.DecodeError, ValueError) as error:
        raise ProtocolError("socketio.json", str(error)) from error


def _checked(packet: Packet, attachments: list[bytes]) -> Packet:
    """Return a packet with its attachments in place.

    Raises:
        ProtocolError: its data is not what its type carries.
    """
    data = packet.data
    if not _fits(packet.type, data):
        raise ProtocolError("socketio.data", f"These are not the data of a {packet.type.name} packet")
    if packet.type is PacketType.EVENT and type(data[0]) is int:
        packet = msgspec.structs.replace(packet, data=[str(data[0]), *data[1:]])
    if attachments:
        return msgspec.structs.replace(packet, data=put_together(packet.data, attachments))
    return packet


def _fits(kind: PacketType, data: Any) -> bool:
    match kind:
        case PacketType.CONNECT:
            return data is None or isinstance(data, dict)
        case PacketType.DISCONNECT:
            return data is None
        case PacketType.CONNECT_ERROR:
            return isinstance(data, dict | str)
        case PacketType.ACK:
            return isinstance(data, list)
        case _:
            return isinstance(data, list) and bool(data) and _names_event(data[0])


def _names_event(name: Any) -> bool:
    return type(name) is int or (isinstance(name, str) and name not in RESERVED_EVENTS)
