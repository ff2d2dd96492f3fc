"""``symbia-runtime execute``: an execution of a graph, started on a service."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from proto.codec import encode
from proto.execution import ExecutionError
from proto.graph import RECORDING_LEVELS
from service.cli.graphs import load_graph
from service.cli.message_options import inject_option, parsed_arguments
from service.cli.param_option import param_option
from service.cli.remote.address import service_address, service_options
from service.cli.remote.client import ServiceClient, ServiceError, ask, escaped
from service.cli.remote.lookup import SeenGraph, find_graph
from service.cli.remote.names import graph_names
from service.cli.remote.tables import json_option, show_json
from service.cli.watch import watch_to_end
from service.documents.printable import printable

FILES = (".json", ".yaml", ".yml")


class Started(msgspec.Struct, frozen=True, rename="camel"):
    """The reply to an execution that was to start."""

    execution_id: str
    state: str
    error: ExecutionError | None = None


@click.command(name="execute")
@click.argument("graph", shell_complete=graph_names)
@inject_option
@param_option
@click.option(
    "--completion",
    type=click.Choice(["auto", "manual"]),
    help="auto: it ends when it has gone quiet; manual: when it is told to.",
)
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds it may take; 0 for no limit.")
@click.option(
    "--durable/--no-durable",
    default=None,
    help="Whether it goes on after a restart of the service; as its graph says.",
)
@click.option(
    "--recording", type=click.Choice(RECORDING_LEVELS), help="Take note of its inputs, or of everything."
)
@click.option("--watch", is_flag=True, help="Watch it until it ends, as `symbia-runtime watch` does.")
@service_options
@json_option
def command(
    graph: str,
    arguments: tuple[str, ...],
    parameters: dict[str, msgspec.Raw],
    completion: str | None,
    timeout: float | None,
    *,
    durable: bool | None,
    recording: str | None,
    watch: bool,
    as_json: bool,
) -> None:
    """Start an execution of GRAPH: a file, an id, a name, or the beginning of either.

    A file is loaded first, in the place of the graph of its name, if there is one; what runs of that goes on.

    With --inject no further input is expected: it ends when that has been processed.

    The exit status is 1 when it could not be started; with --watch it is that of `symbia-runtime watch`.
    """
    options: dict[str, Any] = {}
    if completion:
        options["completion"] = completion
    if timeout is not None:
        options["timeoutMs"] = timeout * 1000
    if durable is not None:
        options["durable"] = durable
    if recording is not None:
        options["recording"] = recording
    if parameters:
        options["parameters"] = parameters
    if arguments:
        options["inputs"] = parsed_arguments(arguments, "--inject")
    started = ask(_execute, graph, encode(options), as_json=as_json)
    if started.error is not None:
        place = f" at node {started.error.node_id}" if started.error.node_id else ""
        click.echo(printable(f"Failed{place}: {started.error.message}"), err=True)
        sys.exit(1)
    if watch:
        sys.exit(watch_to_end(started.execution_id, service_address()))


async def _execute(client: ServiceClient, text: str, options: bytes, *, as_json: bool) -> Started:
    if text.lower().endswith(FILES) and await trio.Path(text).is_file():
        graph, _ = await load_graph(client, Path(text), replace=True)
    else:
        graph = await _find(client, text)
    reply = await client.post(f"/api/graphs/{escaped(graph.id)}/execute", options)
    started = client.decode(reply, Started)
    if as_json:
        show_json([reply])
    else:
        click.echo(printable(f"{started.execution_id}  {graph.name}: {started.state}"))
    return started


async def _find(client: ServiceClient, text: str) -> SeenGraph:
    """Return the graph that is meant by a text that is no file.

    Raises:
        ServiceError: none is, or several may be.
    """
    try:
        return await find_graph(client, text)
    except ServiceError as error:
        if text.lower().endswith(FILES) and not error.status:
            raise ServiceError(f"There is no file {text}; {error}") from error
        raise
