"""The soak runs, and its arithmetic finds growth where there is some."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak_sandbox import KINDS, Sample, growth, kind_of

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_smoke_mode_finds_no_growth() -> None:
    """Six thousand messages of all kinds end as they should, and leave nothing behind."""
    command = [sys.executable, "-m", "benchmarks.soak_sandbox", "--smoke"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "6,000 messages" in run.stdout
    assert all(kind.error in run.stdout for kind in KINDS.values())


def series(**last: int) -> list[Sample]:
    """Forty samples, the last ten of which differ by what is given."""
    usual = {"resident_bytes": 50_000_000, "descriptors": 12, "threads": 3, "tasks": 11}
    return [Sample(messages=n, **usual) for n in range(30)] + [
        Sample(messages=n, **{**usual, **last}) for n in range(30, 40)
    ]


@pytest.mark.parametrize(
    ("last", "found"),
    [
        ({}, []),
        ({"resident_bytes": 51_900_000}, []),
        ({"resident_bytes": 53_000_000}, ["resident memory grew by 3.0 MB"]),
        ({"descriptors": 13}, ["descriptors grew from 12 to 13"]),
        ({"threads": 4, "tasks": 12}, ["threads grew from 3 to 4", "tasks grew from 11 to 12"]),
        ({"tasks": 4}, []),
    ],
)
def test_growth_is_found(last: dict[str, int], found: list[str]) -> None:
    """What the last quarter holds beyond the second is growth, memory beyond a tolerance."""
    assert list(growth(series(**last), 2_000_000)) == found


def test_every_kind_of_failure_comes_at_its_distance() -> None:
    """The first message of a kind is the one that completes its distance."""
    for name, kind in KINDS.items():
        assert kind_of(kind.every - 1) == name
    assert kind_of(0) == ""
