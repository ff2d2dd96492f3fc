"""The layer that watches every request: its trace id, its one log line, its place in the metrics, its span.

Neither bodies nor query strings are logged: they are the callers' own. Probes that went well are logged at debug,
because every few seconds of them would bury the rest.
"""

import secrets
import time
from collections.abc import Sequence
from contextlib import nullcontext

import structlog
from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)
from quart import request
from quart_trio import QuartTrio

from engine.wall_clock import epoch_ms
from service.observability.http_metrics import UNMATCHED, HttpMetrics
from service.observability.request_observer import RequestObserver, SeenReply, SeenRequest, see_request
from service.observability.spans import RequestSpan, Spans
from service.observability.trace import HEADER, bind_trace, release_trace, trace_id_of

log = structlog.get_logger("access")

_ROUTE = "symbia.route"
_PROBES = frozenset(
    {
        f"{prefix}{path}"
        for prefix in ("", "/api")
        for path in ("/metrics", "/health", "/health/live", "/health/ready")
    }
)


def note_routes(app: QuartTrio) -> None:
    """Let the application tell, in the scope of each request, which route fitted it."""

    @app.before_request
    async def note_route() -> None:
        rule = request.url_rule
        if rule is not None:
            note_rule(request.scope, rule.rule)


def note_rule(scope: Scope, rule: str) -> None:
    """Tell in the scope of a request which route fitted it, by its pattern."""
    scope[_ROUTE] = rule  # type: ignore[literal-required]  # ours, for the layer below


class AccessLog:
    """An ASGI application that watches the requests to another one.

    Args:
        application: whose routes are noted (:func:`note_routes`).
        metrics: count every request.
        spans: trace every request, where somebody collects spans.
        observers: hear of every request.
    """

    def __init__(
        self,
        application: ASGIFramework,
        metrics: HttpMetrics,
        spans: Spans | None = None,
        observers: Sequence[RequestObserver] = (),
    ) -> None:
        self._application = application
        self._metrics = metrics
        self._spans = spans
        self._observers = observers

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began_ms = epoch_ms()
        trace_id = trace_id_of(scope["headers"], began_ms, secrets.token_hex(3))
        bound = bind_trace(trace_id)
        mark = (HEADER, trace_id.encode())
        status = 0  # what is told when the caller went away before the reply
        size_bytes = 0

        async def send_marked(event: ASGISendEvent) -> None:
            nonlocal status, size_bytes
            if event["type"] == "http.response.start":
                status = event["status"]
                event["headers"] = [*event["headers"], mark]
            elif event["type"] == "http.response.body":
                size_bytes += len(event["body"])
            await send(event)

        seen = self._tell_begin(scope, trace_id, began_ms) if self._observers else None

        began = time.perf_counter()
        self._metrics.in_progress += 1
        tracing = nullcontext() if self._spans is None else self._spans.request(scope, trace_id)
        with tracing as span:
            try:
                await self._application(scope, receive, send_marked)
            finally:
                self._metrics.in_progress -= 1
                seconds = time.perf_counter() - began
                self._note_end(scope, status, seconds, span)
                if seen is not None:
                    reply = SeenReply(status, _route_of(scope), seconds, size_bytes)
                    for observer in self._observers:
                        observer.ended(seen, reply)
                release_trace(bound)  # the task may be the connection's own, which serves others after this one

    def _tell_begin(self, scope: HTTPScope, trace_id: str, began_ms: int) -> SeenRequest:
        peer = scope.get("client")
        seen = see_request(
            scope["method"],
            scope["path"],
            scope["headers"],
            client=str(peer[0]) if peer else "",
            trace_id=trace_id,
            began_ms=began_ms,
        )
        for observer in self._observers:
            observer.began(seen)
        return seen

    def _note_end(self, scope: HTTPScope, status: int, seconds: float, span: RequestSpan | None) -> None:
        route = _route_of(scope)
        method = scope["method"]
        self._metrics.count(method, route, status, seconds)
        if span is not None:
            span.end(route, status)
        write = log.debug if route in _PROBES and status == 200 else log.info
        write("request", method=method, path=scope["path"], status=status, duration_ms=round(seconds * 1000, 2))


def _route_of(scope: HTTPScope) -> str:
    return str(scope.get(_ROUTE, UNMATCHED))
