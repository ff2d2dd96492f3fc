"""The benchmark of live events runs, and every watcher hears the end."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_watcher_hears_the_end() -> None:
    """Twenty clients, five of whom watch: nothing is skipped, and all five hear of the end."""
    command = [sys.executable, "-m", "benchmarks.bench_sockets", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (watched,) = (line for line in run.stdout.splitlines() if line.startswith("20 clients, 5 watch"))
    assert "(0.0% skipped)" in watched
    assert watched.endswith("end heard by 5 of 5")
