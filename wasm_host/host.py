"""The sandbox host: one engine, one ticker, one cache, one order of turns, and the sandboxes made from them."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio
import wasmtime

from wasm_host.compile.compiler import ModuleCompiler, WasmProgram
from wasm_host.compile.own_modules import ModuleCache, default_cache_folder
from wasm_host.compile.tasks import COMPILING
from wasm_host.guest import json_check
from wasm_host.guest.identity import Identity
from wasm_host.guest.memory import GuestMemory, GuestReclaimer
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.guest.output import JsonChecker
from wasm_host.guest.slices import SliceQueue, new_ticker
from wasm_host.guest.usage import GuestUsage, HostStatistics
from wasm_host.limits import (
    MAX_INSTANCES,
    MAXIMUM_LIMITS,
    OWNER_MEMORY_BYTES,
    PROCESS_MEMORY_BYTES,
    GuestLimits,
)
from wasm_host.sandbox import javascript
from wasm_host.sandbox.chain import Chain
from wasm_host.sandbox.javascript import Link, Program
from wasm_host.sandbox.openers import GuestSetup, SourceOpener, wasm_opener
from wasm_host.sandbox.relay import Relay
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.typescript.translation import Translator
from wasm_host.wasmtime_c import core as capi
from workers.bounds import PoolBounds
from workers.pool import PoolStatistics, open_pool

_NOBODY = Identity()
_DEFAULT_LIMITS = GuestLimits()


def _wall_clock_ms() -> float:
    return time.time() * 1000


class SandboxHost:
    """The maker of sandboxes. Opened with ``open_host``.

    Attributes:
        maximum_limits: what a component may ask for; whoever makes a sandbox holds its program to it.
    """

    def __init__(
        self,
        runtime: GuestRuntime,
        modules: ModuleCache,
        guest: capi.Module,
        now_ms: Callable[[], float],
        compiler: ModuleCompiler,
        maximum_limits: GuestLimits,
    ) -> None:
        self._compiler = compiler
        self._runtime = runtime
        self._modules = modules
        self._guest = guest
        self._now_ms = now_ms
        # Guests have no clock finer than a millisecond.
        self._now_whole_ms: Callable[[], float] = lambda: float(int(now_ms()))
        self._translator = Translator(runtime, modules)
        self.maximum_limits = maximum_limits

    def statistics(self) -> HostStatistics:
        """Return what all guests of this host have used until now."""
        return self._runtime.usage.statistics()

    def compiler_statistics(self) -> PoolStatistics:
        """Return what the compiler's processes do now and have done."""
        return self._compiler.statistics()

    def sandbox(
        self,
        program: Program | WasmProgram,
        *,
        identity: Identity = _NOBODY,
        config: bytes = b"{}",
        inputs: tuple[str, ...] = ("in",),
        outputs: tuple[str, ...] = ("out",),
        limits: GuestLimits = _DEFAULT_LIMITS,
        seed: int = 0,
        on_slice_end: OnSliceEnd | None = None,
        owner: str = "",
        param: bytes = b"",
    ) -> Sandbox:
        """Return a sandbox for one component instance; nothing runs before its ``open``.

        Args:
            program: the source, or what ``program`` made of a module
            identity: what the component may know about itself
            config: the node's configuration, JSON text
            inputs: names of the input ports; batches name them by index
            outputs: names of the output ports; emissions name them by index
            limits: what a guest may use
            seed: of Math.random; the same seed, inputs and times give the same run
            on_slice_end: awaited between the slices of a long call; its budgets stand still meanwhile
            owner: the owner of it, for the bound of an owner's memory
            param: what a program in JavaScript finds in the variable of this name, JSON text; none where empty
        """
        setup = GuestSetup(
            runtime=self._runtime,
            program=Program("handler", "", filename=program.name) if isinstance(program, WasmProgram) else program,
            identity=identity,
            config=config,
            inputs=inputs,
            outputs=outputs,
            limits=limits,
            counters=GuestCounters(owner),
            on_slice_end=on_slice_end,
            now_ms=self._now_whole_ms,
            param=param,
        )
        opener = wasm_opener(program) if isinstance(program, WasmProgram) else SourceOpener(self._guest)
        return Sandbox(setup, opener, seed=seed)

    def chain(
        self,
        members: Sequence[Sandbox | Relay],
        links: Sequence[Link],
        on_slice_end: OnSliceEnd | None = None,
    ) -> Chain:
        """Return a chain of sandboxes that ``sandbox`` made of sources, and that are not open yet.

        Args:
            members: these, one at least, and what hands on between them, in order; together at most
                chain_ports.MOST_PROGRAMS
            links: each one's place
            on_slice_end: as with ``sandbox``
        """
        return Chain(self._runtime, self._guest, members, links, on_slice_end, self._now_ms)

    async def program(
        self, module: bytes, name: str = "module.wasm", limits: GuestLimits = _DEFAULT_LIMITS, owner: str = ""
    ) -> WasmProgram:
        """Look at a WebAssembly module or component and compile it, once for a machine, in a process of its own.

        Args:
            module: its bytes
            name: for messages
            limits: what it may ask for
            owner: whose turn with the compiler it takes

        Raises:
            PoolBusyError: as much of the owner waits for the compiler as may.
            ModuleError: it may not run here; the message names what is wrong.
        """
        return await self._compiler.program(module, limits, name, owner)

    async def translate(self, program: Program, limits: GuestLimits = _DEFAULT_LIMITS) -> Program:
        """Return a program in TypeScript as the same one in JavaScript, with the lines and columns of its author.

        The first call compiles the transformer, once for a machine: three seconds in a thread.

        Raises:
            ProgramError: it is not TypeScript; it says where.
            LimitError: it takes too much time or memory to be read.
            HostError: the package quickjs-rs is missing.
        """
        source, is_in_place = await self._translator.translate(program.source, limits)
        filename = program.filename if is_in_place else f"{program.filename} (translated)"
        return msgspec.structs.replace(program, source=source, filename=filename)

    async def check(
        self,
        program: Program | WasmProgram,
        config: bytes = b"{}",
        inputs: tuple[str, ...] = ("in",),
        outputs: tuple[str, ...] = ("out",),
        limits: GuestLimits = _DEFAULT_LIMITS,
        param: bytes = b"",
    ) -> None:
        """Compile a program, or instantiate a module, in a guest of its own, without running ``initialize``.

        Raises:
            ProgramError: the source cannot be used; it says where.
            ModuleError: the module cannot be instantiated.
            GuestFaultError: the source's top level ran into a limit.
        """
        sandbox = self.sandbox(program, config=config, inputs=inputs, outputs=outputs, limits=limits, param=param)
        await sandbox.check()


