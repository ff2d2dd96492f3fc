"""``symbia-runtime test``: cases of components and graphs, written as data, run on the real thing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click
import httpx
import msgspec

from engine.testing.case_file import name_of
from engine.testing.run_cases import Options, UnusableSubjectError, run_cases
from engine.testing.simulated_time import SimulatedTime
from engine.testing.verdict import Verdict, compare_snapshot
from service.cli.case_files import ReadCases, find_case_files, read_case_file
from service.cli.case_reports import CaseResult, show_json, show_line, write_junit
from service.cli.case_snapshots import read_snapshots, snapshot_path, write_snapshots
from service.cli.changes import stamps_of, wait_changed
from service.cli.files import DocumentFileError, library_components, library_option
from service.cli.graph_files import FolderGraphs
from service.cli.until_signal import run_until_signal
from service.documents.component_files import ComponentFile
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher

FAILED_STATUS = 1
UNREADABLE_STATUS = 2
NO_CASES_STATUS = 5

SUBJECT = "its subject"
"""The text in place of a case's name where none could be run."""

PATH = click.Path(exists=True, path_type=Path)


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """The wishes of whoever runs the command.

    Attributes:
        paths: files and folders.
        wanted: text in the names of the cases to run; all are run where it is empty.
        updates: whether snapshots are written.
        is_json: whether results are shown as JSON.
        junit: where to write JUnit's XML; nowhere when absent.
        network: whether requests without a stand-in go out.
        libraries: folders with components.
        components: those in them.
    """

    paths: tuple[Path, ...]
    wanted: str = ""
    updates: bool = False
    is_json: bool = False
    junit: Path | None = None
    network: bool = False
    libraries: tuple[Path, ...] = ()
    components: tuple[ComponentFile, ...] = ()

    def chooses(self, name: str) -> bool:
        """Return whether a case of this name is to be run."""
        return self.wanted.casefold() in name.casefold()


@click.command(name="test")
@click.argument("paths", type=PATH, nargs=-1, required=True)
@library_option
@click.option(
    "--filter", "wanted", default="", metavar="TEXT", help="Run only cases with this text in their names."
)
@click.option("--update", "updates", is_flag=True, help="Write the snapshots of cases that have one.")
@click.option("--json", "is_json", is_flag=True, help="Print a line of JSON for each case.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit's XML there, too.")
@click.option("--network", is_flag=True, help="Let HTTP requests out that no stand-in answers.")
@click.option("--watch", is_flag=True, help="Run again whenever a file changes, until Ctrl-C.")
def command(watch: bool, **wishes: Any) -> None:
    """Run the cases in PATHS, files or folders, and say of each whether all went as it says.

    A file of cases is YAML or JSON: `component` or `graph` (an id, a definition, or the name of a file beside it)
    and `cases`, each with what to `send` and what to `expect`; docs/testing-components.md shows all keys. In
    folders, files whose names end in .cases.yaml or .cases.json are run.

    Time is simulated, so no case waits; HTTP requests are answered by the cases.

    The exit status is 0 when all went as expected, 1 when not, 2 when a file cannot be read, and 5 when there were
    no cases.
    """
    wanted = Wishes(**wishes)
    if watch:
        _run_for_ever(wanted)
    status, _ = _run_once(wanted)
    sys.exit(status)


def _run_for_ever(wishes: Wishes) -> NoReturn:
    while True:
        _, sources = _run_once(wishes)
        stamps = stamps_of([*sources, *_folders_of(wishes.paths, wishes.libraries)])
        click.echo(f"Waiting for a change of {len(sources)} files; Ctrl-C ends", err=True)
        changed = run_until_signal(wait_changed, stamps)
        click.echo(f"\n{changed[0]} has changed", err=True)


def _folders_of(paths: tuple[Path, ...], libraries: tuple[Path, ...]) -> set[Path]:
    """Return the folders in which a new file of cases would be found."""
    folders = {path for path in paths if path.is_dir()}
    return folders | {path.parent for path in find_case_files(folders)} | set(libraries)


