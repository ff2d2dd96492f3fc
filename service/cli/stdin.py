"""Lines of a file descriptor, as they come, in bounded memory."""

import os
import sys
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator

import trio

CHUNK_BYTES = 64 * 1024
MAX_LINE_BYTES = 12 * 1024 * 1024
"""A line is one message; the service takes no larger ones either."""


async def whole_input() -> bytes:
    """Read standard input to its end; as with ``Lines``, a read that is given up stays behind, harmlessly."""
    return await trio.to_thread.run_sync(sys.stdin.buffer.read, abandon_on_cancel=True)


class LineTooLongError(ValueError):
    """A line is longer than ``MAX_LINE_BYTES``."""


class Lines:
    """An iterator over groups of complete lines of a descriptor, without their ends; empty lines are left out.

    A byte order mark before the first line is no part of it.

    Attributes:
        bytes_read: bytes taken from the descriptor so far.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.bytes_read = 0

    async def groups(self) -> AsyncGenerator[list[tuple[int, bytes]], None]:
        """Yield groups of (line number from 1, line): each group is what one read made complete.

        Raises:
            LineTooLongError: a line does not end.
        """
        number = 0
        rest: list[bytes] = []
        held = 0
        while chunk := await self._read():
            *ended, tail = chunk.split(b"\n")
            group = []
            for piece in ended:
                number += 1
                line = _unmarked(number, b"".join([*rest, piece]))
                rest, held = [], 0
                if line.strip():
                    group.append((number, line))
            rest.append(tail)
            held += len(tail)
            if group:
                yield group
            if held > MAX_LINE_BYTES:
                raise LineTooLongError(
                    f"Line {number + 1} of standard input is longer than {MAX_LINE_BYTES} bytes"
                )
        last = _unmarked(number + 1, b"".join(rest))
        if last.strip():
            yield [(number + 1, last)]

    async def _read(self) -> bytes:
        """Read the next bytes, none at the end. A read that is given up stays behind in its thread, harmlessly."""
        data = await trio.to_thread.run_sync(os.read, self._descriptor, CHUNK_BYTES, abandon_on_cancel=True)
        self.bytes_read += len(data)
        return data


def _unmarked(number: int, line: bytes) -> bytes:
    return line.removeprefix(BOM_UTF8) if number == 1 else line
