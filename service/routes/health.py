"""Routes of health: whether the service lives, and whether it takes work."""

from datetime import UTC, datetime

import msgspec
import trio
from quart import Blueprint, Response

from service.exchange import reply
from service.operation import Reply, operation
from service.version import version


class Readiness:
    """Whether the service takes work. It does from its making until ``withdraw``."""

    def __init__(self) -> None:
        self.ready = True
        self._began = trio.current_time()

    def withdraw(self) -> None:
        """From now on the service is coming to its end."""
        self.ready = False

    def uptime_seconds(self) -> float:
        """Seconds since the service began."""
        return round(trio.current_time() - self._began, 3)


class HealthReply(msgspec.Struct, frozen=True):
    """Whether the service takes work: ``ok``, or ``degraded`` with status 503 while it stops.

    Attributes:
        status: ``ok`` or ``degraded``.
        timestamp: of now, ISO 8601 in UTC.
        service: ``runtime``.
        version: of this program.
        uptime: seconds since the service began.
    """

    status: str
    timestamp: str
    service: str
    version: str
    uptime: float


class LiveReply(msgspec.Struct, frozen=True):
    """The process answers; ``timestamp`` is now, ISO 8601 in UTC."""

    status: str
    timestamp: str


class Check(msgspec.Struct, frozen=True):
    """One thing that the service needs in order to take work."""

    status: str
    message: str


class ReadyReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether work should be sent here; ``checks`` says what is missing."""

    status: str
    timestamp: str
    checks: dict[str, Check] = {}


def health_routes(readiness: Readiness) -> Blueprint:
    """``/health``, ``/health/live`` and ``/health/ready``, each under ``/api`` as well."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    @routes.get("/api/health")
    @operation(
        "getHealth",
        Reply(200, HealthReply),
        Reply(503, HealthReply, description="The service is stopping."),
        tag="service",
        summary="Whether the service takes work",
        is_public=True,
    )
    async def health() -> Response:
        is_ready = readiness.ready
        body = HealthReply(
            status="ok" if is_ready else "degraded",
            timestamp=_now(),
            service="runtime",
            version=version(),
            uptime=readiness.uptime_seconds(),
        )
        return reply(body, 200 if is_ready else 503)

    @routes.get("/health/live")
    @routes.get("/api/health/live")
    @operation(
        "getLiveness",
        Reply(200, LiveReply),
        tag="service",
        summary="Whether the process answers at all",
        is_public=True,
    )
    async def live() -> Response:
        return reply(LiveReply("ok", _now()))

    @routes.get("/health/ready")
    @routes.get("/api/health/ready")
    @operation(
        "getReadiness",
        Reply(200, ReadyReply),
        Reply(503, ReadyReply, description="The service is stopping."),
        tag="service",
        summary="Whether work should be sent here",
        is_public=True,
    )
    async def ready() -> Response:
        if readiness.ready:
            return reply(ReadyReply("ok", _now()))
        checks = {"server": Check("unhealthy", "The service is stopping")}
        return reply(ReadyReply("unhealthy", _now(), checks), 503)

    return routes


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
