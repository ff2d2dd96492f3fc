"""The way of a node's emissions out of it: together where they may, none of an outcome with a value too large.

Values are checked here and nowhere else, whoever made them. What meets a bound is an error of the invocation that
emitted it, and of no other of its batch.
"""

from collections.abc import Awaitable, Callable, Sequence

import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Emission, HandlerError, LogLine, Message, Outcome
from engine.contracts.lanes import APOCRYPHAL, runs
from engine.counters.counters import InstanceCounters
from engine.execution.failure import UnsentError, find_oversize, unsent_error
from engine.execution.hand import HAND
from engine.execution.shared import ExecutionShared
from engine.execution.unprocessed import CutSending

AT_ONCE = 500
"""Emissions that are sent without a look at other tasks: a millisecond. More than a batch of small ones has."""

_LINES_AT_ONCE = 50
"""The same for log lines, each of which is written somewhere: 20 µs."""

CAUSELESS = Message(0, b"null")
"""The stand-in for the message where an instance gives something out by itself."""

CAUSELESS_APOCRYPHAL = Message(0, b"null", lane=APOCRYPHAL)
"""The same, where it is made of all that came, and some of that may be apocryphal."""


class Emitter:
    """The way out for what one instance emits and logs.

    Args:
        node: the node of the instance.
        shared: where its edges lead.
        counters: count what it emits.
        fail: sees to an invocation that ended in an error and is not tried again.

    Attributes:
        node: as given; while it is in a chain, with those of its edges only that leave that.
        cut: how far the sending was that the end has just cut off.
    """

    is_watched = False  # somebody looks at all that leaves (``engine.execution.watched``)

    def __init__(
        self,
        node: CompiledNode,
        shared: ExecutionShared,
        counters: InstanceCounters,
        fail: Callable[[Message, HandlerError], Awaitable[None]],
    ) -> None:
        self.node = node
        self._shared = shared
        self._counters = counters
        self._fail = fail
        self.cut = CutSending()

    def emit(self, emissions: Sequence[Emission], lane: int, size: int = -1) -> Awaitable[None]:
        """Let emissions leave in a lane; ``size`` is the sum of their bytes, where it is known.

        It hands on the coroutine that does it, so that a batch costs one and not two.

        Raises:
            UnsentError: there was no memory for one of them.
        """
        if len(emissions) > AT_ONCE:
            return self._emit_many(emissions, lane)
        return self._emit_few(emissions, lane, size)

    async def _emit_few(self, emissions: Sequence[Emission], lane: int, size: int) -> None:
        self._counters.emitted += len(emissions)
        try:
            await self._shared.send(self.node, emissions, lane, size)
        except UnsentError as error:
            self._counters.emitted -= len(emissions) - error.sent
            raise
        except trio.Cancelled:
            self.cut.note(self._shared.cut_off.sent, len(emissions))
            self._counters.emitted -= len(emissions) - self.cut.left
            raise

    async def _emit_many(self, emissions: Sequence[Emission], lane: int) -> None:
        """One invocation may emit a hundred thousand values: with a look at other tasks now and then."""
        sent = 0
        hand = HAND.get()
        before = hand.sent
        try:
            for start in range(0, len(emissions), AT_ONCE):
                chunk = emissions[start : start + AT_ONCE]
                await self.emit(chunk, lane)
                sent += len(chunk)
                hand.sent = before + sent
                await self._rest()
        except UnsentError as error:
            raise UnsentError(sent + error.sent, str(error), error.name) from None
        except trio.Cancelled:
            self.cut.note(sent + self.cut.left, len(emissions))
            raise
        finally:
            hand.sent = before

    async def emit_several(
        self,
        emissions: Sequence[Emission],
        batch: Sequence[Message],
        outcomes: Sequence[Outcome],
        size: int = -1,
    ) -> None:
        """Let what several messages of one lane have led to leave together, as far as all of it may leave.

        ``size`` is the sum of the emissions' bytes, where it is known.
        """
        if not emissions:
            return
        left = 0
        if size < 0:
            size = sum([len(value) for _, value in emissions]) if len(emissions) > 1 else len(emissions[0][1])
        try:
            if size <= self._shared.limits.value_bytes:
                try:
                    await self.emit(emissions, batch[0].lane, size)
                except UnsentError as error:
                    left, own = _find_sender(outcomes, error.sent)
                    HAND.get().first += left
                    await self._fail_with(
                        outcomes[left], batch[left], unsent_error(UnsentError(own, str(error), error.name))
                    )
                    HAND.get().first -= left
                    left += 1
                else:
                    return
            hand = HAND.get()
            first = hand.first
            for message, outcome in zip(batch[left:], outcomes[left:], strict=False):
                hand.first = first + left
                await self.emit_all(outcome, message)
                left += 1
            hand.first = first
        except trio.Cancelled:
            before = sum([len(outcome.emissions) for outcome in outcomes[:left]])
            self.cut.note(before + self.cut.left, len(emissions))
            raise

    async def emit_all(self, outcome: Outcome, message: Message) -> None:
        """Let what a message has led to leave: in its lane, unless its handler knows better; or fail with it."""
        error = find_oversize(outcome, self._shared.limits.value_bytes)
        if error is None:
            try:
                if outcome.lanes:
                    await self._emit_in_lanes(outcome)
                else:
                    await self.emit(outcome.emissions, message.lane)
            except UnsentError as unsent:
                error = unsent_error(unsent)
        if error is not None:
            await self._fail_with(outcome, message, error)

    async def emit_each(self, outcome: Outcome, message: Message) -> None:
        """Let emissions leave that follow from different messages: what may not leave is an error by itself."""
        lanes = outcome.lanes or (message.lane,) * len(outcome.emissions)
        left = 0
        try:
            for emission, lane in zip(outcome.emissions, lanes, strict=True):
                await self.emit_all(Outcome((emission,), lanes=(lane,)), message)
                left += 1
        except trio.Cancelled:
            self.cut.note(left + self.cut.left, len(outcome.emissions))
            raise

    async def _emit_in_lanes(self, outcome: Outcome) -> None:
        sent = 0
        hand = HAND.get()
        before = hand.sent
        try:
            for lane, emissions in runs(outcome.emissions, outcome.lanes):
                await self.emit(emissions, lane)
                sent += len(emissions)
                hand.sent = before + sent
        except trio.Cancelled:
            self.cut.note(sent + self.cut.left, len(outcome.emissions))
            raise
        finally:
            hand.sent = before

    async def _fail_with(self, outcome: Outcome, message: Message, error: HandlerError) -> None:
        """See to an invocation whose emissions may not all leave; when that is done, it is as if they had."""
        try:
            await self._fail(message, error)
        except trio.Cancelled:
            self.cut.note(self.cut.left * len(outcome.emissions), len(outcome.emissions))
            raise

    async def emit_alone(self, emissions: Sequence[Emission], message: Message) -> None:
        """Let emissions leave that were counted elsewhere, in the lane of the message that they derive from."""
        if len(emissions) == 1 and len(emissions[0][1]) <= self._shared.limits.value_bytes:  # mostly
            try:
                await self._shared.send(self.node, emissions, message.lane)
            except UnsentError as unsent:
                self._counters.emitted -= 1
                await self._fail(message, unsent_error(unsent))
            except trio.Cancelled:
                self.cut.note(self._shared.cut_off.sent, 1)
                self._counters.emitted -= 1 - self.cut.left
                raise
            return
        try:
            await self.emit_all(Outcome(emissions), message)
        finally:
            self._counters.emitted -= len(emissions)

    async def log_all(self, lines: Sequence[LogLine]) -> None:
        """Report what the node has logged, with a look at other tasks where that is much."""
        for index, line in enumerate(lines):
            self._shared.log(self.node, line)
            if index % _LINES_AT_ONCE == _LINES_AT_ONCE - 1:
                hand = HAND.get()
                hand.lines = index + 1
                await self._rest()
                hand.lines = 0

    async def _rest(self) -> None:
        """Let others have their turn; all of them, where this pass of the event loop is long already."""
        await trio.lowlevel.checkpoint()
        await self._shared.pace.keep()


def _find_sender(outcomes: Sequence[Outcome], sent: int) -> tuple[int, int]:
    """Return whose emission could not leave, when ``sent`` had left; and how many of its own had."""
    for index, outcome in enumerate(outcomes):
        if sent < len(outcome.emissions):
            return index, sent
        sent -= len(outcome.emissions)
    raise AssertionError("more emissions had left than there are")
