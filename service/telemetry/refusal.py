"""The logging service's refusals and what they mean, and what our requests say of themselves."""

OWN_HEADERS = {"x-symbia-caller": "runtime", "x-symbia-origin": "internal"}
"""The headers by which every request of our own says what it is."""

_PASSING = frozenset({401, 403, 404, 408, 425, 429})
"""Refusals that another attempt may not meet: who sends, where to, and how often can change."""


class LoggingError(Exception):
    """The logging service did not take something.

    Attributes:
        status: of its answer; 0 where there was none.
        is_final: whether the same would be refused again.
        retry_after_seconds: what it asks to wait; 0 for nothing.
    """

    def __init__(self, reason: str, *, status: int = 0, retry_after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.is_final = 400 <= status < 500 and status not in _PASSING
        self.retry_after_seconds = retry_after_seconds
