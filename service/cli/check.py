"""``symbia-runtime check``: every problem of a graph, each with its place."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from engine.errors import ComponentExistsError, InvalidComponentError
from engine.limits import EngineLimits
from engine.runtime import open_runtime
from service.cli.files import FILE, problem_line, read_document_file
from service.cli.until_signal import run_until_signal
from service.outbound.clients import UNGUARDED
from service.outbound.source_fetcher import SourceFetcher


@click.command(name="check")
@click.argument("graph", type=FILE)
@click.option("--component", "components", type=FILE, multiple=True, help="Register this component first.")
def command(graph: Path, components: tuple[Path, ...]) -> None:
    """Say everything that is wrong with GRAPH, a JSON or YAML file: one line for each problem.

    The exit status is 0 when the graph can be loaded, 1 when it cannot, and 2 when a file cannot be read.
    """
    document = read_document_file(graph)
    definitions = [(path, read_document_file(path)) for path in components]
    lines = run_until_signal(_find, document, definitions)
    for line in lines:
        click.echo(line)
    if lines:
        sys.exit(1)
    click.echo(f"{graph}: no problems", err=True)


async def _find(document: Any, components: Sequence[tuple[Path, Any]]) -> list[str]:
    lines = []
    limits = EngineLimits()
    fetcher = SourceFetcher(UNGUARDED.open_source_client)
    async with open_runtime(limits=limits, fetch_source=fetcher) as runtime:
        for path, definition in components:
            try:
                await runtime.library.register_component(definition)
            except InvalidComponentError as error:
                lines += [f"{path}: {problem_line(problem)}" for problem in error.problems]
            except ComponentExistsError as error:
                lines.append(f"{path}: {error}")
        lines += [problem_line(problem) for problem in await runtime.library.check_graph(document)]
    return lines
