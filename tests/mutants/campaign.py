"""A run over many mutants, in an order that a seed decides: which of them the tests notice, and which not."""

import difflib
import random
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from tests.mutants.concern import concerning
from tests.mutants.laboratory import Laboratory, Ran
from tests.mutants.places import Mutant, mutants_of

EQUIVALENTS = Path(__file__).with_name("equivalents.toml")

_PATIENCE = 3.0
"""How much longer than without a mutant tests may take: some mutants never end."""

_PATIENCE_SECONDS = 20.0

_FIRST_SECONDS = 900.0
"""What the tests of a file may take without a mutant."""


class UnsoundTestsError(Exception):
    """Tests fail without any mutant; the message names one."""


class Equivalent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mutant that changes nothing that anybody could notice, and why."""

    file: str
    scope: str
    code: str
    before: str
    after: str
    reason: str

    @property
    def key(self) -> tuple[str, ...]:
        """As that of the mutant."""
        return self.file, self.scope, self.code, self.before, self.after


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    equivalent: list[Equivalent] = []


def read_equivalents(file: Path = EQUIVALENTS) -> list[Equivalent]:
    """The survivors that are known to change nothing."""
    return msgspec.convert(tomllib.loads(file.read_text()), _List).equivalent


def files_under(root: Path, places: Sequence[str]) -> list[str]:
    """The files of the project below folders, or the files themselves."""
    found: list[Path] = []
    for place in places:
        here = root / place
        found += [here] if here.is_file() else sorted(here.rglob("*.py"))
    return [file.relative_to(root).as_posix() for file in found]


def sampled(root: Path, places: Sequence[str], seed: int, known: Sequence[Equivalent] = ()) -> list[Mutant]:
    """All mutants below some places that are not known to change nothing, in the order of a seed."""
    keys = {each.key for each in known}
    found = [
        mutant
        for file in files_under(root, places)
        for mutant in mutants_of(file, (root / file).read_bytes())
        if mutant.key not in keys
    ]
    random.Random(seed).shuffle(found)
    return found


def stale(root: Path, places: Sequence[str], known: Sequence[Equivalent]) -> list[Equivalent]:
    """Those of the known, of the files below some places, whose place is no longer there."""
    keys = {mutant.key for mutant in sampled(root, places, seed=0)}
    folders = tuple(f"{place}/" for place in places)
    return [each for each in known if f"{each.file}/".startswith(folders) and each.key not in keys]


class Campaign:
    """Tries mutants.

    Args:
        laboratory: where.
        tell: is told what happens, line by line.
        patience_seconds: what tests may take beyond three times what they take without a mutant.

    Attributes:
        survivors: mutants that no test noticed.
        counts: of mutants, by how they ended.
    """

    def __init__(
        self, laboratory: Laboratory, tell: Callable[[str], None], patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self.survivors: list[Mutant] = []
        self.counts: Counter[str] = Counter()
        self._laboratory = laboratory
        self._tell = tell
        self._patience_seconds = patience_seconds
        self._seconds: dict[tuple[str, ...], float] = {}

    def run(self, mutants: Sequence[Mutant], within_seconds: float) -> None:
        """Try mutants in their order until the time is over.

        Raises:
            UnsoundTestsError: tests fail without a mutant.
        """
        end = time.monotonic() + within_seconds
        for mutant in mutants:
            if time.monotonic() > end:
                return
            self.counts["tried"] += 1
            self._try(mutant)

    def _try(self, mutant: Mutant) -> None:
        groups = concerning(self._laboratory.root, mutant.file)
        place = f"{mutant.file}:{mutant.line}"
        if not groups:
            self._tell(f"{place}: no tests concern it")
            self.counts["without tests"] += 1
            return
        source = (self._laboratory.root / mutant.file).read_bytes()
        ran = self._asked(mutant.file, mutant.applied_to(source), groups)
        if ran.passed:
            self.survivors.append(mutant)
            self.counts["survived"] += 1
            self._tell(f"{place}: SURVIVED in {mutant.scope}\n{''.join(difference(mutant, source))}")
        else:
            self.counts["killed"] += 1
            self._tell(f"{place}: killed after {ran.seconds:.0f} s by {ran.failed}")

    def _asked(self, file: str, text: bytes, groups: list[list[str]]) -> Ran:
        """Ask one group of tests after the other, until one of them notices."""
        for tests in groups:
            patience = self._seconds_of(tests) * _PATIENCE + self._patience_seconds
            with self._laboratory.changed(file, text):
                ran = self._laboratory.run(tests, within_seconds=patience)
                if "::" in ran.failed and self._laboratory.run([ran.failed], within_seconds=patience).passed:
                    self._tell(f"{file}: by chance, {ran.failed} failed")
                    self.counts["by chance"] += 1
                    ran = self._laboratory.run(tests, within_seconds=patience)
            if not ran.passed:
                return ran
        return ran

    def _seconds_of(self, tests: list[str]) -> float:
        """How long tests take without a mutant."""
        key = tuple(tests)
        if key not in self._seconds:
            ran = self._laboratory.run(tests, within_seconds=_FIRST_SECONDS, is_first=True)
            if not ran.passed:
                raise UnsoundTestsError(f"without a mutant, {ran.failed} fails")
            self._seconds[key] = ran.seconds
        return self._seconds[key]


def difference(mutant: Mutant, source: bytes) -> Iterator[str]:
    """What a mutant changes, as a unified diff without its head."""
    before = source.decode().splitlines(keepends=True)
    after = mutant.applied_to(source).decode().splitlines(keepends=True)
    for line in list(difflib.unified_diff(before, after, n=1))[2:]:
        yield line if line.endswith("\n") else line + "\n"


def as_entry(mutant: Mutant) -> str:
    """A mutant as an entry of the list, whose reason is still to be written."""
    names = ("file", "scope", "code", "before", "after")
    lines = [f"{name} = {msgspec.json.encode(getattr(mutant, name)).decode()}" for name in names]
    return "\n".join(["[[equivalent]]", *lines, 'reason = ""'])
