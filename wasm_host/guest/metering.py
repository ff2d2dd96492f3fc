"""The running of a guest's calls: in time slices, in turn, within budgets of time and of memory.

A call is polled once at once, because almost every call ends within its first slice. One that does not takes
its further slices in turn with all other long calls, and after each slice its budgets are looked at: computing
time in slices, and time on the clock, both since the last message that the guest closed. Whatever ends a call
early, a limit or a cancelled scope, destroys the guest: its memory is in the middle of something.
"""

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import trio
import wasmtime

from wasm_host.errors import (
    CpuLimitError,
    GuestFaultError,
    GuestTrapError,
    MemoryLimitError,
    ProtocolError,
    StackLimitError,
    WallTimeError,
)
from wasm_host.guest import abi
from wasm_host.guest.memory import FREE_BYTES, GuestMemory, GuestReclaimer, resident_bytes
from wasm_host.guest.output import JsonChecker
from wasm_host.guest.slices import SHORT_CALLS, SliceQueue, Ticker
from wasm_host.guest.under_way import ANSWERED_BYTES, Progress, UnderWay
from wasm_host.guest.usage import GuestUsage
from wasm_host.limits import GuestLimits
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.ticker import NativeTicker

OnSliceEnd = Callable[[], Awaitable[None]]

_SLICE_COSTS_AT_LEAST_MS = 0.5
"""The least that a slice costs, however little of it a guest got: budgets end on the busiest machine too."""

_EARLY_SECONDS = 0.0005
"""A slice ends when the epoch's tick comes, which may be at once. A first one that was shorter than this goes on
to the next tick: most calls take a tenth of a tick, and to wait in turn would cost them more than they take."""

_AWAITED = (1).to_bytes(4, "little")

_UNCOUNTED_SECONDS = 0.00002
"""A call that is this short costs the event loop less than what is around it."""

_DEEP_STACK_BYTES = 512 * 1024
"""A call with more stack than that is not merely what happens to run when there is no memory left."""


class GuestRuntime(NamedTuple):
    """The parts that all guests of a host share: the engine's, not a single byte of any guest."""

    engine: capi.Engine
    linker: wasmtime.Linker
    ticker: Ticker | NativeTicker
    turns: SliceQueue
    usage: GuestUsage
    memory: GuestMemory
    reclaimer: GuestReclaimer
    checker: JsonChecker


class GuestCounters:
    """Counters of one sandbox, over all the guests that it had.

    Args:
        owner: the owner of it, for the bound of an owner's memory

    Attributes:
        is_slow: its last long call took several slices. Its next call waits for its turn from the start: otherwise
            many components that compute for two milliseconds each would take all their first slices out of turn.
        short_calls: calls in a row, up to the last, that ended within their first slice.
    """

    __slots__ = ("calls", "cpu_seconds", "is_slow", "owner", "short_calls", "slices")

    def __init__(self, owner: str = "") -> None:
        self.owner = owner
        self.calls = 0
        self.slices = 0
        self.cpu_seconds = 0.0
        self.is_slow = False
        self.short_calls = 0


