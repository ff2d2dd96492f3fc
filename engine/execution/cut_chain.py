"""The cut through nodes that run as one.

A call that has not ended counts as never begun: its messages are before their nodes again. One that has ended has
done all its work, and what of its effects has not been seen to is made in the copy: values leave, what was passed
on and not taken waits before its node, errors and lines are told when somebody goes on from here.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from engine.contracts.chain import Step
from engine.contracts.handler import Emission, Message
from engine.execution.chained import ChainedInstances
from engine.execution.chained_effects import outlet_of
from engine.execution.chained_under_way import Concluding, UnderWay
from engine.execution.cut import Cut
from engine.execution.hand import Hand
from engine.execution.instance import Instance

_IDLE = Hand()


def take_chain(cut: Cut, chain: ChainedInstances, members: Sequence[Instance]) -> None:
    """Copy what a chain has under way, and what its members wait with; before their nodes are."""
    _Chain(cut, chain, members).take()


def is_one(chained: object) -> bool:
    """Return whether the members of a chain have nothing in hand but what the chain has."""
    return isinstance(chained, ChainedInstances) and (chained.is_whole or not chained.has_begun)


class _Chain:
    def __init__(self, cut: Cut, chain: ChainedInstances, members: Sequence[Instance]) -> None:
        self._cut = cut
        self._chain = chain
        self._members = members
        # Who has the turn is the only one who sends.
        hands = [hand for member in members for hand in member.hands]
        self._hand = next(
            (hand for hand in hands if hand.sending or hand.failing or hand.sent or hand.lines), _IDLE
        )

    def take(self) -> None:
        under_way = self._chain.under_way()
        part, concluding = under_way.part, under_way.concluding
        if concluding is not None or under_way.emitting is not None:
            self._cut.chain_hands.add(self._hand)
        if concluding is not None:
            if concluding.is_traced:
                self._end_traced(concluding, part)
            else:
                self._end_call(concluding)
            part = part[concluding.result.begun :]
        self._put_before(part)
        self._put_before(under_way.work)
        self._emit_own(under_way, is_telling=concluding is None and not under_way.part and not under_way.work)
        if self._chain.is_whole:
            for member in self._members:
                if member.place != under_way.place:
                    self._put_before([(member.place, message, True) for message in member.hand.batch])

    def _put_before(self, work: Iterable[tuple[int, Message, bool]]) -> None:
        """Let messages wait before their nodes, ahead of all that waits there."""
        for place, message, is_counted in work:
            self._cut.ahead[self._members[place].node.index].append(message)
            if is_counted:
                self._cut.retaken[message.edge] -= 1

    def _end_call(self, concluding: Concluding) -> None:
        """See to the effects of a call that nobody watched."""
        cut, result = self._cut, concluding.result
        for way, lane, value in result.pending:
            to_place, input_port, _, edge = self._chain.ways[way]
            message = Message(input_port, value, 0, edge, lane)
            cut.ahead[self._members[to_place].node.index].append(message)
        hand = self._hand
        for step in concluding.steps:
            port, value = step.cause or (0, b"null")
            self._end_step(step, step.emissions, Message(port, value, lane=step.lane), hand)
            hand = _IDLE
        cut.processed += sum([invocations for invocations, _ in result.counts])

    def _end_step(self, step: Step, emissions: Sequence[Emission], cause: Message, hand: Hand) -> None:
        """See to the effects of a step, as far as a hand does not say that it has had them."""
        cut, member = self._cut, self._members[step.program]
        is_sending = bool(hand.sending or hand.failing or hand.sent)
        if not is_sending:
            cut.late_logs += [(member.node.id, line) for line in step.logs[hand.lines :]]
        left = hand.sent + cut.end_sending(hand.sending)
        if step.error is not None:
            if not is_sending:
                cut.fail(member, cause, step.error)
            return
        for port, value in emissions[left:]:
            cut.send(member.emitter.node, port, value, cause.lane, None)

    def _end_traced(self, concluding: Concluding, part: Sequence[tuple[int, Message, bool]]) -> None:
        """See to the effects of a call that somebody watches, whose messages have been made one by one."""
        cut, result = self._cut, concluding.result
        passed = [deque(messages) for messages in concluding.passed or ()]
        entrance = iter(part[result.begun - concluding.left : result.begun])
        hand, begun = self._hand, concluding.message
        for step in concluding.steps:
            done = 0
            if begun is None:
                message = self._next_of(step.program, passed, entrance)
            else:
                message, done, begun = begun, max(0, concluding.emitting), None
            if done:  # its lines and its error were first; that emission has been passed on
                cut.end_sending(hand.sending)
                hand = _IDLE
            outside = [each for each in step.emissions[done:] if self._pass_on(step, each, message, passed)]
            if done:
                for port, value in outside:
                    cut.send(self._members[step.program].emitter.node, port, value, message.lane, None)
            else:
                self._end_step(step, outside, message, hand)
                hand = _IDLE
        cut.processed += len(result.steps)
        for place, messages in enumerate(passed):
            cut.ahead[self._members[place].node.index] += messages

    def _next_of(
        self, place: int, passed: Sequence[deque[Message]], entrance: Iterable[tuple[int, Message, bool]]
    ) -> Message:
        """Return the message of the next step, counted as taken."""
        if passed[place]:
            message = passed[place].popleft()
            self._cut.retaken[message.edge] += 1
            return message
        _, message, was_counted = next(iter(entrance))
        self._cut.retaken[message.edge] += not was_counted
        return message

    def _pass_on(self, step: Step, emission: Emission, message: Message, passed: Sequence[deque[Message]]) -> bool:
        """Pass an emission on within the chain; return whether it leaves that as well."""
        port, value = emission
        outlet = outlet_of(self._chain.outlets_of(step.program), port)
        if outlet is None:
            return True
        for to_place, input_port, way_lane, edge in outlet.ways:
            passed[to_place].append(Message(input_port, value, 0, edge, message.lane or way_lane))
            self._cut.sent[edge] += 1
        return outlet.is_told

    def _emit_own(self, under_way: UnderWay, *, is_telling: bool) -> None:
        """See to what members have emitted without a message, at the beginning or at the end."""
        cut = self._cut
        if under_way.emitting is not None:
            place, emissions, lane = under_way.emitting
            member = self._members[place]
            left = self._hand.sent + cut.end_sending(self._hand.sending) if is_telling else 0
            for port, value in under_way.telling[left:]:
                cut.send(member.emitter.node, port, value, lane, None)
            for port, value in emissions:
                cut.send(member.node, port, value, lane, None)
        for place, emissions, lane in under_way.own:
            node = self._members[place].node
            cut.emitted[node.index] += len(emissions)
            for port, value in emissions:
                cut.send(node, port, value, lane, None)
