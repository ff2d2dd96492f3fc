"""Figures are kept, compared and shown as they were taken."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chart import bars
from benchmarks.promises import PROMISES, verdicts
from benchmarks.results import Result, Run, changes, load, save

ROOT = Path(__file__).resolve().parent.parent.parent


def row(*rounds: float, subject: str = "symbia-runtime, JavaScript", workload: str = "chain of 3") -> Result:
    """A row of messages a second."""
    return Result("routing", workload, subject, "messages/s", "higher", rounds)


def run_of(*rows: Result) -> Run:
    """A run of these rows on no machine in particular."""
    return Run(machine={"system": "test"}, rows=rows)


@pytest.mark.timeout(180)  # it starts eight services
def test_the_smoke_mode_fills_every_family(tmp_path: Path) -> None:
    """A second's worth of everything ends well, with the data, the tables and a chart for each family."""
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--no-peers", "--output", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    run = load(tmp_path / "latest.json")
    families = {each.family for each in run.rows}
    expected = {
        "routing",
        "values",
        "executions",
        "floor",
        "latency",
        "hop",
        "sandbox",
        "spinning",
        "http",
        "startup",
        "growth",
    }
    assert expected <= families
    # Processor time is counted in steps of 10 ms, and a hop is a difference: so little may come to nothing.
    assert all(value > 0 for each in run.rows for value in each.rounds if each.unit == "messages/s")
    assert all((tmp_path / f"{family}.svg").exists() for family in families)
    assert "| chain of 3, numbers | not measured |" in (tmp_path / "latest.md").read_text()


def test_a_run_that_was_slower_is_told_of(tmp_path: Path) -> None:
    """`--compare` with a run that was a thousand times as fast exits with 1 and names the rows."""
    arguments = ["--smoke", "--no-peers", "--only", "routing", "--output"]
    command = [sys.executable, "-m", "benchmarks", *arguments, str(tmp_path / "new")]
    faster = row(1e9, 1e9)
    save(run_of(faster), tmp_path / "old.json")
    ended = subprocess.run(
        [*command, "--compare", str(tmp_path / "old.json")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended.stderr
    assert "**worse**" in (tmp_path / "new" / "latest.md").read_text()


def test_a_file_that_is_no_run_cannot_be_compared_with(tmp_path: Path) -> None:
    """A wrong file is refused before anything is measured, by name."""
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    command = [sys.executable, "-m", "benchmarks", "--smoke", "--compare", str(wrong)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "wrong.json cannot be compared with" in ended.stderr


@given(st.lists(st.floats(0.001, 1e9), min_size=1), st.sampled_from(["lower", "higher"]))
def test_a_run_survives_its_file(rounds: list[float], better: str) -> None:
    """What is written is what is read."""
    result = msgspec.convert(
        {"family": "f", "workload": "w", "subject": "s", "unit": "µs", "better": better, "rounds": rounds}, Result
    )
    run = run_of(result)
    assert msgspec.json.decode(msgspec.json.encode(run), type=Run) == run


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((100, 110), (99, 112), []),
        ((100, 110), (50, 55), [True]),
        ((100, 110), (200, 220), [False]),
        ((100, 300), (90, 110), []),
    ],
)
def test_only_what_is_more_than_noise_has_changed(
    before: tuple[float, ...], after: tuple[float, ...], expected: list[bool]
) -> None:
    """A change counts where the rounds of both runs lie apart, and is worse where less is worse."""
    found = changes(run_of(row(*before)), run_of(row(*after)))
    assert [change.is_worse for change in found] == expected


def test_a_promise_is_judged_by_the_rounds_of_one_run() -> None:
    """The ratio to a peer is the median of the ratios within each round."""
    run = run_of(row(100, 300, 500), row(10, 60, 50, subject="Node-RED"))
    verdict = verdicts(run)[0]
    assert verdict.promise.beside == "Node-RED"
    assert verdict.found == 10
    assert verdict.holds


def test_a_promise_that_was_not_measured_does_not_hold() -> None:
    """Where a row is missing nothing is claimed."""
    found = verdicts(run_of())
    assert len(found) == len(PROMISES)
    assert not any(verdict.holds or verdict.found for verdict in found)


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), st.floats(0, 1e12)), min_size=1
    )
)
def test_a_chart_is_well_formed_whatever_it_shows(figures: list[tuple[str, float]]) -> None:
    """Names with any characters and figures of any size make an SVG document."""
    drawn = bars("<title>", [row(value, subject=name) for name, value in figures])
    root = ET.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert len([part for part in root.iter() if part.tag.endswith("rect")]) == len(figures) + 1
