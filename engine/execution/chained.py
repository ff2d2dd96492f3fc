"""Instances of one execution that run as one: their messages go through a chain, and not through inboxes.

    inbox of the first ──> turn ── chain ──> effects (``chained_effects``) ──> edges that leave the chain
    inbox of another  ───────┘ (what is injected there, or comes from outside)

Each instance keeps its task and its inbox, and processes in its turn; while one call's effects are on their
way, no other begins, so order along every edge is that of unchained nodes. The invocations are counted, logged
and reported by instance as ever, after the call in which they happened.

When the chain came to nothing, it is no more. What it still had for other instances goes to the front of
their inboxes: it is older than anything that can come to them.

Where somebody takes an edge between them in hand, or looks at one of them alone, the chain is only parted, and
formed again when that is over (``chained_parting``).
"""

from collections import deque
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.chain import Chain, ChainResult, Link, Outlet, Way
from engine.contracts.handler import NOTHING, Emission, Message, Outcome
from engine.execution.chain_member import Member, Work, hand_over, next_part
from engine.execution.chained_charge import LIGHT_BYTES, Charge
from engine.execution.chained_cut_off import CallCutOff
from engine.execution.chained_effects import ChainedEffects, outlet_of
from engine.execution.chained_parting import Parting
from engine.execution.chained_under_way import Own, UnderWay
from engine.execution.early_start import EarlyCall, begin_early, may_leave_at_once
from engine.execution.emitter import CAUSELESS
from engine.execution.hand import HAND
from engine.execution.shared import ExecutionShared

_CALL_SECONDS = 0.001
"""The time that a call should take, judged by the one before it: a time slice. While it lasts, none of its
effects leaves, and when it comes to nothing, so much time is lost."""

_port_of = itemgetter(0)


