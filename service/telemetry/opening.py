"""Telemetry as the settings ask for it, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import structlog
import trio

from engine.wall_clock import WallClock
from service.auth.identity_client import api_url
from service.outbound.sibling_client import open_sibling_client
from service.settings.table import Settings
from service.siblings.status import Siblings
from service.telemetry.client import TIMEOUT_SECONDS, LoggingClient
from service.telemetry.credentials import Credentials, FixedCredentials, SystemCredentials
from service.telemetry.exporter import Exporter
from service.telemetry.graph_reports import GraphReports
from service.telemetry.requests import RequestTelemetry
from service.telemetry.series import Series

LAST_SECONDS = 1.0
"""The time that the last records may take to be sent when the service ends."""

log = structlog.get_logger("telemetry")


class Telemetry:
    """The reporters that the rest of this service gives its news to. Opened with :func:`open_telemetry`.

    Attributes:
        exporter: sends, and counts what it sent and dropped.
        requests: observes HTTP requests.
    """

    def __init__(self, exporter: Exporter, settings: Settings, clock: WallClock) -> None:
        labels = {"serviceId": settings.service_id, "env": settings.telemetry.env}
        org = {"orgId": settings.telemetry.org_id} if settings.telemetry.org_id else {}
        self.exporter = exporter
        self.requests = RequestTelemetry(exporter, settings.service_id, {**org, **labels}, clock)


@asynccontextmanager
async def open_telemetry(
    settings: Settings, siblings: Siblings, reports: GraphReports | None = None, clock: WallClock | None = None
) -> AsyncIterator[Telemetry | None]:
    """Telemetry for the length of the block, at whose end the last of it is sent; None where it is off.

    Args:
        settings: the settings of where it goes, and how.
        siblings: the board on which the logging service is to be seen.
        reports: the reports of graphs; sent for the length of the block.
        clock: the time of day.
    """
    if not settings.telemetry.is_active:
        yield None
        return
    async with open_logging_client(settings) as logging:
        series = Series(logging, settings.service_id, settings.telemetry.env, settings.telemetry.org_id)
        exporter = Exporter(logging, series, siblings.add("logging"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(exporter.run)
            if reports is not None:
                scope = {"serviceId": settings.service_id, "env": settings.telemetry.env}
                reports.send_by(exporter, scope)
            yield Telemetry(exporter, settings, clock or WallClock())
            if reports is not None:
                reports.send_by(None, {})
            nursery.cancel_scope.cancel()
        with trio.move_on_after(LAST_SECONDS):
            await exporter.flush()
        if exporter.waiting or exporter.dropped:
            log.warning("telemetry lost", records=exporter.waiting + exporter.dropped, sent=exporter.sent)


@asynccontextmanager
async def open_logging_client(settings: Settings) -> AsyncIterator[LoggingClient]:
    """Open a client of the logging service that the settings name."""
    async with (
        open_sibling_client(TIMEOUT_SECONDS, base_url=api_url(settings.telemetry.url)) as client,
        open_sibling_client(TIMEOUT_SECONDS) as identity,
    ):
        yield LoggingClient(client, _credentials(settings, identity), _scope(settings))


def _credentials(settings: Settings, identity: httpx.AsyncClient) -> Credentials:
    org = {"X-Org-Id": settings.telemetry.org_id} if settings.telemetry.org_id else {}
    match settings.telemetry.effective_auth_mode:
        case "apikey":
            return FixedCredentials({"X-API-Key": str(settings.telemetry.api_key), **org})
        case "bearer":
            return FixedCredentials({"Authorization": f"Bearer {settings.telemetry.bearer!s}", **org})
        case "none":
            return FixedCredentials(org)
        case _:
            url = api_url(settings.identity.bootstrap_url)
            return SystemCredentials(identity, url, settings.telemetry.org_id)


def _scope(settings: Settings) -> dict[str, str]:
    """Headers that say on behalf of what is sent, by the platform's rule."""
    return {
        "X-Service-Id": settings.service_id,
        "X-Env": settings.telemetry.env,
        "X-Data-Class": "none",
        "X-Policy-Ref": "policy/default",
    }
