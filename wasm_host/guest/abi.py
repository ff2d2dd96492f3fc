"""The guest ABI's framing: pure functions between bytes and what they mean.

The contract is documented in quickjs/symbia.h, for authors in any language. A guest is hostile: whatever its
bytes are, reading answers effects and at most one violation, and trusts no number unchecked.
"""

import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from wasm_host.errors import GuestError, GuestFaultError, OutputLimitError, ProtocolError, SandboxError
from wasm_host.guest.json_text import check_refused, is_json
from wasm_host.limits import GuestLimits

ABI_VERSION = 1
FAULT_MEMORY = 1
OPEN_PROGRAM_REFUSED = 1
OPEN_INITIALIZE_FAILED = 2
OPENED_TO_FLUSH = 3
NO_MORE = 0xFFFF_FFFF  # -1, as codes are read
LONGEST_PAUSE_MS = 86_400_000

STATUS = struct.Struct("<IIII")
"""output address, output length, closed messages, fault"""

STATUS_CLEARED_OFFSET, STATUS_CLEARED = 4, bytes(12)
"""The part of the status that the host clears before each call: everything but the address is of one call only."""

_OPEN = struct.Struct("<Qd")
RECORD = struct.Struct("<BBHI")
"""kind, flags, port, length of the payload"""
KEY_LENGTH = struct.Struct("<I")
_CLOSES = 1
_NOTHING, EMIT, _FORWARD, _LOG, STATE, _ERROR, INPUT, PENDING = range(8)
_EMIT, _STATE = EMIT, STATE
_ONE = struct.Struct("<IdII")
_CLOCK = struct.Struct("<Id")


class Record(NamedTuple):
    """The head of a record."""

    kind: int
    flags: int
    port: int
    length: int


Level = Literal["debug", "info", "warn", "error"]


class LogLine(msgspec.Struct, frozen=True):
    """One line that a component logged. ``meta`` is JSON text."""

    level: Level
    message: str
    meta: bytes | None = None


class _LogRecord(msgspec.Struct):
    level: Level
    message: str
    meta: msgspec.Raw = msgspec.Raw()


class Effects:
    """The effects of one invocation.

    ``emissions`` are (output port index, JSON text); ``state`` are (key, JSON text or None for deleted), and only
    the sandbox needs them. With an ``error`` there are no emissions and no state writes: an invocation is a
    transaction.
    """

    __slots__ = ("emissions", "error", "logs", "state")

    def __init__(
        self,
        emissions: list[tuple[int, bytes]],
        logs: Sequence[LogLine] = (),
        error: GuestError | None = None,
        state: Sequence[tuple[str, bytes | None]] = (),
    ) -> None:
        self.emissions = emissions
        self.logs = logs
        self.error = error
        self.state = state

    def __repr__(self) -> str:
        return f"Effects(emissions={self.emissions!r}, logs={self.logs!r}, error={self.error!r})"


class GuestOutput(msgspec.Struct):
    """A call's output: the closed messages, the logs of the one under way, and what was wrong."""

    closed: list[Effects]
    unfinished_logs: list[LogLine]
    violation: GuestFaultError | None = None


def encode_open(document: bytes, *, seed: int, now_ms: float) -> bytes:
    """Return the input of symbia_open: the seed and the time come before anything can run."""
    return _OPEN.pack(seed & 0xFFFF_FFFF_FFFF_FFFF, now_ms) + document


def encode_batch(batch: Sequence[tuple[int, bytes]], now_ms: float) -> bytes:
    """Return the input of symbia_process: (port index, JSON text) for each message."""
    count = len(batch)
    if count == 1:
        port, value = batch[0]
        return _ONE.pack(1, now_ms, port, len(value)) + value
    ports, values = zip(*batch, strict=True)
    head = struct.pack(f"<Id{2 * count}I", count, now_ms, *ports, *map(len, values))
    return head + b"".join(values)


def encode_head(batch: Sequence[tuple[int, bytes]], now_ms: float) -> bytes:
    """Return the same up to the values."""
    ports, values = zip(*batch, strict=True)
    return struct.pack(f"<Id{2 * len(batch)}I", len(batch), now_ms, *ports, *map(len, values))


def encode_clock(now_ms: float) -> bytes:
    """Return a batch without messages: the input of symbia_flush and symbia_next."""
    return _CLOCK.pack(0, now_ms)


_REPORT_BYTES = 256
"""Room beyond log_bytes for the line in which a guest says how many lines it dropped."""

_ERROR_CHARACTERS = 16 * 1024
"""An error's name, message and stack: people read them, and the engine keeps them with its executions."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, struct.error)

_log_record = msgspec.json.Decoder(_LogRecord).decode
_guest_error = msgspec.json.Decoder(GuestError).decode


def parse_output(data: bytes, inputs: Sequence[bytes], output_count: int, limits: GuestLimits) -> GuestOutput:
    """Read a call's record stream in one go; the arguments are those of ``OutputReader``."""
    reader = OutputReader(data, inputs, output_count, limits)
    reader.read()
    return reader.output()


