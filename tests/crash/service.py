"""A service in a process of its own, on a store that may be small, full or slow."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import msgspec

from tests.processes import ended
from tests.service.serving import ROOT, clean_environment

READY_SECONDS = 30


class Running(msgspec.Struct):
    """A service that answers at ``url``, after ``start_seconds``."""

    process: "subprocess.Popen[str]"
    url: str
    start_seconds: float

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def dismiss(self) -> int:
        """Tell it to stop, and wait for that; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def running(data: Path, log: Path, settings: Mapping[str, str], *, file_bytes: int = 0) -> Iterator[Running]:
    """A service that is ready; it is gone after the block.

    Args:
        data: its folder.
        log: takes its log.
        settings: others of its.
        file_bytes: what a file of it may have, so that a write beyond fails as on a full disk; 0 for no bound.
    """
    limited = ["prlimit", f"--fsize={file_bytes}"] if file_bytes else []
    own = {"PORT": "0", "DATA_DIR": str(data), "LOG_LEVEL": "error", **settings}
    began = monotonic()
    with log.open("a", encoding="utf-8") as lines:
        process = subprocess.Popen(
            [*limited, sys.executable, "-m", "service", "serve"],
            cwd=ROOT,
            env=clean_environment(own),
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
    with ended(process):
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("symbia-runtime serves "):
                yield Running(
                    process,
                    line.partition("http://")[1] + line.partition("http://")[2].split()[0],
                    monotonic() - began,
                )
                return
        raise AssertionError(f"The service did not start: {log.read_text(encoding='utf-8')[-2000:]}")
