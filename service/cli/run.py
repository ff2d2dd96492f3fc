"""``symbia-runtime run``: one graph in this process, without a server."""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import msgspec
import trio

from proto.execution import ExecutionState
from service.cli.console import TellingConsole
from service.cli.files import FILE, component_in, library_components, library_option, read_document_file
from service.cli.graph_files import FolderGraphs
from service.cli.message_options import inject_option, line_parser, parsed_arguments, stdin_options
from service.cli.own_vault import own_vault
from service.cli.param_option import param_option
from service.cli.report import RunReport
from service.cli.runner import InputError, RefusedDocumentError, Result, RunPlan, run_plan
from service.cli.streams import SIGPIPE_STATUS, complaint_about, discard, has_no_reader
from service.cli.until_signal import SIGNAL_STATUS

FAILED_STATUS = 1
USAGE_STATUS = 2


@click.command(name="run")
@click.argument("graph", type=FILE)
@inject_option
@param_option
@stdin_options
@click.option("--component", "components", type=FILE, multiple=True, help="Register this component first.")
@library_option
@click.option("--timeout", type=click.FloatRange(min=0), default=0.0, help="Seconds it may take; 0 for no limit.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write everything that happens there, for `history` and `replay`.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show every log line of the components, not only warnings.")
def command(
    graph: Path,
    arguments: tuple[str, ...],
    parameters: dict[str, msgspec.Raw],
    stdin: bool,
    stdin_to: str | None,
    components: tuple[Path, ...],
    libraries: tuple[Path, ...],
    timeout: float,
    record: Path | None,
    verbose: bool,
) -> None:
    """Run GRAPH, a JSON or YAML file, until all that was injected has been processed.

    What is emitted on ports that no edge leaves is printed as lines {"node", "port", "value"} on standard output;
    progress, errors and metrics go to standard error. Nothing is gathered: input and output may be endless.
    A graph with a timer, which emits by itself, runs until Ctrl-C or --timeout.
    ${env.NAME} and ${secret.name} are what GRAPH_ENV_NAMES, SECRETS_FILE and SECRET_NAME allow, as in the service.

    The exit status is 0 when the execution completed, 1 when it failed or its output could not be written, 2 when
    the graph or a message is wrong (what was injected before is processed), and 128 plus the signal when one ended
    it; 141 when nobody reads the output any more.
    """
    plan = RunPlan(
        graph=(str(graph), read_document_file(graph)),
        beside=FolderGraphs(graph.parent),
        components=[
            *((str(found.path), found.document) for found in library_components(libraries)),
            *((str(path), component_in(path).document) for path in components),
        ],
        injections=parsed_arguments(arguments, "--inject"),
        parse_line=line_parser(stdin=stdin, stdin_to=stdin_to),
        timeout_ms=timeout * 1000,
        parameters=parameters,
        vault=own_vault(),
        recording="off" if record is None else "full",
        keep_recording=partial(_write_recording, record),
    )
    _require_output()
    _require_place(record)
    report = RunReport(TellingConsole(stderr=True), verbose=verbose)
    if plan.parse_line is not None and sys.stdin.isatty():
        report.hint("Reading messages from this terminal: one a line, Ctrl-D ends them")
    try:
        result = trio.run(run_plan, plan, sys.stdout.buffer, report)
    except RefusedDocumentError as error:
        for line in error.lines:
            click.echo(line, err=True)
        sys.exit(USAGE_STATUS)
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(USAGE_STATUS)
    report.ended(result.execution)
    metrics = result.execution.metrics
    if not (arguments or plan.parse_line or metrics.messages_processed or metrics.messages_emitted):
        report.hint("Nothing was injected: give --inject NODE:PORT=JSON, --stdin or --stdin-to NODE:PORT")
    sys.exit(_end(result, report))


def _require_place(record: Path | None) -> None:
    """Refuse to run where the recording could not be written in the end: what was done may not be done again."""
    if record is None:
        return
    beside = _beside(record)
    try:
        beside.open("wb").close()
        beside.unlink()
    except OSError as error:
        raise click.UsageError(
            f"The recording cannot be written to {record}: {error.strerror or error}"
        ) from error


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _write_recording(path: Path | None, parts: Iterator[bytes]) -> None:
    """Write a recording; an existing one is replaced when the new one is whole.

    Raises:
        InputError: it cannot be written.
    """
    if path is None:
        return
    beside = _beside(path)
    try:
        with beside.open("wb") as file:
            for part in parts:
                file.write(part)
        beside.replace(path)
    except OSError as error:
        raise InputError(f"The recording cannot be written to {path}: {error.strerror or error}") from error


def _require_output() -> None:
    """Refuse to run where standard output is closed, as after ``>&-``: its descriptor may be anything by now."""
    if sys.stdout is None:
        raise click.UsageError("Standard output is closed; what leaves the graph needs a place, such as /dev/null")


def _end(result: Result, report: RunReport) -> int:
    """Say what went wrong outside of the execution; the exit status."""
    if result.input_complaint:
        report.complain(result.input_complaint)
    if result.output_failure is not None:
        report.complain(complaint_about(result.output_failure))
    if result.output_failure is not None or result.signal_number:
        discard(sys.stdout)
    if result.signal_number:
        return SIGNAL_STATUS + result.signal_number
    if result.output_failure is not None:
        return SIGPIPE_STATUS if has_no_reader(result.output_failure) else FAILED_STATUS
    if result.input_complaint:
        return USAGE_STATUS
    return 0 if result.execution.state == ExecutionState.COMPLETED else FAILED_STATUS
