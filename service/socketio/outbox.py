"""What waits for one client: whole packets, in order, their bytes counted. Pure."""

from collections import deque

import msgspec

from service.socketio.frames import Frame, size_in_payload

MAX_FRAMES_PER_PAYLOAD = 16
"""Frames in the answer to a poll: python-engineio's client gives up on more."""

FRAME_OVERHEAD_BYTES = 64
"""What a frame costs beside its content, so that endlessly many empty ones do not count as nothing."""


class Parcel(msgspec.Struct, frozen=True):
    """Frames that belong together. One parcel may wait for many clients: it is made once and never changed."""

    frames: tuple[Frame, ...]
    size_bytes: int


def parcel(*frames: Frame) -> Parcel:
    """Frames as one parcel."""
    return Parcel(frames, sum(len(frame) + FRAME_OVERHEAD_BYTES for frame in frames))


class Outbox:
    """A queue of parcels.

    ``full`` is for those who send: whoever heeds it leaves at most one parcel beyond the limit. Answers to the
    client's own packets and pings are put in anyway; there are few of them at a time.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parcels: deque[Parcel] = deque()
        self._under_way = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._parcels)

    @property
    def full(self) -> bool:
        """Whether those who send should wait."""
        return self.size_bytes >= self._limit_bytes

    def put(self, item: Parcel) -> None:
        """Append a parcel."""
        self._parcels.append(item)
        self.size_bytes += item.size_bytes

    def take(self) -> Parcel | None:
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
        """The frames of as many parcels as a payload holds, but at least of one where there is one."""
        frames: list[Frame] = []
        room = limit_bytes
        while self._parcels:
            item = self._parcels[0]
            room -= sum(map(size_in_payload, item.frames))
            if frames and (room < 0 or len(frames) + len(item.frames) > MAX_FRAMES_PER_PAYLOAD):
                break
            frames.extend(item.frames)
            self.take()
            self.sent()
        return frames

    def clear(self) -> None:
        """Drop everything that waits."""
        self._parcels.clear()
        self.size_bytes = self._under_way
