"""The framing of a chain's calls: a batch of messages for its programs, and what came of them.

The contract stands at the end of quickjs/symbia.h. As in `abi`, a guest is hostile, and nothing it says is trusted
unchecked. Here a single violation voids the whole call: there is no telling which message it belongs to.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from wasm_host.abi import RECORD, Effects, OutputReader
from wasm_host.errors import OutputLimitExceeded, ProtocolViolation
from wasm_host.limits import GuestLimits

__all__ = [
    "MOST_INVOCATIONS",
    "MOST_PROGRAMS",
    "ChainReader",
    "Message",
    "Passage",
    "Share",
    "Step",
    "encode_chain",
    "shares_of",
    "shares_size",
]

MOST_PROGRAMS: Final = 32
"""Of one chain: what quickjs/symbia.h has room for."""

MOST_INVOCATIONS: Final = 4096
"""Of one call (quickjs/chain.c): some milliseconds, after which others have their turn."""

_NOTHING, _EMIT = 0, 1
_INPUT, _PENDING = 6, 7
_CLOSES = 1

_HEAD = struct.Struct("<IdIII")
_SHARES = [struct.Struct(f"<{1 + 3 * count}I") for count in range(MOST_PROGRAMS + 1)]

Message = tuple[int, int, bytes]
"""The index of a program, of its input port, and JSON text."""

Share = tuple[int, int, int]
"""What one program did in a call: invocations, values passed on, values emitted in all."""


class Step:
    """What an invocation of one program caused; or several in a row that only emitted, where nobody traces.

    `cause` is the message of an invocation that ended in an error: the index of its input port, and its value.
    """

    __slots__ = ("cause", "effects", "program")

    def __init__(self, program: int, effects: Effects, cause: tuple[int, bytes] | None = None) -> None:
        self.program = program
        self.effects = effects
        self.cause = cause

    def __repr__(self) -> str:
        return f"Step({self.program}, {self.effects!r}, {self.cause!r})"


class Passage:
    """What came of a call.

    `steps` are in the order in which things happened. Of the batch, `begun` messages were begun, and with them
    all that followed is done but for `pending`, which comes before the rest of the batch.
    """

    __slots__ = ("begun", "pending", "shares", "steps")

    def __init__(self, steps: list[Step], begun: int, pending: list[Message], shares: Sequence[Share]) -> None:
        self.steps = steps
        self.begun = begun
        self.pending = pending
        self.shares = shares


def encode_chain(batch: Sequence[Message], now_ms: float, *, traced: bool) -> bytes:
    """The input of symbia_chain."""
    count = len(batch)
    if count == 1:
        program, port, value = batch[0]
        return _HEAD.pack(1, now_ms, traced, program << 16 | port, len(value)) + value
    places = [program << 16 | port for program, port, _ in batch]
    values = [value for _, _, value in batch]
    return struct.pack(f"<IdI{2 * count}I", count, now_ms, traced, *places, *map(len, values)) + b"".join(values)


def shares_of(block: bytes, programs: int) -> tuple[int, list[Share]]:
    """What follows the status block: messages begun, and each program's share."""
    begun, *numbers = _SHARES[programs].unpack(block)
    return begun, list(zip(*[iter(numbers)] * 3, strict=True))


def shares_size(programs: int) -> int:
    """Bytes of what follows the status block."""
    return _SHARES[programs].size


