"""The C API of components, as core.py is that of modules: the only place that calls it directly.

A call takes one text and returns one text, because that is all that the translator
(component_model/translator.wat) has. The text is a piece of memory, one character a byte; Wasmtime moves it as
UTF-8, so bytes from 128 on take two.
"""

import ctypes
from typing import Any

from wasmtime import _bindings as raw
from wasmtime import component

from wasm_host.wasmtime_c import core as capi

Component = component.Component
Linker = component.Linker
"""Defines nothing: a wrapped component imports nothing."""

_U64 = 8
_STRING = 12

_ADDRESS = ctypes.c_void_p
_SIZE = ctypes.c_size_t


_call_async = capi.quick_function(
    "wasmtime_component_func_call_async", _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _SIZE, _ADDRESS, _SIZE, _ADDRESS
)
_instantiate_async = capi.quick_function(
    "wasmtime_component_linker_instantiate_async", _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS
)
_value_delete = capi.quick_function("wasmtime_component_val_delete", None, _ADDRESS)


class ComponentFunction:
    """An exported function; its ``raw`` structure must not move."""

    __slots__ = ("address", "raw")

    def __init__(self, function: Any) -> None:
        self.raw = function
        self.address = ctypes.addressof(function)


class ComponentStore(capi.Store):
    """One wrapped component's world. Freed by ``close``, at once."""

    INSTANCES = 200
    """Core instances: one for each library that a language's tools link, and for each part around it."""

    TABLES = 20
    """Tables of functions; their size is limited too."""

    MEMORIES = 4
    """Memories: two for the component, which some tools need, the translator's (24 MiB at most), and the inner
    WASI's (256 KiB)."""

    def __init__(self, engine: capi.Engine, *, memory_bytes: int, table_elements: int) -> None:
        super().__init__(
            engine,
            memory_bytes=memory_bytes,
            table_elements=table_elements,
            instances=self.INSTANCES,
            tables=self.TABLES,
            memories=self.MEMORIES,
        )
        self._values = (raw.wasmtime_component_val_t * 2)()
        self._values_at = ctypes.addressof(self._values)
        self._result_value = raw.wasmtime_component_val_t()
        self._result_at = ctypes.addressof(self._result_value)
        self._error_at = ctypes.addressof(self._error)
        self._sent = b""
        self._kept: tuple[Any, ...] = ()  # what the call under way points at, so that it stays where it is
        self.trace = ""

    def start_component(self, linker: Linker, wrapped: Component) -> tuple[capi.Pending, Any]:
        """Begin to instantiate; start functions run within. The second is for ``function``."""
        instance = raw.wasmtime_component_instance_t()
        self.make_ready()
        self._kept = (linker, wrapped, instance)
        future = _instantiate_async(
            _address(linker), self._context, _address(wrapped), ctypes.addressof(instance), self._error_at
        )
        self.pending = pending = capi.Pending(self, future)
        return pending, instance

    def function(self, wrapped: Component, instance: Any, name: str) -> ComponentFunction | None:
        """Return an exported function by its name."""
        index = wrapped.get_export_index(name)
        if index is None:
            return None
        found = raw.wasmtime_component_func_t()
        context = ctypes.cast(self._context, ctypes.POINTER(raw.wasmtime_context_t))
        if not raw.wasmtime_component_instance_get_func(
            ctypes.byref(instance), context, index.ptr(), ctypes.byref(found)
        ):
            return None
        return ComponentFunction(found)

    def start_text(self, function: ComponentFunction, memory: bytes | None, *, results: int = 1) -> capi.Pending:
        """Begin a call from one text (or none) to one text; nothing runs before the first poll.

        Args:
            function: of that type
            memory: the bytes that the text stands for
            results: 1 for a text, 0 for none
        """
        if memory is not None:
            # Kept until the next call: Wasmtime reads it when the call is polled first.
            self._sent = memory if memory.isascii() else memory.decode("latin-1").encode()
            value = self._values[0]
            value.kind = _STRING
            value.of.string.size = len(self._sent)
            value.of.string.data = ctypes.cast(ctypes.c_char_p(self._sent), ctypes.POINTER(ctypes.c_uint8))
        self._result_value.kind = 0
        self.make_ready()
        self._kept = (function,)
        future = _call_async(
            function.address,
            self._context,
            self._values_at,
            memory is not None,
            self._result_at,
            results,
            self._error_at,
        )
        self.pending = pending = capi.Pending(self, future)
        return pending

    def start_numbers(self, function: ComponentFunction, first: int, second: int) -> capi.Pending:
        """Begin a call with two 64-bit numbers and without a result."""
        for value, number in zip(self._values, (first, second), strict=True):
            value.kind = _U64
            value.of.u64 = number & 0xFFFF_FFFF_FFFF_FFFF
        self.make_ready()
        self._kept = (function,)
        future = _call_async(
            function.address, self._context, self._values_at, 2, self._result_at, 0, self._error_at
        )
        self.pending = pending = capi.Pending(self, future)
        return pending

    def take_result(self) -> int:
        """Return nothing, for a call that ended well.

        Raises TrapError, after which ``trace`` says where it happened.
        """
        self.trace = ""
        try:
            return super().take_result()
        except capi.TrapError as trap:
            self.trace = str(trap)
            raise

    def take_text(self) -> bytes:
        """Return the bytes that the finished call's text stands for; the text is freed."""
        value = self._result_value
        if value.kind != _STRING:
            raise TypeError(f"a component's function returned a value of kind {value.kind}")
        text = value.of.string
        data = ctypes.string_at(text.data, text.size)
        _value_delete(self._result_at)
        value.kind = 0
        return data if data.isascii() else data.decode().encode("latin-1")


def _address(managed: Any) -> int:
    return ctypes.cast(managed.ptr(), _ADDRESS).value or 0
