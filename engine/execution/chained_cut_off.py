"""The part of a chain's call that the end cuts off: the invocations whose effects have not all been seen to.

As in ``engine.execution.unprocessed`` each message counts once, at the member that it was for.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from engine.contracts.chain import ChainResult, Step, Way
from engine.contracts.handler import Message
from engine.execution.chain_member import Member
from engine.execution.shared import ExecutionShared


class CallCutOff:
    """Takes note of it for one chain, as the ``Cancelled`` goes by.

    Args:
        members: of the chain, in the order of the flow.
        shared: of their execution.
    """

    def __init__(self, members: Sequence[Member], shared: ExecutionShared) -> None:
        self._members = members
        self._shared = shared

    def note_waiting(self, place: int, messages: int) -> None:
        """Count messages that a member was not invoked with, or with nothing to show for it."""
        self._shared.cut_off.messages[self._members[place].node.index] += messages

    def note_work(self, work: Iterable[tuple[int, Message, bool]]) -> None:
        """Count messages in hand that were for members, as a chain has them."""
        for place, _, _ in work:
            self.note_waiting(place, 1)

    def note_call(
        self, result: ChainResult, steps: Sequence[Step], ways: Sequence[Way], *, pending_in_flight: int
    ) -> None:
        """Count what is cut off of a call that was not traced.

        Args:
            result: of the call.
            steps: those not seen to, from the one on that was cut off.
            ways: between the members.
            pending_in_flight: how many of the values that it left pending are counted as in flight.
        """
        undone = 0
        for step in steps:
            member = self._members[step.program]
            if not member.emitter.cut.total and step.error is None:  # none of them was in the sending
                member.counters.emitted -= len(step.emissions)
            count = _count_undone(step, member.emitter.cut.take())
            self.note_waiting(step.program, count)
            undone += count
        for way, _, _ in result.pending:
            self.note_waiting(ways[way].place, 1)
        self._settle(
            result.begun + pending_in_flight - undone - len(result.pending), _invocations(result) - undone
        )

    def note_traced(
        self,
        result: ChainResult,
        done: int,
        entrance: tuple[int, int],
        passed: Sequence[deque[Message]],
        at_work: tuple[int, Message | None] | None,
    ) -> None:
        """Count what is cut off of a call that was traced.

        Args:
            result: of the call.
            done: steps of it that have been seen to.
            entrance: the place of the member that the call's messages were for, and how many have had no step.
            passed: what has been passed on to each member, and has had no step.
            at_work: where the next step was cut off in its midst: in which of its emissions, counted from 1 on,
                and its message, if another member had passed it on.
        """
        place, waiting = entrance
        if at_work is not None:
            number, message = at_work
            step = result.steps[done]
            if self._is_seen_to(step, number):
                done += 1
                self._shared.in_flight.finish(message is not None)
            else:
                self._members[step.program].counters.emitted += number  # all of them are taken back below
                if message is None:
                    waiting += 1
                else:
                    passed[step.program].appendleft(message)
        for step in result.steps[done:]:
            if step.error is None:
                self._members[step.program].counters.emitted -= len(step.emissions)
        self.note_waiting(place, waiting)
        for place, messages in enumerate(passed):
            self.note_waiting(place, len(messages))
        self._settle(result.begun - waiting, done)

    def _is_seen_to(self, step: Step, number: int) -> bool:
        """Return whether a step has had all its effects that was cut off in one of its emissions."""
        cut = self._members[step.program].emitter.cut
        is_whole = cut.is_whole
        cut.take()
        return is_whole and (step.error is not None or number == len(step.emissions))

    def _settle(self, out_of_flight: int, processed: int) -> None:
        self._shared.counters.processed += processed
        self._shared.in_flight.finish(out_of_flight)


def _count_undone(step: Step, left: int) -> int:
    """Return how many of a step's invocations are behind what is not among the first ``left`` emissions."""
    if step.error is not None:
        return 1 - left
    undone = 0
    for size in _sizes(step):
        own = min(left, size)
        left -= own
        undone += own < size
    return undone


def _sizes(step: Step) -> Iterator[int]:
    return iter(step.sizes or [1] * len(step.emissions))


def _invocations(result: ChainResult) -> int:
    return sum([invocations for invocations, _ in result.counts])
