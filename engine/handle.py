"""One execution, as those outside the engine may use it: looked up once, then commanded and read.

A handle holds the execution itself, or what is kept of it after its end. It is made for one look-up and is cheap;
whoever comes back later looks the execution up again, and hears then if it has been forgotten meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec

from engine.checkpoint.encoding import encoded
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import NO_EDGE
from engine.contracts.observer import FlowObserver
from engine.cooperative.slices import in_slices
from engine.debugging.condition import Surroundings
from engine.debugging.debugger import Debugger
from engine.edge_handle import EdgeHandle
from engine.errors import (
    BreakpointNotFoundError,
    EdgeNotFoundError,
    EngineError,
    ExecutionNotFoundError,
    IllegalTransitionError,
    WaitingNotFoundError,
)
from engine.execution.edge_control import Queue
from engine.execution.edges import find_queue, queues_of, read_edges, read_waiting, shown_message
from engine.execution.execution import Execution
from engine.execution.injection import locate, messages_of
from engine.history import Finished, History, Suspended
from engine.journal.checkpointing import HEAVIEST_BYTES, Checkpointing
from engine.journal.head import Circumstances, described
from engine.journal.recorder import SEGMENT_BYTES, Recorder
from engine.journal.recordings import Recordings
from engine.library import Library
from engine.memory.ledger import Account
from engine.reload.reloader import Reloader, reloader_of
from proto.bottleneck import BottleneckReport
from proto.breakpoint import BreakpointRequest, BreakpointSnapshot
from proto.edge import EdgeSnapshot, WaitingMessage
from proto.execution import ExecutionSnapshot, InjectionReceipt, LogEntry, Output, OutputCounts
from proto.graph import Recording as Level
from proto.message import Injection
from proto.reload import HandledBy, ReloadPlan, ReloadReport, ReloadRequest
from proto.statistics import ExecutionStatistics, NodeLatency


class ExecutionHandle:
    """An execution that is under way or kept for inspection. Made by :meth:`engine.runtime.Runtime.execution`.

    Reading never fails. A command to an execution that has ended raises IllegalTransitionError.

    Args:
        record: the execution, or what is kept of it.
        library: has the bounds, quotas and memory that an injection is held to.
        history: the executions that have ended.
        recordings: what was noted of executions.
    """

    __slots__ = ("_history", "_library", "_record", "_recordings")

    def __init__(
        self, record: Execution | Finished, library: Library, history: History, recordings: Recordings
    ) -> None:
        self._recordings = recordings
        self._record = record
        self._library = library
        self._history = history

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._record.id

    @property
    def owner(self) -> str:
        """The owner of its graph."""
        return self._record.owner

    @property
    def is_durable(self) -> bool:
        """True where it goes on after a restart, if it has not ended."""
        return isinstance(self._record, Suspended) or (
            isinstance(self._record, Execution) and self._record.is_durable
        )

    @property
    def graph_id(self) -> str:
        """The id of its graph."""
        return self._record.graph_id

    @property
    def graph(self) -> LoadedGraph | None:
        """The graph that it runs, in the version that it runs now; None once it has ended."""
        return self._record.graph if isinstance(self._record, Execution) else None

    # Reading

    def head(self) -> ExecutionSnapshot:
        """Return the execution at this moment; while it lives, without its instances and its metrics."""
        return self._record.head()

    def snapshot(self) -> ExecutionSnapshot:
        """Return the execution at this moment, read at once: large ones take long."""
        return self._record.snapshot()

    async def read_snapshot(self) -> ExecutionSnapshot:
        """Return the execution at this moment, with its instances and its metrics."""
        return await in_slices(self._record.read_snapshot())

    async def read_metrics(self) -> ExecutionSnapshot:
        """Return the execution at this moment, with its metrics; while it lives, without its instances."""
        return await in_slices(self._record.read_metrics())

    def statistics(self) -> ExecutionStatistics:
        """Return where its messages are, and what holds them up; read at once, as :meth:`snapshot`."""
        return self._record.statistics()

    async def read_statistics(self) -> ExecutionStatistics:
        """Return the same, read in slices."""
        return await in_slices(self._record.read_statistics())

    async def read_bottlenecks(self) -> BottleneckReport:
        """Return what holds it up, ranked, and where the time of its nodes goes.

        Raises:
            IllegalTransitionError: it has ended; its statistics say where its time went.
        """
        return await in_slices(self._underway("look for the bottleneck of").read_bottlenecks())

    def node_latency(self, node_id: str) -> NodeLatency:
        """Return how long the invocations of a node took.

        Raises:
            NodeNotFoundError: there is no such node.
            IllegalTransitionError: it has ended; its statistics have the percentiles.
        """
        return self._underway("look at the latencies of").node_latency(node_id)

    async def read_edges(self) -> list[EdgeSnapshot]:
        """Return its edges at this moment, those of the graphs inside included.

        Raises:
            IllegalTransitionError: it has ended; its statistics say what became of them.
        """
        execution = self._underway("look at the edges of")
        return await in_slices(read_edges(execution.shared, execution.edge_control))

    async def read_edge(self, edge: str) -> EdgeSnapshot:
        """Return one edge at this moment, by its id, or else by its index.

        Raises:
            EdgeNotFoundError: there is none of this name.
            IllegalTransitionError: it has ended.
        """
        execution, queue = self._edge(edge)
        if queue.edge == NO_EDGE:
            raise EdgeNotFoundError(edge[:100])
        (snapshot,) = await in_slices(read_edges(execution.shared, execution.edge_control, [queue.edge]))
        return snapshot

    async def read_waiting(
        self, edge: str, most_bytes: int, offset: int = 0, limit: int | None = None
    ) -> tuple[list[WaitingMessage], int]:
        """Return the messages that wait on an edge, the oldest first, and how many there are in all.

        Args:
            edge: its id, or else its index.
            most_bytes: of a value that is shown; larger ones are left out.
            offset: how many to leave out.
            limit: how many to show at most.

        Raises:
            EdgeNotFoundError: there is none of this name.
            IllegalTransitionError: it has ended.
        """
        execution, queue = self._edge(edge)
        waiting = await in_slices(read_waiting(execution.shared, queue))
        page = waiting[offset:] if limit is None else waiting[offset : offset + limit]
        return [shown_message(execution.shared, message, most_bytes) for message in page], len(waiting)

    async def read_waiting_message(self, edge: str, sequence: str) -> WaitingMessage:
        """Return one message that waits on an edge, by its number, whole.

        Raises:
            WaitingNotFoundError: it does not wait there.
            EdgeNotFoundError: there is no edge of this name.
            IllegalTransitionError: it has ended.
        """
        execution, queue = self._edge(edge)
        waiting = await in_slices(read_waiting(execution.shared, queue))
        found = next((message for message in waiting if str(message.sequence) == sequence), None)
        if found is None:
            raise WaitingNotFoundError(sequence[:100])
        return shown_message(execution.shared, found, len(found.value))

    def _edge(self, edge: str) -> tuple[Execution, Queue]:
        execution = self._underway("look at the edges of")
        return execution, find_queue(execution.graph, edge)

    def breakpoints(self) -> list[BreakpointSnapshot]:
        """Return its breakpoints, the oldest first.

        Raises:
            IllegalTransitionError: it has ended, and they with it.
        """
        debugger = self._underway("look at the breakpoints of").debugger
        return debugger.all() if isinstance(debugger, Debugger) else []

    def breakpoint(self, breakpoint_id: str) -> BreakpointSnapshot:
        """Return one of its breakpoints.

        Raises:
            BreakpointNotFoundError: it has none of this id.
            IllegalTransitionError: it has ended.
        """
        return self._debugger("look at the breakpoints of", breakpoint_id).one(breakpoint_id)

    def _debugger(self, command: str, breakpoint_id: str) -> Debugger:
        debugger = self._underway(command).debugger
        if not isinstance(debugger, Debugger):
            raise BreakpointNotFoundError(breakpoint_id[:100])
        return debugger

    def state(self) -> Mapping[str, Mapping[str, bytes]]:
        """Return what its nodes keep with ``setState``, as JSON texts by node and key, while it is under way."""
        if isinstance(self._record, Finished):
            return {}
        states = {
            each.node.id: each.handlers[0].innermost().state() for each in self._record.instances if each.handlers
        }
        return {node_id: dict(state) for node_id, state in states.items() if state}

    def logs(self) -> list[LogEntry]:
        """Return the latest log lines of its handlers, oldest first."""
        return self._record.logs()

    @property
    def logged(self) -> int:
        """The number of lines that its handlers have logged, kept or not."""
        return self._record.logged

    @property
    def output_count(self) -> int:
        """The number of values that have left its graph, kept or not."""
        return self._record.output_count

    def output_counts(self, place: str | None = None) -> OutputCounts:
        """Return how many values have left, and how many are kept: at one port, such as ``node:port``, or at all.

        Where none are kept those of one port are not counted.
        """
        kept = self._record.kept_outputs
        if kept is None:
            return OutputCounts(self._record.output_count if place is None else 0)
        return kept.counts(place)

    def outputs(self, place: str | None = None, after: int = 0) -> Iterator[Output]:
        """Return the outputs that are kept at this moment, in the order in which they left.

        Args:
            place: only those of this port, such as ``node:port``.
            after: only those with a greater number.
        """
        kept = self._record.kept_outputs
        return iter(()) if kept is None else kept.read(place, after)

    def open_account(self) -> Account:
        """Open an account of its owner's memory, for what is kept on its behalf outside of it."""
        return self._library.ledger.account(self._record.owner)

    @contextmanager
    def watch(self, observer: FlowObserver) -> Iterator[None]:
        """Tell ``observer`` of every hop, or of outputs only, for the length of the block.

        Raises:
            ExecutionNotFoundError: it is not under way.
        """
        record = self._record
        if isinstance(record, Finished) or record.finished.is_set():
            raise ExecutionNotFoundError(record.id)
        record.add_flow_observer(observer)
        try:
            yield
        finally:
            record.remove_flow_observer(observer)

    async def wait_finished(self) -> ExecutionSnapshot:
        """Wait for its end, whatever it is."""
        if isinstance(self._record, Execution):
            await self._record.finished.wait()
        return await self.read_snapshot()

    async def wait_quiescent(self) -> ExecutionSnapshot:
        """Wait until nothing is in flight in it, or it has ended."""
        await self._record.wait_quiescent()
        return await self.read_snapshot()

    # Commands

    def record(self, level: Level) -> None:
        """Take note of what happens in it from now on, in place of what was noted before; or, ``off``, no more.

        Raises:
            IllegalTransitionError: it has ended.
        """
        execution = self._underway("record")
        self._recordings.end(execution.id, "stopped")
        if level != "off":
            circumstances = Circumstances(
                level=level,
                began_ms=self._recordings.now_ms(),
                is_from_start=False,
                seed=execution.seed,
                is_chained=False,
            )
            begin_recording(self._recordings, execution, circumstances)

    async def inject(
        self, messages: Sequence[Injection], *, final: bool = False, cause: str = ""
    ) -> InjectionReceipt:
        """Push messages into it, in order; with ``final`` they are the last ones.

        ``cause`` is what flow observers are told of where they come from.

        Raises:
            InvalidInjectionError: a message names no port, or its value is too large; none was taken in.
            IllegalTransitionError: the execution takes no messages in its present state.
            InputsClosedError: it was told before that no more input is coming.
            OverloadedError: a bound was met; ``accepted`` says how many had been taken in.
        """
        execution = self._underway("inject into")
        library = self._library
        limits, ledger, owner = library.limits, library.ledger, execution.owner
        if ledger.refusal(owner, limits.value_bytes) is not None:  # seldom
            ledger.require(owner, max([len(message.value) for message in messages], default=0))
        graph = execution.graph
        located = await locate(graph, messages, limits)
        while execution.graph is not graph:  # it has been changed meanwhile
            graph = execution.graph
            located = await locate(graph, messages, limits)
        library.quotas.spend(owner, (len(message.value) for _, message in located))
        if len(located) == len(messages):
            return await execution.inject(located, final=final, cause=cause)
        try:
            receipt = await execution.inject(located, final=final, cause=cause)
        except EngineError as error:
            error.accepted = messages_of(execution.graph, messages, error.accepted)
            raise
        return msgspec.structs.replace(receipt, accepted=len(messages))

    def edge(self, edge: str) -> EdgeHandle:
        """Return one of its edges, to be commanded; its id, or else its index, or ``input:`` and a node's id.

        Raises:
            EdgeNotFoundError: there is none of this name.
            IllegalTransitionError: it has ended.
        """
        execution, queue = self._edge(edge)
        return EdgeHandle(execution, [queue], self._library)

    def edges_of(self, node_id: str) -> EdgeHandle:
        """Return the edges that lead to a node, or to those inside one that uses a graph, and what is injected.

        Raises:
            NodeNotFoundError: there is no such node.
            IllegalTransitionError: it has ended.
        """
        execution = self._underway("command the edges of")
        return EdgeHandle(execution, queues_of(execution.graph, node_id), self._library)

    async def pause(self) -> ExecutionSnapshot:
        """Hold its messages; when this returns no handler is running.

        Raises:
            IllegalTransitionError: it is not running.
        """
        await self._underway("pause").pause()
        return await self.read_snapshot()

    async def resume(self) -> ExecutionSnapshot:
        """Let it go on after a pause, with what it holds first.

        Raises:
            IllegalTransitionError: it is not paused.
        """
        await self._underway("resume").resume()
        return await self.read_snapshot()

    async def complete(self) -> ExecutionSnapshot:
        """Tell it that no more input is coming; it ends when it has processed what it has.

        Raises:
            IllegalTransitionError: it is neither running nor paused.
        """
        await self._underway("complete").end_input()
        return await self.read_snapshot()

    async def stop(self, *, drain: bool = False) -> ExecutionSnapshot:
        """End it, at once or after it has drained; return when it has left nothing behind.

        Raises:
            IllegalTransitionError: it has ended already.
        """
        if isinstance(self._record, Suspended):
            await self._record.end()
            self._record = self._history.record(self.id)
        else:
            await self._underway("stop").stop(drain=drain)
        return await self.read_snapshot()

    async def set_breakpoint(self, wanted: BreakpointRequest) -> BreakpointSnapshot:
        """Set a breakpoint; it looks at what comes from now on, and at what waits.

        Raises:
            InvalidBreakpointError: it names nothing of the graph, or its condition is none.
            TooManyBreakpointsError: it has as many as it may.
            MemoryBoundError: there is no memory for it.
            IllegalTransitionError: it is not running or paused, or drains.
            NotKeptError: it is durable, and cannot be written: the breakpoint goes with the process.
        """
        execution = self._underway("set a breakpoint in")
        if not execution.started.is_set():
            await execution.started.wait()
        debugger = debugger_of(execution, self._library)
        made = await debugger.set(wanted)
        await execution.remember_breakpoints(debugger.kept())
        return made

    async def remove_breakpoint(self, breakpoint_id: str) -> None:
        """Remove a breakpoint; what it holds goes on.

        Raises:
            BreakpointNotFoundError: it has none of this id.
            IllegalTransitionError: it has ended.
            NotKeptError: it is durable, and cannot be written: the breakpoint is there again after a restart.
        """
        debugger = self._debugger("remove a breakpoint of", breakpoint_id)
        await debugger.remove(breakpoint_id)
        await self._underway("remove a breakpoint of").remember_breakpoints(debugger.kept())

    async def release(
        self,
        breakpoint_id: str,
        verb: str,
        *,
        hold: int | None = None,
        value: bytes | None = None,
        port: str | None = None,
    ) -> BreakpointSnapshot:
        """Do something with what a breakpoint holds, and return the breakpoint.

        ``hold`` names what is meant, ``value`` is that of ``edit`` and ``retry``, ``port`` that of ``skip``
        (:meth:`engine.debugging.debugger.Debugger.obey`).

        Raises:
            BreakpointNotFoundError: it has none of this id.
            NothingHeldError: the breakpoint does not hold what is meant.
            VerbRefusedError: what is held does not take the verb.
            InvalidBreakpointError: the value is none that may be.
            MemoryBoundError: there is no memory for the value.
            IllegalTransitionError: it has ended.
        """
        debugger = self._debugger(f"{verb} in", breakpoint_id)
        if value is not None:
            self._library.quotas.spend(self._record.owner, [len(value)])
        return await debugger.obey(breakpoint_id, verb, hold=hold, value=value, port=port)

    # Changing what it runs

    async def plan_reload(self, request: ReloadRequest) -> ReloadPlan:
        """Return what a reload would do; its problems say why it cannot be done.

        Raises:
            IllegalTransitionError: it is neither running nor paused, or about to end.
            EngineError: the request names what there is not, or a graph that cannot be.
        """
        return await self._reloader().plan(request)

    async def reload(self, request: ReloadRequest) -> ReloadReport:
        """Change what it runs, without losing a message; return how far that is when done, or after a second.

        Raises:
            ReloadUnderWayError: it is being changed, or a change is on trial.
            ReloadRefusedError: it cannot be done; nothing has changed.
            EngineError: as :meth:`plan_reload`.
        """
        return await self._reloader().reload(request)

    async def roll_back(self) -> ReloadReport:
        """Take it back to the revision before the present one; a trial ends.

        Raises:
            ReloadUnderWayError: it is being changed.
            NothingToRollBackError: there is none that is kept.
            ReloadRefusedError: it cannot go back; nothing has changed.
        """
        return await self._reloader().roll_back()

    def handled_by(self) -> Mapping[str, HandledBy]:
        """Return who handles the messages of the nodes that were changed while it ran, by their ids."""
        return {} if not isinstance(self._record, Execution) else dict(self._record.shared.handled_by)

    def reloads(self) -> list[ReloadReport]:
        """Return the reports of its reloads that are kept, the last one last.

        Raises:
            IllegalTransitionError: it has ended.
        """
        return self._reloader().reports()

    def _reloader(self) -> Reloader:
        return reloader_of(self._underway("reload"), self._library)

    async def forget(self) -> None:
        """Stop it if it has not ended, and keep nothing of it.

        Raises:
            ExecutionNotFoundError: nothing is kept of it any more.
        """
        if isinstance(self._record, Execution):
            await stop_if_running(self._record)
        elif isinstance(self._record, Suspended):
            await self._record.end()
        self._history.forget(self._record.id)

    def _underway(self, command: str) -> Execution:
        record = self._record
        if isinstance(record, Finished):
            raise IllegalTransitionError(record.id, command, record.state, record.ending)
        return record


