"""One component, wrapped and instantiated: called in time slices like every guest.

Its calls are those of wit/symbia-component.wit. A batch goes in as a whole and comes back as a whole, so when a
call breaks, nobody knows which message did it: the report says so, and the sandbox passes them to the next
guest one by one.
"""

from collections.abc import Sequence
from typing import NamedTuple

import trio

from wasm_host.component_model import canonical_abi, wasi
from wasm_host.component_model.wrapper import TRANSLATED
from wasm_host.errors import (
    GuestFaultError,
    GuestTrapError,
    ModuleError,
    OutputLimitError,
    StackLimitError,
)
from wasm_host.guest.abi import OPEN_INITIALIZE_FAILED, Effects
from wasm_host.guest.guest import BatchResult, Guest, OpenResult
from wasm_host.guest.identity import Identity
from wasm_host.guest.memory import resident_bytes
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import component as capi_component
from wasm_host.wasmtime_c import core as capi

_TRANSLATOR_BYTES = 24 * 1024 * 1024
"""Bytes of the input and output of one call; the same number as in translator.wat."""

_UNNOTICED_SECONDS = 0.00005
_WATCHED_SLICES = 16
"""The time in which a call cannot touch much memory, where looking costs 5 µs, twice; and the number of calls
after a longer one that are looked at."""


class CompiledComponent(NamedTuple):
    """A compiled component that imports nothing. ``takes_clock``: it has the export ``tell``."""

    component: capi_component.Component
    linker: capi_component.Linker
    takes_clock: bool


class ComponentContext(NamedTuple):
    """The context of a component, except for its state."""

    identity: Identity
    config: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    seed: int


