"""A chain of simulated handlers: it takes messages through them as a guest would, and ends when chance says so.

What a guest does in one call is done here step by step; when it returns early, and when it comes to nothing, is
drawn from the run's seed. A call that comes to nothing has done nothing, so that the ledger need not forget.
"""

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

import msgspec
import trio

from engine.contracts.chain import Call, ChainResult, Item, Link, Pending, ProgramCounts
from engine.contracts.handler import Emission, Handler, HandlerError, LogLine, Message, Writes
from tests.simulation.ledger import UNTOLD

ENDS = 0.01
"""The share of calls that come to nothing and end the chain."""

ENDS_BEHIND_EARLY = 0.2
"""The same for those behind a call that returned early: then most is under way."""

RETURNS_EARLY = 0.5
"""The share of calls that stop after some invocations."""

BEGINS_NOT = 0.2
"""The share of messages that a chain does not begin at once."""

ENDS_AT_ONCE = 0.6
"""The share of those begun at once that end so, of which it is possible."""

_NO_BOUND = 1_000_000


class SimulatedChain:
    """As :class:`engine.contracts.chain.Chain` says.

    Args:
        handlers: in the order of the flow.
        links: each one's place.
        random: of the run.
        violate: notes a broken promise.
    """

    def __init__(
        self,
        handlers: Sequence[Handler],
        links: Sequence[Link],
        random: Random,
        violate: Callable[[str], None],
    ) -> None:
        self._handlers = handlers
        self._links = links
        self._random = random
        self._violate = violate
        self._is_over = False
        self._is_behind_early = False
        self._is_under_way = False  # a call that has begun, or one that is made as a whole

    def begin(self, item: Item, *, lane: int, hears_outputs: bool) -> "Begun | None":
        """Nothing, a call that is still under way, or what came of one: as chance has it."""
        if self._is_over or self._is_behind_early or self._random.random() < BEGINS_NOT:
            return None
        self._expect_rest()
        begun = Begun(item, lane, hears_outputs)
        is_instant = all(getattr(handler, "is_instant", False) for handler in self._handlers[item[0] :])
        if is_instant and self._random.random() < ENDS_AT_ONCE:
            call = _Call(self._handlers, self._links, traced=False, hears_outputs=hears_outputs)
            _run_at_once(call.pass_through(*item, lane, _NO_BOUND))
            begun.result = call.result(1, has_written=False)
        self._is_under_way = begun.result is None
        return begun

    def _expect_rest(self) -> None:
        if self._is_under_way:
            self._violate("a call of a chain began before the last one had ended")

    async def finish(self, call: Call) -> ChainResult | None:
        """What was begun, and all that follows from it."""
        assert isinstance(call, Begun)
        self._is_under_way = False
        return await self.process([call.item], lane=call.lane, traced=False, hears_outputs=call.hears_outputs)

    def abandon(self, call: Call) -> None:
        """It never was, and there is no chain any more."""
        del call
        self._is_over = True

    async def open_again(self) -> bool:
        """Begins, or not, as chance has it; its handlers have begun."""
        return self._random.random() > ENDS

    def dissolve(self) -> None:
        """There is no chain any more; nothing must be under way."""
        self._expect_rest()
        self._is_over = True

    async def form(self) -> bool:
        """It is one again, as chance has it, and after a while."""
        await trio.sleep(self._random.choice((0.0, 0.01)))
        self._expect_rest()
        self._is_behind_early = False
        self._is_over = self._random.random() < ENDS
        return not self._is_over

    async def process(
        self, batch: Sequence[Item], *, lane: int, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Each message in its turn, with all that follows from it."""
        self._expect_rest()
        self._is_under_way = True
        self._tell_handlers(is_over=False)
        try:
            return await self._process(batch, lane, traced=traced, hears_outputs=hears_outputs)
        finally:
            self._is_under_way = False
            self._tell_handlers(is_over=True)

    def _tell_handlers(self, *, is_over: bool) -> None:
        for handler in self._handlers:
            tell = getattr(handler, "begin_call", None)
            if tell is not None:
                tell(is_over=is_over)

    async def _process(
        self, batch: Sequence[Item], lane: int, *, traced: bool, hears_outputs: bool
    ) -> ChainResult | None:
        ends = ENDS_BEHIND_EARLY if self._is_behind_early else ENDS
        self._is_over = self._is_over or self._random.random() < ends
        if self._is_over:
            return None
        call = _Call(self._handlers, self._links, traced=traced, hears_outputs=hears_outputs)
        is_early = self._random.random() < RETURNS_EARLY
        most = self._random.randint(1, 8) if is_early else _NO_BOUND
        begun = 0
        for place, port, value in batch:
            if call.invocations >= most:
                break
            begun += 1
            await call.pass_through(place, port, value, lane, most)
        self._is_behind_early = bool(call.pending())
        return call.result(begun, has_written=True)


class Done(msgspec.Struct):
    """A step."""

    program: int
    emissions: Sequence[Emission]
    logs: Sequence[LogLine]
    error: HandlerError | None
    cause: tuple[int, bytes] | None
    sizes: Sequence[int]
    lane: int
    state: Writes = ()


class Passed(msgspec.Struct):
    """A result."""

    steps: Sequence[Done]
    begun: int
    pending: Sequence[Pending]
    counts: Sequence[ProgramCounts]
    passed: Sequence[int]
    size_bytes: int
    has_written: bool


class Begun(msgspec.Struct):
    """A call that has begun; ``result`` where it has ended as well."""

    item: Item
    lane: int
    hears_outputs: bool
    result: ChainResult | None = None


def _run_at_once(calls: Coroutine[Any, Any, None]) -> None:
    """Run what awaits nothing."""
    try:
        calls.send(None)
    except StopIteration:
        return
    raise AssertionError("an instant handler has awaited something")


class _Call:
    def __init__(
        self, handlers: Sequence[Handler], links: Sequence[Link], *, traced: bool, hears_outputs: bool
    ) -> None:
        self._handlers = handlers
        self._links = links
        self._traced = traced
        self._hears_outputs = hears_outputs
        self._ways = [way for link in links for outlet in link.outlets for way in outlet.ways]
        self._outlets = [outlet for link in links for outlet in link.outlets]
        # Before each handler: the number of the way, the lane, and the value.
        self._queues: list[deque[Pending]] = [deque() for _ in handlers]
        self.steps: list[Done] = []
        self.counts = [[0, 0] for _ in handlers]
        self.passed = [0] * len(self._outlets)

    @property
    def invocations(self) -> int:
        return sum(share[0] for share in self.counts)

    async def pass_through(self, place: int, port: int, value: bytes, lane: int, most: int) -> None:
        await self._invoke(place, port, value, lane)
        while self.invocations < most:
            at = max((at for at, queue in enumerate(self._queues) if queue), default=0)
            if not at:
                return
            way, lane, value = self._queues[at].popleft()
            await self._invoke(at, self._ways[way].input_port, value, lane)

    def pending(self) -> list[Pending]:
        return [each for queue in reversed(self._queues) for each in queue]

    def result(self, begun: int, *, has_written: bool) -> Passed:
        values = [value for step in self.steps for _, value in step.emissions]
        size_bytes = sum(map(len, values)) + sum(len(value) for _, _, value in self.pending())
        counts = [(invocations, emitted) for invocations, emitted in self.counts]
        return Passed(self.steps, begun, self.pending(), counts, self.passed, size_bytes, has_written)

    async def _invoke(self, place: int, port: int, value: bytes, lane: int) -> None:
        (outcome,) = await self._handlers[place].process([Message(port, value, lane=UNTOLD)])
        share, link = self.counts[place], self._links[place]
        share[0] += 1
        emissions = outcome.emissions if outcome.error is None else ()
        share[1] += len(emissions)
        number = 0
        for at, outlet in enumerate(self._outlets):
            values = [each for way, each in emissions if outlet in link.outlets and way == outlet.port]
            self.passed[at] += len(values)
            for each in values:
                for index, way in enumerate(outlet.ways, number):
                    self._queues[way.place].append((index, lane or way.lane, each))
            number += len(outlet.ways)
        cause = None if outcome.error is None else (port, value)
        told = self._told(link, emissions)
        self.steps.append(Done(place, told, outcome.logs, outcome.error, cause, (len(told),), lane))

    def _told(self, link: Link, emissions: Sequence[Emission]) -> Sequence[Emission]:
        inner = {outlet.port for outlet in link.outlets if not outlet.is_told}
        unheard = () if self._hears_outputs else link.unheard
        untold = set() if self._traced else {*inner, *unheard}
        return [each for each in emissions if each[0] not in untold]
