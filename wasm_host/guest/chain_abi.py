"""The framing of a chain's calls: a batch of messages for its programs, and what came of them.

The contract stands at the end of quickjs/symbia.h. As in ``abi``, a guest is hostile, and nothing it says is
trusted unchecked. Here a single violation voids the whole call: there is no telling which message it belongs to.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from wasm_host.errors import GuestError, OutputLimitError, ProtocolError
from wasm_host.guest.abi import RECORD, LogLine, OutputReader, Record
from wasm_host.guest.json_text import check_refused, is_json
from wasm_host.limits import GuestLimits

MOST_PROGRAMS = 32
"""Programs of one chain: what quickjs/symbia.h has room for."""

MOST_INVOCATIONS = 4096
"""Invocations of one call (quickjs/chain.c): some milliseconds, after which others have their turn."""

MOST_PENDING = 16_384
"""Values that one call may leave between its programs: room for what one invocation may emit, unless it asked for
more. Every further program could add as much, and the host would hold all of it without backpressure."""

_PLAIN_BYTES = 32 * 1024
"""Output that is read in one go: at most four thousand records, a few milliseconds."""

_NOTHING, _EMIT = 0, 1
_INPUT, _PENDING = 6, 7
_VALUES = frozenset((_EMIT, _INPUT, _PENDING))
_CLOSES = 1
_TOLD_EVERYTHING = 2


_HEAD = struct.Struct("<IdIII")
_BLOCKS = [struct.Struct(f"<{5 + 3 * count}I") for count in range(MOST_PROGRAMS + 1)]


class ProgramPorts(NamedTuple):
    """The ports of a program of a chain.

    Attributes:
        outputs: how many output ports it has.
        link: the output port whose values go to the next program; None for the last one.
        limits: what it may use.
        input_port: the input port that receives what the program before it passes on.
    """

    outputs: int
    link: int | None
    limits: GuestLimits
    input_port: int = 0


Message = tuple[int, int, bytes]
"""The index of a program, of its input port, and JSON text."""

ProgramCounts = tuple[int, int, int]
"""Counts of one program in a call: invocations, values passed on, values emitted in all."""


class Step(msgspec.Struct, gc=False):
    """Effects of an invocation of one program; or of several in a row that only emitted, where nobody traces.

    ``cause`` is the message of an invocation that ended in an error: the index of its input port, and its value.
    ``sizes`` says how many values each of the invocations emitted; it is None where each emitted one, or none.
    The rest is as in ``abi.Effects``.
    """

    program: int
    emissions: list[tuple[int, bytes]]
    logs: Sequence[LogLine] = ()
    error: GuestError | None = None
    state: Sequence[tuple[str, bytes | None]] = ()
    cause: tuple[int, bytes] | None = None
    sizes: list[int] | None = None


NOTHING_READ: tuple[list[Step], int] = ([], 0)


class ChainResult(msgspec.Struct, frozen=True, gc=False):
    """The result of a call.

    ``steps`` are in the order in which things happened. Of the batch, ``begun`` messages were begun, and with them
    all that followed is done but for ``pending``, which comes before the rest of the batch. ``size_bytes`` is what
    all of it took in the guest.
    """

    steps: list[Step]
    begun: int
    pending: list[Message]
    counts: Sequence[ProgramCounts]
    size_bytes: int = 0

    @property
    def has_written(self) -> bool:
        """True where a program has changed its state."""
        for step in self.steps:  # noqa: SIM110 - nearly always one step; making a generator costs more
            if step.state:
                return True
        return False


def encode_chain(batch: Sequence[Message], now_ms: float, *, traced: bool, hears_outputs: bool = False) -> bytes:
    """Return the input of symbia_chain."""
    told = _TOLD_EVERYTHING if traced else hears_outputs
    count = len(batch)
    if count == 1:
        program, port, value = batch[0]
        return _HEAD.pack(1, now_ms, told, program << 16 | port, len(value)) + value
    targets = [program << 16 | port for program, port, _ in batch]
    values = [value for _, _, value in batch]
    return struct.pack(f"<IdI{2 * count}I", count, now_ms, told, *targets, *map(len, values)) + b"".join(values)


class Block(NamedTuple):
    """A chain's status block: where the output lies, how many invocations were closed, what each program did."""

    address: int
    length: int
    closed: int
    begun: int
    counts: list[ProgramCounts]


