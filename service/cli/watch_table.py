"""The view of an execution that ``watch`` shows: made of its events, drawn as a table or told in lines."""

from collections import deque
from typing import Any

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from proto.events import (
    ComponentFailed,
    EventsSkipped,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionPaused,
    ExecutionResumed,
    ExecutionSeen,
    ExecutionStarted,
    MetricsUpdate,
    StatisticsUpdate,
)
from proto.execution import ExecutionError, ExecutionMetrics, ExecutionState
from proto.statistics import ExecutionStatistics, NodeStatistics

SHOWN_ERRORS = 5
"""The latest errors below the table; the metrics count all."""

SHOWN_NODES = 40
"""Nodes in the table, those with most waiting first where there are more."""

_STYLES = {"running": "green", "paused": "yellow", "completed": "bold green", "failed": "bold red"}
_SHAPES: dict[str, Any] = {
    shape.name: shape
    for shape in (
        ExecutionSeen,
        ExecutionStarted,
        ExecutionPaused,
        ExecutionResumed,
        ExecutionCompleted,
        ExecutionFailed,
        ComponentFailed,
        MetricsUpdate,
        StatisticsUpdate,
        EventsSkipped,
    )
}


class WatchView:
    """An execution as its events tell of it.

    Attributes:
        state: where it is in its life; None before anything was heard.
        error: the reason why it failed, if it did.
        unprocessed: messages that were accepted and not finished when it ended.
        is_over: whether its final event has come.
    """

    def __init__(self, execution_id: str) -> None:
        self.execution_id = execution_id
        self.state: ExecutionState | None = None
        self.error: ExecutionError | None = None
        self.unprocessed = 0
        self.is_over = False
        self.metrics = ExecutionMetrics()
        self.statistics: ExecutionStatistics | None = None
        self.errors: deque[str] = deque(maxlen=SHOWN_ERRORS)

    def take(self, name: str, data: Any) -> list[str]:
        """Take an event; the lines in which it is told where there is no table."""
        shape = _SHAPES.get(name)
        if shape is None:
            return []
        event = msgspec.convert(data, shape)
        if isinstance(event, StatisticsUpdate):
            self.statistics = event.statistics
            return []
        if isinstance(event, MetricsUpdate):
            self.metrics = event.metrics
            return [_counters(event.metrics)]
        if isinstance(event, ComponentFailed):
            line = f"{event.node_id}: {event.error_name}: {event.message}"
            self.errors.append(line)
            return [line]
        if isinstance(event, EventsSkipped):
            return [f"{event.count} events were skipped ({event.reason})"]
        return self._enter(event)

    def _enter(self, event: Any) -> list[str]:
        """Note that the execution is in this state now."""
        self.state = event.state
        self.metrics = getattr(event, "metrics", None) or self.metrics
        self.error = getattr(event, "error", None) or self.error
        lines = [str(event.state)]
        if isinstance(event, ExecutionCompleted | ExecutionFailed):
            self.is_over = True
            self.unprocessed = event.unprocessed
            lines = [_counters(self.metrics), str(event.state)]
        if isinstance(event, ExecutionFailed):
            lines[-1] += f": {event.error.message}"
        if self.unprocessed:
            lines.append(f"{self.unprocessed:,} messages unprocessed")
        return lines

    def __rich__(self) -> RenderableType:
        state = str(self.state or "")
        title = Text.assemble(self.execution_id, "  ", (state, _STYLES.get(state, "")))
        parts: list[RenderableType] = [title, Text(_counters(self.metrics), style="dim")]
        statistics = self.statistics
        if statistics is not None:
            parts.append(_nodes_table(statistics))
            if statistics.bottleneck is not None:
                node, reason = statistics.bottleneck.node_id, statistics.bottleneck.reason
                parts.append(Text(f"held up by {node}: {reason}", style="yellow"))
        parts += [Text(line, style="red", no_wrap=True, overflow="ellipsis") for line in self.errors]
        if self.error is not None:
            parts.append(Text(self.error.message, style="bold red"))
        if self.unprocessed:
            parts.append(Text(f"{self.unprocessed:,} messages unprocessed", style="yellow"))
        return Group(*parts)


def _counters(metrics: ExecutionMetrics) -> str:
    return (
        f"{metrics.messages_processed:,} processed, {metrics.throughput_per_second:,.1f}/s, "
        f"{metrics.queued_messages:,} queued, {metrics.error_count:,} errors, "
        f"p95 {metrics.p95_latency_ms:.3f} ms, {metrics.backpressure_events:,} backpressure"
    )


def _nodes_table(statistics: ExecutionStatistics) -> Table:
    nodes: tuple[NodeStatistics, ...] = statistics.nodes
    if len(nodes) > SHOWN_NODES:
        nodes = tuple(sorted(nodes, key=lambda node: -node.queued_messages)[:SHOWN_NODES])
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("node", no_wrap=True)
    for heading in ("processed", "/s", "busy", "p95 ms", "queued", "errors"):
        table.add_column(heading, justify="right")
    for node in nodes:
        table.add_row(
            Text(node.node_id),
            f"{node.invocations:,}",
            f"{node.throughput_per_second:,.1f}",
            f"{node.busy_share:.0%}",
            f"{node.p95_latency_ms:.3f}",
            f"{node.queued_messages:,} of {node.capacity:,}",
            Text(f"{node.error_count:,}", style="red" if node.error_count else ""),
        )
    return table


def tell(console: Console, line: str) -> None:
    """Print a line as it is, whatever a component has put into it."""
    shown = "".join(character if character.isprintable() else " " for character in line)
    console.print(shown, markup=False, highlight=False, soft_wrap=True)
