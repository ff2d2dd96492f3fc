"""Completions of a shell: the names and ids that a service knows."""

from collections.abc import Awaitable, Callable

import click
import msgspec
import trio
from click.shell_completion import CompletionItem

from service.cli.remote.address import service_address
from service.cli.remote.client import ServiceClient, open_service_client
from service.cli.remote.lookup import list_executions, list_graphs, slug

PATIENCE_SECONDS = 2
"""The time that a shell waits for completions; without an answer there are none."""


class NamedComponent(msgspec.Struct, frozen=True):
    """A component in the list, as far as it is completed."""

    id: str


def graph_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the name of a graph, or its id."""
    del parameter
    return _completed(ctx, _of_graphs, incomplete)


def execution_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of an execution, or the name of its graph."""
    del parameter
    return _completed(ctx, _of_executions, incomplete)


def component_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the id of a component."""
    del parameter
    return _completed(ctx, _of_components, incomplete)


async def _of_components(client: ServiceClient) -> list[tuple[str, str]]:
    entries = await client.entries("/api/components", "components")
    return [(client.decode(entry, NamedComponent).id, "") for entry in entries]


async def _of_graphs(client: ServiceClient) -> list[tuple[str, str]]:
    graphs = await list_graphs(client)
    return [(slug(each.name), each.version) for each in graphs] + [(each.id, each.name) for each in graphs]


async def _of_executions(client: ServiceClient) -> list[tuple[str, str]]:
    names = {each.id: slug(each.name) for each in await list_graphs(client)}
    executions = await list_executions(client)
    named = {names[each.graph_id]: "newest" for each in executions if each.graph_id in names}
    told = [(each.id, f"{names.get(each.graph_id, '')} {each.state.value}".strip()) for each in executions]
    return [*named.items(), *told]


def _completed(
    ctx: click.Context, listing: Callable[[ServiceClient], Awaitable[list[tuple[str, str]]]], incomplete: str
) -> list[CompletionItem]:
    """List what begins with what was typed; nothing where the service does not answer."""

    async def ask() -> list[tuple[str, str]]:
        with trio.fail_after(PATIENCE_SECONDS):
            async with open_service_client(service_address(ctx)) as client:
                return await listing(client)

    try:
        known = trio.run(ask)
    except (click.ClickException, trio.TooSlowError):
        return []
    return [CompletionItem(name, help=text) for name, text in dict(known).items() if name.startswith(incomplete)]
