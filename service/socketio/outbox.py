"""The outbox of one client: whole packets, in order, their bytes counted. Pure."""

from collections import deque
from functools import cached_property
from typing import Protocol

from service.socketio.frames import Frame, size_in_payload
from service.websockets.frames import binary_frame, text_frame

MAX_FRAMES_PER_PAYLOAD = 16
"""Frames in the answer to a poll: python-engineio's client gives up on more."""

FRAME_OVERHEAD_BYTES = 64
"""Bytes that a frame counts for beside its content, so that endlessly many empty ones do not count as nothing."""


class Batch(Protocol):
    """Frames that belong together. One batch may wait for many clients: it is made once, and never changes.

    It has two forms. Each is made when the first client wants it, and then serves all of them.
    """

    @property
    def size_bytes(self) -> int:
        """Bytes that it counts for while it waits."""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames, one by one: as a poll takes them."""

    @property
    def websocket_frames(self) -> bytes:
        """The same as whole WebSocket frames, one after the other: as a connection takes them in one write."""


class FrameBatch:
    """A batch of frames that are given one by one."""

    def __init__(self, *frames: Frame) -> None:
        self.frames = frames
        self.size_bytes = sum(len(frame) + FRAME_OVERHEAD_BYTES for frame in frames)

    @cached_property
    def websocket_frames(self) -> bytes:
        """The frames as whole WebSocket frames."""
        return b"".join(
            [
                text_frame(frame.encode()) if isinstance(frame, str) else binary_frame(frame)
                for frame in self.frames
            ]
        )


class Outbox:
    """A queue of batches.

    ``full`` is for those who send: whoever heeds it leaves at most one batch beyond the limit. Answers to the
    client's own packets and pings are put in anyway; there are few of them at a time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._batches: deque[Batch] = deque()
        self._under_way = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._batches)

    @property
    def full(self) -> bool:
        """True while those who send should wait."""
        return self.size_bytes >= self._limit_bytes

    def put(self, item: Batch) -> None:
        """Append a batch."""
        self._batches.append(item)
        self.size_bytes += item.size_bytes

    def take(self) -> Batch | None:
        """Take the next batch, if there is one. Its bytes count until it is ``sent``."""
        if not self._batches:
            return None
        item = self._batches.popleft()
        self._under_way = item.size_bytes
        return item

    def sent(self) -> None:
        """Note that what was taken last is on its way."""
        self.size_bytes -= self._under_way
        self._under_way = 0

    def take_payload(self, limit_bytes: int) -> list[Frame]:
        """Take as many frames as a payload holds, at least one where there is one; the rest of a batch stays."""
        frames: list[Frame] = []
        room = limit_bytes
        while self._batches:
            waiting = deque(self._batches[0].frames)
            while waiting and len(frames) < MAX_FRAMES_PER_PAYLOAD:
                room -= size_in_payload(waiting[0])
                if frames and room < 0:
                    break
                frames.append(waiting.popleft())
            self.take()
            self.sent()
            if waiting:
                rest = FrameBatch(*waiting)
                self._batches.appendleft(rest)
                self.size_bytes += rest.size_bytes
                break
        return frames

    def clear(self) -> None:
        """Drop everything that waits."""
        self._batches.clear()
        self.size_bytes = self._under_way
