"""Time slices: the thread that ends them, and the order in which guests take them.

Wasmtime's guests look at a counter, the epoch, in every loop and at every function's head, and yield when it
has moved. One daemon thread moves it each millisecond while guests run. It never touches anything else, so
there is nothing to lock: an integer says for how many ticks nobody has run.
"""

from __future__ import annotations

import threading
import time
from typing import Final

import trio

from wasm_host import capi

__all__ = ["TICK_SECONDS", "Ticker", "Turns"]

TICK_SECONDS: Final = 0.001
"""The length of a slice. Long enough to amortise a switch (15 µs), short enough that 40 guests stay fair."""

_TICKS_BEFORE_SLEEP: Final = 25
"""A busy service calls guests all the time; waking a thread for each call would cost more than the call."""


class Ticker:
    """Advances the engine's epoch while guests run, and sleeps otherwise."""

    def __init__(self, engine: capi.Engine) -> None:
        self._engine = engine
        self._idle_ticks = 0
        self._asleep = False
        self._stopped = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="wasm-epoch", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; returns when it is gone, which takes one tick at most."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def touch(self) -> None:
        """Says that a guest is about to run. Called before every slice, so it is two lines."""
        self._idle_ticks = 0
        if self._asleep:
            self._wake.set()

    def _tick(self) -> None:
        while not self._stopped:
            time.sleep(TICK_SECONDS)
            capi.increment_epoch(self._engine)
            self._idle_ticks += 1
            if self._idle_ticks > _TICKS_BEFORE_SLEEP:
                self._sleep()

    def _sleep(self) -> None:
        self._asleep = True
        # touch() may have come between the last look and the line above: look again before sleeping.
        if self._idle_ticks > _TICKS_BEFORE_SLEEP:
            self._wake.wait()
        self._asleep = False
        self._wake.clear()
        if self._stopped:
            return


_PASSES_BETWEEN_SLICES: Final = 8
"""A request is some eight steps of as many tasks. With a slice after each step it would take eight milliseconds
beside one spinning guest; with a slice after eight steps it takes one or two."""


class Turns:
    """Guests that outlive their first slice take every further slice in turn, first come, first served.

    Without turns, N spinning guests cost the event loop N slices per pass, and everybody waits N milliseconds;
    with them they cost one. And whoever has the turn first lets the other tasks go some steps ahead, as long as
    there is anything for them to do: short work does not wait for long work at every step.
    """

    def __init__(self) -> None:
        self._lock = trio.StrictFIFOLock()

    async def __aenter__(self) -> None:
        """Return when it is the caller's turn."""
        await self._lock.acquire()
        try:
            for _ in range(_PASSES_BETWEEN_SLICES):
                await trio.lowlevel.checkpoint()
                if not trio.lowlevel.current_statistics().tasks_runnable:
                    return
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Hand the turn to whoever has waited longest."""
        self._lock.release()
