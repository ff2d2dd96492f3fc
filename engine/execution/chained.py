"""Instances of one execution that run as one: their messages go through a chain, and not through inboxes.

    inbox of the first ──> stage ── chain ──> edges that leave the chain
    inbox of another  ───────┘ (what is injected into the middle)

Each instance keeps its task and its inbox, and calls the stage in its turn; while one call's effects are on their
way, no other begins, so order along every edge is that of unchained nodes. The invocations are counted, logged
and reported by instance as ever, after the call in which they happened.

When the chain came to nothing, the stage is no more. What it still had for other instances goes to the front of
their inboxes: it is older than anything that can come to them.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

import trio

from engine.contracts.chain import Chain, Link, Passage
from engine.contracts.handler import Emission, Message, Outcome
from engine.contracts.lanes import CANONICAL
from engine.counters.edge_counters import EdgeCounters
from engine.execution.emitter import CAUSELESS
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError

_CALL_SECONDS = 0.001
"""How long a call should take, by the time of the one before it: a time slice. While it lasts, none of its effects
leaves, and when it comes to nothing, so much time is lost."""

_CALL_BYTES = 1024 * 1024
"""Values of one call: beyond it the messages are divided among several."""

_EFFECTS_AT_ONCE = 500
"""Steps, log lines and values that are seen to without a look at other tasks, but for those of one step."""

_LIGHT_BYTES = 16 * 1024
"""What a call may make without its being charged."""

_Work = tuple[int, Message, bool]
"""The place of an instance, a message that is counted as in flight, and whether it is counted as taken."""

_port_of = itemgetter(0)


class ChainedInstances:
    """Made by an execution for each chain of its graph.

    Args:
        members: the instances, in the order of the flow.
        chain: of their handlers.
        links: each one's place.
        shared: of the execution.
    """

    def __init__(
        self, members: Sequence[Instance], chain: Chain, links: Sequence[Link], shared: ExecutionShared
    ) -> None:
        self._members = members
        self._chain: Chain | None = chain
        self._links = links
        self._shared = shared
        self._is_taken = False
        self._waiting = trio.lowlevel.ParkingLot()
        self._has_begun = trio.Event()
        self.state = "ready"
        self._times = 0.0, 0.0
        self._passed: list[deque[Message]] = [deque() for _ in members]  # within one call; kept for its memory
        self._held_bytes = 0
        self._most = shared.limits.batch_messages
        for place, member in enumerate(members):
            member.join(self, place)

    @property
    def is_whole(self) -> bool:
        """Whether messages still go through the chain."""
        return self._chain is not None

    def empty(self) -> None:
        """Let go of the chain and of what it has in hand, once the execution has ended."""
        self._chain = None
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
            for at in reversed(range(len(self._members))):
                for outcome in self._members[at].first.outcomes:
                    await self._emit_first(at, outcome.emissions)
            self._has_begun.set()
        finally:
            self._end_turn()

    async def process(self, place: int, batch: Sequence[Message]) -> Sequence[Message]:
        """Process messages that a member has taken from its inbox; return those that it must process alone."""
        await self._take_turn()
        try:
            work = deque([(place, message, True) for message in batch])
            await self._work_off(work)
            return self._hand_over(work, place) if work else ()
        finally:
            self._end_turn()

    async def _take_turn(self) -> None:
        """Wait until nobody else has the stage, first come, first served. No checkpoint where nobody has."""
        if self._is_taken:
            await self._waiting.park()  # and it stays taken, by us
        self._is_taken = True

    def _end_turn(self) -> None:
        if self._waiting:
            self._waiting.unpark()
        else:
            self._is_taken = False

    async def _work_off(self, work: deque[_Work]) -> None:
        """Take messages through the chain until none is left, or the chain is no more."""
        while work and self._chain is not None:
            part = self._next_part(work)
            passage, traced = await self._call(self._chain, part)
            if passage is None:
                self._chain = None
                work.extendleft(reversed(part))
                return
            if passage.has_written:
                for member in self._members:
                    if member.kept_memory is not None:
                        member.kept_memory.settle()
            if passage.size_bytes > _LIGHT_BYTES:
                self._hold(self._held_bytes + passage.size_bytes)
            begun = passage.begun
            pending = await (self._conclude_traced if traced else self._conclude)(part, passage)
            if begun < len(part) or pending:
                work.extendleft(reversed(part[begun:]))
                work.extendleft(reversed(pending))
            if self._held_bytes:
                self._hold(sum([len(message.value) for _, message, _ in work]))
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
        """The messages of one call: they go to one member, and are in one lane, so all that follows is too."""
        place, message, _ = first = work.popleft()
        lane, size = message.lane, len(message.value)
        part = [first]
        while work and len(part) < self._most:
            at, message, _ = work[0]
            size += len(message.value)
            if at != place or message.lane != lane or size > _CALL_BYTES:
                break
            part.append(work.popleft())
        return part

    async def _call(self, chain: Chain, part: Sequence[_Work]) -> tuple[Passage | None, bool]:
        """What came of a call, and whether it was traced: whoever watches when the gate opens is told."""
        shared = self._shared
        if shared.pace.is_over():
            await shared.pace.wait()
        await shared.gate.enter()
        traced = bool(shared.flow_observers or shared.call_observers)
        started = trio.current_time()
        self.state = "processing"
        try:
            passage = await chain.process(
                [(place, message.port, message.value) for place, message, _ in part], traced=traced
            )
        finally:
            self.state = "ready"
            shared.gate.leave()
        if passage is not None:
            self._times = started, trio.current_time()
            self._count(passage, *self._times)
        return passage, traced

    def _count(self, passage: Passage, started: float, ended: float) -> None:
        """Each invocation is charged its mean share of the call, whichever instance it was of."""
        seconds = ended - started
        each = seconds / sum([share[0] for share in passage.shares])
        for member, (invocations, _, emitted) in zip(self._members, passage.shares, strict=True):
            if invocations:
                member.counters.count_batch(invocations, each * invocations, ended)
                member.counters.emitted += emitted
                self._shared.counters.processed += invocations
        self._shared.counters.last_activity_seconds = ended
        fitting = int(_CALL_SECONDS / max(seconds, 1e-6) * passage.begun)
        self._most = min(max(fitting, 1), self._shared.limits.batch_messages)

    async def _conclude(self, part: Sequence[_Work], passage: Passage) -> Sequence[_Work]:
        """Let a call take its effects; return the messages that it left between two members."""
        place, first, _ = part[0]
        lanes = self._lanes(place, first.lane)
        came = sum(is_taken for _, _, is_taken in part[: passage.begun])
        for at, (invocations, passed, _) in enumerate(passage.shares):
            if at and invocations:
                self._edge_to(at).taken += invocations - (came if at == place else 0)
            if passed:
                self._edge_to(at + 1).sent += passed
        pending: list[_Work] = []
        for start in range(0, len(passage.pending), _EFFECTS_AT_ONCE):
            some = passage.pending[start : start + _EFFECTS_AT_ONCE]
            pending += [self._pending(at, port, value, lanes[at]) for at, port, value in some]
            await trio.lowlevel.checkpoint()
        self._shared.in_flight.add(len(pending))
        seen = 0
        for step in passage.steps:
            member, lane = self._members[step.program], lanes[step.program]
            if step.logs:
                await member.emitter.log_all(step.logs)
            if step.error is None:
                cause = Message(0, b"null", lane=lane) if lane else CAUSELESS
                await member.emitter.emit_alone(step.emissions, cause)
            else:
                port, value = step.cause or (0, b"null")
                await member.handle_failure(Message(port, value, lane=lane), step.error)
            seen += 1 + len(step.logs) + len(step.emissions)
            if seen > _EFFECTS_AT_ONCE:
                seen = 0
                await trio.lowlevel.checkpoint()
        return pending

    def _pending(self, place: int, port: int, value: bytes, lane: int) -> _Work:
        return place, Message(port, value, self._shared.next_sequence(), self._links[place - 1].edge, lane), False

    async def _conclude_traced(self, part: Sequence[_Work], passage: Passage) -> Sequence[_Work]:
        """As ``_conclude``, and tell those who watch of everything, one step after the other."""
        shared, members, links = self._shared, self._members, self._links
        passed = self._passed
        heard: dict[int, list[tuple[Message, Outcome]]] = {}
        begun = iter(part)
        seen = 0
        try:
            for step in passage.steps:
                at = step.program
                member, link = members[at], links[at]
                is_inner = bool(passed[at])
                message, is_taken = (passed[at].popleft(), False) if is_inner else next(begun)[1:]
                if not is_taken:
                    self._edge_to(at).taken += 1
                if shared.call_observers:
                    heard.setdefault(at, []).append((message, Outcome(step.emissions, step.logs, step.error)))
                shared.report_invocations(member.node, (message,))
                await member.emitter.log_all(step.logs)
                if step.error is not None:
                    await member.handle_failure(message, step.error)
                for port, value in step.emissions:
                    if port == link.port:
                        passed[at + 1].append(self._pass_on(at, value, message.lane))
                    else:
                        await member.emitter.emit_alone(((port, value),), message)
                if is_inner:
                    shared.in_flight.finish(1)
                seen += 1 + len(step.logs) + len(step.emissions)
                if seen > _EFFECTS_AT_ONCE:
                    seen = 0
                    await trio.lowlevel.checkpoint()
        finally:
            self._report_calls(heard)
        if not passage.pending:
            return ()
        pending = [(at, message, False) for at in reversed(range(len(passed))) for message in passed[at]]
        for messages in passed:
            messages.clear()
        return pending

    def _report_calls(self, heard: Mapping[int, Sequence[tuple[Message, Outcome]]]) -> None:
        """Report to those who hear of calls one for each member; they all lie within the chain's own."""
        for at in sorted(heard):
            messages, outcomes = zip(*heard[at], strict=True)
            self._shared.report_call(self._members[at].node, messages, outcomes, *self._times)

    def _pass_on(self, place: int, value: bytes, derived_lane: int) -> Message:
        """A value as a message between two members: in flight, on their edge, and told to who watches."""
        shared, link, node = self._shared, self._links[place], self._members[place].node
        port = link.port
        assert port is not None  # noqa: S101 - only the last member has none
        lane = derived_lane or node.lanes[port]
        message = Message(link.entry, value, shared.next_sequence(), link.edge, lane)
        shared.report_hop(node, port, node.routes[port][0], message)
        shared.in_flight.add(1)
        shared.edges[link.edge].sent += 1
        return message

    async def _emit_first(self, place: int, emissions: Sequence[Emission]) -> None:
        """What a member emitted in ``initialize``; an inner one's go through the rest of the chain at once."""
        member = self._members[place]
        member.counters.emitted += len(emissions)
        for port, run in groupby(emissions, _port_of):
            if port != self._links[place].port:
                await member.emitter.emit_alone(list(run), Message(0, b"null"))
                continue
            messages = [self._pass_on(place, value, CANONICAL) for _, value in run]
            work = deque([(place + 1, message, False) for message in messages])
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
        """The edge that leads to a member from the one before it."""
        return self._shared.edges[self._links[place - 1].edge]

    def _lanes(self, place: int, lane: int) -> list[int]:
        """The lane of what each member is handed, when one is handed a message in this lane."""
        lanes = [lane] * len(self._members)
        for at in range(place, len(self._members) - 1):
            port = self._links[at].port
            assert port is not None  # noqa: S101 - only the last member has none
            lanes[at + 1] = lanes[at] or self._members[at].node.lanes[port]
        return lanes
