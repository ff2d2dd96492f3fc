"""The outcomes by which messages leave that a component held."""

from collections.abc import Sequence

from engine.contracts.handler import NOTHING, Message, Outcome


def unchanged(port: int, messages: Sequence[Message]) -> Outcome:
    """Return the outcome by which held messages leave as they came, in order."""
    if not messages:
        return NOTHING
    return Outcome(
        [(port, message.value) for message in messages],
        lanes=[message.lane for message in messages],
        made_from=(1,) * len(messages),
    )
