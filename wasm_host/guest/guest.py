"""One guest: an instance of a module that speaks the ABI, called in time slices (metering.py).

What is between the calls: the document of its program, batches and their answers, and what is wrong with these.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import trio

from wasm_host.errors import GuestFaultError, GuestTrapError, ModuleError, OutputLimitError, ProtocolError
from wasm_host.guest import abi
from wasm_host.guest.abi import Effects, LogLine
from wasm_host.guest.metering import GuestCounters, GuestRuntime, MeteredStore, OnSliceEnd
from wasm_host.guest.output import READ_AT_ONCE_BYTES, read_rest, window
from wasm_host.guest.under_way import UnderWay, closed_bytes
from wasm_host.limits import GuestLimits, most_output_bytes
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.exchange import Exchange, open_exchange

_FIRST_INPUT_BYTES = 16 * 1024
KEPT_INPUT_BYTES = 1024 * 1024
_WRITTEN_BYTES = 256 * 1024
"""Copied into a guest without a look at other tasks."""

_NOTED_BYTES = 1024
"""Output that takes so long to be read that the time counts."""

_BATCH_SLACK_BYTES = 8 * 1024 * 1024
"""A guest may finish some messages of a batch before it hands over; the host reads at most so much more."""


_OPENED = (0, abi.OPENED_TO_FLUSH)
_OPEN_CODES = (*_OPENED, abi.OPEN_PROGRAM_REFUSED, abi.OPEN_INITIALIZE_FAILED)

_NO_INPUT = b"null"
"""The input of what has none, which a guest may forward."""


class OpenResult(NamedTuple):
    """The end of an opening: 0 or one of the codes of :mod:`wasm_host.guest.abi`, and its effects."""

    code: int
    effects: Effects


class BatchResult(NamedTuple):
    """The end of a batch: effects of the messages closed, then what ended the guest, if something did.

    A fault is the doing of the first message that is not closed; or of any of them, where the culprit is unknown.
    """

    closed: list[Effects]
    unfinished_logs: list[LogLine]
    fault: GuestFaultError | None
    is_culprit_unknown: bool = False


class Guest(MeteredStore):
    """One instance, from instantiation to ``discard``. After a fault it must be discarded."""

    def __init__(
        self,
        runtime: GuestRuntime,
        limits: GuestLimits,
        counters: GuestCounters,
        output_count: int,
        on_slice_end: OnSliceEnd | None = None,
        instances: int = 1,
        *,
        is_ours: bool = False,
    ) -> None:
        super().__init__(runtime, limits, counters, on_slice_end, instances, is_ours=is_ours)
        self._output_count = output_count
        self.output_bytes = 0
        """The bytes that the last call has written."""
        self._under_way: UnderWay | None = None
        self._input_at = 0
        self._input_capacity = 0
        self._output_bytes_at_most = most_output_bytes(limits) + _BATCH_SLACK_BYTES

    @property
    def memory_bytes(self) -> int:
        """The size of the guest's linear memory."""
        return self._instance.memory_bytes() if self._store else 0

    async def probe(self, module: capi.Module) -> None:
        """Instantiate the module and ask which ABI it speaks; its program does not begin. Raises as ``open``."""
        await self._instantiate(module)

    async def open(self, module: capi.Module, document: Sequence[bytes]) -> OpenResult:
        """Instantiate the module and open the program.

        Args:
            module: a compiled module
            document: the input of symbia_open, framed, in pieces

        Raises:
            ModuleError: the module is not a guest.
            GuestFaultError: it did not survive; discard it.
        """
        try:
            await self._instantiate(module)
        except GuestFaultError as fault:
            raise self._explained(fault) from None
        return await self._begin(document)

    async def _begin(self, document: Sequence[bytes]) -> OpenResult:
        """Open a program in the instance."""
        length = sum(map(len, document))
        try:
            await self._write_all(await self._input(length), document)
            self._clear_status()
            code = await self._call(self._open, length)
        except GuestFaultError as fault:
            raise self._explained(fault) from None
        output = await self._output([_NO_INPUT])
        if output.violation:
            raise output.violation
        if len(output.closed) != 1 or code not in _OPEN_CODES:
            raise ProtocolError(f"symbia_open answered {code} and closed {len(output.closed)} messages")
        effects = output.closed[0]
        if (code in _OPENED) != (effects.error is None):
            raise ProtocolError("symbia_open's answer and its error record contradict each other")
        return OpenResult(code, effects)

    def hold_to(self, limits: GuestLimits, output_count: int) -> None:
        """Let these limits hold from the next call on; the bound of the memory stays what it was."""
        self._limits = limits
        self._output_count = output_count

    async def process(self, batch: Sequence[tuple[int, bytes]], now_ms: float) -> BatchResult:
        """Run a batch. Never raises for what the guest did: see ``BatchResult``.

        Where the guest is still at work on it, and has done with the first messages, these are answered. The next
        call must be with the others, which are its ``rest``, and goes on.
        """
        if self._under_way is not None:
            return await self._process_on(self._under_way)
        values = [value for _, value in batch]
        fault: GuestFaultError | None = None
        pending = None
        try:
            if len(values[0]) > KEPT_INPUT_BYTES:
                pending = self._start(self._process, await self._write_long(batch, now_ms))
            else:
                data = abi.encode_batch(batch, now_ms)
                length = len(data)
                if length > self._input_capacity or self._input_capacity > KEPT_INPUT_BYTES:
                    await self._input(length)
                pending = self._send(self._process, self._processing, length, data)
            if len(batch) == 1 or not self._is_ours:
                check_code(await self._run(pending, len(batch)))
            elif not self._has_ended(pending):
                return await self._process_on(UnderWay(pending, list(batch)))
        except GuestFaultError as problem:
            fault = problem
        return await self._report(values, fault, pending)

    @property
    def rest(self) -> Sequence[tuple[int, bytes]]:
        """The messages that it is still at work on."""
        return () if self._under_way is None else self._under_way.batch

    def _has_ended(self, pending: capi.Pending) -> bool:
        """Begin to run a batch; return whether that was all. Raises as ``_run`` does, and for its answer."""
        has_ended = True
        try:
            has_ended = self._begin_run(pending)
            if has_ended:
                check_code(pending.result())
        except capi.TrapError as trap:
            raise self._fault_of(trap) from None
        finally:
            if has_ended:
                pending.delete()
        return has_ended

    async def _process_on(self, call: UnderWay) -> BatchResult:
        """Go on with a batch that has begun; return what it has come to."""
        self._under_way = None  # unless there is more to come
        values = [value for _, value in call.batch]
        fault: GuestFaultError | None = None
        has_ended = True
        try:
            call.go_on()
            code = await self._go_on(call)
            has_ended = code is not None
            check_code(code or 0)
        except GuestFaultError as problem:
            fault = problem
        result = await self._report(values, fault, None, call, has_ended=has_ended)
        if not has_ended and result.fault is None:
            call.pause(len(result.closed))
            self._under_way = call
        return result

    async def _report(
        self,
        values: list[bytes],
        fault: GuestFaultError | None,
        ended: capi.Pending | None,
        call: UnderWay | None = None,
        *,
        has_ended: bool = True,
    ) -> BatchResult:
        try:
            if fault:
                fault = self._explained(fault)
            output = await self._output(values, ended, call, has_ended=has_ended)
        except GuestFaultError as problem:
            return BatchResult([], [], fault or problem)
        fault = fault or output.violation
        if fault is None and not output.closed:
            fault = ProtocolError("the guest returned without closing a message")
        return BatchResult(output.closed, output.unfinished_logs, fault)

    async def flush(self, now_ms: float) -> Effects:
        """Let the program say its last word, because no further message comes. Raises GuestFaultError."""
        effects, code = await self._call_of_none("symbia_flush", now_ms)
        check_code(code)
        return effects

    async def next(self, now_ms: float) -> tuple[Effects, int]:
        """Ask a source for more; return what came, and in how many milliseconds it wants to be asked again.

        ``abi.NO_MORE`` says: never. Raises GuestFaultError.
        """
        effects, code = await self._call_of_none("symbia_next", now_ms)
        if abi.LONGEST_PAUSE_MS < code != abi.NO_MORE:
            check_code(code)
        return effects, code

    async def _call_of_none(self, export: str, now_ms: float) -> tuple[Effects, int]:
        """Call what is handed no message, and makes one."""
        data = abi.encode_clock(now_ms)
        try:
            self._write(await self._input(len(data)), data)
            self._clear_status()
            code = await self._call(self._export(export), len(data))
        except GuestFaultError as fault:
            raise self._explained(fault) from None
        output = await self._output([_NO_INPUT])
        if output.violation:
            raise output.violation
        if len(output.closed) != 1:
            raise ProtocolError(f"{export} closed {len(output.closed)} messages")
        return output.closed[0], code

    async def close(self) -> Effects:
        """Run cleanup, within ``close_ms``. Raises GuestFaultError; discard the guest in any case."""
        self._clear_status()
        await self._call(self._close, None, cpu_ms=self._limits.close_ms)
        output = await self._output([_NO_INPUT])
        if output.violation:
            raise output.violation
        return output.closed[0] if output.closed else Effects([])

    async def _instantiate(self, module: capi.Module) -> None:
        store = self._living()
        pending, raw_instance = store.start_instance(self._runtime.linker, module)
        await self._run(pending, is_short=self._is_ours)
        self._instance = store.instance(raw_instance)
        if not self._instance.use_memory():
            raise ModuleError("the module does not export its memory as 'memory'")
        self._count_memory(self._instance.memory_bytes())
        initialize = self._instance.function("_initialize")
        if initialize is not None:
            await self._run(store.start(initialize, None, results=0), is_short=self._is_ours)
        version = await self._prepare(self._export("symbia_abi"), None)
        if version != abi.ABI_VERSION:
            raise ModuleError(f"the module speaks version {version} of the guest ABI, this host {abi.ABI_VERSION}")
        self._status_at = await self._prepare(self._export("symbia_status"), None)
        awaited = self._instance.function("symbia_awaited")
        self._awaited_at = await self._prepare(awaited, None) if awaited is not None else 0
        self._take_input = self._export("symbia_input")
        self._open = self._export("symbia_open")
        self._process = self._export("symbia_process")
        self._processing = self._open_exchange(self._process, abi.STATUS.size)
        self._close = self._export("symbia_close")

    def _export(self, name: str) -> capi.Function:
        function = self._instance.function(name)
        if function is None:
            raise ModuleError(f"the module does not export the function '{name}'")
        return function

    async def _input(self, length: int) -> int:
        capacity = max(length, _FIRST_INPUT_BYTES)
        self._input_capacity = 0
        self._input_at = await self._prepare(self._take_input, capacity)
        if not self._input_at:
            raise self._out_of_memory()
        self._input_capacity = capacity
        return self._input_at

    def _write(self, address: int, data: bytes) -> None:
        if not self._instance.write(address, data):
            raise ProtocolError(f"the guest's input buffer at {address} does not hold {len(data)} bytes")

    async def _write_all(self, address: int, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            for start in range(0, len(piece), _WRITTEN_BYTES):
                part = piece if len(piece) <= _WRITTEN_BYTES else piece[start : start + _WRITTEN_BYTES]
                self._write(address + start, part)
                if len(part) == _WRITTEN_BYTES:
                    await trio.lowlevel.checkpoint()
            address += len(piece)

    async def _write_long(self, batch: Sequence[tuple[int, bytes]], now_ms: float) -> int:
        """Write a batch, whose values are long, without making one text of it first; return its length."""
        head, values = abi.encode_head(batch, now_ms), [value for _, value in batch]
        length = len(head) + sum(map(len, values))
        await self._write_all(await self._input(length), [head, *values])
        return length

    def _open_exchange(self, function: capi.Function, block_bytes: int) -> Exchange | None:
        """Return the calls of an export in one step, where such are possible."""
        cleared = abi.STATUS_CLEARED_OFFSET, len(abi.STATUS_CLEARED)
        return open_exchange(self._living(), function, self._status_at, block_bytes, cleared)

    def _send(
        self,
        function: capi.Function,
        exchange: Exchange | None,
        length: int,
        data: bytes,
        values: Sequence[bytes] = (),
    ) -> capi.Pending:
        """Begin a call with its input of so many bytes, no more than the input buffer has: a head, and values."""
        is_in = self._instance.holds(self._input_at, length) and self._instance.holds(
            self._status_at, abi.STATUS.size
        )
        if exchange is not None and is_in:
            return exchange.begin(self._input_at, data, values)
        self._write(self._input_at, data)
        at = self._input_at + len(data)
        for value in values:
            self._write(at, value)
            at += len(value)
        return self._start(function, length)

    def _start(self, function: capi.Function, length: int) -> capi.Pending:
        """Begin a call whose input, of so many bytes, is in the input buffer."""
        self._clear_status()
        return self._living().start(function, length)

    def _clear_status(self) -> None:
        """Clear the status, so that nothing of an earlier call is taken for this one's.

        This one may be stopped before its first step.
        """
        if not self._instance.write(self._status_at + abi.STATUS_CLEARED_OFFSET, abi.STATUS_CLEARED):
            raise ProtocolError(f"the guest's status block at {self._status_at} lies outside its memory")

    def _read_output(self, address: int, length: int, ended: capi.Pending | None) -> bytes:
        """Read the head of the output that the status block points at, or all of it; raises ProtocolError."""
        if ended is not None and ended.output is not None:
            return ended.output
        data = self._instance.read(address, length) if length <= READ_AT_ONCE_BYTES else None
        return window(self._instance, address, length) if data is None else data

    async def _output(
        self,
        values: list[bytes],
        ended: capi.Pending | None = None,
        call: UnderWay | None = None,
        *,
        has_ended: bool = True,
    ) -> abi.GuestOutput:
        address, length, closed, _ = abi.STATUS.unpack(self._read_status(abi.STATUS.size, ended))
        if call is not None:
            address, length, closed = call.unread(address, length, closed)
            if not has_ended:
                length = call.end_at(closed_bytes(self._instance.read(address, length) or b""))
        if length > self._output_bytes_at_most:
            raise OutputLimitError(
                f"one call wrote {length:,} bytes; the host reads {self._output_bytes_at_most:,}",
                "output_bytes",
                self._limits.output_bytes,
            )
        self.output_bytes = length
        data = self._read_output(address, length, ended)
        reader = abi.OutputReader(data, values, self._output_count, self._limits, length)
        began = time.perf_counter() if length > _NOTED_BYTES else 0.0
        if not reader.read(READ_AT_ONCE_BYTES) or length > READ_AT_ONCE_BYTES:
            await read_rest(self._runtime.checker, self._turn, self._instance, address, length, reader)
        elif began:
            self._runtime.turns.note(time.perf_counter() - began, is_over=True)
        output = reader.output()
        if not output.violation and closed != len(output.closed):
            output.violation = ProtocolError(
                f"the guest says that it closed {closed} messages, and its output closes {len(output.closed)}"
            )
        return output

    def _explained(self, fault: GuestFaultError) -> GuestFaultError:
        """Return the fault with what the guest noted before it: a trap says little."""
        if isinstance(fault, GuestTrapError) and self._status_at and self._status()[3] == abi.FAULT_MEMORY:
            return self._out_of_memory()
        return fault


def check_code(code: int) -> None:
    """Raise GuestTrapError where a call that ended answered anything but 0."""
    if code:
        raise GuestTrapError(f"the guest gave up with code {code}")
