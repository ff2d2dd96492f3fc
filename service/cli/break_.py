"""``symbia-runtime break``: set breakpoints in a running execution, see what they hold, remove them."""

from typing import get_args

import click
import msgspec

from proto.breakpoint import (
    BreakpointAction,
    BreakpointLevel,
    BreakpointOn,
    BreakpointRequest,
    BreakpointScope,
    BreakpointSnapshot,
)
from proto.codec import encode
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.held import show_breakpoint
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json


@click.command(name="break")
@click.argument("execution", shell_complete=execution_names)
@click.option("--edge", help="Stop on an edge: its id, or its index where it has none.")
@click.option("--node", help="Stop at a node, or at the border of a graph inside, by its path.")
@click.option("--port", help="Only at this port of the node.")
@click.option("--on", type=click.Choice(get_args(BreakpointOn)), help="What to stop on (input).")
@click.option(
    "--level", type=click.Choice(get_args(BreakpointLevel)), help="Of log lines, and worse ones (error)."
)
@click.option("--key", help="Only writes of this key of the state.")
@click.option("--when", help="Only where an expression over `value` holds, in JavaScript.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Let so many pass first.")
@click.option(
    "--scope", type=click.Choice(get_args(BreakpointScope)), help="What stands still while something is held."
)
@click.option(
    "--action",
    type=click.Choice(get_args(BreakpointAction)),
    default="hold",
    show_default=True,
    help="What to do at a hit.",
)
@click.option("--remove", metavar="ID", help="Remove a breakpoint; what it holds goes on.")
@service_options
@json_option
def command(execution: str, *, remove: str | None, as_json: bool, **wanted: object) -> None:
    """Set a breakpoint in EXECUTION; without a place, list those that it has, and what they hold.

    An execution is named by its id, its beginning, or its graph. `symbia-runtime step` lets go what is held.
    """
    given = {name: value for name, value in wanted.items() if value not in (None, 0)}
    is_setting = any(name in given for name in ("edge", "node", "on"))
    if remove is not None and (is_setting or given.keys() - {"action"}):
        raise click.UsageError("--remove goes alone")
    if not is_setting and given.keys() - {"action"}:
        raise click.UsageError("Say where: --edge, --node, or --on error, log or state")
    if remove is not None:
        return ask(_remove, execution, remove)
    if not is_setting:
        return ask(_list, execution, as_json=as_json)
    return ask(_set, execution, msgspec.convert(given, BreakpointRequest), as_json=as_json)


async def _list(client: ServiceClient, text: str, *, as_json: bool) -> None:
    entries = await client.entries(f"{await path_of(client, text)}", "breakpoints")
    if as_json:
        return show_json(entries)
    for entry in entries:
        show_breakpoint(client.decode(entry, BreakpointSnapshot))
    return None


async def _set(client: ServiceClient, text: str, wanted: BreakpointRequest, *, as_json: bool) -> None:
    made = await client.post(await path_of(client, text), encode(wanted))
    if as_json:
        return show_json([made])
    return show_breakpoint(client.decode(made, BreakpointSnapshot))


async def _remove(client: ServiceClient, text: str, identifier: str) -> None:
    await client.delete(f"{await path_of(client, text)}/{escaped(identifier)}")


async def path_of(client: ServiceClient, text: str) -> str:
    """Return the path of an execution's breakpoints."""
    return f"/api/executions/{await find_execution(client, text)}/breakpoints"
