"""The guest ABI's framing: pure functions between bytes and what they mean.

The contract is documented in quickjs/symbia.h, for authors in any language. A guest is hostile: whatever its
bytes are, `parse_output` answers effects and at most one ProtocolViolation, and trusts no number unchecked.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

import msgspec

from wasm_host.errors import GuestError, ProtocolViolation, SandboxError
from wasm_host.limits import GuestLimits

__all__ = [
    "ABI_VERSION",
    "FAULT_MEMORY",
    "OPEN_INITIALIZE_FAILED",
    "OPEN_PROGRAM_REFUSED",
    "STATUS",
    "Effects",
    "LogLine",
    "Output",
    "encode_batch",
    "encode_open",
    "parse_output",
]

ABI_VERSION = 1
FAULT_MEMORY = 1
OPEN_PROGRAM_REFUSED = 1
OPEN_INITIALIZE_FAILED = 2

STATUS = struct.Struct("<IIII")
"""output address, output length, closed messages, fault"""

STATUS_CLEARED_OFFSET, STATUS_CLEARED = 4, bytes(12)
"""What the host writes before each call: everything but the address is of one call only."""

_OPEN = struct.Struct("<Qd")
_RECORD = struct.Struct("<BBHI")
_KEY_LENGTH = struct.Struct("<I")
_CLOSES = 1
_NOTHING, _EMIT, _FORWARD, _LOG, _STATE, _ERROR = range(6)
_ONE = struct.Struct("<IdII")


Level = Literal["debug", "info", "warn", "error"]


class LogLine(msgspec.Struct, frozen=True):
    """One line that a component logged. `meta` is JSON text."""

    level: Level
    message: str
    meta: bytes | None = None


class _LogRecord(msgspec.Struct):
    level: Level
    message: str
    meta: msgspec.Raw = msgspec.Raw()


class Effects:
    """What one invocation caused.

    `emissions` are (output port index, JSON text); `state` are (key, JSON text or None for deleted), and only the
    sandbox needs them.
    With an `error` there are no emissions and no state writes: an invocation is a transaction.
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


class Output(msgspec.Struct):
    """A call's output: the closed messages, the logs of the one under way, and what was wrong."""

    closed: list[Effects]
    unfinished_logs: list[LogLine]
    violation: ProtocolViolation | None = None


def encode_open(document: bytes, *, seed: int, now_ms: float) -> bytes:
    """The input of symbia_open: the seed and the time come before anything can run."""
    return _OPEN.pack(seed & 0xFFFF_FFFF_FFFF_FFFF, now_ms) + document


def encode_batch(batch: Sequence[tuple[int, bytes]], now_ms: float) -> bytes:
    """The input of symbia_process: (port index, JSON text) for each message."""
    count = len(batch)
    if count == 1:
        port, value = batch[0]
        return _ONE.pack(1, now_ms, port, len(value)) + value
    ports, values = zip(*batch, strict=True)
    head = struct.pack(f"<Id{2 * count}I", count, now_ms, *ports, *map(len, values))
    return head + b"".join(values)


_TOO_DEEP = GuestError("OutputLimitExceeded", "a value was emitted that is nested too deeply to be read")

_is_json = msgspec.json.Decoder(msgspec.Raw).decode
_log_record = msgspec.json.Decoder(_LogRecord).decode
_guest_error = msgspec.json.Decoder(GuestError).decode


def parse_output(data: bytes, inputs: Sequence[bytes], output_count: int, limits: GuestLimits) -> Output:
    """Reads a call's record stream.

    Args:
        data: what the status block pointed at
        inputs: the values of the batch, in order, for FORWARD
        output_count: how many output ports are declared
        limits: bounds per invocation; a message beyond one becomes an error
    """
    parser = _Parser(inputs, output_count, limits)
    violation = None
    try:
        parser.read(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, struct.error) as wrong:
        violation = ProtocolViolation(f"the guest wrote a record that cannot be read: {wrong}")
    except ProtocolViolation as wrong:
        violation = wrong
    return Output(parser.closed, parser.logs, violation)


