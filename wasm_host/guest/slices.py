"""Time slices: the thread that ends them, and the order in which guests take them.

Wasmtime's guests look at a counter, the epoch, in every loop and at every function's head, and yield when it
has moved. One daemon thread moves it each millisecond while guests run: in C where the library is there
(``wasm_host.wasmtime_c.ticker``), or else the one here. That never touches anything else, so there is nothing to
lock: an integer says for how many ticks nobody has run.
"""

import threading
import time

import trio

from wasm_host.guest.fair_lock import FairLock
from wasm_host.wasmtime_c import core as capi
from wasm_host.wasmtime_c.ticker import NativeTicker, open_ticker

TICK_SECONDS = 0.001
"""The length of a slice. Long enough to amortise a switch (15 µs), short enough that 40 guests stay fair."""

_TICKS_BEFORE_SLEEP = 25
"""A busy service calls guests all the time; waking a thread for each call would cost more than the call."""


class Ticker:
    """The thread that advances the engine's epoch while guests run, and sleeps otherwise."""

    def __init__(self, engine: capi.Engine) -> None:
        self._engine = engine
        self._idle_ticks = 0
        self._asleep = False
        self._stopped = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._tick, name="wasm-epoch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it is gone, which takes one tick at most."""
        self._stopped = True
        self._wake.set()
        self._thread.join()

    def touch(self) -> None:
        """Say that a guest is about to run. Called before every slice, so it is two lines."""
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


def new_ticker(engine: capi.Engine) -> "Ticker | NativeTicker":
    """Return the ticker of an engine, which has not started."""
    return open_ticker(engine, TICK_SECONDS, _TICKS_BEFORE_SLEEP) or Ticker(engine)


_PASSES_BETWEEN_SLICES = 8
"""A request is some eight steps of as many tasks. With a slice after each step it would take eight milliseconds
beside one spinning guest; with a slice after eight steps it takes one or two."""


_OUT_OF_TURN_SECONDS = 0.008
"""Guests' work out of turn that one pass of the event loop may hold: whoever comes later waits in turn. Eight
nodes with full batches stay below it."""

_COUNTED_SECONDS = 0.002
"""Out of turn, after which somebody is asked to notice the next pass; that costs 5 µs."""

_DEBT_SECONDS = 0.008
_REPAID_SHARE = 0.25
"""First slices that were taken whole, out of turn, are a debt that time repays, a quarter of a second each second.
Above the first number, those wait in turn who have not shown yet that they are quick."""

SHORT_CALLS = 16
"""Calls in a row that ended within their first slice, after which a guest is taken to be quick: an opening is
six."""


class _Turn:
    """One turn, from the wait for it to its end."""

    __slots__ = ("_lock", "_owner")

    def __init__(self, lock: FairLock, owner: str) -> None:
        self._lock = lock
        self._owner = owner

    async def __aenter__(self) -> None:
        """Return when it is the caller's turn."""
        await self._lock.acquire(self._owner)
        try:
            for _ in range(_PASSES_BETWEEN_SLICES):
                await trio.lowlevel.checkpoint()
                if not trio.lowlevel.current_statistics().tasks_runnable:
                    return
        except BaseException:
            self._lock.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Hand the turn on."""
        self._lock.release()


class SliceQueue:
    """The queue of guests that outlive their first slice: they take every further slice in turn, owner by owner,
    and among the guests of one owner first come, first served.

    Without turns, N spinning guests cost the event loop N slices per pass, and everybody waits N milliseconds;
    with them they cost one. And whoever has the turn first lets the other tasks go some steps ahead, as long as
    there is anything for them to do: short work does not wait for long work at every step.

    A first slice is taken out of turn, because nearly every call ends within it, but not always: a thousand
    guests that begin at once would be a thousand slices in one pass. So a pass holds eight milliseconds of such
    work at the most, and guests of which nobody knows whether they are quick take few whole slices in this way.
    """

    def __init__(self) -> None:
        self._lock = FairLock()
        self._spent_seconds = 0.0
        self._awaits_pass = False
        self._debt_seconds = 0.0
        self._debt_at = 0.0

    def of(self, owner: str) -> _Turn:
        """Return a turn of one of an owner's guests: for the length of an ``async with`` block."""
        return _Turn(self._lock, owner)

    def lets_begin(self, short_calls: int) -> bool:
        """Return whether a call may take its first slice now, out of turn.

        Args:
            short_calls: how many of the guest's calls before it, in a row, ended within their first slice
        """
        if self._spent_seconds > _OUT_OF_TURN_SECONDS:
            return False
        return self._debt_seconds <= _DEBT_SECONDS or short_calls >= SHORT_CALLS or self._is_repaid()

    def note(self, seconds: float, *, is_over: bool) -> None:
        """Count a slice that was taken out of turn, and whether the call ended within it."""
        self._spent_seconds += seconds
        if self._spent_seconds > _COUNTED_SECONDS and not self._awaits_pass:
            self._awaits_pass = True
            trio.lowlevel.current_trio_token().run_sync_soon(self._begin_pass)
        if not is_over:
            self._is_repaid()
            self._debt_seconds += seconds

    def _begin_pass(self) -> None:
        self._spent_seconds = 0.0
        self._awaits_pass = False

    def _is_repaid(self) -> bool:
        now = time.perf_counter()
        self._debt_seconds = max(0.0, self._debt_seconds - (now - self._debt_at) * _REPAID_SHARE)
        self._debt_at = now
        return self._debt_seconds <= _DEBT_SECONDS
