"""Runs ``async def`` tests under Trio, deterministically, and lets no step of a task hold the event loop.

A test that takes the ``autojump_clock`` fixture runs on a mock clock: time jumps ahead whenever every task is
blocked, so waiting costs nothing and nothing is raced. The others run on the real clock.

Every ``trio.run`` of every test is measured (`tests.stalls.stopwatch`): a step of more than 50 ms of CPU time
fails the test that caused it, and says what the step was doing. Places that may take longer stand in
`tests.stalls.excused`; a test that may cause long steps says why: ``@pytest.mark.long_steps("because ...")``.
"""

import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

import pytest
import trio
import trio.abc
import trio.testing

from tests.stalls.excused import EXCUSED
from tests.stalls.stopwatch import LongStep, Stopwatch, on_main_thread


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    """Trio's clock for this test: it jumps to the next deadline when all tasks are blocked."""
    return trio.testing.MockClock(autojump_threshold=0)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of this suite."""
    config.addinivalue_line("markers", "long_steps(reason): steps may hold the event loop here, for this reason")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Measure what the test runs under Trio, and fail the test for its long steps."""
    mark = item.get_closest_marker("long_steps")
    if mark is not None:
        assert mark.args, "the mark long_steps takes its reason"
        return (yield)
    long_steps: list[LongStep] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trio, "run", _measured(trio.run, Stopwatch(long_steps.append, excused=EXCUSED)))
        result = yield
    if long_steps:
        pytest.fail("Steps held the event loop:\n" + "\n".join(map(str, long_steps)), pytrace=False)
    return result


def _measured(run: Callable[..., Any], stopwatch: Stopwatch) -> Callable[..., Any]:
    @functools.wraps(run)
    def measured(*arguments: Any, **options: Any) -> Any:
        if on_main_thread():
            options["instruments"] = [*options.get("instruments", ()), stopwatch]
        return run(*arguments, **options)

    return measured


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
