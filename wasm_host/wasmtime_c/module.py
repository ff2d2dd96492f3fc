"""The C API of a module of ours that is no guest: several arguments, and imports that do nothing."""

import ctypes
from collections.abc import Sequence

import wasmtime
from wasmtime import _bindings as raw

from wasm_host.wasmtime_c import core as capi

_MAX_ARGUMENTS = 8


class ModuleStore(capi.Store):
    """The world of one instance. Freed by ``close``, at once."""

    def __init__(self, engine: capi.Engine, *, memory_bytes: int) -> None:
        super().__init__(engine, memory_bytes=memory_bytes, table_elements=100_000)
        self._arguments = (raw.wasmtime_val_t * _MAX_ARGUMENTS)()
        ctypes.memset(self._arguments, 0, ctypes.sizeof(self._arguments))  # kind 0: i32
        self._linker: wasmtime.Linker | None = None

    def inert_linker(self, engine: capi.Engine, module: capi.Module) -> wasmtime.Linker:
        """Return a linker that answers every import with zeros, from within Wasmtime.

        Nothing of ours is called.
        """
        linker = wasmtime.Linker(engine)
        linker.define_unknown_imports_as_default_values(self._store, module)
        self._linker = linker  # kept as long as the instance
        return linker

    def start_with(self, function: capi.Function, arguments: Sequence[int], *, results: int = 1) -> capi.Pending:
        """Begin a call with 32-bit arguments; nothing runs before the first poll.

        Args:
            function: an export of this store's instance, which takes so many
            arguments: at most eight
            results: 1 for an i32 result, 0 for none
        """
        self.refuse_second_call()
        for slot, argument in zip(self._arguments, arguments, strict=False):
            slot.of.i32 = argument - (1 << 32) if argument >> 31 else argument
        _, result_at, trap_at, error_at = self._addresses
        self._result_i32.value = 0
        capi._set_epoch_deadline(self._context, 1)  # noqa: SLF001 - capi's own, kept apart for its length
        self.pending = pending = capi.Pending(
            self,
            capi._call_async(  # noqa: SLF001 - as above
                self._context,
                function.address,
                ctypes.addressof(self._arguments),
                len(arguments),
                result_at,
                results,
                trap_at,
                error_at,
            ),
        )
        return pending
