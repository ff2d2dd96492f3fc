"""Which processes a run of the tests has left behind, and which test started each.

A process is known as the run's by a variable of its environment, which it gives to those that it starts; so it is
found as well when whoever started it is gone. Where there is no ``/proc``, nothing is found.
"""

import os
import time
from pathlib import Path

import msgspec

RUN = "SYMBIA_TEST_RUN"
"""The variable."""

_PROCESSES = Path("/proc")
_GRACE_SECONDS = 3.0
"""How long a process that was told to end may take for it on a crowded machine."""


class Leftover(msgspec.Struct, frozen=True):
    """A process that is still alive."""

    process_id: int
    command: str
    test: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.process_id}: {self.command}\n    started in {self.test}"


def mark_run() -> str:
    """Give this process, and all that it starts from now on, the name of a run of their own."""
    os.environ[RUN] = run = f"{os.getpid()}-{time.time_ns()}"
    return run


def leftovers(run: str, grace_seconds: float = _GRACE_SECONDS) -> list[Leftover]:
    """The processes of a run that are alive beside this one, after a while in which they may end."""
    end = time.monotonic() + grace_seconds
    while (found := _alive(run)) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _alive(run: str) -> list[Leftover]:
    mark = f"{RUN}={run}".encode()
    found = []
    for place in _PROCESSES.glob("[0-9]*"):
        if int(place.name) == os.getpid():
            continue
        try:
            environment = (place / "environ").read_bytes().split(b"\0")
            command = (place / "cmdline").read_bytes()
        except OSError:  # it ended, or is somebody else's
            continue
        if mark in environment and command:  # a process that has ended and waits to be heard of has no command
            tests = [each for each in environment if each.startswith(b"PYTEST_CURRENT_TEST=")]
            test = b"".join(tests).partition(b"=")[2].decode("utf-8", "replace").partition(" (")[0]
            shown = command.replace(b"\0", b" ").decode("utf-8", "replace").strip()[:300]
            found.append(Leftover(int(place.name), shown, test or "no test"))
    return found
