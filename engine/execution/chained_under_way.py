"""The work of one chain that is not finished, for whoever looks from outside (``engine.execution.cut``)."""

from collections import deque
from collections.abc import Iterable, Sequence

import msgspec

from engine.contracts.chain import ChainResult, Step
from engine.contracts.handler import Emission, Message
from engine.execution.chain_member import Work

Own = tuple[int, Sequence[Emission], int]
"""Emissions that a member makes without a message: its place, they, and their lane."""


class Concluding(msgspec.Struct):
    """A call whose effects are being seen to.

    Attributes:
        result: of it.
        done: how many of its steps have been seen to.
        emitting: of a traced one, which emission of the next step leaves, from 1 on; 0 before the first of them.
        message: of a traced one, that of the next step, where it has been taken.
        is_inner: whether another member had passed that on.
        passed: of a traced one, what has been passed on to each member and has had no step.
        left: of a traced one, messages of the call that have had no step.
    """

    result: ChainResult
    done: int = 0
    emitting: int = -1
    message: Message | None = None
    is_inner: bool = False
    passed: Sequence[deque[Message]] | None = None
    left: int = 0

    @property
    def is_traced(self) -> bool:
        """True where every invocation is told."""
        return self.passed is not None

    @property
    def steps(self) -> Sequence[Step]:
        """Those that have not been seen to."""
        return self.result.steps[self.done :]


class UnderWay(msgspec.Struct):
    """The work of one chain.

    Attributes:
        place: of the member whose batch it is that is being worked off; -1 where it is nobody's.
        part: messages of the call under way.
        work: those of later ones.
        concluding: the call, where it has ended.
        own: what members have emitted at the beginning and what has not been begun.
        emitting: what a member emits without a message, as far as it has not been passed on.
        telling: of that, what leaves the chain when it has been worked off within it.
    """

    place: int = -1
    part: Sequence[Work] = ()
    work: Iterable[Work] = ()
    concluding: Concluding | None = None
    own: list[Own] = []
    emitting: Own | None = None
    telling: Sequence[Emission] = ()
