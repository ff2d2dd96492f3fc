"""The task that sends what waits: in batches, with bounded patience, and never in anybody's way.

A batch is sent when fifty records wait, or a second after the last one was. A batch that is not taken is sent
again, three times at the most, each time after a longer wait; then it is dropped and counted. The waits grow from
batch to batch as long as nothing is taken, up to half a minute. So a logging service that is down costs one
request in that time, and one that has come back is noticed within it. Meanwhile the queues keep the newest.
"""

import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import structlog
import trio

from service.siblings.backoff import Backoff
from service.siblings.status import SiblingStatus
from service.telemetry.client import LoggingClient
from service.telemetry.outbox import BATCH_RECORDS, QUEUE_RECORDS, TelemetryOutbox
from service.telemetry.records import LogRecord, MetricRecord, SpanRecord
from service.telemetry.refusal import LoggingError
from service.telemetry.series import Series, TooManySeriesError

T = TypeVar("T")

FLUSH_SECONDS = 1.0
"""The time between batches, unless one is full before; by the platform's rule."""

GRAPH_FLUSH_SECONDS = 5.0
"""The time between batches of what graphs report; by the platform's rule."""

RETRIES = 3
"""Further attempts to send one batch, by the platform's rule; then it is dropped."""

Deliver = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]
"""A way to send a batch, more or less persistently; it is given what sends the batch once."""

log = structlog.get_logger("telemetry")


class Outgoing(Generic[T]):
    """A batch on its way.

    Attributes:
        left: what has yet to be sent.
        taken: the number that were taken.
    """

    def __init__(self, records: Sequence[T]) -> None:
        self.left = list(records)
        self.taken = 0

    def note_taken(self, records: Sequence[T]) -> None:
        """Note that these have arrived."""
        self.taken += len(records)
        self.give_up(records)

    def give_up(self, records: Sequence[T]) -> None:
        """Note that these need not be sent again."""
        done = {id(record) for record in records}
        self.left = [record for record in self.left if id(record) not in done]


