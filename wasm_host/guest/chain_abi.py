"""The framing of a chain's calls: a batch of messages for its programs, and what came of them.

The contract stands at the end of quickjs/symbia.h. As in ``abi``, a guest is hostile, and nothing it says is
trusted unchecked. Here a single violation voids the whole call: there is no telling which message it belongs to.
"""

import struct
from collections.abc import Sequence

import msgspec

from wasm_host.errors import GuestError, OutputLimitError, ProtocolError
from wasm_host.guest.abi import RECORD, LogLine, OutputReader, Record
from wasm_host.guest.chain_ports import ChainPorts, ProgramCounts, ProgramPorts
from wasm_host.guest.json_text import check_refused, is_json

MOST_INVOCATIONS = 4096
"""Invocations of one call (quickjs/chain.c): some milliseconds, after which others have their turn."""

MOST_PENDING = 16_384
"""Values that one call may leave between its programs: room for what one invocation may emit, unless it asked for
more. Every further program could add as much, and the host would hold all of it without backpressure."""

_PLAIN_BYTES = 32 * 1024
"""Output that is read in one go: at most four thousand records, a few milliseconds."""

_NOTHING, _EMIT, _FORWARD = 0, 1, 2
_INPUT, _PENDING = 6, 7
_VALUES = frozenset((_EMIT, _INPUT, _PENDING))
_CLOSES = 1
_TOLD_EVERYTHING = 2
_PROGRAM, _LANE = 31, 6
"""The parts of the flags behind the bit of ``_CLOSES``: the program's index, and above it the lane."""

_PLACE_BYTES = 4
_JOINED_BYTES = 4096
"""The length of a value up to which it is worth a copy to have one text instead of two."""

_HEAD = struct.Struct("<IdIII")

Message = tuple[int, int, bytes]
"""The index of a program, of its input port, and JSON text."""

Pending = tuple[int, int, bytes]
"""The index of a way, the lane of the value that is still to be taken there, and the value, JSON text."""


