"""The records of executions after their end, within a bound that no owner can use up for others."""

import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import msgspec

from engine.cooperative.slices import Steps
from engine.errors import ExecutionNotFoundError
from engine.keeping.records import KeptExecution
from engine.memory.ledger import Account, Ledger
from proto.execution import ExecutionSnapshot, ListedExecution, LogEntry, Output, OutputCounts
from proto.statistics import ExecutionStatistics

RECORD_BYTES = 4 * 1024
NODE_BYTES = 1536
EDGE_BYTES = 640
"""Bytes kept of an execution, of each node and of each edge: 1,350 were measured for a node with its edge."""

_MANY = 2**60
"""A number that bounds nothing."""


class KeptValues(Protocol):
    """The last outputs of an execution; :class:`engine.execution.kept_outputs.KeptOutputs` says what they are."""

    @property
    def size_bytes(self) -> int: ...
    def counts(self, place: str | None = None) -> OutputCounts: ...
    def read(self, place: str | None = None, after: int = 0) -> Iterator[Output]: ...


class Finished:
    """The record of an execution after its end; it answers what an ``Execution`` does.

    Args:
        owner: the owner that it belonged to.
        snapshot: its last one.
        logs: its latest log lines, oldest first.
        statistics: its last ones.
        log_bytes: what the lines take.
        logged: how many lines there were, kept or not.
        ending: why it ended, and what to do, in words.
        outputs: the last values that left it; None where none are kept.
        output_count: values that left it, kept or not.

    Attributes:
        size_bytes: what all of it takes, roughly.
        logged: the number of lines that were logged, kept or not.
        ending: why it ended, and what to do, in words.
    """

    def __init__(
        self,
        owner: str,
        snapshot: ExecutionSnapshot,
        logs: list[LogEntry],
        statistics: ExecutionStatistics,
        log_bytes: int = 0,
        logged: int = 0,
        ending: str = "",
        outputs: KeptValues | None = None,
        output_count: int = 0,
    ) -> None:
        self.owner = owner
        self.id = snapshot.id
        self.graph_id = snapshot.graph_id
        self.created_at = snapshot.created_at
        self.state = snapshot.state
        self._snapshot = snapshot
        self._logs = logs
        self.logged = logged
        self.ending = ending
        self.kept_outputs = outputs
        self.output_count = output_count
        self._statistics = statistics
        self._log_bytes = log_bytes
        nodes = len(snapshot.instances)
        self._nodes = nodes
        error = snapshot.error
        self._least_bytes = RECORD_BYTES
        if error is not None:
            self._least_bytes += sum(
                [sys.getsizeof(text or "") for text in (error.message, error.stack, error.value)]
            )
        kept_bytes = log_bytes + (0 if outputs is None else outputs.size_bytes)
        self.size_bytes = self._least_bytes + kept_bytes + NODE_BYTES * nodes + EDGE_BYTES * len(statistics.edges)

    @classmethod
    def of(cls, owner: str, kept: KeptExecution) -> "Finished":
        """Return the record of an execution that an earlier process has left."""
        return cls(owner, kept.snapshot, kept.logs, kept.statistics, kept.log_bytes, kept.logged, kept.ending)

    def kept(self) -> KeptExecution:
        """Return it as it is to outlive the process."""
        return KeptExecution(
            snapshot=self._snapshot,
            statistics=self._statistics,
            logs=self._logs,
            logged=self.logged,
            log_bytes=self._log_bytes,
            ending=self.ending,
        )

    def reduce(self) -> None:
        """Keep of it only how it ended: not its nodes, its edges, its outputs and its lines."""
        self._snapshot = msgspec.structs.replace(self._snapshot, instances=())
        self._statistics = msgspec.structs.replace(self._statistics, nodes=(), edges=())
        self._logs = []
        self.kept_outputs = None
        self._log_bytes = 0
        self.size_bytes = self._least_bytes

    def snapshot(self) -> ExecutionSnapshot:
        """Return the execution as it ended."""
        return self._snapshot

    def head(self) -> ExecutionSnapshot:
        """Return the same as ``snapshot``, whole as it is."""
        return self._snapshot

    def read_snapshot(self) -> Steps[ExecutionSnapshot]:
        """Return the same as ``snapshot``, in steps."""
        yield
        return self._snapshot

    def read_metrics(self) -> Steps[ExecutionSnapshot]:
        """Return the same as ``read_snapshot``."""
        return self.read_snapshot()

    def read_listed(self) -> Steps[ListedExecution]:
        """Return the execution's entry in a list, in steps."""
        yield
        return self._snapshot.listed(self._nodes)

    def statistics(self) -> ExecutionStatistics:
        """Return where its messages were at its end."""
        return self._statistics

    def read_statistics(self) -> Steps[ExecutionStatistics]:
        """Return the same as ``statistics``, in steps."""
        yield
        return self._statistics

    def logs(self) -> list[LogEntry]:
        """Return the latest log lines of its handlers, oldest first."""
        return list(self._logs)

    async def wait_quiescent(self) -> None:
        """Return: nothing is in flight any more."""


