"""Failures of handlers in the log: whoever can make one fail must not be able to fill a disk."""

from typing import Any

import structlog
import trio

QUIET_SECONDS = 1.0
"""After a failure that was logged with its traceback, further ones of the namespace are only counted so long."""

log = structlog.get_logger("socketio")


class ThrottledLog:
    """The failures of one namespace's handlers."""

    def __init__(self) -> None:
        self._quiet_until = float("-inf")
        self._left_out = 0

    def note(self, what: str, error: Exception, **fields: Any) -> None:
        """Log a failure with its traceback, or count it; a line says how many were left out before it."""
        now = trio.current_time()
        if now < self._quiet_until:
            self._left_out += 1
            return
        if self._left_out:
            fields["left_out"] = self._left_out
        self._quiet_until, self._left_out = now + QUIET_SECONDS, 0
        log.error(what, exc_info=error, **fields)
