"""The server's half of the heartbeat: a ping after each interval; without a pong, the client is gone. Pure.

Times are seconds of any clock that only goes forward (Engine.IO protocol, "Heartbeat").
"""


class Heartbeat:
    """The heartbeat of one session, which begins now."""

    def __init__(self, interval_seconds: float, timeout_seconds: float, now: float) -> None:
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._awaits_pong = False
        self.deadline = now + interval_seconds

    @property
    def silent(self) -> bool:
        """True while a ping is unanswered, so that the client is gone at the deadline."""
        return self._awaits_pong

    def ping(self) -> None:
        """Note that a ping goes out, because the deadline has come."""
        self._awaits_pong = True
        self.deadline += self._timeout_seconds

    def pong(self, now: float) -> None:
        """Note that a pong has come. One that nobody asked for changes nothing."""
        if self._awaits_pong:
            self._awaits_pong = False
            self.deadline = now + self._interval_seconds

    def excuse(self, now: float) -> None:
        """Give the client its whole time again: it may have answered, and nobody has read it."""
        self.deadline = now + self._timeout_seconds
