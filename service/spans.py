"""OpenTelemetry spans of requests and executions, sent by OTLP over HTTP where an endpoint is configured.

The SDK is an extra (``pip install 'symbia-runtime[otel]'``), and it is imported only where it is used: it brings a
thread with it that collects spans and sends them (docs/decisions/0061). Whatever else it reads from the
environment (``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, sampling) holds here as well.

    request                   from the head of a request to its end; its parent is the caller's ``traceparent``
    └── execution             from ``initializing`` to the end, however long after the request that is

Values never leave through a span: of a failed invocation it has the node and the kind of error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import trio

from engine.handler import HandlerError
from engine.observer import ExecutionObserver
from proto.execution import ExecutionSnapshot, ExecutionState
from service.trace import present_trace
from service.version import version

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

LAST_SECONDS = 2.0
"""How long the last spans may take to be sent when the service ends."""

NODES_TOLD = 100
"""Nodes whose numbers a span of an execution has as events; the SDK keeps 128 events."""

_ENDS = {ExecutionState.COMPLETED, ExecutionState.FAILED, ExecutionState.CANCELLED}


class SpansUnavailableError(Exception):
    """Spans are wanted, and the packages for them are not installed; the message says what to do."""


def check_spans(endpoint: str) -> None:
    """See that spans can be sent, if they are wanted.

    Raises:
        SpansUnavailableError: the extra is not installed.
    """
    if not endpoint:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415
        import opentelemetry.sdk.trace.export  # noqa: F401, PLC0415  an extra, so imported only where it is wanted
    except ImportError as error:
        raise SpansUnavailableError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and {error.name} is not installed: "
            "pip install 'symbia-runtime[otel]', or unset it"
        ) from error


@asynccontextmanager
async def open_spans(endpoint: str) -> AsyncIterator[Spans | None]:
    """Spans that are sent to ``endpoint``, a URL without the path ``/v1/traces``; None where it is empty."""
    if not endpoint:
        yield None
        return
    provider = _provider(endpoint)
    try:
        yield Spans(provider)
    finally:
        with trio.move_on_after(LAST_SECONDS, shield=True):
            await trio.to_thread.run_sync(provider.shutdown, abandon_on_cancel=True)


def _provider(endpoint: str) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    own = Resource({"service.name": "symbia-runtime", "service.version": version()})
    resource = own.merge(Resource.create())  # which knows OTEL_SERVICE_NAME
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(own)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # open_spans does
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
    return provider


class Spans:
    """Makes spans. Opened with :func:`open_spans`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._tracer = provider.get_tracer("symbia-runtime", version())
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: HTTPScope, trace_id: str) -> Iterator[RequestSpan]:
        """A span for the length of the block, in which everything that is started belongs to it."""
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        said = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "url.scheme": scope["scheme"],
            "symbia.trace_id": trace_id,
        }
        with self._tracer.start_as_current_span(
            scope["method"],
            context=self._propagator.extract(said),
            kind=SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,  # what goes wrong is in the log, with its stack
            set_status_on_exception=False,
        ) as span:
            yield RequestSpan(span, scope["method"])

    def observer(self) -> ExecutionObserver:
        """Makes a span of each execution."""
        return SpanObserver(self)

    def execution(self, execution: ExecutionSnapshot) -> Span:
        """A new span of an execution, under the request that this task works for."""
        attributes = {
            "symbia.execution.id": execution.id,
            "symbia.graph.id": execution.graph_id,
            "symbia.trace_id": present_trace(),
        }
        return self._tracer.start_span("execution", attributes=attributes)


class RequestSpan:
    """The span of one request, before it is known how it ends."""

    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method

    def end(self, route: str, status: int) -> None:
        """Note how it ended. A span is named by its route, never by its path."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500 or not status:
            self._span.set_status(StatusCode.ERROR)


class SpanObserver(ExecutionObserver):
    """One span for each execution, its states and failed invocations as events.

    The first it hears of an execution comes from that execution's own task, which was started in the task of a
    request: so the span finds its parent.
    """

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._open: dict[str, Span] = {}

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        span = self._open.get(execution.id)
        if span is None:
            span = self._open[execution.id] = self._spans.execution(execution)
        span.add_event(execution.state.value)
        if execution.state in _ENDS:
            del self._open[execution.id]
            _end(span, execution)

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        span = self._open.get(execution_id)
        if span is not None:
            span.add_event("invocation failed", {"symbia.node.id": node_id, "error.type": error.name})


def _end(span: Span, execution: ExecutionSnapshot) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    metrics = execution.metrics
    span.set_attribute("symbia.execution.state", execution.state.value)
    span.set_attribute("symbia.messages.processed", metrics.messages_processed)
    span.set_attribute("symbia.errors", metrics.error_count)
    span.set_attribute("symbia.backpressure.events", metrics.backpressure_events)
    for instance in execution.instances[:NODES_TOLD]:
        numbers = instance.metrics
        span.add_event(
            "node",
            {
                "symbia.node.id": instance.node_id,
                "symbia.component.id": instance.component_id,
                "symbia.invocations": numbers.invocations,
                "symbia.errors": numbers.error_count,
                "symbia.busy_ms": numbers.total_latency_ms,
            },
        )
    if execution.error is not None:
        if execution.error.node_id is not None:
            span.set_attribute("symbia.node.id", execution.error.node_id)
        span.set_status(StatusCode.ERROR)
    span.end()
