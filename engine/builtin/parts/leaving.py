"""The outcomes by which messages leave that a component held."""

from collections.abc import Sequence

from engine.contracts.groups import GroupedOutcome, place_of
from engine.contracts.handler import NOTHING, Message, Outcome


def unchanged(port: int, messages: Sequence[Message]) -> Outcome:
    """Return the outcome by which held messages leave as they came, in order."""
    if not messages:
        return NOTHING
    emissions = [(port, message.value) for message in messages]
    lanes = [message.lane for message in messages]
    made_from = (1,) * len(messages)
    places = [place_of(message) for message in messages]
    if not any(places):
        return Outcome(emissions, lanes=lanes, made_from=made_from, origins=messages)
    done = [place for place in places if place is not None]
    return GroupedOutcome(emissions, lanes=lanes, made_from=made_from, origins=messages, places=places, done=done)


def at_once(port: int, message: Message) -> Outcome:
    """Return the outcome by which a component that keeps messages lets one pass."""
    place = place_of(message)
    if place is None:
        return Outcome(((port, message.value),))
    return GroupedOutcome(((port, message.value),), places=(place,), done=(place,))
