"""Groups: the messages that follow from the items of one array, wherever they go, until none is left.

``symbia.core.each`` opens a group for each array and gives every item a place in it. A message has the place of
the one that it follows from; ``symbia.core.gather`` puts the group's values in order by it, once no message of the
group is on its way or held any more. An array that has a place itself makes a group within that one.

Only messages between the two have places, and only in graphs that have both (``engine.compile.groups``); all
others are of the plain kinds and cost nothing more.
"""

from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from typing import Protocol

import trio

from engine.contracts.handler import NOTHING, Emission, Handler, HandlerError, Message, Outcome


class Opener:
    """The items of one ``each`` that are under way in one execution.

    Args:
        gathers: indices of the nodes that gather its groups.

    Attributes:
        opened: how many groups it has opened.
        under_way: how many of its items are not done with.
        waiting: who waits for an item to be done with.
    """

    __slots__ = ("gathers", "opened", "under_way", "waiting")

    def __init__(self, gathers: Sequence[int]) -> None:
        self.gathers = gathers
        self.opened = 0
        self.under_way = 0
        self.waiting = trio.lowlevel.ParkingLot()


class Receipt(Protocol):
    """The acknowledgement that a source waits for. Called in the midst of the engine's work: it never blocks."""

    def settle(self, refusal: HandlerError | None) -> None:
        """Take note that nothing of what came of it is under way any more.

        ``refusal`` is the error by which something of it was lost, which nothing took; None where nothing was.
        """


class Group:
    """All that follows from one array, or from one value of a source that is to be acknowledged.

    Attributes:
        opener: who opened it.
        lane: of the array.
        outer: the place of the array in a group of its own, if it has one.
        live: items that are not done with, and one more while it is being opened.
        awaited: nodes that have not gathered it.
        receipt: of a source's value, settled when nothing of it is under way any more.
        refusal: the error by which something of it was lost.
    """

    __slots__ = ("awaited", "lane", "live", "opener", "outer", "receipt", "refusal")

    def __init__(self, opener: Opener, lane: int, outer: "Place | None") -> None:
        self.opener = opener
        self.lane = lane
        self.outer = outer
        self.live = 1
        self.awaited = len(opener.gathers)
        self.receipt: Receipt | None = None
        self.refusal: HandlerError | None = None


class Place:
    """An item's place in its group, which every message has that follows from the item.

    Attributes:
        group: the group.
        index: of the item in the array.
        live: messages at this place that are not done with, groups within it among them.
        joined: places that are let go with it, because what stands at it was made of what stood at them, too.
    """

    __slots__ = ("group", "index", "joined", "live")

    def __init__(self, group: Group, index: int) -> None:
        self.group = group
        self.index = index
        self.live = 0
        self.joined: Sequence[Place] = ()


class GroupedMessage(Message, frozen=True, gc=False):
    """A message with a place."""

    place: Place | None = None


class GroupedOutcome(Outcome, frozen=True, gc=False):
    """The outcome of a handler that keeps messages which have places.

    Attributes:
        places: of each emission; with an error, of that.
        done: the places of the messages that are done with by it, that of the present one among them unless it is
            kept.
    """

    places: Sequence[Place | None] = ()
    done: Sequence[Place] = ()


PRESENT: ContextVar[Place | None] = ContextVar("place", default=None)
"""The place of what the running task emits."""


def place_of(message: Message) -> Place | None:
    """Return the place of a message, if it has one."""
    return message.place if type(message) is GroupedMessage else None


def item_place_of(message: Message) -> Place | None:
    """Return the place of a message among the items of an array; one among a source's values is none."""
    place = place_of(message)
    return place if place is not None and place.group.opener.gathers else None


def made_at(outcome: Outcome, last: Message | None, done: Iterable[Message] = ()) -> Outcome:
    """Return what came of messages that were kept; all that it emits stands at the place of the last of them.

    Args:
        outcome: without places.
        last: of the messages, if there is one.
        done: those that are done with by it, the present one among them unless it is kept.
    """
    origins = tuple(done)
    places = [
        message.place for message in origins if type(message) is GroupedMessage and message.place is not None
    ]
    place = None if last is None else place_of(last)
    if not places and place is None:
        return Outcome(outcome.emissions, outcome.logs, outcome.error, outcome.lanes, outcome.made_from, origins)
    return GroupedOutcome(
        outcome.emissions,
        outcome.logs,
        outcome.error,
        outcome.lanes,
        outcome.made_from,
        origins,
        (place,) * max(1, len(outcome.emissions)),
        places,
    )


def together(outcomes: Iterable[Outcome]) -> Outcome:
    """Return one outcome of several that have no errors, in order."""
    several = [outcome for outcome in outcomes if outcome is not NOTHING]
    if len(several) < 2:
        return several[0] if several else NOTHING
    emissions: list[Emission] = []
    lanes: list[int] = []
    made_from: list[int] = []
    places: list[Place | None] = []
    done: list[Place] = []
    origins: list[Message] = []
    for outcome in several:
        emissions += outcome.emissions
        lanes += outcome.lanes
        made_from += outcome.made_from
        origins += outcome.origins
        if isinstance(outcome, GroupedOutcome):
            places += outcome.places[: len(outcome.emissions)]
            done += outcome.done
        else:
            places += (None,) * len(outcome.emissions)
    logs = [line for outcome in several for line in outcome.logs]
    if not done and not any(places):
        return Outcome(emissions, logs, lanes=lanes, made_from=made_from, origins=origins)
    return GroupedOutcome(emissions, logs, None, lanes, made_from, origins, places, done)


class AcknowledgedOutcome(Outcome, frozen=True, gc=False):
    """The outcome of a source, with the receipt of each emission, if it has one."""

    receipts: Sequence[Receipt | None] = ()


class GatheringHandler(Handler):
    """A handler that gathers groups: ``release`` gives out one at a time, which ``due`` says is complete."""

    def has_room(self) -> bool:
        """Return whether one more group may be opened."""
        raise NotImplementedError

    def open(self, group: Group) -> None:
        """Take note of a group that has been opened."""
        raise NotImplementedError

    def complete(self, group: Group) -> bool:
        """Take note that nothing of a group is on its way any more; return whether it was waited for."""
        raise NotImplementedError

    def complete_groups(self) -> int:
        """Return how many groups it has been told are complete that ``take_closed`` has not returned."""
        raise NotImplementedError

    def take_closed(self) -> Sequence[Group]:
        """Return the complete groups that have been given out since this was asked last."""
        raise NotImplementedError


def gatherer(handler: Handler) -> GatheringHandler:
    """Return the handler of a node that gathers groups, as such."""
    found = handler.innermost()
    assert isinstance(found, GatheringHandler)  # noqa: S101 - the compiler has looked
    return found
