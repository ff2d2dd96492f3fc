"""Standard error that never blocks: a log that nobody reads costs lines, not the service.

A pipe whose reader has stopped takes no more after 64 KiB, and the next write to it waits, in the event loop, for
ever. So it is asked first whether a piece fits: where it does not, the line is left out and counted, and the count
stands in the log once somebody reads again. A file, and a terminal that is not stopped, take everything.
"""

import os
import select
from typing import TextIO

_PIECE_BYTES = select.PIPE_BUF
"""The bytes that a descriptor takes without waiting once it can be written to (POSIX, pipe semantics)."""


class UnblockedStream:
    """A text stream for lines, in front of a descriptor.

    Args:
        stream: where the lines go; it is flushed first, and written past from then on.
    """

    def __init__(self, stream: TextIO) -> None:
        stream.flush()
        self.left_out = 0
        self._descriptor = stream.fileno()
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLOUT)
        self._is_torn = False

    def write(self, text: str) -> int:
        """Write a line as far as it fits without waiting; the rest is left out, and the line counted."""
        data = text.encode("utf-8", "backslashreplace")
        if (self.left_out or self._is_torn) and self._fits():
            mark = b"\n" if self._is_torn else b""
            note = b'{"level": "warning", "event": "log lines left out", "count": %d}\n' % self.left_out
            self._is_torn = False
            if not self._put(mark + note):
                return len(text)
            self.left_out = 0
        for start in range(0, len(data), _PIECE_BYTES):
            if not self._put(data[start : start + _PIECE_BYTES]):
                self.left_out += 1
                self._is_torn = start > 0
                break
        return len(text)

    def flush(self) -> None:
        """Do nothing: nothing waits here."""

    def _fits(self) -> bool:
        return any(event & select.POLLOUT for _, event in self._poll.poll(0))

    def _put(self, piece: bytes) -> bool:
        """Write a piece of at most ``_PIECE_BYTES`` if that needs no waiting; say whether it was written."""
        if not self._fits():
            return False
        try:
            os.write(self._descriptor, piece)
        except OSError:
            return False
        return True
