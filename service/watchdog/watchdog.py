"""Starts the watchdog, and lets it know of signals before the interpreter does.

The watchdog (:mod:`service.watchdog.process`) is a process of its own, so it ends this one also where one long
call into C holds the interpreter: then no handler, timer or thread runs here. It learns of a signal through
Python's wakeup descriptor, to which the C part of the signal handling writes. `faulthandler` would write as early,
and with a stack; but it walks frames that may be half made, and crashed once in ten thousand signals.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio

from service.watchdog import process as watchdog_process
from service.watchdog.process import READ_BYTES, STOPS

MARGIN_SECONDS = 1.0
"""The time that the watchdog waits beyond the service: where the loop turns, the service ends in better order."""

RENEW_SECONDS = 1.0
"""The time between two attempts to start a watchdog, where one has ended or none can be started."""

log = structlog.get_logger("service")


class _Lines:
    """The two connections to the watchdog: signals as they come, and how many of them were taken."""

    def __init__(self) -> None:
        self.signals_out, self.signals_in = socket.socketpair()
        self.signals_out.setblocking(False)
        self.signals_in.setblocking(False)
        self.taken_out, self.taken_in = os.pipe()
        os.set_blocking(self.taken_in, False)

    def close(self) -> None:
        for each in (self.signals_out, self.signals_in):
            each.close()
        for descriptor in (self.taken_out, self.taken_in):
            os.close(descriptor)


@asynccontextmanager
async def open_watchdog(first_seconds: float, again_seconds: float) -> AsyncIterator[None]:
    """Have this process ended from outside where it does not end by itself. Trio must run on the main thread.

    A watchdog that ends is replaced. Where a signal has come, it goes on watching when the block is left, until
    this process has really ended: clean-up at the interpreter's end may take long, too.

    Args:
        first_seconds: how long the process may take to end, from a first SIGTERM or SIGINT on.
        again_seconds: and from a second one on.
    """
    lines = _Lines()
    counted: list[int] = []
    before = signal.set_wakeup_fd(lines.signals_in.fileno(), warn_on_full_buffer=False)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_take, lines, counted)
            seconds = (first_seconds + MARGIN_SECONDS, again_seconds + MARGIN_SECONDS)
            await nursery.start(_keep, lines, counted, seconds)
            yield
            nursery.cancel_scope.cancel()
    finally:
        signal.set_wakeup_fd(before, warn_on_full_buffer=False)
        if not counted:
            lines.close()


async def _take(lines: _Lines, counted: list[int]) -> None:
    """Take away what says that a signal came. Waiting for it wakes the loop, as Trio's own descriptor would."""
    while True:
        await trio.lowlevel.wait_readable(lines.signals_out)
        try:
            numbers = [number for number in lines.signals_out.recv(READ_BYTES) if number in STOPS]
        except BlockingIOError:
            continue
        if numbers:
            counted += numbers
            os.write(lines.taken_in, bytes(len(numbers)))


async def _keep(
    lines: _Lines,
    counted: list[int],
    seconds: tuple[float, float],
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Have one watchdog at all times."""
    passed = (lines.signals_out.fileno(), lines.taken_out)
    words = (*passed, os.getpid(), *seconds, _line("ended by the watchdog"), _line("the watchdog cannot end this"))
    program = [sys.executable, "-I", "-S", watchdog_process.__file__, *map(str, words)]
    is_first = True
    while True:
        try:
            process = await trio.lowlevel.open_process(
                program,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=passed,
                start_new_session=True,  # Ctrl-C at a terminal is for the service
            )
        except OSError as error:
            log.warning("no watchdog can be started", reason=str(error))
            process = None
        if is_first:
            task_status.started()
            is_first = False
        elif counted:
            os.write(lines.taken_in, bytes(len(counted)))  # what its predecessor knew
        if process is not None:
            log.warning("the watchdog has ended and is started anew", status=await process.wait())
        await trio.sleep(RENEW_SECONDS)


def _line(event: str) -> str:
    """Return a watchdog's log line, with a place for the time; always JSON, since it comes from beside the log."""
    reason = "it was told to end and did not: the event loop was held, or clean-up took too long"
    return json.dumps({"timestamp": "%s", "level": "error", "event": event, "reason": reason})