class MeteredStore:
    """A guest's store, from its making to ``discard``, and the calls that run in it.

    Args:
        runtime: the host's
        limits: what it may use
        counters: of its sandbox
        on_slice_end: awaited between the slices of a long call
        instances: as how many instances it counts
        is_ours: its module is our own, so that what it does before it opens a program is known to be short
    """

    def __init__(
        self,
        runtime: GuestRuntime,
        limits: GuestLimits,
        counters: GuestCounters,
        on_slice_end: OnSliceEnd | None,
        instances: int = 1,
        *,
        is_ours: bool = False,
    ) -> None:
        self._runtime = runtime
        self._limits = limits
        self._counters = counters
        self._on_slice_end = on_slice_end
        self._is_ours = is_ours
        self._instance: capi.Instance
        self._status_at = 0
        self._awaited_at = 0  # of the word that asks the guest to return soon, where it has one
        self._counted_bytes = 0  # of its memory, by the host's GuestMemory
        self._seen_bytes = 0
        self._limited_at = -1
        self._touched_bytes = 0  # by the call under way, of any memory; looked at where that may be much
        self._is_asked = False  # to return soon: the guest whose call is under way
        self._most_memory_bytes = self._memory_limit_bytes = limits.memory_bytes
        self._store: capi.Store | None = None
        runtime.usage.admit(counters, instances)
        try:
            self._store = self._new_store()
        except BaseException:
            runtime.usage.dismiss(counters)
            raise

    def _new_store(self) -> capi.Store:
        limits = self._limits
        return capi.Store(
            self._runtime.engine, memory_bytes=limits.memory_bytes, table_elements=limits.table_elements
        )

    def discard(self) -> None:
        """Free everything at once, without cleanup. Idempotent."""
        if self._store is not None:
            store, self._store = self._store, None
            self._runtime.usage.dismiss(self._counters)
            self._runtime.reclaimer.take(store, self._counters.owner, self._counted_bytes)

    def _turn(self) -> AbstractAsyncContextManager[None]:
        """Return the next turn of this guest, for what is done for it."""
        return self._runtime.turns.of(self._counters.owner)

    def _living(self) -> capi.Store:
        if self._store is None:
            raise GuestTrapError("the guest was discarded during a call")
        return self._store

    def _status(self) -> tuple[int, int, int, int]:
        return abi.STATUS.unpack(self._read_status(abi.STATUS.size))

    def _read_status(self, length: int, ended: capi.Pending | None = None) -> bytes:
        """Read so much of the status block; ``ended`` is the call that has just ended, and may have brought it."""
        brought = None if ended is None else ended.block
        size_bytes = self._instance.memory_bytes() if ended is None or brought is None else ended.memory_bytes
        if size_bytes != self._seen_bytes:
            self._count_memory(size_bytes)
        block = brought or self._instance.read(self._status_at, length)
        if block is None:
            raise ProtocolError(f"the guest's status block at {self._status_at} lies outside its memory")
        return block

    async def _call(
        self, function: capi.Function, argument: int | None, count: int = 1, cpu_ms: int | None = None
    ) -> int:
        return await self._run(self._living().start(function, argument), count, cpu_ms)

    def _out_of_memory(self) -> MemoryLimitError:
        memory, limit = self._runtime.memory, self._limits.memory_bytes
        if self._memory_limit_bytes == self._most_memory_bytes and memory.room_bytes(self._counters.owner):
            return MemoryLimitError(f"more memory than a guest may have: {limit:,} bytes", "memory_bytes", limit)
        if memory.used_bytes < memory.process_bytes - memory.owner_bytes + memory.used_by(self._counters.owner):
            whose, limit, name = "one owner's guests", memory.owner_bytes, "owner_memory_bytes"
        else:
            whose, limit, name = "all guests", memory.process_bytes, "process_memory_bytes"
        return MemoryLimitError(
            f"more memory than {whose} may have together: {limit:,} bytes; stop an execution first", name, limit
        )

    async def _prepare(self, function: capi.Function, argument: int | None) -> int:
        """Make a call that runs nobody's program."""
        return await self._run(self._living().start(function, argument), is_short=self._is_ours)

    async def _run(
        self, pending: capi.Pending, count: int = 1, cpu_ms: int | None = None, *, is_short: bool = False
    ) -> int:
        """Run a call to its end. Raises GuestFaultError.

        On any exception the call is gone and the guest unusable.
        """
        try:
            if not self._begin_run(pending, is_short=is_short):
                await self._run_in_turns(pending, count, cpu_ms or self._limits.cpu_ms)
            return pending.result()
        except capi.TrapError as trap:
            raise self._fault_of(trap) from None
        finally:
            pending.delete()

    async def _go_on(self, under_way: UnderWay) -> int | None:
        """Run a batch that has begun to its end, as ``_run`` does; or until some of it is to be answered: None."""
        has_ended = True
        try:
            count = under_way.answered + len(under_way.batch)
            has_ended = await self._run_in_turns(under_way.pending, count, self._limits.cpu_ms, under_way)
            return under_way.pending.result() if has_ended else None
        except capi.TrapError as trap:
            raise self._fault_of(trap) from None
        finally:
            if has_ended:
                under_way.pending.delete()

    def _begin_run(self, pending: capi.Pending, *, is_short: bool = False) -> bool:
        """Begin to run a call; return whether it is done. Otherwise it goes on in turns.

        Raises:
            TrapError: it ended in one.
            MemoryLimitError: it has taken more than there is.
        """
        counters, memory = self._counters, self._runtime.memory
        counters.calls += 1
        used = memory.used_bytes
        if used != self._limited_at and used + self._most_memory_bytes > memory.least_bytes:
            self._limit_memory()
        self._touched_bytes = 0
        self._is_asked = False
        return not (counters.is_slow and not is_short) and self._is_done_at_once(pending, is_short=is_short)

    def _fault_of(self, trap: capi.TrapError) -> GuestFaultError:
        if "exceeds memory limits" in str(trap) and self._memory_limit_bytes < self._most_memory_bytes:
            return self._out_of_memory()
        if trap.stack_overflow:
            return StackLimitError("the component recursed too deeply", "stack_bytes", capi.WASM_STACK_BYTES)
        return GuestTrapError(str(trap).strip().splitlines()[-1].strip())

    def _is_done_at_once(self, pending: capi.Pending, *, is_short: bool) -> bool:
        """Take the first slice out of turn, if that may be; return whether the call is done."""
        counters, turns = self._counters, self._runtime.turns
        if not turns.lets_begin(SHORT_CALLS if is_short else counters.short_calls):
            return False
        before = counters.cpu_seconds
        resident = 0 if counters.short_calls >= SHORT_CALLS or is_short else resident_bytes()
        done = self._slice(pending)
        took = counters.cpu_seconds - before
        if not done and took < _EARLY_SECONDS:
            done = self._slice(pending)
            took = counters.cpu_seconds - before
        self._touched_bytes = resident_bytes() - resident if resident and not done else 0
        if took > _UNCOUNTED_SECONDS:
            turns.note(took, is_over=done)
        counters.short_calls = counters.short_calls + 1 if done else 0
        if not done and self._status_at:
            self._ask_to_return()
            self._count_running()  # before others begin
        return done

    def _limit_memory(self) -> None:
        """Lower the memory's limit to what is left for the guests of its owner, or raise it again."""
        memory = self._runtime.memory
        self._limited_at = memory.used_bytes
        room = memory.room_bytes(self._counters.owner)
        limit = min(self._most_memory_bytes, max(self._seen_bytes, FREE_BYTES) + room)
        if limit != self._memory_limit_bytes and self._store is not None:
            self._memory_limit_bytes = limit
            self._store.limit_memory(limit)

    def _count_memory(self, size_bytes: int, stack_bytes: int = 0) -> None:
        """Count what the memory has grown to, and the stack of a call that has not ended."""
        self._seen_bytes = size_bytes
        counted = max(0, size_bytes - FREE_BYTES) + stack_bytes
        if counted != self._counted_bytes:
            self._runtime.memory.add(self._counters.owner, counted - self._counted_bytes)
            self._counted_bytes = counted

    def _count_running(self) -> None:
        """Count what a guest has whose call has not ended, its stack included.

        The stack is what the process has grown by while the call ran, and is not in the guest's memory. Raises
        MemoryLimitError.
        """
        size = self._instance.memory_bytes()
        stack = min(max(0, self._touched_bytes - max(0, size - FREE_BYTES)), capi.WASM_STACK_BYTES)
        self._count_memory(size, stack)
        memory = self._runtime.memory
        if (
            stack > FREE_BYTES
            and memory.used_bytes > memory.least_bytes
            and not memory.room_bytes(self._counters.owner)
        ):
            raise self._out_of_memory()

    def _slice(self, pending: capi.Pending) -> bool:
        """Let the guest run until it is done (True) or its slice is over (False)."""
        counters = self._counters
        counters.slices += 1
        self._runtime.ticker.touch()
        began = time.perf_counter()
        done = pending.poll()
        counters.cpu_seconds += time.perf_counter() - began
        return done

    async def _run_in_turns(
        self, pending: capi.Pending, count: int, cpu_ms: int, under_way: UnderWay | None = None
    ) -> bool:
        """Run the slices of a long call, its budgets restarted with each message that it closes.

        A slice costs the processor's time that it took. That may be more than a slice's length: filling all of
        a guest's memory is one instruction. It may be less: on a busy machine this thread does not always run.

        Return whether it has ended. It has not where it is ``under_way`` and has closed messages to be answered,
        and the next one has gone on for a slice although it was asked to return.
        """
        counters, limits, runtime = self._counters, self._limits, self._runtime
        progress = Progress() if under_way is None else under_way.progress
        counters.is_slow = progress.closed > 0
        while True:
            if self._on_slice_end is not None:
                before = trio.current_time()
                await self._on_slice_end()
                progress.frozen += trio.current_time() - before
            async with runtime.turns.of(counters.owner):
                if runtime.memory.used_bytes + self._most_memory_bytes > runtime.memory.least_bytes:
                    self._limit_memory()
                began, resident, was_asked = time.thread_time(), resident_bytes(), self._is_asked
                done = self._slice(pending)
                self._touched_bytes += resident_bytes() - resident
                progress.spent_ms += max(_SLICE_COSTS_AT_LEAST_MS, (time.thread_time() - began) * 1000)
            if done:
                if self._status_at:
                    self._count_memory(self._instance.memory_bytes())
                return True
            counters.is_slow = True
            self._ask_to_return()
            if self._status_at:
                self._count_running()
            closed_now = self._closed_messages(progress.closed, count)
            if closed_now != progress.closed:
                progress.closed = closed_now
                progress.begin()
            if under_way is not None and was_asked and self._is_to_be_answered(under_way):
                return False
            if progress.spent_ms >= cpu_ms:
                raise CpuLimitError(f"one invocation computed for {cpu_ms} ms", "cpu_ms", cpu_ms)
            if progress.wall_seconds() * 1000 > limits.wall_ms:
                raise WallTimeError(f"one invocation took {limits.wall_ms} ms", "wall_ms", limits.wall_ms)

    def _is_to_be_answered(self, under_way: UnderWay) -> bool:
        """Return whether it has closed messages that were not answered, and has made little of them."""
        made = under_way.made_bytes(self._status()[1])
        return under_way.progress.closed > under_way.answered and made <= ANSWERED_BYTES

    def _ask_to_return(self) -> None:
        """Let the guest begin no further message in this call, if it listens to that.

        The slices of others lie before its next one, and what it has made would wait for them.
        """
        self._is_asked = True
        if self._awaited_at:
            self._instance.write(self._awaited_at, _AWAITED)

    def _closed_messages(self, before: int, count: int) -> int:
        """Return how many messages the running guest has closed. It may only count up, and only to the end."""
        if not self._status_at or count == 1:
            return before
        now = self._status()[2]
        if now < before:
            raise ProtocolError("the guest's count of closed messages went backwards")
        if now > count:
            raise ProtocolError("the guest says that it closed more messages than it was given")
        return now
