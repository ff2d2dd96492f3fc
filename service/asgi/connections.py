"""The connections that are open, and the choice of the one that gives way to a new one. Pure.

Whoever opens connections and says nothing on them, or never comes to the end of a request's head, holds a place as
long as the service is patient. So where all places are taken, the connection that has waited longest for a whole
head is closed: its client, if it is an honest one, opens another. Those on which a request or a WebSocket is under
way stay, and where there are only such, the new one is refused.

There is no bound for one address: behind a proxy all callers have the proxy's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

REFUSED_AT_ONCE = 50
"""Connections that are told why they are refused, which takes a moment; more are closed without a word."""


class Connections:
    """All open connections.

    Args:
        bound: how many there may be; 0 for no bound.
    """

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._count = 0
        self._refused = 0
        self._idle: dict[object, Callable[[], None]] = {}

    @property
    def count(self) -> int:
        """The number of open connections, those that are being closed included."""
        return self._count

    def enter(self) -> bool:
        """Count a new connection, if it may be served; whether it may.

        One that waits is closed for it where all places are taken.
        """
        if self.bound and self._count >= self.bound:
            if not self._idle:
                return False
            longest = next(iter(self._idle))
            self._idle.pop(longest)()
        self._count += 1
        return True

    def leave(self, connection: object) -> None:
        """Count a connection no more."""
        self._idle.pop(connection, None)
        self._count -= 1

    def wait(self, connection: object, close: Callable[[], None]) -> None:
        """Note that a connection waits for a head from now on; ``close`` ends it."""
        self._idle.pop(connection, None)
        self._idle[connection] = close

    def work(self, connection: object) -> None:
        """Note that a connection is at work from now on."""
        self._idle.pop(connection, None)

    @contextmanager
    def refusing(self) -> Iterator[bool]:
        """Count a connection that the block refuses; yield whether it has the time to say why."""
        self._refused += 1
        try:
            yield self._refused <= REFUSED_AT_ONCE
        finally:
            self._refused -= 1
