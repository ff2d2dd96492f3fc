"""The executions of a runtime: those under way, those that have ended, and those that wait to go on."""

from engine.cooperative.slices import in_slices
from engine.durability.durable_execution import DurableExecution
from engine.durability.durable_executions import DurableExecutions
from engine.errors import ExecutionExistsError, TooManyExecutionsError
from engine.execution.execution import Execution
from engine.execution.heritage import Heritage
from engine.history import Finished, History, Suspended
from engine.journal.recordings import Recordings
from engine.keeping.keeper import Keeper
from engine.keeping.records import record_of_execution, removal_of_execution
from engine.library import Library
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from engine.memory.starvation import Spawn
from engine.totals import Totals
from engine.wall_clock import WallClock
from proto.execution import ExecutionState, ListedExecution
from proto.statistics import RuntimeTotals


class Executions:
    """All executions of a runtime.

    Args:
        limits: how many there may be, and how much is kept of them.
        library: has their graphs.
        keeper: writes how they have ended.
        recordings: what was noted of them.
        clock: the time of day.
        spawn: starts a task that outlives whoever asks.

    Attributes:
        underway: those that have not ended, by id, oldest first.
        history: what is kept of those that have.
        durable: those that go on after a restart.
        totals: sums over those that have ended.
    """

    def __init__(
        self,
        limits: EngineLimits,
        library: Library,
        keeper: Keeper,
        recordings: Recordings,
        clock: WallClock,
        spawn: Spawn,
    ) -> None:
        self.underway: dict[str, Execution] = {}
        self.history = History(
            limits.finished_executions,
            library.ledger,
            most_bytes=limits.finished_bytes,
            owner_bytes=limits.owner_finished_bytes,
            on_forgotten=self._forgotten,
        )
        self.durable = DurableExecutions(keeper, library, clock, spawn, self.history)
        self.totals = Totals()
        self._most = limits.max_concurrent_executions
        self._library = library
        self._keeper = keeper
        self._recordings = recordings

    # Room for one more

    def refuse_taken(self, execution_id: str, owner: str) -> None:
        """Refuse an id that an execution under way has, or one that has ended and was somebody else's.

        Raises:
            ExecutionExistsError: there is such a one.
        """
        ended = next((each for each in self.history.records() if each.id == execution_id), None)
        is_underway = execution_id in self.underway or self.durable.find(execution_id) is not None
        if is_underway or (ended is not None and ended.owner != owner):
            raise ExecutionExistsError(execution_id)

    def refuse_too_many(self, owner: str) -> None:
        """Refuse one more of an owner where there are as many as may be.

        Raises:
            QuotaError: the owner has as many under way as they may.
            TooManyExecutionsError: as many are under way as may be.
        """
        underway = sum(execution.owner == owner for execution in self.underway.values())
        self._library.quotas.check_executions(underway)
        if len(self.underway) >= self._most:
            raise TooManyExecutionsError(self._most)

    # A life

    async def run(self, execution: Execution, account: Account) -> None:
        """Run an execution to its end, and close its books; it is among those under way already."""
        try:
            await execution.run()
        finally:
            if execution.state is ExecutionState.FAILED:
                self._recordings.land(execution.id)
            self._recordings.end(execution.id, "ended")
            del self.underway[execution.id]
            self.totals.close(execution)
            if not isinstance(execution, DurableExecution):
                finished = self._remember(execution)
                if self._keeper.is_keeping:
                    self._keeper.keep_later(record_of_execution(finished.owner, finished.kept()))
            elif execution.is_suspended:
                await self.durable.rest(execution)
            else:
                await self.durable.settle(execution, self._remember(execution))
            execution.empty()
            account.close()

    def _remember(self, execution: Execution) -> Finished:
        """Keep an execution for inspection that has just ended."""
        finished = Finished(
            execution.owner,
            execution.snapshot(),
            execution.logs(),
            execution.statistics(),
            execution.shared.log_buffer.size_bytes,
            execution.logged,
            execution.ending,
            execution.kept_outputs,
            execution.output_count,
        )
        self.history.add(finished)
        return finished

    def _forgotten(self, finished: Finished) -> None:
        self._keeper.keep_later(removal_of_execution(finished.owner, finished.id))

    # Found again

    def record(self, execution_id: str) -> Execution | Suspended | Finished:
        """Look up an execution that is under way or waits, or what is kept of one that has ended.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        underway = self.underway.get(execution_id) or self.durable.find(execution_id)
        return self.history.record(execution_id) if underway is None else underway

    def living(self) -> list[Execution]:
        """Return those that run or are paused, oldest first."""
        living = (ExecutionState.RUNNING, ExecutionState.PAUSED)
        return [each for each in self.underway.values() if each.state in living]

    def durable_underway(self) -> list[DurableExecution]:
        """Return those under way that go on after a restart."""
        return [each for each in self.underway.values() if isinstance(each, DurableExecution)]

    def newest_running(self, graph_id: str) -> str | None:
        """Return the id of a graph's running execution that was started last; None where none runs."""
        underway = reversed(self.underway.values())
        running = (each for each in underway if each.state is ExecutionState.RUNNING)
        return next((execution.id for execution in running if execution.graph.id == graph_id), None)

    def heritage(self, graph_id: str) -> Heritage | None:
        """Return what a graph's newest execution leaves to a later revision; None where none is under way."""
        living = (ExecutionState.RUNNING, ExecutionState.PAUSED)
        newest = (each for each in reversed(self.underway.values()) if each.state in living)
        return next((Heritage(each.instances) for each in newest if each.graph.id == graph_id), None)

    def known(self, owner: str | None) -> list[Execution | Finished]:
        """Return all that are under way, wait or are kept, or those of one owner; oldest first."""
        underway = self.underway.values()
        known: list[Execution | Finished] = [*self.history.records(), *self.durable.interrupted, *underway]
        wanted = [execution for execution in known if owner in (None, execution.owner)]
        return sorted(wanted, key=_created_at)

    async def page(
        self,
        owner: str | None,
        state: ExecutionState | None,
        graph_id: str | None,
        offset: int,
        limit: int | None,
    ) -> tuple[list[ListedExecution], int]:
        """Return a page of those of an owner, in a state, of a graph, and how many there are; None stands for any.

        Only what is on the page is read.
        """
        found = [
            execution
            for execution in self.known(owner)
            if (state is None or execution.state is state) and (graph_id is None or execution.graph_id == graph_id)
        ]
        page = found[offset:] if limit is None else found[offset : offset + limit]
        return [await in_slices(execution.read_listed()) for execution in page], len(found)

    def counts(self, owner: str | None) -> RuntimeTotals:
        """Return counts of what there is now and of what was processed since the start, of all or of one owner."""
        executions = [each for each in self.underway.values() if owner in (None, each.owner)]
        ended = self.totals.processed if owner is None else self.totals.processed_by[owner]
        return RuntimeTotals(
            loaded_graphs=len(self._library.graphs(owner=owner)),
            active_executions=len(executions),
            total_messages_processed=ended + sum(execution.messages_processed for execution in executions),
        )


def _created_at(execution: Execution | Finished) -> str:
    return execution.created_at
