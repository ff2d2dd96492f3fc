"""``symbia-runtime reload``: other components, configurations or another graph for what runs."""

from typing import Any

import click
import msgspec

from proto.codec import MalformedJsonError, decode
from proto.reload import ReloadPlan, ReloadReport
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask
from service.cli.remote.controls import EXECUTIONS
from service.cli.remote.lookup import find_execution
from service.cli.remote.tables import json_option, show_json, show_table
from service.documents.printable import printable


@click.command(name="reload")
@EXECUTIONS
@click.option(
    "--component",
    "components",
    multiple=True,
    metavar="ID[=VERSION]",
    help="A component, in a version or the present one; as often as is wanted.",
)
@click.option(
    "--config", "configs", multiple=True, metavar="NODE=JSON", help="The whole configuration of a node; likewise."
)
@click.option("--graph", metavar="NUMBER|latest", help="A version of the graph.")
@click.option("--consistency", type=click.Choice(["message", "none"]), help="What may be seen meanwhile.")
@click.option("--canary", type=int, metavar="MESSAGES", help="Try it on so many messages first.")
@click.option("--max-errors", type=int, default=0, show_default=True, help="Errors that a trial may have.")
@click.option("--max-slowdown", type=float, default=0.0, help="How many times as long it may take; 0 for any.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@service_options
@json_option
def command(
    executions: tuple[str, ...],
    components: tuple[str, ...],
    configs: tuple[str, ...],
    graph: str | None,
    consistency: str | None,
    canary: int | None,
    max_errors: int,
    max_slowdown: float,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Change what EXECUTIONS run, without losing a message.

    Without an option they go over to the present version of their graph. An execution is named by its id, its
    beginning, or its graph.
    """
    body: dict[str, Any] = {}
    if components:
        pairs = [each.partition("=") for each in components]
        body["components"] = {name: version or None for name, _, version in pairs}
    if configs:
        body["configs"] = dict(map(_config, configs))
    if graph is not None or not body:
        body["graph"] = int(graph) if graph is not None and graph.isdecimal() else graph or "latest"
    if consistency is not None:
        body["consistency"] = consistency
    if canary is not None:
        body["canary"] = {"messages": canary, "maxErrors": max_errors, "maxSlowdown": max_slowdown}
    if dry_run:
        body["dryRun"] = True
    ask(request_each, "reload", executions, body, as_json=as_json)


def _config(text: str) -> tuple[str, Any]:
    node, _, config = text.partition("=")
    try:
        return node, decode(config.encode())
    except MalformedJsonError as error:
        raise click.UsageError(f"--config {node}: {error}") from error


async def request_each(
    client: ServiceClient, verb: str, executions: tuple[str, ...], body: Any, *, as_json: bool
) -> None:
    """Ask one change of each execution, and say what has become of it.

    Raises:
        ServiceError: one cannot be found, or refuses; those before it have obeyed.
    """
    found = [await find_execution(client, text) for text in executions]
    for identifier in found:
        content = b"" if body is None else msgspec.json.encode(body)
        answer = await client.post(f"/api/executions/{identifier}/{verb}", content)
        if as_json:
            show_json([answer])
        elif body is not None and body.get("dryRun"):
            _show_plan(client.decode(answer, ReloadPlan))
        else:
            report = client.decode(answer, ReloadReport)
            why = f": {report.reason}" if report.reason else ""
            click.echo(printable(f"{identifier}  {report.state}, revision {report.revision}{why}"))


def _show_plan(plan: ReloadPlan) -> None:
    rows = [
        (each.node_id, each.change, _versions(each.from_version, each.to_version), each.state, f"{each.waiting:,}")
        for each in plan.nodes
    ]
    show_table(("NODE", "CHANGE", "VERSION", "STATE", "WAITING"), rows)
    for problem in plan.problems:
        click.echo(printable(f"it cannot be done: {problem.message}"))


def _versions(before: str, after: str) -> str:
    return before or after if before == after or not (before and after) else f"{before} -> {after}"