class ComponentGuest(Guest):
    """One instance, from instantiation to ``discard``. After a fault it must be discarded."""

    def __init__(
        self,
        runtime: GuestRuntime,
        limits: GuestLimits,
        counters: GuestCounters,
        place: ComponentContext,
        wrapped: CompiledComponent,
        on_slice_end: OnSliceEnd | None = None,
    ) -> None:
        super().__init__(runtime, limits, counters, len(place.outputs), on_slice_end)
        self._watched_slices = _WATCHED_SLICES
        self._component = wrapped
        self._place = place
        self._input_names = [name.encode() for name in place.inputs]
        self._outputs = {name.encode(): index for index, name in enumerate(place.outputs)}

    @property
    def memory_bytes(self) -> int:
        """0: Wasmtime shows nothing of a component's memories, though their limit holds."""
        return 0

    def _new_store(self) -> capi_component.ComponentStore:
        limits = self._limits
        self._component_store = capi_component.ComponentStore(
            self._runtime.engine, memory_bytes=limits.memory_bytes, table_elements=limits.table_elements
        )
        return self._component_store

    def _slice(self, pending: capi.Pending) -> bool:
        """Let the guest run, and count what the process grows by.

        Nothing says how large a component's memories are.
        """
        before = self._counters.cpu_seconds
        resident = resident_bytes() if self._watched_slices else -1
        done = super()._slice(pending)
        if resident >= 0:
            self._watched_slices -= 1
            grown = self._seen_bytes + resident_bytes() - resident
            self._count_memory(min(max(0, grown), 2 * self._most_memory_bytes + _TRANSLATOR_BYTES))
        if not done or self._counters.cpu_seconds - before > _UNNOTICED_SECONDS:
            self._watched_slices = _WATCHED_SLICES
        return done

    async def instantiate(self) -> None:
        """Instantiate the component, start functions included.

        Raises:
            ModuleError: it cannot be instantiated within the limits.
            GuestFaultError: it did not survive; discard it.
        """
        store, component = self._component_store, self._component.component
        pending, instance = store.start_component(self._component.linker, component)
        try:
            await self._run(pending)
        except GuestTrapError as trap:
            if "resource limit exceeded" in store.trace or "exceeds memory limits" in store.trace:
                raise ModuleError(f"the component cannot be instantiated: {trap}") from None
            raise self._named(trap) from None
        found = {name: store.function(component, instance, name) for name in (*TRANSLATED, "tell")}
        self._functions = {name: function for name, function in found.items() if function is not None}

    async def begin(self, state: dict[str, bytes], *, restored: bool, now_ms: float) -> OpenResult:
        """Run the component's ``open``. Raises GuestFaultError; discard it then."""
        place = self._place
        await self._tell(now_ms)
        data = canonical_abi.encode_place(
            (place.identity.execution_id, place.identity.node_id, place.identity.instance_id),
            place.config,
            place.inputs,
            place.outputs,
            state,
            restored=restored,
            seed=place.seed,
            now_ms=now_ms,
        )
        effects = await self._one("open", data)
        return OpenResult(OPEN_INITIALIZE_FAILED if effects.error else 0, effects)

    async def process(self, batch: Sequence[tuple[int, bytes]], now_ms: float) -> BatchResult:
        """Run a batch. Never raises for what the component did: see ``BatchResult``."""
        try:
            await self._tell(now_ms)
            answer = await self._answer("process", canonical_abi.encode_messages(batch, self._input_names, now_ms))
            for _ in answer.read([value for _, value in batch]):
                await trio.lowlevel.checkpoint()
            return BatchResult(answer.effects, [], None)
        except GuestFaultError as fault:
            return BatchResult([], [], fault, is_culprit_unknown=len(batch) > 1)

    async def close(self) -> Effects:
        """Run the component's ``close``, within ``close_ms``. Raises GuestFaultError; discard it in any case."""
        return await self._one("close", None, self._limits.close_ms)

    async def _one(self, name: str, data: bytes | None, cpu_ms: int | None = None) -> Effects:
        answer = await self._answer(name, data, cpu_ms)
        for _ in answer.read_one():
            await trio.lowlevel.checkpoint()
        return answer.effects[0]

    async def _tell(self, now_ms: float) -> None:
        """Set the clock of the WASI inside; its random numbers begin at the seed when it is set first."""
        if self._component.takes_clock:
            seed = self._place.seed or 1
            await self._run(
                self._component_store.start_numbers(self._functions["tell"], max(0, int(now_ms)), seed)
            )

    async def _answer(
        self, name: str, data: bytes | None, cpu_ms: int | None = None
    ) -> canonical_abi.AnswerReader:
        sent = data
        try:
            if data is not None and len(data) > canonical_abi.PIECE_BYTES:
                data = await self._put(data)
            pieces = [await self._text(name, data, cpu_ms)]
            missing = canonical_abi.whole_length(pieces[0]) - len(pieces[0])
            while missing > 0:
                await trio.lowlevel.checkpoint()
                pieces.append(await self._text("more", None))
                missing -= len(pieces[-1])
        except GuestTrapError as trap:
            raise self._named(trap) from None
        self.output_bytes = sum(map(len, pieces))
        return canonical_abi.AnswerReader(b"".join(pieces), len(sent or b""), self._outputs, self._limits)

    async def _put(self, data: bytes) -> bytes:
        """Send all pieces of an input but the last one; return that."""
        last = (len(data) - 1) // canonical_abi.PIECE_BYTES * canonical_abi.PIECE_BYTES
        for at in range(0, last, canonical_abi.PIECE_BYTES):
            piece = data[at : at + canonical_abi.PIECE_BYTES]
            await self._run(self._component_store.start_text(self._functions["put"], piece, results=0))
            await trio.lowlevel.checkpoint()
        return data[last:]

    async def _text(self, name: str, data: bytes | None, cpu_ms: int | None = None) -> bytes:
        store = self._component_store
        await self._run(store.start_text(self._functions[name], data), cpu_ms=cpu_ms)
        return store.take_text()

    def _named(self, trap: GuestTrapError) -> GuestFaultError:
        """Return the fault that a trap stands for: a trap says little; where it happened says more."""
        trace, limits = self._component_store.trace, self._limits
        if "call stack exhausted" in trace:
            return StackLimitError("the component recursed too deeply", "stack_bytes", capi.WASM_STACK_BYTES)
        if "output_limit_exceeded" in trace:
            most = min(_TRANSLATOR_BYTES, limits.memory_bytes)
            return OutputLimitError(
                f"the input and output of one call have more than {most:,} bytes",
                "output_bytes",
                limits.output_bytes,
            )
        called = wasi.refused_call(trace)
        if called is not None:
            return GuestTrapError(
                f"the component called {called}, which is denied: there is nothing outside of it"
            )
        return trap
