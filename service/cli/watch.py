"""``symbia-runtime watch``: a running execution, live, in the terminal."""

import sys
from collections.abc import Callable
from functools import partial

import click
import trio
from rich.live import Live

from proto.events import Command, ComponentFailed, MetricsUpdate, StatisticsUpdate
from proto.execution import ExecutionState
from service.cli.console import TellingConsole
from service.cli.live_client import LiveClient, LiveClientError, open_live_client
from service.cli.remote.address import ServiceAddress, service_address, service_options
from service.cli.remote.client import ServiceError, ask
from service.cli.remote.lookup import find_execution
from service.cli.remote.names import execution_names
from service.cli.streams import SIGPIPE_STATUS, complaint_about, has_no_reader
from service.cli.until_signal import run_beside, run_until_signal
from service.cli.watch_table import WatchView, tell

COMPLETED, FAILED, UNWATCHED, CANCELLED = 0, 1, 2, 3
"""Exit statuses: how the execution ended, or that nobody could say."""

EVENTS = (MetricsUpdate.name, StatisticsUpdate.name, ComponentFailed.name)
REDRAW_PER_SECOND = 8


class UnreadError(Exception):
    """Nothing more can be shown of what is watched; ``failure`` says why."""

    def __init__(self, failure: OSError) -> None:
        super().__init__(str(failure))
        self.failure = failure


@click.command(name="watch")
@click.argument("execution", shell_complete=execution_names)
@service_options
def command(execution: str) -> None:
    """Watch EXECUTION until it ends: its nodes, rates, queues and errors.

    It is named by its id, its beginning, or the name of its graph, whose newest execution is meant.

    Where the output is no terminal, what happens is told in lines.

    The exit status is 0 when it completed, 1 when it failed, 3 when it was cancelled, and 2 when it could not be
    watched to its end; a signal ends the watching, not the execution, with 128 and its number.
    """
    try:
        execution_id = ask(find_execution, execution)
    except ServiceError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(UNWATCHED)
    sys.exit(watch_to_end(execution_id, service_address()))


def watch_to_end(execution_id: str, address: ServiceAddress) -> int:
    """Show an execution until it ends; the exit status that says how."""
    console = TellingConsole()
    try:
        return run_until_signal(_watch, execution_id, address, console)
    except LiveClientError as error:
        click.echo(f"Error: {error}", err=True)
        return UNWATCHED
    except UnreadError as error:
        click.echo(f"Error: {complaint_about(error.failure)}", err=True)
        return SIGPIPE_STATUS if has_no_reader(error.failure) else FAILED


async def _watch(execution_id: str, address: ServiceAddress, console: TellingConsole) -> int:
    """Watch to the end; the exit status.

    Raises:
        LiveClientError: it cannot be watched, or not any longer.
        UnreadError: the output cannot be written any more.
    """
    view = WatchView(execution_id)
    async with open_live_client(address.url, address.headers) as client:
        await client.send(Command.SUBSCRIBE, {"executionId": execution_id, "events": EVENTS}, 1)
        if not console.is_terminal:
            following = partial(_follow, client, view, console, lambda line: tell(console, line))
            return await run_beside(client.heed, following)
        with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:
            following = partial(_follow, client, view, console, _say_nothing)
            status = await run_beside(partial(_redraw, live), partial(run_beside, client.heed, following))
            live.refresh()
        return status


def _say_nothing(line: str) -> None:
    """Say nothing: the table shows it."""
    del line


async def _redraw(live: Live) -> None:
    while True:
        live.refresh()
        await trio.sleep(1 / REDRAW_PER_SECOND)


async def _follow(client: LiveClient, view: WatchView, console: TellingConsole, say: Callable[[str], None]) -> int:
    """Take events until the final one.

    Raises:
        LiveClientError: the execution is not there, or the service goes away.
        UnreadError: the console cannot be written any more.
    """
    told = ""
    while not view.is_over:
        message = await client.receive()
        if message.ack is not None and isinstance(message.data, dict) and "error" in message.data:
            raise LiveClientError(message.data["error"])
        if message.event == "error" and isinstance(message.data, dict):
            raise LiveClientError(str(message.data.get("message")))
        for line in view.take(message.event, message.data):
            if line != told:
                say(line)
            told = line
        if console.failure is not None:
            raise UnreadError(console.failure)
    return {ExecutionState.COMPLETED: COMPLETED, ExecutionState.FAILED: FAILED}.get(
        view.state or ExecutionState.CANCELLED, CANCELLED
    )
