"""The messages that an execution had accepted and not finished when it ended: each once, at the node where it was.

Nobody counts this while an execution lives. A message waits in an inbox, for ``resume``, or in a handler that
holds it, and can be counted there when all is over; or a node has it in hand. What is in hand is noted by the task
whose work the end cuts off, while its ``Cancelled`` goes by: so it costs nothing while messages go their way.

A message is in hand until everything that was emitted for it has left. What has begun its way along an edge is a
message of its own, of the node that it goes to, also where it still waited for room there.
"""

from collections import Counter
from collections.abc import Sequence

from engine.contracts.handler import Outcome


class CutOff:
    """The messages that the end has cut off in one execution.

    Attributes:
        messages: how many, by the index of the node that had them in hand or was to be given them.
        sent: of the emissions whose sending was cut off last, how many had left.
    """

    def __init__(self) -> None:
        self.messages: Counter[int] = Counter()
        self.sent = 0


class CutSending:
    """The point at which the end cut off the sending of a list of emissions.

    Whoever sends the list notes it as the ``Cancelled`` goes by, and so does whoever sends that list as part of
    another; whoever took the messages that it was made for reads it. Between the two nobody else has a turn.

    Attributes:
        left: how many of the list had left; 0 where none was in the sending.
        total: how many there were.
    """

    def __init__(self) -> None:
        self.left = self.total = 0

    def note(self, left: int, total: int) -> None:
        """Take note that of ``total`` emissions so many had left."""
        self.left, self.total = left, total

    @property
    def is_whole(self) -> bool:
        """True if all of the list had left."""
        return 0 < self.left == self.total

    def note_one(self) -> None:
        """Take note of one thing in place of the list: it was done where all of the list had left."""
        self.note(int(self.is_whole), 1)

    def take(self) -> int:
        """Return how many had left, and forget it."""
        left = self.left
        self.note(0, 0)
        return left


def count_undone(outcomes: Sequence[Outcome], left: int) -> int:
    """Return how many messages are behind what has not left, of outcomes in order.

    Args:
        outcomes: of a batch, from the first one whose emissions have not all left; an error counts as one.
        left: how many of the emissions have left.
    """
    undone = 0
    for outcome in outcomes:
        emissions = len(outcome.emissions) if outcome.error is None else 1
        own = min(left, emissions)
        left -= own
        if own < emissions:
            undone += sum(outcome.made_from[own:]) if outcome.made_from else 1
    return undone
