"""``symbia-runtime edges``: the edges of an execution, how full they are, and what waits on one of them."""

import click
import msgspec

from proto.edge import EdgeSnapshot, WaitingMessage
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json, show_table


@click.command(name="edges")
@click.argument("execution", shell_complete=execution_names)
@click.argument("edge", required=False)
@service_options
@json_option
def command(execution: str, edge: str | None, *, as_json: bool) -> None:
    """List the edges of EXECUTION, or what waits on EDGE: its id, or its index where it has none.

    An execution is named by its id, its beginning, or its graph.
    """
    ask(_show, execution, edge, as_json=as_json)


async def _show(client: ServiceClient, text: str, edge: str | None, *, as_json: bool) -> None:
    path = f"/api/executions/{await find_execution(client, text)}/edges"
    if edge is not None:
        return await _show_waiting(client, f"{path}/{escaped(edge)}/messages", as_json=as_json)
    entries = await client.entries(path, "edges")
    if as_json:
        return show_json(entries)
    edges = [client.decode(entry, EdgeSnapshot) for entry in entries]
    rows = [
        (
            each.edge,
            each.source,
            each.target,
            f"{each.sent:,}",
            f"{each.waiting:,}",
            f"{each.waiting_bytes:,}",
            f"{each.peak:,}",
            f"{each.dropped:,}",
            f"{each.blocked_seconds:.3f}",
        )
        for each in edges
    ]
    return show_table(("EDGE", "FROM", "TO", "SENT", "WAITING", "BYTES", "PEAK", "DROPPED", "BLOCKED S"), rows)


async def _show_waiting(client: ServiceClient, path: str, *, as_json: bool) -> None:
    entries = await client.entries(path, "messages")
    if as_json:
        return show_json(entries)
    messages = [client.decode(entry, WaitingMessage) for entry in entries]
    rows = [(each.sequence, each.lane, f"{each.size_bytes:,}", _shown(each)) for each in messages]
    return show_table(("SEQUENCE", "LANE", "BYTES", "VALUE"), rows)


def _shown(message: WaitingMessage) -> str:
    return "(large)" if message.is_omitted else msgspec.json.format(bytes(message.value), indent=-1).decode()
