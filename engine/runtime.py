"""The only door to executions: nothing outside touches an instance, an inbox or a guest.

What may be large is read in slices by the methods that are ``async``; the others read at once, for programs whose
graphs are small and for what costs next to nothing.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import msgspec
import trio

from engine.builtin.io_http_request import open_client
from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.weight import weight_of
from engine.compile.execution_values import fill_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.template import FilledGraph
from engine.components.registry import Registry
from engine.components.sandboxed import open_sandboxes
from engine.components.source import FetchSource, no_source
from engine.contracts.observer import ExecutionObserver
from engine.contracts.reports import Sink
from engine.contracts.surroundings import Vault
from engine.cooperative.slices import in_slices
from engine.durability.checkpoints import DurabilityStatistics
from engine.durability.durable_execution import DurableExecution
from engine.durability.durable_executions import DurableExecutions, Interrupted
from engine.errors import (
    EngineError,
    ExecutionExistsError,
    ExecutionNotFoundError,
    IllegalTransitionError,
    MemoryBoundError,
    TooManyExecutionsError,
)
from engine.execution.build import StandIn, no_stand_in
from engine.execution.execution import Execution
from engine.execution.heritage import Heritage
from engine.execution.injection import Located, locate
from engine.execution.lifecycle import TERMINAL
from engine.execution.shared import ExecutionShared
from engine.handle import ExecutionHandle, begin_recording, stop_if_running
from engine.history import Finished, History, Suspended
from engine.journal.head import Circumstances
from engine.journal.recordings import Recordings
from engine.keeping.keeper import Keeper
from engine.keeping.records import (
    EXECUTION,
    KeptBeginning,
    beginning,
    cut_off,
    execution_in,
    record_of_execution,
    removal_of_execution,
)
from engine.library import Library
from engine.limits import EngineLimits
from engine.memory.lease import MESSAGE_BYTES
from engine.memory.ledger import Account
from engine.restoring import Restored
from engine.totals import RuntimeStatistics, Totals, runtime_statistics
from engine.versions import UNCONDITIONAL, Condition
from engine.wall_clock import WallClock
from proto.component import ExecutionLimits
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState, ListedExecution
from proto.reload import ReloadedExecution, ReloadRequest
from proto.statistics import RuntimeTotals
from workers.bounds import PoolBounds
from workers.pool import Pool, open_pool


class Rerun(NamedTuple):
    """An earlier execution that is to come again.

    Attributes:
        seed: where its randomness comes from; a random one when absent.
        stand_in: makes the handlers of nodes whose components are not to work.
        prepare: is given what the instances share, before there is any.
    """

    seed: int | None = None
    stand_in: StandIn = no_stand_in
    prepare: Callable[[ExecutionShared], None] = lambda _: None


FIRST_RUN = Rerun()

REPLAY_BOUNDS = PoolBounds(
    processes=1,
    memory_bytes=2**40,  # guests reserve address space that they do not use
    file_bytes=256 * 1024 * 1024,  # what is compiled is kept
)

EXECUTION_BYTES = 32 * 1024
"""Bytes charged for an execution beside its nodes."""

NODE_BYTES = 11 * 1024
"""Bytes charged for each of its nodes, whatever it does: 8 kB were measured; the rest pays for
the small messages that may always wait before it, and for what it may have in hand."""

SUSPENSION_SECONDS = 5.0
"""The time for last checkpoints at the end of a runtime; what has none by then repeats more after a restart."""


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
        open_sandboxes(cache_folder, maximum_guest_limits, limits, compiler_processes, clock.milliseconds) as host,
        trio.open_nursery() as nursery,
    ):
        registry = Registry(host, limits, open_http_client, fetch_source, sink, workers)
        nursery.start_soon(keeper.run)
        nursery.start_soon(recordings.run)
        runtime = Runtime(nursery, registry, limits, clock, workers, keeper, recordings, vault, chaining=chaining)
        runtime.replayers = replayers
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
    """

    replayers: Pool

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
        self._nursery = nursery
        self._registry = registry
        self._clock = clock
        self._chaining = chaining
        self._observers: list[ExecutionObserver] = []
        self._executions: dict[str, Execution] = {}
        self._history = History(
            limits.finished_executions,
            self.ledger,
            most_bytes=limits.finished_bytes,
            owner_bytes=limits.owner_finished_bytes,
            on_forgotten=self._forgotten,
        )
        self._totals = Totals()
        self._durable = DurableExecutions(keeper, self.library, clock, nursery.start_soon, self._history)
        self.library.held_versions = self._durable.versions_of

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
            for execution in self._executions.values():
                if execution.graph.id == graph_id:
                    nursery.start_soon(partial(stop_if_running, execution, drain=drain))
            for suspended in self._durable.interrupted:
                if suspended.graph_id == graph_id:
                    nursery.start_soon(suspended.end)

    def _running_graphs(self) -> list[LoadedGraph]:
        """Return the graphs of all executions under way, in the versions that those have begun with."""
        return [execution.graph for execution in self._executions.values()]

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
        options = options or ExecuteOptions()
        graph = self.library.graph(graph_id)
        inputs, values = await self._beginning(graph, options)
        while (present := self.library.graph(graph_id)) is not graph:  # it has been replaced meanwhile, or is gone
            graph = present
            inputs, values = await self._beginning(graph, options)
        self._refuse_too_many(graph.owner)
        way = self._way(graph, options)
        is_durable = self._durable.are_wanted(graph, options)
        account = self._open_account(graph, inputs, values.used_bytes)
        self.library.quotas.spend(graph.owner, (len(message.value) for _, message in inputs))
        execution = self._made(
            str(uuid4()), graph, way, values, account, heritage, is_durable=is_durable, rerun=rerun
        )
        rerun.prepare(execution.shared)
        self._record(execution, options, way)
        self._executions[execution.id] = execution
        try:
            if isinstance(execution, DurableExecution):
                await self._durable.begin(execution, way, None if options.inputs is None else inputs)
            elif self.keeper.is_keeping:
                self.keeper.keep_later(record_of_execution(graph.owner, beginning(execution.head())))
            if on_created is not None:
                on_created(execution.id)
        except BaseException:  # the watcher's choice fits another version of the graph than there is by now
            del self._executions[execution.id]
            self.recordings.end(execution.id, "stopped")
            account.close()
            if isinstance(execution, DurableExecution):
                execution.give_up()
                await self._durable.forget(execution)
            raise
        await self._start(execution, account)
        if options.inputs is not None:
            execution.begin_with(inputs)
        elif isinstance(execution, DurableExecution):
            execution.begin()
        return await in_slices(execution.read_snapshot())

    async def start_from(
        self,
        checkpoint: Checkpoint,
        options: ExecuteOptions | None = None,
        *,
        graph_id: str | None = None,
        execution_id: str | None = None,
        on_created: Callable[[str], None] | None = None,
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
            on_created: as for ``execute``.

        Raises:
            CheckpointMismatchError: the graph cannot go on from there; nothing was started.
            ExecutionExistsError: an execution of this id is under way, or is somebody else's.
            EngineError: as for ``execute``.
        """
        options = options or ExecuteOptions()
        graph = self.library.graph(checkpoint.graph_id if graph_id is None else graph_id)
        inputs, values = await self._beginning(graph, options)
        if execution_id is not None:
            self._refuse_taken(execution_id, graph.owner)
        self._refuse_too_many(graph.owner)
        account = self._open_account(graph, inputs, values.used_bytes)
        way = self._way(graph, options)
        try:
            _refuse_heavy(checkpoint, account)
            execution = self._made(
                execution_id or str(uuid4()), graph, way, values, account, is_durable=False, begins_from=checkpoint
            )
            if on_created is not None:
                on_created(execution.id)
        except BaseException:
            account.close()
            raise
        with suppress(ExecutionNotFoundError):
            self._history.forget(execution.id)
        self._record(execution, options, way)
        self._executions[execution.id] = execution
        if self.keeper.is_keeping:
            self.keeper.keep_later(record_of_execution(graph.owner, beginning(execution.head())))
        await self._start(execution, account)
        if options.inputs is not None:
            execution.begin_with(inputs)
        return await in_slices(execution.read_snapshot())

    async def checkpoint(self, execution_id: str) -> Checkpoint:
        """Return an execution as it is at this moment, without stopping it.

        Raises:
            ExecutionNotFoundError: there is none with this id.
            IllegalTransitionError: it has not begun, or has ended.
        """
        execution = self._executions.get(execution_id)
        if execution is None:
            ended = self._history.record(execution_id).head()
            raise IllegalTransitionError(execution_id, "take a checkpoint of", ended.state)
        return await execution.checkpoint()

    def _refuse_taken(self, execution_id: str, owner: str) -> None:
        """Refuse an id that an execution under way has, or one that has ended and was somebody else's."""
        ended = next((each for each in self._history.records() if each.id == execution_id), None)
        is_underway = execution_id in self._executions or self._durable.find(execution_id) is not None
        if is_underway or (ended is not None and ended.owner != owner):
            raise ExecutionExistsError(execution_id)

    def _refuse_too_many(self, owner: str) -> None:
        underway = sum(execution.owner == owner for execution in self._executions.values())
        self.library.quotas.check_executions(underway)
        limit = self.limits.max_concurrent_executions
        if len(self._executions) >= limit:
            raise TooManyExecutionsError(limit)

    def _way(self, graph: LoadedGraph, options: ExecuteOptions) -> KeptBeginning:
        default_timeout_ms = 0.0 if graph.is_long_lived else self.limits.default_timeout_ms
        return KeptBeginning(
            options.completion or ("manual" if graph.is_long_lived else "auto"),
            default_timeout_ms if options.timeout_ms is None else options.timeout_ms,
            options.parameters,
        )

    async def _start(self, execution: Execution, account: Account) -> None:
        """Start an execution; return when it takes commands, or has ended."""
        self._nursery.start_soon(self._run, execution, account)
        try:
            await execution.started.wait()
        except BaseException:
            execution.abandon()  # its id has reached nobody, so nobody could ever stop it
            raise

    def _made(
        self,
        execution_id: str,
        graph: LoadedGraph,
        way: KeptBeginning,
        values: FilledGraph,
        account: Account,
        heritage: Heritage | None = None,
        *,
        is_durable: bool,
        last_entry: int = 0,
        rerun: Rerun = FIRST_RUN,
        begins_from: Checkpoint | None = None,
    ) -> Execution:
        """Make an execution, of which nothing runs yet."""
        parts: dict[str, Any] = {
            "execution_id": execution_id,
            "graph": graph,
            "limits": self.limits,
            "completion": way.completion,
            "timeout_ms": way.timeout_ms,
            "observers": self._observers,
            "clock": self._clock,
            "chaining": self._chaining,
            "workers": self.workers,
            "account": account,
            "heritage": heritage,
            "values": values,
            "seed": rerun.seed,
            "stand_in": rerun.stand_in,
            "begins_from": begins_from,
            "parameters": way.parameters,
        }
        if not is_durable:
            return Execution(**parts)
        log = self._durable.open_log(graph.owner, execution_id, last_entry)
        return DurableExecution(log=log, keeper=self.keeper, counters=self._durable.counters, **parts)

    def _record(self, execution: Execution, options: ExecuteOptions, way: KeptBeginning) -> None:
        """Let note be taken of an execution from its start, if that was asked for."""
        level = options.recording or execution.graph.definition.recording
        if level is not msgspec.UNSET and level != "off":
            circumstances = Circumstances(
                level=level,
                began_ms=self.recordings.now_ms(),
                is_from_start=True,
                seed=execution.seed,
                parameters=options.parameters,
                completion=way.completion,
                is_chained=self._chaining,
            )
            begin_recording(self.recordings, execution, circumstances)

    async def _beginning(self, graph: LoadedGraph, options: ExecuteOptions) -> tuple[list[Located], FilledGraph]:
        """Return what an execution begins with: messages, and what is filled into its graph."""
        inputs = await locate(graph, options.inputs or (), self.limits, key="inputs")
        surroundings = self.library.vault.of(graph.owner)
        return inputs, await fill_graph(graph, options.parameters, surroundings, self.limits)

    def _open_account(self, graph: LoadedGraph, inputs: Sequence[Located], filled_bytes: int) -> Account:
        """Open an account that is charged with a new execution and what it begins with.

        ``filled_bytes`` are those that were filled into configurations.

        Raises:
            MemoryBoundError: there is no memory for it.
        """
        account = self.ledger.account(graph.owner)
        try:
            account.charge(EXECUTION_BYTES + NODE_BYTES * len(graph.nodes) + filled_bytes, "executions")
            account.charge(sum(len(message.value) + MESSAGE_BYTES for _, message in inputs), "held")
        except MemoryBoundError:
            account.close()
            raise
        return account

    async def _run(self, execution: Execution, account: Account) -> None:
        try:
            await execution.run()
        finally:
            self.recordings.end(execution.id, "ended")
            del self._executions[execution.id]
            self._totals.close(execution)
            if not isinstance(execution, DurableExecution):
                finished = self._remember(execution)
                if self.keeper.is_keeping:
                    self.keeper.keep_later(record_of_execution(finished.owner, finished.kept()))
            elif not execution.is_suspended:
                await self._durable.settle(execution, self._remember(execution))
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
        self._history.add(finished)
        return finished

    def _forgotten(self, finished: Finished) -> None:
        self.keeper.keep_later(removal_of_execution(finished.owner, finished.id))

    async def restore(self, *, goes_on: bool = True) -> Restored:
        """Take in what an earlier process has left in the store; for the start, before anybody is served.

        An execution that was under way when that process ended goes on where it is durable; otherwise it has
        failed, and says so.

        Args:
            goes_on: whether those go on at once; otherwise with :meth:`go_on`.

        Raises:
            StoreError: the store cannot be read.
        """
        restored = await self.library.restoring.begin()
        executions = 0
        async for record in self.keeper.kept(EXECUTION):
            kept = execution_in(record)
            if kept.snapshot.state not in TERMINAL and kept.durable is not None:
                self._durable.take(record.owner, kept)
                continue
            if kept.snapshot.state not in TERMINAL:
                kept = cut_off(kept)
                self.keeper.keep_later(record_of_execution(record.owner, kept))
            self._history.add(Finished.of(record.owner, kept))
            executions += 1
        await self.recordings.restore()
        gone_on = await self.go_on() if goes_on else 0
        return msgspec.structs.replace(restored, executions=executions, gone_on=gone_on)

    async def go_on(self) -> int:
        """Let durable executions of an earlier process go on that do not yet; return how many do now."""
        return await self._durable.go_on(self._resume)

    @property
    def interrupted(self) -> list[Suspended]:
        """The durable executions of an earlier process that cannot go on yet, each with the reason."""
        return self._durable.interrupted

    def durability(self) -> DurabilityStatistics:
        """Return the counters of durable executions and of their checkpoints."""
        durable = [each for each in self._executions.values() if isinstance(each, DurableExecution)]
        ages = [each.checkpoints.age_seconds for each in durable]
        oldest = max(ages, default=0.0)
        return DurabilityStatistics(len(durable), len(self.interrupted), oldest, self._durable.counters)

    async def suspend(self) -> None:
        """Bring durable executions to rest, so that they go on in another process."""
        durable = [each for each in self._executions.values() if isinstance(each, DurableExecution)]
        with trio.move_on_after(SUSPENSION_SECONDS):
            async with trio.open_nursery() as nursery:
                for execution in durable:
                    nursery.start_soon(execution.take_last_checkpoint)
        for execution in durable:
            execution.suspend()
        for execution in durable:
            await execution.finished.wait()

    async def _resume(self, interrupted: Interrupted) -> None:
        """Let a durable execution go on.

        Raises:
            EngineError: it cannot, for now.
        """
        graph, kept = interrupted.graph, interrupted.kept
        way = kept.durable
        assert way is not None  # noqa: S101 - it was taken for a durable one
        surroundings = self.library.vault.of(graph.owner)
        values = await fill_graph(graph, way.parameters, surroundings, self.limits)
        self._durable.let_go(kept.snapshot.id)
        account = self._open_account(graph, (), values.used_bytes)
        progress, checkpoint = interrupted.found or (None, None)
        if progress is not None and checkpoint is not None:  # the command counts, and not how far it had come
            checkpoint = msgspec.structs.replace(checkpoint, is_paused=progress.is_told_to_pause)
        try:
            if checkpoint is not None:
                _refuse_heavy(checkpoint, account)
            execution = self._made(
                kept.snapshot.id,
                graph,
                way,
                values,
                account,
                is_durable=True,
                last_entry=interrupted.last,
                begins_from=checkpoint,
            )
        except BaseException:
            account.close()
            raise
        assert isinstance(execution, DurableExecution)  # noqa: S101 - as it was asked for
        execution.begin_again(kept.snapshot, way.first_sequence, progress)
        self._executions[execution.id] = execution
        self._nursery.start_soon(self._run, execution, account)
        await execution.go_on(interrupted.entries, drain=interrupted.verdict == "drain")

    def execution(self, execution_id: str) -> ExecutionHandle:
        """Look up an execution that is under way, or what is kept of one that has ended.

        Raises:
            ExecutionNotFoundError: there is none with this id.
        """
        underway = self._executions.get(execution_id) or self._durable.find(execution_id)
        record = self._history.record(execution_id) if underway is None else underway
        return ExecutionHandle(record, self.library, self._history, self.recordings)

    def newest_running(self, graph_id: str) -> str | None:
        """Return the id of a graph's running execution that was started last; None where none runs."""
        underway = reversed(self._executions.values())
        running = (each for each in underway if each.state is ExecutionState.RUNNING)
        return next((execution.id for execution in running if execution.graph.id == graph_id), None)

    def heritage(self, graph_id: str) -> Heritage | None:
        """Return what a graph's newest execution leaves to one of a later revision; None where none is under way.

        Whoever holds it holds the state, which is charged to nobody once the execution has ended.
        """
        living = (ExecutionState.RUNNING, ExecutionState.PAUSED)
        newest = (each for each in reversed(self._executions.values()) if each.state in living)
        return next((Heritage(each.instances) for each in newest if each.graph.id == graph_id), None)

    async def reload_graph(self, graph_id: str) -> list[ReloadedExecution]:
        """Let all executions of a graph go over to its present version; return what has become of each."""
        latest = ReloadRequest(graph="latest")
        living = [each.id for each in self._living() if each.graph_id == graph_id]
        return [await self._reload(execution_id, latest) for execution_id in living]

    async def reload_component(self, component_id: str, *, owner: str = "") -> list[ReloadedExecution]:
        """Let all executions of an owner that use a component go over to its present version; as above."""
        present = ReloadRequest(components={component_id: None})
        living = [
            each.id
            for each in self._living()
            if each.owner == owner
            and any(node.component.definition.id == component_id for node in each.graph.nodes)
        ]
        return [await self._reload(execution_id, present) for execution_id in living]

    def _living(self) -> list[Execution]:
        living = (ExecutionState.RUNNING, ExecutionState.PAUSED)
        return [each for each in self._executions.values() if each.state in living]

    async def _reload(self, execution_id: str, request: ReloadRequest) -> ReloadedExecution:
        try:
            report = await self.execution(execution_id).reload(request)
        except EngineError as error:  # it may have ended meanwhile
            return ReloadedExecution(execution_id, "refused", str(error))
        return ReloadedExecution(execution_id, report.state, report.reason)

    def underway(self) -> list[str]:
        """Ids of the executions that have not ended."""
        return list(self._executions)

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
        found = [
            execution
            for execution in self._all(owner)
            if (state is None or execution.state is state) and (graph_id is None or execution.graph_id == graph_id)
        ]
        page = found[offset:] if limit is None else found[offset : offset + limit]
        return [await in_slices(execution.read_listed()) for execution in page], len(found)

    def _all(self, owner: str | None) -> list[Execution | Finished]:
        underway = self._executions.values()
        known: list[Execution | Finished] = [*self._history.records(), *self._durable.interrupted, *underway]
        wanted = [execution for execution in known if owner in (None, execution.owner)]
        return sorted(wanted, key=_created_at)

    # Sums

    def totals(self, *, owner: str | None = None) -> RuntimeTotals:
        """Return counts of what there is now and of what was processed since the start, of all or of one owner."""
        executions = [each for each in self._executions.values() if owner in (None, each.owner)]
        ended = self._totals.processed if owner is None else self._totals.processed_by[owner]
        return RuntimeTotals(
            loaded_graphs=len(self.library.graphs(owner=owner)),
            active_executions=len(executions),
            total_messages_processed=ended + sum(execution.messages_processed for execution in executions),
        )

    async def figures(self) -> RuntimeStatistics:
        """Return the sums over all executions since the start, and what lies in those that are under way."""
        underway = tuple(self._executions.values())
        workers = {"evaluate": self.workers.statistics(), "compile": self._registry.compiler_statistics()}
        sandbox = self._registry.sandbox_statistics()
        return await runtime_statistics(self._totals, underway, sandbox, len(self.library.graphs()), workers)


def _refuse_heavy(checkpoint: Checkpoint, account: Account) -> None:
    """Raise MemoryBoundError where there is no memory for what waits in a checkpoint."""
    refusal = account.refusal(weight_of(checkpoint))
    if refusal is not None:
        try:
            raise refusal
        finally:
            del refusal


def _created_at(execution: Execution | Finished) -> str:
    return execution.created_at
