"""Runs ``async def`` tests under Trio, deterministically.

A test that takes the ``autojump_clock`` fixture runs on a mock clock: time jumps ahead whenever every task is
blocked, so waiting costs nothing and nothing is raced. The others run on the real clock.
"""

import functools
import inspect
from typing import Any

import pytest
import trio
import trio.abc
import trio.testing


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    """Trio's clock for this test: it jumps to the next deadline when all tasks are blocked."""
    return trio.testing.MockClock(autojump_threshold=0)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine function under ``trio.run``; leave the others to pytest."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in names}
    clocks = [value for value in pyfuncitem.funcargs.values() if isinstance(value, trio.abc.Clock)]
    trio.run(functools.partial(pyfuncitem.obj, **arguments), clock=clocks[0] if clocks else None)
    return True
