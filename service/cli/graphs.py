"""``symbia-runtime graphs``: the graphs of a service, listed, shown, loaded and unloaded."""

from pathlib import Path
from typing import Any

import click
import msgspec

from proto.codec import encode
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.documents import DOCUMENT, STANDARD_INPUT, RefusedFileError, post_document
from service.cli.remote.lookup import SeenGraph, find_graph
from service.cli.remote.names import graph_names
from service.cli.remote.tables import (
    age_of,
    json_option,
    short,
    show_facts,
    show_json,
    show_table,
)
from service.documents.printable import printable

GRAPH = click.argument("graph", shell_complete=graph_names)

NAME_EXISTS = "graph.name_exists"
REPLACE_HINT = "--replace makes a new version of it instead"


class ShownNode(msgspec.Struct, frozen=True):
    """A node of a graph, as far as it is shown."""

    id: str
    component: str = ""
    config: Any = None
    graph: dict[str, Any] | None = None

    @property
    def used(self) -> str:
        """The component or the graph that it is the use of; of one that is written out its nodes are counted."""
        return self.component or f"graph of {len((self.graph or {}).get('nodes', ()))} nodes"


class ShownEnd(msgspec.Struct, frozen=True):
    """An end of an edge."""

    node: str
    port: str

    def __str__(self) -> str:
        return f"{self.node}:{self.port}"


class ShownEdge(msgspec.Struct, frozen=True):
    """An edge of a graph, as far as it is shown."""

    source: ShownEnd
    target: ShownEnd


class ShownGraph(msgspec.Struct, frozen=True, rename="camel"):
    """A graph as its own route shows it, as far as it is shown here."""

    id: str
    name: str
    version: str
    description: str = ""
    nodes: tuple[ShownNode, ...] = ()
    edges: tuple[ShownEdge, ...] = ()
    loaded_at: str = ""


class ShownVersion(msgspec.Struct, frozen=True, rename="camel"):
    """A version of a graph in the list of them, as far as it is shown."""

    number: int
    version: str
    sha256: str
    created_at: str
    created_by: str | None = None


