"""The work of one task of a node: what of it is not finished, for whoever looks from outside.

A task that waits (for room, for another attempt, for its turn) has messages in hand. How far it is stands here,
and only where it can be seen: what goes without waiting is not written down (``engine.execution.cut`` reads it).
"""

from collections.abc import Sequence
from contextvars import ContextVar
from typing import NamedTuple

from engine.compile.loaded_graph import Target
from engine.contracts.groups import Group, Place
from engine.contracts.handler import Emission, HandlerError, Message, Outcome


class Sending:
    """Emissions of which one waits for room.

    Args:
        emissions: all that leave together.
        sent: how many have left.

    Attributes:
        emissions: as given.
        sent: how many of them have left by now.
        message: that waits; it is on its way, and counts as sent.
        node: index of the node that it goes to.
        rest: the further ends of the waiting value's port, along which it has not gone.
        place: of what is sent.
    """

    __slots__ = ("emissions", "message", "node", "place", "rest", "sent")

    def __init__(self, emissions: Sequence[Emission], sent: int) -> None:
        self.emissions = emissions
        self.sent = sent
        self.message: Message | None = None
        self.node = 0
        self.rest: Sequence[Target] = ()
        self.place: Place | None = None


class TakenMessages(NamedTuple):
    """Messages that one task has in hand, or what it gives out of none (as ``engine.checkpoint`` has it)."""

    messages: Sequence[Message]
    outcomes: Sequence[Outcome] = ()
    lane: int = 0
    attempts: tuple[int, HandlerError, float] | None = None
    group: Group | None = None
    next_item: int = 0


class Hand:
    """The work that one task of an instance has in hand.

    Attributes:
        batch: messages that were taken and are not finished.
        outcomes: of the first of them; None as long as they are not known. Of no message, where there is no batch.
        lane: of what is given out of no message.
        first: index of the first outcome that has not left as a whole.
        sent: how many emissions of that and of those behind it have left, beside those of ``sending``.
        logged: how many outcomes have had their lines logged.
        lines: of the next one that have been, too.
        sending: emissions that wait now.
        failing: the error that is being seen to; of the first outcome, or of one of its items.
        attempts: how many beside the first have failed, and when the next one is; where it is tried again.
        group: that the first outcome's items are given places in.
        first_item: the index of its first emission's item.
        next_item: the index of the item that leaves next.
        number: its place among the messages of several workers.
    """

    __slots__ = (
        "attempts",
        "batch",
        "failing",
        "first",
        "first_item",
        "group",
        "lane",
        "lines",
        "logged",
        "next_item",
        "number",
        "outcomes",
        "sending",
        "sent",
    )

    def __init__(self) -> None:
        self.batch: Sequence[Message] = ()
        self.outcomes: Sequence[Outcome] | None = None
        self.lane = 0
        self.first = self.sent = self.logged = self.lines = 0
        self.sending: Sending | None = None
        self.failing: HandlerError | None = None
        self.attempts: tuple[int, float] | None = None
        self.group: Group | None = None
        self.first_item = self.next_item = 0
        self.number = 0

    def put_down(self) -> None:
        """Take note that all outcomes have left, and that nothing is in hand."""
        self.batch, self.outcomes = (), None
        self.first = self.sent = self.logged = self.lines = 0


NOBODY = Hand()
"""The hand of those of whom nobody asks."""

HAND: ContextVar[Hand] = ContextVar("hand", default=NOBODY)
"""The hand of the running task."""