class ChainReader(OutputReader):
    """Reads the record stream of a chain's call.

    Args:
        data: what the status block pointed at.
        output_counts: how many output ports each program declares.
        limits: of each program, per invocation.
        traced: whether the guest was to tell everything.
    """

    __slots__ = ("_all_limits", "_cause", "_output_counts", "_pending", "_program", "_run", "_steps", "_traced")

    def __init__(
        self, data: bytes, output_counts: Sequence[int], limits: Sequence[GuestLimits], *, traced: bool
    ) -> None:
        super().__init__(data, (), 0, limits[0])
        self._all_limits = limits
        self._output_counts = output_counts
        self._traced = traced
        self._program = -1  # whose invocation is being read; none between two of them
        self._cause: tuple[int, bytes] | None = None
        self._pending: list[Message] = []
        self._steps: list[Step] = []
        self._run = -1  # the program of the last step, where that did nothing but emit

    def _read(self, until: int) -> None:
        data, steps = self._data, self._steps
        at, end = self._at, len(data)
        unpack = RECORD.unpack_from
        while at < until:
            kind, flags, port, length = unpack(data, at)
            start = at + RECORD.size
            at = start + length
            if at > end:
                raise ProtocolViolation("the guest wrote a record that is longer than its output")
            program = flags >> 1
            if kind == _EMIT and program == self._run and flags & _CLOSES and self._program < 0:
                # Nearly all records under load: another invocation of the same program, which emitted one value.
                value = self._value(data[start:at])
                if port >= self._output_count or length > self._limits.output_bytes:
                    raise ProtocolViolation(f"the guest emitted {length} bytes on output {port}")
                steps[-1].effects.emissions.append((port, value))
                continue
            self._take_record(kind, flags, port, data[start:at])
        self._at = at

    def _take_record(self, kind: int, flags: int, port: int, payload: bytes) -> None:
        program = flags >> 1
        if program >= len(self._output_counts):
            raise ProtocolViolation(f"the guest named program {program} of {len(self._output_counts)}")
        if kind == _PENDING:
            self._take_pending(program, port, payload)
            return
        if self._program < 0:
            self._program = program
            self._limits = self._all_limits[program]
            self._output_count = self._output_counts[program]
        elif program != self._program or self._pending:
            raise ProtocolViolation("the guest began an invocation within another")
        if kind == _EMIT:
            self._take_emission(port, payload)
        elif kind == _INPUT:
            self._cause = (port, self._value(payload))
        elif kind != _NOTHING:
            self._take(kind, payload)
        if flags & _CLOSES:
            self._close()

    def _take_emission(self, port: int, payload: bytes) -> None:
        if port >= self._output_count:
            raise ProtocolViolation(f"the guest emitted on output {port} of {self._output_count}")
        self._emissions.append((port, self._value(payload)))
        if len(self._emissions) > self._limits.emissions:
            most = self._limits.emissions
            raise OutputLimitExceeded("one invocation emitted too many values", "emissions", most)
        self._emitted_bytes += len(payload)

    def _take_pending(self, program: int, port: int, payload: bytes) -> None:
        if self._program >= 0:
            raise ProtocolViolation("the guest handed values over within an invocation")
        self._pending.append((program, port, self._value(payload)))

    def _close(self) -> None:
        effects, cause = self._effects(self._emissions), self._cause
        if (effects.error is None) != (cause is None):
            raise ProtocolViolation("an error record and an input record belong together")
        is_plain = not (self._traced or effects.logs or effects.state or cause)
        if is_plain and self._run == self._program:
            self._steps[-1].effects.emissions += effects.emissions
        else:
            self._steps.append(Step(self._program, effects, cause))
        self._run = self._program if is_plain else -1
        self._emissions = []
        self._program = -1
        self._cause = None

    def passage(self, closed: int, begun: int, shares: Sequence[Share], batch: Sequence[Message]) -> Passage:
        """What was read, when it agrees with what the guest counted.

        Raises:
            GuestFault: something was wrong.
        """
        if self._violation is not None:
            raise self._violation
        if self._program >= 0:
            raise ProtocolViolation("the guest ended within an invocation")
        self._check_counts(closed, begun, shares, batch)
        return Passage(self._steps, begun, self._pending, shares)

    def _check_counts(self, closed: int, begun: int, shares: Sequence[Share], batch: Sequence[Message]) -> None:
        """Every value that was passed on was taken, or is pending; every message begun was taken."""
        if not 0 < begun <= len(batch) or not 0 < closed <= MOST_INVOCATIONS:
            raise ProtocolViolation(f"the guest says that it began {begun} messages of {len(batch)}")
        came = [0] * (len(shares) + 1)
        for program, _, _ in batch[:begun]:
            came[program] += 1
        for program, _, _ in self._pending:
            came[program] -= 1
        for program, (_, passed, emitted) in enumerate(shares):
            came[program + 1] += passed
            if passed > emitted:
                raise ProtocolViolation("the guest says that it passed on more than it emitted")
        if came != [*(share[0] for share in shares), 0] or sum(came) != closed:
            raise ProtocolViolation("the guest's counts of invocations and of values contradict each other")
