"""``symbia-runtime run``: one graph in this process, without a server."""

import os
import sys
from functools import partial
from pathlib import Path

import click
import trio
from rich.console import Console

from engine.errors import ComponentExistsError, InvalidError
from proto.execution import ExecutionState
from proto.message import Injection
from service.cli.files import FILE, read_document_file
from service.cli.inject_syntax import (
    InjectionSyntaxError,
    parse_argument,
    parse_message_line,
    parse_port,
    parse_value_line,
)
from service.cli.report import RunReport, problem_line
from service.cli.runner import InputError, Parse, Result, RunPlan, run_plan

USAGE_STATUS = 2
SIGNAL_STATUS = 128


@click.command(name="run")
@click.argument("graph", type=FILE)
@click.option(
    "--inject",
    "arguments",
    multiple=True,
    metavar="NODE:PORT=JSON",
    help="Inject this value, such as input:in=21.",
)
@click.option("--stdin", is_flag=True, help='Inject each line {"nodeId", "port", "value"} of standard input.')
@click.option("--stdin-to", metavar="NODE:PORT", help="Inject each line of standard input, a JSON value, here.")
@click.option("--component", "components", type=FILE, multiple=True, help="Register this component first.")
@click.option("--timeout", type=click.FloatRange(min=0), default=0.0, help="Seconds it may take; 0 for no limit.")
@click.option("--verbose", "-v", is_flag=True, help="Show every log line of the components, not only warnings.")
def command(
    graph: Path,
    arguments: tuple[str, ...],
    stdin: bool,
    stdin_to: str | None,
    components: tuple[Path, ...],
    timeout: float,
    verbose: bool,
) -> None:
    """Run GRAPH, a JSON or YAML file, until all that was injected has been processed.

    What reaches the outputs of the graph is printed as lines {"node", "port", "value"} on standard output;
    progress, errors and metrics go to standard error. Nothing is gathered: input and output may be endless.

    The exit status is 0 when the execution completed, 1 when it failed, 2 when the graph or a message is wrong.
    """
    plan = RunPlan(
        graph=read_document_file(graph),
        components=[read_document_file(path) for path in components],
        injections=_injections(arguments),
        parse_line=_line_parser(stdin=stdin, stdin_to=stdin_to),
        timeout_ms=timeout * 1000,
    )
    _require_streams(reads=plan.parse_line is not None)
    report = RunReport(Console(stderr=True), verbose=verbose)
    try:
        result = trio.run(run_plan, plan, sys.stdout.buffer, report)
    except InvalidError as error:
        for problem in error.problems:
            click.echo(problem_line(problem), err=True)
        sys.exit(USAGE_STATUS)
    except (ComponentExistsError, InputError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(USAGE_STATUS)
    report.ended(result.execution)
    sys.exit(_status(result))


def _require_streams(*, reads: bool) -> None:
    """Refuse to run where a stream is closed, as after ``<&-``: its descriptor may be anything by now."""
    if sys.stdout is None:
        raise click.UsageError("Standard output is closed; what leaves the graph needs a place, such as /dev/null")
    if reads and sys.stdin is None:
        raise click.UsageError("Standard input is closed; --stdin and --stdin-to read it")


def _injections(arguments: tuple[str, ...]) -> list[Injection]:
    try:
        return [parse_argument(argument) for argument in arguments]
    except InjectionSyntaxError as error:
        raise click.UsageError(f"--inject: {error}") from error


def _line_parser(*, stdin: bool, stdin_to: str | None) -> Parse | None:
    """Return the function that makes a message of a line of standard input; None when it is not to be read."""
    if stdin_to is None:
        return parse_message_line if stdin else None
    if stdin:
        raise click.UsageError("Give either --stdin or --stdin-to, not both")
    try:
        return partial(parse_value_line, port=parse_port(stdin_to))
    except InjectionSyntaxError as error:
        raise click.UsageError(f"--stdin-to: {error}") from error


def _status(result: Result) -> int:
    if result.output_closed:
        # As in "| head": end quietly, as SIGPIPE would have ended us, and let Python's last flush go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if result.signal_number:
        return SIGNAL_STATUS + result.signal_number
    return 0 if result.execution.state == ExecutionState.COMPLETED else 1
