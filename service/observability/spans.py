"""OpenTelemetry spans of requests and executions, sent by OTLP over HTTP where an endpoint is configured.

The SDK is an extra (``INSTALLING`` says how to have it), and it is imported only where it is used: it brings a
thread with it that collects spans and sends them (docs/decisions/0061). Whatever else it reads from the
environment (``OTEL_SERVICE_NAME``, ``OTEL_EXPORTER_OTLP_HEADERS``, sampling) holds here as well.

    request                   from the head of a request to its end; its parent is the caller's ``traceparent``
    └── execution             from ``initializing`` to the end, however long after the request that is
        └── invocation        one call of a handler, with the batch of messages that it was given

A call may be over in microseconds, and making its span takes tens of them. So of each execution only so many calls
a second become spans, and of all executions together ``CALLS_TOLD_PER_SECOND``; failed ones have a ration of their
own, so that they are not lost among the others. How many were left out stands in the execution's span.

Values never leave through a span: of a failed invocation it has the node and the kind of error.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, ClassVar

import trio

from engine.contracts.handler import HandlerError
from engine.contracts.observer import ExecutionObserver, HandlerCall
from engine.execution.lifecycle import TERMINAL
from engine.token_bucket import TokenBucket
from proto.execution import ExecutionSnapshot
from service.observability.trace import present_trace
from service.version import version

if TYPE_CHECKING:
    from hypercorn.typing import HTTPScope
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

LAST_SECONDS = 2.0
"""The time that the last spans may take to be sent when the service ends."""

NODES_TOLD = 100
"""Nodes whose numbers a span of an execution has as events; the SDK keeps 128 events."""

CALLS_TOLD_PER_SECOND = 200
"""Spans of handler calls a second, of all executions together: what the SDK sends in time, with room to spare."""

FAILURES_TOLD = 10
"""Failed invocations that the span of one call has as events; its batch may have many more."""


INSTALLING = "pip install '.[otel]' in a checkout, pip install './symbia_runtime-<version>-py3-none-any.whl[otel]'"
"""The way to install the extra: of a checkout or of a wheel, because the project is on no index."""


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
            f"install the extra otel ({INSTALLING}), or unset it"
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
    """The maker of spans. Opened with :func:`open_spans`."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._tracer = provider.get_tracer("symbia-runtime", version())
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def request(self, scope: HTTPScope, trace_id: str) -> Iterator[RequestSpan]:
        """Open a span for the length of the block, in which everything that is started belongs to it."""
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

    def observer(self, calls_per_second: float) -> ExecutionObserver:
        """Make a span of each execution, and of up to so many calls of its handlers a second."""
        return SpanObserver(self, calls_per_second)

    def call(self, execution: Span, call: HandlerCall) -> None:
        """Make a span of a call that has just ended, under its execution."""
        from opentelemetry.trace import StatusCode, set_span_in_context  # noqa: PLC0415

        offset_ns = time.time_ns() - int(trio.current_time() * 1e9)
        ended_ns = offset_ns + int(call.ended_seconds * 1e9)
        span = self._tracer.start_span(
            "invocation",
            context=set_span_in_context(execution),
            start_time=offset_ns + int(call.began_seconds * 1e9),
            attributes={
                "symbia.node.id": call.node_id,
                "symbia.component.id": call.component_id,
                "symbia.messages": len(call.messages),
                "symbia.message.sequence": call.messages[0].sequence,
            },
        )
        failed = [
            (message.sequence, outcome.error.name)
            for message, outcome in zip(call.messages, call.outcomes, strict=False)
            if outcome.error is not None
        ]
        for sequence, name in failed[:FAILURES_TOLD]:
            attributes: dict[str, str | int] = {"symbia.message.sequence": sequence, "error.type": name}
            span.add_event("invocation failed", attributes, timestamp=ended_ns)
        if failed:
            span.set_attribute("symbia.errors", len(failed))
            span.set_attribute("error.type", failed[0][1])
            span.set_status(StatusCode.ERROR)
        span.end(end_time=ended_ns)

    def execution(self, execution: ExecutionSnapshot) -> Span:
        """Make a new span of an execution, under the request that this task works for."""
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


class OpenExecution:
    """The span of an execution that has not ended, and what is left of its rations."""

    def __init__(self, span: Span, calls_per_second: float) -> None:
        self.span = span
        self.untold = 0
        self._well = TokenBucket(calls_per_second)
        self._failed = TokenBucket(calls_per_second)

    def may_tell(self, call: HandlerCall) -> bool:
        """Return whether the execution's ration has room for a call, and take it."""
        is_failed = any(outcome.error is not None for outcome in call.outcomes)
        return (self._failed if is_failed else self._well).take(call.ended_seconds)


class SpanObserver(ExecutionObserver):
    """One span for each execution, its states and failed invocations as events, and spans of its handlers' calls.

    The first it hears of an execution comes from that execution's own task, which was started in the task of a
    request: so the span finds its parent.
    """

    hears_calls: ClassVar[bool] = True

    def __init__(self, spans: Spans, calls_per_second: float) -> None:
        self._spans = spans
        self._calls_per_second = calls_per_second
        self._all_calls = TokenBucket(CALLS_TOLD_PER_SECOND)
        self._open: dict[str, OpenExecution] = {}

    def state_changed(self, execution: ExecutionSnapshot) -> None:
        known = self._open.get(execution.id)
        if known is None:
            known = OpenExecution(self._spans.execution(execution), self._calls_per_second)
            self._open[execution.id] = known
        known.span.add_event(execution.state.value)
        if execution.state in TERMINAL:
            del self._open[execution.id]
            known.span.set_attribute("symbia.calls.untold", known.untold)
            _end(known.span, execution)

    def invocation_failed(self, execution_id: str, node_id: str, error: HandlerError) -> None:
        known = self._open.get(execution_id)
        if known is not None:
            known.span.add_event("invocation failed", {"symbia.node.id": node_id, "error.type": error.name})

    def called(self, execution_id: str, call: HandlerCall) -> None:
        known = self._open.get(execution_id)
        if known is None or not known.span.is_recording():
            return  # of another service's sampling, or of a call that ended after its execution
        if known.may_tell(call) and self._all_calls.take(call.ended_seconds):
            self._spans.call(known.span, call)
        else:
            known.untold += 1


def _end(span: Span, execution: ExecutionSnapshot) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415

    metrics = execution.metrics
    span.set_attribute("symbia.execution.state", execution.state.value)
    span.set_attribute("symbia.messages.processed", metrics.messages_processed)
    span.set_attribute("symbia.messages.unprocessed", execution.unprocessed)
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
