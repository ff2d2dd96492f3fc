"""The forms in which events travel. A form makes bytes of events once, for all clients of the same kind. Pure."""

from collections.abc import Sequence
from typing import Any, Protocol

from proto.codec import encode
from proto.events import BATCH
from service.live.encoding import Encoded
from service.live.feed import Chunk, Feed
from service.websockets.frames import text_frame


class Framing(Protocol):
    """The look of events on one transport. Equal events look the same to all of its clients."""

    def of(self, events: Sequence[Encoded]) -> Any:
        """Events, one after the other, in whatever this transport sends."""

    def size_of(self, made: Any) -> int:
        """Bytes that such a thing takes."""


class FrameForm(Framing):
    """WebSocket text frames, one for each event: its text between a head and a tail.

    Args:
        before_name: what comes before the event's name, which is a JSON string.
        before_data: what comes between it and the payload.
        after: what comes at the end.
    """

    def __init__(self, before_name: bytes, before_data: bytes, after: bytes) -> None:
        self._before_name = before_name
        self._before_data = before_data
        self._after = after
        self._around_bytes = len(before_name) + len(b'""') + len(before_data) + len(after)
        self._heads: dict[str, bytes] = {}

    def text(self, event: Encoded) -> bytes:
        """One event as the text of a message."""
        name, data = event
        head = self._heads.get(name)
        if head is None:  # names come from a closed list
            head = self._heads[name] = self._before_name + encode(name) + self._before_data
        return head + data + self._after

    def text_bytes(self, events: Sequence[Encoded]) -> int:
        """Return the bytes of the texts of events, without making them; names need no escapes."""
        return sum([len(name) + len(data) for name, data in events]) + self._around_bytes * len(events)

    def of(self, events: Sequence[Encoded]) -> bytes:
        return b"".join([text_frame(self.text(event)) for event in events])

    def size_of(self, made: bytes) -> int:
        return len(made)


PLAIN = FrameForm(b'{"event":', b',"data":', b"}")
"""Plain WebSockets: ``{"event": "port:emit", "data": {...}}``."""


def batched(events: Sequence[Encoded]) -> Encoded:
    """Events as one, whose payload is the list of them."""
    parts = b",".join([b'{"event":%b,"data":%b}' % (encode(name), data) for name, data in events])
    return BATCH, b"[" + parts + b"]"


def chunk_in(form: Framing, chunk: Chunk, feed: Feed, *, is_batch: bool) -> Any:
    """Return a chunk of a feed in a form, made once for all who read it."""
    key = (form, is_batch)
    made = chunk.forms.get(key)
    if made is None:
        is_together = is_batch and len(chunk.events) > 0 and not chunk.is_lifecycle
        made = chunk.forms[key] = form.of([batched(chunk.events)] if is_together else chunk.events)
        feed.note_form(chunk, form.size_of(made))
    return made
