"""A queue of what waits to be sent to the Network, within bounds; every drop is counted. Pure.

Two kinds wait apart. Values of graphs are somebody's data: where too many wait the next one is dropped, so that
what is sent has no holes before its end, and no owner takes the place of all others. What is told of requests is
news: there the oldest goes.
"""

from collections import Counter, deque
from collections.abc import Callable

import msgspec

from proto.codec import encode
from service.network.events import Sending

WAITING_EVENTS = 1_000
"""Events of graphs that wait: a few seconds of a busy graph, while the Network is away."""

OWNER_EVENTS = 500
"""Events of one owner among these; one organisation does not silence the others."""

WAITING_BYTES = 16 * 1024 * 1024
"""JSON text of the events of graphs that wait."""

EVENT_BYTES = 900_000
"""One event. The Network cuts the connection at a million bytes, and all that waits there would be lost."""

WAITING_NEWS = 1_000
"""Events that tell of requests."""


class Waiting(msgspec.Struct, frozen=True):
    """An event that waits: its JSON text, and whose it is; "" for news."""

    text: bytes
    owner: str = ""
    is_news: bool = False


class NetworkOutbox:
    """Events on their way out.

    Args:
        wake: called when something has come.

    Attributes:
        dropped: events of graphs that were given up, by the reason.
        dropped_news: events that tell of requests and were given up.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._wake = wake
        self._events: deque[Waiting] = deque()
        self._news: deque[Waiting] = deque()
        self._owners: Counter[str] = Counter()
        self._bytes = 0
        self.dropped: Counter[str] = Counter()
        self.dropped_news = 0

    def __len__(self) -> int:
        return len(self._events) + len(self._news)

    def put(self, sending: Sending, owner: str) -> str:
        """Let a value of a graph wait; why it was dropped, "" where it was not."""
        text = encode(sending)
        reason = self._obstacle(len(text), owner)
        if reason:
            self.dropped[reason] += 1
            return reason
        self._events.append(Waiting(text, owner))
        self._owners[owner] += 1
        self._bytes += len(text)
        self._wake()
        return ""

    def put_news(self, sending: Sending) -> None:
        """Let something that is told of a request wait."""
        if len(self._news) >= WAITING_NEWS:
            self._news.popleft()
            self.dropped_news += 1
        self._news.append(Waiting(encode(sending), is_news=True))
        self._wake()

    def take(self) -> Waiting | None:
        """Take the next one: values of graphs first, in their order."""
        if self._events:
            taken = self._events.popleft()
            self._owners[taken.owner] -= 1
            if not self._owners[taken.owner]:
                del self._owners[taken.owner]
            self._bytes -= len(taken.text)
            return taken
        return self._news.popleft() if self._news else None

    def _obstacle(self, size_bytes: int, owner: str) -> str:
        if size_bytes > EVENT_BYTES:
            return "too large"
        if len(self._events) >= WAITING_EVENTS or self._bytes + size_bytes > WAITING_BYTES:
            return "too many wait"
        return "too many of its owner wait" if self._owners[owner] >= OWNER_EVENTS else ""
