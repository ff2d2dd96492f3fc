"""Lets no step of a task hold the event loop, in any test; async tests are pytest-trio's.

An async test that takes the fixture ``autojump_clock`` runs on a mock clock: time jumps ahead whenever every task
is blocked, so waiting costs nothing and nothing is raced. The others run on the real clock. ``nursery`` is
a nursery that is cancelled when the test ends.

Every ``trio.run`` of every test is measured (`tests.stalls.stopwatch`): a step of more than 50 ms of CPU time
fails the test that caused it, and says what the step was doing. Places that may take longer stand in
`tests.stalls.excused`; a test that may cause long steps says why: ``@pytest.mark.long_steps("because ...")``.
"""

import functools
import inspect
import signal
from collections.abc import Callable, Generator
from typing import Any

import pytest
import trio
import trio.abc
import trio.testing
from hypothesis import settings

from tests.leftovers import leftovers, mark_run
from tests.stalls.excused import EXCUSED
from tests.stalls.stopwatch import LongStep, Stopwatch, on_main_thread

# Hypothesis' deadline is wall time, which tells of the neighbours: what is slow here, the stopwatch and pytest's
# timeout find.
settings.register_profile("symbia-runtime", deadline=None)
settings.load_profile("symbia-runtime")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marks of this suite, and let Ctrl-C be heard."""
    # Where the suite runs in the background of a shell, Ctrl-C is ignored, by all that it starts as well; tests of
    # what Ctrl-C does would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "long_steps(reason): steps may hold the event loop here, for this reason")


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_left_behind() -> Generator[None]:
    """Fail the run where a process that a test has started is still alive at its end.

    It is set up before all others of the session, so it looks when those have given up what they hold.
    """
    run = mark_run()
    yield
    if left := leftovers(run):
        pytest.fail("Processes were left behind:\n" + "\n".join(map(str, left)), pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every async test the mark ``trio``.

    The setting ``trio_mode`` would do it, and bind ``trio.run`` as it is now, while nothing measures.
    """
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        function = getattr(getattr(item.obj, "hypothesis", None), "inner_test", item.obj)
        if inspect.iscoroutinefunction(function):
            is_argument = "autojump_clock" in inspect.signature(function).parameters
            is_used = "autojump_clock" in item.fixturenames and not is_argument
            item.add_marker(pytest.mark.trio(run=_run_on_mock_clock if is_used else _run))


def _run(function: Callable[..., Any], *, clock: trio.abc.Clock | None, instruments: list[Any]) -> object:
    """Run a test, and let what ends it be seen as itself: pytest-trio's nursery puts it into a group.

    A skip would lose its reason there.
    """
    try:
        return trio.run(function, clock=clock, instruments=instruments)
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


def _run_on_mock_clock(function: Callable[..., Any], *, clock: None, instruments: list[Any]) -> object:
    """Run a test that has the clock by ``usefixtures``: pytest-trio sees those only that are arguments."""
    del clock
    return _run(function, clock=trio.testing.MockClock(autojump_threshold=0), instruments=instruments)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around pytest-trio's, which takes trio.run when it is called
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