class Exporter:
    """Queues, and the sending of what is in them.

    Args:
        client: speaks to the logging service.
        series: knows ids.
        status: is told how the logging service does.
        chance: a number from 0 up to 1 at each call, for the waits.

    Attributes:
        logs: log lines that wait.
        metrics: values that wait.
        spans: spans that wait.
        graph_metrics: values of graphs that wait.
    """

    def __init__(
        self,
        client: LoggingClient,
        series: Series,
        status: SiblingStatus,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._series = series
        self._status = status
        self._backoff = Backoff(chance)
        self._batch_waits = trio.Event()
        self.logs: TelemetryOutbox[LogRecord] = TelemetryOutbox(QUEUE_RECORDS, self._wake)
        self.metrics: TelemetryOutbox[MetricRecord] = TelemetryOutbox(QUEUE_RECORDS, self._wake)
        self.spans: TelemetryOutbox[SpanRecord] = TelemetryOutbox(QUEUE_RECORDS, self._wake)
        self.graph_metrics: TelemetryOutbox[MetricRecord] = TelemetryOutbox(QUEUE_RECORDS)

    @property
    def dropped(self) -> int:
        """Records given up so far."""
        return sum(outbox.dropped for outbox in self._outboxes())

    @property
    def sent(self) -> int:
        """Records that the logging service took so far."""
        return sum(outbox.sent for outbox in self._outboxes())

    @property
    def waiting(self) -> int:
        """Records that wait now."""
        return sum(len(outbox) for outbox in self._outboxes())

    def _outboxes(
        self,
    ) -> Sequence[TelemetryOutbox[LogRecord] | TelemetryOutbox[MetricRecord] | TelemetryOutbox[SpanRecord]]:
        return (self.logs, self.metrics, self.spans, self.graph_metrics)

    def _wake(self) -> None:
        self._batch_waits.set()

    async def run(self) -> None:
        """Send until cancelled."""
        graphs_due = trio.current_time() + GRAPH_FLUSH_SECONDS
        while True:
            self._batch_waits = trio.Event()
            if not any(len(outbox) >= BATCH_RECORDS for outbox in (self.logs, self.metrics, self.spans)):
                with trio.move_on_after(FLUSH_SECONDS):
                    await self._batch_waits.wait()
            await self._send_own(self._persist)
            if trio.current_time() >= graphs_due or len(self.graph_metrics) >= QUEUE_RECORDS // 2:
                graphs_due = trio.current_time() + GRAPH_FLUSH_SECONDS
                await self._send_graphs()
            self._status.count(recordsSent=self.sent, recordsDropped=self.dropped, recordsWaiting=self.waiting)

    async def _send_graphs(self) -> None:
        """Send all that graphs have reported by now, so that what they report in bulk does not fall behind."""
        for _ in range(QUEUE_RECORDS // BATCH_RECORDS):
            dropped = self.graph_metrics.dropped
            await self._send_from(self.graph_metrics, self._send_points, self._persist)
            if not len(self.graph_metrics) or self.graph_metrics.dropped > dropped:
                break  # what waits behind a batch that was not taken fares no better

    async def flush(self) -> None:
        """Send all that waits, each batch tried once: the last thing that happens. What is refused is dropped."""
        while self.waiting:
            await self._send_own(self._try_once)
            await self._send_from(self.graph_metrics, self._send_points, self._try_once)

    async def _send_own(self, deliver: Deliver) -> None:
        await self._send_from(self.logs, self._send_logs, deliver)
        await self._send_from(self.metrics, self._send_points, deliver)
        await self._send_from(self.spans, self._send_spans, deliver)

    async def _send_from(
        self, outbox: TelemetryOutbox[T], send: Callable[[Outgoing[T]], Awaitable[None]], deliver: Deliver
    ) -> None:
        records = outbox.take()
        if not records:
            return
        batch = Outgoing(records)
        try:
            await deliver(partial(send, batch))
        finally:  # also where we are cancelled in the midst of it
            outbox.sent += batch.taken
            outbox.dropped += len(records) - batch.taken

    async def _persist(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Attempt, and again where that may help."""
        for remaining in range(RETRIES, -1, -1):
            try:
                await attempt()
            except LoggingError as error:
                wait_seconds = self._backoff.next_seconds(error.retry_after_seconds)
                self._note_failure(error, wait_seconds)
                await trio.sleep(wait_seconds)  # also after the last one: the next batch fares no better at once
                if error.is_final or not remaining:
                    return
            else:
                self._backoff.reset()
                self._status.succeeded()
                return

    async def _try_once(self, attempt: Callable[[], Awaitable[None]]) -> None:
        try:
            await attempt()
        except LoggingError as error:
            self._note_failure(error, None)

    def _note_failure(self, error: LoggingError, wait_seconds: float | None) -> None:
        if error.status == 404:  # it lost what it knew: its ids are others now
            self._series.forget()
        self._status.failed(str(error), retry_in_seconds=wait_seconds)

    # Each of these sends what is left of a batch, and takes out of it what need not be sent again.

    async def _send_logs(self, batch: Outgoing[LogRecord]) -> None:
        stream = await self._series.stream()
        await self._client.post("logs/ingest", {"streamId": stream, "entries": batch.left})
        batch.note_taken(batch.left)

    async def _send_spans(self, batch: Outgoing[SpanRecord]) -> None:
        await self._client.post("traces/ingest", {"spans": batch.left})
        batch.note_taken(batch.left)

    async def _send_points(self, batch: Outgoing[MetricRecord]) -> None:
        """Each metric in a request of its own; one that is refused does not hold up the others."""
        groups: dict[tuple[str, str], list[MetricRecord]] = defaultdict(list)
        for record in batch.left:
            groups[record.org, record.name].append(record)
        passing: LoggingError | None = None
        for (org, name), records in groups.items():
            try:
                metric = await self._series.metric(org, name)
                body = {"metricId": metric, "dataPoints": [record.point for record in records]}
                await self._client.post("metrics/ingest", body, org=org)
                batch.note_taken(records)
            except TooManySeriesError:
                log.warning("too many metrics", name=name, points=len(records))
                batch.give_up(records)
            except LoggingError as error:
                if error.is_final:
                    self._status.failed(str(error))
                    batch.give_up(records)
                else:
                    passing = error
        if passing is not None:
            try:
                raise passing
            finally:
                del passing
