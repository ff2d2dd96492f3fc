"""One guest: an instance of a module that speaks the ABI, called in time slices.

A call is polled once at once, because almost every call ends within its first slice. One that does not takes
its further slices in turn with all other long calls, and after each slice its budgets are looked at: computing
time in slices, and time on the clock, both since the last message that the guest closed. Whatever ends a call
early, a limit or a cancelled scope, destroys the guest: its memory is in the middle of something.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

import trio
import wasmtime

from wasm_host import abi, capi
from wasm_host.abi import Effects, LogLine
from wasm_host.census import Census
from wasm_host.epoch import Ticker, Turns
from wasm_host.errors import (
    CpuLimitExceeded,
    GuestFault,
    GuestTrapped,
    MemoryLimitExceeded,
    ModuleError,
    OutputLimitExceeded,
    ProtocolViolation,
    StackLimitExceeded,
    WallTimeExceeded,
)
from wasm_host.limits import GuestLimits

__all__ = ["BetweenSlices", "Guest", "GuestUse", "Machine", "Opened", "Report"]

BetweenSlices = Callable[[], Awaitable[None]]

_FIRST_INPUT_BYTES: Final = 16 * 1024
KEPT_INPUT_BYTES: Final = 1024 * 1024
_BATCH_SLACK_BYTES: Final = 8 * 1024 * 1024
"""A guest may finish some messages of a batch before it hands over; the host reads at most so much more."""


_SLICE_COSTS_AT_LEAST_MS: Final = 0.5
"""However little of it a guest got: a budget must come to an end on the busiest machine."""

READ_AT_ONCE_BYTES: Final = 32 * 1024
"""Output that is read without a look at other tasks: at most four thousand records, a few milliseconds."""


class Machine(NamedTuple):
    """What all guests of a host share: the engine's parts, not a single byte of any guest."""

    engine: capi.Engine
    linker: wasmtime.Linker
    ticker: Ticker
    turns: Turns
    census: Census


class GuestUse:
    """Counters of one sandbox, over all the guests that it had.

    `is_slow`: its last long call took several slices. Its next call waits for its turn from the start: otherwise
    many components that compute for two milliseconds each would take all their first slices out of turn.
    """

    __slots__ = ("calls", "cpu_seconds", "is_slow", "slices")

    def __init__(self) -> None:
        self.calls = 0
        self.slices = 0
        self.cpu_seconds = 0.0
        self.is_slow = False


class Opened(NamedTuple):
    """How opening ended: 0, abi.OPEN_PROGRAM_REFUSED or abi.OPEN_INITIALIZE_FAILED, and with what effects."""

    code: int
    effects: Effects


class Report(NamedTuple):
    """How a batch went: effects of the messages closed, then what ended the guest, if something did.

    A fault is the doing of the first message that is not closed; or of any of them, where the culprit is unknown.
    """

    closed: list[Effects]
    unfinished_logs: list[LogLine]
    fault: GuestFault | None
    is_culprit_unknown: bool = False


