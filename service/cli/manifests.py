"""``symbia-runtime manifests``: what of a catalog's manifests this runtime would write. It writes nothing."""

import os
import random
import sys

import click

from engine.runtime import open_runtime
from service.catalog.client import open_catalog_client
from service.catalog.comparison import differences, is_left, patch_of
from service.catalog.errors import CatalogUnavailableError
from service.catalog.listing import read_listing
from service.catalog.manifests import Wanted, wanted_component
from service.catalog.resource import Resource
from service.cli.until_signal import run_until_signal
from service.observability.logs import start_logging
from service.settings.catalog import CatalogSettings
from service.settings.table import SettingsError, read_settings
from service.siblings.status import Siblings

_SAME = "same   "


@click.command(name="manifests")
@click.option("--all", "shows_all", is_flag=True, help="Name also those that stay as they are.")
def command(*, shows_all: bool) -> None:
    """Say what a service with these settings would write of manifests in the catalog; write nothing.

    The exit status is 0 when the catalog could be read, whether or not anything would be written.
    """
    try:
        settings = read_settings(dict(os.environ)).catalog
    except SettingsError as error:
        for complaint in error.complaints:
            click.echo(f"Error: {complaint}", err=True)
        sys.exit(2)
    if not settings.url:
        click.echo("Error: CATALOG_SERVICE_URL is not set, so there is no catalog", err=True)
        sys.exit(2)
    start_logging("critical", "console")  # what goes wrong is said once, below
    try:
        lines = run_until_signal(_compare, settings)
    except CatalogUnavailableError as error:
        click.echo(f"Error: the catalog cannot be read: {error}", err=True)
        sys.exit(1)
    for line in lines:
        if shows_all or not line.startswith(_SAME):
            click.echo(line)


async def _compare(settings: CatalogSettings) -> list[str]:
    status = Siblings().add("catalog")
    token, seconds = settings.internal_service_token, settings.timeout_ms / 1000
    async with (
        open_runtime() as runtime,
        open_catalog_client(settings.url, token, seconds, status, random.random) as client,
    ):
        listing = await read_listing(client, "component")
        existing = {resource.key: resource for resource in listing.resources.values()}
        offered = [item for item in runtime.library.components() if item.execution.type == "builtin"]
        wanted = [wanted_component(definition, settings.contract_version) for definition in offered]
    return [line for item in wanted for line in _lines(existing.get(item.key), item)]


def _lines(resource: Resource | None, wanted: Wanted) -> list[str]:
    """Return what would become of one manifest: a line, and one for each place that would change."""
    if resource is None:
        return [f"create {wanted.key}"]
    patch = patch_of(resource, wanted)
    if patch is None:
        is_signed = is_left(resource, wanted)
        return [
            f"leave  {wanted.key}: it differs, and its author has signed it" if is_signed else _SAME + wanted.key
        ]
    before, after = resource.metadata.get("manifest"), patch.get("metadata", resource.metadata)["manifest"]
    changes = differences(before if isinstance(before, dict) else {}, after)
    if "accessPolicy" in patch:
        changes.append(f"accessPolicy.visibility: {resource.visibility!r} -> 'public'")
    if not changes:
        changes = ["what stands beside the manifest"]
    return [f"change {wanted.key}", *(f"       {change}" for change in changes)]