class OutputReader:
    """A reader of a record stream, in parts: a guest may write two million records in the bytes that it may write.

    Of a long stream it is given a window at a time, and the checked payload of a record longer than that.

    What was closed survives a violation. A message beyond a limit is a violation too, and not merely an error
    of that message: the guest believes that it succeeded, and what it remembers is wrong from there on.

    Args:
        data: what the status block pointed at, or its beginning
        inputs: the values of the batch, in order, for FORWARD
        output_count: how many output ports are declared
        limits: bounds per invocation
        length: of the whole stream, where ``data`` is only its beginning
    """

    __slots__ = (
        *("_at", "_base", "_closed", "_data", "_length", "_dropped", "_emissions", "_emitted_bytes", "_error"),
        *("_inputs", "_is_cut", "_limits", "_log_bytes", "_logs", "_output_count", "_state", "_violation"),
        "_whole",
    )

    def __init__(
        self, data: bytes, inputs: Sequence[bytes], output_count: int, limits: GuestLimits, length: int = 0
    ) -> None:
        self._length = length or len(data)
        self.go_on(0, data)
        self._inputs = inputs
        self._output_count = output_count
        self._limits = limits
        self._closed: list[Effects] = []
        self._emissions: list[tuple[int, bytes]] = []
        self._emitted_bytes = 0
        self._logs: list[LogLine] = []
        self._log_bytes = 0
        self._dropped = 0
        self._state: list[tuple[str, bytes | None]] = []
        self._error: GuestError | None = None
        self._violation: GuestFaultError | None = None

    def read(self, bytes_at_least: int = 2**32) -> bool:
        """Read so much more of what it was given, to the end of a record; return True when that is all."""
        whole = self._whole
        try:
            self._read(min(whole, self._at + bytes_at_least))
        except _UNREADABLE as wrong:
            self._violation = ProtocolError(f"the guest wrote a record that cannot be read: {wrong}")
        except GuestFaultError as wrong:
            self._violation = wrong
        return self._violation is not None or self._at >= whole or self._is_cut

    @property
    def next_at(self) -> int:
        """The offset in the stream of the next record; its length, where nothing more is to be read."""
        return self._length if self._violation is not None else self._base + self._at

    def go_on(self, base: int, data: bytes) -> None:
        """Take the next window, which begins with a record, at ``base`` in the stream."""
        self._base, self._data, self._at, self._is_cut = base, data, 0, False
        # Up to where records may begin: not where even the head of one would be cut off by the window.
        is_last = base + len(data) >= self._length
        self._whole = len(data) if is_last else max(0, len(data) - RECORD.size + 1)

    def take_long(self, record: Record, payload: bytes) -> None:
        """Take a record that is longer than a window, and whose JSON was checked: the next one."""
        try:
            self._take_long(record, payload)
        except _UNREADABLE as wrong:
            self._violation = ProtocolError(f"the guest wrote a record that cannot be read: {wrong}")
        except GuestFaultError as wrong:
            self._violation = wrong

    def refuse(self, violation: GuestFaultError) -> None:
        """Note that something is wrong with the next record."""
        self._violation = violation

    def output(self) -> GuestOutput:
        """Return what was read."""
        return GuestOutput(self._closed, self._logs, self._violation)

    def _read(self, until: int) -> None:
        """Read every message: emissions in line, the rest elsewhere."""
        data, inputs, output_count, closed = self._data, self._inputs, self._output_count, self._closed
        at, end, message_count = self._at, len(data), len(inputs)
        unpack = RECORD.unpack_from
        emissions, emissions_at_most = self._emissions, self._limits.emissions
        while at < until:
            kind, flags, port, length = unpack(data, at)
            start = at + 8
            at = start + length
            if at > end:
                at = self._cut(at, start - 8)
                break
            if len(closed) == message_count:
                raise ProtocolError("the guest answered more messages than it was given")
            if kind == _EMIT or kind == _FORWARD:  # noqa: PLR1714, SIM109 - a tuple costs twice as much
                if port >= output_count:
                    raise ProtocolError(f"the guest emitted on output {port} of {output_count}")
                emissions.append((port, self._value(data[start:at]) if kind == _EMIT else inputs[len(closed)]))
                if len(emissions) > emissions_at_most:
                    raise _too_much("one invocation emitted too many values", "emissions", emissions_at_most)
                self._emitted_bytes += length
            elif kind != _NOTHING:
                self._take(kind, data[start:at])
            elif not flags & _CLOSES:
                raise ProtocolError("the guest wrote an empty record that closes no message")
            if flags & _CLOSES:
                closed.append(self._effects(emissions))
                emissions = self._emissions = []
        self._at = at

    def _cut(self, after: int, start: int) -> int:
        """Return where to go on, when a record does not end within the window."""
        if self._base + after > self._length:
            raise ProtocolError("the guest wrote a record that is longer than its output")
        self._is_cut = True
        return start

    def _take_long(self, record: Record, payload: bytes) -> None:
        if len(self._closed) == len(self._inputs):
            raise ProtocolError("the guest answered more messages than it was given")
        if record.kind == _EMIT:
            if record.port >= self._output_count:
                raise ProtocolError(f"the guest emitted on output {record.port} of {self._output_count}")
            self._emissions.append((record.port, payload))
            if len(self._emissions) > self._limits.emissions:
                raise _too_much("one invocation emitted too many values", "emissions", self._limits.emissions)
            self._emitted_bytes += len(payload)
        else:
            self._take_other(record.kind, payload)
        if record.flags & _CLOSES:
            self._closed.append(self._effects(self._emissions))
            self._emissions = []

    def _take_other(self, kind: int, payload: bytes) -> None:
        """Take a long record that is no emission."""
        if kind == _STATE:
            self._take_state(payload, is_checked=True)
        elif kind == _LOG:
            self._take_log(payload)
        else:
            raise ProtocolError(f"the guest wrote a record of kind {kind} with {len(payload):,} bytes")

    def _value(self, value: bytes) -> bytes:
        try:
            is_json(value)
        except RecursionError:
            raise _too_deep("a value was emitted that", self._limits) from None
        except msgspec.DecodeError:
            check_refused(value)
        if not value.isascii():
            value.decode()
        return value

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _LOG:
            self._take_log(payload)
        elif kind == _STATE:
            self._take_state(payload)
        elif kind == _ERROR:
            error = _guest_error(payload)
            most = _ERROR_CHARACTERS
            self._error = GuestError(error.name[:most], error.message[:most], error.stack[:most])
        else:
            raise ProtocolError(f"the guest wrote a record of unknown kind {kind}")

    def _take_log(self, payload: bytes) -> None:
        """Take one line more than allowed: in it, a guest that counts says how many it dropped."""
        self._log_bytes += len(payload)
        limits = self._limits
        if len(self._logs) <= limits.log_lines and self._log_bytes <= limits.log_bytes + _REPORT_BYTES:
            self._logs.append(_log(payload))
        else:
            self._dropped += 1

    def _take_state(self, payload: bytes, *, is_checked: bool = False) -> None:
        keys = self._limits.state_keys
        if len(self._state) >= 2 * keys:  # all that there may have been deleted, and all that there may be written
            raise _too_much("one invocation wrote too many state keys", "state_keys", keys)
        try:
            self._state.append(_state_write(payload, is_checked=is_checked))
        except RecursionError:
            raise _too_deep("a state was set that", self._limits) from None

    def _effects(self, emissions: list[tuple[int, bytes]]) -> Effects:
        """End a message.

        The guest of JavaScript keeps these limits itself; others are held to them here.
        """
        if self._emitted_bytes > self._limits.output_bytes:
            raise _too_much("one invocation emitted too much", "output_bytes", self._limits.output_bytes)
        if self._dropped:
            self._logs.append(LogLine("warn", f"{self._dropped} more log lines dropped"))
        if self._error is not None:
            effects = Effects([], self._logs or (), self._error)
        else:
            effects = Effects(emissions, self._logs or (), None, self._state or ())
        if self._logs:
            self._logs = []
            self._log_bytes = self._dropped = 0
        if self._state:
            self._state = []
        self._error = None
        self._emitted_bytes = 0
        return effects


