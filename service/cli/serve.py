"""``symbia-runtime serve``: the HTTP service, until a signal ends it."""

import os
import sys

import click
import trio

from service.asgi.open_files import raise_descriptor_limit
from service.cli.greeting import address_line, greeting
from service.cli.streams import discard
from service.memory.gc_freeze import set_aside
from service.observability.logs import start_logging
from service.observability.spans import SpansUnavailableError, check_spans
from service.server import ListenError, listen, serve
from service.settings.table import TABLE, SettingsError, read_settings


class SettingsCommand(click.Command):
    """A command whose help lists the environment variables."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        rows = []
        for row in TABLE:
            default = f" [default: {row.default}]" if row.default else ""
            rows.append((", ".join(row.variables), f"{row.description}{default}"))
        with formatter.section("Environment variables"):
            formatter.write_dl(rows)


@click.command(cls=SettingsCommand, name="serve")
@click.option("--host", help="The address to serve on; instead of HOST.")
@click.option("--port", help="The port to serve on; instead of PORT.")
def command(host: str | None, port: str | None) -> None:
    """Serve the HTTP API until Ctrl-C or SIGTERM."""
    environment = dict(os.environ)
    if host is not None:
        environment["HOST"] = host
    if port is not None:
        environment["RUNTIME_PORT"] = port
    try:
        settings = read_settings(environment)
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
    trio.run(serve, settings, listener, announce)


def announce(url: str) -> None:
    """Announce that requests are answered at ``url`` from now on."""
    set_aside()
    text = greeting(url) if sys.stdout is not None and sys.stdout.isatty() else address_line(url)
    try:
        click.echo(text)
    except OSError:  # a service outlives whoever has started it
        discard(sys.stdout)