def read_block(block: bytes, programs: int) -> Block:
    """Read the block of a chain of so many programs."""
    address, length, closed, _, begun, *numbers = _BLOCKS[programs].unpack(block)
    each = iter(numbers)
    return Block(address, length, closed, begun, list(zip(each, each, each, strict=True)))


def block_bytes(programs: int) -> int:
    """Return how long the block of a chain of so many programs is."""
    return _BLOCKS[programs].size


def read_plain(data: bytes, programs: Sequence[ProgramPorts], *, traced: bool) -> tuple[list[Step], int]:
    """Read the invocations at the head of a stream that only emitted one value; return also where they end.

    Under load, and beside a watcher, that is nearly all of most streams; ``ChainReader`` reads the rest. A value
    is looked at there too, if anything is wrong with it.
    """
    steps: list[Step] = []
    at, end, run = 0, min(len(data), _PLAIN_BYTES), -1
    unpack = RECORD.unpack_from
    while at + 8 <= end:
        kind, flags, port, length = unpack(data, at)
        after = at + 8 + length
        program = flags >> 1
        if kind != _EMIT or not flags & _CLOSES or after > end or program >= len(programs):
            break
        ports = programs[program]
        value = data[at + 8 : after]
        if port >= ports.outputs or length > ports.limits.output_bytes or not _is_good(value):
            break
        if program == run:
            steps[-1].emissions.append((port, value))
        else:
            steps.append(Step(program, [(port, value)]))
            run = -1 if traced else program
        at = after
    return steps, at


def _is_good(value: bytes) -> bool:
    try:
        try:
            is_json(value)
        except msgspec.DecodeError:
            check_refused(value)
        return value.isascii() or bool(value.decode())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


class ChainReader(OutputReader):
    """A reader of the record stream of a chain's call.

    Args:
        data: what the status block pointed at.
        programs: the chain's, in order.
        traced: whether the guest was to tell everything.
        begun: what ``read_plain`` has read of it.
        length: as with ``OutputReader``.
    """

    __slots__ = ("_cause", "_pending", "_program", "_programs", "_run", "_steps", "_traced")

    def __init__(
        self,
        data: bytes,
        programs: Sequence[ProgramPorts],
        begun: tuple[list[Step], int] = NOTHING_READ,
        *,
        traced: bool,
        length: int = 0,
    ) -> None:
        super().__init__(data, (), 0, programs[0].limits, length)
        steps, self._at = begun
        self._programs = programs
        self._traced = traced
        self._program = -1  # whose invocation is being read; none between two of them
        self._cause: tuple[int, bytes] | None = None
        self._pending: list[Message] = []
        self._steps = list(steps)
        self._run = -1  # the program of the last step, where that did nothing but emit

    def _read(self, until: int) -> None:
        data, at = self._data, self._at
        end = len(data)
        unpack = RECORD.unpack_from
        while at < until:
            kind, flags, port, length = unpack(data, at)
            start = at + 8
            at = start + length
            if at > end:
                at = self._cut(at, start - 8)
                break
            payload = data[start:at]
            if kind in _VALUES:
                payload = self._value(payload)
            self._take_record(kind, flags, port, payload)
        self._at = at

    def _take_long(self, record: Record, payload: bytes) -> None:
        self._take_record(record.kind, record.flags, record.port, payload, is_long=True)

    def _take_record(self, kind: int, flags: int, port: int, payload: bytes, *, is_long: bool = False) -> None:
        """Take a record, whose value was checked, if it is one."""
        program = flags >> 1
        if program >= len(self._programs):
            raise ProtocolError(f"the guest named program {program} of {len(self._programs)}")
        if kind == _PENDING:
            self._take_pending(program, port, payload)
            return
        if self._program < 0:
            self._program = program
            self._limits = self._programs[program].limits
            self._output_count = self._programs[program].outputs
        if program != self._program or self._pending:
            raise ProtocolError("the guest began an invocation within another, or after the last")
        if kind == _EMIT:
            self._take_emission(port, payload)
        elif kind == _INPUT:
            self._cause = (port, payload)
        elif kind != _NOTHING:
            (self._take_other if is_long else self._take)(kind, payload)
        if flags & _CLOSES:
            self._close()

    def _take_emission(self, port: int, payload: bytes) -> None:
        if port >= self._output_count:
            raise ProtocolError(f"the guest emitted on output {port} of {self._output_count}")
        self._emissions.append((port, payload))
        if len(self._emissions) > self._limits.emissions:
            most = self._limits.emissions
            raise OutputLimitError("one invocation emitted too many values", "emissions", most)
        self._emitted_bytes += len(payload)

    def _take_pending(self, program: int, port: int, payload: bytes) -> None:
        if self._program >= 0:
            raise ProtocolError("the guest handed values over within an invocation")
        self._pending.append((program, port, payload))
        if len(self._pending) > MOST_PENDING:
            raise OutputLimitError("one call left too many values on their way", "emissions", MOST_PENDING)

    def _close(self) -> None:
        effects, cause = self._effects(self._emissions), self._cause
        if (effects.error is None) != (cause is None):
            raise ProtocolError("an error record and an input record belong together")
        is_plain = not (self._traced or effects.logs or effects.state or cause)
        count = len(effects.emissions)
        if is_plain and self._run == self._program:
            step = self._steps[-1]
            if count > 1 and step.sizes is None:
                step.sizes = [1] * len(step.emissions)
            if step.sizes is not None:
                step.sizes.append(count)
            step.emissions += effects.emissions
        else:
            step = Step(self._program, effects.emissions, effects.logs, effects.error, effects.state, cause)
            if count > 1:
                step.sizes = [count]
            self._steps.append(step)
        self._run = self._program if is_plain else -1
        self._emissions = []
        self._program = -1
        self._cause = None

    def rest(self) -> tuple[list[Step], list[Message]]:
        """Return everything that was told, and what is pending.

        Raises:
            GuestFaultError: something was wrong.
        """
        if self._violation is not None:
            raise self._violation
        if self._program >= 0:
            raise ProtocolError("the guest ended within an invocation")
        return self._steps, self._pending