@asynccontextmanager
async def open_host(
    cache_folder: Path | None = None,
    now_ms: Callable[[], float] = _wall_clock_ms,
    *,
    maximum_limits: GuestLimits = MAXIMUM_LIMITS,
    max_instances: int = MAX_INSTANCES,
    owner_instances: int = 0,
    compiling: PoolBounds = COMPILING,
    memory_bytes: int = PROCESS_MEMORY_BYTES,
    owner_memory_bytes: int = OWNER_MEMORY_BYTES,
) -> AsyncIterator[SandboxHost]:
    """Load (or compile, once) the QuickJS guest and run the ticker while the block is open.

    Args:
        cache_folder: for compiled modules; the user's cache folder by default
        now_ms: the clock that guests see, milliseconds since 1970
        maximum_limits: what a component may ask for
        max_instances: guests alive at once
        owner_instances: guests of one owner alive at once; 0 for no bound
        compiling: bounds of the compiler's processes
        memory_bytes: linear memory of all guests together, but for the first 2 MiB of each
        owner_memory_bytes: the same for the guests of one owner

    Raises:
        HostError: the guest was not built, or the cache folder is not private.
    """
    engine = capi.new_engine()
    folder = cache_folder or default_cache_folder()
    modules = ModuleCache(engine, folder)
    guest = await modules.load(javascript.read_guest())
    checker = JsonChecker(engine, await modules.load(bytes(wasmtime.wat2wasm(json_check.MODULE_TEXT))))
    ticker = new_ticker(engine)
    ticker.start()
    memory = GuestMemory(memory_bytes, owner_memory_bytes)
    reclaimer = GuestReclaimer(memory)
    usage = GuestUsage(max_instances, owner_instances)
    runtime = GuestRuntime(
        engine, wasmtime.Linker(engine), ticker, SliceQueue(), usage, memory, reclaimer, checker
    )
    problem: Exception | None = None
    try:
        async with open_pool(compiling) as workers, trio.open_nursery() as nursery:
            nursery.start_soon(reclaimer.run)
            compiler = ModuleCompiler(engine, folder, workers)
            try:
                yield SandboxHost(runtime, modules, guest, now_ms, compiler, maximum_limits)
            except Exception as raised:  # noqa: BLE001 - the block's own, which the nursery would wrap in a group
                problem = raised
            reclaimer.stop()
        if problem is not None:
            try:
                raise problem
            finally:
                del problem
    finally:
        ticker.stop()
