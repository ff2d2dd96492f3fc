"""What waits for one client: whole packets, in order, their bytes counted. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec

from service.socketio.frames import SEPARATOR, Frame, size_in_payload

MAX_FRAMES_PER_PAYLOAD = 16
"""Frames in the answer to a poll: python-engineio's client gives up on more."""

FRAME_OVERHEAD_BYTES = 64
"""What a frame costs beside its content, so that endlessly many empty ones do not count as nothing."""


class FrameBatch(msgspec.Struct, frozen=True):
    """Frames that belong together. One parcel may wait for many clients: it is made once and never changed."""

    frames: tuple[Frame, ...]
    size_bytes: int


def parcel(*frames: Frame) -> FrameBatch:
    """Frames as one parcel."""
    return FrameBatch(frames, sum(len(frame) + FRAME_OVERHEAD_BYTES for frame in frames))


class Outbox:
    """A queue of parcels.

    ``full`` is for those who send: whoever heeds it leaves at most one parcel beyond the limit. Answers to the
    client's own packets and pings are put in anyway; there are few of them at a time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parcels: deque[FrameBatch] = deque()
        self._under_way = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._parcels)

    @property
    def full(self) -> bool:
        """Whether those who send should wait."""
        return self.size_bytes >= self._limit_bytes

    def put(self, item: FrameBatch) -> None:
        """Append a parcel."""
        self._parcels.append(item)
        self.size_bytes += item.size_bytes

    def take(self) -> FrameBatch | None:
        """The next parcel, if there is one. Its bytes count until it is ``sent``."""
        if not self._parcels:
            return None
        item = self._parcels.popleft()
        self._under_way = item.size_bytes
        return item

    def sent(self) -> None:
        """What was taken last is on its way."""
        self.size_bytes -= self._under_way
        self._under_way = 0

    def take_payload(self, limit_bytes: int) -> list[Frame]:
        """As many frames as a payload holds, but at least one where there is one; the rest of a parcel stays."""
        frames: list[Frame] = []
        room = limit_bytes
        while self._parcels:
            waiting = deque(_one_by_one(self._parcels[0].frames))
            while waiting and len(frames) < MAX_FRAMES_PER_PAYLOAD:
                room -= size_in_payload(waiting[0])
                if frames and room < 0:
                    break
                frames.append(waiting.popleft())
            self.take()
            self.sent()
            if waiting:
                rest = parcel(*waiting)
                self._parcels.appendleft(rest)
                self.size_bytes += rest.size_bytes
                break
        return frames

    def clear(self) -> None:
        """Drop everything that waits."""
        self._parcels.clear()
        self.size_bytes = self._under_way


def _one_by_one(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames, and the packets of those that are several in one text; within a packet the separator is escaped."""
    for frame in frames:
        if isinstance(frame, str):
            yield from frame.split(SEPARATOR)
        else:
            yield frame
