"""The log lines that are kept of an execution: the latest, within bounds in number and in bytes."""

import sys
from collections import deque
from collections.abc import Sequence

import msgspec

from engine.contracts.handler import LogLine
from engine.memory.ledger import Account
from proto import codec
from proto.execution import LogEntry
from proto.reload import HandledBy

MESSAGE_CHARACTERS = 8_192
"""Characters of one line, and of its level. Lines are for eyes; values belong into messages."""

META_BYTES = 16 * 1024
"""JSON text of what a line's author added."""

LINE_BYTES = 400
"""Bytes of a kept line beside its texts: 380 were measured."""

_STEP_BYTES = 16 * 1024
"""Bytes that are charged at once."""


def bounded(line: LogLine) -> LogLine:
    """Return the line with texts that are not endless; what is cut says how long it was."""
    message, meta = line.message, line.meta
    if len(message) <= MESSAGE_CHARACTERS and (meta is None or len(meta) <= META_BYTES):
        return line
    if len(message) > MESSAGE_CHARACTERS:
        message = f"{message[:MESSAGE_CHARACTERS]}… (cut: {len(message)} characters in all)"
    if meta is not None and len(meta) > META_BYTES:
        meta = codec.encode({"cut": len(meta)})
    return LogLine(line.level, message, meta)


class LogBuffer:
    """Lines, oldest first; the oldest goes where there are too many, too much text, or no memory for more.

    Args:
        lines: how many are kept.
        limit_bytes: how much of them.
        account: charged with them; nothing is when absent.
    """

    def __init__(self, lines: int, limit_bytes: int, account: Account | None) -> None:
        self._lines = lines
        self._limit_bytes = limit_bytes
        self._account = account
        self._entries: deque[tuple[LogEntry, int]] = deque()
        self._charged_bytes = 0
        self.size_bytes = 0
        self.logged = 0

    def entries(self) -> list[LogEntry]:
        """Return all that are kept."""
        return [entry for entry, _ in self._entries]

    def add(self, timestamp: str, node_id: str, line: LogLine, handled_by: HandledBy | None = None) -> None:
        """Keep a line; its texts are bounded already. ``handled_by`` logged it, where its node was changed."""
        meta = msgspec.UNSET if line.meta is None else msgspec.Raw(line.meta)
        self.logged += 1
        size = LINE_BYTES + sys.getsizeof(line.message) + len(line.meta or b"")
        entry = LogEntry(timestamp, node_id, line.level, line.message, meta)
        if handled_by is not None:
            entry = msgspec.structs.replace(entry, version=handled_by.version, revision=handled_by.revision)
        self._entries.append((entry, size))
        self.size_bytes += size
        while len(self._entries) > self._lines or self.size_bytes > self._limit_bytes or not self._is_charged():
            _, freed = self._entries.popleft()
            self.size_bytes -= freed

    def begin_with(self, entries: Sequence[LogEntry], logged: int) -> None:
        """Keep the lines of an execution that this one goes on from, which has logged so many."""
        for entry in entries:
            meta = None if entry.meta is msgspec.UNSET else bytes(entry.meta)
            self.add(entry.timestamp, entry.node_id, LogLine(entry.level, entry.message, meta))
        self.logged = logged

    def _is_charged(self) -> bool:
        """Charge what is kept; return whether there was memory for it."""
        more = self.size_bytes - self._charged_bytes
        if more <= 0 or self._account is None:
            return True
        more += _STEP_BYTES
        if not self._account.try_charge(more, "logs"):
            return False
        self._charged_bytes += more
        return True

    def empty(self) -> None:
        """Let go of all lines; the account is closed as a whole."""
        self._entries.clear()
        self._account = None