def _log(payload: bytes) -> LogLine:
    try:
        line = _log_record(payload)
        return LogLine(line.level, line.message, bytes(line.meta) or None)
    except RecursionError:
        return LogLine("warn", "(a log line that is nested too deeply to be read)")


def _too_much(what: str, limit: str, value: int) -> OutputLimitError:
    return OutputLimitError(f"{what}: {limit} is limited to {value}", limit, value)


def _too_deep(what: str, limits: GuestLimits) -> OutputLimitError:
    return OutputLimitError(f"{what} is nested too deeply to be read", "output_bytes", limits.output_bytes)


def _state_write(payload: bytes, *, is_checked: bool) -> tuple[str, bytes | None]:
    (key_length,) = KEY_LENGTH.unpack_from(payload, 0)
    if 4 + key_length > len(payload):
        raise ProtocolError("the guest wrote a state key that is longer than its record")
    key = payload[4 : 4 + key_length].decode()
    value = payload[4 + key_length :]
    if not value:
        return key, None
    if not is_checked:
        try:
            is_json(value)
        except msgspec.DecodeError:
            check_refused(value)
        value.decode()
    return key, value


def failed(error: SandboxError, logs: Sequence[LogLine] = ()) -> Effects:
    """Return the effects of an invocation that its guest did not survive."""
    return Effects([], logs, error.error)
