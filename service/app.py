"""The application: routes, guards and error replies put together around one runtime."""

from quart import Response, g, request
from quart_trio import QuartTrio

from engine.runtime import Runtime
from service.access import check_caller
from service.auth import METRICS, Authenticator, access_to, credentials_of, named_org
from service.caller import ANONYMOUS, EVERYBODY, Caller
from service.callers_runtime import CallersRuntime
from service.cors import Cors
from service.exchange import refusal
from service.ingress_delivery import IngressDelivery
from service.metrics import Metrics
from service.network.opening import Network
from service.routes.components import component_routes
from service.routes.discovery import discovery_routes
from service.routes.documentation import Publication, documentation_routes
from service.routes.executions import execution_routes
from service.routes.graphs import graph_routes
from service.routes.health import Readiness, health_routes
from service.routes.ingress import ingress_routes
from service.routes.injection import injection_routes
from service.routes.metrics import metrics_routes
from service.routes.network import network_routes
from service.routes.routines import routine_routes
from service.settings import Settings
from service.streaming import StreamingApp

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def create_app(
    runtime: Runtime,
    settings: Settings,
    readiness: Readiness,
    authenticator: Authenticator | None = None,
    metrics: Metrics | None = None,
    network: Network | None = None,
) -> QuartTrio:
    """The ASGI application that serves a runtime. It holds no state of its own.

    Args:
        runtime: what is served; routes only get it as the caller of a request may see it.
        settings: how it is served.
        readiness: whether it takes work.
        authenticator: recognises callers; must be given where the settings ask for it.
        metrics: what is measured of it; its own when absent.
        network: takes events; its own, without a connection, when absent.
    """
    if settings.effective_auth == "identity" and authenticator is None:
        raise ValueError("The settings want callers to be recognised, and nothing is given that could")
    metrics = metrics or Metrics(runtime, readiness)
    network = network or Network(runtime, settings)
    delivery = IngressDelivery(runtime, _present_caller, settings.ingress_enforcement)
    runtime = CallersRuntime(runtime, _present_caller, readiness.check)
    cors = Cors(settings.cors_origins, loopback_only=settings.loopback_only)
    app = StreamingApp("service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(graph_routes(runtime))
    app.register_blueprint(routine_routes(runtime))
    app.register_blueprint(execution_routes(runtime, metrics_enabled=settings.enable_metrics))
    app.register_blueprint(injection_routes(runtime, max_line_bytes=settings.max_body_bytes))
    app.register_blueprint(ingress_routes(delivery))
    app.register_blueprint(network_routes(network.dispatcher, _present_caller))
    app.register_blueprint(component_routes(runtime))
    app.register_blueprint(health_routes(readiness))
    app.register_blueprint(
        metrics_routes(metrics, enabled=settings.enable_metrics, is_public=settings.metrics_access == "open")
    )
    app.register_blueprint(discovery_routes(runtime, settings, readiness))
    app.register_blueprint(documentation_routes(Publication(app, authenticated=authenticator is not None)))

    @app.before_request
    async def admit() -> Response | None:
        if settings.loopback_only:
            check_caller(request.headers, settings.cors_origins)
        preflight = cors.preflight(request)
        if preflight is not None:
            return preflight
        if request.method not in _READING:
            readiness.check()
        g.caller = EVERYBODY if authenticator is None else await _recognise(authenticator, settings)
        return None

    @app.after_request
    async def mark(response: Response) -> Response:
        return cors.mark(request, response)

    @app.after_request
    async def forbid_keeping(response: Response) -> Response:
        if not request.path.startswith("/health"):
            response.headers["Cache-Control"] = "no-cache, no-store, must-revalidate"
        return response

    @app.errorhandler(Exception)
    async def refuse(error: Exception) -> Response:
        return refusal(error)

    return app


async def _recognise(authenticator: Authenticator, settings: Settings) -> Caller:
    """The caller of the present request."""
    if request.url_rule is None:
        return ANONYMOUS  # no such route, which is all that anybody hears
    access = access_to(request.url_rule.rule, request.method)
    if access == "open" or (request.url_rule.rule == METRICS and settings.metrics_access == "open"):
        return ANONYMOUS
    headers = request.headers
    credentials = credentials_of(headers, request.cookies, request.scheme, settings.cors_origins)
    return await authenticator.caller(access, credentials, named_org(headers))


def _present_caller() -> Caller:
    caller: Caller = g.caller
    return caller
