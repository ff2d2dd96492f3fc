"""Take over what a guest has written, a window at a time: megabytes are copied and checked in many steps.

Nearly all output is a few hundred bytes, in one window. Of a long stream the reader is given windows that begin
with a record; a record that is longer than a window is copied by itself, its JSON checked in the sandbox
(json_check.py), and never held twice.
"""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import trio
import wasmtime

from wasm_host.errors import GuestFaultError, OutputLimitError, ProtocolError
from wasm_host.guest.abi import EMIT, INPUT, KEY_LENGTH, PENDING, RECORD, STATE, OutputReader, Record
from wasm_host.guest.json_check import PIECE_BYTES, Verdicts
from wasm_host.wasmtime_c import core as capi

READ_AT_ONCE_BYTES = 16 * 1024
_STEP_SECONDS = 0.001
"""Output that is read without a look at the clock, at most two thousand records in a millisecond or two; and for
how long this goes on without a look at other tasks."""

Turn = Callable[[], AbstractAsyncContextManager[None]]
"""The guest's next turn."""

WINDOW_BYTES = 512 * 1024
"""Output that is copied in one go, and the longest value that is checked in one go. The error of a program in
JavaScript fits into it, whatever characters it is made of."""

_COPIED_BYTES = 512 * 1024
"""Bytes of a long record, copied in one step: 128 pages, up to half a millisecond where they are fresh."""

_VERDICTS = Verdicts()


class JsonChecker:
    """A checker of long JSON texts in the sandbox, each in an instance of its own.

    Args:
        engine: the host's
        module: json_check.MODULE_TEXT, compiled
    """

    def __init__(self, engine: capi.Engine, module: capi.Module) -> None:
        self._engine = engine
        self._module = module
        self._linker = wasmtime.Linker(engine)

    async def verdict(self, text: bytes, turn: Turn, start: int = 0) -> int:
        """Return one of ``Verdicts`` for the text from ``start`` on."""
        store = capi.Store(self._engine, memory_bytes=4 * PIECE_BYTES, table_elements=1)
        try:
            pending, raw = store.start_instance(self._linker, self._module)
            await _finished(pending)
            instance = store.instance(raw)
            instance.use_memory()
            feed, end = instance.function("feed"), instance.function("end")
            assert feed is not None  # noqa: S101 - the module is ours
            assert end is not None  # noqa: S101
            for at in range(start, len(text), PIECE_BYTES):
                async with turn():
                    piece = text[at : at + PIECE_BYTES]
                    instance.write(0, piece)
                    verdict = await _finished(store.start(feed, len(piece)))
                if verdict != _VERDICTS.fine:
                    return verdict
            return await _finished(store.start(end, None))
        finally:
            store.close()


async def _finished(pending: capi.Pending) -> int:
    while not pending.poll():
        await trio.lowlevel.checkpoint()
    return pending.result()


def window(instance: capi.Instance, address: int, length: int, at: int = 0) -> bytes:
    """Return the bytes of a stream from ``at`` on, as many as are copied in one go. Raises ProtocolError."""
    data = instance.read(address + at, min(WINDOW_BYTES, length - at))
    if data is None or not instance.holds(address, length):
        raise ProtocolError(f"the guest's output, {length} bytes at {address}, lies outside its memory")
    return data


async def read_rest(
    checker: JsonChecker,
    turn: Turn,
    instance: capi.Instance,
    address: int,
    length: int,
    reader: OutputReader,
) -> None:
    """Let a reader, which was given the first window, read a stream of so many bytes to its end.

    Each step is taken in turn with the guests that run for long: it is their work, too.

    Args:
        checker: of long values
        turn: makes the guest's next turn
        instance: where the stream lies
        address: of its first byte
        length: of the stream
        reader: has read what is in the first window, or a part of it

    Raises:
        ProtocolError: the stream is gone.
    """
    while True:
        is_read = _is_read(reader)
        while not is_read:
            async with turn():
                is_read = _is_read(reader)
        at = reader.next_at
        if at >= length:
            return
        await trio.lowlevel.checkpoint()
        data = window(instance, address, length, at)
        if length - at >= RECORD.size:
            record = Record(*RECORD.unpack_from(data))
            end = at + RECORD.size + record.length
            if end > length:
                reader.refuse(ProtocolError("the guest wrote a record that is longer than its output"))
                return
            if end - at > WINDOW_BYTES:
                await _read_long(checker, turn, instance, address + at, record, reader)
                at = end
                data = window(instance, address, length, at)
        reader.go_on(at, data)


def _is_read(reader: OutputReader) -> bool:
    """Read for a millisecond; return whether all is read."""
    began = time.perf_counter()
    while not reader.read(READ_AT_ONCE_BYTES):
        if time.perf_counter() - began > _STEP_SECONDS:
            return False
    return True


async def _read_long(
    checker: JsonChecker, turn: Turn, instance: capi.Instance, address: int, record: Record, reader: OutputReader
) -> None:
    try:
        payload = await _payload(turn, instance, address + RECORD.size, record.length)
        start = _json_at(record, payload)
        if start >= 0:
            verdict = await checker.verdict(payload, turn, start)
            if verdict == _VERDICTS.deep:
                raise OutputLimitError("a value is nested too deeply to be read", "output_bytes", len(payload))
            if verdict != _VERDICTS.fine:
                raise ProtocolError("the guest wrote a record that cannot be read: its value is not JSON")
    except GuestFaultError as wrong:
        reader.refuse(wrong)
    else:
        reader.take_long(record, payload)


def _json_at(record: Record, payload: bytes) -> int:
    """Return where the record's value begins; -1 where it has none, or it is read elsewhere."""
    if record.kind in (EMIT, INPUT, PENDING):
        return 0
    if record.kind == STATE:
        (key_bytes,) = KEY_LENGTH.unpack_from(payload)
        return min(KEY_LENGTH.size + int(key_bytes), len(payload))
    return -1


async def _payload(turn: Turn, instance: capi.Instance, address: int, length: int) -> bytes:
    payload = capi.unwritten_bytes(length)
    for at in range(0, length, _COPIED_BYTES):
        async with turn():
            is_copied = instance.copy(address + at, payload, at, min(_COPIED_BYTES, length - at))
        if not is_copied:
            raise ProtocolError("the guest's output is gone, or lies outside its memory")
    return payload
