"""A trial: the old handler of a node stays beside the new one, and takes the messages on which that one fails.

An invocation is a transaction. So where the new version fails on a message nothing of it has been seen, and the
old one is given the message as if the other had never been there.

A handler that does nothing but to return outcomes and to keep a state is given every message, also where the new
one has done well. So what the old one keeps is at any time what it would be without the trial, the two can be
compared in speed, and the way back is always open; of what it makes of such a message nothing leaves. Others (a
request over HTTP) are asked only when the new one has failed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal

import trio

from engine.contracts.handler import Handler, HandlerError, Message, Outcome, Snapshot
from engine.counters.counters import InstanceCounters
from engine.execution.failure import handler_error
from proto.reload import CanaryReport, CanaryTerms

MEASURED_MESSAGES = 20
"""Messages after which the pace of the new version is judged: the first ones also pay for caches."""

Verdict = Literal["", "stays", "back"]


def mean_latency_seconds(counters: InstanceCounters) -> float:
    """Return the mean time of an instance's invocations; 0 where there were none."""
    return counters.total_latency_seconds / counters.invocations if counters.invocations else 0.0


class TrialBook:
    """The book of one trial, over all its nodes.

    Args:
        terms: what decides.
        decided: called once, when it is decided.

    Attributes:
        verdict: empty as long as there is none.
        reason: of the verdict, in words.
    """

    def __init__(self, terms: CanaryTerms, decided: Callable[[], None]) -> None:
        self._terms = terms
        self._decided = decided
        self.verdict: Verdict = ""
        self.reason = ""
        self._messages = self._errors = 0
        self._new_seconds = self._old_seconds = 0.0

    def report(self) -> CanaryReport:
        """Return the figures of now."""
        slowdown = self._new_seconds / self._old_seconds if self._old_seconds else 0.0
        return CanaryReport(self._messages, self._errors, round(slowdown, 2))

    def note(self, new_seconds: float, old_seconds: float, error: HandlerError | None) -> None:
        """Take note of one message: how long each took, and the error where the new version alone failed."""
        if self.verdict:
            return
        self._messages += 1
        self._new_seconds += new_seconds
        self._old_seconds += old_seconds
        if error is not None:
            self._errors += 1
        terms = self._terms
        if self._errors > terms.max_errors and error is not None:
            self.decide(
                "back",
                f"{self._errors} of {self._messages} invocations failed where the old version did not, the last "
                f"with {error.name}: {error.message[:300]}",
            )
        elif self._is_too_slow():
            slowdown = self.report().slowdown
            self.decide("back", f"an invocation took {slowdown} times as long as by the old version")
        elif self._messages >= terms.messages:
            self.decide("stays", f"{self._messages} messages went well, but for {self._errors}")

    def _is_too_slow(self) -> bool:
        allowed = self._terms.max_slowdown
        if not allowed or self._messages < min(MEASURED_MESSAGES, self._terms.messages):
            return False
        return self._new_seconds > allowed * self._old_seconds > 0

    def decide(self, verdict: Verdict, reason: str) -> None:
        """End the trial; the first verdict holds."""
        if not self.verdict:
            self.verdict, self.reason = verdict, reason
            self._decided()


async def _made_of(handler: Handler, message: Message) -> Outcome:
    """Return what a handler makes of a message."""
    try:
        (outcome,) = await handler.process([message])
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
        outcome = Outcome(error=handler_error(error))
    return outcome


class Tried(Handler):
    """A new handler with the old one beside it.

    Args:
        book: of the trial.
        new: has begun with what the old one keeps.
        old: has done the work until now.
        again: makes another new one that goes on where the old one is; None where that cannot be.
        mean_seconds: that the old one took for a message until now.
    """

    batch_messages = 1  # what is behind a message that fails must not have been processed with it

    def __init__(
        self,
        book: TrialBook,
        new: Handler,
        old: Handler,
        again: Callable[[], Awaitable[Handler | None]],
        mean_seconds: float,
    ) -> None:
        self._book = book
        self._new = new
        self._old = old
        self._again = again
        self._mean_seconds = mean_seconds
        self._is_pure = new.innermost().is_pure and old.innermost().is_pure
        self.keeps = new.keeps
        self.is_released = False  # the winner has gone on alone

    @property
    def winner(self) -> Handler:
        """The handler that the verdict leaves; the new one as long as there is none."""
        return self._old if self._book.verdict == "back" else self._new

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [await self._process_one(message) for message in batch]

    async def _process_one(self, message: Message) -> Outcome:
        if self._book.verdict:
            (outcome,) = await self.winner.process([message])
            return outcome
        began = trio.current_time()
        outcome = await _made_of(self._new, message)
        new_seconds = trio.current_time() - began
        if not self._is_pure and outcome.error is None:
            self._book.note(new_seconds, self._mean_seconds, None)
            return outcome
        kept = dict(self._old.innermost().state())
        began = trio.current_time()
        old_outcome = await _made_of(self._old, message)
        old_seconds = trio.current_time() - began
        if outcome.error is None:
            self._book.note(new_seconds, old_seconds, None)
            return outcome
        if kept != dict(self._old.innermost().state()):
            await self._catch_up()
        self._book.note(new_seconds, old_seconds, None if old_outcome.error is not None else outcome.error)
        return old_outcome

    async def _catch_up(self) -> None:
        """Let the new version know what the old one has made of a message on which it failed itself."""
        made = await self._again()
        if made is None:
            self._book.decide("back", "it could not go on from what the old version kept")
            return
        former, self._new = self._new, made
        await former.cleanup()

    async def conclude(self) -> Outcome:
        return await self.winner.conclude()

    async def cleanup(self) -> Outcome:
        """Clean up after both, or after the one that does not go on alone."""
        gone = [each for each in (self._new, self._old) if not self.is_released or each is not self.winner]
        outcomes: list[Outcome] = []

        async def clean_up(handler: Handler) -> None:
            try:
                outcomes.append(await handler.cleanup())
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
                outcomes.append(Outcome(error=handler_error(error)))

        async with trio.open_nursery() as nursery:  # none waits for another
            for handler in gone:
                nursery.start_soon(clean_up, handler)
        logs = [line for outcome in outcomes for line in outcome.logs]
        return Outcome(logs=logs, error=next((each.error for each in outcomes if each.error is not None), None))

    def state(self) -> Mapping[str, bytes]:
        return self.winner.state()

    def snapshot(self, now: float) -> Snapshot | None:
        """Return what the version keeps that a restart would run: the old one, until the new one has won."""
        return (self._new if self._book.verdict == "stays" else self._old).snapshot(now)

    def held_bytes(self) -> int:
        return self._new.held_bytes() + self._old.held_bytes()

    def innermost(self) -> Handler:
        return self.winner.innermost()
