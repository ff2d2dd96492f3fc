"""The guest of a chain: one instance with several programs, each with a QuickJS runtime of its own."""

from collections.abc import Sequence

import msgspec

from wasm_host.errors import GuestFaultError, OutputLimitError
from wasm_host.guest import chain_abi
from wasm_host.guest.abi import Effects
from wasm_host.guest.chain_abi import ChainReader, ChainResult, Message, Pending, Step
from wasm_host.guest.chain_judge import judge
from wasm_host.guest.chain_ports import Block, ChainPorts, ProgramPorts
from wasm_host.guest.guest import KEPT_INPUT_BYTES, Guest, OpenResult, check_code
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.guest.output import read_rest
from wasm_host.limits import GuestLimits, chain_limits
from wasm_host.wasmtime_c import core as capi

PATIENCE_MS = 50
"""Computing time of one invocation in a chain, or less where a program of it may have less: whose invocation it is
that computes is not known here. One that takes longer gains nothing by being in a chain, and its messages go to
guests of their own, where its own limit holds; what it has computed here is lost."""

MOST_MEMORY_BYTES = 1024 * 1024 * 1024
"""Linear memory of a chain's guest, however much its programs may have together: WebAssembly addresses four times
as much, and it is far beyond what a chain of them needs that fits."""


class ChainGuest(Guest):
    """One instance, from the first program's opening to ``discard``. After a fault it must be discarded.

    Args:
        runtime: the host's.
        programs: their ports and limits, in order.
        counters: of its sandbox.
        on_slice_end: awaited between the slices of a long call.
    """

    def __init__(
        self,
        runtime: GuestRuntime,
        programs: Sequence[ProgramPorts],
        counters: GuestCounters,
        on_slice_end: OnSliceEnd | None,
    ) -> None:
        self._programs = programs
        self._ports = ChainPorts(programs)
        self._shared_limits = _shared(programs)
        self._patience_ms = min(PATIENCE_MS, *[each.limits.cpu_ms for each in programs if not each.is_relay])
        self._is_ready = False
        instances = sum(not each.is_relay for each in programs)
        super().__init__(runtime, self._shared_limits, counters, 0, on_slice_end, instances, is_ours=True)
        self._block_bytes = self._ports.block_bytes

    async def open_program(self, index: int, module: capi.Module, document: bytes) -> OpenResult:
        """Open the next program. Raises as ``Guest.open`` does."""
        self.hold_to(self._programs[index].limits, self._programs[index].outputs)
        await self._get_ready(module)
        return await self._begin([document])

    async def open_relay(self, module: capi.Module, opening: bytes) -> None:
        """Open what hands on in the place of the next program. Raises as ``Guest.open`` does."""
        await self._get_ready(module)
        try:
            await self._write_all(await self._input(len(opening)), [opening])
            check_code(await self._prepare(self._export("symbia_relay"), len(opening)))
        except GuestFaultError as fault:
            raise self._explained(fault) from None

    async def _get_ready(self, module: capi.Module) -> None:
        if self._is_ready:
            return
        try:
            await self._instantiate(module)
        except GuestFaultError as fault:
            raise self._explained(fault) from None
        self._chain = self._export("symbia_chain")
        self._exchange = self._open_exchange(self._chain, self._block_bytes)
        self._select = self._export("symbia_select")
        self._is_ready = True

    async def pass_on(
        self,
        batch: Sequence[Message],
        now_ms: float,
        *,
        lane: int = 0,
        traced: bool,
        hears_outputs: bool = False,
    ) -> ChainResult:
        """Send messages, all in one lane, through the chain.

        Raises:
            GuestFaultError: something was wrong, and the call has done nothing that counts.
        """
        if self._limits is not self._shared_limits:  # an opening or a cleanup came before
            self.hold_to(self._shared_limits, 0)
        told = chain_abi.told_of(lane, traced=traced, hears_outputs=hears_outputs)
        length, data, values = chain_abi.encode_chain(batch, now_ms, told)
        if length > self._input_capacity or self._input_capacity > KEPT_INPUT_BYTES:
            await self._input(length)
        if length > KEPT_INPUT_BYTES:
            await self._write_all(self._input_at, [data, *values])
            pending = self._start(self._chain, length)
        else:
            pending = self._send(self._chain, self._exchange, length, data, values)
        check_code(await self._run(pending, chain_abi.MOST_INVOCATIONS, self._patience_ms))
        return await self._result(batch, pending, traced=traced)

    def begin(self, message: Message, now_ms: float, *, lane: int, hears_outputs: bool) -> "ChainCall | None":
        """Send a message into the chain, and let the guest have its first slice at once, as ``pass_on`` does.

        None where something is to be seen to before. What goes wrong, ``finish`` raises.
        """
        if self._counters.is_slow:
            return None
        if self._limits is not self._shared_limits:
            self.hold_to(self._shared_limits, 0)
        told = chain_abi.told_of(lane, traced=False, hears_outputs=hears_outputs)
        length, data, values = chain_abi.encode_chain((message,), now_ms, told)
        if length > self._input_capacity or self._input_capacity > KEPT_INPUT_BYTES:
            return None
        call = ChainCall((message,))
        try:
            call.pending = pending = self._send(self._chain, self._exchange, length, data, values)
            if self._begin_run(pending):
                check_code(pending.result())
                call.pending = None
                call.result = self._plain_result(call.batch, pending)
        except capi.TrapError as trap:
            call.fail(self._fault_of(trap))
        except GuestFaultError as fault:
            call.fail(fault)
        except BaseException:
            call.abandon()
            raise
        return call

    async def finish(self, call: "ChainCall") -> ChainResult:
        """Run what ``begin`` has begun to its end. Raises as ``pass_on`` does."""
        if call.fault is not None:
            raise call.fault
        if call.pending is not None:
            try:
                await self._run_in_turns(call.pending, chain_abi.MOST_INVOCATIONS, self._patience_ms)
                check_code(call.pending.result())
            except capi.TrapError as trap:
                raise self._fault_of(trap) from None
            finally:
                call.abandon()
        return call.result or await self._result(call.batch, None, traced=False)

    async def flush_program(self, index: int, now_ms: float) -> Effects:
        """Let one program say its last word. Raises GuestFaultError."""
        self.hold_to(self._programs[index].limits, self._programs[index].outputs)
        await self._prepare(self._select, index)
        return await self.flush(now_ms)

    async def close_program(self, index: int) -> Effects:
        """Run one program's cleanup, within its ``close_ms``. Raises GuestFaultError."""
        self.hold_to(self._programs[index].limits, self._programs[index].outputs)
        await self._prepare(self._select, index)
        return await self.close()

    async def _result(self, batch: Sequence[Message], ended: capi.Pending | None, *, traced: bool) -> ChainResult:
        block, data, begun = self._read(batch, ended, traced=traced)
        (steps, at, named_bytes), length = begun, block.length
        pending: list[Pending] = []
        if at < length:
            reader = ChainReader(data, self._ports, batch, begun, traced=traced, length=length)
            turn, instance = self._turn, self._instance
            await read_rest(self._runtime.checker, turn, instance, block.address, length, reader)
            steps, pending = reader.rest()
            named_bytes = reader.named_bytes
        size_bytes = length + named_bytes
        result = ChainResult(steps, block.begun, pending, block.counts, block.passed, size_bytes)
        judge(result, block.closed, batch, self._ports, traced=traced)
        return result

    def _plain_result(self, batch: Sequence[Message], ended: capi.Pending) -> ChainResult | None:
        """Return the result of a call that was not traced, if the head of its output is all there is."""
        block, _, (steps, at, named_bytes) = self._read(batch, ended, traced=False)
        if at < block.length:
            return None
        result = ChainResult(steps, block.begun, [], block.counts, block.passed, at + named_bytes)
        judge(result, block.closed, batch, self._ports, traced=False)
        return result

    def _read(
        self, batch: Sequence[Message], ended: capi.Pending | None, *, traced: bool
    ) -> tuple[Block, bytes, tuple[list[Step], int, int]]:
        """Read the status block of the call that has ended, its output, and what is plain at the head of that."""
        block = self._ports.read_block(self._read_status(self._block_bytes, ended))
        address, length = block.address, block.length
        if length > self._output_bytes_at_most:
            most = self._output_bytes_at_most
            raise OutputLimitError(f"one call wrote {length:,} bytes", "output_bytes", most)
        data = self._read_output(address, length, ended)
        return block, data, chain_abi.read_plain(data, self._programs, batch, traced=traced)


