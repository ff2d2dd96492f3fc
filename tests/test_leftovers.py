"""Nothing that a test has started is alive when the tests are over."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.leftovers import RUN, leftovers
from tests.processes import ended

ROOT = Path(__file__).parents[1]
FOREVER = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc to look into")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a run for what this test starts."""
    monkeypatch.setenv(RUN, "of-this-test")
    yield "of-this-test"
    assert leftovers("of-this-test") == []


def start() -> "subprocess.Popen[bytes]":
    """A process that ends when nobody writes to it any more, and runs already."""
    process = subprocess.Popen(FOREVER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_process_that_is_left_behind_is_found_with_its_test(run: str) -> None:
    """However it was started, as long as it lives."""
    with ended(start()) as process:
        (found,) = leftovers(run, grace_seconds=0)
        assert (found.process_id, found.test) == (
            process.pid,
            "tests/test_leftovers.py::test_a_process_that_is_left_behind_is_found_with_its_test",
        )
        assert "sys.stdin.read()" in str(found)
        assert leftovers("of-another", grace_seconds=0) == []


def test_a_process_whose_parent_is_gone_is_found(run: str) -> None:
    """An orphan is nobody's child, and still of this run."""
    reading, writing = os.pipe()
    hearing, telling = os.pipe()
    orphan = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    program = f"import subprocess; subprocess.Popen({orphan!r}, stdin={reading}, stdout={telling})"
    try:
        subprocess.run([sys.executable, "-c", program], pass_fds=[reading, telling], check=True)
        assert os.read(hearing, 1) == b"\n", "it runs"
        (found,) = leftovers(run, grace_seconds=0)
        assert "sys.stdin.read()" in found.command
    finally:
        for each in (reading, hearing, telling, writing):  # with the last it ends
            os.close(each)


def test_a_block_that_fails_ends_its_process(run: str) -> None:
    """Whether the process wants to or not; one that has ended already is no matter."""
    with pytest.raises(ZeroDivisionError), ended(start()) as process:
        raise ZeroDivisionError
    assert process.returncode == -signal.SIGKILL
    with ended(start()) as process:
        process.communicate()
    assert process.returncode == 0
    assert leftovers(run, grace_seconds=0) == []


def test_a_run_that_leaves_a_process_fails(tmp_path: Path) -> None:
    """The session says which test started it."""
    (tmp_path / "conftest.py").write_text("from tests.conftest import _nothing_is_left_behind\n")
    (tmp_path / "test_it.py").write_text(
        "import subprocess, sys\n"
        "def test_it():\n"
        "    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'], start_new_session=True)\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "Processes were left behind" in done.stdout
    assert "started in test_it.py::test_it" in done.stdout
    found = re.search(r"^(\d+): ", done.stdout, re.MULTILINE)
    assert found is not None
    os.kill(int(found[1]), signal.SIGKILL)
