"""One node of one execution: its handler, and the task that feeds it.

This is the only place that counts, times and reports what handlers do, so that handlers need not know of it and
all kinds of components are observed alike.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import NOTHING, Emission, Handler, HandlerError, LogLine, Message, Outcome
from engine.counters.counters import InstanceCounters
from engine.execution.emitter import CAUSELESS, Emitter
from engine.execution.failure import UnsentError, bounded, error_value, handler_error, unsent_error
from engine.execution.initial_emissions import InitialEmissions
from engine.execution.kept_memory import KeptMemory
from engine.execution.sequencer import Sequencer
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError, InstanceSnapshot
from proto.graph import OnError

if TYPE_CHECKING:
    from engine.execution.chained import ChainedInstances

_EFFECTS_AT_ONCE = 500
"""Emissions and log lines that are seen to without a look at other tasks: a batch may cause half a million."""


class Instance:
    """A component instance. ``initialize`` and ``run`` are called in this order, by one task each.

    Args:
        node: what it is an instance of.
        instance_id: unique among all instances.
        handlers: the component's own work; more than one where the node asks for concurrency.
        shared: shared with the other instances of the execution.
        on_error: what an unconnected error does, unless the node says otherwise.
    """

    def __init__(
        self,
        node: CompiledNode,
        instance_id: str,
        handlers: Sequence[Handler],
        shared: ExecutionShared,
        on_error: OnError,
    ) -> None:
        self.node = node
        self.counters = InstanceCounters()
        self._instance_id = instance_id
        self._handlers = handlers
        self._initialized: list[Handler] = []
        self._turns = Sequencer()
        self._shared = shared
        self._on_error: OnError = node.definition.on_error or on_error
        # A message that may be tried again goes alone: those behind it in a batch would be processed before its
        # second attempt, and what the component remembers would depend on how many happened to wait together.
        self._batch_messages = 1 if self._on_error == "retry" else shared.limits.batch_messages
        self._inbox = shared.inboxes[node.index]
        self.emitter = Emitter(node, shared, self.counters, self.handle_failure)
        self._state = "created"
        self.first = InitialEmissions(shared.account)
        self._chained: ChainedInstances | None = None
        self._place = 0
        self._is_holding = False
        self.kept_memory: KeptMemory | None = None
        if handlers[0].keeps and shared.account is not None:  # those that keep something are alone
            self.kept_memory = KeptMemory(handlers[0], shared, self._inbox, node.id)
        self._idle_workers = 0

    def join(self, chained: "ChainedInstances", place: int) -> None:
        """Let messages go through a stage as long as there is one. Called before ``initialize``."""
        self._chained, self._place = chained, place

    def empty(self) -> None:
        """Let go of the handlers and of what they keep, once the execution has ended; the counters stay."""
        if self._chained is not None:
            self._chained.empty()
        self.first.forget()
        self._handlers, self._initialized = (), []
        self._chained = self.kept_memory = None

    @property
    def has_initial_output(self) -> bool:
        """Whether it emitted something when it was initialised."""
        return any(outcome.emissions for outcome in self.first.outcomes)

    def snapshot(self) -> InstanceSnapshot:
        """This instance at this moment."""
        return InstanceSnapshot(
            node_id=self.node.id,
            instance_id=self._instance_id,
            component_id=self.node.definition.component,
            state=self._state if self._chained is None or self._state != "ready" else self._chained.state,
            queued=len(self._inbox),
            metrics=self.counters.snapshot(),
        )

    async def initialize(self) -> HandlerError | None:
        """Let the handlers get ready. What they emit here leaves when ``run`` begins."""
        self._state = "initializing"
        for handler in self._handlers:
            self._initialized.append(handler)  # also when it fails half-way: what it began must be cleaned up
            try:
                outcome = await handler.initialize()
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
                outcome = Outcome(error=handler_error(error))
            await self.emitter.log_all(outcome.logs)
            refusal = self.first.add(outcome)
            if refusal is not None:
                self._count_error(refusal)
                self._state = "failed"
                return refusal
        self._state = "ready"
        return None

    async def run(self) -> None:
        """Process messages until cancelled."""
        if self._chained is not None:
            await self._run_in_stage(self._chained)
        for outcome in self.first.outcomes:
            await self.emitter.emit_all(outcome, CAUSELESS)
        self.first.forget()
        if len(self._handlers) == 1:
            await self._run_one(self._handlers[0])
        async with trio.open_nursery() as nursery:
            self._start_worker(iter(self._handlers), nursery)

    def _start_worker(self, handlers: Iterator[Handler], nursery: trio.Nursery) -> None:
        """Start one more worker, if there is a handler left for it."""
        handler = next(handlers, None)
        if handler is not None:
            nursery.start_soon(self._run_beside_others, handler, handlers, nursery)

    async def _run_in_stage(self, chained: "ChainedInstances") -> None:
        """Process messages as one of a chain, until that is no more."""
        await chained.begin(self._place)
        self.first.forget()
        if self.kept_memory is not None:
            self.kept_memory.settle()  # what it has set when it was initialised
        (handler,) = self._handlers
        while chained.is_whole:
            batch = await self._inbox.take_batch(self._batch_messages)
            self._shared.note_taken(batch)
            own = await chained.process(self._place, batch)
            if own:
                await self._process(handler, own)

    async def _run_one(self, handler: Handler) -> None:
        while True:
            batch = await self._next_batch(handler)
            if batch:
                self._shared.note_taken(batch)
                if self.kept_memory is not None:
                    await self._process(handler, batch)
                    continue
                outcomes = await self._invoke(handler, batch)
                await self._finish(handler, batch, outcomes)
                if len(outcomes) < len(batch):
                    await self._process(handler, batch[len(outcomes) :])
            else:
                await self._release(handler)

    async def _process(self, handler: Handler, batch: Sequence[Message]) -> None:
        """Let a handler process a batch, in several parts where its outcomes would be too much at once."""
        if self.kept_memory is not None:
            refusal = await self.kept_memory.make_room(
                batch, lambda: self._due(handler), lambda: self._release(handler)
            )
            if refusal is not None:
                for message in batch:
                    await self.handle_failure(message, refusal)
                self._shared.in_flight.finish(len(batch))
                return
        while batch:
            outcomes = await self._invoke(handler, batch)
            size = -1
            if self.kept_memory is not None:
                outcomes = await self.kept_memory.take_up(outcomes)
                size = self.kept_memory.emitted_bytes
                self.kept_memory.lend()
            await self._finish(handler, batch, outcomes, size)
            if self.kept_memory is not None:
                self.kept_memory.put_down()
            batch = batch[len(outcomes) :]

    async def _run_beside_others(self, handler: Handler, others: Iterator[Handler], nursery: trio.Nursery) -> None:
        """One of several workers of a stateless component, each with one message at a time.

        Where the last idle one finds work it starts another: a node that may do a hundred things at once seldom
        does, and a hundred tasks that only wait would all have to be ended.
        """
        while True:
            self._idle_workers += 1
            batch = await self._inbox.take_batch(1)
            self._idle_workers -= 1
            if not self._idle_workers:
                self._start_worker(others, nursery)
            number = self._turns.take()
            self._shared.note_taken(batch)
            with self._shared.carrying(batch[0]):  # another worker may come to the inbox meanwhile
                outcomes = await self._invoke(handler, batch)
                if self.node.definition.ordered:
                    await self._turns.wait(number)
                await self._finish(handler, batch, outcomes)
            self._turns.done(number)

    async def flush(self) -> None:
        """Let the handlers give out what they hold, because no further message will come."""
        for handler in self._handlers:
            await self._shared.gate.enter()
            try:
                outcome = await handler.vet(handler.flush())
            finally:
                self._shared.gate.leave()
            await self._give_out(outcome)

    def retire(self) -> Sequence[Handler]:
        """Be stopped; the initialised handlers that have something to clean up."""
        self._state = "stopped"
        return [handler for handler in self._initialized if type(handler).cleanup is not Handler.cleanup]

    def report_cleanup(self, outcome: Outcome) -> None:
        """Report what came of a handler's cleanup; an error changes nothing."""
        self.log(outcome.logs)
        if outcome.error is not None:
            self._shared.report_failure(self.node, outcome.error)

    async def _next_batch(self, handler: Handler) -> Sequence[Message]:
        """The messages to process next; none when something held is due first."""
        due = self._due(handler)
        limit = min(handler.batch_messages or self._batch_messages, self._batch_messages)
        if due is None:
            return await self._inbox.take_batch(limit)
        with trio.move_on_at(due):
            if handler.is_full():
                await trio.sleep_forever()
            return await self._inbox.take_batch(limit)
        return ()

    async def _finish(
        self, handler: Handler, batch: Sequence[Message], outcomes: Sequence[Outcome], size: int = -1
    ) -> None:
        """Let the emissions of a batch leave in order, see to its errors, and release its messages.

        ``size`` is the sum of the emissions' bytes, where it is known.
        """
        waiting: list[Emission] = []
        has_lanes = self._shared.has_lanes
        if not has_lanes:  # most batches only emit
            for outcome in outcomes:
                if outcome.logs or outcome.error is not None:
                    break
                waiting += outcome.emissions
            else:
                if len(waiting) <= _EFFECTS_AT_ONCE:
                    await self.emitter.emit_several(waiting, batch, outcomes, size)
                    self._settle(handler, len(outcomes))
                    return
            waiting = []
        first = 0  # of the messages whose emissions wait
        lane = batch[0].lane
        for index, message, outcome in zip(range(len(outcomes)), batch, outcomes, strict=False):
            if outcome.logs or len(waiting) > _EFFECTS_AT_ONCE:
                await self.emitter.log_all(outcome.logs)
                if len(waiting) + len(outcome.logs) > _EFFECTS_AT_ONCE:
                    await self.emitter.emit_several(waiting, batch[first:index], outcomes[first:index])
                    waiting, first = [], index
                    await trio.lowlevel.checkpoint()
            if outcome.error is None and not (has_lanes and (message.lane != lane or outcome.lanes)):
                waiting += outcome.emissions
                continue
            # Order along every edge: what was emitted before leaves before what is in another lane, or an error.
            await self.emitter.emit_several(waiting, batch[first:index], outcomes[first:index])
            waiting, first = [], index + 1
            lane = message.lane
            if outcome.error is None:
                await self.emitter.emit_all(outcome, message)
            else:
                await self._handle_error(handler, message, outcome.error)
        if waiting:
            await self.emitter.emit_several(waiting, batch[first:], outcomes[first:])
        self._settle(handler, len(outcomes))

    async def _invoke(self, handler: Handler, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Call the handler, counted and timed; one outcome a message, whatever it does."""
        shared = self._shared
        if shared.pace.is_over():
            await shared.pace.wait()
        await shared.gate.enter()
        started = trio.current_time()
        self._state = "processing"
        try:
            if shared.flow_observers:
                shared.report_invocations(self.node, batch)
            outcomes = await handler.process(batch)
        except Exception as error:  # noqa: BLE001 - as in initialize
            outcomes = [Outcome(error=handler_error(error))] * len(batch)
        finally:
            self._state = "ready"
            shared.gate.leave()
        ended = trio.current_time()
        self.counters.count_batch(len(outcomes), ended - started, ended)
        shared.counters.last_activity_seconds = ended
        shared.counters.processed += len(outcomes)
        if shared.call_observers:
            shared.report_call(self.node, batch, outcomes, started, ended)
        return outcomes

    def _due(self, handler: Handler) -> float | None:
        """When the handler wants to be released; a source never again once no further input is coming."""
        return None if handler.is_source and self._shared.input.is_closed else handler.due()

    async def _release(self, handler: Handler) -> None:
        await self._shared.gate.enter()
        try:
            outcome = NOTHING
            if self._due(handler) is not None:
                outcome = await handler.vet(handler.release(trio.current_time()))
        finally:
            self._shared.gate.leave()
        await self._give_out(outcome)
        self._settle(handler, 0)

    async def _give_out(self, outcome: Outcome) -> None:
        """See to what a handler gave out without a message; an error of it concerns no single message."""
        await self.emitter.log_all(outcome.logs)
        if self.kept_memory is not None:
            self.kept_memory.lend()
        if outcome.error is None:
            await self.emitter.emit_all(outcome, CAUSELESS)
        else:
            await self.handle_failure(CAUSELESS, outcome.error)
        if self.kept_memory is not None:
            self.kept_memory.settle()

    def _settle(self, handler: Handler, finished: int) -> None:
        """Release finished messages, but count one as in flight for as long as something held is on its way."""
        in_flight = self._shared.in_flight
        is_holding = handler.counts_as_in_flight and handler.due() is not None
        if is_holding and not self._is_holding:
            in_flight.add(1)
        elif self._is_holding and not is_holding:
            finished += 1
        self._is_holding = is_holding
        if self.kept_memory is not None:
            self.kept_memory.settle()
        in_flight.finish(finished)

    async def _handle_error(self, handler: Handler, message: Message, error: HandlerError) -> None:
        """Retry, route to the error port, go on, or fail the execution: as the node asks for."""
        self._count_error(error)
        if self._on_error == "retry":
            remaining = await self._retry(handler, message, error)
            if remaining is None:
                return
            error = remaining
        await self._route_error(message, error)

    async def handle_failure(self, message: Message, error: HandlerError) -> None:
        """See to an invocation that ended in an error and is not tried again."""
        self._count_error(error)
        await self._route_error(message, error)

    async def _route_error(self, message: Message, error: HandlerError) -> None:
        node = self.node
        error = bounded(error)
        if node.routes[node.error_port]:
            try:
                value = error_value(node, message, error, self._shared.limits.value_bytes)
                await self.emitter.emit([(node.error_port, value)], message.lane)
            except UnsentError as unsent:  # not even the error finds memory: as if it had no edge
                error = unsent_error(unsent)
            else:
                return
        if self._on_error != "continue":
            text = f"Node {node.id} failed: {error.name}: {error.message}"
            self._shared.fail(ExecutionError(text, node.id, error.stack or None))
            await trio.sleep_forever()  # the execution is being cancelled; nothing more may leave this node

    async def _retry(self, handler: Handler, message: Message, error: HandlerError) -> HandlerError | None:
        """Try the message again, waiting twice as long each time; the last error, or None for success."""
        policy = self.node.definition.retry
        for attempt in range(policy.max_attempts - 1):
            await trio.sleep(policy.backoff_ms / 1000 * 2**attempt)
            (outcome,) = await self._invoke(handler, [message])
            self.counters.retries += 1
            self._shared.counters.processed -= 1
            await self.emitter.log_all(outcome.logs)
            if outcome.error is None:
                await self.emitter.emit_all(outcome, message)
                return None
            error = outcome.error
            self._count_error(error)
        return error

    def _count_error(self, error: HandlerError) -> None:
        self.counters.errors += 1
        self._shared.report_failure(self.node, error)

    def log(self, lines: Sequence[LogLine]) -> None:
        """Report what the handler has logged."""
        for line in lines:
            self._shared.log(self.node, line)
