"""The route that Prometheus reads."""

from quart import Blueprint, Response

from service.http.operation import Reply, operation
from service.metrics_page import CONTENT_TYPE, Metrics
from service.problems import MetricsDisabledError


def metrics_routes(metrics: Metrics, *, enabled: bool, is_public: bool) -> Blueprint:
    """``/metrics``, under ``/api`` as well; where it is not enabled it answers 404, with the reason."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    @routes.get("/api/metrics")
    @operation(
        Reply(200, content_type="text/plain"),
        tag="service",
        summary="Everything that is measured of the service, for Prometheus",
        description="404 where the operator has switched metrics off.",
        is_public=is_public,
    )
    async def page() -> Response:
        if not enabled:
            raise MetricsDisabledError("Metrics are switched off by ENABLE_METRICS=false")
        return Response(await metrics.page(), content_type=CONTENT_TYPE)

    return routes
