"""One execution that lives through a script: a runtime of its own, in simulated time, cut off from everything."""

import importlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from random import Random
from typing import Any, ClassVar, Protocol

import httpx
import msgspec
import trio

from engine.contracts.handler import Message
from engine.contracts.observer import FlowObserver
from engine.contracts.surroundings import Vault
from engine.errors import CheckpointMismatchError, ConflictError, EngineError, InvalidError
from engine.execution.execution import Execution
from engine.execution.lifecycle import TERMINAL
from engine.handle import ExecutionHandle
from engine.journal.head import Head
from engine.journal.shape import RecordingError
from engine.limits import EngineLimits
from engine.replaying.answers import Answers
from engine.replaying.arranged_inbox import ArrangedInbox, arrange
from engine.replaying.budget import Budget
from engine.replaying.script import FIRED, Emission, Place, Script, Step, seconds_of
from engine.running.assembly import Rerun
from engine.runtime import Runtime, open_runtime
from engine.testing.simulated_time import SAME_SECONDS, SimulatedTime, StuckError
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState

MOST_COMPLAINTS = 20

RACE_SECONDS = 0.02
"""The time by which a timer may have fired late: work before it had to be done first. What came within it before
the timer fired comes before it again."""

_UNBOUNDED = 2**40


class Ran(msgspec.Struct, frozen=True):
    """The outcome of a run.

    Attributes:
        emissions: of each output port, in order.
        injected: messages that were injected.
        complaints: what could not be as it was.
        state: in which the execution was at the end.
    """

    emissions: Mapping[Place, list[Emission]]
    injected: int
    complaints: list[str]
    state: str


class _Emissions(FlowObserver):
    """An observer of every value that leaves a node; each counts once, however many edges it takes."""

    hears_hops: ClassVar[bool] = True

    def __init__(self, now: Callable[[], int], budget: Budget) -> None:
        self._budget = budget
        self.emissions: dict[Place, list[Emission]] = {}
        self._now = now
        # Where the first edge of each output port leads.
        self._first: dict[Place, Place] = {}

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        target = target_node, target_port
        if self._first.setdefault((node_id, port), target) == target:
            self._take(node_id, port, message.value)

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        self._take(node_id, port, value)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        del lane
        self._take(node_id, port, value)

    def _take(self, node_id: str, port: str, value: bytes) -> None:
        if self._budget.take(len(value)):
            self.emissions.setdefault((node_id, port), []).append(Emission(self._now(), value))


class Stopping(Protocol):
    """The moment at which a run is looked at, and not lived through any further."""

    observer: FlowObserver

    def begin(self, execution: Execution) -> None:
        """Hear which execution it is, before anything happens in it."""

    def note_step(self, step: Step) -> None:
        """Hear that something has been done to it."""

    @property
    def scope(self) -> trio.CancelScope:
        """The scope in which it is lived through; cancelled when the moment has come."""


async def run_script(
    script: Script,
    time: SimulatedTime,
    components: Sequence[dict[str, Any]] = (),
    vault: Vault | None = None,
    budget: Budget | None = None,
    stop: Stopping | None = None,
) -> Ran:
    """Let an execution live through a script. The clock of the program must be ``time.clock``.

    Args:
        script: what was recorded.
        time: of the run.
        components: definitions that take the place of those that were recorded, by their ids.
        vault: the variables and secrets that the graph may name.
        budget: what may be kept of what it emits; the default when absent.
        stop: where it is to stop; at the end when absent. Then nodes do one thing at a time, each by itself.

    Raises:
        RecordingError: the graph or a component cannot be used, or it emits too much.
    """
    time.go()
    async with AsyncExitStack() as stack:
        runtime = await stack.enter_async_context(
            _open_runtime(script.head, time, vault, is_fine=stop is not None)
        )
        stack.callback(time.go)  # what is closed may take its time
        try:
            await _register(runtime, script.head, components)
            graph = await runtime.library.load_graph(script.head.graph)
        except InvalidError as error:
            problems = "; ".join(problem.message for problem in error.problems)
            raise RecordingError(f"it cannot be run: {problems}") from error
        except EngineError as error:
            raise RecordingError(f"it cannot be run: {error}") from error
        return await _Run(runtime, graph.id, script, time, budget or Budget(), stop).to_end()
    raise AssertionError("the runtime lets no error pass")


