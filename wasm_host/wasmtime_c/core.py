"""The only place that calls Wasmtime's C functions directly.

The ``wasmtime`` package's own calls cost 31 µs each and cannot be time-sliced; the C functions behind them cost
1.5 µs and can. Functions that only look something up keep the interpreter's lock (PYFUNCTYPE); the one that
runs guest code releases it (CFUNCTYPE), so that the ticker can end a slice. ``wasmtime`` is pinned, and every
function here has a test that fails loudly when a version changes beneath it.

Nothing here judges what a guest says, but ``read`` and ``write`` never leave its memory.
"""

import ctypes
import mmap
from typing import Any

import wasmtime
from wasmtime import _bindings as raw
from wasmtime._ffi import dll

Engine = wasmtime.Engine
Module = wasmtime.Module

WASM_STACK_BYTES = 20 * 1024 * 1024
"""Machine stack of guest code; only pages that were touched are resident.

QuickJS measures its shadow stack (640 KiB, quickjs/exports.c) and throws RangeError at its end. Its leanest
recursions, like writing nested JSON, take thirty times as much machine stack: with less they would trap.
"""

_FIBER_STACK_BYTES = WASM_STACK_BYTES + 1024 * 1024
"""The stack that a call runs on; what is beyond the guest's part is for Wasmtime itself. Touched pages only."""

_STACK_OVERFLOW_CODE = 0

_ADDRESS = ctypes.c_void_p
_SIZE = ctypes.c_size_t


def quick_function(name: str, result: Any, *arguments: Any) -> Any:
    """Return a C function of Wasmtime that is called without letting go of the interpreter's lock."""
    return ctypes.PYFUNCTYPE(result, *arguments)((name, dll))


def _address_of(name: str) -> int:
    return ctypes.cast(getattr(dll, name), _ADDRESS).value or 0


_call_async = quick_function(
    "wasmtime_func_call_async",
    _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _SIZE, _ADDRESS, _SIZE, _ADDRESS, _ADDRESS,
)  # fmt: skip
_instantiate_async = quick_function(
    "wasmtime_linker_instantiate_async",
    _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS,
)  # fmt: skip
_poll = ctypes.CFUNCTYPE(ctypes.c_bool, _ADDRESS)(("wasmtime_call_future_poll", dll))
_future_delete = quick_function("wasmtime_call_future_delete", None, _ADDRESS)
_set_epoch_deadline = quick_function("wasmtime_context_set_epoch_deadline", None, _ADDRESS, ctypes.c_uint64)
# The header promises an error, but the library returns nothing: what looks like a result is garbage.
_yield_at_epoch = quick_function(
    "wasmtime_context_epoch_deadline_async_yield_and_update", None, _ADDRESS, ctypes.c_uint64
)
_memory_data = quick_function("wasmtime_memory_data", _ADDRESS, _ADDRESS, _ADDRESS)
_memory_data_size = quick_function("wasmtime_memory_data_size", _SIZE, _ADDRESS, _ADDRESS)
_trap_code = quick_function("wasmtime_trap_code", ctypes.c_bool, _ADDRESS, ctypes.POINTER(ctypes.c_uint8))
_madvise = ctypes.CDLL(None).madvise
_madvise.argtypes = (_ADDRESS, _SIZE, ctypes.c_int)
_new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
_new_bytes.restype, _new_bytes.argtypes = ctypes.py_object, (_ADDRESS, ctypes.c_ssize_t)
_increment_epoch = quick_function("wasmtime_engine_increment_epoch", None, _ADDRESS)

EXCHANGE_FUNCTIONS = {
    "call_async": _address_of("wasmtime_func_call_async"),
    "poll": _address_of("wasmtime_call_future_poll"),
    "delete_future": _address_of("wasmtime_call_future_delete"),
    "set_epoch_deadline": _address_of("wasmtime_context_set_epoch_deadline"),
    "memory_data": _address_of("wasmtime_memory_data"),
    "memory_size": _address_of("wasmtime_memory_data_size"),
}
"""Addresses of what exchange.c calls, by its names, in its order."""

TICK_ADDRESS = _address_of("wasmtime_engine_increment_epoch")
"""The address of what ticker.c calls."""


