"""One node of one execution: its handler, and the task that feeds it.

inbox ──> loop (here) ──> call, counted and reported (``observed``) ──> outcomes ──> edges (``emitter``)
                                                                          └── errors (``error_policy``)
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from math import inf

import trio
from msgspec import structs

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import NOTHING, Emission, Handler, HandlerError, Message, Outcome
from engine.contracts.source import source_of
from engine.counters.counters import InstanceCounters
from engine.execution.chain_member import Chained
from engine.execution.emitter import CAUSELESS, CAUSELESS_APOCRYPHAL
from engine.execution.error_policy import ErrorPolicy
from engine.execution.failure import handler_error
from engine.execution.hand import HAND, Hand, TakenMessages
from engine.execution.in_hand import InHand
from engine.execution.initial_emissions import InitialEmissions
from engine.execution.kept_memory import KeptMemory
from engine.execution.observed import Observed, note_writes, record_writes
from engine.execution.producing import Producing
from engine.execution.sequencer import Sequencer
from engine.execution.shared import ExecutionShared
from engine.execution.unprocessed import count_undone
from proto.execution import InstanceSnapshot
from proto.graph import OnError

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
        former: whose place it takes; it goes on with its counters.

    Attributes:
        ended: set when ``run`` has ended, because its inbox was halted.
        lets_out: whether it gives out what is on its way in its handler before it ends so.
    """

    def __init__(
        self,
        node: CompiledNode,
        instance_id: str,
        handlers: Sequence[Handler],
        shared: ExecutionShared,
        on_error: OnError,
        former: "Instance | None" = None,
    ) -> None:
        self.node = node
        self._instance_id = instance_id
        self._shared = shared
        self._inbox = shared.inboxes[node.index]
        self._handlers = handlers
        self.ended = trio.Event()
        self.lets_out = False
        self._observed = Observed(node, shared, None if former is None else former.counters)
        self.errors = ErrorPolicy(node, shared, self._observed, on_error)
        # Of the two above, read by all who read an instance.
        self.counters: InstanceCounters = self._observed.counters
        self.emitter = self.errors.emitter
        # A message that may be tried again goes alone: those behind it in a batch would be processed before its
        # second attempt, and what the component remembers would depend on how many happened to wait together.
        self._batch_messages = 1 if self.errors.retries else shared.limits.batch_messages
        # Before ``run``: handlers that have begun, also those that failed in it, and what they have emitted.
        self._initialized: list[Handler] = []
        self.initial = InitialEmissions(shared.account)
        # Where there is a chain, there is one handler, which keeps no messages, and ``run`` begins in the chain;
        # it goes on by itself when the chain is no more. The place never changes. Read by who controls edges.
        self.chained: Chained | None = None
        self.place = 0
        self.kept_memory: KeptMemory | None = None
        if handlers[0].keeps and shared.account is not None:  # those that keep something are alone
            self.kept_memory = KeptMemory(handlers[0], shared, self._inbox, node.id)
        self.in_hand = InHand(node.index, shared, handlers[0], self.kept_memory)
        # What its tasks have in hand: its worker's, and those of others as there are any.
        self.hand = Hand()
        self.hands = [self.hand]
        self._giving: Hand | None = None
        self.is_concluding = self.is_concluded = False  # by ``flush``
        self.last_lane = 0  # of what it gives out then
        # Of an earlier execution that this one goes on from: whether this node was in it, and what it had in hand.
        self.is_going_on = False
        self.left: deque[TakenMessages] = deque()
        # Whether something but time and messages lets it look at what is due; then the scope in which it waits.
        self._is_woken = False
        self._waiting: trio.CancelScope | None = None
        self._source = source_of(handlers[0])
        self._producing: Producing | None = None
        if self._source is not None:
            self._is_woken = True
            self._producing = Producing(self._source, node.id, shared, self._wake)
        # Where there are several: numbers in the order in which messages were taken, and workers at the inbox.
        self._turns = Sequencer()
        self._idle_workers = 0

    def join(self, chained: Chained, place: int, outside: CompiledNode) -> None:
        """Let messages go through a chain as long as there is one. Called before ``initialize``."""
        self.chained, self.place = chained, place
        self.emitter.node = outside

    def take_place(self, former: "Instance", initial: Sequence[Outcome] | None = None) -> None:
        """Go on where another instance of the node has ended: with its handlers, or with new ones.

        Args:
            former: the other one; its ``run`` has ended.
            initial: what the new handlers have emitted in ``initialize``; None where the handlers are the same.
        """
        self._initialized = list(former._initialized if initial is None else self._handlers)  # noqa: SLF001
        self._observed.state = "ready"
        self.in_hand.held = former.in_hand.held
        for outcome in initial or ():
            self.initial.add(outcome)
        if self.kept_memory is not None and former.kept_memory is not None:
            self.kept_memory.inherit(former.kept_memory)

    def begin_anew(self, initial: Sequence[Outcome]) -> None:
        """Begin with handlers that have been initialised elsewhere, and have emitted this."""
        self._initialized = list(self._handlers)
        self._observed.state = "ready"
        for outcome in initial:
            self.initial.add(outcome)

    def empty(self) -> None:
        """Let go of the handlers and of what they keep, once the execution has ended; the counters stay."""
        if self.chained is not None:
            self.chained.empty()
        self.initial.forget()
        self._handlers, self._initialized = (), []
        self.chained = self.kept_memory = None
        self.in_hand.empty()
        self.hand, self.hands, self._giving = Hand(), [], None
        self.left.clear()

    @property
    def has_in_hand(self) -> bool:
        """True where one of its tasks has something in hand, or may have."""
        hand = self.hand
        return bool(
            hand.batch
            or hand.outcomes
            or len(self.hands) > 1
            or self.left
            or self.initial.outcomes
            or self.is_concluding
        )

    def go_on(self, taken: Iterable[TakenMessages], held: int) -> None:
        """Go on from an earlier execution, with what it had in hand; before ``run``."""
        self.left = deque(taken)
        self.in_hand.held = held
        if self.kept_memory is not None:
            self.kept_memory.settle()

    @property
    def handlers(self) -> Sequence[Handler]:
        """The handlers; empty after its end."""
        return self._handlers

    @property
    def has_initial_output(self) -> bool:
        """True where it emitted something when it was initialised."""
        return any(outcome.emissions for outcome in self.initial.outcomes)

    def busy_seconds(self, now: float) -> float:
        """Return the time that its handlers have worked, calls included that have not ended: those may be long."""
        under_way = self._observed.seconds_under_way(now)
        if self.chained is not None:
            under_way += self.chained.seconds_under_way(self.place, now)
        return self.counters.total_latency_seconds + under_way

    def snapshot(self) -> InstanceSnapshot:
        """Return a snapshot of this moment."""
        snapshot = InstanceSnapshot(
            node_id=self.node.id,
            instance_id=self._instance_id,
            component_id=self.node.definition.component,
            state=self._observed.state
            if self.chained is None or self._observed.state != "ready"
            else self.chained.state,
            queued=len(self._inbox),
            metrics=self.counters.snapshot(),
        )
        by = self._shared.handled_by.get(self.node.id)
        return snapshot if by is None else structs.replace(snapshot, version=by.version, revision=by.revision)

    async def initialize(self) -> HandlerError | None:
        """Let the handlers get ready. What they emit here leaves when ``run`` begins."""
        self._observed.state = "initializing"
        for handler in self._handlers:
            self._initialized.append(handler)  # also when it fails half-way: what it began must be cleaned up
            note_writes(self._shared, handler)
            try:
                outcome = await handler.initialize()
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
                outcome = Outcome(error=handler_error(error))
            record_writes(self._shared, self.node, handler)
            await self.emitter.log_all(outcome.logs)
            if self.is_going_on:  # it has emitted that before
                outcome = Outcome(error=outcome.error)
            refusal = self.initial.add(outcome)
            if refusal is not None:
                self._observed.count_error(refusal)
                self._observed.state = "failed"
                return refusal
        self._observed.state = "ready"
        return None

    async def run(self) -> None:
        """Process messages until cancelled, or until the inbox is halted."""
        try:
            with suppress(trio.EndOfChannel):
                await (self._work() if self._producing is None else self._producing.beside(self._work))
            if self.chained is not None:
                self.chained.abandon_early(self.place)
            if self.lets_out:
                await self._let_out()
        finally:
            self.ended.set()

    async def _let_out(self) -> None:
        """Give out, each when it is due, what is on its way in the handler; no message follows it here."""
        handler = self._handlers[0]
        while self._has_on_its_way(handler):
            due = self._due(handler)
            if due is None:
                return
            await trio.sleep_until(due)
            await self._release(handler)

    def _has_on_its_way(self, handler: Handler) -> bool:
        return handler.counts_as_in_flight and handler.held_messages() > 0

    async def _work(self) -> None:
        """Process messages; where there are several handlers, until the inbox is halted."""
        HAND.set(self.hand)
        if self.chained is not None:
            await self._run_in_chain(self.chained)
        while self.initial.outcomes:
            outcome = self.initial.outcomes.pop(0)
            self.hand.outcomes, self.hand.logged = (outcome,), 1
            await self.emitter.emit_all(outcome, CAUSELESS)
            self.hand.put_down()
        self.initial.forget()
        is_alone = len(self._handlers) == 1
        while self.left and (is_alone or not self.left[0].messages):
            await self._go_on(self._handlers[0], self.left.popleft())
        if is_alone:
            await self._run_one(self._handlers[0])
        async with trio.open_nursery() as nursery:
            self._start_worker(iter(self._handlers), nursery)

    def _start_worker(self, handlers: Iterator[Handler], nursery: trio.Nursery) -> None:
        """Start one more worker, if there is a handler left for it."""
        handler = next(handlers, None)
        if handler is not None:
            nursery.start_soon(self._run_beside_others, handler, handlers, nursery)

    async def _run_in_chain(self, chained: Chained) -> None:
        """Process messages as one of a chain, until that is no more; alone while it is parted."""
        await chained.begin(self.place)
        self.initial.forget()
        if self.kept_memory is not None:
            self.kept_memory.settle()  # what it has set when it was initialised
        (handler,) = self._handlers
        while chained.goes_on:
            try:
                batch = await self._inbox.take_batch(self._batch_messages)
            except trio.Cancelled:
                chained.abandon_early(self.place)
                raise
            self._shared.note_taken(batch)
            self.hand.batch = batch
            own = self.hand.batch = await chained.process(self.place, batch)
            if own:  # then the chain is no more, or parted
                self.emitter.node = self.node
                try:
                    await self._process(handler, own)
                finally:
                    chained.done_alone()
            del batch, own
        self.emitter.node = self.node

    async def _run_one(self, handler: Handler) -> None:
        """Process messages as the only worker, and give out what the handler holds when it is due."""
        limit = min(handler.batch_messages or self._batch_messages, self._batch_messages)
        may_hold = type(handler).due is not Handler.due
        hand = self.hand
        while True:
            batch = await (self._next_batch(handler, limit) if may_hold else self._inbox.take_batch(limit))
            if not batch:
                await self._release(handler)
                continue
            self._shared.note_taken(batch)
            hand.batch = batch
            if self.kept_memory is None:
                try:
                    outcomes = hand.outcomes = await self._observed.invoke(handler, batch)
                except trio.Cancelled:
                    self.in_hand.give_up(batch)
                    raise
                await self._finish(handler, batch, outcomes)
                hand.batch, hand.outcomes = batch[len(outcomes) :], None
                if len(outcomes) < len(batch):
                    await self._keep_pace(batch[len(outcomes) :])
                    await self._process(handler, batch[len(outcomes) :])
                del outcomes
            else:
                await self._process(handler, batch)
            del batch  # who waits for messages keeps none: a thousand nodes would keep many

    async def _process(self, handler: Handler, batch: Sequence[Message]) -> None:
        """Let a handler process a batch, in several parts where its outcomes would be too much at once."""
        if self.kept_memory is not None:
            try:
                refusal = await self.kept_memory.make_room(
                    batch, lambda: self._due(handler), lambda: self._release(handler)
                )
                if refusal is not None:
                    await self.errors.fail_all(batch, refusal)
            except trio.Cancelled:
                self.in_hand.note_undone(handler, len(batch), len(batch) - self.emitter.cut.take())
                raise
            if refusal is not None:
                self.in_hand.settle(handler, len(batch))
                return
        hand = self.hand
        while batch:
            size = -1
            try:
                outcomes = hand.outcomes = await self._observed.invoke(handler, batch)
                if self.kept_memory is not None:
                    outcomes, size = await self.kept_memory.take_up(outcomes)
                    hand.outcomes = outcomes
                    self.kept_memory.lend()
            except trio.Cancelled:
                self.in_hand.give_up(batch)
                raise
            await self._finish(handler, batch, outcomes, size)
            if self.kept_memory is not None:
                self.kept_memory.put_down()
            batch = hand.batch = batch[len(outcomes) :]
            hand.outcomes = None
            if batch:
                await self._keep_pace(batch)

    async def _go_on(self, handler: Handler, left: TakenMessages) -> None:
        """Go on with what an earlier execution had in hand here."""
        hand = HAND.get()
        batch = hand.batch = left.messages
        if left.attempts is not None:
            await self._try_again(handler, batch[0], *left.attempts)
            return
        outcomes = hand.outcomes = list(left.outcomes)
        try:
            for index, outcome in enumerate(outcomes):
                outcomes[index] = await handler.vet(outcome)
        except trio.Cancelled:
            self.in_hand.give_up(batch)
            raise
        if not batch:
            hand.lane = left.lane
            for outcome in outcomes:
                await self._give_out(handler, outcome, CAUSELESS_APOCRYPHAL if left.lane else CAUSELESS)
            hand.put_down()
            self.in_hand.settle(handler, 0)
            return
        if outcomes:
            self._resume(left)
            await self._finish(handler, batch, outcomes)
        hand.batch, hand.outcomes = batch[len(outcomes) :], None
        if hand.batch:
            await self._process(handler, hand.batch)

    def lets_go(self, *, is_error: bool) -> bool:
        """Return whether the place of a message is let go with its outcome, and not kept; there is none here."""
        del is_error
        return True

    def _resume(self, left: TakenMessages) -> None:
        """Take note of where an array was that is being taken apart; there is none here."""

    async def _try_again(
        self, handler: Handler, message: Message, failed: int, error: HandlerError, due: float
    ) -> None:
        """Go on trying a message of which some attempts have failed."""
        hand = HAND.get()
        outcomes = hand.outcomes = (Outcome(error=error),)
        try:
            await self.errors.go_on(handler, message, error, failed, due)
        except trio.Cancelled:
            self._note_cut_off(handler, (message,), outcomes, 0)
            raise
        hand.put_down()
        self._end_trying(message)
        self.in_hand.settle(handler, 1)

    def _end_trying(self, message: Message) -> None:
        """Let go of the place of a message; there is none here."""

    async def _run_beside_others(self, handler: Handler, others: Iterator[Handler], nursery: trio.Nursery) -> None:
        """Work as one of several workers of a stateless component, each with one message at a time.

        Where the last idle one finds work it starts another: a node that may do a hundred things at once seldom
        does, and a hundred tasks that only wait would all have to be ended.
        """
        hand = Hand()
        self.hands.append(hand)
        HAND.set(hand)
        while True:
            left = self.left.popleft() if self.left else None
            if left is None:
                self._idle_workers += 1
                try:
                    batch: Sequence[Message] = await self._inbox.take_batch(1)
                except trio.EndOfChannel:
                    return
                finally:
                    self._idle_workers -= 1
                self._shared.note_taken(batch)
            else:
                batch = left.messages
            number = hand.number = self._turns.take()
            hand.batch = batch
            if not self._idle_workers:
                self._start_worker(others, nursery)
            with self._shared.carrying(batch[0]):  # another worker may come to the inbox meanwhile
                is_done = left is not None and (left.outcomes or left.attempts)
                try:
                    outcomes = () if is_done else await self._observed.invoke(handler, batch)
                    hand.outcomes = outcomes or None
                    if self.node.definition.ordered:
                        await self._turns.wait(number)
                except trio.Cancelled:
                    self.in_hand.give_up(batch)
                    raise
                if left is not None and is_done:
                    await self._go_on(handler, left)
                else:
                    await self._finish(handler, batch, outcomes)
            hand.batch, hand.outcomes = (), None
            self._turns.done(number)
            del batch, outcomes

    async def flush(self) -> None:
        """Let the handler, or one of several, give out what it holds, because no further message will come."""
        handler = self._handlers[0]
        hand = Hand()
        self.hands.append(hand)
        HAND.set(hand)
        await self._shared.gate.enter()
        cause = CAUSELESS_APOCRYPHAL if self._shared.has_lanes else CAUSELESS
        self.is_concluding, self.last_lane = True, cause.lane
        note_writes(self._shared, handler)
        try:
            outcome = await handler.conclude()
        finally:
            self._shared.gate.leave()
        record_writes(self._shared, self.node, handler)
        self._record_firing(outcome, is_last=True)
        self.is_concluding, self.is_concluded = False, True
        hand.outcomes, hand.lane = (outcome,), cause.lane
        if self.chained is not None:
            outcome = await self.chained.give_last(self.place, outcome, cause)
            hand.outcomes = (outcome,)
        await self._give_out(handler, outcome, cause)
        self.hands.remove(hand)
        self.in_hand.settle(handler, 0)

    def retire(self) -> Sequence[Handler]:
        """Let the instance be stopped; return the initialised handlers that have something to clean up."""
        self._observed.state = "stopped"
        return [handler for handler in self._initialized if type(handler).cleanup is not Handler.cleanup]

    def report_cleanup(self, outcome: Outcome) -> None:
        """Report what came of a handler's cleanup; an error changes nothing."""
        for line in outcome.logs:
            self._shared.log(self.node, line)
        if outcome.error is not None:
            self._shared.report_failure(self.node, outcome.error)

    def _wake(self) -> None:
        """Let the task that waits for messages look at what is due."""
        if self._waiting is not None:
            self._waiting.cancel()

    async def _next_batch(self, handler: Handler, limit: int) -> Sequence[Message]:
        """Wait for the messages to process next; return none when something held is due first."""
        due = self._due(handler)
        if self._is_woken:
            if due is not None and due <= trio.current_time():
                await trio.lowlevel.checkpoint()
                return ()
            with trio.CancelScope(deadline=inf if due is None else due) as scope:
                self._waiting = scope
                try:
                    return await self._inbox.take_batch(limit)
                finally:
                    self._waiting = None
            return ()
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
        if not self._shared.has_lanes:  # most batches only emit
            for outcome in outcomes:
                if outcome.logs or outcome.error is not None:
                    break
                waiting += outcome.emissions
            else:
                if len(waiting) <= _EFFECTS_AT_ONCE:
                    try:
                        await self.emitter.emit_several(waiting, batch, outcomes, size)
                    except trio.Cancelled:
                        self._note_cut_off(handler, batch, outcomes, 0)
                        raise
                    self.in_hand.settle(handler, len(outcomes))
                    return
        await self._finish_in_parts(handler, batch, outcomes)

    async def _finish_in_parts(
        self, handler: Handler, batch: Sequence[Message], outcomes: Sequence[Outcome]
    ) -> None:
        """Finish a batch that does more than emit, or emits much or in several lanes."""
        waiting: list[Emission] = []
        first = 0  # of the messages whose emissions wait; those before it are done with
        has_lanes = self._shared.has_lanes
        lane = batch[0].lane
        hand = HAND.get()
        try:
            for index, message, outcome in zip(range(len(outcomes)), batch, outcomes, strict=False):
                if outcome.logs or len(waiting) > _EFFECTS_AT_ONCE:
                    await self.emitter.log_all(outcome.logs)
                    hand.logged = index + 1
                    if len(waiting) + len(outcome.logs) > _EFFECTS_AT_ONCE:
                        await self.emitter.emit_several(waiting, batch[first:index], outcomes[first:index])
                        waiting, first = [], index
                        hand.first = index
                        await trio.lowlevel.checkpoint()
                if outcome.error is None and not (has_lanes and (message.lane != lane or outcome.lanes)):
                    waiting += outcome.emissions
                    continue
                # Order along every edge: what was emitted before leaves before what is in another lane, or an
                # error.
                await self.emitter.emit_several(waiting, batch[first:index], outcomes[first:index])
                waiting, first = [], index
                hand.first = index
                lane = message.lane
                if outcome.error is None:
                    await self.emitter.emit_all(outcome, message)
                else:
                    await self.errors.handle(handler, message, outcome.error)
                first = hand.first = index + 1
            if waiting:
                await self.emitter.emit_several(waiting, batch[first:], outcomes[first:])
        except trio.Cancelled:
            self._note_cut_off(handler, batch, outcomes, first)
            raise
        hand.put_down()
        self.in_hand.settle(handler, len(outcomes))

    def _due(self, handler: Handler) -> float | None:
        """Return when the handler wants to be released; a source never again once no further input is coming."""
        return None if handler.is_source and self._shared.input.is_closed else handler.due()

    async def _release(self, handler: Handler) -> None:
        hand = self._giving
        if hand is None:
            hand = self._giving = Hand()
            self.hands.append(hand)
        HAND.set(hand)
        await self._shared.gate.enter()
        try:
            outcome = NOTHING
            if self._due(handler) is not None:
                outcome = handler.release(trio.current_time())
                hand.outcomes = (outcome,)
                outcome = await handler.vet(outcome)
        finally:
            self._shared.gate.leave()
        self._record_firing(outcome, is_last=False)
        hand.outcomes = (outcome,)
        await self._give_out(handler, outcome)
        if self._source is not None:
            self._source.note_left()
            self._shared.counters.last_activity_seconds = trio.current_time()
        hand.put_down()
        HAND.set(self.hand)
        self.in_hand.settle(handler, 0)

    def _record_firing(self, outcome: Outcome, *, is_last: bool) -> None:
        recorder = self._shared.recorder
        if recorder is not None and (outcome.emissions or outcome.error is not None):
            recorder.fired(self.node, outcome, is_last=is_last)

    async def _give_out(self, handler: Handler, outcome: Outcome, cause: Message = CAUSELESS) -> None:
        """See to what a handler gave out without a message; an error of it concerns no single message."""
        try:
            await self.emitter.log_all(outcome.logs)
            HAND.get().logged = 1
            if self.kept_memory is not None:
                self.kept_memory.lend()
            if outcome.error is not None:
                await self.errors.fail(cause, outcome.error)
            elif self.node.index in self._shared.rejected:
                await self.emitter.emit_each(outcome, cause)
            else:
                await self.emitter.emit_all(outcome, cause)
        except trio.Cancelled:
            left = self.emitter.cut.take()
            is_done = outcome.error is not None and left
            self.in_hand.note_undone(handler, 0, 0 if is_done else sum(outcome.made_from[left:]))
            raise

    async def _keep_pace(self, rest: Sequence[Message]) -> None:
        """Wait for a pass with time in it, with the rest of a batch in hand."""
        try:
            await self._shared.pace.keep()
        except trio.Cancelled:
            self.in_hand.give_up(rest)
            raise

    def _note_cut_off(
        self, handler: Handler, batch: Sequence[Message], outcomes: Sequence[Outcome], first: int
    ) -> None:
        """Count the messages of a batch whose emissions have not all left, of those from ``first`` on."""
        undone = count_undone(outcomes[first:], self.emitter.cut.take()) + len(batch) - len(outcomes)
        self.in_hand.note_undone(handler, len(batch), undone)