@asynccontextmanager
async def _open_runtime(
    head: Head, time: SimulatedTime, vault: Vault | None, *, is_fine: bool
) -> AsyncIterator[Runtime]:
    """Open a runtime that refuses nothing for being busy, and reaches nobody."""
    limits = EngineLimits(
        default_timeout_ms=0,
        finished_executions=1,
        injection_wait_seconds=math.inf,
        memory_bytes=0,
        owner_memory_bytes=0,
        max_held_messages=_UNBOUNDED,
        **({"batch_bytes": 1} if is_fine else {}),
    )
    async with open_runtime(
        limits=limits,
        clock=time.wall,
        chaining=head.is_chained and not is_fine,
        open_http_client=lambda: httpx.AsyncClient(transport=_Nobody()),
        vault=vault,
    ) as runtime:
        time.is_busy = lambda: _is_busy(runtime.workers.statistics())
        yield runtime


class _Nobody(httpx.AsyncBaseTransport):
    """A transport that reaches nobody."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("what is run again asks nobody", request=request)


async def _register(runtime: Runtime, head: Head, components: Sequence[dict[str, Any]]) -> None:
    """Register what was recorded, and in its place what is given now; versions one after another."""
    given = {component.get("id"): component for component in components}
    known = set()
    for document in (*(each for each in head.components if each.get("id") not in given), *components):
        component_id = str(document.get("id"))
        if component_id in known:
            await runtime.library.replace_component(component_id, document)
        else:
            await runtime.library.register_component(document)
        known.add(component_id)


def _is_busy(statistics: Any) -> bool:
    return bool(statistics.running or statistics.waiting)


class _Run:
    """One run.

    Args:
        runtime: has the graph.
        graph_id: of it.
        script: what to live through.
        time: of the run.
        budget: what may be kept.
        stop: where it is to stop.
    """

    def __init__(
        self,
        runtime: Runtime,
        graph_id: str,
        script: Script,
        time: SimulatedTime,
        budget: Budget,
        stop: Stopping | None,
    ) -> None:
        self._budget = budget
        self._stop = stop
        self._runtime = runtime
        self._graph_id = graph_id
        self._script = script
        self._time = time
        self._complaints: dict[str, None] = {}
        self._present = 0  # the number of the record that is being lived through
        self._injected = 0
        self._seen = _Emissions(lambda: self._present, budget)
        self._inboxes: list[ArrangedInbox] = []

    async def to_end(self) -> Ran:
        """Live through it; not longer than what it emits may be kept."""
        with trio.CancelScope() as scope:
            self._budget.on_spent = scope.cancel
            ran = await self._to_end()
        self._budget.check()
        return ran

    async def _to_end(self) -> Ran:
        _seed_scheduler()
        begins_from = self._script.begins_from
        skipped = 0.0 if begins_from is None else seconds_of(self._script.head, begins_from)
        self._time.stop(at_seconds=self._script.head.began_ms / 1000 + skipped)
        began = trio.current_time() - skipped
        answers = Answers(self._script.answers, began, self._complain)
        options = ExecuteOptions(
            completion="manual", timeout_ms=0, parameters=self._script.head.parameters, recording="off"
        )
        rerun = Rerun(self._script.head.seed, answers.stand_in, self._arrange)
        state = ""
        with trio.CancelScope() if self._stop is None else self._stop.scope:
            snapshot = await self._time.finish(lambda: self._begin(options, rerun))
            handle = self._runtime.execution(snapshot.id)
            try:
                await self._live(handle, began)
            except ConflictError:
                pass  # it has ended earlier than it had; its last state says so
            except StuckError:
                self._complain("it does not come to an end, though a day of its time has passed")
            state = str(handle.head().state)
            with suppress(ConflictError):
                await handle.stop()
        end = self._script.end
        if end in TERMINAL and state != end:
            self._complain(f"it was {end}, and is {state} now")
        return Ran(self._seen.emissions, self._injected, list(self._complaints), state)

    async def _begin(self, options: ExecuteOptions, rerun: Rerun) -> ExecutionSnapshot:
        checkpoint = self._script.begins_from
        if checkpoint is None:
            return await self._runtime.execute(self._graph_id, options, rerun=rerun)
        try:
            return await self._runtime.start_from(checkpoint, options, graph_id=self._graph_id, rerun=rerun)
        except CheckpointMismatchError as error:
            raise RecordingError(f"it cannot go on from its checkpoint: {error}") from error

    def _arrange(self, execution: Execution) -> None:
        shared = execution.shared
        shared.add_flow_observer(self._seen)
        is_chained = self._script.head.is_chained and self._stop is None
        self._inboxes = arrange(shared, self._script.orders, is_chained=is_chained)
        if self._stop is not None:
            shared.add_flow_observer(self._stop.observer)
            self._stop.begin(execution)

    def _complain(self, complaint: str) -> None:
        if len(self._complaints) < MOST_COMPLAINTS:
            self._complaints[complaint] = None

    async def _live(self, handle: ExecutionHandle, began: float) -> None:
        for step in self._script.steps:
            if step.command == FIRED:
                self._present = step.first
                await self._wait_fired(began + step.at)
            else:
                await self._wait_until(began + step.at)
                self._present = step.first
                await self._take(handle, step)
                await self._time.settle()
        await self._time.advance(max(0.0, began + self._script.seconds - trio.current_time()))
        for inbox in self._inboxes:
            inbox.release()
        await self._time.settle()
        if self._script.end == ExecutionState.COMPLETED:
            await self._time.finish(handle.wait_finished)

    async def _wait_fired(self, moment: float) -> None:
        """Let time pass until what is due next has fired, unless that is later than it was."""
        due = self._time.next_moment()
        if due <= moment:
            await self._time.advance(max(0.0, due - trio.current_time()))

    async def _wait_until(self, moment: float) -> None:
        """Let time pass up to a moment; or to just before something fires that had fired later than that."""
        while True:
            due = self._time.next_moment()
            if due > moment - RACE_SECONDS:
                moment = min(moment, due - 2 * SAME_SECONDS)
                break
            await self._time.advance(max(0.0, due - trio.current_time()))
        await self._time.advance(max(0.0, moment - trio.current_time()))

    async def _take(self, handle: ExecutionHandle, step: Step) -> None:
        if step.messages:
            try:
                receipt = await self._time.finish(lambda: handle.inject(step.messages))
            except InvalidError as error:
                raise RecordingError(f"it cannot be run: {error}") from error
            self._injected += receipt.accepted
        elif step.command == "pause":
            await self._do(handle.pause, step)
        elif step.command == "resume":
            await self._do(handle.resume, step)
        elif step.command in ("complete", "state completed"):
            with suppress(ConflictError):  # the other one of the two has said so
                await self._do(handle.complete, step)
        elif step.command == "state cancelled":
            await handle.stop()
        elif not step.command.startswith("state "):
            verb = step.command.partition(" ")[0][:100]
            self._complain(f"somebody gave the command {verb} by hand, which is not given again")

    async def _do(self, command: Callable[[], Awaitable[object]], step: Step) -> None:
        async def obey() -> None:
            await command()
            if self._stop is not None:
                self._stop.note_step(step)

        await self._time.finish(obey)


def _seed_scheduler() -> None:
    """Let Trio run the tasks that are ready in the same order in each run: it turns that around at random.

    There is no other way to say so; where there is not even this one, nodes that are fed by several others may be
    fed in another order (``test_the_scheduler_can_be_seeded``).
    """
    source = getattr(importlib.import_module("trio._core._run"), "_r", None)
    if isinstance(source, Random):
        source.seed(0)
