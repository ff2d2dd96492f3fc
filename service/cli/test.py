"""``symbia-runtime test``: a component's cases, written as data, run on the real component."""

import sys
from pathlib import Path

import click
import msgspec

from engine.errors import EngineError, InvalidError
from engine.limits import EngineLimits
from engine.testing.case_file import CaseFile, Verdict, parse_case_file, run_cases
from engine.testing.workbench import open_workbench
from proto.shapes import choices_for
from service.cli.files import FILE, DocumentFileError, problem_line, read_document_file
from service.cli.until_signal import run_until_signal
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher


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
        raise DocumentFileError(f"{path}: {error}{choices_for(error, CaseFile)}") from error
    if isinstance(file.component, str):
        beside = path.parent / file.component
        if beside.is_file():
            return msgspec.structs.replace(file, component=read_document_file(beside))
    return file


async def _run(files: list[tuple[Path, CaseFile]]) -> list[Verdict]:
    limits = EngineLimits()
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    verdicts = []
    for path, file in files:
        async with open_workbench(limits=limits, fetch_source=fetcher) as workbench:
            try:
                async for verdict in run_cases(workbench, file):
                    _show(path, verdict)
                    verdicts.append(verdict)
            except InvalidError as error:
                verdicts.append(Verdict(str(path), tuple(problem_line(problem) for problem in error.problems)))
                _show(path, verdicts[-1])
            except EngineError as error:
                verdicts.append(Verdict(str(path), (str(error),)))
                _show(path, verdicts[-1])
    return verdicts


def _show(path: Path, verdict: Verdict) -> None:
    click.echo(f"{'FAIL' if verdict.complaints else 'ok  '} {path}: {verdict.name}")
    for complaint in verdict.complaints:
        click.echo(f"       {complaint}")
