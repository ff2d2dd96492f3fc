"""Whole calls of a guest in one step, by code of ours in C: write its input, run its first slice, read its output.

From Python each of those steps costs more than what it does. Where the library is not there (``build`` makes it,
for the machine that it runs on), ``core.Store.start`` and ``core.Instance`` do the same, one by one: a call is
slower then and otherwise the same; tests/wasm_host/guest runs both ways.
"""

import ctypes
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wasm_host.wasmtime_c import core

SOURCE = Path(__file__).with_name("exchange.c")

_OUTPUT_BYTES = 16 * 1024
"""Output that is read together with the call."""

_BLOCK_BYTES = 4096
"""More than any status block has."""

_ENDED, _RUNNING, _OUT_OF_BOUNDS = range(3)

_block = ctypes.create_string_buffer(_BLOCK_BYTES)
_output = ctypes.create_string_buffer(_OUTPUT_BYTES)
"""Both are emptied before anything else can run."""


class _Functions(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in core.EXCHANGE_FUNCTIONS)


class _Fields(ctypes.Structure):
    """The fields of ``struct exchange``."""

    kept: core.Function
    """The export, whose structure must not go or move while a call may be made."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("functions", "context", "memory", "argument", "argument_value")),
        *((name, ctypes.c_void_p) for name in ("result", "trap", "error", "function")),
        *((name, ctypes.c_uint32) for name in ("cleared_at", "cleared_bytes", "block_at", "block_bytes")),
        ("block", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("output_capacity", ctypes.c_uint32),
        ("output_bytes", ctypes.c_uint32),
        ("memory_bytes", ctypes.c_uint64),
        ("future", ctypes.c_void_p),
    )


_functions = _Functions(**core.EXCHANGE_FUNCTIONS)


def library() -> Path:
    """Return where the library lies, or would lie: its name tells the source that it was made of.

    So none is ever loaded that was made of another source, whose structures may be others.
    """
    source = hashlib.sha256(SOURCE.read_bytes()).hexdigest()
    return SOURCE.with_name(f"exchange-{source[:16]}.so")


def _load() -> Any:
    """Return the one function of the library; None where there is none, or it is of another machine."""
    try:
        found = ctypes.CDLL(str(library())).symbia_exchange
    except OSError:
        return None
    found.restype = ctypes.c_int
    found.argtypes = (
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_char_p, ctypes.c_uint32),
        *(ctypes.c_void_p, ctypes.c_uint32),
    )
    return found


_exchange = _load()


class Exchange:
    """The calls of one export of a guest that takes an i32, the length of its input, and gives one.

    Args:
        store: the guest's, whose memory is known.
        function: the export.
        status_at: where its status block lies.
        block_bytes: how much of that is read.
        cleared: the part of it that is filled with zeros before a call: offset and length.
    """

    def __init__(
        self,
        store: core.Store,
        function: core.Function,
        status_at: int,
        block_bytes: int,
        cleared: tuple[int, int],
    ) -> None:
        if block_bytes > _BLOCK_BYTES:
            raise ValueError(f"a status block of {block_bytes} bytes")
        self._store = store
        self._fields = _Fields(
            functions=ctypes.addressof(_functions),
            function=function.address,
            cleared_at=status_at + cleared[0],
            cleared_bytes=cleared[1],
            block_at=status_at,
            block_bytes=block_bytes,
            block=ctypes.addressof(_block),
            output=ctypes.addressof(_output),
            output_capacity=_OUTPUT_BYTES,
            **store.addresses(),
        )
        self._fields.kept = function  # by who has begun a call, too, and may outlive this
        self._address = ctypes.addressof(self._fields)

    def begin(self, input_at: int, data: bytes, values: Sequence[bytes] = ()) -> "PendingExchange":
        """Prepare a call; nothing is written and nothing runs before the first poll.

        Args:
            input_at: where the guest takes its input.
            data: the input, or its head, which ends with the lengths of the values, four bytes each.
            values: what is written behind it.

        Raises:
            TrapError: the store was freed.
        """
        self._store.refuse_second_call()
        pending = PendingExchange(self._store, self._fields, self._address, input_at, data)
        pending.values = values
        self._store.pending = pending
        return pending


def open_exchange(
    store: core.Store, function: core.Function, status_at: int, block_bytes: int, cleared: tuple[int, int]
) -> Exchange | None:
    """Return the calls of an export, where the library is there."""
    return None if _exchange is None else Exchange(store, function, status_at, block_bytes, cleared)


class PendingExchange(core.Pending):
    """A call that is about to begin, or has. Where it ends in its first slice, it brings its block and its output.

    It does not where either lies outside of the memory, or the output is long.
    """

    __slots__ = ("_address", "_data", "_fields", "_input_at", "values")

    def __init__(self, store: core.Store, fields: _Fields, address: int, input_at: int, data: bytes) -> None:
        super().__init__(store, 0)
        self._fields = fields
        self._address = address
        self._input_at = input_at
        self._data: bytes | None = data
        self.values: Sequence[bytes] = ()

    def poll(self) -> bool:
        """Run the guest until it is done (True) or its slice is over (False).

        Raises:
            TrapError: it was deleted, or its input does not fit.
        """
        data = self._data
        if data is None:
            return super().poll()
        self._data = None
        count = len(self.values)
        values = (ctypes.c_char_p * count)(*self.values) if count else None
        outcome = _exchange(self._address, self._input_at, data, len(data), values, count)
        self.values = ()
        if outcome == _ENDED:
            fields = self._fields
            self.memory_bytes = fields.memory_bytes
            self.block = ctypes.string_at(_block, fields.block_bytes)
            self.output = ctypes.string_at(_output, fields.output_bytes)
            return True
        if outcome == _RUNNING:
            self._future = self._fields.future
            return False
        if outcome == _OUT_OF_BOUNDS:
            raise core.TrapError("the guest's input buffer lies outside its memory")
        return True

    def delete(self) -> None:
        """Free the call, begun or not, finished or not."""
        self._data = None
        super().delete()
