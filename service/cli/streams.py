"""Standard output and standard error where they cannot be written: full, or nobody reads them any more."""

import os
import sys
from typing import IO, Any

SIGPIPE_STATUS = 141
"""The exit status of a program whose output nobody reads any more, as the signal itself would have ended it."""


def occupy_closed_descriptors() -> None:
    """Let standard streams that whoever started this process has closed, as by ``2>&-``, lead nowhere.

    Otherwise a socket or a file would get the descriptor, and be written what is meant for people, by this process
    or by one that it starts. ``sys.stdin`` and ``sys.stdout`` stay None: a command that needs one can say so.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest descriptor that is free, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  open as long as the process


def discard(stream: IO[Any]) -> None:
    """Let all that is still in a stream's buffer, and all that follows, go nowhere.

    Otherwise Python's own last flush would fail again, and end the process with a status that says nothing.
    """
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return  # no file lies under it
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def has_no_reader(error: OSError) -> bool:
    """Tell whether a stream failed because nobody reads it any more, as after ``| head``."""
    return isinstance(error, BrokenPipeError)


def complaint_about(error: OSError) -> str:
    """Say in words why standard output cannot be written."""
    if has_no_reader(error):
        return "Nobody reads standard output any more"
    return f"Standard output cannot be written: {error.strerror or error}"
