"""The watchdog: a process that ends the service where it was told to end and does not.

Everything inside of the service needs the interpreter: handlers of signals, timers, threads. A single long call
into C keeps it from all of them. So the end is seen to from outside: this file is run as a program of its own,
with nothing but the standard library (a few megabytes); the service and the tests import it, too.

It has two descriptors. At the first, ``signals``, the C part of Python's signal handling leaves the number of each
signal, at once, whatever the interpreter does; the service takes them away as soon as its event loop turns. What
lies there is looked at here without taking it away. At the second, ``taken``, the service writes one byte for each
signal to end that it took. The numbers of other signals mean nothing here.
"""

import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})
"""The signals that tell the service to end."""

LOOK_SECONDS = 0.1
"""The time between two looks at signals that the service has not taken."""

GONE_SECONDS = 1.0
"""The time that the end of a killed process may take; its memory is given back first."""

READ_BYTES = 4096


class Patience:
    """The time that the service is given to end, from the signals on that it got.

    Args:
        first_seconds: from the first signal on.
        again_seconds: from the second on; what is left of the first is not made longer.
    """

    def __init__(self, first_seconds: float, again_seconds: float) -> None:
        self._seconds = (first_seconds, again_seconds)
        self._count = 0
        self.until: float | None = None
        """The time at which patience is over, on the clock of the calls; None while no signal has come."""

    def signalled(self, count: int, now: float) -> None:
        """Note how many signals have come in all, as far as is known; fewer than before is no news."""
        for seconds in self._seconds[self._count : count]:
            until = now + seconds
            self.until = until if self.until is None else min(self.until, until)
        self._count = max(self._count, count)


class Service:
    """The process that is watched.

    Args:
        process_id: its number; it must be the parent of this process.
        signals: where the numbers of its signals lie until it takes them.
        taken: where it says how many it took; its end of file is the end of the process.
    """

    def __init__(self, process_id: int, signals: socket.socket, taken: int) -> None:
        self._process_id = process_id
        self._signals = signals
        self._taken = taken
        self._count = 0
        self._poll = select.poll()
        self._poll.register(signals, select.POLLIN)
        self._ends = select.poll()
        self._handle: int | None = None
        with suppress(AttributeError, OSError):  # a system without handles of processes
            self._handle = os.pidfd_open(process_id)
        for descriptor in (taken, *(() if self._handle is None else (self._handle,))):
            self._poll.register(descriptor, select.POLLIN)
            self._ends.register(descriptor, select.POLLIN)

    def outlives(self, patience: Patience) -> bool:
        """Wait until the process has ended (then False), or until its time is up (then True)."""
        if os.getppid() != self._process_id:  # it ended before this process looked
            return False
        while True:
            now = time.monotonic()
            if patience.until is not None and now >= patience.until:
                return True
            ready = {each for each, _ in self._poll.poll(_milliseconds(patience.until, now))}
            now = time.monotonic()
            if self._has_ended(ready):
                return False
            if self._signals.fileno() in ready:
                patience.signalled(self._count + self._count_waiting(), now)
                time.sleep(LOOK_SECONDS)  # what is not taken until then still lies there
            patience.signalled(self._count, now)

    def end(self) -> bool:
        """End the process for good; whether it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self._process_id, signal.SIGKILL)
        if self._is_gone():
            return True
        # The first process of a container hears no signal from within that it has no handler for. That of the
        # kernel, for a process that has used up its time, it does hear.
        import resource  # noqa: PLC0415  for this case alone

        with suppress(AttributeError, OSError):  # only Linux has it, and there are containers only there
            resource.prlimit(self._process_id, resource.RLIMIT_CPU, (1, 1))
        return self._is_gone()

    def _has_ended(self, ready: set[int]) -> bool:
        if self._handle in ready:
            return True
        if self._taken in ready:
            words = os.read(self._taken, READ_BYTES)
            self._count += len(words)
            return not words
        return False

    def _is_gone(self) -> bool:
        until = time.monotonic() + GONE_SECONDS
        while (now := time.monotonic()) < until:
            if self._has_ended({each for each, _ in self._ends.poll(_milliseconds(until, now))}):
                return True
        return False

    def _count_waiting(self) -> int:
        """Count the signals to end that lie there and have not been taken."""
        try:
            numbers = self._signals.recv(READ_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:  # the service was quicker
            return 0
        return sum(number in STOPS for number in numbers)


def _milliseconds(until: float | None, now: float) -> float | None:
    return None if until is None else max(0.0, until - now) * 1000 + 1


def main(arguments: list[str]) -> None:
    """Watch the process that started this one.

    Args:
        arguments: the descriptors ``signals`` and ``taken``, the service's process id, its seconds after a first
            and after a second signal, and the lines to log, with a place for the time, where it was ended and
            where it could not be.
    """
    signals, taken, process_id = (int(text) for text in arguments[:3])
    first_seconds, again_seconds = (float(text) for text in arguments[3:5])
    for number in (*STOPS, signal.SIGHUP, signal.SIGPIPE):  # they are for the service; with it this ends, too
        signal.signal(number, signal.SIG_IGN)
    service = Service(process_id, socket.socket(fileno=signals), taken)
    if not service.outlives(Patience(first_seconds, again_seconds)):
        return
    line = arguments[5] if service.end() else arguments[6]
    log = select.poll()
    log.register(sys.stderr.fileno(), select.POLLOUT)
    if log.poll(0):  # a log that nobody reads keeps nobody here
        with suppress(OSError):
            os.write(
                sys.stderr.fileno(), (line % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())).encode() + b"\n"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
