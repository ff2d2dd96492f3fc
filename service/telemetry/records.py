"""The records for the logging service, in the shapes that it takes."""

from typing import Any, Literal

import msgspec

Level = Literal["debug", "info", "warn", "error"]


class LogRecord(msgspec.Struct, frozen=True):
    """One line of a stream (``POST /logs/ingest``); ``timestamp`` is ISO 8601 in UTC."""

    timestamp: str
    level: Level
    message: str
    metadata: dict[str, Any] = {}


class DataPoint(msgspec.Struct, frozen=True):
    """One value of a metric (``POST /metrics/ingest``)."""

    timestamp: str
    value: float
    labels: dict[str, Any] = {}


class MetricRecord(msgspec.Struct, frozen=True):
    """A value, and the metric and organisation that it belongs to; "" is the service's own."""

    name: str
    point: DataPoint
    org: str = ""


class SpanRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One piece of work (``POST /traces/ingest``); times are ISO 8601 in UTC."""

    trace_id: str
    span_id: str
    name: str
    service_name: str
    kind: str
    status: Literal["ok", "error"]
    start_time: str
    end_time: str
    parent_span_id: str | None = None
    attributes: dict[str, Any] = {}
