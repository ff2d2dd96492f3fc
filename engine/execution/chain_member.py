"""The terms on which an instance and the chain that it is one of know each other."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.chain import Step
from engine.contracts.handler import Message, Outcome
from engine.counters.counters import InstanceCounters
from engine.execution.emitter import Emitter
from engine.execution.error_policy import ErrorPolicy
from engine.execution.initial_emissions import InitialEmissions
from engine.execution.kept_memory import KeptMemory
from engine.execution.shared import ExecutionShared

_CALL_BYTES = 1024 * 1024
"""Values of one call: beyond it the messages are divided among several."""

Work = tuple[int, Message, bool]
"""The place of an instance, a message that is counted as in flight, and whether its edge has counted it as taken:
so it has where it came from an inbox, but not where a member has just emitted it."""


class Chained(Protocol):
    """A chain, as far as its members know it.

    Attributes:
        state: of its members, as their snapshots show it.
    """

    state: str

    @property
    def is_whole(self) -> bool:
        """Return whether messages go through the chain."""

    @property
    def goes_on(self) -> bool:
        """Return whether messages go through the chain, or may again."""

    @property
    def inner_edges(self) -> frozenset[int]:
        """Return the edges between its members, on which nothing waits as long as it is whole."""

    def leave(self, place: int, messages: Sequence[Message]) -> None:
        """Leave messages for a member that another member had passed on to it; before ``begin``."""

    def dissolve(self) -> None:
        """Let each member process alone, from its inbox: behind the call under way, where there is one."""

    def form(self) -> None:
        """Let the members run as one again, if they were, as soon as nothing is on its way between them."""

    def done_alone(self) -> None:
        """Hear that a member has processed what ``process`` has returned."""

    def seconds_under_way(self, place: int, now: float) -> float:
        """Return the share of one member in the time that the call under way has taken."""

    def empty(self) -> None:
        """Let go of the chain and of what it has in hand, once the execution has ended."""

    async def begin(self, place: int) -> None:
        """Return when what the members emitted in ``initialize`` has left."""

    async def give_last(self, place: int, outcome: Outcome, cause: Message) -> Outcome:
        """Let leave what a member has emitted at the end of its input; return what it must see to alone."""

    def abandon_early(self, place: int) -> None:
        """Let the call come to nothing that has begun for a message in a member's inbox, if one has."""

    async def process(self, place: int, batch: Sequence[Message]) -> Sequence[Message]:
        """Process messages that a member has taken from its inbox; return those that it must process alone."""


class Member(Protocol):
    """An instance, as far as a chain knows it.

    Attributes:
        node: what it is an instance of.
        counters: its own.
        emitter: by which what leaves the chain leaves it.
        errors: sees to its invocations that failed; none is tried again.
        initial: what it emitted in ``initialize``.
        kept_memory: charged for what its handler keeps; None where nothing is.
    """

    node: CompiledNode
    counters: InstanceCounters
    emitter: Emitter
    errors: ErrorPolicy
    initial: InitialEmissions
    kept_memory: KeptMemory | None

    def join(self, chained: Chained, place: int, outside: CompiledNode) -> None:
        """Let messages go through the chain as long as there is one, and emissions by the edges that leave it."""


async def log_and_fail(member: Member, message: Message, step: Step) -> None:
    """Log what a member's step logged, and see to its error, if it ended in one."""
    await member.emitter.log_all(step.logs)
    if step.error is not None:
        await member.errors.fail(message, step.error)


def next_part(work: deque[Work], most: int) -> list[Work]:
    """Take the messages of one call: they go to one member and are in one lane, ``most`` at most."""
    place, message, _ = first = work.popleft()
    lane, size = message.lane, len(message.value)
    part = [first]
    while work and len(part) < most:
        next_place, message, _ = work[0]
        size += len(message.value)
        if next_place != place or message.lane != lane or size > _CALL_BYTES:
            break
        part.append(work.popleft())
    return part


def hand_over(
    shared: ExecutionShared, members: Sequence[Member], work: Iterable[Work], owner: int | None
) -> Sequence[Message]:
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
        shared.inboxes[members[place].node.index].put_back(messages, behind=owner is None)
    return own