class ChainedInstances:
    """The instances of one chain, run as one; made by an execution for each chain of its graph.

    Args:
        members: the instances, in the order of the flow.
        outside: the node of each, with those of its edges only that leave the chain.
        chain: of their handlers.
        links: each one's place.
        shared: of the execution.

    Attributes:
        state: of its members, as their snapshots show it.
        left_before: what another one had left between its members, where this one goes on from a checkpoint.
    """

    def __init__(
        self,
        members: Sequence[Member],
        outside: Sequence[CompiledNode],
        chain: Chain,
        links: Sequence[Link],
        shared: ExecutionShared,
    ) -> None:
        self._members = members
        self._links = links
        self._shared = shared
        self._outside = outside
        # None while it is parted, and for ever once a call has come to nothing: then each member processes alone.
        self._chain: Chain | None = chain
        self._parted: Chain | None = None  # it, while it may be formed again
        inner = frozenset(way.edge for link in links for outlet in link.outlets for way in outlet.ways)
        self._parting = Parting([shared.inboxes[member.node.index] for member in members], inner)
        # Whoever is in ``process`` or ``begin`` has the turn, also while the effects of its call wait for room: so
        # nothing of a later call can leave before. It is handed over, and never free while somebody waits.
        self._is_busy = False
        self._waiting = trio.lowlevel.ParkingLot()
        self._has_begun = trio.Event()  # what was emitted in ``initialize`` has left
        # Of each member its share in the time of a call, where nobody knows better: who only hands on has none.
        programs = sum([not link.relayed for link in links])
        self._shares = [0.0 if link.relayed else 1 / programs for link in links]
        self._relays = [place for place, link in enumerate(links) if link.relayed]
        self.state = "ready"
        self.left_before: deque[Work] = deque()
        self._began = 0.0  # the call under way, by Trio's clock
        self._times = 0.0, 0.0  # of the last call: when it began and ended, by Trio's clock
        self._charge = Charge(shared, members[0].node.id)
        self._cut_off = CallCutOff(members, shared)
        self._effects = ChainedEffects(members, links, shared, self._cut_off)
        self._called = 0  # invocations of the last call
        self._most = shared.limits.batch_messages  # messages of the next call, by the time of the last one
        self._early: EarlyCall | None = None  # while there is one, it has the turn
        self._under_way = UnderWay()
        self._is_to_end = False  # no call is to begin any more; who has the turn ends the chain
        for place, (member, node) in enumerate(zip(members, outside, strict=True)):
            member.join(self, place, node)
            shared.early_starts[member.node.index] = partial(self._begin_early, place)

    @property
    def is_whole(self) -> bool:
        """True while messages go through the chain."""
        return self._chain is not None

    @property
    def goes_on(self) -> bool:
        """True while messages go through the chain, or may again."""
        return self._chain is not None or self._parted is not None

    @property
    def links(self) -> Sequence[Link]:
        """The place of each member."""
        return self._links

    @property
    def members(self) -> Sequence[Member]:
        """The instances, in the order of the flow."""
        return self._members

    def hand_on(self) -> Chain | None:
        """Leave the chain of the handlers to others, while no call is under way; None where it is no more."""
        chain, self._chain, self._parted = self._chain, None, None
        self._parting.end()
        return chain

    @property
    def inner_edges(self) -> frozenset[int]:
        """The edges between its members, on which nothing waits as long as it is whole."""
        return self._parting.inner

    def leave(self, place: int, messages: Sequence[Message]) -> None:
        """Leave messages for a member that another member had passed on to it; before ``begin``.

        Those for the last member are the oldest.
        """
        work = [*self.left_before, *[(place, message, False) for message in messages]]
        self.left_before = deque(sorted(work, key=itemgetter(0), reverse=True))

    def dissolve(self) -> None:
        """Let each member process alone, from its inbox: behind the call under way, where there is one."""
        self._parting.end()
        if self._chain is not None:
            self._is_to_end = True
            if not self._is_busy:
                self._part()

    def _part(self) -> None:
        """Let each member process alone, until ``form``."""
        self._is_to_end = False
        if self._chain is not None:
            self._chain.dissolve()
            self._let_alone(self._chain)

    def _end_chain(self) -> None:
        """Let the chain be no more, for a call of it came to nothing; unless that is what somebody wanted."""
        if self._is_to_end:
            self._part()
        self._chain = None

    def _let_alone(self, parted: Chain) -> None:
        self._chain, self._parted = None, parted
        for member in self._members:
            member.emitter.node = member.node

    def form(self) -> None:
        """Let the members run as one again, if they were, as soon as nothing is on its way between them."""
        self._is_to_end = False
        if self._parted is not None:
            self._parting.is_to_form = True

    def done_alone(self) -> None:
        """Hear that a member has processed what ``process`` has returned."""
        self._parting.leave()

    async def _join_again(self, place: int, batch: Sequence[Message]) -> None:
        """Form the chain again if it is to be, or wait until it is; return when the batch may go on."""
        while self._parting.concerns(place, batch):
            if not self._parting.is_clear():
                await self._parting.wait()
                continue
            await self._take_turn()
            try:
                if self._parting.is_clear() and self._parted is not None:
                    await self._form(self._parted)
            finally:
                self._end_turn()

    async def _form(self, chain: Chain) -> None:
        await self._shared.gate.enter()
        try:
            is_formed = await chain.form()
        finally:
            self._shared.gate.leave()
        if is_formed and not self._parting.is_to_form:  # somebody has come meanwhile
            chain.dissolve()
            return
        self._parted = None
        if is_formed:
            self._chain = chain
            for member, node in zip(self._members, self._outside, strict=True):
                member.emitter.node = node
        self._parting.end()

    def seconds_under_way(self, place: int, now: float) -> float:
        """Return the share of a member in the time of the call under way: all programs have the same."""
        return self._shares[place] * (now - self._began) if self.state == "processing" else 0.0

    def empty(self) -> None:
        """Let go of the chain and of what it has in hand, once the execution has ended."""
        self._chain = self._parted = self._early = None
        self._members = self._outside = ()
        self._under_way = UnderWay()
        self._effects.empty()

    async def begin(self, place: int) -> None:
        """Return when what the members emitted in ``initialize`` has left; the first member sees to that.

        The last one's comes first: what a member was initialised with leaves before what follows from a message.
        """
        if place:
            await self._has_begun.wait()
            return
        await self._take_turn()
        under_way = self._under_way
        try:
            under_way.own = self._initial()
            for member in self._members:
                member.initial.outcomes = []
            if self.left_before:
                await self._take_up_left()
            for member_place in reversed(range(len(self._members))):
                while under_way.own and under_way.own[0][0] == member_place:
                    _, emissions, _ = under_way.own.pop(0)
                    await self._emit_own(member_place, emissions, CAUSELESS)
                self.left_before = self._left_at(member_place)
                if self.left_before:
                    await self._take_up_left()
            self._has_begun.set()
        finally:
            self._end_turn()

    def _left_at(self, place: int) -> deque[Work]:
        """Take up what waits before a member and came from others, which ran alone before: it is older than all
        that they will pass on.
        """
        inbox = self._shared.inboxes[self._members[place].node.index]
        edges = self.inner_edges if len(inbox) else frozenset()
        return deque([(place, message, False) for message in inbox.take_along(edges)])

    def _initial(self) -> list[Own]:
        return [
            (place, outcome.emissions, 0)
            for place in reversed(range(len(self._members)))
            for outcome in self._members[place].initial.outcomes
        ]

    async def _take_up_left(self) -> None:
        """Work off what a chain before this one had left between its members: it is older than all else."""
        work, self.left_before = self.left_before, deque()
        self._charge.hold(sum([len(message.value) for _, message, _ in work]))
        await self._work_off(work)
        hand_over(self._shared, self._members, work, None)
        self._under_way.work = ()

    @property
    def has_begun(self) -> bool:
        """True once what was emitted in ``initialize`` has left."""
        return self._has_begun.is_set()

    @property
    def ways(self) -> Sequence[Way]:
        """The ways between the members, numbered through all of them."""
        return self._effects.ways

    def outlets_of(self, place: int) -> Sequence[Outlet]:
        """Return the output ports of a member that lead to others."""
        return self._links[place].outlets

    def under_way(self) -> UnderWay:
        """Return what of its work is not finished, for who looks at this moment and changes nothing."""
        if not self._has_begun.is_set() and not self._is_busy:
            return UnderWay(own=self._initial(), work=self.left_before)
        if self._effects.concluding is not None:
            return msgspec.structs.replace(self._under_way, concluding=self._effects.concluding)
        return self._under_way

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
                self.state, self._began = "processing", early.started
            return False
        self._shared.in_flight.add(1)
        self._count(result, early.started)
        self._effects.conclude_at_once((place, message, True), result)
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
        self._let_alone(self._chain)
        if early.is_running:
            self.state = "ready"
            self._shared.gate.leave()
        self._end_turn()

    async def process(self, place: int, batch: Sequence[Message]) -> Sequence[Message]:
        """Process messages that a member has taken from its inbox; return those that it must process alone.

        ``done_alone`` must follow where there are such.
        """
        try:
            if self._parting.is_to_form:
                await self._join_again(place, batch)
            self._parting.enter()
            if self._early is None or self._early.message is not batch[0]:
                try:
                    await self._take_turn()
                except trio.Cancelled:
                    self.done_alone()
                    raise
        except trio.Cancelled:
            self._cut_off.note_waiting(place, len(batch))
            raise
        own: Sequence[Message] = ()
        try:
            work = deque([(place, message, True) for message in batch])
            self._under_way.place = place
            await self._work_off(work)
            own = hand_over(self._shared, self._members, work, place) if work else ()
            self._under_way.work = ()
            return own
        finally:
            self._under_way.place = -1
            self._end_turn()
            if not own:
                self.done_alone()

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
        if self._charge.size_bytes:  # the end has cut it off, or others have it now
            self._charge.keep(0)
        if self._is_to_end:
            self._part()
        if self._waiting:
            self._waiting.unpark()
        else:
            self._is_busy = False

    async def _work_off(self, work: deque[Work]) -> None:
        """Take messages through the chain until none is left, or the chain is no more."""
        under_way = self._under_way
        under_way.work = work
        is_later = False
        while work and self._chain is not None:
            if self._is_to_end and self._early is None:
                self._part()
                return
            part = under_way.part = next_part(work, 1 if self._early is not None else self._most)
            try:
                if is_later:
                    await self._shared.pace.keep()
                result, traced = await self._call(self._chain, part)
            except trio.Cancelled:
                self._cut_off.note_work([*part, *work])
                raise
            is_later = True
            if result is None:
                self._end_chain()
                work.extendleft(reversed(part))
                under_way.part = ()
                return
            if result.has_written:
                for member in self._members:
                    if member.kept_memory is not None:
                        member.kept_memory.settle()
            if result.size_bytes > LIGHT_BYTES:
                self._charge.hold(result.size_bytes)
            begun = result.begun
            try:
                pending = await self._effects.conclude(part, result, self._times if traced else None)
            except trio.Cancelled:
                self._cut_off.note_work([*part[begun:], *work])
                raise
            under_way.part = ()
            if begun < len(part) or pending:
                work.extendleft(reversed([*pending, *part[begun:]]))
            if self._charge.size_bytes:
                self._charge.keep(sum([len(message.value) for _, message, is_counted in work if not is_counted]))
            self._shared.counters.processed += self._called
            self._shared.in_flight.finish(begun)

    async def _call(self, chain: Chain, part: Sequence[Work]) -> tuple[ChainResult | None, bool]:
        """Call the chain; return what came of it, and whether it was traced: for who watches as the gate opens."""
        shared = self._shared
        if self._early is not None:
            return await self._finish_early(chain, self._early), False
        await shared.gate.enter()
        if self._is_to_end:  # meanwhile
            shared.gate.leave()
            return None, False
        traced = bool(shared.flow_observers or shared.call_observers)
        started = self._began = trio.current_time()
        self.state = "processing"
        try:
            result = await chain.process(
                [(place, message.port, message.value) for place, message, _ in part],
                lane=part[0][1].lane,
                traced=traced,
                hears_outputs=shared.outputs.is_heard,
            )
        finally:
            self.state = "ready"
            shared.gate.leave()
        if result is not None:
            self._count(result, started)
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
            self._count(result, early.started)
        return result

    def _count(self, result: ChainResult, started: float) -> None:
        """Count a call that has just ended. Each invocation of a program is charged the mean of all of them."""
        ended = trio.current_time()
        self._times = started, ended
        seconds = ended - started
        self._called = sum([share[0] for share in result.counts])
        each = seconds / (self._called - sum([result.counts[place][0] for place in self._relays]) or self._called)
        for member, (invocations, emitted), share in zip(self._members, result.counts, self._shares, strict=True):
            if invocations:
                member.counters.count_batch(invocations, each * invocations if share else 0.0, ended)
                member.counters.emitted += emitted
        self._shared.counters.last_activity_seconds = ended
        if ended >= self._shared.ages.next_seconds:
            self._shared.mark_ages(ended)
        fitting = int(_CALL_SECONDS / max(seconds, 1e-6) * result.begun)
        self._most = min(max(fitting, 1), self._shared.limits.batch_messages)

    async def give_last(self, place: int, outcome: Outcome, cause: Message) -> Outcome:
        """Let leave what a member has emitted at the end of its input; return what it must see to alone."""
        member = self._members[place]
        if self._chain is None:
            member.emitter.node = member.node
            return outcome
        await member.emitter.log_all(outcome.logs)
        await self._take_turn()
        try:
            if outcome.error is None:
                HAND.get().outcomes = (NOTHING,)
                await self._emit_own(place, outcome.emissions, cause)
        finally:
            self._end_turn()
        return Outcome(error=outcome.error)

    async def _emit_own(self, place: int, emissions: Sequence[Emission], cause: Message) -> None:
        """Let leave what a member emitted without a message; it goes through those behind it at once."""
        member = self._members[place]
        member.counters.emitted += len(emissions)
        under_way = self._under_way
        done = 0
        for port, run in groupby(emissions, _port_of):
            outlet = outlet_of(self._links[place].outlets, port)
            values = list(run)
            done += len(values)
            is_told = outlet is None or outlet.is_told
            under_way.emitting = place, emissions[done:], cause.lane
            under_way.telling = values if is_told else ()
            if outlet is not None:
                pass_on = self._effects.pass_on
                work = deque([each for _, value in values for each in pass_on(place, outlet, value, cause.lane)])
                await self._work_off(work)
                hand_over(self._shared, self._members, work, None)
                under_way.work = ()
            if is_told:  # by the other edges, also where the chain was parted meanwhile
                member.emitter.node = self._outside[place]
                try:
                    await member.emitter.emit_alone(values, cause)
                finally:
                    if self._chain is None:
                        member.emitter.node = member.node
        under_way.emitting, under_way.telling = None, ()
