"""``symbia-runtime executions``: the executions of a service, listed, shown and forgotten."""

import click

from proto.execution import ExecutionSnapshot, ExecutionState
from service.cli.remote.address import service_options
from service.cli.remote.client import ServiceClient, ask
from service.cli.remote.lookup import SeenExecution, find_execution, find_graph, list_graphs
from service.cli.remote.names import execution_names, graph_names
from service.cli.remote.tables import age_of, json_option, short, show_facts, show_json, show_table

EXECUTION = click.argument("execution", shell_complete=execution_names)
STATES = click.Choice([state.value for state in ExecutionState])


@click.group(name="executions", invoke_without_command=True)
@click.option("--state", type=STATES, help="Only executions in this state.")
@click.option("--graph", metavar="GRAPH", shell_complete=graph_names, help="Only executions of this graph.")
@service_options
@json_option
@click.pass_context
def command(ctx: click.Context, state: str | None, graph: str | None, *, as_json: bool) -> None:
    """List the executions of a service, those that have ended included; or show one, or forget it.

    EXECUTION is an id, its beginning, or the name of a graph, whose newest execution is meant.
    """
    if ctx.invoked_subcommand is None:
        ask(_list, state, graph, as_json=as_json)


@command.command(name="list")
@click.option("--state", type=STATES, help="Only executions in this state.")
@click.option("--graph", metavar="GRAPH", shell_complete=graph_names, help="Only executions of this graph.")
@service_options
@json_option
def list_command(state: str | None, graph: str | None, *, as_json: bool) -> None:
    """List the executions of a service."""
    ask(_list, state, graph, as_json=as_json)


@command.command(name="show")
@EXECUTION
@service_options
@json_option
def show_command(execution: str, *, as_json: bool) -> None:
    """Show EXECUTION: its counters, and its nodes."""
    ask(_show, execution, as_json=as_json)


@command.command(name="delete")
@EXECUTION
@service_options
def delete_command(execution: str) -> None:
    """Stop EXECUTION, if it has not ended, and forget it."""
    ask(_delete, execution)


async def _list(client: ServiceClient, state: str | None, graph: str | None, *, as_json: bool) -> None:
    filters = {"state": state} if state else {}
    named = None if graph is None else await find_graph(client, graph)
    if named is not None:
        filters["graphId"] = named.id
    entries = await client.entries("/api/executions", "executions", **filters)
    if as_json:
        return show_json(entries)
    graphs = [named] if named is not None else await list_graphs(client)
    names = {each.id: each.name for each in graphs}
    rows = []
    for each in (client.decode(entry, SeenExecution) for entry in entries):
        counted = (f"{each.metrics.messages_processed:,}", f"{each.metrics.error_count:,}")
        name = names.get(each.graph_id, each.graph_id)
        rows.append((short(each.id), each.state.value, *counted, age_of(each.created_at), name))
    return show_table(("ID", "STATE", "PROCESSED", "ERRORS", "AGE", "GRAPH"), rows)


async def _show(client: ServiceClient, text: str, *, as_json: bool) -> None:
    reply = await client.get(f"/api/executions/{await find_execution(client, text)}")
    if as_json:
        return show_json([reply])
    execution = client.decode(reply, ExecutionSnapshot)
    metrics = execution.metrics
    facts = {
        "state": execution.state.value,
        "graph": execution.graph_id,
        "made": f"{age_of(execution.created_at)} ago",
        "processed": f"{metrics.messages_processed:,}",
        "errors": f"{metrics.error_count:,}",
        "queued": f"{metrics.queued_messages:,}",
        "latency": f"{metrics.avg_latency_ms:.3f} ms on average, {metrics.p99_latency_ms:.3f} ms at p99",
    }
    if execution.unprocessed:
        facts["unprocessed"] = f"{execution.unprocessed:,}"
    if execution.error is not None:
        place = f"{execution.error.node_id}: " if execution.error.node_id else ""
        facts["error"] = place + execution.error.message
    show_facts(execution.id, facts)
    click.echo()
    rows = [
        (
            each.node_id,
            each.component_id,
            each.state,
            f"{each.queued:,}",
            f"{each.metrics.invocations:,}",
            f"{each.metrics.error_count:,}",
            f"{each.metrics.avg_latency_ms:.3f}",
            f"{each.metrics.p99_latency_ms:.3f}",
        )
        for each in execution.instances
    ]
    return show_table(("NODE", "COMPONENT", "STATE", "QUEUED", "INVOKED", "ERRORS", "AVG MS", "P99 MS"), rows)


async def _delete(client: ServiceClient, text: str) -> None:
    identifier = await find_execution(client, text)
    await client.delete(f"/api/executions/{identifier}")
    click.echo(f"{identifier}  deleted")
