"""Routes of health: whether the service lives, and whether it takes work."""

import msgspec
from quart import Blueprint, Response

from engine.wall_clock import WallClock
from service.http.bodies import reply
from service.http.operation import Reply, operation
from service.readiness import Readiness
from service.version import version

_CLOCK = WallClock()


class HealthReply(msgspec.Struct, frozen=True):
    """The health of the service: ``ok`` while it takes work, or ``degraded`` with status 503 while it stops.

    Attributes:
        status: ``ok`` or ``degraded``.
        timestamp: the time of now, ISO 8601 in UTC.
        service: ``runtime``.
        version: the version of this program.
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
    """One thing that the service needs or uses.

    Attributes:
        status: ``ok``, ``unhealthy`` where it makes the service unready, ``degraded`` where it does not.
        message: the reason, for people.
    """

    status: str
    message: str


class ReadyReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The service's readiness: whether work should be sent here.

    Attributes:
        status: ``ok`` or ``unhealthy``.
        timestamp: the time of now, ISO 8601 in UTC.
        checks: ``server`` where the service stops, ``memory`` where there is none for anything new, ``files``
            where some that it was given are refused, and each sibling that is configured, by its name.
    """

    status: str
    timestamp: str
    checks: dict[str, Check] = {}


def health_routes(readiness: Readiness) -> Blueprint:
    """``/health``, ``/health/live`` and ``/health/ready``, each under ``/api`` as well."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    @routes.get("/api/health")
    @operation(
        Reply(200, HealthReply),
        Reply(503, HealthReply, description="The service is stopping."),
        tag="service",
        summary="Whether the service takes work",
        is_public=True,
    )
    async def health() -> Response:
        return reply(*health_of(readiness))

    @routes.get("/health/live")
    @routes.get("/api/health/live")
    @operation(
        Reply(200, LiveReply),
        tag="service",
        summary="Whether the process answers at all",
        is_public=True,
    )
    async def live() -> Response:
        return reply(*liveness_of(readiness))

    @routes.get("/health/ready")
    @routes.get("/api/health/ready")
    @operation(
        Reply(200, ReadyReply),
        Reply(
            503,
            ReadyReply,
            description=(
                "The service stops, has no memory for anything new, misses a sibling that it needs, or has not "
                "started yet what is published in the catalog."
            ),
        ),
        tag="service",
        summary="Whether work should be sent here",
        is_public=True,
    )
    async def ready() -> Response:
        return reply(*readiness_of(readiness))

    return routes


def health_of(readiness: Readiness) -> tuple[HealthReply, int]:
    """Return the service's health, with the status of the reply."""
    is_ready = readiness.ready
    body = HealthReply(
        status="ok" if is_ready else "degraded",
        timestamp=_CLOCK.timestamp(),
        service="runtime",
        version=version(),
        uptime=readiness.uptime_seconds(),
    )
    return body, 200 if is_ready else 503


def liveness_of(_: Readiness) -> tuple[LiveReply, int]:
    """Return the reply that the process answers, and its status."""
    return LiveReply("ok", _CLOCK.timestamp()), 200


def readiness_of(readiness: Readiness) -> tuple[ReadyReply, int]:
    """Return the service's readiness, the reason where it is not ready, and the status of the reply."""
    checks = _checks(readiness)
    is_ready = not any(check.status == "unhealthy" for check in checks.values())
    return ReadyReply("ok" if is_ready else "unhealthy", _CLOCK.timestamp(), checks), 200 if is_ready else 503


def _checks(readiness: Readiness) -> dict[str, Check]:
    checks = {} if readiness.ready else {"server": Check("unhealthy", "The service is stopping")}
    if readiness.memory_complaint:
        checks["memory"] = Check("unhealthy", readiness.memory_complaint)
    if readiness.refused_files:
        message = f"Refused files of --graphs and --library: {readiness.refused_files}; the log says why"
        checks["files"] = Check("degraded", message)
    missing = {report.name for report in readiness.siblings.missing()}
    delays = readiness.siblings.delays()
    for report in readiness.siblings.reports():
        if report.name in delays:
            checks[report.name] = Check("unhealthy", delays[report.name])
        elif report.state == "up":
            checks[report.name] = Check("ok", f"Answers since {report.since}")
        else:
            why = f": {report.last_error}" if report.last_error else ""
            message = f"{'Not asked' if report.state == 'unknown' else 'Down'} since {report.since}{why}"
            checks[report.name] = Check("unhealthy" if report.name in missing else "degraded", message)
    return checks
