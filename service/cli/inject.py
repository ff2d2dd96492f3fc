"""``symbia-runtime inject``: messages pushed into an execution of a service."""

import sys
from collections.abc import AsyncIterator, Sequence

import click
import msgspec

from proto.codec import encode
from proto.execution import ExecutionError
from proto.message import Injection
from service.cli.inject_syntax import InjectionSyntaxError
from service.cli.message_options import Parse, line_parser, parsed_arguments, stdin_options
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ServiceError, ask
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.outputs import Output, show_outputs
from service.cli.remote.tables import json_option, show_json
from service.cli.stdin import Lines, LineTooLongError
from service.documents.printable import printable

STANDARD_INPUT = 0
NDJSON = "application/x-ndjson"
MAX_WAIT_SECONDS = 60


class InjectionReply(msgspec.Struct, frozen=True, rename="camel"):
    """The reply to an injection, as far as it is shown.

    Attributes:
        all_outputs: what has left the graph, in that order; where it was waited for.
        truncated: whether there was more than that.
        drained: whether all was processed in time; None where nothing was waited for.
    """

    accepted: int
    queued: bool = False
    all_outputs: tuple[Output, ...] = ()
    truncated: bool = False
    drained: bool | None = None
    state: str = ""
    error: ExecutionError | None = None


@click.command(name="inject")
@click.argument("execution", shell_complete=execution_names)
@click.argument("messages", nargs=-1, metavar="[NODE:PORT=JSON]...")
@stdin_options
@click.option(
    "--lane", type=click.Choice(["canonical", "apocryphal"]), help="The lane of the messages typed here."
)
@click.option("--final", is_flag=True, help="Say that no more input comes.")
@click.option("--wait", is_flag=True, help="Wait until all is processed, and print what has left the graph.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, MAX_WAIT_SECONDS),
    default=10.0,
    show_default=True,
    help="Seconds to wait at most.",
)
@service_options
@json_option
def command(
    execution: str,
    messages: tuple[str, ...],
    stdin: bool,
    stdin_to: str | None,
    lane: str | None,
    *,
    final: bool,
    wait: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Push messages into EXECUTION: an id, its beginning, or the name of a graph, whose newest one is meant.

    Messages that are typed come first, then the lines of standard input, which are sent as the graph takes them.

    The exit status is 1 when a message was refused, when the execution has failed, or not all was processed in
    time.
    """
    injections = parsed_arguments(messages, "NODE:PORT=JSON")
    if lane:
        injections = [msgspec.structs.replace(each, lane=lane) for each in injections]
    parse = line_parser(stdin=stdin, stdin_to=stdin_to)
    if not (injections or parse or final):
        raise click.UsageError("Nothing to inject; write NODE:PORT=JSON, such as input:in=21, or --stdin")
    query: dict[str, str | int] = {"wait": int(timeout * 1000)} if wait else {}
    if final:
        query["final"] = "true"
    sys.exit(ask(_inject, execution, injections, parse, query, as_json=as_json))


async def _inject(
    client: ServiceClient,
    text: str,
    injections: Sequence[Injection],
    parse: Parse | None,
    query: dict[str, str | int],
    *,
    as_json: bool,
) -> int:
    path = f"/api/executions/{await find_execution(client, text)}/inject"
    if parse is None:
        body = {"messages": injections, **({"final": True} if query.pop("final", None) else {})}
        reply = await client.post(path, encode(body), query=query)
    else:
        reply = await _stream(client, path, injections, parse, query)
    if as_json:
        show_json([reply])
    said = client.decode(reply, InjectionReply)
    return _tell(said, as_json=as_json)


async def _stream(
    client: ServiceClient, path: str, injections: Sequence[Injection], parse: Parse, query: dict[str, str | int]
) -> bytes:
    """Send messages one a line, as they come; the reply.

    Raises:
        ServiceError: a line is no message, or was refused; those before it were taken in.
    """
    complaints: list[str] = []
    lines = _encoded(injections, Lines(STANDARD_INPUT), parse, complaints)
    reply = await client.post(path, lines, NDJSON, query)
    if complaints:
        raise ServiceError(complaints[0])
    return reply


async def _encoded(
    injections: Sequence[Injection], lines: Lines, parse: Parse, complaints: list[str]
) -> AsyncIterator[bytes]:
    """Yield messages as lines, until one cannot be made: what came before it stays sent."""
    for injection in injections:
        yield encode(injection) + b"\n"
    try:
        async for group in lines.groups():
            for number, line in group:
                try:
                    yield encode(parse(line)) + b"\n"
                except InjectionSyntaxError as error:
                    complaints.append(f"Line {number} of standard input: {error}")
                    return
    except LineTooLongError as error:
        complaints.append(str(error))


def _tell(said: InjectionReply, *, as_json: bool) -> int:
    """Print what has left the graph, and what has become of the messages; the exit status."""
    if not as_json:
        show_outputs(said.all_outputs)
    held = "; the execution is paused and holds them" if said.queued else ""
    click.echo(f"{said.accepted:,} accepted{held}", err=True)
    if said.truncated:
        click.echo(
            "More has left the graph than is shown; `symbia-runtime outputs` shows the last of it", err=True
        )
    if said.error is not None:
        place = f" at node {said.error.node_id}" if said.error.node_id else ""
        click.echo(printable(f"Failed{place}: {said.error.message}"), err=True)
        return 1
    if said.drained is False and not said.queued:
        click.echo("Not all was processed in time; --timeout SECONDS waits longer", err=True)
        return 1
    return 0
