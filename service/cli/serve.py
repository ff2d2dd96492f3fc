"""``symbia-runtime serve``: the HTTP service, until a signal ends it."""

import os
import sys
from functools import partial
from pathlib import Path

import click
import trio

from service.asgi.open_files import raise_descriptor_limit
from service.cli.files import FOLDER, library_option
from service.cli.greeting import address_line, greeting
from service.cli.innermost import innermost
from service.cli.streams import discard
from service.folders.keeper import FolderPlan
from service.memory.gc_freeze import set_aside
from service.observability.logs import start_logging
from service.observability.spans import SpansUnavailableError, check_spans
from service.server import ListenError, listen, serve
from service.settings.table import TABLE, Row, SettingsError, read_settings
from service.vault.opening import vault_of
from store.errors import StoreError

OPTION_OF = {"HOST": "--host", "RUNTIME_PORT": "--port"}
"""The options that stand for variables."""


class SettingsCommand(click.Command):
    """A command whose help lists the environment variables, each with what it may be."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Environment variables"):
            formatter.write_dl([(", ".join(row.variables), help_of(row)) for row in TABLE])


def help_of(row: Row) -> str:
    """Return what the help says of a setting: what it does, its values with their unit, and its default."""
    default = f"default: {row.default}" if row.default else "unset by default"
    return f"{row.description} [{row.kind.expected}; {default}]"


@click.command(cls=SettingsCommand, name="serve")
@click.option("--host", metavar="ADDRESS", help="The address to serve on; instead of HOST.")
@click.option("--port", metavar="NUMBER", help="The port to serve on, 0 for any free one; instead of PORT.")
@library_option
@click.option(
    "--graphs",
    type=FOLDER,
    multiple=True,
    help="Load the graphs in the files of this folder, and run their roles.",
)
@click.option("--watch", "watches", is_flag=True, help="Load again what changes in these folders.")
def command(
    host: str | None,
    port: str | None,
    libraries: tuple[Path, ...],
    graphs: tuple[Path, ...],
    *,
    watches: bool,
) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM.

    One file of --graphs or --library that is wrong keeps neither the others nor the service from running: the log
    tells of it. With --watch a file that changes is loaded again, whole or not at all; what runs keeps the version
    that it was started with.

    Settings are the environment variables below. Where one has several names, the first that is set counts; an
    empty one is unset.

    The exit status is 0 after a signal, when all has ended in good order, 1 when the address cannot be served or
    the store in DATA_DIR cannot be used, and 2 when a setting is wrong.
    """
    environment = dict(os.environ)
    if host is not None:
        environment["HOST"] = host
    if port is not None:
        environment["RUNTIME_PORT"] = port
    options = {"HOST": host, "RUNTIME_PORT": port}
    given = {variable: OPTION_OF[variable] for variable, value in options.items() if value is not None}
    try:
        settings = read_settings(environment, given)
        vault = vault_of(settings, environment)
    except SettingsError as error:
        for complaint in error.complaints:
            click.echo(f"Error: {complaint}", err=True)
        sys.exit(2)
    try:
        check_spans(settings.tracing.endpoint)
    except SpansUnavailableError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)

    raise_descriptor_limit()
    start_logging(settings.log.level, settings.log.format)
    try:
        listener = listen(settings.host, settings.port)
    except ListenError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    try:
        told = partial(announce, data_folder=settings.keeping.data_folder)
        plan = FolderPlan(libraries, graphs, watches)
        trio.run(serve, settings, listener, told, vault, plan)
    except* StoreError as failures:
        click.echo(f"Error: DATA_DIR: {innermost(failures)}", err=True)
        sys.exit(1)


def announce(url: str, data_folder: Path | None = None) -> None:
    """Announce that requests are answered at ``url`` from now on."""
    set_aside()
    text = greeting(url, data_folder) if sys.stdout is not None and sys.stdout.isatty() else address_line(url)
    try:
        click.echo(text)
    except OSError:  # a service outlives whoever has started it
        discard(sys.stdout)
