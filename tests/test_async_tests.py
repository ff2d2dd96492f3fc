"""What tests may rely on of the frame around them: pytest-trio, the clock, the nursery, properties."""

import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

_sleepers: list[trio.lowlevel.Task] = []


async def test_a_test_may_wait_for_a_mock_clock(autojump_clock: trio.testing.MockClock) -> None:
    """A clock that is an argument is the clock of the run."""
    assert trio.lowlevel.current_clock() is autojump_clock
    await trio.sleep(1_000)


@pytest.mark.usefixtures("autojump_clock")
async def test_a_mock_clock_may_be_used_by_name() -> None:
    """A clock that is asked for by ``usefixtures`` is the clock of the run, too."""
    assert isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
    await trio.sleep(1_000)


async def test_other_tests_have_the_real_clock() -> None:
    """Where nothing is asked for, time goes on as it does."""
    assert not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)


async def _sleep() -> None:
    _sleepers.append(trio.lowlevel.current_task())
    await trio.sleep_forever()


async def test_a_nursery_is_there_for_the_test(nursery: trio.Nursery) -> None:
    """What a test starts in its nursery is cancelled when the test ends; otherwise this one would not end."""
    nursery.start_soon(_sleep)
    await trio.testing.wait_all_tasks_blocked()
    assert len(_sleepers) == 1


@given(st.integers(0, 3))
async def test_a_property_may_be_asynchronous(passes: int) -> None:
    """Each example of an asynchronous property runs under Trio."""
    for _ in range(passes):
        await trio.lowlevel.checkpoint()
    assert trio.lowlevel.current_task().parent_nursery is not None


def test_what_ends_a_test_is_seen_as_itself(tmp_path: Path) -> None:
    """A failure stands in no group of errors, and a skip keeps its reason."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "async def test_failing():\n"
        "    assert 1 == 2\n"
        "async def test_skipped():\n"
        "    pytest.skip('for this reason')\n",
        encoding="utf-8",
    )
    root = Path(__file__).parents[1]
    options = ["-p", "no:cacheprovider", "-p", "tests.conftest", f"--rootdir={root}", "-q", "-rs"]
    command = [sys.executable, "-m", "pytest", *options, str(tmp_path / "test_it.py")]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert "1 failed, 1 skipped" in run.stdout, run.stdout + run.stderr
    assert "for this reason" in run.stdout
    assert "Exception Group" not in run.stdout
