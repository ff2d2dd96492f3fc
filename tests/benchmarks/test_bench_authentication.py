"""The benchmark of authentication runs."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_smoke_mode_fills_every_row() -> None:
    """A few hundred requests end well and write a figure beside every name."""
    command = [sys.executable, "-m", "benchmarks.bench_authentication", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = [line.strip("| ").split(" | ") for line in run.stdout.splitlines()[2:]]
    assert [name for name, _ in rows] == ["nobody is asked", "Identity is asked", "tokens are verified here"]
    assert all(float(figure.split()[0]) > 0 for _, figure in rows)
