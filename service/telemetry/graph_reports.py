"""The reports of graphs' nodes (``symbia.sink.metric``, ``symbia.sink.log``), on the way to the logging service.

A number belongs to the organisation that owns the graph: its series is found or made under that organisation, and
goes on where another runtime had begun it.
Lines go to the service's own stream, marked with whose they are. Without a logging service all is only counted.
"""

from collections.abc import Mapping

import trio

from engine.contracts.lanes import NAMES
from engine.contracts.reports import KeptSink, MetricPoint, SinkLine
from engine.wall_clock import WallClock, timestamp_of
from service.telemetry.exporter import Exporter
from service.telemetry.records import DataPoint, Level, LogRecord, MetricRecord

_LEVELS: dict[str, Level] = {"debug": "debug", "info": "info", "warn": "warn", "error": "error"}


class GraphReports(KeptSink):
    """The sink of a service's runtime. It is made before there is anybody to send to, and told later.

    Args:
        clock: the time of day.
    """

    def __init__(self, clock: WallClock | None = None) -> None:
        super().__init__()
        self._clock = clock or WallClock()
        self._exporter: Exporter | None = None
        self._scope: dict[str, str] = {}

    def send_by(self, exporter: Exporter | None, scope: Mapping[str, str]) -> None:
        """Give what is reported from now on to an exporter, marked with a scope; None for to nobody."""
        self._exporter = exporter
        self._scope = dict(scope)

    def metric(self, point: MetricPoint) -> bool:
        """Take a number."""
        if self._exporter is not None:
            # The node's own labels and no others, as the platform's runtime has it: with one more it would be
            # another time series, and with the execution's id each would be one of its own, without end.
            data = DataPoint(self._now(), point.value, dict(point.labels))
            self._exporter.graph_metrics.put(MetricRecord(point.name, data, point.place.owner))
        return super().metric(point)

    def line(self, line: SinkLine) -> bool:
        """Take a line."""
        if self._exporter is not None:
            origin = {"executionId": line.place.execution_id, "nodeId": line.place.node_id}
            marks = {**self._scope, "eventType": "graph.log", **origin, "lane": NAMES[line.lane]}
            if line.place.owner:
                marks["orgId"] = line.place.owner
            level = _LEVELS.get(line.level, "info")
            self._exporter.logs.put(LogRecord(self._now(), level, line.message, dict(marks)))
        return super().line(line)

    def _now(self) -> str:
        return timestamp_of(self._clock.milliseconds_at(trio.current_time()) / 1000)