def judge(
    result: ChainResult, closed: int, batch: Sequence[Message], programs: Sequence[ProgramPorts], *, traced: bool
) -> None:
    """Raise ProtocolError where what was told, what was counted and the batch do not agree."""
    count = result.begun
    if not 0 < count <= len(batch) or not 0 < closed <= MOST_INVOCATIONS:
        raise ProtocolError(f"the guest says that it began {count} messages of {len(batch)}")
    begun = batch if count == len(batch) else batch[:count]
    _check_counts(result, closed, begun)
    _check_inputs(result, begun, programs)
    if traced:
        _check_order(result, begun, programs)


def _check_counts(result: ChainResult, closed: int, begun: Sequence[Message]) -> None:
    """Check that every value passed on was taken or is pending, and that every message begun was taken."""
    shares = result.counts
    came = [0] * (len(shares) + 1)
    for program, _, _ in begun:
        came[program] += 1
    for program, _, _ in result.pending:
        came[program] -= 1
    for program, (_, passed, emitted) in enumerate(shares):
        came[program + 1] += passed
        if passed > emitted:
            raise ProtocolError("the guest says that it passed on more than it emitted")
    if came != [*[share[0] for share in shares], 0] or sum(came) != closed:
        raise ProtocolError("the guest's counts of invocations and of values contradict each other")


def _check_inputs(result: ChainResult, begun: Sequence[Message], programs: Sequence[ProgramPorts]) -> None:
    """Check that a message that comes back, or an error's cause, came in at an input where something can."""
    first = min([program for program, _, _ in begun])
    for program, port, _ in result.pending:
        if program <= first or port != programs[program].input_port:
            raise ProtocolError(f"the guest passed a value on to input {port} of program {program}")
    for step in result.steps:
        if step.cause is None or (step.program > first and step.cause[0] == programs[step.program].input_port):
            continue
        if not any(step.program == program and step.cause[0] == port for program, port, _ in begun):
            raise ProtocolError(f"the guest tells of an error at input {step.cause[0]} of {step.program}")


def _check_order(result: ChainResult, begun: Sequence[Message], programs: Sequence[ProgramPorts]) -> None:
    """Check that every invocation told of had a message: one passed on before, or the next of the batch."""
    waiting = [0] * (len(programs) + 1)
    at = 0
    for step in result.steps:
        program = step.program
        if waiting[program]:
            waiting[program] -= 1
        elif at < len(begun) and begun[at][0] == program:
            at += 1
        else:
            raise ProtocolError(f"the guest tells of an invocation of program {program} without a message")
        link = programs[program].link
        for port, _ in step.emissions:
            if port == link:
                waiting[program + 1] += 1
    for program, _, _ in result.pending:
        waiting[program] -= 1
    if at != len(begun) or any(waiting):
        raise ProtocolError("the guest does not tell of every invocation")
