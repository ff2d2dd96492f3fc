"""The application: routes, guards and error replies put together around one runtime."""

from quart import Response, request

from engine.runtime import Runtime
from service.asgi.access_log import note_routes
from service.asgi.streamed_body import StreamingApp
from service.auth.admission import Admission
from service.auth.authenticator import Authenticator
from service.auth.caller import CURRENT_CALLER
from service.auth.cors import Cors
from service.auth.scoped_recordings import ScopedRecordings
from service.auth.scoped_runtime import ScopedRuntime
from service.auth.scoped_trials import ScopedTrials
from service.console.routes import console_routes
from service.http.bodies import refusal
from service.http.fast_path.routes import NOT_KEPT, FastPath
from service.http.operation import operation_of
from service.http.query import check_query
from service.http.routes.breakpoints import breakpoint_routes
from service.http.routes.component_versions import component_version_routes
from service.http.routes.components import component_routes
from service.http.routes.discovery import discovery_routes
from service.http.routes.documentation import Publication, documentation_routes
from service.http.routes.edge_commands import edge_command_routes
from service.http.routes.edges import edge_routes
from service.http.routes.executions import execution_routes
from service.http.routes.graph_versions import graph_version_routes
from service.http.routes.graphs import graph_routes
from service.http.routes.health import health_routes
from service.http.routes.ingress import ingress_routes
from service.http.routes.injection import injection_routes
from service.http.routes.metrics import metrics_routes
from service.http.routes.moments import moment_routes
from service.http.routes.network import network_routes
from service.http.routes.outputs import output_routes
from service.http.routes.recordings import recording_routes
from service.http.routes.reloads import reload_routes
from service.http.routes.routines import routine_routes
from service.http.routes.schemas import schema_routes
from service.http.routes.trials import trial_routes
from service.http.routes.validation import validation_routes
from service.ingress.delivery import IngressDelivery
from service.memory.request_memory import note_owner
from service.metrics_page import Metrics
from service.network.opening import Network
from service.readiness import Readiness
from service.settings.table import Settings


class Application(StreamingApp):
    """The application.

    Attributes:
        fast_path: answers some requests at once; a layer around this application (``service.layers``).
    """

    fast_path: FastPath

    async def make_default_options_response(self) -> Response:
        """Answer OPTIONS with the methods of the routes at this very path.

        Of ``/graphs/validate`` those of ``/graphs/<id>`` are none, though a graph could be called so by its shape.
        """
        asked = request.url_rule
        rules = [] if asked is None else [rule for rule in self.url_map.iter_rules() if rule.rule == asked.rule]
        methods = sorted({method for rule in rules for method in rule.methods or ()})
        return Response("", headers={"Allow": ", ".join(methods)})


def create_app(
    runtime: Runtime,
    settings: Settings,
    readiness: Readiness,
    authenticator: Authenticator | None = None,
    metrics: Metrics | None = None,
    network: Network | None = None,
) -> Application:
    """Make the ASGI application that serves a runtime. It holds no state of its own.

    Args:
        runtime: the runtime that is served; routes only get it as the caller of a request may see it.
        settings: how it is served.
        readiness: whether it takes work.
        authenticator: recognises callers; must be given where the settings ask for it.
        metrics: what is measured of it; its own when absent.
        network: takes events; its own, without a connection, when absent.
    """
    if settings.identity.effective_auth == "identity" and authenticator is None:
        raise ValueError("The settings want callers to be recognised, and nothing is given that could")
    metrics = metrics or Metrics(runtime, readiness)
    network = network or Network(runtime, settings)
    delivery = IngressDelivery(runtime, CURRENT_CALLER.get, settings.access.ingress_enforcement)
    scoped = ScopedRuntime(runtime, CURRENT_CALLER.get, readiness.check)
    callers = Admission(settings, readiness, authenticator)
    cors = Cors(settings.access.cors_origins, loopback_only=settings.loopback_only)
    app = Application("service", static_folder=None)
    app.fast_path = FastPath(
        scoped, delivery, readiness, callers, cors, max_body_bytes=settings.http.max_body_bytes
    )
    app.config["MAX_CONTENT_LENGTH"] = settings.http.max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.register_blueprint(graph_routes(scoped))
    app.register_blueprint(graph_version_routes(scoped))
    app.register_blueprint(validation_routes(scoped))
    app.register_blueprint(routine_routes(scoped))
    app.register_blueprint(execution_routes(scoped, metrics_enabled=settings.executions.enable_metrics))
    for routes in (output_routes, edge_routes, edge_command_routes, breakpoint_routes, reload_routes):
        app.register_blueprint(routes(scoped))
    recordings = ScopedRecordings(runtime, CURRENT_CALLER.get)
    app.register_blueprint(recording_routes(scoped, recordings))
    app.register_blueprint(moment_routes(scoped, recordings))
    app.register_blueprint(injection_routes(scoped, max_line_bytes=settings.http.max_body_bytes))
    app.register_blueprint(ingress_routes(delivery))
    app.register_blueprint(network_routes(network.dispatcher, CURRENT_CALLER.get))
    for routes in (component_routes, component_version_routes):
        app.register_blueprint(routes(scoped))
    app.register_blueprint(trial_routes(ScopedTrials(runtime, CURRENT_CALLER.get)))
    app.register_blueprint(health_routes(readiness))
    app.register_blueprint(
        metrics_routes(
            metrics, enabled=settings.executions.enable_metrics, is_public=settings.access.metrics_access == "open"
        )
    )
    app.register_blueprint(discovery_routes(scoped, settings, readiness))
    app.register_blueprint(schema_routes())
    app.register_blueprint(console_routes())
    app.register_blueprint(documentation_routes(Publication(app, authenticated=authenticator is not None)))

    @app.before_request
    async def admit() -> Response | None:
        callers.check_origin(request.headers)
        preflight = cors.preflight(request)
        if preflight is not None:
            return preflight
        rule = request.url_rule.rule if request.url_rule is not None else None
        await callers.admit(
            request.headers, request.cookies, scheme=request.scheme, method=request.method, rule=rule
        )
        note_owner(request.scope, CURRENT_CALLER.get().owner)
        said = operation_of(app.view_functions[request.endpoint]) if request.endpoint is not None else None
        if said is not None and said.checks_query:
            check_query([parameter.name for parameter in said.query])
        return None

    note_routes(app)

    @app.after_request
    async def mark(response: Response) -> Response:
        return cors.mark(request, response)

    @app.after_request
    async def forbid_keeping(response: Response) -> Response:
        if not request.path.startswith("/health") and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = NOT_KEPT
        return response

    @app.errorhandler(Exception)
    async def refuse(error: Exception) -> Response:
        return refusal(error)

    return app
