"""``symbia-runtime edges``: the edges of an execution, what waits on one of them, and commands to them."""

from typing import Any

import click
import msgspec

from proto.edge import EdgeSnapshot, WaitingMessage
from proto.edge_command import EdgeReceipt
from service.cli.edge_requests import EdgeRequest, request_of
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json, show_table


@click.command(name="edges")
@click.argument("execution", shell_complete=execution_names)
@click.argument("edge", required=False)
@click.argument("words", nargs=-1, metavar="[COMMAND [ARGUMENTS]...]")
@click.option("--node", metavar="NODE", help="In place of EDGE: all edges that lead to this node, or into it.")
@click.option("--where", metavar="JMESPATH", help="Drop those of which this is true.")
@click.option("--all", "drops_all", is_flag=True, help="Drop all that waits.")
@click.option("--first", is_flag=True, help="Insert before those that wait.")
@click.option("--if-match", "tag", metavar="TAG", default="", help="Only while the edge or message has this tag.")
@service_options
@json_option
def command(
    execution: str,
    edge: str | None,
    words: tuple[str, ...],
    node: str | None,
    *,
    as_json: bool,
    **options: Any,
) -> None:
    """List the edges of EXECUTION, or what waits on EDGE: its id, or its index where it has none.

    An execution is named by its id, its beginning, or its graph.

    \b
    With a COMMAND, do something to EDGE:
      pause                      hold it: what waits stays, and what comes
      resume                     hold it no more
      step [COUNT]               let the first messages through
      drop SEQUENCE...           drop messages; or --where JMESPATH, or --all
      edit SEQUENCE JSON         give a message another value
      move SEQUENCE first|last   let it be the first or the last
      insert JSON                put a new message last, or --first
      redirect EDGE [SEQUENCE]...  let messages wait on another edge
    """  # noqa: D301 - the mark is click's, for lines that stay as they are
    if node is not None:
        words, edge = ((edge, *words) if edge is not None else ()), None
    if words or node is not None:
        request = request_of(words, on_node=node is not None, **options)
        ask(_command, execution, edge, node, request, as_json=as_json)
    else:
        if any(options.values()):
            raise click.UsageError("Give the command that the options are for, such as drop")
        ask(_show, execution, edge, as_json=as_json)


async def _command(
    client: ServiceClient, text: str, edge: str | None, node: str | None, request: EdgeRequest, *, as_json: bool
) -> None:
    path = f"/api/executions/{await find_execution(client, text)}"
    place = f"/edges/{escaped(edge)}" if edge is not None else f"/nodes/{escaped(node or '')}"
    reply = await client.command(
        request.method, f"{path}{place}{request.path}", request.body, request.query, request.tag
    )
    if as_json:
        return show_json([reply])
    receipt = client.decode(reply, EdgeReceipt)
    click.echo(f"{receipt.messages:,} {'message' if receipt.messages == 1 else 'messages'}", nl=False)
    click.echo(f"; {receipt.undecided:,} could not be judged, and stay" if receipt.undecided else "")
    rows = [(each.edge, "held" if each.is_held else "", f"{each.waiting:,}", each.tag) for each in receipt.edges]
    return show_table(("EDGE", "HELD", "WAITING", "TAG"), rows)


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
            "held" if each.is_held else "",
        )
        for each in edges
    ]
    columns = ("EDGE", "FROM", "TO", "SENT", "WAITING", "BYTES", "PEAK", "DROPPED", "BLOCKED S", "HELD")
    return show_table(columns, rows)


async def _show_waiting(client: ServiceClient, path: str, *, as_json: bool) -> None:
    entries = await client.entries(path, "messages")
    if as_json:
        return show_json(entries)
    messages = [client.decode(entry, WaitingMessage) for entry in entries]
    rows = [
        (each.sequence, each.lane, f"{each.size_bytes:,}", f"{each.age_ms / 1000:.1f}", each.tag, _shown(each))
        for each in messages
    ]
    return show_table(("SEQUENCE", "LANE", "BYTES", "AGE S", "TAG", "VALUE"), rows)


def _shown(message: WaitingMessage) -> str:
    return "(large)" if message.is_omitted else msgspec.json.format(bytes(message.value), indent=-1).decode()
