"""The ticker: it ticks while guests run, sleeps otherwise, and ends."""

import threading
import time

import pytest
import trio

from wasm_host.guest import slices as epoch
from wasm_host.guest.slices import SliceQueue, Ticker
from wasm_host.wasmtime_c import core as capi


def test_the_ticker_sleeps_when_nobody_runs_and_wakes_when_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks stop soon after the last touch, and start again with the next."""
    ticks = threading.Semaphore(0)
    monkeypatch.setattr(capi, "increment_epoch", lambda _engine: ticks.release())
    slept = threading.Event()
    wait = threading.Event.wait

    ticker = Ticker(capi.new_engine())

    def tell_and_wait() -> None:
        slept.set()
        wait(ticker._wake)

    monkeypatch.setattr(ticker._wake, "wait", tell_and_wait)
    ticker.start()
    for _ in range(2):
        assert ticks.acquire(timeout=5)
        assert slept.wait(timeout=5)
        while ticks.acquire(blocking=False):
            pass
        slept.clear()
        ticker.touch()
    ticker.stop()


def test_a_stopped_ticker_leaves_no_thread() -> None:
    """Asleep or awake, it is gone when stop returns, within a tick or so."""
    for awake in (True, False):
        before = threading.active_count()
        ticker = Ticker(capi.new_engine())
        ticker.start()
        if awake:
            ticker.touch()
        began = time.monotonic()
        ticker.stop()
        assert threading.active_count() == before
        assert time.monotonic() - began < 1


def test_a_slice_is_a_millisecond() -> None:
    """Limits are counted in slices and written in milliseconds: they must be the same."""
    assert epoch.TICK_SECONDS == 0.001


async def test_a_pass_holds_so_much_work_out_of_turn_and_the_next_one_again() -> None:
    """Whoever comes when it is spent waits in turn; with the next pass of the event loop it begins anew."""
    turns = SliceQueue()
    for _ in range(8):
        assert turns.lets_begin(0)
        turns.note(0.00101, is_over=True)
    assert not turns.lets_begin(0)
    assert not turns.lets_begin(epoch.SHORT_CALLS)
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    assert turns.lets_begin(0)


async def test_whole_slices_out_of_turn_are_a_debt_of_those_who_are_not_known_to_be_quick() -> None:
    """After eight of them within a moment, a guest without a record waits in turn; one with a record does not."""
    turns = SliceQueue()
    for _ in range(9):
        turns.note(0.001, is_over=False)
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    assert not turns.lets_begin(epoch.SHORT_CALLS - 1)
    assert turns.lets_begin(epoch.SHORT_CALLS)


async def test_time_repays_the_debt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of each second."""
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    turns = SliceQueue()
    for _ in range(16):
        turns.note(0.001, is_over=False)
    for _ in range(3):
        await trio.lowlevel.checkpoint()
    now[0] += 0.030
    assert not turns.lets_begin(0)
    now[0] += 0.004
    assert turns.lets_begin(0)