@click.group(name="graphs", invoke_without_command=True)
@service_options
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the graphs of a service; or show, load and delete one.

    GRAPH is an id, a name, or the beginning of either; of several of one name the newest is meant.
    """
    if ctx.invoked_subcommand is None:
        ask(_list, as_json=as_json)


@command.command(name="list")
@service_options
@json_option
def list_command(*, as_json: bool) -> None:
    """List the graphs of a service."""
    ask(_list, as_json=as_json)


@command.command(name="show")
@GRAPH
@service_options
@json_option
def show_command(graph: str, *, as_json: bool) -> None:
    """Show GRAPH: its nodes and its edges."""
    ask(_show, graph, as_json=as_json)


@command.command(name="load")
@click.argument("files", type=DOCUMENT, nargs=-1, required=True)
@click.option("--replace", is_flag=True, help="Make a new version of the graph of its name, where there is one.")
@service_options
@json_option
def load_command(files: tuple[Path, ...], *, replace: bool, as_json: bool) -> None:
    """Load the graphs in FILES, JSON or YAML; - is standard input.

    Graphs that others of the files use by name are loaded before those.
    """
    ask(_load, files, replace=replace, as_json=as_json)


@command.command(name="versions")
@GRAPH
@service_options
@json_option
def versions_command(graph: str, *, as_json: bool) -> None:
    """List the versions of GRAPH that are kept, the present one last."""
    ask(_versions, graph, as_json=as_json)


@command.command(name="rollback")
@GRAPH
@click.argument("number", type=click.IntRange(min=1))
@service_options
@json_option
def rollback_command(graph: str, number: int, *, as_json: bool) -> None:
    """Make a new version of GRAPH that is written as its version NUMBER was."""
    ask(_roll_back, graph, number, as_json=as_json)


@command.command(name="delete")
@GRAPH
@service_options
def delete_command(graph: str) -> None:
    """Unload GRAPH, and stop its executions."""
    ask(_delete, graph)


async def load_graph(client: ServiceClient, path: Path, *, replace: bool) -> tuple[SeenGraph, bytes]:
    """Load the graph in a file; what became of it, and the reply. What it may not have meant is told.

    Raises:
        ServiceError: it was refused.
    """
    reply = await post_document(client, "/api/graphs", path, {"replace": "true"} if replace else None)
    graph = client.decode(reply, SeenGraph)
    for warning in graph.warnings:
        message = (
            f"There are others of its name; {REPLACE_HINT}" if warning.code == NAME_EXISTS else warning.message
        )
        click.echo(f"Warning: {path}: {printable(message)}", err=True)
    return graph, reply


async def _list(client: ServiceClient, *, as_json: bool) -> None:
    entries = await client.entries("/api/graphs", "graphs")
    if as_json:
        return show_json(entries)
    graphs = [client.decode(entry, SeenGraph) for entry in entries]
    rows = [
        (short(each.id), each.version, each.node_count, each.edge_count, age_of(each.loaded_at), each.name)
        for each in graphs
    ]
    return show_table(("ID", "VERSION", "NODES", "EDGES", "LOADED", "NAME"), rows)


async def _show(client: ServiceClient, text: str, *, as_json: bool) -> None:
    reply = await client.get(f"/api/graphs/{escaped((await find_graph(client, text)).id)}")
    if as_json:
        return show_json([reply])
    graph = client.decode(reply, ShownGraph)
    facts = {"id": graph.id, "version": graph.version, "loaded": f"{age_of(graph.loaded_at)} ago"}
    if graph.description:
        facts["description"] = graph.description
    show_facts(graph.name, facts)
    click.echo()
    config = msgspec.json.encode
    nodes = [(each.id, each.used, config(each.config).decode() if each.config else "") for each in graph.nodes]
    show_table(("NODE", "COMPONENT", "CONFIG"), nodes)
    click.echo()
    return show_table(("FROM", "TO"), [(each.source, each.target) for each in graph.edges])


async def _load(client: ServiceClient, paths: tuple[Path, ...], *, replace: bool, as_json: bool) -> None:
    """Load graphs, those first that others among them use by name."""
    waiting = list(paths)
    while waiting:
        put_off: dict[Path, RefusedFileError] = {}
        for path in waiting:
            try:
                graph, reply = await load_graph(client, path, replace=replace)
            except RefusedFileError as error:
                if not error.lacks_graphs or path == STANDARD_INPUT:
                    raise
                put_off[path] = error
            else:
                _tell(graph, reply, as_json=as_json)
        if len(put_off) == len(waiting):
            raise next(iter(put_off.values()))
        waiting = list(put_off)


def _tell(graph: SeenGraph, reply: bytes, *, as_json: bool) -> None:
    """Print a graph that was loaded."""
    if as_json:
        return show_json([reply])
    number = f", version {graph.version_number}" if graph.version_number > 1 else ""
    counted = f"{graph.node_count} nodes, {graph.edge_count} edges{number}"
    return click.echo(printable(f"{graph.id}  {graph.name} {graph.version}: {counted}"))


async def _versions(client: ServiceClient, text: str, *, as_json: bool) -> None:
    graph = await find_graph(client, text)
    entries = await client.entries(f"/api/graphs/{escaped(graph.id)}/versions", "versions")
    if as_json:
        return show_json(entries)
    versions = [client.decode(entry, ShownVersion) for entry in entries]
    rows = [
        (each.number, each.version, short(each.sha256), age_of(each.created_at), each.created_by or "-")
        for each in versions
    ]
    return show_table(("NUMBER", "VERSION", "HASH", "MADE", "BY"), rows)


async def _roll_back(client: ServiceClient, text: str, number: int, *, as_json: bool) -> None:
    graph = await find_graph(client, text)
    reply = await client.post(f"/api/graphs/{escaped(graph.id)}/rollback", encode({"version": number}))
    _tell(client.decode(reply, SeenGraph), reply, as_json=as_json)


async def _delete(client: ServiceClient, text: str) -> None:
    graph = await find_graph(client, text)
    await client.delete(f"/api/graphs/{escaped(graph.id)}")
    click.echo(printable(f"{graph.id}  {graph.name} {graph.version}: unloaded"))
