"""The sandbox host: one engine, one ticker, one cache, one order of turns, and the sandboxes made from them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import wasmtime

from wasm_host import capi, javascript
from wasm_host.census import Census
from wasm_host.epoch import Ticker, Turns
from wasm_host.guest import BetweenSlices, Machine
from wasm_host.javascript import Identity, Program
from wasm_host.limits import MAX_INSTANCES, MAXIMUM_LIMITS, GuestLimits
from wasm_host.modules import ModuleCache, default_cache_folder
from wasm_host.sandbox import Sandbox
from wasm_host.typescript.translation import Translator

__all__ = ["SandboxHost", "open_host"]


_NOBODY = Identity()
_DEFAULT_LIMITS = GuestLimits()


def _wall_clock_ms() -> float:
    return time.time() * 1000


class SandboxHost:
    """Makes sandboxes. Opened with `open_host`.

    Attributes:
        maximum_limits: what a component may ask for; whoever makes a sandbox holds its program to it.
    """

    def __init__(
        self,
        machine: Machine,
        modules: ModuleCache,
        guest: capi.Module,
        now_ms: Callable[[], float],
        maximum_limits: GuestLimits,
    ) -> None:
        self._machine = machine
        self._modules = modules
        self._guest = guest
        self._now_ms = now_ms
        self._translator = Translator(machine, modules)
        self.maximum_limits = maximum_limits

    def sandbox(
        self,
        program: Program,
        *,
        identity: Identity = _NOBODY,
        config: bytes = b"{}",
        inputs: tuple[str, ...] = ("in",),
        outputs: tuple[str, ...] = ("out",),
        limits: GuestLimits = _DEFAULT_LIMITS,
        seed: int = 0,
        between_slices: BetweenSlices | None = None,
    ) -> Sandbox:
        """A sandbox for one component instance; nothing runs before its `open`.

        Args:
            program: the source
            identity: what the component may know about itself
            config: the node's configuration, JSON text
            inputs: names of the input ports; batches name them by index
            outputs: names of the output ports; emissions name them by index
            limits: what a guest may use
            seed: of Math.random; the same seed, inputs and times give the same run
            between_slices: awaited between the slices of a long call; its budgets stand still meanwhile
        """
        return Sandbox(
            self._machine,
            self._guest,
            program,
            identity=identity,
            config=config,
            inputs=inputs,
            outputs=outputs,
            limits=limits,
            seed=seed,
            between_slices=between_slices,
            now_ms=self._now_ms,
        )

    async def translate(self, program: Program, limits: GuestLimits = _DEFAULT_LIMITS) -> Program:
        """A program in TypeScript as the same one in JavaScript, with the lines and columns of its author.

        The first call compiles the transformer, once for a machine: three seconds in a thread.

        Raises:
            ProgramError: it is not TypeScript; it says where.
            LimitExceeded: it takes too much time or memory to be read.
            HostError: the package quickjs-rs is missing.
        """
        source, is_in_place = await self._translator.translate(program.source, limits)
        filename = program.filename if is_in_place else f"{program.filename} (translated)"
        return msgspec.structs.replace(program, source=source, filename=filename)

    async def check(
        self,
        program: Program,
        config: bytes = b"{}",
        inputs: tuple[str, ...] = ("in",),
        outputs: tuple[str, ...] = ("out",),
        limits: GuestLimits = _DEFAULT_LIMITS,
    ) -> None:
        """Compiles a program in a guest of its own, without running `initialize`.

        Raises:
            ProgramError: the source cannot be used; it says where.
            GuestFault: the source's top level ran into a limit.
        """
        await self.sandbox(program, config=config, inputs=inputs, outputs=outputs, limits=limits).check()


@asynccontextmanager
async def open_host(
    cache_folder: Path | None = None,
    now_ms: Callable[[], float] = _wall_clock_ms,
    *,
    maximum_limits: GuestLimits = MAXIMUM_LIMITS,
    max_instances: int = MAX_INSTANCES,
) -> AsyncIterator[SandboxHost]:
    """Loads (or compiles, once) the QuickJS guest and runs the ticker while the block is open.

    Args:
        cache_folder: for compiled modules; the user's cache folder by default
        now_ms: the clock that guests see, milliseconds since 1970
        maximum_limits: what a component may ask for
        max_instances: guests alive at once

    Raises:
        HostError: the guest was not built, or the cache folder is not private.
    """
    engine = capi.new_engine()
    modules = ModuleCache(engine, cache_folder or default_cache_folder())
    guest = await modules.load(javascript.read_guest())
    ticker = Ticker(engine)
    ticker.start()
    try:
        machine = Machine(engine, wasmtime.Linker(engine), ticker, Turns(), Census(max_instances))
        yield SandboxHost(machine, modules, guest, now_ms, maximum_limits)
    finally:
        ticker.stop()
