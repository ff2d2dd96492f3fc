"""The effects of a chain's calls: what the guest says was done is counted, logged, sent on and reported here.

What one member passed on to another has been processed within the call, and is only counted; where somebody
watches, it is made a message again, and everything is reported as if it had gone through inboxes.
"""

from collections import Counter, deque
from collections.abc import Awaitable, Mapping, Sequence

import trio

from engine.compile.loaded_graph import Target
from engine.contracts.chain import ChainResult, Link, Outlet
from engine.contracts.handler import Message, Outcome
from engine.execution.chain_member import Member, Work, log_and_fail
from engine.execution.chained_cut_off import CallCutOff
from engine.execution.chained_under_way import Concluding
from engine.execution.emitter import CAUSELESS
from engine.execution.shared import ExecutionShared

_EFFECTS_AT_ONCE = 500
"""Steps, log lines and values that are seen to without a look at other tasks, but for those of one step."""


class ChainedEffects:
    """The effects of one chain's calls.

    Args:
        members: its instances, in the order of the flow.
        links: each one's place.
        shared: of the execution.
        cut_off: takes note of what the end cuts off.

    Attributes:
        concluding: the call whose effects are being seen to, while one's are.
        ways: between the members, numbered through all of them.
    """

    def __init__(
        self, members: Sequence[Member], links: Sequence[Link], shared: ExecutionShared, cut_off: CallCutOff
    ) -> None:
        self._members = members
        self._links = links
        self._shared = shared
        self._cut_off = cut_off
        self.ways = [way for link in links for outlet in link.outlets for way in outlet.ways]
        # Of each outlet, in their order: the counters of the edges that it leads along.
        self._edges_of = [
            [shared.edges[way.edge] for way in outlet.ways] for link in links for outlet in link.outlets
        ]
        self._targets = {
            way.edge: Target(way.edge, members[way.place].node.index, way.input_port) for way in self.ways
        }
        # What has been passed on to each member and not taken, in a traced call; empty between two calls.
        self._passed: list[deque[Message]] = [deque() for _ in members]
        self.concluding: Concluding | None = None

    def empty(self) -> None:
        """Let go of what it has in hand, once the execution has ended."""
        self._members, self._passed = (), []
        self.concluding = None

    def conclude(
        self, part: Sequence[Work], result: ChainResult, times: tuple[float, float] | None
    ) -> Awaitable[Sequence[Work]]:
        """Let a call take its effects; return the messages that it left between two members.

        Args:
            part: the messages of the call.
            result: of it.
            times: when it began and ended, if it was traced.
        """
        if times is None:
            return self._conclude(part, result)
        return self._conclude_traced(part, result, times)

    async def _conclude(self, part: Sequence[Work], result: ChainResult) -> Sequence[Work]:
        """Conclude a call that nobody watched.

        ``_conclude_traced`` must come to the same counts, emissions, logs, errors and messages left: held by
        test_a_chain_does_what_its_nodes_do_alone and test_a_region_does_what_its_nodes_do_alone, which compare
        both with nodes that are not chained.
        """
        self._count_passed(part, result)
        pending: list[Work] = []
        done = seen = in_flight = 0
        concluding = self.concluding = Concluding(result)
        try:
            for start in range(0, len(result.pending), _EFFECTS_AT_ONCE):
                some = result.pending[start : start + _EFFECTS_AT_ONCE]
                pending += [self._pending(way, value, lane) for way, lane, value in some]
                await trio.lowlevel.checkpoint()
            in_flight = len(pending)
            self._shared.in_flight.add(in_flight)
            for step in result.steps:
                member, lane = self._members[step.program], step.lane
                if step.logs:
                    await member.emitter.log_all(step.logs)
                if step.error is None:
                    cause = Message(0, b"null", lane=lane) if lane else CAUSELESS
                    await member.emitter.emit_alone(step.emissions, cause)
                else:
                    port, value = step.cause or (0, b"null")
                    await member.errors.fail(Message(port, value, lane=lane), step.error)
                done += 1
                concluding.done = done
                seen += 1 + len(step.logs) + len(step.emissions)
                if seen > _EFFECTS_AT_ONCE:
                    seen = 0
                    await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self._cut_off.note_call(result, result.steps[done:], self.ways, pending_in_flight=in_flight)
            raise
        self.concluding = None
        return pending

    def conclude_at_once(self, message: Work, result: ChainResult) -> None:
        """Let a call of one message take its effects, all of which may leave now (``early_start``)."""
        self._count_passed([message], result)
        for step in result.steps:
            node = self._members[step.program].emitter.node
            for port, value in step.emissions:
                self._shared.send_at_once(node, port, value, step.lane)

    def _count_passed(self, part: Sequence[Work], result: ChainResult) -> None:
        """Count by edge what was passed on and taken, and messages of the call that came from another member."""
        edges = self._shared.edges
        for passed, counters in zip(result.passed, self._edges_of, strict=True):
            if passed:
                for edge in counters:
                    edge.sent += passed
                    edge.taken += passed
        if result.pending:
            for number, waiting in Counter([number for number, _, _ in result.pending]).items():
                edges[self.ways[number].edge].taken -= waiting
        if not part[0][2]:  # then none of them was counted
            for _, message, _ in part[: result.begun]:
                edges[message.edge].taken += 1

    def _pending(self, number: int, value: bytes, lane: int) -> Work:
        way = self.ways[number]
        return way.place, Message(way.input_port, value, self._shared.next_sequence(), way.edge, lane), False

    async def _conclude_traced(  # noqa: PLR0912, PLR0915 - all that a step may do, in the order in which it does it
        self, part: Sequence[Work], result: ChainResult, times: tuple[float, float]
    ) -> Sequence[Work]:
        """Conclude as ``_conclude`` does, and report everything to those who watch, one step after the other."""
        shared, members = self._shared, self._members
        passed = self._passed
        heard: dict[int, list[tuple[Message, Outcome]]] = {}
        begun = iter(part)
        seen = done = 0
        number = -1  # of the emission that leaves, from 1 on; 0 before the first, and -1 between two steps
        concluding = self.concluding = Concluding(result, passed=passed, left=result.begun)
        try:
            for step in result.steps:
                place = step.program
                member, outlets, unheard = members[place], self._links[place].outlets, self._links[place].unheard
                is_inner = bool(passed[place])
                message, was_counted = (passed[place].popleft(), False) if is_inner else next(begun)[1:]
                number = concluding.emitting = 0
                concluding.message, concluding.is_inner = message, is_inner
                concluding.left -= not is_inner
                if not was_counted:
                    shared.edges[message.edge].taken += 1
                if shared.call_observers:
                    heard.setdefault(place, []).append((message, Outcome(step.emissions, step.logs, step.error)))
                shared.report_invocations(member.node, (message,))
                if step.state and shared.recorder is not None and shared.recorder.is_full:
                    shared.recorder.wrote(member.node, (message,), (step.state,))
                if step.logs or step.error is not None:
                    await log_and_fail(member, message, step)
                for number, (port, value) in enumerate(step.emissions, 1):
                    outlet = outlet_of(outlets, port)
                    concluding.emitting = number
                    if outlet is not None:
                        for target, inner, _ in self.pass_on(place, outlet, value, message.lane):
                            passed[target].append(inner)
                    if outlet is None and port in unheard and len(value) <= shared.limits.value_bytes:
                        shared.send_at_once(member.node, port, value, message.lane)  # nothing to wait for
                    elif outlet is None or outlet.is_told:
                        await member.emitter.emit_alone(((port, value),), message)
                if is_inner:
                    shared.in_flight.finish(1)
                done += 1
                number = concluding.emitting = -1
                concluding.done, concluding.message = done, None
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
            self._report_calls(heard, times)
        self.concluding = None
        if not result.pending:
            return ()
        pending = [(place, message, False) for place in reversed(range(len(passed))) for message in passed[place]]
        for messages in passed:
            messages.clear()
        return pending

    def _report_calls(
        self, heard: Mapping[int, Sequence[tuple[Message, Outcome]]], times: tuple[float, float]
    ) -> None:
        """Report to those who hear of calls one for each member; they all lie within the chain's own."""
        for place in sorted(heard):
            messages, outcomes = zip(*heard[place], strict=True)
            self._shared.report_call(self._members[place].node, messages, outcomes, *times)

    def pass_on(self, place: int, outlet: Outlet, value: bytes, derived_lane: int) -> Sequence[Work]:
        """Make a value messages between members, each in flight, counted on its edge and reported to watchers."""
        shared, node = self._shared, self._members[place].node
        messages: list[Work] = []
        shared.in_flight.add(len(outlet.ways))
        for to_place, input_port, way_lane, edge in outlet.ways:
            message = Message(input_port, value, shared.next_sequence(), edge, derived_lane or way_lane)
            if shared.flow_observers:
                shared.report_hop(node, outlet.port, self._targets[edge], message)
            shared.edges[edge].sent += 1
            messages.append((to_place, message, False))
        return messages


def outlet_of(outlets: Sequence[Outlet], port: int) -> Outlet | None:
    """Return the outlet at an output port, if there is one."""
    for outlet in outlets:
        if outlet.port == port:
            return outlet
    return None
