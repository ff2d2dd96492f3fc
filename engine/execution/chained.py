"""Instances of one execution that run as one: their messages go through a chain, and not through inboxes.

    inbox of the first ──> turn ── chain ──> edges that leave the chain
    inbox of another  ───────┘ (what is injected into the middle)

Each instance keeps its task and its inbox, and processes in its turn; while one call's effects are on their
way, no other begins, so order along every edge is that of unchained nodes. The invocations are counted, logged
and reported by instance as ever, after the call in which they happened.

When the chain came to nothing, it is no more. What it still had for other instances goes to the front of
their inboxes: it is older than anything that can come to them.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

import trio

from engine.contracts.chain import Chain, ChainResult, Link
from engine.contracts.handler import Emission, Message, Outcome
from engine.contracts.lanes import CANONICAL
from engine.counters.edge_counters import EdgeCounters
from engine.execution.chain_member import Member, log_and_fail
from engine.execution.chained_cut_off import CallCutOff
from engine.execution.early_start import EarlyCall, begin_early, may_leave_at_once
from engine.execution.emitter import CAUSELESS
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError

_CALL_SECONDS = 0.001
"""The time that a call should take, judged by the one before it: a time slice. While it lasts, none of its
effects leaves, and when it comes to nothing, so much time is lost."""

_CALL_BYTES = 1024 * 1024
"""Values of one call: beyond it the messages are divided among several."""

_EFFECTS_AT_ONCE = 500
"""Steps, log lines and values that are seen to without a look at other tasks, but for those of one step."""

_LIGHT_BYTES = 16 * 1024
"""Bytes that a call may make uncharged."""

_Work = tuple[int, Message, bool]
"""The place of an instance, a message that is counted as in flight, and whether its edge has counted it as taken:
so it has where it came from an inbox, but not where a member has just emitted it."""

_port_of = itemgetter(0)


class ChainedInstances:
    """The instances of one chain, run as one; made by an execution for each chain of its graph.

    Args:
        members: the instances, in the order of the flow.
        chain: of their handlers.
        links: each one's place.
        shared: of the execution.
    """

    def __init__(
        self, members: Sequence[Member], chain: Chain, links: Sequence[Link], shared: ExecutionShared
    ) -> None:
        self._members = members
        self._links = links
        self._shared = shared
        # None once a call has come to nothing, and for ever: then each member processes alone, from its inbox.
        self._chain: Chain | None = chain
        # Whoever is in ``process`` or ``begin`` has the turn, also while the effects of its call wait for room: so
        # nothing of a later call can leave before. It is handed over, and never free while somebody waits.
        self._is_busy = False
        self._waiting = trio.lowlevel.ParkingLot()
        self._has_begun = trio.Event()  # what was emitted in ``initialize`` has left
        self.state = "ready"
        self._began = 0.0  # the call under way, by Trio's clock
        self._times = 0.0, 0.0  # of the last call: when it began and ended, by Trio's clock
        # What has been passed on to each member and not taken, in a traced call; empty between two calls.
        self._passed: list[deque[Message]] = [deque() for _ in members]
        self._held_bytes = 0  # charged for what calls have made, until the turn's work is done
        self._cut_off = CallCutOff(members, shared)
        self._called = 0  # invocations of the last call
        self._most = shared.limits.batch_messages  # messages of the next call, by the time of the last one
        self._early: EarlyCall | None = None  # while there is one, it has the turn
        for place, member in enumerate(members):
            member.join(self, place)
            shared.early_starts[member.node.index] = partial(self._begin_early, place)

    @property
    def is_whole(self) -> bool:
        """True while messages still go through the chain."""
        return self._chain is not None

    def seconds_under_way(self, now: float) -> float:
        """Return the share of one member in the time that the call under way has taken: all have the same."""
        return (now - self._began) / len(self._members) if self.state == "processing" else 0.0

    def empty(self) -> None:
        """Let go of the chain and of what it has in hand, once the execution has ended."""
        self._chain = self._early = None
        self._members, self._passed = (), []

    async def begin(self, place: int) -> None:
        """Return when what the members emitted in ``initialize`` has left; the first member sees to that.

        The last one's comes first: what a member was initialised with leaves before what follows from a message.
        """
        if place:
            await self._has_begun.wait()
            return
        await self._take_turn()
        try:
            for member_place in reversed(range(len(self._members))):
                for outcome in self._members[member_place].initial.outcomes:
                    await self._emit_initial(member_place, outcome.emissions)
            self._has_begun.set()
        finally:
            self._end_turn()

    def _begin_early(self, place: int, message: Message) -> bool:
        """Begin a call for a message that is injected; return whether it is done with (``early_start``)."""
        if self._is_busy or self._chain is None or not self._has_begun.is_set():
            return False
        early = begin_early(self._chain, self._shared, place, message)
        if early is None:
            return False
        result = early.call.result
        if result is None or not may_leave_at_once(self._members, self._shared, result):
            self._early, self._is_busy = early, True
            if early.is_running:
                self.state = "processing"
            return False
        self._shared.in_flight.add(1)
        self._times = early.started, trio.current_time()
        self._count(result, *self._times)
        self._count_edges([(place, message, True)], result)
        lanes = self._lanes(place, message.lane)
        for step in result.steps:
            for port, value in step.emissions:
                self._shared.send_at_once(self._members[step.program].node, port, value, lanes[step.program])
        self._shared.counters.processed += self._called
        self._shared.in_flight.finish(1)
        return True

    def abandon_early(self, place: int) -> None:
        """Let the call come to nothing that has begun for a message in a member's inbox, if one has."""
        early = self._early
        if early is None or early.place != place or self._chain is None:
            return
        self._early = None
        self._chain.abandon(early.call)
        self._chain = None
        if early.is_running:
            self.state = "ready"
            self._shared.gate.leave()
        self._end_turn()

    async def process(self, place: int, batch: Sequence[Message]) -> Sequence[Message]:
        """Process messages that a member has taken from its inbox; return those that it must process alone."""
        if self._early is None or self._early.message is not batch[0]:
            try:
                await self._take_turn()
            except trio.Cancelled:
                self._cut_off.note_waiting(place, len(batch))
                raise
        try:
            work = deque([(place, message, True) for message in batch])
            await self._work_off(work)
            return self._hand_over(work, place) if work else ()
        finally:
            self._end_turn()

    async def _take_turn(self) -> None:
        """Wait until nobody else has the turn, first come, first served. No checkpoint where nobody has."""
        if self._is_busy:
            await self._waiting.park()  # and it is handed to us
            try:
                await self._shared.pace.keep()
            except trio.Cancelled:
                self._end_turn()
                raise
        self._is_busy = True

    def _end_turn(self) -> None:
        if self._waiting:
            self._waiting.unpark()
        else:
            self._is_busy = False

    async def _work_off(self, work: deque[_Work]) -> None:
        """Take messages through the chain until none is left, or the chain is no more."""
        is_later = False
        while work and self._chain is not None:
            part = self._next_part(work)
            try:
                if is_later:
                    await self._shared.pace.keep()
                result, traced = await self._call(self._chain, part)
            except trio.Cancelled:
                self._cut_off.note_work([*part, *work])
                raise
            is_later = True
            if result is None:
                self._chain = None
                work.extendleft(reversed(part))
                return
            if result.has_written:
                for member in self._members:
                    if member.kept_memory is not None:
                        member.kept_memory.settle()
            if result.size_bytes > _LIGHT_BYTES:
                self._hold(self._held_bytes + result.size_bytes)
            begun = result.begun
            try:
                pending = await (self._conclude_traced if traced else self._conclude)(part, result)
            except trio.Cancelled:
                self._cut_off.note_work([*part[begun:], *work])
                raise
            if begun < len(part) or pending:
                work.extendleft(reversed([*pending, *part[begun:]]))
            if self._held_bytes:
                self._hold(sum([len(message.value) for _, message, _ in work]))
            self._shared.counters.processed += self._called
            self._shared.in_flight.finish(begun)

    def _hold(self, size_bytes: int) -> None:
        """Charge what the chain has made and is not rid of; where there is no memory for it, the execution fails.

        A call takes effect as a whole, so nothing of it could be taken back.
        """
        account = self._shared.account
        if account is None:
            return
        more, self._held_bytes = size_bytes - self._held_bytes, size_bytes
        if more <= 0:
            account.release(-more, "outcomes")
            return
        refusal = account.refusal(more)
        account.note(more, "outcomes")
        if refusal is not None:
            node = self._members[0].node.id
            self._shared.fail(ExecutionError(f"The nodes that run as one from {node} made too much: {refusal}"))

    def _next_part(self, work: deque[_Work]) -> list[_Work]:
        """Take the messages of one call: they go to one member and are in one lane, so all that follows is too."""
        place, message, _ = first = work.popleft()
        lane, size = message.lane, len(message.value)
        part = [first]
        while work and len(part) < self._most and self._early is None:
            next_place, message, _ = work[0]
            size += len(message.value)
            if next_place != place or message.lane != lane or size > _CALL_BYTES:
                break
            part.append(work.popleft())
        return part

    async def _call(self, chain: Chain, part: Sequence[_Work]) -> tuple[ChainResult | None, bool]:
        """Call the chain; return what came of it, and whether it was traced: for who watches as the gate opens."""
        shared = self._shared
        if self._early is not None:
            return await self._finish_early(chain, self._early), False
        await shared.gate.enter()
        traced = bool(shared.flow_observers or shared.call_observers)
        started = self._began = trio.current_time()
        self.state = "processing"
        try:
            result = await chain.process(
                [(place, message.port, message.value) for place, message, _ in part],
                traced=traced,
                hears_outputs=bool(shared.output_observers),
            )
        finally:
            self.state = "ready"
            shared.gate.leave()
        if result is not None:
            self._times = started, trio.current_time()
            self._count(result, *self._times)
        return result, traced

    async def _finish_early(self, chain: Chain, early: EarlyCall) -> ChainResult | None:
        """Bring a call to its end that has begun when its message was injected."""
        self._early = None
        try:
            result = early.call.result or await chain.finish(early.call)
        finally:
            self.state = "ready"
            if early.is_running:
                self._shared.gate.leave()
        if result is not None:
            self._times = early.started, trio.current_time()
            self._count(result, *self._times)
        return result

    def _count(self, result: ChainResult, started: float, ended: float) -> None:
        """Count a call. Each invocation is charged its mean share of it, whichever instance it was of."""
        seconds = ended - started
        self._called = sum([share[0] for share in result.counts])
        each = seconds / self._called
        for member, (invocations, _, emitted) in zip(self._members, result.counts, strict=True):
            if invocations:
                member.counters.count_batch(invocations, each * invocations, ended)
                member.counters.emitted += emitted
        self._shared.counters.last_activity_seconds = ended
        fitting = int(_CALL_SECONDS / max(seconds, 1e-6) * result.begun)
        self._most = min(max(fitting, 1), self._shared.limits.batch_messages)

    async def _conclude(self, part: Sequence[_Work], result: ChainResult) -> Sequence[_Work]:
        """Let a call take its effects; return the messages that it left between two members.

        ``_conclude_traced`` must come to the same counts, emissions, logs, errors and messages left: held by
        test_a_chain_does_what_its_nodes_do_alone, which compares both with nodes that are not chained.
        """
        entrance, cause, _ = part[0]
        lanes = self._lanes(entrance, cause.lane)
        self._count_edges(part, result)
        pending: list[_Work] = []
        done = seen = in_flight = 0
        try:
            for start in range(0, len(result.pending), _EFFECTS_AT_ONCE):
                some = result.pending[start : start + _EFFECTS_AT_ONCE]
                pending += [self._pending(place, port, value, lanes[place]) for place, port, value in some]
                await trio.lowlevel.checkpoint()
            in_flight = len(pending)
            self._shared.in_flight.add(in_flight)
            for step in result.steps:
                member, lane = self._members[step.program], lanes[step.program]
                if step.logs:
                    await member.emitter.log_all(step.logs)
                if step.error is None:
                    cause = Message(0, b"null", lane=lane) if lane else CAUSELESS
                    await member.emitter.emit_alone(step.emissions, cause)
                else:
                    port, value = step.cause or (0, b"null")
                    await member.errors.fail(Message(port, value, lane=lane), step.error)
                done += 1
                seen += 1 + len(step.logs) + len(step.emissions)
                if seen > _EFFECTS_AT_ONCE:
                    seen = 0
                    await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self._cut_off.note_call(result, result.steps[done:], pending_in_flight=in_flight)
            raise
        return pending

    def _count_edges(self, part: Sequence[_Work], result: ChainResult) -> None:
        """Count what a call that was not traced has passed along the edges between the members."""
        entrance = part[0][0]
        counted = sum(was_counted for _, _, was_counted in part[: result.begun])
        for place, (invocations, passed, _) in enumerate(result.counts):
            if place and invocations:
                self._edge_to(place).taken += invocations - (counted if place == entrance else 0)
            if passed:
                self._edge_to(place + 1).sent += passed

    def _pending(self, place: int, port: int, value: bytes, lane: int) -> _Work:
        edge = self._links[place - 1].edge  # what is pending was passed on, so there is a member before this one
        return place, Message(port, value, self._shared.next_sequence(), edge, lane), False

    async def _conclude_traced(  # noqa: PLR0912 - all that a step may do, in the order in which it does it
        self, part: Sequence[_Work], result: ChainResult
    ) -> Sequence[_Work]:
        """Conclude as ``_conclude`` does, and report everything to those who watch, one step after the other."""
        shared, members, links = self._shared, self._members, self._links
        passed = self._passed
        heard: dict[int, list[tuple[Message, Outcome]]] = {}
        begun = iter(part)
        seen = done = 0
        number = -1  # of the emission that leaves, from 1 on; 0 before the first, and -1 between two steps
        try:
            for step in result.steps:
                place = step.program
                member, link = members[place], links[place]
                is_inner = bool(passed[place])
                message, was_counted = (passed[place].popleft(), False) if is_inner else next(begun)[1:]
                number = 0
                if not was_counted:
                    self._edge_to(place).taken += 1
                if shared.call_observers:
                    heard.setdefault(place, []).append((message, Outcome(step.emissions, step.logs, step.error)))
                shared.report_invocations(member.node, (message,))
                if step.logs or step.error is not None:
                    await log_and_fail(member, message, step)
                for number, (port, value) in enumerate(step.emissions, 1):  # noqa: B007 - read where it was cut off
                    if port == link.port:
                        passed[place + 1].append(self._pass_on(place, value, message.lane))
                    else:
                        await member.emitter.emit_alone(((port, value),), message)
                if is_inner:
                    shared.in_flight.finish(1)
                done += 1
                number = -1
                seen += 1 + len(step.logs) + len(step.emissions)
                if seen > _EFFECTS_AT_ONCE:
                    seen = 0
                    await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            at_work = None if number < 0 else (number, message if is_inner else None)
            waiting = result.begun - len(part) + len(list(begun))
            self._cut_off.note_traced(result, done, (part[0][0], waiting), passed, at_work)
            raise
        finally:
            self._report_calls(heard)
        if not result.pending:
            return ()
        pending = [(place, message, False) for place in reversed(range(len(passed))) for message in passed[place]]
        for messages in passed:
            messages.clear()
        return pending

    def _report_calls(self, heard: Mapping[int, Sequence[tuple[Message, Outcome]]]) -> None:
        """Report to those who hear of calls one for each member; they all lie within the chain's own."""
        for place in sorted(heard):
            messages, outcomes = zip(*heard[place], strict=True)
            self._shared.report_call(self._members[place].node, messages, outcomes, *self._times)

    def _pass_on(self, place: int, value: bytes, derived_lane: int) -> Message:
        """Make a value a message between two members: in flight, counted on their edge, reported to watchers."""
        shared, link, node = self._shared, self._links[place], self._members[place].node
        port = link.port
        assert port is not None  # noqa: S101 - only the last member has none
        lane = derived_lane or node.lanes[port]
        message = Message(link.input_port, value, shared.next_sequence(), link.edge, lane)
        shared.report_hop(node, port, node.routes[port][0], message)
        shared.in_flight.add(1)
        shared.edges[link.edge].sent += 1
        return message

    async def _emit_initial(self, place: int, emissions: Sequence[Emission]) -> None:
        """Let leave what a member emitted in ``initialize``; it goes through the rest of the chain at once."""
        member = self._members[place]
        member.counters.emitted += len(emissions)
        for port, run in groupby(emissions, _port_of):
            if port != self._links[place].port:
                await member.emitter.emit_alone(list(run), Message(0, b"null"))
                continue
            work = deque([(place + 1, self._pass_on(place, value, CANONICAL), False) for _, value in run])
            await self._work_off(work)
            self._hand_over(work, None)

    def _hand_over(self, work: Iterable[_Work], owner: int | None) -> Sequence[Message]:
        """Give what the chain did not do to the members' inboxes; return what is the caller's own.

        Nobody owns what was emitted at the start: it goes behind what was given back of it before.
        """
        own = []
        others: dict[int, list[Message]] = {}
        for place, message, _ in work:
            if place == owner:
                own.append(message)
            else:
                others.setdefault(place, []).append(message)
        for place, messages in others.items():
            self._shared.inboxes[self._members[place].node.index].put_back(messages, behind=owner is None)
        return own

    def _edge_to(self, place: int) -> EdgeCounters:
        """Return the counters of the edge that leads to a member from the one before it.

        The first member has none: then the last link is found, whose edge is ``NO_EDGE``, and the spare counters.
        """
        return self._shared.edges[self._links[place - 1].edge]

    def _lanes(self, place: int, lane: int) -> list[int]:
        """Return the lane of what each member is handed, when one is handed a message in this lane."""
        lanes = [lane] * len(self._members)
        for each in range(place, len(self._members) - 1):
            port = self._links[each].port
            assert port is not None  # noqa: S101 - only the last member has none
            lanes[each + 1] = lanes[each] or self._members[each].node.lanes[port]
        return lanes
