"""Pieces of the translator's memory: what the host sends to a component, and what comes back. Pure.

Both are laid out as the Canonical ABI of the Component Model lays out the types of wit/symbia-component.wit: a
string or a list is an address and a length, an option or an enum begins with one byte. What is sent lands at
``BASE``, the answer at the next multiple of 16 behind it. All addresses of an answer were written by Wasmtime's
code, not by the component; they are checked all the same.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from wasm_host.errors import GuestError, ProtocolError
from wasm_host.guest.abi import Effects, Level, LogLine
from wasm_host.guest.json_text import check_refused, is_json
from wasm_host.limits import GuestLimits

BASE = 4096
"""The address from which the translator's memory is handed out."""

PIECE_BYTES = 256 * 1024
"""Bytes moved in one step, as in translator.wat: a millisecond or two. Even, so that pieces lie side by side."""

_WHOLE = struct.Struct("<I")
_WHOLE_OFFSET = 60

_READ_AT_ONCE_BYTES = 64 * 1024
"""Bytes read without a pause, 64 counted for each item: about a millisecond."""

_LEVELS: tuple[Level, ...] = ("debug", "info", "warn", "error")

_PAIR = struct.Struct("<II")
_BATCH_HEAD = struct.Struct("<IIQ")
_MESSAGE = struct.Struct("<IIII")
_PLACE_TAIL = struct.Struct("<B7xQQ")
_STATE_WRITE = struct.Struct("<IIB3xII")
_LOG_LINE = struct.Struct("<B3xIIB3xII")
_EFFECTS = struct.Struct("<IIIIIIB3xIIIIII")


