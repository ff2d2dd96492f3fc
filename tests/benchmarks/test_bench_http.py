"""The benchmark of the HTTP interface runs, and loses nothing on the way."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_smoke_mode_fills_every_row() -> None:
    """A few seconds' worth of the benchmark ends well and writes a figure beside every name."""
    command = [sys.executable, "-m", "benchmarks.bench_http", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = [line.strip("| ").split(" | ") for line in run.stdout.splitlines() if line.startswith("| ")][2:]
    names = [name for name, _ in rows if "wrk" not in name]
    assert len(names) == 13
    figures = {name: float(figure.split()[0].replace(",", "")) for name, figure in rows if "wrk" not in name}
    assert all(figure > 0 for name, figure in figures.items() if "processor" not in name)  # counted in 10 ms
