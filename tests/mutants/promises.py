"""The promises of docs/semantics.md, each broken on purpose: the simulation alone must notice every one of them.

`promises.toml` has at least one change for each promise, or says why a simulation cannot hold it.
"""

import ast
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from tests.mutants.laboratory import Laboratory

PROMISES = Path(__file__).with_name("promises.toml")

SEMANTICS = "docs/semantics.md"

SIMULATION = tuple(
    f"tests/simulation/test_simulation.py::{name}"
    for name in (
        "test_runs_of_nodes_keep_every_promise",
        "test_random_graphs_under_random_commands_keep_every_promise",
        "test_executions_that_go_on_from_checkpoints_keep_every_promise",
    )
)
"""The tests that are asked: the short simulation, and nothing else."""

_RUN_SECONDS = 900.0


class Broken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change that breaks a promise: in a file, what stands there and what is to stand there instead."""

    promise: str
    file: str
    before: str
    after: str


class Beyond(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A promise that the simulation cannot hold, and why; its own test does."""

    promise: str
    reason: str


class Promises(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    broken: list[Broken]
    beyond: list[Beyond] = []


def read_promises(file: Path = PROMISES) -> Promises:
    """Read the list."""
    return msgspec.convert(tomllib.loads(file.read_text()), Promises)


def promised(root: Path) -> list[str]:
    """Return the promises of the page, in its order."""
    lines = (root / SEMANTICS).read_text().splitlines()
    return [line.split("|")[1].strip() for line in lines if line.startswith("| ") and "`tests/" in line]


def broken_source(root: Path, change: Broken) -> str:
    """Return a file with a change.

    Raises:
        ValueError: the code has gone on, and the place is no longer there, or there more than once.
    """
    source = (root / change.file).read_text()
    if source.count(change.before) != 1:
        raise ValueError(f"{change.file} has this {source.count(change.before)} times: {change.before}")
    changed = source.replace(change.before, change.after)
    ast.parse(changed)
    return changed


class PromisesCampaign:
    """Breaks one promise after the other, and asks the simulation.

    Args:
        laboratory: where.
        tell: is told what happens, line by line.

    Attributes:
        unnoticed: changes that the simulation did not notice.
        counts: of changes, by how they ended.
    """

    def __init__(self, laboratory: Laboratory, tell: Callable[[str], None]) -> None:
        self.unnoticed: list[Broken] = []
        self.counts: Counter[str] = Counter()
        self._laboratory = laboratory
        self._tell = tell

    def run(self, changes: Sequence[Broken]) -> None:
        """Try each change."""
        for change in changes:
            text = broken_source(self._laboratory.root, change)
            with self._laboratory.changed(change.file, text.encode()):
                ran = self._laboratory.run(SIMULATION, within_seconds=_RUN_SECONDS)
            if ran.passed:
                self.unnoticed.append(change)
            how = "not noticed" if ran.passed else "noticed"
            self.counts[how] += 1
            self._tell(f"{how} after {ran.seconds:.0f} s: {as_line(change)}")


def as_line(change: Broken) -> str:
    """Return a change in one line: its promise, its file, and the line that is changed."""
    return f"{change.promise} [{change.file}: {change.before.strip().splitlines()[0]}]"
