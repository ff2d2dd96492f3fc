"""The seam between graphs that report and whoever takes the reports: metrics and log lines that leave a graph.

``symbia.sink.metric`` and ``symbia.sink.log`` hand what they are sent to a ``Sink``. It takes note and returns at
once; what it does with it later is its own affair. A sink that cannot take a report says so, and the node says it
on its ``error`` port: nothing is reported as written that was not taken.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

KEPT_SERIES = 1_000
"""Series whose latest value the default sink keeps; those of further names are counted only."""


class ReportOrigin(msgspec.Struct, frozen=True):
    """The place that a report comes from.

    Attributes:
        owner: whose graph it is; "" where nobody asks.
        execution_id: the execution.
        node_id: the node.
    """

    owner: str
    execution_id: str
    node_id: str


class MetricPoint(msgspec.Struct, frozen=True):
    """One number of one series.

    Attributes:
        place: where it comes from.
        name: of the series.
        value: finite.
        labels: as the node's configuration has them.
        lane: of the message that it was in (``engine.contracts.lanes``).
    """

    place: ReportOrigin
    name: str
    value: float
    labels: Mapping[str, Any]
    lane: int


class SinkLine(msgspec.Struct, frozen=True):
    """One line for a durable log.

    Attributes:
        place: where it comes from.
        level: ``debug``, ``info``, ``warn`` or ``error``.
        message: for people.
        lane: of the message that it shows (``engine.contracts.lanes``).
    """

    place: ReportOrigin
    level: str
    message: str
    lane: int


class Sink(Protocol):
    """A taker of graphs' reports. Called in the midst of the engine's work: it never blocks and never raises."""

    def metric(self, point: MetricPoint) -> bool:
        """Take a number; False where it cannot be taken."""

    def line(self, line: SinkLine) -> bool:
        """Take a line; False where it cannot be taken."""


class KeptSink:
    """A sink that takes everything, counts it, and keeps the latest value of each series.

    Attributes:
        points: numbers taken.
        lines: lines taken.
        latest: the latest number of each series, by owner and name, the longest known series first.
    """

    def __init__(self) -> None:
        self.points = 0
        self.lines = 0
        self.latest: dict[tuple[str, str], float] = {}

    def metric(self, point: MetricPoint) -> bool:
        """Count a number, and keep it as its series' latest."""
        self.points += 1
        series = point.place.owner, point.name
        if series in self.latest or len(self.latest) < KEPT_SERIES:
            self.latest[series] = point.value
        return True

    def line(self, line: SinkLine) -> bool:
        """Count a line."""
        del line
        self.lines += 1
        return True
