"""The ticks that end the slices of guests, by code of ours in C that never takes the interpreter's lock.

A thread in Python that wakes each millisecond takes the lock from the event loop, which then waits to have it
back. Where the library is not there (``build`` makes it, for the machine that it runs on), such a thread does the
same: ``wasm_host.guest.slices.Ticker``.
"""

import ctypes
import hashlib
import threading
from pathlib import Path
from typing import Any

from wasm_host.wasmtime_c import core

SOURCE = Path(__file__).with_name("ticker.c")


def library() -> Path:
    """Return where the library lies, or would lie: its name tells the source that it was made of."""
    return SOURCE.with_name(f"ticker-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so")


class _Library:
    """The functions of the library; only the thread's own lets go of the interpreter's lock."""

    def __init__(self, path: Path) -> None:
        self.run = ctypes.CDLL(str(path)).symbia_ticker_run
        quick = ctypes.PyDLL(str(path))
        self.bytes, self.begin = quick.symbia_ticker_bytes, quick.symbia_ticker_begin
        self.touch, self.stop = quick.symbia_ticker_touch, quick.symbia_ticker_stop
        self.bytes.restype = ctypes.c_size_t
        self.begin.argtypes = (*[ctypes.c_void_p] * 3, ctypes.c_uint32, ctypes.c_uint32)
        for function in (self.run, self.begin, self.touch, self.stop):
            function.restype = None
        for function in (self.run, self.touch, self.stop):
            function.argtypes = (ctypes.c_void_p,)


def _load() -> _Library | None:
    """Load the library, where there is one for this machine."""
    try:
        return _Library(library())
    except OSError:
        return None


_library = _load()


class NativeTicker:
    """The thread that advances the engine's epoch while guests run, and sleeps otherwise.

    Args:
        library: whose code does it.
        engine: whose epoch it is; it must not go before ``stop`` has returned.
        seconds: of a tick.
        idle_ticks: ticks in a row without a ``touch``, after which the thread sleeps.
        tick: the address of a C function in the place of Wasmtime's own.
    """

    def __init__(
        self,
        library: _Library,
        engine: core.Engine,
        seconds: float,
        idle_ticks: int,
        tick: int = core.TICK_ADDRESS,
    ) -> None:
        self._library, self._engine = library, engine
        self._memory = ctypes.create_string_buffer(library.bytes())  # must not move: the thread waits within
        self._address: Any = ctypes.c_void_p(ctypes.addressof(self._memory))
        self._touch = library.touch
        library.begin(self._address, tick, core.address_of(engine), round(seconds * 1e9), idle_ticks)
        self._thread = threading.Thread(target=self._run, name="wasm-epoch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it is gone, which takes one tick at most."""
        self._library.stop(self._address)
        self._thread.join()

    def touch(self) -> None:
        """Say that a guest is about to run. Called before every slice."""
        self._touch(self._address)

    def _run(self) -> None:
        self._library.run(self._address)


def open_ticker(engine: core.Engine, seconds: float, idle_ticks: int) -> NativeTicker | None:
    """Return a ticker that has not started, where the library is there."""
    return None if _library is None else NativeTicker(_library, engine, seconds, idle_ticks)