class Suspended(Finished):
    """The record of an execution that is to go on and cannot yet; it answers what one that has ended does.

    Args:
        owner: the owner that it belongs to.
        kept: as it is shown.
        before: as it is in the store.
        end: lets it be one that was stopped.

    Attributes:
        before: as it is in the store.
    """

    def __init__(
        self, owner: str, kept: KeptExecution, before: KeptExecution, end: Callable[[], Awaitable[None]]
    ) -> None:
        super().__init__(
            owner, kept.snapshot, kept.logs, kept.statistics, kept.log_bytes, kept.logged, kept.ending
        )
        self.before = before
        self.end = end


class History:
    """The executions that have ended, oldest first.

    Args:
        capacity: how many are kept.
        ledger: charged with them, by owner; nothing is when absent.
        most_bytes: what is kept of all of them.
        owner_bytes: what is kept of one owner's.
        on_forgotten: called with each record that is kept no longer.
    """

    def __init__(
        self,
        capacity: int,
        ledger: Ledger | None = None,
        *,
        most_bytes: int = _MANY,
        owner_bytes: int = _MANY,
        on_forgotten: Callable[[Finished], None] = lambda _: None,
    ) -> None:
        self._on_forgotten = on_forgotten
        self._capacity = capacity
        self._ledger = ledger or Ledger(0, 0)
        self._most_bytes = most_bytes
        self._owner_bytes = owner_bytes
        self._bytes = 0
        self._accounts: dict[str, Account] = {}
        self._records: dict[str, Finished] = {}
        self._by_owner: dict[str, dict[str, None]] = {}
        # Owners by how many records they have, so that the one with most is found without counting.
        self._by_count: dict[int, dict[str, None]] = {}
        self._most = 0

    def add(self, record: Finished) -> None:
        """Keep an execution that has just ended, and forget what has become too much.

        Where there is no memory for all of it, how it ended is kept.
        """
        self._charge(record)
        self._records[record.id] = record
        own = self._by_owner.setdefault(record.owner, {})
        own[record.id] = None
        self._recount(record.owner, len(own) - 1, len(own))
        while len(self._records) > self._capacity:
            self._forget_one()

    def _charge(self, record: Finished) -> None:
        """Make room for a record, and charge it."""
        owner = record.owner
        account = self._accounts.get(owner) or self._ledger.account(owner)
        if record.size_bytes > min(self._most_bytes, self._owner_bytes):
            record.reduce()
        while account.held_bytes and account.held_bytes + record.size_bytes > self._owner_bytes:
            self._forget_oldest(owner)
        while self._bytes and self._bytes + record.size_bytes > self._most_bytes:
            self._forget_oldest(max(self._accounts, key=self._bytes_of))
        while not account.try_charge(record.size_bytes, "history"):
            if not account.held_bytes:
                record.reduce()
                account.note(record.size_bytes, "history")
                break
            self._forget_oldest(owner)
        self._accounts[owner] = account
        self._bytes += record.size_bytes

    def _bytes_of(self, owner: str) -> int:
        return self._accounts[owner].held_bytes

    def _forget_oldest(self, owner: str) -> None:
        self.forget(next(iter(self._by_owner[owner])))

    def _forget_one(self) -> None:
        """Forget the oldest execution of whoever has most of them, so that nobody crowds others out."""
        self._forget_oldest(next(iter(self._by_count[self._most])))

    def _recount(self, owner: str, before: int, after: int) -> None:
        """Count that an owner has one record more, or less."""
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
        """Return the record of one execution.

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
        record = self.record(execution_id)
        owner = record.owner
        self._bytes -= record.size_bytes
        self._accounts[owner].release(record.size_bytes, "history")
        del self._records[execution_id]
        own = self._by_owner[owner]
        del own[execution_id]
        self._recount(owner, len(own) + 1, len(own))
        if not own:
            del self._by_owner[owner], self._accounts[owner]
        self._on_forgotten(record)
