"""Commands that are one request to each execution: pause, resume, complete and stop."""

import click
import msgspec

from service.cli.remote.address import service_options
from service.cli.remote.client import Query, ServiceClient, ask
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json
from service.documents.printable import printable

EXECUTIONS = click.argument("executions", nargs=-1, required=True, shell_complete=execution_names)


class ControlReply(msgspec.Struct, frozen=True, rename="camel"):
    """The state of an execution after a command."""

    execution_id: str
    state: str
    unprocessed: int = 0


def control(verb: str, text: str) -> click.Command:
    """Make a command that asks one thing of each execution that it is given."""

    @click.command(name=verb, help=f"{text}\n\nAn execution is named by its id, its beginning, or its graph.")
    @EXECUTIONS
    @service_options
    @json_option
    def command(executions: tuple[str, ...], *, as_json: bool) -> None:
        ask(request_all, verb, executions, as_json=as_json)

    return command


async def request_all(
    client: ServiceClient, verb: str, executions: tuple[str, ...], *, as_json: bool, query: Query | None = None
) -> None:
    """Ask one thing of each execution, and say what has become of it.

    All that are named are found before anything is asked of one.

    Raises:
        ServiceError: one cannot be found, or refuses; those before it have obeyed.
    """
    found = [await find_execution(client, text) for text in executions]
    for identifier in found:
        reply = await client.post(f"/api/executions/{identifier}/{verb}", query=query)
        if as_json:
            show_json([reply])
            continue
        said = client.decode(reply, ControlReply)
        left = f", {said.unprocessed:,} unprocessed" if said.unprocessed else ""
        click.echo(printable(f"{said.execution_id}  {said.state}{left}"))
