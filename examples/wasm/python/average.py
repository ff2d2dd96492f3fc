"""A component in Python, as a WebAssembly component: emits the average of all numbers so far.

The contract is wit/symbia-component.wit; componentize-py makes `wit_world` of it. What the component remembers is
state: the runtime keeps it, and gives it back when an instance has to be replaced.
"""

import json
import traceback

# There is a wit_world only while componentize-py builds.
from wit_world import exports  # type: ignore[import-not-found]
from wit_world.exports.handler import (  # type: ignore[import-not-found]
    Effects,
    Emission,
    Failure,
    Level,
    LogLine,
    Message,
    Place,
    StateWrite,
)


class Handler(exports.Handler):  # type: ignore[misc]
    """One instance. It is made anew for each call, so what it remembers belongs to the class."""

    def open(self, place: Place) -> Effects:
        """Begins, or goes on where an instance before it ended."""
        state = {entry.key: json.loads(entry.value) for entry in place.state}
        Handler.count, Handler.total = state.get("seen", [0, 0])
        Handler.digits = json.loads(place.config).get("digits", 3)
        begin = LogLine(Level.INFO, f"averages begin at {Handler.count} numbers", None)
        return Effects(emissions=[], state=[], logs=[begin], error=None)

    def process(self, messages: list[Message], now: int) -> list[Effects]:  # noqa: ARG002 - the contract's
        """One average for each number; an exception that is not caught here would destroy the instance."""
        return [self.caught(message) for message in messages]

    def close(self) -> Effects:
        """Nothing is left to do."""
        return Effects(emissions=[], state=[], logs=[], error=None)

    def caught(self, message: Message) -> Effects:
        """The effects of a message, whatever happens."""
        try:
            return self.average(json.loads(message.value))
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is this message's
            failure = Failure(type(problem).__name__, str(problem), traceback.format_exc())
            return Effects(emissions=[], state=[], logs=[], error=failure)

    def average(self, value: float) -> Effects:
        """Takes a number in."""
        Handler.total += value
        Handler.count += 1
        average = round(Handler.total / Handler.count, Handler.digits)
        return Effects(
            emissions=[Emission("out", json.dumps(average))],
            state=[StateWrite("seen", json.dumps([Handler.count, Handler.total]))],
            logs=[],
            error=None,
        )
