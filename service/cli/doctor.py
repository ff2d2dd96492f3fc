"""``symbia-runtime doctor``: what of a running service and its siblings works, and what is missing."""

import os
import sys
from functools import partial
from urllib.parse import urlsplit

import click

from service.addresses.ip import is_loopback
from service.cli.findings import Finding, status_of
from service.cli.seat_checks import examine_seat
from service.cli.sibling_checks import examine_siblings
from service.cli.until_signal import run_until_signal
from service.observability.logs import start_logging
from service.settings.table import NO_DATABASE, Settings, SettingsError, read_settings
from service.vault.opening import vault_of


@click.command(name="doctor")
@click.option("--url", metavar="URL", help="Where the service answers; otherwise where HOST and PORT say.")
def command(url: str | None) -> None:
    """Check a running service, and the siblings that the environment names, as the service would use them.

    It is run where the service runs, with its environment. Nothing is changed anywhere.

    The exit status is 0 when all is there and works, 1 when something does not work, 2 when a setting is wrong,
    and 3 when all works and a part of the platform is not configured.
    """
    try:
        settings = read_settings(dict(os.environ))
        vault_of(settings, os.environ)
    except SettingsError as error:
        for complaint in error.complaints:
            click.echo(f"Error: {complaint}", err=True)
        sys.exit(2)
    start_logging("critical", "console")  # what goes wrong is said once, in the findings
    findings = run_until_signal(partial(_examine, settings, url or address_of(settings)))
    for finding in findings:
        click.echo(finding.line)
    sys.exit(status_of(findings))


def address_of(settings: Settings) -> str:
    """Return where a service with these settings is reached from its own machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  nothing is bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


async def _examine(settings: Settings, url: str) -> list[Finding]:
    return [*_of_settings(settings), *await examine_siblings(settings), *await examine_seat(settings, url)]


def _of_settings(settings: Settings) -> list[Finding]:
    findings = []
    urls = (settings.identity.service_url, settings.catalog.url, settings.telemetry.url, settings.network.url)
    if is_loopback(settings.host) and any(url and not is_loopback(urlsplit(url).hostname or "") for url in urls):
        words = f"is {settings.host}, so no other machine reaches the service; HOST=0.0.0.0 serves all"
        findings.append(Finding("wrong", "HOST", words))
    if settings.identity.auth == "none":
        findings.append(Finding("note", "AUTH", "is none: everybody is served without being asked who they are"))
    if settings.database_url:
        findings.append(Finding("note", "DATABASE_URL", f"is set, and {NO_DATABASE}"))
    return findings
