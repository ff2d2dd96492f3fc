"""Events for Socket.IO clients: one text for many packets, with the bytes that it becomes on a WebSocket. Pure.

A long-polling payload is packets with a separator between them, so a text of several packets is as good there as
one of a single packet. On a WebSocket each packet is a frame; those frames are made here as well, once, and
``service.live.opening`` writes them in place of the text.
"""

from collections.abc import Sequence

from service.live.encoding import Encoded
from service.live.framing import FrameForm, Framing
from service.socketio import EncodedEvent
from service.socketio.frames import SEPARATOR
from service.socketio.outbox import parcel
from service.socketio.packets import MAIN

_PACKET = FrameForm(b"42[", b",", b"]")
"""An Engine.IO message (4) that is a Socket.IO event (2) in the main namespace."""


class Packets(str):
    """The text of one packet or several, and the WebSocket frames of the same."""

    __slots__ = ("frames",)

    frames: bytes

    @classmethod
    def of(cls, events: Sequence[Encoded]) -> "Packets":
        """Events as packets, in their order."""
        made = cls(SEPARATOR.join([_PACKET.text(event).decode() for event in events]))
        made.frames = _PACKET.of(events)
        return made


class SocketForm(Framing):
    """Socket.IO clients in the main namespace."""

    def of(self, events: Sequence[Encoded]) -> EncodedEvent:
        return EncodedEvent(events[0][0], MAIN, parcel(Packets.of(events)))

    def size_of(self, made: EncodedEvent) -> int:
        return sum(len(frame) + len(frame.frames) for frame in made.parcel.frames if isinstance(frame, Packets))


SOCKET = SocketForm()
