"""What nodes of graphs report as metrics (``symbia.sink.metric``), on its way to the logging service.

A value belongs to the organisation that owns the graph: its series is found or made under that organisation.
"""

from collections.abc import Mapping

from service.telemetry.exporter import Exporter
from service.telemetry.records import DataPoint, MetricRecord, timestamp_of

LABELS = 20
"""Labels of one value. They come from graphs, and each multiplies the series."""

TEXT_CHARACTERS = 200
"""Of a label's name and of its value."""


class GraphMetrics:
    """Takes values of graphs, and never waits.

    Args:
        exporter: sends them.
        scope: labels of everything: service and environment.
    """

    def __init__(self, exporter: Exporter, scope: Mapping[str, str]) -> None:
        self._exporter = exporter
        self._scope = dict(scope)

    def report(self, *, org: str, name: str, value: float, labels: Mapping[str, object], epoch_ms: float) -> None:
        """Let a value wait for its turn.

        Args:
            org: the owner of the graph; "" for nobody's, whose values are the service's own.
            name: of the metric.
            value: finite.
            labels: the graph's own; what is too long is cut, and what is too much left out.
            epoch_ms: milliseconds since 1970.
        """
        own = {
            str(key)[:TEXT_CHARACTERS]: str(text)[:TEXT_CHARACTERS] for key, text in list(labels.items())[:LABELS]
        }
        point = DataPoint(timestamp_of(epoch_ms), value, {**own, **self._scope})
        self._exporter.graph_metrics.put(MetricRecord(name[:TEXT_CHARACTERS], point, org))
