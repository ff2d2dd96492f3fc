"""``symbia-runtime fork``: an execution that goes on from a moment of another one."""

from pathlib import Path
from typing import Any

import click
import msgspec

from proto.codec import MalformedJsonError, decode_as, encode
from proto.execution import ExecutionError
from service.cli.files import FILE, component_in
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ServiceError, ask, escaped
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json

_MOST_ELEMENTS = 2**60


class Forked(msgspec.Struct, frozen=True, rename="camel"):
    """The reply to a fork."""

    execution_id: str
    state: str
    error: ExecutionError | None = None


@click.command(name="fork")
@click.argument("execution", shell_complete=execution_names)
@click.option(
    "--at", type=click.IntRange(min=0), required=True, help="Go on from just behind the record of this number."
)
@click.option(
    "--value",
    "values",
    multiple=True,
    metavar="NUMBER=JSON",
    help="Another value of what waits then.",
)
@click.option(
    "--component", "components", type=FILE, multiple=True, help="Run this in the place of the component of its id."
)
@click.option("--graph", metavar="VERSION", help="The version of the graph: a number, or latest.")
@service_options
@json_option
def command(
    execution: str,
    at: int,
    values: tuple[str, ...],
    components: tuple[Path, ...],
    graph: str | None,
    *,
    as_json: bool,
) -> None:
    """Start an execution that goes on from a moment of EXECUTION, of which note was taken; print its id.

    EXECUTION is an id, its beginning, or the name of a graph, whose newest one is meant; or the id of a recording.
    What waits at that moment waits there, but for what has another value by --value; what came later does not
    come. The numbers are those of `symbia-runtime history`.
    """
    body: dict[str, Any] = {"at": at, "values": dict(map(_value, values))}
    body["components"] = [component_in(path).document for path in components]
    if graph is not None:
        body["graph"] = int(graph) if graph.isascii() and graph.isdigit() else graph
    content = ask(_fork, execution, encode(body))
    if as_json:
        show_json([content])
    else:
        click.echo(msgspec.json.decode(content, type=Forked).execution_id)


def _value(text: str) -> tuple[str, msgspec.Raw]:
    number, equals, value = text.partition("=")
    if not equals or not (number.isascii() and number.isdigit()):
        raise click.UsageError(f"--value: {text!r} names no record; write NUMBER=JSON, such as 4711=42")
    content = value.encode("utf-8", "surrogateescape")
    try:
        decode_as(content, msgspec.Raw, _MOST_ELEMENTS)
    except (MalformedJsonError, msgspec.MsgspecError) as error:
        raise click.UsageError(f"--value: the value of {number} is no JSON: {error}") from error
    return number, msgspec.Raw(content)


async def _fork(client: ServiceClient, text: str, body: bytes) -> bytes:
    content = await client.post(f"/api/executions/{escaped(await find_execution(client, text))}/fork", body)
    forked = client.decode(content, Forked)
    if forked.error is not None:
        raise ServiceError(f"It was not started: {forked.error.message}")
    return content
