"""What there is in a runtime, and how it does: executions one by one, in lists, in sums. Nothing is changed here.

What may be large is read in slices by the methods that are ``async``; the others read at once, for programs whose
graphs are small and for what costs next to nothing.
"""

from engine.components.registry import Registry
from engine.cooperative.slices import in_slices
from engine.execution.execution import Execution
from engine.history import Finished, History
from engine.library import Library
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from engine.totals import RuntimeStatistics, Totals, runtime_statistics
from engine.wall_clock import WallClock
from proto.execution import ExecutionSnapshot, ExecutionState, ListedExecution, LogEntry
from proto.statistics import ExecutionStatistics, RuntimeTotals
from workers.pool import Pool


class Overview(Library):
    """A library, and what can be read of the executions that run its graphs, or did.

    Args:
        registry: the components.
        limits: bounds of what is kept, and those of the library.
        clock: the time of day.
        workers: processes for work that cannot be sliced.
    """

    def __init__(self, registry: Registry, limits: EngineLimits, clock: WallClock, workers: Pool) -> None:
        super().__init__(registry, limits, clock)
        self.workers = workers
        self._executions: dict[str, Execution] = {}
        self._history = History(
            limits.finished_executions,
            self.ledger,
            most_bytes=limits.finished_bytes,
            owner_bytes=limits.owner_finished_bytes,
        )
        self._totals = Totals()

    def owner_of(self, execution_id: str) -> str:
        """Whose an execution is: the owner of its graph.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self._known(execution_id).owner

    def executions(self, *, owner: str | None = None) -> list[ExecutionSnapshot]:
        """All executions that are under way or kept for inspection, or those of one owner; oldest first.

        They are read at once, and large ones take long: a service asks for ``list_executions``.
        """
        return [execution.snapshot() for execution in self._all(owner)]

    async def list_executions(
        self,
        *,
        owner: str | None = None,
        state: ExecutionState | None = None,
        graph_id: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[list[ListedExecution], int]:
        """A page of the executions that are under way or kept for inspection, oldest first.

        Only what is on the page is read.

        Args:
            owner: whose; everybody's when absent.
            state: only those in it.
            graph_id: only those of it.
            offset: how many to leave out.
            limit: how many to list at most.

        Returns:
            The page, and how many there are in all.
        """
        found = [
            execution
            for execution in self._all(owner)
            if (state is None or execution.state is state) and (graph_id is None or execution.graph_id == graph_id)
        ]
        page = found[offset:] if limit is None else found[offset : offset + limit]
        return [await in_slices(execution.read_listed()) for execution in page], len(found)

    def _all(self, owner: str | None) -> list[Execution | Finished]:
        known: list[Execution | Finished] = [*self._history.records(), *self._executions.values()]
        wanted = [execution for execution in known if owner in (None, execution.owner)]
        return sorted(wanted, key=_created_at)

    def underway(self) -> list[str]:
        """Ids of the executions that have not ended."""
        return list(self._executions)

    def execution(self, execution_id: str) -> ExecutionSnapshot:
        """One execution at this moment; read at once, as ``executions``.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self._known(execution_id).snapshot()

    def execution_head(self, execution_id: str) -> ExecutionSnapshot:
        """One execution at this moment; while it lives, without its instances and its metrics.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self._known(execution_id).head()

    async def read_execution(self, execution_id: str) -> ExecutionSnapshot:
        """One execution at this moment, with its instances and its metrics.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return await in_slices(self._known(execution_id).read_snapshot())

    async def read_metrics(self, execution_id: str) -> ExecutionSnapshot:
        """One execution at this moment, with its metrics; while it lives, without its instances.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return await in_slices(self._known(execution_id).read_metrics())

    def newest_running(self, graph_id: str) -> str | None:
        """The id of the execution of a graph that was started last, of those that run; None where none does."""
        underway = reversed(self._executions.values())
        running = (each for each in underway if each.state is ExecutionState.RUNNING)
        return next((execution.id for execution in running if execution.graph.id == graph_id), None)

    def statistics(self, execution_id: str) -> ExecutionStatistics:
        """Where the messages of an execution are, and what holds them up; read at once, as ``executions``.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self._known(execution_id).statistics()

    async def read_statistics(self, execution_id: str) -> ExecutionStatistics:
        """The same, read in slices.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return await in_slices(self._known(execution_id).read_statistics())

    def open_account(self, execution_id: str) -> Account:
        """A new account of memory of whoever owns an execution, for what is kept on its behalf outside of it.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self.ledger.account(self._known(execution_id).owner)

    def logs(self, execution_id: str) -> list[LogEntry]:
        """The latest log lines of an execution's handlers, oldest first.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        return self._known(execution_id).logs()

    def totals(self, *, owner: str | None = None) -> RuntimeTotals:
        """What there is at this moment, and how much was processed since the start; of all, or of one owner."""
        executions = [each for each in self._executions.values() if owner in (None, each.owner)]
        ended = self._totals.processed if owner is None else self._totals.processed_by[owner]
        return RuntimeTotals(
            loaded_graphs=len(self._graphs if owner is None else self._graphs_by_owner.get(owner, ())),
            active_executions=len(executions),
            total_messages_processed=ended + sum(execution.messages_processed for execution in executions),
        )

    async def figures(self) -> RuntimeStatistics:
        """What all executions have done since the start, and what lies in those that are under way."""
        underway = tuple(self._executions.values())
        workers = {"evaluate": self.workers.statistics(), "compile": self._registry.compiler_statistics()}
        sandbox = self._registry.sandbox_statistics()
        return await runtime_statistics(self._totals, underway, sandbox, len(self._graphs), workers)

    def _known(self, execution_id: str) -> Execution | Finished:
        """An execution that is under way, or else what is kept of it."""
        return self._executions.get(execution_id) or self._history.record(execution_id)


def _created_at(execution: Execution | Finished) -> str:
    return execution.created_at
