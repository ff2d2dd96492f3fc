"""The only door to executions: nothing outside touches an instance, an inbox or a guest.

What may be large is read in slices by the methods that are ``async``; the others read at once, for programs whose
graphs are small and for what costs next to nothing.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import trio

from engine.builtin.io_http_request import open_client
from engine.checkpoint.checkpoint import Checkpoint
from engine.compile.loaded_graph import LoadedGraph
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.components.source import FetchSource, no_source
from engine.contracts.observer import ExecutionObserver
from engine.contracts.reports import Sink
from engine.contracts.surroundings import Vault
from engine.durability.checkpoints import DurabilityStatistics
from engine.errors import IllegalTransitionError
from engine.execution.heritage import Heritage
from engine.handle import ExecutionHandle, stop_if_running
from engine.history import Suspended
from engine.journal.recordings import Recordings
from engine.keeping.keeper import Keeper
from engine.library import Library
from engine.limits import EngineLimits
from engine.restoring import Restored
from engine.running import reloads
from engine.running.assembly import FIRST_RUN, Assembly, Rerun
from engine.running.executions import Executions
from engine.running.restarting import Restarting
from engine.running.starting import Starting
from engine.totals import RuntimeStatistics, runtime_statistics
from engine.versions import UNCONDITIONAL, Condition
from engine.wall_clock import WallClock
from proto.component import ExecutionLimits
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState, ListedExecution
from proto.reload import ReloadedExecution
from proto.statistics import RuntimeTotals
from workers.bounds import PoolBounds
from workers.pool import Pool, open_pool

REPLAY_BOUNDS = PoolBounds(
    processes=1,
    memory_bytes=2**40,  # guests reserve address space that they do not use
    file_bytes=256 * 1024 * 1024,  # what is compiled is kept
)

TRIAL_BOUNDS = PoolBounds(
    processes=2,
    memory_bytes=2**40,
    file_bytes=256 * 1024 * 1024,
    owner_waiting_tasks=20,  # each is somebody who waits for what they have just typed
)


@asynccontextmanager
async def open_runtime(
    *,
    limits: EngineLimits | None = None,
    cache_folder: Path | None = None,
    open_http_client: Callable[[], httpx.AsyncClient] = open_client,
    fetch_source: FetchSource = no_source,
    sink: Sink | None = None,
    clock: WallClock | None = None,
    maximum_guest_limits: ExecutionLimits | None = None,
    chaining: bool = True,
    worker_bounds: PoolBounds | None = None,
    compiler_processes: int | None = None,
    keeper: Keeper | None = None,
    vault: Vault | None = None,
) -> AsyncIterator["Runtime"]:
    """Open a runtime; at the end of the block all its executions are stopped and cleaned up.

    Args:
        limits: its bounds; the defaults when absent.
        cache_folder: where compiled guests are kept; the user's cache folder when absent.
        open_http_client: makes the client that a node uses for outgoing HTTP.
        fetch_source: fetches the source of a component that names a URL in its place; none are taken when absent.
        sink: takes what graphs report as metrics and log lines; they are only counted when absent.
        clock: the time of day.
        maximum_guest_limits: what a component may ask for; the runtime's own maximum where absent.
        chaining: whether linear runs of nodes with foreign code run as one, where they may (docs/decisions/0070).
        worker_bounds: of the processes for work that cannot be sliced; the defaults when absent.
        compiler_processes: modules that are compiled at once; the default when absent.
        keeper: lets graphs and executions outlive the process; nothing does when absent.
        vault: the variables and secrets that graphs may name; none when absent.
    """
    limits = limits or EngineLimits()
    clock = clock or WallClock()
    keeper = keeper or Keeper(None)
    recordings = Recordings(limits, clock, keeper.store, keeper.complain)
    fault: Exception | None = None
    async with (
        keeper.flushing(),
        recordings.flushing(),
        open_pool(worker_bounds) as workers,
        open_pool(REPLAY_BOUNDS) as replayers,
        open_pool(TRIAL_BOUNDS) as triers,
        open_sandboxes(cache_folder, maximum_guest_limits, limits, compiler_processes, clock.milliseconds) as host,
        trio.open_nursery() as nursery,
    ):
        registry = Registry(host, limits, open_http_client, fetch_source, sink, workers)
        nursery.start_soon(keeper.run)
        nursery.start_soon(recordings.run)
        runtime = Runtime(nursery, registry, limits, clock, workers, keeper, recordings, vault, chaining=chaining)
        runtime.replayers = replayers
        runtime.triers = triers
        runtime.maximum_guest_limits = maximum_guest_limits
        try:
            yield runtime
        except Exception as error:  # noqa: BLE001 - raised below, outside the nursery
            fault = error
        await runtime.suspend()
        nursery.cancel_scope.cancel()
    if fault is not None:  # as it came: that there is a nursery here is nobody's business
        try:
            raise fault
        finally:
            del fault


class Runtime:
    """A library of graphs and components, and the executions that run them. Made by :func:`open_runtime`.

    Attributes:
        limits: its bounds.
        library: graphs and components.
        ledger: of all memory that owners cause, in the engine and around it.
        workers: processes for work that cannot be sliced, shared fairly between owners.
        keeper: lets graphs and executions outlive the process.
        recordings: what was noted of executions.
        replayers: processes in which they are run again, in a time of their own.
        triers: processes in which components are tried.
        maximum_guest_limits: what a component may ask for.
    """

    replayers: Pool
    triers: Pool
    maximum_guest_limits: ExecutionLimits | None

    def __init__(
        self,
        nursery: trio.Nursery,
        registry: Registry,
        limits: EngineLimits,
        clock: WallClock,
        workers: Pool,
        keeper: Keeper,
        recordings: Recordings,
        vault: Vault | None = None,
        *,
        chaining: bool = True,
    ) -> None:
        self.limits = limits
        self.keeper = keeper
        self.recordings = recordings
        self.library = Library(registry, limits, clock, self._running_graphs, keeper, vault)
        self.ledger = self.library.ledger
        recordings.charge(self.ledger)
        self.workers = workers
        self._registry = registry
        self._observers: list[ExecutionObserver] = []
        spawn = nursery.start_soon
        self._executions = executions = Executions(limits, self.library, keeper, recordings, clock, spawn)
        self.library.held_versions = executions.durable.versions_of
        assembly = Assembly(
            limits, self.library, keeper, executions.durable, clock, workers, self._observers, chaining=chaining
        )
        self._starting = Starting(assembly, executions, self.library, keeper, recordings, spawn)
        self._restarting = Restarting(assembly, executions, self.library, keeper, recordings, spawn)

    # Watching

    def observe(self, observer: ExecutionObserver) -> None:
        """Tell ``observer`` of state changes, log lines and failures of all executions from now on."""
        self._observers.append(observer)

    # Graphs

    async def unload_graph(
        self, graph_id: str, *, drain: bool = False, condition: Condition = UNCONDITIONAL
    ) -> None:
        """Forget a graph, and stop its executions: at once, or after they have drained.

        Raises:
            GraphNotFoundError: there is none with this id.
            PreconditionFailedError: its present version is another than was expected.
        """
        await self.library.forget_graph(graph_id, condition)
        async with trio.open_nursery() as nursery:
            for execution in self._executions.underway.values():
                if execution.graph.id == graph_id:
                    nursery.start_soon(partial(stop_if_running, execution, drain=drain))
            for suspended in self.interrupted:
                if suspended.graph_id == graph_id:
                    nursery.start_soon(suspended.end)

    def _running_graphs(self) -> list[LoadedGraph]:
        """Return the graphs of all executions under way, as those run them and may be taken back to."""
        revisions = [execution.revisions for execution in self._executions.underway.values()]
        return [each.graph for known in revisions for each in (known.present, *known.former)]

    # Executions

    async def execute(
        self,
        graph_id: str,
        options: ExecuteOptions | None = None,
        *,
        on_created: Callable[[str], None] | None = None,
        heritage: Heritage | None = None,
        rerun: Rerun = FIRST_RUN,
    ) -> ExecutionSnapshot:
        """Start an execution; return when it runs, or when it has failed to initialise.

        Args:
            graph_id: the graph to run.
            options: the ways in which it runs.
            on_created: called with the execution's id before anything happens in it, so that a watcher misses
                nothing; where it raises, nothing is started.
            heritage: of an earlier revision of the graph, from :meth:`heritage`; its state goes on here.
            rerun: an earlier execution that is to come again.

        Raises:
            GraphNotFoundError: there is no such graph.
            TooManyExecutionsError: as many are under way as may be.
            QuotaError: the graph's owner has as many under way as they may.
            InjectionRateError: the owner injects more bytes per second than they may.
            MemoryBoundError: there is no memory for it; nothing was started.
            InvalidInjectionError: ``options.inputs`` name no port; nothing was started.
            InvalidParametersError: ``options.parameters`` lack one, or do not fit; nothing was started.
        """
        return await self._starting.execute(graph_id, options or ExecuteOptions(), on_created, heritage, rerun)

    async def start_from(
        self,
        checkpoint: Checkpoint,
        options: ExecuteOptions | None = None,
        *,
        graph_id: str | None = None,
        execution_id: str | None = None,
        on_created: Callable[[str], None] | None = None,
        graph: LoadedGraph | None = None,
        rerun: Rerun = FIRST_RUN,
    ) -> ExecutionSnapshot:
        """Start an execution that goes on from a moment of an earlier one; return when it runs.

        It is in memory alone, whatever the earlier one was.

        Args:
            checkpoint: that moment. What was due meanwhile is due at once.
            options: the ways in which it runs, as for ``execute``; its ``inputs`` come behind all else.
            graph_id: the graph to run, which has all nodes that anything is kept of; that of the checkpoint when
                absent.
            execution_id: that of the earlier execution, if this one is to stand in its place, also in what is
                kept of it; a new one when absent.
            on_created: as for ``execute``, but that the execution is not to be found yet.
            graph: to run in place of any of the library's, such as one with other code.
            rerun: as for ``execute``.

        Raises:
            CheckpointMismatchError: the graph cannot go on from there; nothing was started.
            ExecutionExistsError: an execution of this id is under way, or is somebody else's.
            EngineError: as for ``execute``.
        """
        return await self._starting.start_from(
            checkpoint, options or ExecuteOptions(), graph_id, execution_id, on_created, graph, rerun
        )

    async def fork(
        self,
        checkpoint: Checkpoint,
        graph_id: str,
        version: int | None,
        components: Sequence[Any],
        options: ExecuteOptions,
    ) -> ExecutionSnapshot:
        """Start an execution from a moment of another one, in a version of a graph, with other components.

        Raises:
            EngineError: as for ``start_from`` and :meth:`engine.library.Library.variant`; nothing was started.
        """
        graph = await self.library.variant(graph_id, version, components)
        return await self.start_from(checkpoint, options, graph=graph)

    async def checkpoint(self, execution_id: str) -> Checkpoint:
        """Return an execution as it is at this moment, without stopping it.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it has not begun, or has ended.
        """
        execution = self._executions.underway.get(execution_id)
        if execution is None:
            ended = self._executions.history.record(execution_id).head()
            raise IllegalTransitionError(execution_id, "take a checkpoint of", ended.state)
        return await execution.checkpoint()

    # After a restart

    async def restore(self, *, goes_on: bool = True) -> Restored:
        """Take in what an earlier process has left in the store; for the start, before anybody is served.

        An execution that was under way when that process ended goes on where it is durable; otherwise it has
        failed, and says so.

        Args:
            goes_on: whether those go on at once; otherwise with :meth:`go_on`.

        Raises:
            StoreError: the store cannot be read.
        """
        return await self._restarting.restore(goes_on=goes_on)

    async def go_on(self) -> int:
        """Let durable executions of an earlier process go on that do not yet; return how many do now."""
        return await self._restarting.go_on()

    @property
    def interrupted(self) -> list[Suspended]:
        """The durable executions of an earlier process that cannot go on yet, each with the reason."""
        return self._executions.durable.interrupted

    def durability(self) -> DurabilityStatistics:
        """Return the counters of durable executions and of their checkpoints."""
        return self._restarting.statistics()

    async def suspend(self) -> None:
        """Bring durable executions to rest, so that they go on in another process."""
        await self._restarting.suspend()

    # Executions that there are

    def execution(self, execution_id: str) -> ExecutionHandle:
        """Look up an execution that is under way, or what is kept of one that has ended.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        executions = self._executions
        return ExecutionHandle(executions.record(execution_id), self.library, executions.history, self.recordings)

    def newest_running(self, graph_id: str) -> str | None:
        """Return the id of a graph's running execution that was started last; None where none runs."""
        return self._executions.newest_running(graph_id)

    def heritage(self, graph_id: str) -> Heritage | None:
        """Return what a graph's newest execution leaves to one of a later revision; None where none is under way.

        Whoever holds it holds the state, which is charged to nobody once the execution has ended.
        """
        return self._executions.heritage(graph_id)

    async def reload_graph(self, graph_id: str) -> list[ReloadedExecution]:
        """Let all executions of a graph go over to its present version; return what has become of each."""
        return await reloads.reload_graph(self._executions, self.execution, graph_id)

    async def reload_component(self, component_id: str, *, owner: str = "") -> list[ReloadedExecution]:
        """Let all executions of an owner that use a component go over to its present version; as above."""
        return await reloads.reload_component(self._executions, self.execution, component_id, owner)

    def underway(self) -> list[str]:
        """Ids of the executions that have not ended."""
        return list(self._executions.underway)

    def executions(self, *, owner: str | None = None) -> list[ExecutionSnapshot]:
        """All executions that are under way or kept for inspection, or those of one owner; oldest first.

        They are read at once, and large ones take long: a service asks for ``list_executions``.
        """
        return [execution.snapshot() for execution in self._executions.known(owner)]

    async def list_executions(
        self,
        *,
        owner: str | None = None,
        state: ExecutionState | None = None,
        graph_id: str | None = None,
        offset: int = 0,
        limit: int | None = None,
    ) -> tuple[list[ListedExecution], int]:
        """Return a page of the executions that are under way or kept for inspection, oldest first.

        Only what is on the page is read.

        Args:
            owner: the owner whose executions they are; everybody's when absent.
            state: only those in it.
            graph_id: only those of it.
            offset: how many to leave out.
            limit: how many to list at most.

        Returns:
            The page, and how many there are in all.
        """
        return await self._executions.page(owner, state, graph_id, offset, limit)

    # Sums

    def totals(self, *, owner: str | None = None) -> RuntimeTotals:
        """Return counts of what there is now and of what was processed since the start, of all or of one owner."""
        return self._executions.counts(owner)

    async def figures(self) -> RuntimeStatistics:
        """Return the sums over all executions since the start, and what lies in those that are under way."""
        underway = tuple(self._executions.underway.values())
        workers = {"evaluate": self.workers.statistics(), "compile": self._registry.compiler_statistics()}
        sandbox = self._registry.sandbox_statistics()
        return await runtime_statistics(
            self._executions.totals, underway, sandbox, len(self.library.graphs()), workers
        )
