"""What the runners share: outcomes, the known differences among them, and what the command says and exits with."""

import sys
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

Run = Callable[[Path], "AsyncIterator[Outcome]"]
"""Runs the cases below a folder."""


class SuiteError(Exception):
    """A folder that holds no such suite, or a file that is none of its cases; the message says what is wrong."""


class Outcome(msgspec.Struct, frozen=True):
    """What came of one case.

    Attributes:
        name: its place in the suite, which no other case has.
        difference: how it differs from what the suite wants, or nothing.
        skipped: why it was not run, or nothing.
    """

    name: str
    difference: str = ""
    skipped: str = ""


class _Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str
    cases: list[str]


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    known: list[_Group] = []


def read_known(file: Path) -> dict[str, str]:
    """The known differences of a suite: the reason of each, by the name of its case.

    Raises:
        SuiteError: a case stands in the list twice.
    """
    found: dict[str, str] = {}
    for group in msgspec.convert(tomllib.loads(file.read_text()), _List).known:
        for name in group.cases:
            if name in found:
                raise SuiteError(f"{file.name} lists {name} twice")
            found[name] = group.reason
    return found


class Report:
    """Counts outcomes, and judges them by the known differences.

    Args:
        known: reasons by name.

    Attributes:
        unexpected: those that differ and are not known to.
        agreeing: those that are said to differ, and do not.
    """

    def __init__(self, known: dict[str, str]) -> None:
        self.unexpected: list[Outcome] = []
        self.agreeing: list[str] = []
        self._known = known
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    @property
    def is_good(self) -> bool:
        """Whether the suite went as it is known to go."""
        return not self.unexpected and not self.agreeing

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        if outcome.skipped:
            self._skipped[outcome.skipped] += 1
            return
        self._counts["cases"] += 1
        if not outcome.difference:
            self._counts["agree"] += 1
            if outcome.name in self._known:
                self.agreeing.append(outcome.name)
        elif outcome.name in self._known:
            self._reasons[self._known[outcome.name]] += 1
        else:
            self.unexpected.append(outcome)

    def lines(self) -> list[str]:
        """The summary, for people.

        Raises:
            SuiteError: there was no case at all.
        """
        if not self._counts["cases"] and not self._skipped:
            raise SuiteError("there is no case of this suite in the folder")
        return [
            f"{self._counts['cases']} cases: {self._counts['agree']} agree",
            *_table("differ, as is known", self._reasons),
            *_table("skipped", self._skipped),
            *_list("differ, and should not", [f"{each.name}: {each.difference}" for each in self.unexpected]),
            *_list("are listed as known differences, and agree", self.agreeing),
        ]


def _table(title: str, counts: Counter[str]) -> list[str]:
    rows = [f"  {count:6}  {reason}" for reason, count in counts.most_common()]
    return [f"{counts.total()} {title}:", *rows] if rows else []


def _list(title: str, names: list[str]) -> list[str]:
    return [f"{len(names)} {title}:", *(f"  {name}" for name in names)] if names else []


async def run_suite(folder: Path, run: Run, known: dict[str, str]) -> Report:
    """Run a suite to its end.

    Raises:
        SuiteError: the folder does not hold it.
    """
    report = Report(known)
    async for outcome in run(folder):
        report.add(outcome)
    return report


def command(
    run: Callable[..., AsyncIterator[Outcome]], known_file: Path, *options: Callable[[Any], Any]
) -> click.Command:
    """The command of a suite: exits with 0 when all is as known, 1 when not, and 2 when there is no such suite.

    Args:
        run: runs it; its first line of documentation is the command's, and it is given the values of the options.
        known_file: its known differences.
        options: of its own.
    """

    def main(folder: Path, **chosen: Any) -> None:
        try:
            known = read_known(known_file)
            report = trio.run(run_suite, folder, partial(run, **chosen), known)
            for line in report.lines():
                click.echo(line)
        except SuiteError as problem:
            click.echo(f"{folder}: {problem}", err=True)
            sys.exit(2)
        sys.exit(0 if report.is_good else 1)

    main.__doc__ = run.__doc__
    taking: Callable[..., Any] = main
    for option in reversed(options):
        taking = option(taking)
    place = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.command()(click.argument("folder", type=place)(taking))
