"""One running graph: a nursery with a task for each node, and the one who decides when it ends.

    build, initialize -> running -> (paused <-> running) -> quiescent and no more input -> flush -> completed
                       └── fail(), timeout, stop ──────────────────────────────────> failed / cancelled

Whatever the end, every initialised instance is cleaned up, shielded and within a deadline, before the final
state is shown. So whoever sees a terminal state sees an execution that has left nothing behind.
"""

import math
import secrets
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import ClassVar

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.compile.loaded_graph import LoadedGraph
from engine.compile.template import NOTHING_FILLED, FilledGraph
from engine.contracts.handler import Handler
from engine.contracts.observer import ExecutionObserver
from engine.cooperative.slices import Steps, in_slices
from engine.errors import IllegalTransitionError, InputsClosedError
from engine.execution.build import SEED_BITS, Maker, Sources, StandIn, build_instances, no_stand_in, shared_of
from engine.execution.cutting import cut_of
from engine.execution.edge_commands import EdgeCommands
from engine.execution.edge_control import EdgeControl
from engine.execution.endings import BEGUN, TOLD
from engine.execution.going_on import GoingOn, moment_of
from engine.execution.heritage import Heritage
from engine.execution.injection import Located
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.intake import Intake
from engine.execution.lifecycle import Command, Lifecycle
from engine.execution.masking import masked_failure
from engine.execution.node_tasks import NodeTasks, clean_up
from engine.execution.node_times import Readings
from engine.execution.phases import flush, initialize, take_up
from engine.execution.revisions import Revision, Revisions
from engine.execution.scopes import Scopes
from engine.execution.snapshots import ReadableExecution
from engine.execution.watched import Debugging
from engine.keeping.records import KeptBreakpoint
from engine.limits import EngineLimits
from engine.memory.ledger import Account
from engine.wall_clock import WallClock
from proto.execution import (
    Completion,
    ExecutionError,
    ExecutionMetrics,
    ExecutionSnapshot,
    ExecutionState,
    InjectionReceipt,
)
from workers.pool import Pool

_NO_METRICS = ExecutionMetrics()


