"""``symbia-runtime outputs``: the last values that have left the graph of an execution, once or as they come."""

from functools import partial

import click
import msgspec

from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask
from service.cli.remote.following import show_until_end
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.outputs import Output, show_outputs
from service.cli.remote.tables import json_option, show_json


class OutputPage(msgspec.Struct, frozen=True):
    """A page of outputs."""

    outputs: list[msgspec.Raw]


@click.command(name="outputs")
@click.argument("execution", shell_complete=execution_names)
@click.option("--follow", "-f", is_flag=True, help="Go on with what leaves the graph, until the execution ends.")
@click.option("--port", metavar="NODE:PORT", help="Only what leaves at this port.")
@service_options
@json_option
def command(execution: str, port: str | None, *, follow: bool, as_json: bool) -> None:
    """Print what has left the graph of EXECUTION: an id, its beginning, or a graph, whose newest one is meant.

    The service keeps the last values of each port; those between two that it keeps no more are counted on standard
    error.
    """
    ask(_print_outputs, execution, port, follow=follow, as_json=as_json)


async def _print_outputs(
    client: ServiceClient, text: str, port: str | None, *, follow: bool, as_json: bool
) -> None:
    path = f"/api/executions/{await find_execution(client, text)}"
    show = partial(_print_after, client, path, port=port, as_json=as_json)
    await show_until_end(client, path, 0, show, follow=follow)


async def _print_after(client: ServiceClient, path: str, after: int, *, port: str | None, as_json: bool) -> int:
    """Print the outputs after one; the number of the last one."""
    query: dict[str, str | int] = {"after": after, **({"port": port} if port else {})}
    while lines := client.decode(await client.get(f"{path}/outputs", **query), OutputPage).outputs:
        outputs = [client.decode(line, Output) for line in lines]
        if port is None and outputs[0].sequence > after + 1:
            click.echo(f"{outputs[0].sequence - after - 1:,} outputs are not kept any more", err=True)
        if as_json:
            show_json(lines)
        else:
            show_outputs(outputs)
        after = query["after"] = outputs[-1].sequence
    return after
