"""The beginning of a sandbox's guests: what each of them is given, and who opens one for which kind of program.

A sandbox opens a guest, and another whenever one was destroyed. What it does with them is the same for all
programs; how they begin is not, and stands here.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import msgspec
import trio

from wasm_host.compile.compiler import WasmProgram
from wasm_host.component_model.guest import CompiledComponent, ComponentContext, ComponentGuest
from wasm_host.errors import GuestFaultError
from wasm_host.guest.guest import Guest, OpenResult
from wasm_host.guest.identity import Identity
from wasm_host.guest.metering import GuestCounters, GuestRuntime, OnSliceEnd
from wasm_host.limits import GuestLimits
from wasm_host.sandbox import javascript
from wasm_host.sandbox.javascript import Check, Link, Program
from wasm_host.wasmtime_c import core as capi

_PIECE_BYTES = 64 * 1024
"""Bytes of an open document that are made without a look at other tasks."""


TRIAL_CPU_MS = 10
"""Computing time of an expression that is tried: hundreds of times what one needs that ends at all."""


class Start(NamedTuple):
    """The differences from one guest of a sandbox to the next.

    With ``restored``, the guest replaces another: ``state`` is the instance's, and initialize must not change it.
    With ``from_version``, ``state`` is that of another version of the program, of this name.
    """

    state: dict[str, bytes]
    seed: int
    restored: bool = False
    from_version: str = ""


class GuestSetup(msgspec.Struct, frozen=True, kw_only=True):
    """The setup that all guests of a sandbox are given."""

    runtime: GuestRuntime
    program: Program
    identity: Identity
    config: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    limits: GuestLimits
    counters: GuestCounters
    on_slice_end: OnSliceEnd | None
    now_ms: Callable[[], float]
    param: bytes = b""

    def document(self, start: Start, *, check: Check = "", link: Link | None = None) -> Iterator[bytes]:
        """Return the input of symbia_open, in pieces. Raises ProgramError."""
        return javascript.open_document(
            self.program,
            self.identity,
            self.config,
            self.inputs,
            self.outputs,
            start.state,
            self.limits,
            seed=start.seed,
            now_ms=self.now_ms(),
            restored=start.restored,
            from_version=start.from_version,
            check=check,
            link=link,
            param=self.param,
        )


class GuestOpener(Protocol):
    """An opener of guests for one program."""

    async def open(self, setup: GuestSetup, start: Start) -> tuple[Guest, OpenResult]:
        """Open a guest, and run what the program does first. Raises as ``Guest.open`` does."""

    async def check(self, setup: GuestSetup, start: Start) -> OpenResult | None:
        """Open a guest as far as the program can be checked, and discard it. Raises as ``open`` does."""


class SourceOpener:
    """An opener of the QuickJS guest with a program in JavaScript."""

    def __init__(self, module: capi.Module) -> None:
        self._module = module

    async def open(self, setup: GuestSetup, start: Start) -> tuple[Guest, OpenResult]:
        return await _opened(self._module, setup, start, is_ours=True)

    async def check(self, setup: GuestSetup, start: Start) -> OpenResult | None:
        """Compile the program, without ``initialize``; try an expression on null, as long as that is quick."""
        if setup.program.mode != "handler":
            limits = msgspec.structs.replace(setup.limits, cpu_ms=min(TRIAL_CPU_MS, setup.limits.cpu_ms))
            trial = msgspec.structs.replace(setup, limits=limits)
            try:
                guest, opened = await _opened(self._module, trial, start, is_ours=True, check="try")
            except GuestFaultError:  # it is made for other values than null, or too long to be compiled so quickly
                pass
            else:
                guest.discard()
                return opened
        guest, opened = await _opened(self._module, setup, start, is_ours=True, check="compile")
        guest.discard()
        return opened


class ModuleOpener:
    """An opener of a core module with the guest ABI."""

    def __init__(self, module: capi.Module) -> None:
        self._module = module

    async def open(self, setup: GuestSetup, start: Start) -> tuple[Guest, OpenResult]:
        return await _opened(self._module, setup, start, is_ours=False)

    async def check(self, setup: GuestSetup, start: Start) -> OpenResult | None:
        """Instantiate the module, start function included. Raises ModuleError or GuestFaultError."""
        del start  # its program does not begin
        guest = Guest(setup.runtime, setup.limits, setup.counters, len(setup.outputs), setup.on_slice_end)
        try:
            await guest.probe(self._module)
        finally:
            guest.discard()
        return None


class ComponentOpener:
    """An opener of a component."""

    def __init__(self, component: CompiledComponent) -> None:
        self._component = component

    async def open(self, setup: GuestSetup, start: Start) -> tuple[Guest, OpenResult]:
        await trio.lowlevel.checkpoint()  # as in ``_opened``
        guest = self._new_guest(setup, start)
        try:
            await guest.instantiate()
            opened = await guest.begin(start.state, restored=start.restored, now_ms=setup.now_ms())
        except BaseException:
            guest.discard()
            raise
        return guest, opened

    async def check(self, setup: GuestSetup, start: Start) -> OpenResult | None:
        """Instantiate the component, start functions included. Raises ModuleError or GuestFaultError."""
        guest = self._new_guest(setup, start)
        try:
            await guest.instantiate()
        finally:
            guest.discard()
        return None

    def _new_guest(self, setup: GuestSetup, start: Start) -> ComponentGuest:
        context = ComponentContext(setup.identity, setup.config, setup.inputs, setup.outputs, start.seed)
        return ComponentGuest(
            setup.runtime, setup.limits, setup.counters, context, self._component, setup.on_slice_end
        )


def wasm_opener(program: WasmProgram) -> GuestOpener:
    """Return what opens guests for a compiled module or component."""
    if isinstance(program.code, CompiledComponent):
        return ComponentOpener(program.code)
    return ModuleOpener(program.code)


async def _opened(
    module: capi.Module, setup: GuestSetup, start: Start, *, is_ours: bool, check: Check = ""
) -> tuple[Guest, OpenResult]:
    """Open a guest with the guest ABI, whose document says everything."""
    document: list[bytes] = []
    for piece in setup.document(start, check=check):
        if not document or len(piece) > _PIECE_BYTES:
            await trio.lowlevel.checkpoint()  # an opening costs half a millisecond; graphs have many nodes
        document.append(piece)
    await setup.runtime.reclaimer.settled()  # what its predecessor had is free again
    guest = Guest(
        setup.runtime,
        setup.limits,
        setup.counters,
        len(setup.outputs),
        setup.on_slice_end,
        is_ours=is_ours,
    )
    try:
        return guest, await guest.open(module, document)
    except BaseException:
        guest.discard()
        raise
