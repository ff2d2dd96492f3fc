"""Lines of JSON: bytes in as they come off the wire, messages out, whatever the pieces are. Pure.

Line numbers count from 1, blank lines included. A line may end in CR LF; the last one may end without. A byte
order mark before the first line is no part of it.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator

import msgspec

from proto.codec import decoded_by
from proto.message import Injection
from proto.shapes import choices_for

TURN_BYTES, TURN_LINES = 16 * 1024, 256
"""Bytes that are read before others have their turn: half a millisecond's work, where lines are short."""

LONG_TURN_BYTES = 64 * 1024
"""The same where those are no more than ``TURN_LINES``: most of what a line costs is the same for each."""

_decoder = msgspec.json.Decoder(Injection)


def in_turns(piece: bytes) -> Iterator[bytes]:
    """Yield a piece of a stream in parts, each as much as may be read in one turn."""
    start = 0
    while start < len(piece):
        is_short = piece.count(b"\n", start, start + LONG_TURN_BYTES) > TURN_LINES
        end = start + (TURN_BYTES if is_short else LONG_TURN_BYTES)
        yield piece[start:end]
        start = end


class BadLineError(ValueError):
    """A line that is no message. ``number`` counts from 1; the lines before it are in ``before``."""

    def __init__(self, number: int, complaint: str, before: "list[NumberedMessage]") -> None:
        super().__init__(f"Line {number}: {complaint}")
        self.number = number
        self.before = before


class LineTooLongError(BadLineError):
    """A line that is longer than may be kept."""


NumberedMessage = tuple[int, Injection]
"""The number of a line, and the message on it."""


class MessageLines:
    """A reader of one stream.

    Args:
        max_line_bytes: the longest line that is kept while its end has not come.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max_line_bytes = max_line_bytes
        self._begun: list[bytes] = []
        self._begun_bytes = 0
        self._number = 0

    @property
    def kept_bytes(self) -> int:
        """Bytes kept of a line whose end has not come."""
        return self._begun_bytes

    def feed(self, data: bytes) -> list[NumberedMessage]:
        """Return the messages whose lines are complete with these bytes.

        Raises:
            BadLineError: a line is no message, or too long. Nothing can be fed after it.
        """
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._begin(rest, [])
            return []
        lines = b"".join([*self._begun, head]).split(b"\n")
        self._begun, self._begun_bytes = [], 0
        messages = self._read(lines)
        self._begin(rest, messages)
        return messages

    def end(self) -> list[NumberedMessage]:
        """Return the message on a last line without a line end, if there is one.

        Raises:
            BadLineError: the line is no message.
        """
        lines = [b"".join(self._begun)]
        self._begun, self._begun_bytes = [], 0
        return self._read(lines)

    def _begin(self, piece: bytes, before: list[NumberedMessage]) -> None:
        """Keep the beginning of a line whose end has not come."""
        if not piece:
            return
        self._begun.append(piece)
        self._begun_bytes += len(piece)
        if self._begun_bytes > self._max_line_bytes:
            complaint = f"longer than {self._max_line_bytes} bytes; send such values alone, or by reference"
            raise LineTooLongError(self._number + 1, complaint, before)

    def _read(self, lines: list[bytes]) -> list[NumberedMessage]:
        messages: list[NumberedMessage] = []
        for line in lines:
            self._number += 1
            if self._number == 1:
                line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901  editors put it there (RFC 8259, section 8.1)
            if not line or line.isspace():
                continue
            try:
                messages.append((self._number, decoded_by(_decoder, line)))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise BadLineError(self._number, _complaint(error), messages) from error
        return messages


def _complaint(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return (
            f'{error}{choices_for(error, Injection)}; a line is {{"nodeId": "input", "port": "in", "value": 21}}'
        )
    if isinstance(error, RecursionError):
        return "this JSON is nested too deeply"
    return f"this is not JSON: {error}"
