"""Says in the log what held the event loop, where something held it for long.

A timer of the kernel is wound up again and again by a task. When the loop is held the task cannot, and the timer's
signal comes: its handler runs in the middle of whatever holds the loop, or right after a call into C, and keeps
the stack. It is logged as soon as the loop turns again; a handler must not write to a log that may be in use.
"""

import signal
import time
import traceback
from types import FrameType

import structlog
import trio

FRAMES = 40
"""Innermost frames of a stack that are logged."""

log = structlog.get_logger("service")


class _Held:
    """The stack that the signal's handler saw."""

    def __init__(self) -> None:
        self.stack: list[str] = []

    def look(self, _number: int, frame: FrameType | None) -> None:
        stack = traceback.extract_stack(frame, FRAMES)  # of the interrupted code: the handler is not on it
        self.stack = [f"{each.filename}:{each.lineno} {each.name}" for each in reversed(stack)]


async def log_stalls(seconds: float) -> None:
    """Log each time that the event loop is held for longer than ``seconds``, until cancelled; 0 does nothing.

    Must run on the main thread, and be the only user of ``ITIMER_REAL`` in the process.
    """
    if not seconds:
        return
    held = _Held()
    before = signal.signal(signal.SIGALRM, held.look)
    try:
        while True:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            began = time.monotonic()
            await trio.sleep(seconds / 2)
            if held.stack:
                late_seconds = round(time.monotonic() - began - seconds / 2, 3)
                log.warning("event loop held", seconds=late_seconds, stack=held.stack)
                held.stack = []
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
