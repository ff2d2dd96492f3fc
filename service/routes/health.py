"""Routes of health: whether the service lives, and whether it takes work."""

from datetime import UTC, datetime
from typing import Any

import trio
from quart import Blueprint, Response

from service.exchange import reply
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


def health_routes(readiness: Readiness) -> Blueprint:
    """``/health``, ``/health/live``, ``/health/ready`` and ``/api/health``."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    async def health() -> Response:
        extra = {"version": version(), "uptime": readiness.uptime_seconds()}
        return _status("ok" if readiness.ready else "degraded", extra, ready=readiness.ready)

    @routes.get("/health/live")
    async def live() -> Response:
        return _status("ok", {}, ready=True)

    @routes.get("/health/ready")
    async def ready() -> Response:
        if readiness.ready:
            return _status("ok", {}, ready=True)
        check = {"server": {"status": "unhealthy", "message": "The service is stopping"}}
        return _status("unhealthy", {"checks": check}, ready=False)

    @routes.get("/api/health")
    async def api_health() -> Response:
        status = "ok" if readiness.ready else "degraded"
        return _status(status, {"service": "runtime"}, ready=readiness.ready)

    return routes


def _status(status: str, extra: dict[str, Any], *, ready: bool) -> Response:
    body = {"status": status, "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"), **extra}
    return reply(body, 200 if ready else 503)
