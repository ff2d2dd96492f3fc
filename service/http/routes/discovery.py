"""Routes by which the platform finds out what this service is: its description, its totals, its entrance."""

import msgspec
from quart import Blueprint, Response

from engine.views import RuntimeView
from proto.events import CLIENT_EVENTS, SERVER_EVENTS
from proto.statistics import RuntimeTotals
from service.http.bodies import reply
from service.http.operation import Reply, operation
from service.readiness import Readiness
from service.settings.table import Settings
from service.siblings.status import SiblingReport
from service.version import version

DESCRIPTION = "Runs dataflow graphs: components joined by edges, JSON messages pushed through."

AUTHENTICATION = (
    "Authorization: Bearer <token>, for users and agents",
    "X-API-Key: <key>",
    "Cookie: token or symbia_session, for browsers",
)


class Stats(RuntimeTotals, frozen=True, rename="camel", omit_defaults=True):
    """The totals, and the services beside this one, where any are configured.

    Attributes:
        refused_files: files that the service was given and that are refused as they are.
    """

    siblings: tuple[SiblingReport, ...] = ()
    refused_files: int = 0


class RuntimeBounds(msgspec.Struct, frozen=True, rename="camel"):
    """The bounds that a caller meets first; the timeout is in milliseconds."""

    max_concurrent_executions: int
    default_execution_timeout: float


class ServiceDescription(msgspec.Struct, frozen=True, rename="camel"):
    """The service, and the places of its parts."""

    service: str
    version: str
    description: str
    status: str
    status_note: str
    docs_urls: dict[str, str]
    endpoints: dict[str, str]
    authentication: tuple[str, ...]
    websocket_events: dict[str, tuple[str, ...]]
    runtime: RuntimeBounds


def discovery_routes(runtime: RuntimeView, settings: Settings, readiness: Readiness) -> Blueprint:
    """``/api/stats`` and ``/api/bootstrap/service``."""
    routes = Blueprint("discovery", __name__, url_prefix="/api")

    @routes.get("/stats")
    @operation(
        Reply(200, Stats, {"loadedGraphs": 3, "activeExecutions": 1, "totalMessagesProcessed": 1547}),
        tag="service",
        summary="How much there is, and how much was processed",
        is_public=True,
    )
    async def stats() -> Response:
        totals = msgspec.structs.asdict(runtime.totals())
        return reply(Stats(**totals, siblings=readiness.siblings.reports(), refused_files=readiness.refused_files))

    @routes.get("/bootstrap/service")
    @operation(
        Reply(200, ServiceDescription),
        tag="service",
        summary="What this service is, and where its parts are",
        is_public=True,
    )
    async def describe() -> Response:
        return reply(_description(settings, is_ready=readiness.ready))

    return routes


def _description(settings: Settings, *, is_ready: bool) -> ServiceDescription:
    bounds = RuntimeBounds(settings.executions.max_concurrent, settings.executions.default_timeout_ms)
    return ServiceDescription(
        service="runtime",
        version=version(),
        description=DESCRIPTION,
        status="available" if is_ready else "stopping",
        status_note="" if is_ready else "The service is stopping and takes no more work",
        docs_urls=DOCS_URLS,
        endpoints=ENDPOINTS,
        authentication=AUTHENTICATION,
        websocket_events={"client": CLIENT_EVENTS, "server": SERVER_EVENTS},
        runtime=bounds,
    )


DOCS_URLS = {
    "openapi": "/docs/openapi.json",
    "asyncapi": "/docs/asyncapi.json",
    "llms": "/docs/llms.txt",
    "llmsFull": "/docs/llms-full.txt",
    "openapiDirect": "/openapi.json",
    "openapiApi": "/api/openapi.json",
    "llmsApi": "/api/docs/llms.txt",
    "llmsFullApi": "/api/docs/llms-full.txt",
    "reference": "/docs",
}
ENDPOINTS = {
    "graphs": "/api/graphs",
    "routines": "/api/routines",
    "executions": "/api/executions",
    "components": "/api/components",
    "websocket": "/",
}
