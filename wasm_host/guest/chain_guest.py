"""The guest of a chain: one instance with several programs, each with a QuickJS runtime of its own."""

from collections.abc import Sequence

import msgspec

from wasm_host.errors import GuestTrapError, OutputLimitError, ProtocolError
from wasm_host.guest import chain_abi
from wasm_host.guest.abi import Effects
from wasm_host.guest.chain_abi import ChainReader, ChainResult, Message, ProgramPorts
from wasm_host.guest.guest import KEPT_INPUT_BYTES, Guest, OpenResult
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.guest.output import READ_AT_ONCE_BYTES, read_rest, window
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
        self._shared_limits = _shared(programs)
        self._patience_ms = min(PATIENCE_MS, *[each.limits.cpu_ms for each in programs])
        self._is_ready = False
        super().__init__(runtime, self._shared_limits, counters, 0, on_slice_end, len(programs), is_ours=True)
        self._block_bytes = chain_abi.block_bytes(len(programs))

    async def open_program(self, index: int, module: capi.Module, document: bytes) -> OpenResult:
        """Open the next program. Raises as ``Guest.open`` does."""
        self.hold_to(self._programs[index].limits, self._programs[index].outputs)
        if self._is_ready:
            return await self._begin([document])
        opened = await self.open(module, [document])
        self._chain = self._export("symbia_chain")
        self._select = self._export("symbia_select")
        self._is_ready = True
        return opened

    async def pass_on(
        self, batch: Sequence[Message], now_ms: float, *, traced: bool, hears_outputs: bool = False
    ) -> ChainResult:
        """Send messages through the chain.

        Raises:
            GuestFaultError: something was wrong, and the call has done nothing that counts.
        """
        if self._limits is not self._shared_limits:  # an opening or a cleanup came before
            self.hold_to(self._shared_limits, 0)
        data = chain_abi.encode_chain(batch, now_ms, traced=traced, hears_outputs=hears_outputs)
        length = len(data)
        at = self._input_at
        if length > self._input_capacity or self._input_capacity > KEPT_INPUT_BYTES:
            at = await self._input(length)
        if length > KEPT_INPUT_BYTES:
            await self._write_all(at, [data])
        else:
            self._write(at, data)
        self._clear_status()
        pending = self._living().start(self._chain, length)
        code = await self._run(pending, chain_abi.MOST_INVOCATIONS, self._patience_ms)
        if code:
            raise GuestTrapError(f"the guest gave up with code {code}")
        return await self._result(batch, traced=traced)

    async def close_program(self, index: int) -> Effects:
        """Run one program's cleanup, within its ``close_ms``. Raises GuestFaultError."""
        self.hold_to(self._programs[index].limits, self._programs[index].outputs)
        await self._prepare(self._select, index)
        return await self.close()

    async def _result(self, batch: Sequence[Message], *, traced: bool) -> ChainResult:
        size_bytes = self._instance.memory_bytes()
        if size_bytes != self._seen_bytes:
            self._count_memory(size_bytes)
        text = self._instance.read(self._status_at, self._block_bytes)
        if text is None:
            raise ProtocolError(f"the guest's status block at {self._status_at} lies outside its memory")
        block = chain_abi.read_block(text, len(self._programs))
        address, length = block.address, block.length
        if length > self._output_bytes_at_most:
            most = self._output_bytes_at_most
            raise OutputLimitError(f"one call wrote {length:,} bytes", "output_bytes", most)
        data = self._instance.read(address, length) if length <= READ_AT_ONCE_BYTES else None
        if data is None:
            data = window(self._instance, address, length)
        steps, at = begun = chain_abi.read_plain(data, self._programs, traced=traced)
        pending: list[Message] = []
        if at < length:
            reader = ChainReader(data, self._programs, begun, traced=traced, length=length)
            await read_rest(self._runtime.checker, self._turn, self._instance, address, length, reader)
            steps, pending = reader.rest()
        result = ChainResult(steps, block.begun, pending, block.counts, length)
        chain_abi.judge(result, block.closed, batch, self._programs, traced=traced)
        return result


def _shared(programs: Sequence[ProgramPorts]) -> GuestLimits:
    """Return what holds for the guest as a whole: the memory of all, the output of the largest, the least time.

    What one invocation emits may wait within the guest, before the next program, and is reported when a call
    returns early. Where several programs multiply in one call, each goes on alone, and backpressure holds them.
    """
    limits = chain_limits([each.limits for each in programs])
    return msgspec.structs.replace(limits, memory_bytes=min(MOST_MEMORY_BYTES, limits.memory_bytes))
