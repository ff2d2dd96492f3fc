"""Runs tests on a copy of the project, in a process of their own for each run.

The processes are forked from one that has imported what the tests need of other packages (`forking.py`): so a run
costs its tests, and not a second and a half before them.
"""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tests.processes import ended

_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "node_modules", "__pycache__", ".hypothesis", ".*_cache")
_PRELOADED = ("pytest", "hypothesis", "trio", "pytest_trio", "quart_trio", "jsonschema_rs", "wasmtime", "httpx")
_FORKING = Path(__file__).with_name("forking.py")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_IGNORED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"
_PLUGINS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis")
_ONCE = ("-x", "-q", "-W", _IGNORED, *_PLUGINS, "--hypothesis-seed=0")


class Ran(msgspec.Struct, frozen=True):
    """How a run of tests ended.

    Attributes:
        passed: whether all did.
        seconds: that it took.
        failed: the first test that failed, or why there is none.
    """

    passed: bool
    seconds: float
    failed: str = ""


class Laboratory:
    """A copy of the project, and processes that run its tests.

    Args:
        root: of the copy.
        forking: the program that forks them.
    """

    def __init__(self, root: Path, forking: "subprocess.Popen[str]") -> None:
        self.root = root
        self._forking = forking

    def run(self, tests: Sequence[str], *, within_seconds: float, is_first: bool = False) -> Ran:
        """Run tests until one fails, or the time is over; a first run keeps what is compiled for the others."""
        output = self.root / ".mutant.txt"
        begun = time.monotonic()
        assert self._forking.stdin is not None
        self._forking.stdin.write(json.dumps([str(output), is_first, [*_ONCE, *tests]]) + "\n")
        self._forking.stdin.flush()
        process_id = int(self._answer())
        try:
            assert self._forking.stdout is not None
            is_late = not select.select([self._forking.stdout.fileno()], [], [], within_seconds)[0]
        finally:  # whatever has come between: nothing of it goes on, and nothing that it has started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process_id, signal.SIGKILL)
        status = int(self._answer())
        seconds = time.monotonic() - begun
        if is_late:
            return Ran(passed=False, seconds=seconds, failed=f"no end within {within_seconds:.0f} seconds")
        if status == 0:
            return Ran(passed=True, seconds=seconds)
        found = _FAILED.search(output.read_text(errors="replace"))
        return Ran(passed=False, seconds=seconds, failed=found[1] if found else f"status {status}")

    def _answer(self) -> str:
        assert self._forking.stdout is not None
        return self._forking.stdout.readline()

    @contextlib.contextmanager
    def changed(self, file: str, text: bytes) -> Iterator[None]:
        """The file with another text, for the length of a block."""
        place = self.root / file
        before, times = place.read_bytes(), place.stat()
        place.write_bytes(text)
        for compiled in place.parent.glob(f"__pycache__/{place.stem}.*.pyc"):
            compiled.unlink()
        try:
            yield
        finally:
            place.write_bytes(before)
            os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))


@contextlib.contextmanager
def open_laboratory(project: Path, preloaded: Sequence[str] = _PRELOADED) -> Iterator[Laboratory]:
    """A copy of the project as it is now; it is gone at the end of the block.

    Args:
        project: its folder.
        preloaded: modules that each run has imported already.
    """
    with tempfile.TemporaryDirectory(prefix="mutants-", ignore_cleanup_errors=True) as folder:
        root = Path(folder) / project.name
        shutil.copytree(project, root, ignore=_LEFT_OUT, symlinks=True)
        environment = {"PYTHONPATH": str(root), "HYPOTHESIS_STORAGE_DIRECTORY": str(root / ".hypothesis")}
        forking = subprocess.Popen(
            [sys.executable, "-P", str(_FORKING), *preloaded],
            cwd=root,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with ended(forking):
            yield Laboratory(root, forking)
