"""A chain of simulated handlers: it takes messages through them as a guest would, and ends when chance says so.

What a guest does in one call is done here step by step; when it returns early, and when it comes to nothing, is
drawn from the run's seed. A call that comes to nothing has done nothing, so that the ledger need not forget.
"""

from collections import deque
from collections.abc import Sequence
from random import Random

import msgspec

from engine.contracts.chain import ChainResult, Item, Link, ProgramCounts
from engine.contracts.handler import Emission, Handler, HandlerError, LogLine, Message, Outcome
from tests.simulation.ledger import UNTOLD

ENDS = 0.01
"""The share of calls that come to nothing and end the chain."""

ENDS_BEHIND_EARLY = 0.2
"""The same for those behind a call that returned early: then most is under way."""

RETURNS_EARLY = 0.5
"""The share of calls that stop after some invocations."""


class SimulatedChain:
    """As :class:`engine.contracts.chain.Chain` says.

    Args:
        handlers: in the order of the flow.
        links: each one's place.
        random: of the run.
    """

    def __init__(self, handlers: Sequence[Handler], links: Sequence[Link], random: Random) -> None:
        self._handlers = handlers
        self._links = links
        self._random = random
        self._is_over = False
        self._is_behind_early = False

    async def process(
        self, batch: Sequence[Item], *, traced: bool, hears_outputs: bool = False
    ) -> ChainResult | None:
        """Each message in its turn, with all that follows from it."""
        ends = ENDS_BEHIND_EARLY if self._is_behind_early else ENDS
        self._is_over = self._is_over or self._random.random() < ends
        if self._is_over:
            return None
        call = _Call(self._handlers, self._links, traced=traced, hears_outputs=hears_outputs)
        is_early = self._random.random() < RETURNS_EARLY
        most = self._random.randint(1, 8) if is_early else 1_000_000
        begun = 0
        for place, port, value in batch:
            if call.invocations >= most:
                break
            begun += 1
            await call.pass_through(place, port, value, most)
        self._is_behind_early = bool(call.pending())
        values = [value for step in call.steps for _, value in step.emissions]
        size_bytes = sum(map(len, values)) + sum(len(value) for _, _, value in call.pending())
        return Passed(call.steps, begun, call.pending(), [(a, b, c) for a, b, c in call.counts], size_bytes)


class Done(msgspec.Struct):
    """A step."""

    program: int
    emissions: Sequence[Emission]
    logs: Sequence[LogLine]
    error: HandlerError | None
    cause: tuple[int, bytes] | None
    sizes: Sequence[int]


class Passed(msgspec.Struct):
    """A result."""

    steps: Sequence[Done]
    begun: int
    pending: Sequence[Item]
    counts: Sequence[ProgramCounts]
    size_bytes: int
    has_written: bool = True


class _Call:
    def __init__(
        self, handlers: Sequence[Handler], links: Sequence[Link], *, traced: bool, hears_outputs: bool
    ) -> None:
        self._handlers = handlers
        self._links = links
        self._traced = traced
        self._hears_outputs = hears_outputs
        self._queues: list[deque[bytes]] = [deque() for _ in handlers]
        self.steps: list[Done] = []
        self.counts = [[0, 0, 0] for _ in handlers]

    @property
    def invocations(self) -> int:
        return sum(share[0] for share in self.counts)

    async def pass_through(self, place: int, port: int, value: bytes, most: int) -> None:
        await self._invoke(place, port, value)
        while self.invocations < most:
            at = max((at for at, queue in enumerate(self._queues) if queue), default=0)
            if not at:
                return
            await self._invoke(at, self._links[at - 1].input_port, self._queues[at].popleft())

    def pending(self) -> list[Item]:
        return [
            (at, self._links[at - 1].input_port, value)
            for at in reversed(range(1, len(self._queues)))
            for value in self._queues[at]
        ]

    async def _invoke(self, place: int, port: int, value: bytes) -> None:
        (outcome,) = await self._handlers[place].process([Message(port, value, lane=UNTOLD)])
        share, link = self.counts[place], self._links[place]
        share[0] += 1
        passed = [each for way, each in outcome.emissions if way == link.port] if outcome.error is None else []
        share[1] += len(passed)
        share[2] += len(outcome.emissions) if outcome.error is None else 0
        if passed:
            self._queues[place + 1].extend(passed)
        cause = None if outcome.error is None else (port, value)
        told = self._told(link, outcome)
        self.steps.append(Done(place, told, outcome.logs, outcome.error, cause, (len(told),)))

    def _told(self, link: Link, outcome: Outcome) -> Sequence[Emission]:
        unheard = () if self._hears_outputs else link.unheard
        untold = set() if self._traced else {link.port, *unheard}
        return [] if outcome.error else [each for each in outcome.emissions if each[0] not in untold]
