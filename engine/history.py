"""What is kept of executions after their end, within a bound that no owner can use up for others."""

from collections import Counter, OrderedDict

from engine.errors import ExecutionNotFoundError
from proto.execution import ExecutionSnapshot, LogEntry
from proto.statistics import ExecutionStatistics


class Finished:
    """What is kept of an execution after its end; it answers what an ``Execution`` does.

    Args:
        owner: whose it was.
        snapshot: its last one.
        logs: its latest log lines, oldest first.
        statistics: its last ones.
    """

    def __init__(
        self, owner: str, snapshot: ExecutionSnapshot, logs: list[LogEntry], statistics: ExecutionStatistics
    ) -> None:
        self.owner = owner
        self.id = snapshot.id
        self._snapshot = snapshot
        self._logs = logs
        self._statistics = statistics

    def snapshot(self) -> ExecutionSnapshot:
        """The execution as it ended."""
        return self._snapshot

    def statistics(self) -> ExecutionStatistics:
        """Where its messages were then."""
        return self._statistics

    def logs(self) -> list[LogEntry]:
        """The latest log lines of its handlers, oldest first."""
        return list(self._logs)

    async def wait_quiescent(self) -> None:
        """Return: nothing is in flight any more."""


class History:
    """The executions that have ended, oldest first.

    Args:
        capacity: how many are kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._records: OrderedDict[str, Finished] = OrderedDict()

    def add(self, record: Finished) -> None:
        """Keep an execution that has just ended, and forget what has become too much."""
        self._records[record.id] = record
        while len(self._records) > self._capacity:
            self._forget_one()

    def _forget_one(self) -> None:
        """Forget the oldest execution of whoever has most of them, so that nobody crowds others out."""
        owners = Counter(record.owner for record in self._records.values())
        owner, _ = owners.most_common(1)[0]
        oldest = next(key for key, record in self._records.items() if record.owner == owner)
        del self._records[oldest]

    def records(self) -> list[Finished]:
        """All that are kept, in the order of their ends."""
        return list(self._records.values())

    def record(self, execution_id: str) -> Finished:
        """What is kept of one execution.

        Raises:
            ExecutionNotFoundError: nothing.
        """
        record = self._records.get(execution_id)
        if record is None:
            raise ExecutionNotFoundError(execution_id)
        return record

    def forget(self, execution_id: str) -> None:
        """Keep an execution no longer.

        Raises:
            ExecutionNotFoundError: it is not kept.
        """
        self.record(execution_id)
        del self._records[execution_id]
