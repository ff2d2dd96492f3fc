"""The benchmark of stopping runs, and stops everything that it started."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_spinning_and_idle_executions_are_all_stopped() -> None:
    """Ten executions, half of them in an endless loop, are all cancelled; the benchmark fails otherwise."""
    command = [sys.executable, "-m", "benchmarks.bench_stop", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("10 stopped in")
