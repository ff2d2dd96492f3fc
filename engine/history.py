"""What is kept of executions after their end, within a bound that no owner can use up for others."""

from engine.errors import ExecutionNotFoundError
from engine.slices import Steps
from proto.execution import ExecutionSnapshot, ListedExecution, LogEntry
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
        self.graph_id = snapshot.graph_id
        self.created_at = snapshot.created_at
        self.state = snapshot.state
        self._snapshot = snapshot
        self._logs = logs
        self._statistics = statistics

    def snapshot(self) -> ExecutionSnapshot:
        """The execution as it ended."""
        return self._snapshot

    def head(self) -> ExecutionSnapshot:
        """The same."""
        return self._snapshot

    def read_snapshot(self) -> Steps[ExecutionSnapshot]:
        """The same, in steps."""
        yield
        return self._snapshot

    def read_metrics(self) -> Steps[ExecutionSnapshot]:
        """The same."""
        return self.read_snapshot()

    def read_listed(self) -> Steps[ListedExecution]:
        """The same for a list."""
        yield
        return self._snapshot.listed(len(self._snapshot.instances))

    def statistics(self) -> ExecutionStatistics:
        """Where its messages were then."""
        return self._statistics

    def read_statistics(self) -> Steps[ExecutionStatistics]:
        """The same, in steps."""
        yield
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
        self._records: dict[str, Finished] = {}
        self._by_owner: dict[str, dict[str, None]] = {}
        # Owners by how many records they have, so that the one with most is found without counting.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0

    def add(self, record: Finished) -> None:
        """Keep an execution that has just ended, and forget what has become too much."""
        self._records[record.id] = record
        own = self._by_owner.setdefault(record.owner, {})
        own[record.id] = None
        self._recount(record.owner, len(own) - 1, len(own))
        while len(self._records) > self._capacity:
            self._forget_one()

    def _forget_one(self) -> None:
        """Forget the oldest execution of whoever has most of them, so that nobody crowds others out."""
        owner = next(iter(self._by_count[self._most]))
        self.forget(next(iter(self._by_owner[owner])))

    def _recount(self, owner: str, before: int, after: int) -> None:
        """An owner has one record more, or less."""
        if before:
            del self._by_count[before][owner]
        if after:
            self._by_count.setdefault(after, {})[owner] = None
        self._most = max(self._most, after)
        if before == self._most and not self._by_count[before]:
            self._most = after
        if before and not self._by_count[before]:
            del self._by_count[before]

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
        owner = self.record(execution_id).owner
        del self._records[execution_id]
        own = self._by_owner[owner]
        del own[execution_id]
        self._recount(owner, len(own) + 1, len(own))
        if not own:
            del self._by_owner[owner]
