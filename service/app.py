"""The application: routes, guards and error replies put together around one runtime."""

from quart import Response, request
from quart_trio import QuartTrio

from engine.runtime import Runtime
from service.access import check_caller
from service.exchange import refusal
from service.problems import StoppingError
from service.routes.components import component_routes
from service.routes.executions import execution_routes
from service.routes.graphs import graph_routes
from service.routes.health import Readiness, health_routes
from service.settings import Settings

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def create_app(runtime: Runtime, settings: Settings, readiness: Readiness) -> QuartTrio:
    """The ASGI application that serves a runtime. It holds no state of its own."""
    app = QuartTrio("service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(graph_routes(runtime))
    app.register_blueprint(execution_routes(runtime, metrics_enabled=settings.enable_metrics))
    app.register_blueprint(component_routes(runtime))
    app.register_blueprint(health_routes(readiness))

    @app.before_request
    async def admit() -> None:
        if settings.loopback_only:
            check_caller(request.headers)
        if not readiness.ready and request.method not in _READING:
            raise StoppingError("The service is stopping and takes no more work")

    @app.errorhandler(Exception)
    async def refuse(error: Exception) -> Response:
        return refusal(error)

    return app
