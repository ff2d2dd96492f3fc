"""Events for Socket.IO clients, in the two forms in which they travel, each made once for all clients. Pure."""

from collections.abc import Sequence
from functools import cached_property

from service.live.encoding import Encoded
from service.live.framing import FrameForm, Framing
from service.socketio import EncodedEvent
from service.socketio.outbox import FRAME_OVERHEAD_BYTES
from service.socketio.packets import MAIN

_PACKET = FrameForm(b"42[", b",", b"]")
"""An Engine.IO message (4) that is a Socket.IO event (2) in the main namespace."""


class EventBatch:
    """Events that are sent together: a packet and a frame for each (``service.socketio.outbox.Batch``).

    Most clients come over WebSocket and want the frames only; a text is made where one polls.
    """

    def __init__(self, events: Sequence[Encoded]) -> None:
        self._events = events
        self.size_bytes = _PACKET.text_bytes(events) + FRAME_OVERHEAD_BYTES

    @cached_property
    def frames(self) -> tuple[str, ...]:
        """The packets as texts."""
        return tuple([_PACKET.text(event).decode() for event in self._events])

    @cached_property
    def websocket_frames(self) -> bytes:
        """The packets as WebSocket frames."""
        return _PACKET.of(self._events)


class SocketForm(Framing):
    """Socket.IO clients in the main namespace."""

    def of(self, events: Sequence[Encoded]) -> EncodedEvent:
        return EncodedEvent(events[0][0], MAIN, EventBatch(events))

    def size_of(self, made: EncodedEvent) -> int:
        """Return what both forms take, for either may be made at any time."""
        return 2 * made.batch.size_bytes


SOCKET = SocketForm()
