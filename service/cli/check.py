"""``symbia-runtime check``: every problem of what people write, each with its line and column."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from proto.codec import encode
from service.cli.check_sources import Source, read_libraries, read_sources
from service.cli.checking import Report, check_sources
from service.cli.files import FILE, library_option
from service.cli.told import line_of
from service.cli.until_signal import run_until_signal

PLACES = click.Path(exists=True, allow_dash=True, path_type=Path)


@click.command(name="check")
@click.argument("paths", type=PLACES, nargs=-1, required=True, metavar="PATH...")
@click.option("--component", "components", type=FILE, multiple=True, help="Register this component first.")
@library_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array of findings.")
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
def command(
    paths: tuple[Path, ...],
    components: tuple[Path, ...],
    libraries: tuple[Path, ...],
    *,
    as_json: bool,
    strict: bool,
) -> None:
    """Say everything that is wrong with each PATH: graphs, components, files of cases and routines.

    A PATH is a JSON or YAML file, a folder of them, or - for standard input; what a file is, is told by what
    stands in it. Components that are among them are known to the graphs. Each line is
    `file:line:column: severity: message (code)`.

    The exit status is 0 when nothing is wrong, 1 when something is (with --strict, also for warnings), and 2 when
    a file cannot be read.
    """
    sources = [*read_libraries(libraries), *read_sources(components, "component"), *read_sources(paths)]
    report = run_until_signal(check_sources, list({source.name: source for source in sources}.values()))
    if as_json:
        click.echo(encode(report.told))
    else:
        for each in report.told:
            click.echo(line_of(each))
        _sum_up(report, sources)
    if status := report.status(is_strict=strict):
        sys.exit(status)


def _sum_up(report: Report, sources: Sequence[Source]) -> None:
    what = sources[-1].name if len(sources) == 1 else f"{len(sources)} files"
    counts = [
        f"{count} {severity}{'s' if count != 1 else ''}"
        for severity in ("error", "warning")
        if (count := report.count(severity))
    ]
    click.echo(f"{what}: {', '.join(counts) or 'no problems'}", err=True)
