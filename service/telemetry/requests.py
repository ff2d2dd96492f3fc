"""The reports of HTTP requests to the logging service: two events, three metrics and one span for each.

Probes are left out. Labels come from closed lists only, so that no caller can make new series: the route and never
the path.
"""

import secrets

import trio

from engine.wall_clock import WallClock, timestamp_of
from service.observability.request_observer import SeenReply, SeenRequest, is_probe
from service.telemetry.exporter import Exporter
from service.telemetry.records import DataPoint, Level, LogRecord, MetricRecord, SpanRecord

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestTelemetry:
    """An observer of requests, which measures them.

    Args:
        exporter: takes what there is to tell.
        service_id: the id of the service that tells.
        scope: the metadata and labels of everything: organisation, service, environment.
        clock: the time of day.
    """

    def __init__(self, exporter: Exporter, service_id: str, scope: dict[str, str], clock: WallClock) -> None:
        self._exporter = exporter
        self._service_id = service_id
        self._scope = scope
        self._clock = clock

    def began(self, request: SeenRequest) -> None:
        """Tell of the head of a request."""
        if not is_probe(request.path):
            text = f"{request.method} {request.path}"
            self._tell("http.request", text, request.began_ms, self._facts(request))

    def ended(self, request: SeenRequest, reply: SeenReply) -> None:
        """Tell of its end."""
        if is_probe(request.path):
            return
        duration_ms = round(reply.seconds * 1000, 3)
        ended_ms = request.began_ms + duration_ms
        facts = {
            **self._facts(request),
            "route": reply.route,
            "statusCode": reply.status,
            "durationMs": duration_ms,
            "size": reply.size_bytes,
        }
        is_error = reply.status >= 500 or not reply.status
        text = f"{request.method} {request.path} {reply.status}"
        self._tell("http.response", text, ended_ms, facts, is_error=is_error)
        method = request.method if request.method in METHODS else "other"
        labels = {**self._scope, "method": method, "route": reply.route, "statusCode": str(reply.status)}
        self._measure("service.request.count", 1, ended_ms, labels)
        self._measure("service.request.latency_ms", duration_ms, ended_ms, labels)
        if is_error:
            self._measure("service.error.count", 1, ended_ms, labels)
        self._exporter.spans.put(
            SpanRecord(
                trace_id=request.trace_id,
                span_id=secrets.token_hex(8),
                parent_span_id=request.parent_span_id or None,
                name=f"{method} {reply.route}",
                service_name=self._service_id,
                kind="server",
                status="error" if is_error else "ok",
                start_time=timestamp_of(request.began_ms / 1000),
                end_time=timestamp_of(ended_ms / 1000),
                attributes={**self._scope, **facts},
            )
        )

    def started(self, version: str, url: str) -> None:
        """Tell that the service serves."""
        now_ms = self._clock.milliseconds_at(trio.current_time())
        self._tell("service.started", "Service started", now_ms, {"version": version, "url": url})

    def _facts(self, request: SeenRequest) -> dict[str, object]:
        facts: dict[str, object] = {
            "method": request.method,
            "path": request.path,
            "traceId": request.trace_id,
            "origin": request.origin,
        }
        return {**facts, "caller": request.caller} if request.caller else facts

    def _tell(
        self, kind: str, text: str, epoch_ms: float, facts: dict[str, object], *, is_error: bool = False
    ) -> None:
        metadata = {**self._scope, "eventType": kind, **facts}
        level: Level = "error" if is_error else "info"
        self._exporter.logs.put(LogRecord(timestamp_of(epoch_ms / 1000), level, text, metadata))

    def _measure(self, name: str, value: float, epoch_ms: float, labels: dict[str, str]) -> None:
        self._exporter.metrics.put(MetricRecord(name, DataPoint(timestamp_of(epoch_ms / 1000), value, labels)))
