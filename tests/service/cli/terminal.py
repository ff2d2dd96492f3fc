"""A command at a terminal: in a session of its own, with a pseudo-terminal that one can type into."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service.serving import ROOT, clean_environment

CTRL_C = b"\x03"

_WITH_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "service", *sys.argv[1:]])
"""
"""Makes standard input the controlling terminal, as a login does, so that typed characters become signals."""


class Terminal:
    """``symbia-runtime`` at a terminal; to be used as a context manager.

    Args:
        arguments: of the command.
        environment: further variables.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WITH_TERMINAL, *arguments],
            cwd=ROOT,
            env=clean_environment({"TERM": "xterm", **(environment or {})}),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def read_until(self, text: str) -> None:
        """Wait until the screen has shown this text."""
        while text not in self.shown:
            if not self._read():
                raise AssertionError(f"{text!r} was never shown: {self.shown}")

    def wait_waiting(self) -> None:
        """Wait until the command waits for something, in the kernel.

        A signal that comes on the way into a read is noticed by Python when that read ends, and not before.
        """
        looks = 0
        while looks < 5:
            state = (
                Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
            )
            looks = looks + 1 if state == "S" else 0
            time.sleep(0.01)

    def press(self, text: bytes) -> None:
        """Type this."""
        os.write(self._own, text)

    def wait(self) -> int:
        """Wait for the end; return the exit status. All that was shown is in ``shown``."""
        while self._read():
            pass
        return self.process.wait(timeout=20)

    def _read(self) -> bool:
        try:
            data = os.read(self._own, 65_536)
        except OSError:
            return False  # as Linux tells that nobody has the other end open
        self.shown += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)