class ChainCall:
    """A call of a chain with one message that has begun, and may have ended.

    Attributes:
        batch: the message.
        pending: the call, until it has ended.
        result: what came of it, where it has ended in nothing but values; so there is no more to it.
        fault: what went wrong.
    """

    __slots__ = ("batch", "fault", "pending", "result")

    def __init__(self, batch: Sequence[Message]) -> None:
        self.batch = batch
        self.pending: capi.Pending | None = None
        self.result: ChainResult | None = None
        self.fault: GuestFaultError | None = None

    def fail(self, fault: GuestFaultError) -> None:
        """Note what went wrong."""
        self.fault = fault
        self.abandon()

    def abandon(self) -> None:
        """Let go of the call; if it had not ended, its guest must not run again."""
        if self.pending is not None:
            self.pending.delete()
            self.pending = None


def _shared(programs: Sequence[ProgramPorts]) -> GuestLimits:
    """Return what holds for the guest as a whole: the memory of all, the output of the largest, the least time.

    What one invocation emits may wait within the guest, before the next program, and is reported when a call
    returns early. Where several programs multiply in one call, each goes on alone, and backpressure holds them.
    """
    limits = chain_limits([each.limits for each in programs if not each.is_relay])
    return msgspec.structs.replace(limits, memory_bytes=min(MOST_MEMORY_BYTES, limits.memory_bytes))