class _Parser:
    """The state of reading one record stream; kept apart so that what was closed survives a violation."""

    __slots__ = ("_error", "_inputs", "_limits", "_output_count", "_state", "closed", "logs")

    def __init__(self, inputs: Sequence[bytes], output_count: int, limits: GuestLimits) -> None:
        self._inputs = inputs
        self._output_count = output_count
        self._limits = limits
        self._state: list[tuple[str, bytes | None]] = []
        self._error: GuestError | None = None
        self.closed: list[Effects] = []
        self.logs: list[LogLine] = []

    def read(self, data: bytes) -> None:
        """Every message passes here: emissions are read in line, the rest elsewhere."""
        inputs, output_count, closed = self._inputs, self._output_count, self.closed
        at, end, message_count = 0, len(data), len(inputs)
        unpack = _RECORD.unpack_from
        emissions: list[tuple[int, bytes]] = []
        emitted_bytes = 0
        while at < end:
            kind, flags, port, length = unpack(data, at)
            start = at + 8
            at = start + length
            if at > end:
                raise ProtocolViolation("the guest wrote a record that is longer than its output")
            if len(closed) == message_count:
                raise ProtocolViolation("the guest answered more messages than it was given")
            if kind == _EMIT or kind == _FORWARD:  # noqa: PLR1714, SIM109 - a tuple costs twice as much
                if port >= output_count:
                    raise ProtocolViolation(f"the guest emitted on output {port} of {output_count}")
                emissions.append((port, self._value(data[start:at]) if kind == _EMIT else inputs[len(closed)]))
                emitted_bytes += length
            elif kind != _NOTHING:
                self._take(kind, data[start:at])
            if flags & _CLOSES:
                closed.append(self._effects(emissions, emitted_bytes))
                emissions = []
                emitted_bytes = 0

    def _value(self, value: bytes) -> bytes:
        try:
            _is_json(value)
        except RecursionError:
            self._error = _TOO_DEEP
        if not value.isascii():
            value.decode()
        return value

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _LOG:
            if len(self.logs) <= self._limits.log_lines:  # one more than allowed: how many were dropped
                self.logs.append(_log(payload))
        elif kind == _STATE:
            self._state.append(_state_write(payload))
        elif kind == _ERROR:
            self._error = _guest_error(payload)
        else:
            raise ProtocolViolation(f"the guest wrote a record of unknown kind {kind}")

    def _effects(self, emissions: list[tuple[int, bytes]], emitted_bytes: int) -> Effects:
        """Ends a message. The guest of JavaScript keeps these limits itself; others are held to them here."""
        limits, error = self._limits, self._error
        if error is None and len(emissions) > limits.emissions:
            error = _too_much("one invocation emitted too many values", "emissions", limits.emissions)
        elif error is None and emitted_bytes > limits.output_bytes:
            error = _too_much("one invocation emitted too much", "output_bytes", limits.output_bytes)
        if error is not None:
            effects = Effects([], self.logs, error)
        else:
            effects = Effects(emissions, self.logs or (), None, self._state or ())
        if self.logs:
            self.logs = []
        if self._state:
            self._state = []
        self._error = None
        return effects


def _log(payload: bytes) -> LogLine:
    try:
        line = _log_record(payload)
        return LogLine(line.level, line.message, bytes(line.meta) or None)
    except RecursionError:
        return LogLine("warn", "(a log line that is nested too deeply to be read)")


def _too_much(what: str, limit: str, value: int) -> GuestError:
    return GuestError("OutputLimitExceeded", f"{what}: {limit} is limited to {value}")


def _state_write(payload: bytes) -> tuple[str, bytes | None]:
    (key_length,) = _KEY_LENGTH.unpack_from(payload, 0)
    if 4 + key_length > len(payload):
        raise ProtocolViolation("the guest wrote a state key that is longer than its record")
    key = payload[4 : 4 + key_length].decode()
    value = payload[4 + key_length :]
    if not value:
        return key, None
    _is_json(value)
    value.decode()
    return key, value


def failed(error: SandboxError, logs: Sequence[LogLine] = ()) -> Effects:
    """The effects of an invocation that its guest did not survive."""
    return Effects([], logs, error.error)
