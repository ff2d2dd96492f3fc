"""The last resort: a process that was told to end does end, whatever holds it up.

Structured concurrency ends all of our own tasks. It cannot end Hypercorn's sending of a reply to a caller who
does not read, because Hypercorn shields that from cancellation. By the time this strikes every execution has been
stopped, so nothing is lost but replies that nobody fetched.
"""

import os
import threading
from types import TracebackType
from typing import Self

import structlog

log = structlog.get_logger("service")


class LastResort:
    """Ends the process a while after ``arm``, unless its block is left before."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def __enter__(self) -> Self:
        return self

    def arm(self, seconds: float) -> None:
        """End the process in ``seconds``; a second call replaces the first."""
        self._disarm()
        self._timer = threading.Timer(seconds, _end)
        self._timer.daemon = True
        self._timer.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _end() -> None:
    log.warning("stopped without finishing replies that nobody reads")
    os._exit(0)