class Guest:
    """One instance, from instantiation to `discard`. After a fault it must be discarded."""

    def __init__(
        self,
        machine: Machine,
        limits: GuestLimits,
        use: GuestUse,
        output_count: int,
        between_slices: BetweenSlices | None = None,
        instances: int = 1,
    ) -> None:
        self._machine = machine
        self._limits = limits
        self._use = use
        self._output_count = output_count
        self._between_slices = between_slices
        self._store: capi.Store | None = None
        machine.census.admit(use, instances)
        try:
            self._store = self._new_store()
        except BaseException:
            machine.census.dismiss(use)
            raise
        self._input_at = 0
        self._input_capacity = 0
        self._status_at = 0
        self._output_bytes_at_most = (
            limits.output_bytes
            + limits.log_bytes
            + limits.state_bytes
            + 16 * limits.emissions
            + _BATCH_SLACK_BYTES
        )

    @property
    def is_alive(self) -> bool:
        """False after `discard`."""
        return self._store is not None

    @property
    def memory_bytes(self) -> int:
        """The size of the guest's linear memory."""
        return self._instance.memory_bytes() if self._store else 0

    def _new_store(self) -> capi.Store:
        limits = self._limits
        return capi.Store(
            self._machine.engine, memory_bytes=limits.memory_bytes, table_elements=limits.table_elements
        )

    async def probe(self, module: capi.Module) -> None:
        """Instantiates the module and asks which ABI it speaks; its program does not begin. Raises as `open`."""
        await self._instantiate(module)

    async def open(self, module: capi.Module, document: bytes) -> Opened:
        """Instantiates the module and opens the program.

        Args:
            module: a compiled module
            document: the input of symbia_open, framed

        Raises:
            ModuleError: the module is not a guest.
            GuestFault: it did not survive; discard it.
        """
        try:
            await self._instantiate(module)
        except GuestFault as fault:
            raise self._explained(fault) from None
        return await self._begin(document)

    async def _begin(self, document: bytes) -> Opened:
        """Opens a program in the instance."""
        try:
            self._write(await self._input(len(document)), document)
            self._clear_status()
            code = await self._call(self._open, len(document))
        except GuestFault as fault:
            raise self._explained(fault) from None
        output = await self._output([b""])
        if output.violation:
            raise output.violation
        if len(output.closed) != 1 or code not in (0, abi.OPEN_PROGRAM_REFUSED, abi.OPEN_INITIALIZE_FAILED):
            raise ProtocolViolation(f"symbia_open answered {code} and closed {len(output.closed)} messages")
        effects = output.closed[0]
        if (code == 0) != (effects.error is None):
            raise ProtocolViolation("symbia_open's answer and its error record contradict each other")
        return Opened(code, effects)

    async def process(self, batch: Sequence[tuple[int, bytes]], now_ms: float) -> Report:
        """Runs a batch. Never raises for what the guest did: see `Report`."""
        values = [value for _, value in batch]
        fault: GuestFault | None = None
        try:
            data = abi.encode_batch(batch, now_ms)
            length = len(data)
            at = self._input_at
            if length > self._input_capacity or self._input_capacity > KEPT_INPUT_BYTES:
                at = await self._input(length)
            self._write(at, data)
            self._clear_status()
            code = await self._call(self._process, length, len(batch))
            if code:
                fault = GuestTrapped(f"the guest gave up with code {code}")
        except GuestFault as problem:
            fault = problem
        return await self._report(values, fault)

    async def _report(self, values: list[bytes], fault: GuestFault | None) -> Report:
        try:
            if fault:
                fault = self._explained(fault)
            output = await self._output(values)
        except GuestFault as problem:
            return Report([], [], fault or problem)
        fault = fault or output.violation
        if fault is None and not output.closed:
            fault = ProtocolViolation("the guest returned without closing a message")
        return Report(output.closed, output.unfinished_logs, fault)

    async def close(self) -> Effects:
        """Runs cleanup, within `close_ms`. Raises GuestFault; discard the guest in any case."""
        self._clear_status()
        await self._call(self._close, None, cpu_ms=self._limits.close_ms)
        output = await self._output([b""])
        if output.violation:
            raise output.violation
        return output.closed[0] if output.closed else Effects([])

    def discard(self) -> None:
        """Frees everything at once, without cleanup. Idempotent."""
        if self._store is not None:
            self._store.close()
            self._store = None
            self._machine.census.dismiss(self._use)

    async def _instantiate(self, module: capi.Module) -> None:
        store = self._living()
        pending, raw_instance = store.start_instance(self._machine.linker, module)
        await self._run(pending)
        self._instance = store.instance(raw_instance)
        if not self._instance.use_memory():
            raise ModuleError("the module does not export its memory as 'memory'")
        initialize = self._instance.function("_initialize")
        if initialize is not None:
            await self._run(store.start(initialize, None, results=0))
        version = await self._call(self._export("symbia_abi"), None)
        if version != abi.ABI_VERSION:
            raise ModuleError(f"the module speaks version {version} of the guest ABI, this host {abi.ABI_VERSION}")
        self._status_at = await self._call(self._export("symbia_status"), None)
        self._take_input = self._export("symbia_input")
        self._open = self._export("symbia_open")
        self._process = self._export("symbia_process")
        self._close = self._export("symbia_close")

    def _export(self, name: str) -> capi.Function:
        function = self._instance.function(name)
        if function is None:
            raise ModuleError(f"the module does not export the function '{name}'")
        return function

    def _living(self) -> capi.Store:
        if self._store is None:
            raise GuestTrapped("the guest was discarded during a call")
        return self._store

    async def _input(self, length: int) -> int:
        capacity = max(length, _FIRST_INPUT_BYTES)
        self._input_capacity = 0
        self._input_at = await self._call(self._take_input, capacity)
        if not self._input_at:
            raise self._out_of_memory()
        self._input_capacity = capacity
        return self._input_at

    def _write(self, address: int, data: bytes) -> None:
        if not self._instance.write(address, data):
            raise ProtocolViolation(f"the guest's input buffer at {address} does not hold {len(data)} bytes")

    def _status(self) -> tuple[int, int, int, int]:
        block = self._instance.read(self._status_at, abi.STATUS.size)
        if block is None:
            raise ProtocolViolation(f"the guest's status block at {self._status_at} lies outside its memory")
        return abi.STATUS.unpack(block)

    def _clear_status(self) -> None:
        """Nothing of an earlier call may be taken for this one's, which may be stopped before its first step."""
        if not self._instance.write(self._status_at + abi.STATUS_CLEARED_OFFSET, abi.STATUS_CLEARED):
            raise ProtocolViolation(f"the guest's status block at {self._status_at} lies outside its memory")

    async def _output(self, values: list[bytes]) -> abi.Output:
        address, length, closed, _ = self._status()
        if length > self._output_bytes_at_most:
            raise OutputLimitExceeded(
                f"one call wrote {length:,} bytes; the host reads {self._output_bytes_at_most:,}",
                "output_bytes",
                self._limits.output_bytes,
            )
        data = self._instance.read(address, length)
        if data is None:
            raise ProtocolViolation(f"the guest's output, {length} bytes at {address}, lies outside its memory")
        reader = abi.OutputReader(data, values, self._output_count, self._limits)
        while not reader.read(READ_AT_ONCE_BYTES):
            await trio.lowlevel.checkpoint()
        output = reader.output()
        if not output.violation and closed != len(output.closed):
            output.violation = ProtocolViolation(
                f"the guest says that it closed {closed} messages, and its output closes {len(output.closed)}"
            )
        return output

    def _out_of_memory(self) -> MemoryLimitExceeded:
        limit = self._limits.memory_bytes
        return MemoryLimitExceeded(f"more memory than a guest may have: {limit:,} bytes", "memory_bytes", limit)

    def _explained(self, fault: GuestFault) -> GuestFault:
        """A trap says little; what the guest noted before it says why."""
        if isinstance(fault, GuestTrapped) and self._status_at and self._status()[3] == abi.FAULT_MEMORY:
            return self._out_of_memory()
        return fault

    async def _call(
        self, function: capi.Function, argument: int | None, count: int = 1, cpu_ms: int | None = None
    ) -> int:
        return await self._run(self._living().start(function, argument), count, cpu_ms)

    async def _run(self, pending: capi.Pending, count: int = 1, cpu_ms: int | None = None) -> int:
        """Runs a call to its end. Raises GuestFault; on any exception the call is gone and the guest unusable."""
        use = self._use
        use.calls += 1
        try:
            if use.is_slow or not self._slice(pending):
                await self._run_in_turns(pending, count, cpu_ms or self._limits.cpu_ms)
            return pending.result()
        except capi.Trap as trap:
            if trap.stack_overflow:
                size = capi.WASM_STACK_BYTES
                raise StackLimitExceeded("the component recursed too deeply", "stack_bytes", size) from None
            raise GuestTrapped(str(trap).strip().splitlines()[-1].strip()) from None
        finally:
            pending.delete()

    def _slice(self, pending: capi.Pending) -> bool:
        """Lets the guest run until it is done (True) or its slice is over (False)."""
        use = self._use
        use.slices += 1
        self._machine.ticker.touch()
        began = time.perf_counter()
        done = pending.poll()
        use.cpu_seconds += time.perf_counter() - began
        return done

    async def _run_in_turns(self, pending: capi.Pending, count: int, cpu_ms: int) -> None:
        """The slices of a long call, its budgets restarted with each message that it closes.

        A slice costs the processor's time that it took. That may be more than a slice's length: filling all of
        a guest's memory is one instruction. It may be less: on a busy machine this thread does not always run.
        """
        use, limits = self._use, self._limits
        spent_ms, closed, frozen = 0.0, 0, 0.0
        started = trio.current_time()
        use.is_slow = False
        while True:
            if self._between_slices is not None:
                before = trio.current_time()
                await self._between_slices()
                frozen += trio.current_time() - before
            async with self._machine.turns:
                began = time.thread_time()
                done = self._slice(pending)
                spent_ms += max(_SLICE_COSTS_AT_LEAST_MS, (time.thread_time() - began) * 1000)
            if done:
                return
            use.is_slow = True
            closed_now = self._closed_messages(closed, count)
            if closed_now != closed:
                closed, spent_ms, started, frozen = closed_now, 0.0, trio.current_time(), 0.0
            if spent_ms >= cpu_ms:
                raise CpuLimitExceeded(f"one invocation computed for {cpu_ms} ms", "cpu_ms", cpu_ms)
            if (trio.current_time() - started - frozen) * 1000 > limits.wall_ms:
                raise WallTimeExceeded(f"one invocation took {limits.wall_ms} ms", "wall_ms", limits.wall_ms)

    def _closed_messages(self, before: int, count: int) -> int:
        """How many messages the running guest has closed. It may only count up, and only to the end."""
        if not self._status_at or count == 1:
            return before
        now = self._status()[2]
        if now < before:
            raise ProtocolViolation("the guest's count of closed messages went backwards")
        if now > count:
            raise ProtocolViolation("the guest says that it closed more messages than it was given")
        return now
