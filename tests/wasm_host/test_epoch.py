"""The ticker: it ticks while guests run, sleeps otherwise, and ends."""

import threading
import time

import pytest

from wasm_host import capi, epoch
from wasm_host.epoch import Ticker


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
