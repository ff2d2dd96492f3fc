"""Sandboxes for programs that come as WebAssembly: core modules with the guest ABI, and components.

Whatever holds for a sandbox holds for them too: the host owns the state, and a guest that was destroyed is
replaced.
"""

from typing import Any

import trio

from wasm_host.compile.compiler import WasmProgram
from wasm_host.component_model.guest import CompiledComponent, ComponentContext, ComponentGuest
from wasm_host.guest.abi import Effects
from wasm_host.guest.guest import Guest
from wasm_host.guest.metering import GuestRuntime
from wasm_host.sandbox.javascript import Program
from wasm_host.sandbox.sandbox import Sandbox
from wasm_host.wasmtime_c import core as capi


def wasm_sandbox(runtime: GuestRuntime, program: WasmProgram, **options: Any) -> Sandbox:
    """Return a sandbox for the program; the options are those of ``Sandbox``."""
    if isinstance(program.code, CompiledComponent):
        return ComponentSandbox(runtime, program.code, program.name, **options)
    return ModuleSandbox(runtime, program.code, program.name, **options)


class ModuleSandbox(Sandbox):
    """A sandbox of a core module with the guest ABI."""

    _is_module_ours = False

    def __init__(self, runtime: GuestRuntime, module: capi.Module, name: str, **options: Any) -> None:
        super().__init__(runtime, module, Program("handler", "", filename=name), **options)

    async def check(self) -> None:
        """Instantiate the module, start function included. Raises ModuleError or GuestFaultError."""
        guest = Guest(self._runtime, self._limits, self._counters, len(self._outputs), self._on_slice_end)
        try:
            await guest.probe(self._module)
        finally:
            guest.discard()
            self.discard()


class ComponentSandbox(Sandbox):
    """A sandbox of a component."""

    def __init__(self, runtime: GuestRuntime, wrapped: CompiledComponent, name: str, **options: Any) -> None:
        # The module is the base class's own concern, and this class never asks it to open one.
        super().__init__(runtime, None, Program("handler", "", filename=name), **options)  # type: ignore[arg-type]
        self._component = wrapped

    async def check(self) -> None:
        """Instantiate the component, start functions included. Raises ModuleError or GuestFaultError."""
        guest = self._new_guest()
        try:
            await guest.instantiate()
        finally:
            guest.discard()
            self.discard()

    def _new_guest(self) -> ComponentGuest:
        # The number of restarts, as in the base class: a replacement draws other random numbers.
        seed = self._seed + self._restarts
        place = ComponentContext(self._identity, self._config, self._inputs, self._outputs, seed)
        return ComponentGuest(
            self._runtime, self._limits, self._counters, place, self._component, self._on_slice_end
        )

    async def _started(self, *, restored: bool, check: bool) -> tuple[Guest, Effects]:
        del check  # ``check`` above does what can be done
        await trio.lowlevel.checkpoint()  # as in the base class
        guest = self._new_guest()
        try:
            await guest.instantiate()
            opened = await guest.begin(self._state.values, restored=restored, now_ms=self._now_ms())
            effects = self._accepted(opened)
        except BaseException:
            guest.discard()
            raise
        if restored:
            effects.emissions, effects.state = [], ()
        return guest, effects
