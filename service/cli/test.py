"""``symbia-runtime test``: a component's cases, written as data, run on the real component."""

import sys
from pathlib import Path

import click
import msgspec

from engine.errors import ComponentNotFoundError, EngineError, InvalidError, InvalidGraphError
from engine.limits import EngineLimits
from engine.testing.case_file import CaseFile, Verdict, parse_case_file, run_cases
from engine.testing.workbench import open_workbench
from proto.shapes import choices_for
from service.cli.files import FILE, DocumentFileError, problem_line, read_document_file
from service.cli.until_signal import run_until_signal
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher

SHAPE = "a file of cases is an object with component and cases"

COMPONENT = "its component"
"""The text in place of a case's name where none could be run."""


@click.command(name="test")
@click.argument("files", type=FILE, nargs=-1, required=True)
def command(files: tuple[Path, ...]) -> None:
    """Run the cases in FILES, and say of each whether the component did what it says.

    A file is YAML or JSON: `component` (an id, a definition, or the name of a file beside it that holds one) and
    `cases`, each with `send` and what to `expect`; docs/testing-components.md shows all keys.

    The exit status is 0 when all went as expected, 1 when not, and 2 when a file cannot be read.
    """
    case_files = [(path, _read(path)) for path in files]
    verdicts = run_until_signal(_run, case_files)
    failed = sum(1 for verdict in verdicts if verdict.complaints)
    click.echo(f"{len(verdicts) - failed} passed, {failed} failed", err=True)
    if failed:
        sys.exit(1)


def _read(path: Path) -> CaseFile:
    document = read_document_file(path)
    try:
        file = parse_case_file(document)
    except msgspec.ValidationError as error:
        raise DocumentFileError(f"{path}: {error}{choices_for(error, CaseFile)}; {SHAPE}") from error
    if not file.cases:
        raise DocumentFileError(f"{path}: There are no cases in it; {SHAPE}")
    if isinstance(file.component, str):
        beside = path.parent / file.component
        if beside.is_file():
            return msgspec.structs.replace(file, component=read_document_file(beside))
    return file


async def _run(files: list[tuple[Path, CaseFile]]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for path, file in files:
        verdicts += await _run_file(path, file)
    return verdicts


async def _run_file(path: Path, file: CaseFile) -> list[Verdict]:
    """Run the cases of one file; the last verdict is of what kept the others from being run, if anything did."""
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    verdicts: list[Verdict] = []

    def note(verdict: Verdict) -> None:
        verdicts.append(verdict)
        _show(path, verdict)

    async with open_workbench(limits=EngineLimits(), fetch_source=fetcher) as workbench:
        try:
            async for verdict in run_cases(workbench, file):
                note(verdict)
        except InvalidError as error:
            name = file.cases[len(verdicts)].name if isinstance(error, InvalidGraphError) else COMPONENT
            note(Verdict(name, tuple(problem_line(problem) for problem in error.problems)))
        except ComponentNotFoundError as error:
            note(Verdict(COMPONENT, (f"{error}{_beside(path, file)}",)))
        except EngineError as error:
            note(Verdict(COMPONENT, (str(error),)))
    return verdicts


def _beside(path: Path, file: CaseFile) -> str:
    """Return where a component was looked for that is known nowhere."""
    return f", and {path.parent} has no such file" if isinstance(file.component, str) else ""


def _show(path: Path, verdict: Verdict) -> None:
    click.echo(f"{'FAIL' if verdict.complaints else 'ok  '} {path}: {verdict.name}")
    for complaint in verdict.complaints:
        click.echo(f"       {complaint}")
