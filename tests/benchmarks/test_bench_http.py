"""The benchmark of the HTTP interface runs, and loses nothing on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import wrk
from benchmarks.bench_http import SMOKE, with_wrk

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
    by_wrk = [figure for name, figure in rows if "wrk" in name]
    if wrk.is_installed():
        assert len(by_wrk) == 3
        assert all(float(figure.split()[0].replace(",", "")) > 0 for figure in by_wrk)
    else:
        assert by_wrk == [wrk.MISSING] * 2


def test_without_wrk_its_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has not installed it sees which figures are missing, and why."""
    monkeypatch.setenv("PATH", "")
    assert [figure for _, figure in with_wrk(SMOKE)] == [wrk.MISSING] * 2


def test_what_wrk_writes_is_read() -> None:
    """Its own report stands before our line, whose times are microseconds."""
    found = wrk.figures_of("Running 1s test\n  50%  1.00ms\n\nFIGURES 812 1004000 1130 2500 0\n")
    assert found == wrk.Figures(812, 1.004, 0.00113, 0.0025)


@pytest.mark.parametrize(
    "output", ["", "Running 1s test\n", "FIGURES 0 1000000 0 0 0\n", "FIGURES 9 1000000 5 6 1\n"]
)
def test_figures_of_failed_requests_are_not_believed(output: str) -> None:
    """Refusals are quick, and would make a fine figure."""
    with pytest.raises(wrk.WrkError):
        wrk.figures_of(output)