class TrapError(Exception):
    """Guest code ended in a trap, or could not be instantiated."""

    def __init__(self, message: str, *, stack_overflow: bool = False) -> None:
        super().__init__(message)
        self.stack_overflow = stack_overflow


def new_engine() -> Engine:
    """Return an engine whose guests are interrupted by epochs and know only WebAssembly's plain features."""
    config = wasmtime.Config()
    config.epoch_interruption = True
    config.max_wasm_stack = WASM_STACK_BYTES
    config.cranelift_opt_level = "speed"
    config.wasm_threads = False
    config.shared_memory = False
    config.wasm_memory64 = False
    # Between the parts of a component, Wasmtime copies with code that has two memories, and aborts where that
    # is off. A guest that is a plain module still gets one memory: its store holds no more.
    config.wasm_multi_memory = True
    config.wasm_stack_switching = False
    config.wasm_gc = False
    config.wasm_function_references = False
    config.wasm_exceptions = False
    config.wasm_relaxed_simd_deterministic = True
    config.cranelift_nan_canonicalization = True
    raw.wasmtime_config_wasm_component_model_async_set(config.ptr(), False)
    raw.wasmtime_config_async_stack_size_set(config.ptr(), _FIBER_STACK_BYTES)
    return Engine(config)


def _address(pointer: Any) -> int:
    return ctypes.cast(pointer, _ADDRESS).value or 0


def unwritten_bytes(length: int) -> bytes:
    """Return bytes that hold nothing yet.

    Until they are full (``Instance.copy``), nobody else may be given them.
    """
    made: bytes = _new_bytes(None, length)
    return made


def _at(data: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(data), _ADDRESS).value or 0


def address_of(engine: Engine) -> int:
    """Return where an engine lies, for code in C that knows no more of it."""
    return _address(engine.ptr())


def increment_epoch(engine: Engine) -> None:
    """Move the engine's clock by one tick; the ticker's only call, from its own thread."""
    _increment_epoch(address_of(engine))


class Function:
    """An exported function; its ``raw`` structure must not move."""

    __slots__ = ("address", "raw")

    def __init__(self, function: Any) -> None:
        self.raw = function
        self.address = ctypes.addressof(function)


class Pending:
    """A call that has begun: poll it until it is done, then take the result; or delete it to abandon it.

    Attributes:
        block: the status block, where the end of the call has brought it (exchange.py); otherwise None.
        output: what that points at, likewise; never None where there is a block.
        memory_bytes: the guest's memory at that end.
    """

    __slots__ = ("_future", "_store", "block", "memory_bytes", "output")

    def __init__(self, store: "Store", future: int) -> None:
        self._store = store
        self._future = future
        self.block: bytes | None = None
        self.output: bytes | None = None
        self.memory_bytes = 0

    def poll(self) -> bool:
        """Run the guest until it is done (True) or its slice is over (False).

        Raises TrapError when it was deleted.
        """
        if not self._future:
            raise TrapError("the guest was discarded during a call")
        return bool(_poll(self._future))

    def delete(self) -> None:
        """Free the call, finished or not. The guest of an unfinished one must not run again."""
        if self._future:
            _future_delete(self._future)
            self._future = 0
        if self._store.pending is self:
            self._store.pending = None

    def result(self) -> int:
        """Return the finished call's 32-bit result, unsigned, 0 for a function without one. Raises TrapError."""
        self.delete()
        return self._store.take_result()


