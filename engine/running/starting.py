"""The start of executions, from nothing or from a moment of an earlier one."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from uuid import uuid4

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import encoded
from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import in_slices
from engine.durability.durable_execution import DurableExecution
from engine.errors import ExecutionNotFoundError
from engine.execution.execution import Execution
from engine.execution.heritage import Heritage
from engine.handle import begin_recording
from engine.journal.head import Circumstances, surroundings_of
from engine.journal.recordings import Recordings
from engine.keeping.keeper import Keeper
from engine.keeping.records import KeptBeginning, beginning, record_of_execution
from engine.library import Library
from engine.memory.ledger import Account
from engine.memory.starvation import Spawn
from engine.running.assembly import FIRST_RUN, Assembly, Rerun, refuse_unfit
from engine.running.executions import Executions
from proto.execution import ExecuteOptions, ExecutionSnapshot


class Starting:
    """The start of a runtime's executions.

    Args:
        assembly: makes them.
        executions: those that there are.
        library: has their graphs.
        keeper: writes that they have begun.
        recordings: take note of them from their start, where that was asked for.
        spawn: starts a task that outlives whoever asks.
    """

    def __init__(
        self,
        assembly: Assembly,
        executions: Executions,
        library: Library,
        keeper: Keeper,
        recordings: Recordings,
        spawn: Spawn,
    ) -> None:
        self._assembly = assembly
        self._executions = executions
        self._durable = executions.durable
        self._library = library
        self._keeper = keeper
        self._recordings = recordings
        self._spawn = spawn

    async def execute(
        self,
        graph_id: str,
        options: ExecuteOptions,
        on_created: Callable[[str], None] | None,
        heritage: Heritage | None,
        rerun: Rerun,
    ) -> ExecutionSnapshot:
        """Start an execution from nothing; :meth:`engine.runtime.Runtime.execute` says the rest."""
        graph = self._library.graph(graph_id)
        inputs, values = await self._assembly.beginning(graph, options)
        while (present := self._library.graph(graph_id)) is not graph:  # it was replaced meanwhile, or is gone
            graph = present
            inputs, values = await self._assembly.beginning(graph, options)
        self._executions.refuse_too_many(graph.owner)
        way = self._assembly.way(graph, options)
        is_durable = self._durable.are_wanted(graph, options)
        account = self._assembly.open_account(graph, inputs, values.used_bytes)
        self._library.quotas.spend(graph.owner, (len(message.value) for _, message in inputs))
        execution = self._assembly.made(
            str(uuid4()), graph, way, values, account, heritage, is_durable=is_durable, rerun=rerun
        )
        rerun.prepare(execution)
        self._record(execution, options, way)
        self._executions.underway[execution.id] = execution
        try:
            if isinstance(execution, DurableExecution):
                await self._durable.begin(execution, way, None if options.inputs is None else inputs)
            elif self._keeper.is_keeping:
                self._keeper.keep_later(record_of_execution(graph.owner, beginning(execution.head())))
            if on_created is not None:
                on_created(execution.id)
        except BaseException:  # the watcher's choice fits another version of the graph than there is by now
            del self._executions.underway[execution.id]
            self._recordings.end(execution.id, "stopped")
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
        options: ExecuteOptions,
        graph_id: str | None,
        execution_id: str | None,
        on_created: Callable[[str], None] | None,
        graph: LoadedGraph | None = None,
        rerun: Rerun = FIRST_RUN,
    ) -> ExecutionSnapshot:
        """Start one that goes on from a moment; :meth:`engine.runtime.Runtime.start_from` says the rest."""
        if graph is None:
            graph = self._library.graph(checkpoint.graph_id if graph_id is None else graph_id)
        inputs, values = await self._assembly.beginning(graph, options)
        if execution_id is not None:
            self._executions.refuse_taken(execution_id, graph.owner)
        self._executions.refuse_too_many(graph.owner)
        account = self._assembly.open_account(graph, inputs, values.used_bytes)
        way = self._assembly.way(graph, options)
        try:
            await refuse_unfit(checkpoint, graph, account)
            execution = self._assembly.made(
                execution_id or str(uuid4()),
                graph,
                way,
                values,
                account,
                is_durable=False,
                rerun=rerun,
                begins_from=checkpoint,
            )
            rerun.prepare(execution)
            if on_created is not None:
                on_created(execution.id)
        except BaseException:
            account.close()
            raise
        with suppress(ExecutionNotFoundError):
            self._executions.history.forget(execution.id)
        self._record(execution, options, way, is_from_start=False)
        recorder = execution.shared.recorder
        if recorder is not None and recorder.checkpointing is not None:
            try:
                recorder.checkpointed(checkpoint.sequence, await in_slices(encoded(checkpoint)))
            except BaseException:
                self._recordings.end(execution.id, "stopped")
                account.close()
                raise
        self._executions.underway[execution.id] = execution
        if self._keeper.is_keeping:
            self._keeper.keep_later(record_of_execution(graph.owner, beginning(execution.head())))
        await self._start(execution, account)
        if options.inputs is not None:
            execution.begin_with(inputs)
        return await in_slices(execution.read_snapshot())

    async def _start(self, execution: Execution, account: Account) -> None:
        """Start an execution; return when it takes commands, or has ended."""
        self._spawn(partial(self._executions.run, execution, account))
        try:
            await execution.started.wait()
        except BaseException:
            execution.abandon()  # its id has reached nobody, so nobody could ever stop it
            raise

    def _record(
        self, execution: Execution, options: ExecuteOptions, way: KeptBeginning, *, is_from_start: bool = True
    ) -> None:
        """Let note be taken of an execution from its start, if that was asked for."""
        level = options.recording or execution.graph.definition.recording
        flight_bytes = 0
        if level is msgspec.UNSET:
            flight_bytes = self._recordings.flight_bytes
            level = "full" if flight_bytes else "off"
        if level != "off":
            circumstances = Circumstances(
                level=level,
                began_ms=self._recordings.now_ms(),
                is_from_start=is_from_start,
                seed=execution.seed,
                parameters=options.parameters,
                completion=way.completion,
                is_chained=self._assembly.chaining,
                **surroundings_of(execution.graph, self._library.vault.of(execution.owner)),
            )
            begin_recording(self._recordings, execution, circumstances, flight_bytes=flight_bytes)
