"""``symbia-runtime bottleneck``: what holds an execution up, and why."""

import click

from proto.bottleneck import BottleneckReport
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.remote.tables import json_option, show_json, show_table


@click.command(name="bottleneck")
@click.argument("execution", shell_complete=execution_names)
@service_options
@json_option
def command(execution: str, *, as_json: bool) -> None:
    """Say what holds EXECUTION up, what costs most first, and where the time of those nodes goes.

    Of the time since somebody last asked; the first time, since it began. An execution is named by its id, its
    beginning, or its graph.
    """
    ask(_show, execution, as_json=as_json)


async def _show(client: ServiceClient, text: str, *, as_json: bool) -> None:
    found = await client.get(f"/api/executions/{await find_execution(client, text)}/bottleneck")
    if as_json:
        return show_json([found])
    report = client.decode(found, BottleneckReport)
    if not report.bottlenecks:
        click.echo(
            f"Nothing holds it up: nobody has waited for anybody in the last {report.window_seconds:,.1f} s"
        )
        return None
    times = {each.node_id: each for each in report.nodes}
    rows = []
    for each in report.bottlenecks:
        time = times[each.node_id]
        shares = (time.computing, time.blocked, time.held, time.waiting)
        rows.append(
            (each.rank, each.node_id, each.cause, each.trend, *[f"{share:.0%}" for share in shares], each.reason)
        )
    return show_table(("#", "NODE", "CAUSE", "TREND", "WORKS", "BLOCKED", "HELD", "WAITS", "WHY"), rows)