class Store:
    """One guest's world: its memory, its stack, its limits. Freed by ``close``, at once."""

    def __init__(
        self,
        engine: Engine,
        *,
        memory_bytes: int,
        table_elements: int,
        instances: int = 1,
        tables: int = 4,
        memories: int = 1,
    ) -> None:
        self.pending: Pending | None = None
        self._instance: Instance | None = None
        self._store = wasmtime.Store(engine)
        self._limits = {
            "table_elements": table_elements,
            "instances": instances,
            "tables": tables,
            "memories": memories,
        }
        self.limit_memory(memory_bytes)
        self._context = _address(self._store._context())  # noqa: SLF001 - the package offers no other way
        # From here on, guest code that meets the deadline yields, and may go on for one more tick.
        _set_epoch_deadline(self._context, 1)
        _yield_at_epoch(self._context, 1)
        self._argument = raw.wasmtime_val_t()
        ctypes.memset(ctypes.addressof(self._argument), 0, ctypes.sizeof(self._argument))  # kind 0: i32
        self._result = raw.wasmtime_val_t()
        self._trap = _ADDRESS()
        self._error = _ADDRESS()
        self._argument_i32 = ctypes.c_uint32.from_buffer(self._argument, raw.wasmtime_val_t.of.offset)
        self._result_i32 = ctypes.c_uint32.from_buffer(self._result, raw.wasmtime_val_t.of.offset)
        self._addresses = tuple(
            ctypes.addressof(each) for each in (self._argument, self._result, self._trap, self._error)
        )

    def limit_memory(self, memory_bytes: int) -> None:
        """Bound each memory; may be called again between two slices."""
        self._store.set_limits(memory_size=memory_bytes, **self._limits)

    def start(self, function: Function, argument: int | None, *, results: int = 1) -> Pending:
        """Begin a call; nothing runs before the first poll.

        Args:
            function: an export of this store's instance, of a type checked when it was looked up
            argument: its one i32 argument, or None when it takes none
            results: 1 for an i32 result, 0 for none
        """
        self.refuse_second_call()
        argument_at, result_at, trap_at, error_at = self._addresses
        count = 0
        if argument is not None:
            self._argument_i32.value = argument
            count = 1
        self._result_i32.value = 0
        _set_epoch_deadline(self._context, 1)
        self.pending = pending = Pending(
            self,
            _call_async(
                self._context, function.address, argument_at, count, result_at, results, trap_at, error_at
            ),
        )
        return pending

    def addresses(self) -> dict[str, int]:
        """Return where the parts lie that a call of this store needs, with the names that exchange.c has for them.

        They stay there as long as the store is there.
        """
        instance = self._instance
        assert instance is not None  # noqa: S101 - its memory is looked up before anything is called
        argument, result, trap, error = self._addresses
        return {
            "context": self._context,
            "memory": instance.memory_address,
            "argument": argument,
            "argument_value": ctypes.addressof(self._argument_i32),
            "result": result,
            "trap": trap,
            "error": error,
        }

    def make_ready(self) -> None:
        """Prepare a call: refuse it where one is under way, and let its first slice begin now.

        Raises TrapError for a freed store.
        """
        self.refuse_second_call()
        _set_epoch_deadline(self._context, 1)

    def refuse_second_call(self) -> None:
        """Refuse a second call: two on one store would run on each other's stack.

        One on a freed store, on anybody's.
        """
        if not self._context:
            raise TrapError("the guest was discarded")
        if self.pending is not None:
            raise RuntimeError("a call is already under way in this guest; one call at a time")

    def start_instance(self, linker: wasmtime.Linker, module: Module) -> tuple[Pending, Any]:
        """Begin to instantiate a module, start function included; the second is for ``instance``."""
        self.refuse_second_call()
        instance = raw.wasmtime_instance_t()
        _, _, trap_at, error_at = self._addresses
        _set_epoch_deadline(self._context, 1)
        future = _instantiate_async(
            _address(linker.ptr()),
            self._context,
            _address(module.ptr()),
            ctypes.addressof(instance),
            trap_at,
            error_at,
        )
        self.pending = pending = Pending(self, future)
        return pending, instance

    def instance(self, instance: Any) -> "Instance":
        """Return the exports of a finished instantiation."""
        self._instance = Instance(self._context, instance)
        return self._instance

    def take_result(self) -> int:
        """Return the result of the call that finished last. Raises TrapError."""
        if self._trap.value:
            raise self._take_trap()
        if self._error.value:
            error = ctypes.cast(self._error, ctypes.POINTER(raw.wasmtime_error_t))
            self._error.value = None
            raise TrapError(str(wasmtime.WasmtimeError._from_ptr(error)))  # noqa: SLF001 - as above
        return self._result_i32.value

    def _take_trap(self) -> TrapError:
        code = ctypes.c_uint8(255)
        overflow = _trap_code(self._trap, ctypes.byref(code)) and code.value == _STACK_OVERFLOW_CODE
        pointer = ctypes.cast(self._trap, ctypes.POINTER(raw.wasm_trap_t))
        self._trap.value = None
        trap = wasmtime.Trap._from_ptr(pointer)  # noqa: SLF001 - as above
        return TrapError(trap.message, stack_overflow=bool(overflow))

    def abandon(self) -> None:
        """End the call under way, if there is one; then nothing can run any more but for what ``start`` begins."""
        if self.pending is not None:
            self.pending.delete()

    def close(self) -> None:
        """Free the guest and everything in it, a pending call included."""
        self.abandon()
        self._context = 0
        if self._instance is not None:
            self._instance.forget()
        self._store.close()

    @property
    def own_instance(self) -> "Instance | None":
        """The instance that ``instance`` returned; none before."""
        return self._instance


