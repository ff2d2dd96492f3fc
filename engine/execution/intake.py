"""The acceptance of what comes from outside, before it waits anywhere: its number, who hears of it, and when."""

from collections.abc import Sequence

import trio
from msgspec.structs import force_setattr

from engine.execution.injection import Located
from engine.execution.shared import ExecutionShared


class Intake:
    """The acceptance of messages into one execution.

    Args:
        shared: what the parts of the execution have in common.
    """

    def __init__(self, shared: ExecutionShared) -> None:
        self._shared = shared

    def accept(self, messages: Sequence[Located], cause: str = "") -> None:
        """Give messages numbers in the order in which they go in, and report them to those who watch."""
        self.number(messages)
        self.report(messages, cause)

    def number(self, messages: Sequence[Located]) -> None:
        """Give messages the next numbers, in their order."""
        sequence = self._shared.next_sequence
        for _, message in messages:  # frozen, but nobody has seen them; new ones would cost twice as much
            force_setattr(message, "sequence", sequence())

    def report(self, messages: Sequence[Located], cause: str) -> None:
        """Tell those who watch of messages that have their numbers; ``cause`` is why they came."""
        shared = self._shared
        shared.has_lanes = shared.has_lanes or max([message.lane for _, message in messages], default=0) > 0
        if shared.recorder is not None:
            shared.recorder.injected_together(messages)
        for observer in shared.flow_observers:
            observer.injected([message for _, message in messages], cause)

    def note(self, messages: Sequence[Located] = ()) -> None:
        """Take note that something came in just now: these messages, or what begins by itself."""
        shared = self._shared
        now = shared.counters.last_activity_seconds = trio.current_time()
        if messages and now >= shared.ages.next_seconds:
            shared.ages.mark(now, messages[0][1].sequence)
        shared.input.note_injection(now)