class Execution(ReadableExecution):
    """One execution. Its task calls ``run`` once; all others use the commands.

    Args:
        execution_id: unique among all executions.
        graph: the graph to run.
        limits: the runtime's bounds.
        completion: whether it ends by itself when it has gone quiet.
        timeout_ms: wall time that it may take; 0 for no limit.
        observers: told of state changes, log lines and failures.
        clock: for the times that people see; everything that waits goes by Trio's clock.
        chaining: whether nodes that may run as one do.
        heritage: of an earlier revision of the graph; its state goes on here.
        values: what is filled into the graph.
        workers: where work runs that cannot be sliced; without them it is refused.
        seed: where the randomness of all its nodes comes from; a random one when absent.
        stand_in: makes the handler of a node in place of its component; of None, the component does.
        account: charged with what it keeps in memory, and closed by whoever opened it; nothing is when absent.
        begins_from: the moment of an earlier execution of this graph, or one like it, that this one goes on from.
        parameters: that it was given, for the graphs that it may be changed to.

    Attributes:
        is_durable: whether it goes on after a restart (``engine.durability``).
    """

    is_durable: ClassVar[bool] = False

    def __init__(
        self,
        *,
        execution_id: str,
        graph: LoadedGraph,
        limits: EngineLimits,
        completion: Completion,
        timeout_ms: float,
        observers: Sequence[ExecutionObserver],
        clock: WallClock,
        chaining: bool = True,
        heritage: Heritage | None = None,
        values: FilledGraph = NOTHING_FILLED,
        workers: Pool | None = None,
        seed: int | None = None,
        stand_in: StandIn = no_stand_in,
        account: Account | None = None,
        begins_from: Checkpoint | None = None,
        parameters: Mapping[str, msgspec.Raw] = MappingProxyType({}),
    ) -> None:
        self.id = execution_id
        self.seed = secrets.randbits(SEED_BITS) if seed is None else seed
        self.owner = graph.owner
        self.graph = graph
        self.graph_id = graph.id
        self.workers = workers
        self._limits = limits
        self._completion = completion
        self._timeout_ms = timeout_ms
        self._observers = observers
        self._clock = clock
        sources = Sources(clock.timestamp, workers, heritage, values, self.seed, stand_in)
        self._going_on: GoingOn | None = None
        if begins_from is not None:
            self._going_on = GoingOn(begins_from, graph, moment_of(begins_from, clock.milliseconds()))
        is_chained = None if self._going_on is None else self._going_on.is_chained
        self._build = partial(build_instances, sources, chaining=chaining, is_chained=is_chained)
        self.revisions = Revisions(Revision(graph, values, graph))
        self.maker = Maker(sources, chaining=chaining)
        self.parameters = parameters
        self.node_tasks: NodeTasks | None = None  # from the state RUNNING on
        self.retired: list[tuple[Instance, Handler]] = []  # of former revisions, to be cleaned up after at the end
        self._scopes = Scopes()
        # ``shared`` knows no instance; each instance knows ``shared``. All three are read from outside.
        self.shared = shared_of(graph)(
            execution_id,
            graph,
            limits,
            observers,
            self.fail,
            clock.timestamp,
            self._scopes.spawn,
            account,
            values.mask,
        )
        self.injector = Injector(self.shared)
        self.intake = Intake(self.shared)
        self.instances: list[Instance] = []  # made by its own task: there may be a thousand
        self.edge_control = EdgeControl(self.shared, self.instances)
        self.debugger: Debugging | None = None  # from the first breakpoint on
        self.edge_commands = EdgeCommands(
            self.shared, self.edge_control, lambda: self.state, lambda: self.is_ending
        )
        self._input = self.shared.input
        self._spent_seconds = 0.0  # of its time, in an earlier process
        # How it ends is decided by these two, when nothing runs any more: the first error, or all was processed.
        self._error: ExecutionError | None = None
        self._is_drained = False
        self._lifecycle = Lifecycle(execution_id)
        self.pauses = 0  # so far
        self.standing_pause = 0  # that which lasts as long as a breakpoint holds something: nobody's command
        self._is_pause_told = False  # observers have heard of a pause, and of no resume since
        self._readings = Readings()
        self._remains = None  # set before the state is terminal, and then never again
        is_same = begins_from is not None and begins_from.execution_id == execution_id
        self.created_at = begins_from.created_at if begins_from and is_same else clock.timestamp()
        self._started_at = begins_from.started_at if begins_from and is_same else None
        self._completed_at: str | None = None
        self.started = trio.Event()  # injections are taken, or it has ended
        self.finished = trio.Event()  # the state is terminal, and nothing is left behind

    @property
    def state(self) -> ExecutionState:
        """The state of the execution: where it is in its life."""
        return self._lifecycle.state

    @property
    def is_ending(self) -> bool:
        """True while its tasks are being cancelled, or have been: only the cleanup and the end are to come."""
        return self._scopes.is_ending

    def head(self) -> ExecutionSnapshot:
        """Return the execution at this moment; while it lives, without its instances and its metrics."""
        remains = self._remains
        return ExecutionSnapshot(
            id=self.id,
            graph_id=self.graph.id,
            state=self.state,
            instances=() if remains is None else remains.instances,
            metrics=_NO_METRICS if remains is None else remains.metrics,
            created_at=self.created_at,
            started_at=self._started_at,
            completed_at=self._completed_at,
            error=self._error,
            unprocessed=0 if remains is None else remains.unprocessed,
            graph_version=self.graph.number,
            durable=self.is_durable,
        )

    async def wait_quiescent(self) -> None:
        """Return when nothing is in flight, or when it has ended."""
        async with trio.open_nursery() as nursery:

            async def wait_end() -> None:
                await self.finished.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait_end)
            await self.shared.in_flight.wait_quiescent()
            if self.is_ending:  # what its end cuts off is in flight no more, and is not what was waited for
                await self.finished.wait()
            nursery.cancel_scope.cancel()

    # Commands

    async def inject(self, messages: Sequence[Located], *, final: bool, cause: str = "") -> InjectionReceipt:
        """Accept messages; with ``final``, the last ones. ``cause`` is what those who watch are told of them.

        Raises:
            IllegalTransitionError: the execution is neither running nor paused.
            InputsClosedError: it has been told that no more input is coming.
            OverloadedError: a bound was met.
        """
        self._require_living("inject into")
        if self._input.is_closed:
            raise InputsClosedError(self.id, self._input.why)
        try:
            self.intake.accept(messages, cause)
            held = await self.injector.inject(messages)
        except BaseException:
            if self.shared.recorder is not None:
                self.shared.recorder.refused(messages[self.injector.taken :])
            raise
        finally:  # also where it was refused: some of it may have been accepted
            if messages:
                self.intake.note(messages)
        if final:
            self._close_input()
        return InjectionReceipt(accepted=len(messages), queued=held > 0)

    def begin_with(self, messages: Sequence[Located]) -> None:
        """Take these messages, as many as they are, and no others after them; unless it has ended already."""
        if self._scopes.nursery is not None and not self.is_ending:
            self.intake.accept(messages)
            self.injector.preload(messages)
            self._scopes.nursery.start_soon(self.injector.drain)
            self.intake.note(messages)
            self._close_input(BEGUN)

    async def pause(self) -> None:
        """Hold all messages. When this returns, no handler is running and none will start.

        Watchers hear of it then, and not where a resume came in between.

        Raises:
            IllegalTransitionError: the execution is not running.
        """
        self._refuse_while_ending("pause")
        self._lifecycle.apply("pause")
        self._input.pause()
        self.pauses += 1
        self._record("pause")
        self.injector.close()
        try:
            await self.shared.gate.close()
        finally:
            if self.state is ExecutionState.PAUSED and not self._is_pause_told:
                self._is_pause_told = True
                self._tell()

    async def resume(self) -> None:
        """Go on, with what is held first.

        Raises:
            IllegalTransitionError: the execution is not paused.
        """
        self._refuse_while_ending("resume")
        self._lifecycle.apply("resume")
        self._record("resume")
        self._input.resume()
        self.injector.open()
        if self._scopes.nursery is not None:
            self._scopes.nursery.start_soon(self.injector.drain)
        self.shared.gate.open()
        if self._is_pause_told:
            self._is_pause_told = False
            self._tell()

    async def checkpoint(self) -> Checkpoint:
        """Return the execution as it is at this moment, without stopping anything (``engine.checkpoint``).

        The cut is that of the moment of the call; encoding it is for the caller, and may take its time.

        Raises:
            IllegalTransitionError: it is neither running nor paused.
        """
        return await in_slices(self.cut())

    def cut(self) -> Steps[Checkpoint]:
        """Cut through it now, between two steps of tasks; return the steps that make the checkpoint.

        Raises:
            IllegalTransitionError: as for ``checkpoint``.
        """
        self._require_living("take a checkpoint of")
        return cut_of(self.shared, self.instances, self.injector, self.edge_control, self._moment())

    def _moment(self) -> Checkpoint:
        """Return what a checkpoint of this moment says of the execution as a whole."""
        counters = self.shared.counters
        return Checkpoint(
            execution_id=self.id,
            graph_id=self.graph.id,
            graph_version=self.graph.number,
            taken_ms=self._clock.milliseconds(),
            is_paused=self.state is ExecutionState.PAUSED and self.standing_pause != self.pauses,
            input_end=self._input.why or None,
            has_lanes=self.shared.has_lanes,
            created_at=self.created_at,
            started_at=self._started_at,
            processed=counters.processed,
            dropped=counters.dropped,
            backpressure_events=counters.backpressure_events,
            outputs=self.shared.outputs.count,
            logged=self.shared.log_buffer.logged,
        )

    def complete(self) -> None:
        """Take no more input, and end when everything that was accepted has been processed.

        Raises:
            IllegalTransitionError: the execution is neither running nor paused.
        """
        self._require_living("complete")
        self._close_input()

    def _close_input(self, why: str = TOLD) -> None:
        self._record("complete")
        self._input.close(why)

    def _record(self, command: str) -> None:
        if self.shared.recorder is not None:
            self.shared.recorder.commanded(command)

    async def remember(self) -> None:
        """See to it that what was just done to it by hand outlives the process, where the execution does."""

    async def begin_change(self) -> None:
        """Return when it may go over to another revision, without an await; ``end_change`` must follow."""

    async def keep_change(self) -> None:
        """See to it that the revision to which it has just gone over outlives the process, where it does itself.

        Raises:
            EngineError: it does not yet.
        """

    def end_change(self) -> None:
        """Go on as before ``begin_change``."""

    async def remember_breakpoints(self, kept: Sequence[KeptBreakpoint]) -> None:
        """See to it that its breakpoints, which are these, outlive the process, where the execution does."""

    async def end_input(self) -> None:
        """Do what ``complete`` does, and wait where that takes time."""
        self.complete()

    async def stop(self, *, drain: bool) -> None:
        """End: at once, or with ``drain`` after what was accepted has been processed, within the deadline.

        Returns when the execution has left nothing behind.

        Raises:
            IllegalTransitionError: it has ended already.
        """
        if self._lifecycle.is_terminal:
            raise IllegalTransitionError(self.id, "stop", self.state, self.ending)
        if drain and not self.is_ending:
            # The deadline is the execution's own: it holds also when nobody waits for the answer any more.
            deadline = trio.current_time() + self._limits.stop_seconds * 0.75
            self._scopes.shorten(deadline)
            if not self.started.is_set():
                await self.started.wait()  # what has just begun may have been given its inputs
            if self.debugger is not None:
                await self.debugger.close()
            if not self.is_ending:
                self.edge_control.close()
                if self.state is ExecutionState.PAUSED:
                    await Execution.resume(self)  # as a part of this command, which alone is one
            self._input.close()
            if self.state is ExecutionState.PAUSED and not self.is_ending:
                await Execution.resume(self)
            self._close_input()
        else:
            self.abandon()
        await self.finished.wait()

    def abandon(self) -> None:
        """End at once, without waiting for it. What is ending already keeps its reason, such as its timeout."""
        if not self.is_ending:
            self._scopes.whole.cancel()

    def fail(self, error: ExecutionError) -> None:
        """End because of an error; the first one is kept."""
        if self._error is None:
            self._error = masked_failure(self.shared.mask, error)
        self._scopes.whole.cancel()

    def _has_failed(self, error: ExecutionError | None) -> bool:
        """Fail where there is an error; return whether there is."""
        if error is not None:
            self.fail(error)
        return error is not None

    def _require_living(self, command: str) -> None:
        if self.state not in (ExecutionState.RUNNING, ExecutionState.PAUSED):
            raise IllegalTransitionError(self.id, command, self.state, self.ending)
        self._refuse_while_ending(command)

    def _refuse_while_ending(self, command: str) -> None:
        if self.is_ending and not self._lifecycle.is_terminal:
            raise IllegalTransitionError(self.id, command, "ending")

    # The task

    def empty(self) -> None:
        """Let go of everything that it held, once it has ended and its books are closed.

        An execution, what its instances share, they and their handlers know each other, and what such a circle
        holds is free only when a full collection comes by, which may take hundreds of megabytes' worth of new
        objects. So the circle is emptied; what is left of it is small.
        """
        self.injector.empty()
        self.edge_control.empty()
        self.debugger = None
        self.revisions.reloader = None
        self.shared.empty()
        for instance in self.instances:
            instance.empty()
        self._scopes.empty()

    def spawn(self, task: Callable[[], Awaitable[None]]) -> bool:
        """Start a task that ends with it; return False where it is ending. For who changes it while it runs."""
        if self._scopes.nursery is None or self.is_ending:
            return False
        self._scopes.nursery.start_soon(task)
        return True

    def require_changeable(self) -> None:
        """Refuse a change where it has not begun or is about to end.

        Raises:
            IllegalTransitionError: it is neither running nor paused, or has taken the last of its input.
        """
        self._require_living("reload")
        if self.revisions.is_over:
            raise IllegalTransitionError(self.id, "reload", "ending")

    def run_revision(self, following: Revision) -> None:
        """Run another revision from now on; its instances are there already."""
        self.revisions.advance(following)
        self.graph, self.graph_id = following.graph, following.graph.id

    @property
    def limits(self) -> EngineLimits:
        """The bounds that it is held to."""
        return self._limits

    @property
    def observers(self) -> Sequence[ExecutionObserver]:
        """Those who hear of all executions."""
        return self._observers

    def timestamp(self) -> str:
        """Return the present wall time, ISO 8601 in UTC."""
        return self._clock.timestamp()

    async def run(self) -> None:
        """Run the execution from its beginning to its end. Raises nothing but Trio's ``Cancelled``."""
        try:
            with self._scopes.whole:
                await self._live()
        except Exception as error:  # noqa: BLE001 - a fault of ours ends this execution and no other
            stack = "".join(traceback.format_exception(error))
            self.fail(ExecutionError(f"Internal error: {error!r}", stack=stack))
        finally:
            self._scopes.whole.cancel()  # whatever the end is, no command is taken any more
            self.injector.end()
            await self._clean_up()
            with trio.CancelScope(shield=True):
                self._remains = await in_slices(self.read_remains())
            self._end()

    async def _live(self) -> None:
        seconds = self._timeout_ms / 1000 if self._timeout_ms else math.inf
        self._scopes.timeout.deadline = trio.current_time() + seconds - self._spent_seconds
        with self._scopes.timeout:
            going_on = self._going_on
            if going_on is None:
                await in_slices(self._build(self.instances, self.shared))
            elif self._has_failed(
                await take_up(going_on, self._build, self.instances, self.shared, self.injector, self.edge_control)
            ):
                return
            self._apply("initialize")
            if self._has_failed(await initialize(self.graph.order, self.instances)):
                return
            self._started_at = self._started_at or self._clock.timestamp()
            self.shared.counters.started_seconds = trio.current_time()
            if any(instance.has_initial_output for instance in self.instances):
                self.intake.note()
            async with trio.open_nursery() as nursery:
                self._scopes.begin(nursery)
                node_tasks = self.node_tasks = NodeTasks(self.instances, nursery)
                self._apply("run")
                if going_on is not None:
                    await self._go_on(going_on)
                self.started.set()
                try:
                    await node_tasks.begin()
                    await self._input.wait_end(when_quiet=self._completion == "auto")
                    if self.revisions.is_busy:  # then its messages are held back, and come when that is over
                        await self.revisions.close()
                    self.revisions.is_over = True
                    self.edge_control.is_concluding = True
                    await flush(self.graph.order, self.instances, self.shared.in_flight)
                    await self.shared.gate.enter()  # what is paused does not end
                    self.shared.gate.leave()
                    self._is_drained = True
                    nursery.cancel_scope.cancel()
                finally:
                    self.shared.gate.bar()
                    await node_tasks.dismiss()
        if self._scopes.timeout.cancelled_caught:
            limit = f"{self._timeout_ms:.16g} ms"
            self._error = ExecutionError(f"Execution exceeded its timeout of {limit} (timeoutMs)")

    async def _go_on(self, going_on: GoingOn) -> None:
        """Be as the execution was that this one goes on from, before any node runs."""
        checkpoint = going_on.checkpoint
        if checkpoint.is_paused:
            await Execution.pause(self)  # nobody commands it: a durable one has this on disk
        else:
            self._scopes.spawn(self.injector.drain)
        if checkpoint.input_end is not None:
            self._input.close(checkpoint.input_end)
        if self.shared.in_flight.count or checkpoint.processed:
            self.intake.note()
        going_on.tell_late(self.shared, self.instances)
        self._going_on = None

    async def _clean_up(self) -> None:
        """Clean up every initialised instance, whatever happens to this task meanwhile."""
        self.shared.gate.open()  # a paused handler must be able to end
        await clean_up(self.instances, self._limits.cleanup_seconds, self.retired)
        if self.debugger is not None:
            with trio.move_on_after(self._limits.cleanup_seconds, shield=True):
                await self.debugger.end()

    def _end(self) -> None:
        self._completed_at = self._clock.timestamp()
        if self._error is not None:
            self._apply("fail")
        elif self._is_drained and self._lifecycle.allows("complete"):
            self._apply("complete")
        else:
            self._apply("cancel")
        self.started.set()  # whoever waits for the start sees how it ended
        self.finished.set()

    def _apply(self, command: Command) -> None:
        self._lifecycle.apply(command)
        self._record(f"state {self.state}")
        self._tell()

    def _tell(self) -> None:
        head = self.head()
        for observer in self._observers:
            observer.state_changed(head)