class _MemoryLayout:
    """A memory layout that grows from BASE; strings and lists go behind the head whose addresses name them."""

    def __init__(self, head_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._parts: list[bytes] = []
        self._end = BASE + head_bytes

    def put(self, data: bytes, align: int = 1) -> int:
        padding = -self._end % align
        at = self._end + padding
        self._parts += (b"\0" * padding, data)
        self._end = at + len(data)
        return at

    def text(self, text: str) -> bytes:
        data = text.encode()
        return _PAIR.pack(self.put(data), len(data))

    def texts(self, texts: Sequence[str]) -> bytes:
        return _PAIR.pack(self.put(b"".join([self.text(each) for each in texts]), 4), len(texts))

    def json(self, value: bytes) -> bytes:
        return _PAIR.pack(self.put(value), len(value))

    def whole(self, head: bytes) -> bytes:
        return head + b"".join(self._parts)


def encode_place(
    names: Iterable[str],
    config: bytes,
    inputs: Sequence[str],
    outputs: Sequence[str],
    state: Mapping[str, bytes],
    *,
    restored: bool,
    seed: int,
    now_ms: float,
) -> bytes:
    """Return the record ``place``. ``names`` are the ids of the execution, the node and the instance."""
    layout = _MemoryLayout(7 * _PAIR.size + _PLACE_TAIL.size)
    head = [layout.text(name) for name in names]
    head.append(layout.json(config))
    head += [layout.texts(inputs), layout.texts(outputs)]
    entries = [layout.text(key) + layout.json(value) for key, value in state.items()]
    head.append(_PAIR.pack(layout.put(b"".join(entries), 4), len(entries)))
    head.append(_PLACE_TAIL.pack(restored, seed & 0xFFFF_FFFF_FFFF_FFFF, max(0, int(now_ms))))
    return layout.whole(b"".join(head))


def encode_messages(batch: Sequence[tuple[int, bytes]], port_names: Sequence[bytes], now_ms: float) -> bytes:
    """Return the arguments of ``process``: the list's address and length, the time, then the list ``messages``.

    Args:
        batch: (input port index, JSON text, which is UTF-8) for each message
        port_names: names of the input ports, UTF-8
        now_ms: milliseconds since 1970
    """
    at = BASE + _BATCH_HEAD.size + len(batch) * _MESSAGE.size
    ports = []
    for name in port_names:
        ports.append((at, len(name)))
        at += len(name)
    numbers: list[int] = []
    values = []
    for port, value in batch:
        size = len(value)
        numbers += (*ports[port], at, size)
        values.append(value)
        at += size
    head = _BATCH_HEAD.pack(BASE + _BATCH_HEAD.size, len(batch), max(0, int(now_ms)))
    return b"".join((head, struct.pack(f"<{len(numbers)}I", *numbers), *port_names, *values))


def whole_length(first_piece: bytes) -> int:
    """Return how long an answer is, all pieces together, by its first one. Raises ProtocolError."""
    if len(first_piece) < _WHOLE_OFFSET + _WHOLE.size:
        raise ProtocolError(f"an answer begins with {len(first_piece)} bytes, which is too few")
    return int(_WHOLE.unpack_from(first_piece, _WHOLE_OFFSET)[0])


class AnswerReader:
    """A reader of an answer, into ``effects``, with pauses: it may be long, and others want to run.

    Args:
        data: the memory from the answer's first byte
        input_bytes: the length of what was sent
        ports: index of each output port by name
        limits: bounds of one invocation; beyond one it becomes an error
    """

    def __init__(self, data: bytes, input_bytes: int, ports: Mapping[bytes, int], limits: GuestLimits) -> None:
        self._data = data
        self._base = BASE + input_bytes + (-input_bytes % 16)
        self._ports = ports
        self._limits = limits
        self._work = 0
        self._came: bytes | None = None
        self.effects: list[Effects] = []

    def read_one(self) -> Iterator[None]:
        """Read the answer of ``open`` or ``close``, one record. Stops now and then; see ``read``."""
        yield from self._effects(self._at(self._base, _EFFECTS.size))

    def read(self, values: Sequence[bytes]) -> Iterator[None]:
        """Read the answer of ``process``, a list of a record for each of the values; iterate to the end.

        What a record emits that is its value, byte for byte, is that value: it was checked when it came, and is
        not kept twice.

        Raises:
            ProtocolError: the answer cannot be what the contract says.
        """
        address, length = _PAIR.unpack_from(self._data, self._at(self._base, _PAIR.size))
        count = len(values)
        if length != count:
            raise ProtocolError(f"process returned {length} effects for {count} messages; return one for each")
        at = self._at(address, count * _EFFECTS.size)
        for index, self._came in enumerate(values):
            yield from self._effects(at + index * _EFFECTS.size)

    def _is_time_to_pause(self, size: int) -> bool:
        """Return whether so much was read since the last pause, ``size`` included."""
        self._work += 64 + size
        if self._work < _READ_AT_ONCE_BYTES:
            return False
        self._work = 0
        return True

    def _at(self, address: int, size: int) -> int:
        at = address - self._base
        if at < 0 or at + size > len(self._data):
            raise ProtocolError(f"an answer names {size} bytes at {address}, where it has none")
        return at

    def _bytes(self, address: int, length: int) -> bytes:
        if not length:
            return b""
        at = self._at(address, length)
        return self._data[at : at + length]

    def _text(self, address: int, length: int) -> str:
        """Return text.

        It is UTF-8 as long as Wasmtime does what it says, and whatever happens no reason to fail.
        """
        return self._bytes(address, length).decode(errors="replace")

    def _effects(self, at: int) -> Iterator[None]:
        emissions, emitted, writes, written, lines, logged, failed, *failure = _EFFECTS.unpack_from(self._data, at)
        effects = Effects([])
        self.effects.append(effects)
        if logged:
            logs: list[LogLine] = []
            effects.logs = logs
            yield from self._logs(lines, logged, logs)
        if failed:
            effects.error = self._failure(failure)
            return
        try:
            yield from self._emissions(emissions, emitted, effects.emissions)
            if written:
                state: list[tuple[str, bytes | None]] = []
                effects.state = state
                yield from self._state(writes, written, state)
        except _InvocationError as problem:
            effects.emissions, effects.state = [], ()
            effects.error = GuestError(problem.name, str(problem))

    def _failure(self, numbers: Sequence[int]) -> GuestError:
        limit = self._limits.log_bytes
        parts = [self._text(numbers[i], min(numbers[i + 1], limit)) for i in (0, 2, 4)]
        return GuestError(parts[0] or "Error", parts[1], parts[2])

    def _emissions(self, address: int, count: int, emissions: list[tuple[int, bytes]]) -> Iterator[None]:
        limits = self._limits
        if count > limits.emissions:
            raise _beyond("emitted too many values", "emissions", limits.emissions)
        at = self._at(address, count * _MESSAGE.size) if count else 0
        total = 0
        for index in range(count):
            name_at, name_bytes, value_at, value_bytes = _MESSAGE.unpack_from(self._data, at + 16 * index)
            total += value_bytes
            if total > limits.output_bytes:
                raise _beyond("emitted too much", "output_bytes", limits.output_bytes)
            port = self._ports.get(self._bytes(name_at, min(name_bytes, 1024)))
            if port is None:
                raise self._unknown_port(self._bytes(name_at, min(name_bytes, 100)))
            emissions.append((port, self._json(value_at, value_bytes, "an emission")))
            if self._is_time_to_pause(value_bytes):
                yield

    def _unknown_port(self, name: bytes) -> "_InvocationError":
        declared = ", ".join(each.decode() for each in self._ports)
        wrong = name.decode(errors="replace")
        return _InvocationError("PortError", f"emitted on the port '{wrong}'; the declared ones are {declared}")

    def _state(self, address: int, count: int, writes: list[tuple[str, bytes | None]]) -> Iterator[None]:
        limits = self._limits
        if count > limits.state_keys:
            raise _beyond("wrote too many state keys", "state_keys", limits.state_keys)
        at = self._at(address, count * _STATE_WRITE.size) if count else 0
        total = 0
        for index in range(count):
            row = _STATE_WRITE.unpack_from(self._data, at + _STATE_WRITE.size * index)
            key_at, key_bytes, present, value_at, value_bytes = row
            total += key_bytes + (value_bytes if present else 0)
            if total > limits.state_bytes:
                raise _beyond("wrote too much state", "state_bytes", limits.state_bytes)
            key = self._text(key_at, key_bytes)
            writes.append((key, self._json(value_at, value_bytes, f"the state '{key}'") if present else None))
            if self._is_time_to_pause(value_bytes):
                yield

    def _logs(self, address: int, count: int, lines: list[LogLine]) -> Iterator[None]:
        """Read lines within the limits, and add one that says how many there were beyond."""
        limits = self._limits
        at = self._at(address, count * _LOG_LINE.size)
        total = 0
        for index in range(min(count, limits.log_lines)):
            row = _LOG_LINE.unpack_from(self._data, at + _LOG_LINE.size * index)
            level, text_at, text_bytes, has_meta, meta_at, meta_bytes = row
            total += text_bytes + (meta_bytes if has_meta else 0)
            if total > limits.log_bytes:
                break
            meta = self._meta(meta_at, meta_bytes) if has_meta else None
            lines.append(LogLine(_LEVELS[level & 3], self._text(text_at, text_bytes), meta))
            if self._is_time_to_pause(text_bytes):
                yield
        if len(lines) < count:
            lines.append(LogLine("warn", f"{count - len(lines)} further log lines were dropped"))

    def _meta(self, address: int, length: int) -> bytes:
        data = self._bytes(address, length)
        try:
            _check(data)
        except (msgspec.DecodeError, RecursionError):
            return msgspec.json.encode(data.decode(errors="replace"))
        return data

    def _json(self, address: int, length: int, what: str) -> bytes:
        data = self._bytes(address, length)
        if data == self._came:
            return self._came
        try:
            _check(data)
        except (msgspec.DecodeError, RecursionError) as problem:
            raise _InvocationError("ValueError", f"{what} is not JSON text: {problem}") from None
        return data


class _InvocationError(Exception):
    """The return value of one invocation is wrong; the others of its batch are not touched by it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def _beyond(what: str, limit: str, value: int) -> _InvocationError:
    kind = "StateLimitExceeded" if limit.startswith("state") else "OutputLimitExceeded"
    return _InvocationError(kind, f"one invocation {what}: {limit} is limited to {value}")


def _check(text: bytes) -> None:
    """See that a text is JSON; raise what :mod:`wasm_host.guest.json_text` raises."""
    try:
        is_json(text)
    except msgspec.DecodeError:
        check_refused(text)
