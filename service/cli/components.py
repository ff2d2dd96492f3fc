"""``symbia-runtime components``: the components of a service, listed, shown, registered and removed."""

from pathlib import Path
from typing import Any

import click
import msgspec

from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask, escaped
from service.cli.remote.documents import DOCUMENT, post_document
from service.cli.remote.names import component_names
from service.cli.remote.tables import json_option, show_json, show_table
from service.documents.printable import printable

COMPONENT = click.argument("component", shell_complete=component_names)


class ListedComponent(msgspec.Struct, frozen=True):
    """A component in the list, as far as it is shown."""

    id: str
    description: str = ""
    inputs: list[str] = []
    outputs: list[str] = []


class Registered(msgspec.Struct, frozen=True):
    """The reply to a component that was taken; ``registered`` is its id."""

    registered: str


@click.group(name="components", invoke_without_command=True)
@service_options
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the components of a service; or show, register and remove one."""
    if ctx.invoked_subcommand is None:
        ask(_list, as_json=as_json)


@command.command(name="list")
@service_options
@json_option
def list_command(*, as_json: bool) -> None:
    """List the components of a service, those that are built in included."""
    ask(_list, as_json=as_json)


@command.command(name="show")
@COMPONENT
@service_options
@json_option
def show_command(component: str, *, as_json: bool) -> None:
    """Show COMPONENT, an id: its ports, its configuration, and its source where it has one."""
    ask(_show, component, as_json=as_json)


@command.command(name="load")
@click.argument("files", type=DOCUMENT, nargs=-1, required=True)
@service_options
@json_option
def load_command(files: tuple[Path, ...], *, as_json: bool) -> None:
    """Register the components in FILES, JSON or YAML; - is standard input."""
    ask(_load, files, as_json=as_json)


@command.command(name="delete")
@COMPONENT
@service_options
def delete_command(component: str) -> None:
    """Remove COMPONENT, which no loaded graph may use."""
    ask(_delete, component)


async def _list(client: ServiceClient, *, as_json: bool) -> None:
    entries = await client.entries("/api/components", "components")
    if as_json:
        return show_json(entries)
    components = [client.decode(entry, ListedComponent) for entry in entries]
    rows = [(each.id, ", ".join(each.inputs), ", ".join(each.outputs), each.description) for each in components]
    return show_table(("ID", "INPUTS", "OUTPUTS", "DESCRIPTION"), rows)


async def _show(client: ServiceClient, component: str, *, as_json: bool) -> None:
    reply = await client.get(f"/api/components/{escaped(component)}")
    if as_json:
        return show_json([reply])
    shown: dict[str, Any] = client.decode(reply, dict[str, Any])
    execution = shown.get("execution")
    source = execution.pop("source", None) if isinstance(execution, dict) else None
    click.echo(printable_lines(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode()))
    if isinstance(source, str):
        click.echo(f"\n{printable_lines(source)}")
    return None


async def _load(client: ServiceClient, paths: tuple[Path, ...], *, as_json: bool) -> None:
    for path in paths:
        reply = await post_document(client, "/api/components", path)
        if as_json:
            show_json([reply])
        else:
            click.echo(printable(f"{client.decode(reply, Registered).registered}  registered"))


async def _delete(client: ServiceClient, component: str) -> None:
    await client.delete(f"/api/components/{escaped(component)}")
    click.echo(f"{component}  removed")


def printable_lines(text: str) -> str:
    """Return a text of several lines whose other control characters are visible."""
    return "\n".join(printable(line.replace("\t", "    ")) for line in text.splitlines())
