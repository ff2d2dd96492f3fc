"""Figures as data: what a run of the benchmarks found, kept in a file and compared with an earlier one."""

import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

Better = Literal["lower", "higher"]

NOISE_PERCENT = 15
"""What the medians of two runs of the same code differ by on a machine that others use too."""


class Result(msgspec.Struct, frozen=True):
    """One row: a figure taken in several rounds.

    Attributes:
        family: of rows that belong together, and share a plot where they share a unit.
        workload: what was done.
        subject: who did it.
        unit: of ``rounds``.
        better: which direction is good.
        rounds: one value for each round.
    """

    family: str
    workload: str
    subject: str
    unit: str
    better: Better
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.rounds)

    @property
    def spread_percent(self) -> float:
        """The distance between the least and the most round, beside the median."""
        return 100 * (max(self.rounds) - min(self.rounds)) / self.median if self.median else 0.0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the row in another run."""
        return self.family, self.workload, self.subject, self.unit


class Run(msgspec.Struct, frozen=True):
    """All figures of one run, and where they were taken."""

    machine: dict[str, str]
    rows: tuple[Result, ...]
    left_out: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True):
    """A row that differs from an earlier run by more than noise."""

    row: Result
    before: float

    @property
    def percent(self) -> float:
        """By how much the figure has grown."""
        return 100 * (self.row.median / self.before - 1)

    @property
    def is_worse(self) -> bool:
        """Whether that is a regression."""
        return (self.percent > 0) == (self.row.better == "lower")


def machine() -> dict[str, str]:
    """What must be known of the machine and the versions to read the figures."""
    packages = ("trio", "msgspec", "wasmtime", "hypercorn", "quart-trio")
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "processor": _processor(),
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else "unknown"


def save(run: Run, path: Path) -> None:
    """Write a run as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def load(path: Path) -> Run:
    """Read a run.

    Raises:
        OSError: the file cannot be read.
        msgspec.DecodeError: it is no run.
    """
    return msgspec.json.decode(path.read_bytes(), type=Run)


def changes(before: Run, after: Run) -> Sequence[Change]:
    """The rows that differ by more than ``NOISE_PERCENT``, and by more than their rounds among themselves."""
    earlier = {row.key: row for row in before.rows}
    found = []
    for row in after.rows:
        old = earlier.get(row.key)
        if old is None or not old.median:
            continue
        change = Change(row, old.median)
        apart = max(row.rounds) < min(old.rounds) or min(row.rounds) > max(old.rounds)
        if apart and abs(change.percent) > NOISE_PERCENT:
            found.append(change)
    return found
