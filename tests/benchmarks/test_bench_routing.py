"""The benchmark runs, and its arithmetic is right."""

import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.measure import figure, percentile

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_smoke_mode_fills_every_row() -> None:
    """A second's worth of the benchmark ends well and writes a figure beside every name."""
    command = [sys.executable, "-m", "benchmarks.bench_routing", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = [line.strip("|").split("|") for line in run.stdout.splitlines() if line.startswith("| ")][2:]
    assert [row[0].strip() for row in rows] == [
        "bare Trio channel hop, one message at a time",
        "pass-through hop, one message at a time",
        "pass-through hop under load",
        *(
            f"{length} JavaScript nodes{how}"
            for length in (3, 10)
            for how in (" under load", ", one message, p50", ", one message, p99")
        ),
    ]
    assert all(any(digit in row[1] for digit in "123456789") for row in rows)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_a_percentile_is_the_least_sample_that_covers_enough(samples: list[float], percent: int) -> None:
    """Nearest rank: at least `percent` of the samples are no greater, and no lesser sample has that many."""
    found = percentile(samples, percent)
    assert found in samples
    assert sum(sample <= found for sample in samples) * 100 >= percent * len(samples)
    lesser = [sample for sample in samples if sample < found]
    assert len(lesser) * 100 < percent * len(samples)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1))
def test_a_figure_lies_between_its_runs(runs: list[float]) -> None:
    """The median is bounded by the least and the most, which are runs themselves."""
    result = figure(runs)
    assert result.least == min(runs)
    assert result.most == max(runs)
    assert result.least <= result.median <= result.most