class Step(msgspec.Struct, gc=False):
    """Effects of an invocation of one program; or of several that only emitted, where nobody traces.

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
    lane: int = 0


NOTHING_READ: tuple[list[Step], int, int] = ([], 0, 0)


class ChainResult(msgspec.Struct, frozen=True, gc=False):
    """The result of a call.

    ``steps`` are, of each program, in the order in which things happened. Of the batch, ``begun`` messages were
    begun, and with them all that followed is done but for ``pending``, which comes before the rest of the batch.
    ``passed`` counts the values that left by each outlet. ``size_bytes`` is what all of it took in the guest,
    and the bytes of the values in it that are messages of the batch.
    """

    steps: list[Step]
    begun: int
    pending: list[Pending]
    counts: Sequence[ProgramCounts]
    passed: Sequence[int]
    size_bytes: int = 0

    @property
    def has_written(self) -> bool:
        """True where a program has changed its state."""
        for step in self.steps:  # noqa: SIM110 - nearly always one step; making a generator costs more
            if step.state:
                return True
        return False


def told_of(lane: int, *, traced: bool, hears_outputs: bool) -> int:
    """Return what a call is to tell, and the lane of its messages, as one number of its input."""
    return lane << 16 | (_TOLD_EVERYTHING if traced else hears_outputs)


def encode_chain(batch: Sequence[Message], now_ms: float, told: int) -> tuple[int, bytes, Sequence[bytes]]:
    """Return the input of symbia_chain: its length, its head, and the values that are to stand behind that.

    Short values are in the head already: one text of all of them is made faster than each is handed over.
    """
    count = len(batch)
    if count == 1:
        program, port, value = batch[0]
        size = len(value)
        head = _HEAD.pack(1, now_ms, told, program << 16 | port, size)
        if size > _JOINED_BYTES:
            return len(head) + size, head, (value,)
        return len(head) + size, head + value, ()
    targets = [program << 16 | port for program, port, _ in batch]
    values = [value for _, _, value in batch]
    head = struct.pack(f"<IdI{2 * count}I", count, now_ms, told, *targets, *map(len, values))
    length = len(head) + sum(map(len, values))
    if length > _JOINED_BYTES * count:
        return length, head, values
    return length, head + b"".join(values), ()


def read_plain(
    data: bytes, programs: Sequence[ProgramPorts], batch: Sequence[Message], *, traced: bool
) -> tuple[list[Step], int, int]:
    """Read the invocations at the head of a stream that only emitted one value.

    Return also where they end, and how many bytes the values have that are messages of the batch.

    Under load, and beside a watcher, that is nearly all of most streams; ``ChainReader`` reads the rest. A value
    is looked at there too, if anything is wrong with it. Where nobody traces, those of one program are one step,
    whatever others did between them: nothing is promised about the order between edges.
    """
    steps: list[Step] = []
    at, end, named_bytes = 0, min(len(data), _PLAIN_BYTES), 0
    runs: list[Step | None] = [None] * len(programs)
    unpack = RECORD.unpack_from
    while at + 8 <= end:
        kind, flags, port, length = unpack(data, at)
        after = at + 8 + length
        program, lane = flags >> 1 & _PROGRAM, flags >> _LANE
        if not flags & _CLOSES or after > end or program >= len(programs) or lane > 1:
            break
        ports = programs[program]
        if kind == _EMIT:
            value = data[at + 8 : after]
            if port >= ports.outputs or length > ports.limits.output_bytes or not _is_good(value):
                break
        else:
            came = _named(data[at + 8 : after], batch) if kind == _FORWARD and port < ports.outputs else None
            if came is None:
                break
            value = came
            named_bytes += len(value)
        run = runs[program]
        if run is not None and run.lane == lane:
            run.emissions.append((port, value))
        else:
            run = Step(program, [(port, value)], lane=lane)
            steps.append(run)
            if not traced:
                runs[program] = run
        at = after
    return steps, at, named_bytes


def _named(payload: bytes, batch: Sequence[Message]) -> bytes | None:
    """Return the message of the batch that a record names by its place, where there is one."""
    place = int.from_bytes(payload, "little")
    return batch[place][2] if len(payload) == _PLACE_BYTES and place < len(batch) else None


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
        ports: the chain's.
        batch: the messages that were sent.
        traced: whether the guest was to tell everything.
        begun: what ``read_plain`` has read of it.
        length: as with ``OutputReader``.

    Attributes:
        named_bytes: of values that are messages of the batch.
    """

    __slots__ = (
        "_batch", "_cause", "_lane", "_pending", "_program", "_programs", "_runs", "_steps", "_traced", "_ways",
        "named_bytes",
    )  # fmt: skip

    def __init__(
        self,
        data: bytes,
        ports: ChainPorts,
        batch: Sequence[Message],
        begun: tuple[list[Step], int, int] = NOTHING_READ,
        *,
        traced: bool,
        length: int = 0,
    ) -> None:
        super().__init__(data, (), 0, ports.programs[0].limits, length)
        steps, self._at, self.named_bytes = begun
        self._batch = batch
        self._programs, self._ways = ports.programs, ports.ways
        self._traced = traced
        self._program = -1  # whose invocation is being read; none between two of them
        self._cause: tuple[int, bytes] | None = None
        self._lane = 0
        self._pending: list[Pending] = []
        self._steps = list(steps)
        self._runs: dict[int, Step] = {}  # by program, its last step, where that did nothing but emit

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
        program, lane = flags >> 1 & _PROGRAM, flags >> _LANE
        if program >= len(self._programs) or lane > 1:
            raise ProtocolError(f"the guest named program {flags >> 1} of {len(self._programs)}")
        if kind == _PENDING:
            self._take_pending(program, port, lane, payload)
            return
        if self._program < 0:
            self._program, self._lane = program, lane
            self._limits = self._programs[program].limits
            self._output_count = self._programs[program].outputs
        if program != self._program or lane != self._lane or self._pending:
            raise ProtocolError("the guest began an invocation within another, or after the last")
        if kind == _EMIT:
            self._take_emission(port, payload)
        elif kind == _FORWARD:
            self._take_named(port, payload)
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

    def _take_named(self, port: int, payload: bytes) -> None:
        value = _named(payload, self._batch)
        if value is None:
            raise ProtocolError(
                f"the guest handed on a message that is none of the {len(self._batch)} that it got"
            )
        self.named_bytes += len(value)
        self._take_emission(port, value)

    def _take_pending(self, program: int, way: int, lane: int, payload: bytes) -> None:
        if self._program >= 0:
            raise ProtocolError("the guest handed values over within an invocation")
        if way >= len(self._ways) or self._ways[way].program != program:
            raise ProtocolError(f"the guest passed a value on to program {program} by way {way}")
        self._pending.append((way, lane, payload))
        if len(self._pending) > MOST_PENDING:
            raise OutputLimitError("one call left too many values on their way", "emissions", MOST_PENDING)

    def _close(self) -> None:
        effects, cause = self._effects(self._emissions), self._cause
        if (effects.error is None) != (cause is None):
            raise ProtocolError("an error record and an input record belong together")
        is_plain = not (self._traced or effects.logs or effects.state or cause)
        count = len(effects.emissions)
        step = self._runs.pop(self._program, None)
        if step is not None and is_plain and step.lane == self._lane:
            if count > 1 and step.sizes is None:
                step.sizes = [1] * len(step.emissions)
            if step.sizes is not None:
                step.sizes.append(count)
            step.emissions += effects.emissions
        else:
            step = Step(self._program, effects.emissions, effects.logs, effects.error, effects.state, cause)
            step.lane = self._lane
            if count > 1:
                step.sizes = [count]
            self._steps.append(step)
        if is_plain:
            self._runs[self._program] = step
        self._emissions = []
        self._program = -1
        self._cause = None

    def rest(self) -> tuple[list[Step], list[Pending]]:
        """Return everything that was told, and what is pending.

        Raises:
            GuestFaultError: something was wrong.
        """
        if self._violation is not None:
            raise self._violation
        if self._program >= 0:
            raise ProtocolError("the guest ended within an invocation")
        return self._steps, self._pending
