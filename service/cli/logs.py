"""``symbia-runtime logs``: the lines that the components of an execution logged, once or as they come."""

from collections.abc import Callable, Sequence
from functools import partial

import click
import msgspec

from proto.execution import LogEntry
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask
from service.cli.remote.following import show_until_end
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json
from service.documents.printable import printable

LEVELS = ("debug", "info", "warn", "error")
COLOURS = {"warn": "yellow", "error": "red"}

Wanted = Callable[[LogEntry], bool]


class LogPage(msgspec.Struct, frozen=True):
    """A page of lines; ``total`` were logged, of which the first ``dropped`` are not kept any more."""

    total: int
    dropped: int
    logs: list[msgspec.Raw]


@click.command(name="logs")
@click.argument("execution", shell_complete=execution_names)
@click.option("--follow", "-f", is_flag=True, help="Go on with what is logged, until the execution ends.")
@click.option("--tail", type=click.IntRange(min=0), help="Only the latest so many lines.")
@click.option("--node", help="Only lines of this node, or of all in this graph.")
@click.option(
    "--level", type=click.Choice(LEVELS), default="debug", help="Only lines of this level, and worse ones."
)
@service_options
@json_option
def command(
    execution: str, tail: int | None, node: str | None, level: str, *, follow: bool, as_json: bool
) -> None:
    """Print what EXECUTION has logged: an id, its beginning, or the name of a graph, whose newest one is meant.

    Lines that the service does not keep any more are counted on standard error.
    """
    wanted = partial(is_wanted, node, LEVELS[LEVELS.index(level) :])
    ask(_print_logs, execution, tail, wanted, follow=follow, as_json=as_json)


def is_wanted(node: str | None, levels: Sequence[str], entry: LogEntry) -> bool:
    """Return whether a line is of a node, or of one in the graph that it uses, and of one of some levels."""
    is_there = node is None or entry.node_id == node or entry.node_id.startswith(f"{node}/")
    return is_there and entry.level in levels


async def _print_logs(
    client: ServiceClient,
    text: str,
    tail: int | None,
    wanted: Wanted,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    path = f"/api/executions/{await find_execution(client, text)}"
    place = 0
    if tail is not None:
        place = max(0, client.decode(await client.get(f"{path}/logs", limit=1), LogPage).total - tail)
    show = partial(_print_from, client, path, wanted=wanted, as_json=as_json)
    await show_until_end(client, path, place, show, follow=follow)


async def _print_from(client: ServiceClient, path: str, place: int, *, wanted: Wanted, as_json: bool) -> int:
    """Print the lines from a place on; the place of the next one."""
    while True:
        page = client.decode(await client.get(f"{path}/logs", offset=place), LogPage)
        if page.dropped > place:
            click.echo(f"{page.dropped - place:,} older lines are not kept any more", err=True)
            place = page.dropped
        for line in page.logs:
            entry = client.decode(line, LogEntry)
            if wanted(entry):
                show_json([line]) if as_json else _show(entry)
        place += len(page.logs)
        if not page.logs or place >= page.total:
            return place


def _show(entry: LogEntry) -> None:
    text = f"{entry.timestamp}  {entry.level:<5}  {entry.node_id}  {entry.message}"
    click.secho(printable(text), fg=COLOURS.get(entry.level), dim=entry.level == "debug")
