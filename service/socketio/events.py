"""Events made ready for the wire, once for however many sockets are to get them."""

from typing import Any

import msgspec

from service.socketio.outbox import Batch, FrameBatch
from service.socketio.packets import MAIN, event_packet, write_packet


class EncodedEvent(msgspec.Struct, frozen=True):
    """An event for the sockets of one namespace, as it travels."""

    name: str
    namespace: str
    batch: Batch


def encode_event(event: str, *args: Any, namespace: str = MAIN) -> EncodedEvent:
    """Encode an event as it travels. Arguments are JSON values, structs, ``msgspec.Raw``, or bytes, which travel
    as such.

    Raises:
        ValueError, TypeError: they cannot be written as JSON, or the name is one that clients keep for themselves.
    """
    return EncodedEvent(event, namespace, FrameBatch(*write_packet(event_packet(event, args, namespace))))
