"""One step of the setup on the screen: what it does, how far it is, how long it took."""

import shutil
import sys
import time
from types import TracebackType
from typing import Self

QUIET_SECONDS = 15.0
"""Where no terminal shows a moving line, a long step says this often that it is alive."""

PLAIN_CHARACTERS = 100
"""What such a line shows of a program's own words: pip names all packages in one."""


class Step:
    """A context manager that announces a step and closes it with its time.

    On a terminal its line shows what the running program said last; elsewhere (a log file, a build server) the
    line is written at the start, now and then, and at the end.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._note = ""
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._started = self._shown = time.monotonic()
        sys.stderr.write(self._title if self._is_terminal else f"{self._title} ...\n")
        sys.stderr.flush()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error_type is None:
            note = f" ({self._note})" if self._note else ""
            self._write(f"{self._title}: {self._seconds():.1f} s{note}", end="\n")
        elif self._is_terminal:
            sys.stderr.write("\n")

    def note(self, text: str) -> None:
        """Add a remark to the closing line."""
        self._note = text

    def show(self, line: str) -> None:
        """Show what the running program says."""
        if self._is_terminal:
            self._write(f"{self._title}  {self._seconds():.0f} s  {line.strip()}", end="")
        elif time.monotonic() - self._shown > QUIET_SECONDS:
            self._shown = time.monotonic()
            self._write(f"    {self._seconds():.0f} s  {line.strip()[:PLAIN_CHARACTERS]}", end="\n")

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _write(self, text: str, *, end: str) -> None:
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            text = f"\r\x1b[K{text[:width]}"  # back to the first column, and clear the line
        sys.stderr.write(text + end)
        sys.stderr.flush()