class Instance:
    """The exports of one instantiated module."""

    def __init__(self, context: int, instance: Any) -> None:
        self._context = context
        self._instance = instance
        self._memory = raw.wasmtime_memory_t()
        self._memory_address = 0
        self._seen_bytes = 0  # the memory's size when it was asked for last: it never shrinks, so these are there

    def _export(self, name: str, kind: int) -> Any:
        item: Any = raw.wasmtime_extern_t()
        text = name.encode()
        context = ctypes.cast(self._context, ctypes.POINTER(raw.wasmtime_context_t))
        found = raw.wasmtime_instance_export_get(
            context, ctypes.byref(self._instance), ctypes.create_string_buffer(text), len(text), ctypes.byref(item)
        )
        return item.of if found and item.kind == kind else None

    def function(self, name: str) -> Function | None:
        """Return an exported function by its name; the module's types are checked elsewhere."""
        found = self._export(name, 0)
        return None if found is None else Function(raw.wasmtime_func_t.from_buffer_copy(found.func))

    def use_memory(self) -> bool:
        """Look up the export ``memory``; return False when there is none."""
        found = self._export("memory", 3)
        if found is None:
            return False
        self._memory = raw.wasmtime_memory_t.from_buffer_copy(found.memory)
        self._memory_address = ctypes.addressof(self._memory)
        return True

    @property
    def memory_address(self) -> int:
        """The address of Wasmtime's structure of the memory; 0 where there is none."""
        return self._memory_address

    def forget(self) -> None:
        """Note that the store is gone: the memory is empty from now on."""
        self._context = self._seen_bytes = 0

    def memory_bytes(self) -> int:
        """Return the memory's size now."""
        self._seen_bytes = size = _memory_data_size(self._context, self._memory_address) if self._context else 0
        return size

    def holds(self, address: int, length: int) -> bool:
        """Return whether so many bytes from there on lie inside of the memory."""
        if address < 0 or length < 0:
            return False
        end = address + length
        return end <= self._seen_bytes or end <= self.memory_bytes()

    def give_back(self, offset: int, length: int) -> None:
        """Let the kernel have so much of the memory, which nobody will read any more; part of freeing it."""
        if self._context:
            _madvise(_memory_data(self._context, self._memory_address) + offset, length, mmap.MADV_DONTNEED)

    def copy(self, address: int, target: bytes, at: int, length: int) -> bool:
        """Copy guest memory into ``unwritten_bytes``.

        Return False, with nothing written, when any of it lies outside.
        """
        if not self.holds(address, length) or at + length > len(target):
            return False
        ctypes.memmove(_at(target) + at, _memory_data(self._context, self._memory_address) + address, length)
        return True

    def read(self, address: int, length: int) -> bytes | None:
        """Return a copy of guest memory; None when any of it lies outside.

        The base is looked up each time, because memory grows, and may move when it does.
        """
        if not self.holds(address, length):
            return None
        if not length:
            return b""
        return ctypes.string_at(_memory_data(self._context, self._memory_address) + address, length)

    def write(self, address: int, data: bytes) -> bool:
        """Copy into guest memory; return False, with nothing written, when any of it would lie outside."""
        length = len(data)
        if not self.holds(address, length):
            return False
        if length:
            ctypes.memmove(_memory_data(self._context, self._memory_address) + address, data, length)
        return True
