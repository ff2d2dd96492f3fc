"""The bound on frames that carry little: pings, pongs, and small pieces of messages. Pure.

Each costs as much to read as one that carries something, and nothing that it brings to an application would ever
slow its sender down. So there is a purse of them that fills at a rate: whoever has emptied it is read no faster
than it fills, and whoever goes on like that for long wants only to keep the service busy.

Messages are not counted. Their sender waits until the application has taken them.
"""

from engine.token_bucket import TokenBucket
from service.websockets.frames import ViolationError

LITTLE_BYTES = 1024
"""A piece of a message of less than this carries little; libraries cut large messages into larger ones."""

LITTLE_PER_SECOND = 200
"""Frames that carry little, of one client in a second, for long. Libraries ping a few times in a minute."""

LITTLE_AT_ONCE = 2_000
"""Frames that carry little and may come at once: a message of a megabyte in pieces of 512 bytes passes."""

SLOWED_SECONDS = 5.0
"""The longest time for which a client is slowed down before it is let go."""

NAP_SECONDS = 0.1
"""The wait that must be owed before reading waits, so that it does not wait for each frame."""

POLICY = 1008
"""The code to close with (RFC 6455, section 7.4.1)."""


class FrameMeter:
    """The purse of one client.

    Args:
        now: seconds of any clock that only goes forward.
    """

    def __init__(self, now: float) -> None:
        self._purse = TokenBucket(LITTLE_PER_SECOND, LITTLE_AT_ONCE)
        self._purse.fill(now)
        self._slowed_seconds = 0.0

    def spend(self, now: float) -> float:
        """Pay for one frame; for how many seconds nothing more should be read.

        Raises:
            ViolationError: this has gone on for long.
        """
        self._purse.left = left = self._purse.fill(now) - 1
        if left >= -NAP_SECONDS * LITTLE_PER_SECOND:
            if left > LITTLE_AT_ONCE / 2:
                self._slowed_seconds = 0.0
            return 0.0
        seconds = -left / LITTLE_PER_SECOND
        self._slowed_seconds += seconds
        if self._slowed_seconds > SLOWED_SECONDS:
            raise ViolationError(POLICY, f"More than {LITTLE_PER_SECOND} frames a second carry little")
        return seconds