async def stop_if_running(execution: Execution, *, drain: bool = False) -> None:
    """Stop an execution that may end by itself in the same moment."""
    try:
        await execution.stop(drain=drain)
    except IllegalTransitionError:
        return


def begin_recording(
    recordings: Recordings, execution: Execution, circumstances: Circumstances, *, flight_bytes: int = 0
) -> None:
    """Take note of what happens in an execution from now on.

    With ``flight_bytes`` only the latest is kept, and only where the execution fails.
    """
    shared = execution.shared
    begin = recordings.take_off if flight_bytes else recordings.open
    recording = begin(execution.id, execution.owner, circumstances)
    recording.speaks_of(execution.id, execution.graph, circumstances)
    recorder = Recorder(
        circumstances.level,
        execution.graph,
        shared.next_sequence,
        recording.keep,
        mask=shared.mask,
        describe=partial(described, execution.id, circumstances),
        segment_bytes=min(SEGMENT_BYTES, flight_bytes // 4) if flight_bytes else SEGMENT_BYTES,
    )
    shared.record(recorder)
    keep = recordings.fly if flight_bytes else recordings.begin
    keep(recorder, recording, shared.record_no_more)
    if shared.mask is None and not flight_bytes:  # a state may hold a secret in any form, and a mask finds it not
        recorder.checkpointing = Checkpointing(
            partial(_checkpoint_of, execution, recorder),
            recorder.checkpointed,
            execution.spawn,
            min(HEAVIEST_BYTES, recordings.limit_bytes // 8),
        )
        if not circumstances.is_from_start:
            recorder.checkpointing.begin()


async def _checkpoint_of(execution: Execution, recorder: Recorder) -> tuple[int, bytes]:
    if execution.shared.mask is not None:  # it was reloaded, and uses secrets now
        return 0, b""
    steps = execution.cut()
    recorder.begin_segment()
    checkpoint = await in_slices(steps)
    return checkpoint.sequence, await in_slices(encoded(checkpoint))


def debugger_of(execution: Execution, library: Library) -> Debugger:
    """Return the debugger of an execution that has started; a new one where it has none."""
    debugger = execution.debugger
    if not isinstance(debugger, Debugger):
        component = library.builtin("symbia.core.filter")
        surroundings = Surroundings(execution.id, execution.owner, component)
        debugger = Debugger(execution, surroundings, library.limits, execution.clock, execution.shared.tell)
        if not execution.finished.is_set():
            execution.debugger = debugger
    return debugger
