"""The stopwatch: which steps are long, whose they are, and what they were doing."""

import gc
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.stalls.stopwatch import ROOT, LongPass, LongStep, Stopwatch

PLACE = ("tests/stalls/test_stopwatch.py", "holds")

pytestmark = pytest.mark.long_steps("these tests make them")


def measured(stopwatch: Stopwatch, *functions: object) -> None:
    """Run async functions side by side under a stopwatch."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for function in functions:
                nursery.start_soon(function)  # type: ignore[arg-type]

    trio.run(main, instruments=[stopwatch])


def spin(seconds: float) -> None:
    """Hold the thread for some CPU time."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def ours() -> Any:
    """A function that holds the thread and stands, for all that can be told of it, in a file of the engine."""
    names: dict[str, Any] = {}
    exec(compile("def slow(): return sum(range(12_000_000))", f"{ROOT}/engine/slow.py", "exec"), names)
    return names["slow"]


async def holds() -> None:
    """A task that holds the loop."""
    spin(0.15)


def test_a_long_step_is_told_with_its_task_and_its_stack() -> None:
    """The name of the task, its time, and the frames that it was in, innermost first."""
    found: list[LongStep] = []
    measured(Stopwatch(found.append, everything=True), holds)
    (step,) = found
    assert step.task == "tests.stalls.test_stopwatch.holds"
    assert 100 < step.counted_ms <= step.cpu_ms < 1000
    assert [frame.function for frame in step.stack[:2]] == ["spin", "holds"]
    assert "in one step of tests.stalls.test_stopwatch.holds" in str(step)
    assert re.search(r"\n    tests/stalls/test_stopwatch\.py:\d+ spin\n", str(step))


def test_many_short_steps_are_no_long_one() -> None:
    """What yields between does not hold the loop, however long it takes in all."""

    async def yields() -> None:
        for _ in range(40):
            spin(0.005)
            await trio.lowlevel.checkpoint()

    found: list[LongStep] = []
    measured(Stopwatch(found.append, everything=True), yields, yields)
    assert found == []


def test_a_pass_of_many_steps_is_told() -> None:
    """Whoever comes from outside waits for everybody who is ready: many short steps at once are a long pass."""

    async def one_of_many() -> None:
        await trio.lowlevel.checkpoint()
        spin(0.01)

    async def many() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(20):
                nursery.start_soon(one_of_many)

    steps: list[LongStep] = []
    passes: list[LongPass] = []
    measured(Stopwatch(steps.append, everything=True, tell_pass=passes.append), many)
    assert steps == []
    assert passes[0].cpu_ms > 150
    ((name, count),) = passes[0].tasks.items()
    assert (name.endswith("one_of_many"), count, passes[0].steps) == (True, 20, 20)
    assert "in one pass of 20 steps: 20 of" in str(passes[0])


def test_waiting_is_not_counted() -> None:
    """A step that blocks the thread without using the processor is not seen: only CPU time is without noise."""

    async def blocks() -> None:
        time.sleep(0.12)  # noqa: ASYNC251  what is tested

    found: list[LongStep] = []
    measured(Stopwatch(found.append, everything=True), blocks)
    assert found == []


def test_a_call_into_c_is_put_down_to_the_frame_that_made_it() -> None:
    """The handler runs only after the call, but in the frame where the time went."""

    async def one_call() -> None:
        sum(range(12_000_000))

    found: list[LongStep] = []
    measured(Stopwatch(found.append, everything=True), one_call)
    (step,) = found
    assert step.stack[0].function.endswith("one_call")


def test_work_of_the_tests_themselves_does_not_count() -> None:
    """A test may take its time to prepare what it sends; what it then calls of ours counts."""
    slow = ours()

    async def prepares() -> None:
        spin(0.1)

    async def calls() -> None:
        slow()

    found: list[LongStep] = []
    measured(Stopwatch(found.append), prepares, calls)
    assert [step.task.rpartition(".")[2] for step in found] == ["calls"]
    assert any(frame.file == "engine/slow.py" for frame in found[0].stack)


def test_a_fake_that_is_called_by_ours_is_the_tests_own() -> None:
    """The innermost frame that is the service's or the tests' says whose time it was."""
    names: dict[str, Any] = {}
    exec(compile("def through(call): call()", f"{ROOT}/service/through.py", "exec"), names)

    async def calls_a_fake() -> None:
        names["through"](lambda: spin(0.15))

    found: list[LongStep] = []
    measured(Stopwatch(found.append), calls_a_fake)
    assert found == []


def test_the_garbage_collector_is_counted_apart() -> None:
    """A pause of the collector is not the step's doing; it is told, but not held against it."""
    kept = [[index] for index in range(600_000)]

    async def collects() -> None:
        for _ in range(5):
            gc.collect()

    async def collects_and_holds() -> None:
        await collects()
        spin(0.15)

    found: list[LongStep] = []
    measured(Stopwatch(found.append, everything=True), collects, collects_and_holds)
    (step,) = found
    assert step.garbage_ms > 30
    assert step.counted_ms < 100 + step.garbage_ms
    assert "of garbage collection" in str(step)
    del kept


def test_an_excused_place_does_not_count() -> None:
    """Time below an excused frame is free; the same task's other time is not."""
    found: list[LongStep] = []
    measured(
        Stopwatch(found.append, everything=True, excused={("tests/stalls/test_stopwatch.py", "holds"): ""}), holds
    )
    assert found == []


def test_a_test_that_causes_a_long_step_fails(tmp_path: Path) -> None:
    """The whole way: a test, its service's task, the failure that names it; and the mark that allows it."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "import trio\n"
        "from tests.stalls.test_stopwatch import ours\n"
        "slow = ours()\n"
        "async def test_async():\n"
        "    slow()\n"
        "def test_run_inside():\n"
        "    async def inside():\n"
        "        slow()\n"
        "    trio.run(inside)\n"
        "@pytest.mark.long_steps('it is allowed')\n"
        "async def test_allowed():\n"
        "    slow()\n"
        "async def test_short():\n"
        "    pass\n",
        encoding="utf-8",
    )
    options = ["-p", "no:cacheprovider", "-p", "tests.conftest", f"--rootdir={ROOT}", "-q"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_it.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "2 failed, 2 passed" in run.stdout, run.stdout + run.stderr
    assert "Steps held the event loop" in run.stdout
    assert "engine/slow.py" in run.stdout