def _run_once(wishes: Wishes) -> tuple[int, list[Path]]:
    """Run all cases, and tell of them; return the exit status, and the files that were read."""
    try:
        wishes = msgspec.structs.replace(wishes, components=tuple(library_components(wishes.libraries)))
    except DocumentFileError as error:
        click.echo(f"Error: {error.message}", err=True)
        return UNREADABLE_STATUS, [path for folder in wishes.libraries for path in folder.rglob("*")]
    read, unreadable = [], 0
    sources = [path for found in wishes.components for path in found.sources]
    for path in find_case_files(wishes.paths):
        try:
            cases = read_case_file(path)
        except DocumentFileError as error:
            click.echo(f"Error: {error.message}", err=True)
            unreadable += 1
            sources.append(path)
        else:
            read.append(cases)
            sources += [*cases.sources, snapshot_path(path)]
    time = SimulatedTime()
    results = run_until_signal(_run, read, wishes, time, clock=time.clock)
    if wishes.junit is not None:
        write_junit(wishes.junit, results)
    failed = sum(not result.passed for result in results)
    click.echo(f"{len(results) - failed} passed, {failed} failed", err=True)
    if unreadable:
        return UNREADABLE_STATUS, sources
    if not results:
        chosen = f" with {wishes.wanted!r} in their names" if wishes.wanted else ""
        click.echo(f"There were no cases{chosen}", err=True)
        return NO_CASES_STATUS, sources
    return (FAILED_STATUS if failed else 0), sources


async def _run(files: list[ReadCases], wishes: Wishes, time: SimulatedTime) -> list[CaseResult]:
    results: list[CaseResult] = []
    show = show_json if wishes.is_json else show_line

    def note(cases: ReadCases, verdict: Verdict) -> None:
        complaints = verdict.complaints
        result = CaseResult(
            str(cases.path), verdict.name, not complaints, cases.line(verdict.index), complaints, verdict.seconds
        )
        results.append(result)
        show(result)

    for cases in files:
        await _run_file(cases, wishes, time, note)
    return results


async def _run_file(
    cases: ReadCases, wishes: Wishes, time: SimulatedTime, note: Callable[[ReadCases, Verdict], None]
) -> None:
    """Run the cases of one file, and see to their snapshots."""
    options = Options(
        components=[(str(found.path), found.document) for found in wishes.components],
        fetch_source=SourceFetcher(UNGUARDED.open_source_client),
        network=httpx.AsyncHTTPTransport if wishes.network else None,
        chosen=wishes.chooses,
        beside=FolderGraphs(cases.path.parent),
    )
    try:
        kept = read_snapshots(cases.path)
    except DocumentFileError as error:
        kept = {}
        if not wishes.updates:
            note(cases, Verdict("its snapshots", (error.message,)))
            return
    taken: dict[str, Any] = {}

    def hear(verdict: Verdict) -> None:
        if verdict.snapshot is not None:
            taken[verdict.name] = verdict.snapshot
            verdict = _with_snapshot(verdict, kept, wishes)
        note(cases, verdict)

    try:
        await run_cases(cases.file, time, hear, options)
    except UnusableSubjectError as error:
        beside = f", and {cases.path.parent} has no such file" if error.is_absent else ""
        first, *others = error.complaints
        note(cases, Verdict(SUBJECT, (f"{first}{beside}", *others)))
        return
    if wishes.updates:
        _update(cases, kept, taken)


def _with_snapshot(verdict: Verdict, kept: dict[str, Any], wishes: Wishes) -> Verdict:
    """Return a verdict that has heard of the snapshot, too."""
    if wishes.updates or verdict.snapshot is None:
        return verdict
    if verdict.name not in kept:
        complaints = ["there is no snapshot of it yet; --update writes it"]
    else:
        complaints = compare_snapshot(kept[verdict.name], verdict.snapshot)
        if complaints:
            complaints.append("--update takes what came for right")
    return msgspec.structs.replace(verdict, complaints=(*verdict.complaints, *complaints))


def _update(cases: ReadCases, kept: dict[str, Any], taken: dict[str, Any]) -> None:
    names = [name_of(case, index) for index, case in enumerate(cases.file.cases) if _has_snapshot(case)]
    if write_snapshots(cases.path, kept, taken, names):
        click.echo(f"Wrote {snapshot_path(cases.path)}", err=True)


def _has_snapshot(case: Any) -> bool:
    return isinstance(case, dict) and case.get("snapshot") is True
