"""The part that handlers have in common which stand before another one: all that they leave to that one."""

from collections.abc import Mapping

from engine.contracts.handler import Handler, Kept, Outcome, Snapshot


class StandingBefore(Handler):
    """A handler that stands before another one. What it does not do itself, that one does.

    Args:
        inner: the handler behind it.
    """

    def __init__(self, inner: Handler) -> None:
        self.batch_messages = inner.batch_messages
        self.counts_as_in_flight = inner.counts_as_in_flight
        self.is_source = inner.is_source
        self.keeps = inner.keeps
        self._behind = inner

    def due(self) -> float | None:
        return self._behind.due()

    def release(self, now: float) -> Outcome:
        return self._behind.release(now)

    def flush(self) -> Outcome:
        return self._behind.flush()

    def state(self) -> Mapping[str, bytes]:
        return self._behind.state()

    def snapshot(self, now: float) -> Snapshot | None:
        return self._behind.snapshot(now)

    def restore(self, kept: Kept, now: float) -> None:
        self._behind.restore(kept, now)

    def innermost(self) -> Handler:
        return self._behind.innermost()

    def held_messages(self) -> int:
        return self._behind.held_messages()

    def held_bytes(self) -> int:
        return self._behind.held_bytes()

    def is_full(self) -> bool:
        return self._behind.is_full()
