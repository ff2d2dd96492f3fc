"""An instance that somebody watches: who looks at what comes to it, what comes of it, and may hold both.

While a node is watched, three parts of its instance are of another class, those below: what leads to the handler,
what leads out, what sees to errors. Nobody else is asked anything: an instance that nobody watches runs the very
code that it runs where there are no watchers at all.

A message that is held is in its node's hand: in flight, cut off by the end like any other, and what comes behind
it waits in the inbox, which blocks its senders when it is full.

The watching may end while a message is held. So nothing here calls ``super()``, which would not know the object
any more: what is watched calls its usual class by name.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Emission, Handler, HandlerError, Message, Outcome
from engine.execution.emitter import AT_ONCE, Emitter
from engine.execution.error_policy import ErrorPolicy
from engine.execution.failure import UnsentError
from engine.execution.hand import HAND
from engine.execution.instance import Instance
from engine.execution.masking import masked_error
from engine.execution.observed import Observed


class Turn(msgspec.Struct, frozen=True):
    """The further way of a message that somebody has looked at.

    Attributes:
        message: it, perhaps with another value.
        outcome: stands in the place of an invocation; None where the handler is to be called.
    """

    message: Message
    outcome: Outcome | None = None


class Watcher(Protocol):
    """Somebody who watches instances of one execution, and may hold what they handle for as long as they like."""

    def together(self, node: CompiledNode, batch: Sequence[Message]) -> int:
        """Return how many of the first messages may go to the handler in one call; 0 where the first goes not."""

    def in_place(self, node: CompiledNode, message: Message) -> Outcome:
        """Return what comes of a message that does not go to the handler."""

    def looks_behind(self, node: CompiledNode, message: Message) -> bool:
        """Return whether it wants to see what comes of a message before that leaves."""

    async def depart(
        self, node: CompiledNode, message: Message, outcome: Outcome, before: Mapping[str, bytes], handler: Handler
    ) -> Outcome:
        """Look at what came of a message, whose handler's state was ``before``; return what is to come of it."""

    async def leave(
        self, node: CompiledNode, emissions: Sequence[Emission], lane: int
    ) -> tuple[Sequence[Emission], int]:
        """Look at emissions before they leave; return what leaves now, and of how many it is all that does."""

    async def failing(self, node: CompiledNode, message: Message, error: HandlerError, *, may_retry: bool) -> Turn:
        """Look at an invocation that failed, without secrets.

        Its outcome is the error where that goes its way, and none where the message is to be tried again.
        """


class Debugging(Protocol):
    """The breakpoints of an execution, as far as that knows them."""

    async def close(self) -> None:
        """Let all go, and stop at nothing any more: the execution drains."""

    async def end(self) -> None:
        """Let go of what they have, once the execution is over."""


class WatchedObserved(Observed):
    """The calls of a handler, of which somebody wants to see what comes, or takes the place."""

    watcher: Watcher

    async def invoke(self, handler: Handler, batch: Sequence[Message]) -> Sequence[Outcome]:
        watcher, node = self.watcher, self._node
        count = watcher.together(node, batch)
        if not count:
            await trio.lowlevel.checkpoint()
            return [watcher.in_place(node, batch[0])]
        if not watcher.looks_behind(node, batch[0]):
            return await Observed.invoke(self, handler, batch[:count])
        return [await self._look_behind(handler, batch[0])]

    async def invoke_again(self, handler: Handler, message: Message) -> Outcome:
        await self._shared.pace.keep()
        if self.watcher.looks_behind(self._node, message):
            return await self._look_behind(handler, message)
        (outcome,) = await Observed.invoke(self, handler, [message])
        return outcome

    async def _look_behind(self, handler: Handler, message: Message) -> Outcome:
        before = dict(handler.innermost().state())
        (outcome,) = await Observed.invoke(self, handler, [message])
        HAND.get().outcomes = (outcome,)
        return await self.watcher.depart(self._node, message, outcome, before, handler)


class WatchedEmitter(Emitter):
    """The way out for values that are looked at before they leave."""

    watcher: Watcher
    is_watched = True

    async def emit(self, emissions: Sequence[Emission], lane: int, size: int = -1) -> None:
        del size
        left = 0
        hand = HAND.get()
        before = hand.sent
        try:
            while left < len(emissions):
                leaving, done = await self.watcher.leave(self.node, emissions[left : left + AT_ONCE], lane)
                if leaving:
                    await self._emit_few(leaving, lane, -1)
                left += done
                hand.sent = before + left
                if left < len(emissions):
                    await self._rest()
        except UnsentError as error:
            raise UnsentError(left + error.sent, str(error), error.name) from None
        except trio.Cancelled:
            self.cut.note(left + self.cut.left, len(emissions))
            raise
        finally:
            hand.sent = before


class WatchedErrors(ErrorPolicy):
    """The answer to invocations that failed, and are looked at before anything comes of it."""

    watcher: Watcher

    async def handle(self, handler: Handler, message: Message, error: HandlerError) -> None:
        try:
            turn = await self._look(handler, message, error)
            while turn.outcome is None:
                self.observed.count_error(masked_error(self._shared.mask, error))
                message = turn.message
                outcome = await self.observed.invoke_again(handler, message)
                HAND.get().outcomes = (outcome,)
                await self.emitter.log_all(outcome.logs)
                if outcome.error is None:
                    await self.emitter.emit_all(outcome, message)
                    return
                error = outcome.error
                turn = await self._look(handler, message, error)
            if turn.outcome.error is None:
                self.observed.count_error(masked_error(self._shared.mask, error))
                HAND.get().outcomes = (turn.outcome,)
                await self.emitter.emit_all(turn.outcome, message)
                return
        except trio.Cancelled:
            self.emitter.cut.note_one()
            raise
        await ErrorPolicy.handle(self, handler, turn.message, error)

    async def _look(self, handler: Handler, message: Message, error: HandlerError) -> Turn:
        shown = masked_error(self._shared.mask, error)
        return await self.watcher.failing(self._node, message, shown, may_retry=handler.keeps != "messages")


def watch_calls(instance: Instance, watcher: Watcher) -> None:
    """Let somebody look at the messages of an instance, and at what comes of them, from now on."""
    observed = instance.errors.observed
    observed.__class__ = WatchedObserved
    assert isinstance(observed, WatchedObserved)  # noqa: S101 - just made so
    observed.watcher = watcher


def watch_emissions(instance: Instance, watcher: Watcher) -> None:
    """Let somebody look at the values that leave an instance, from now on."""
    emitter = instance.emitter
    emitter.__class__ = WatchedEmitter
    assert isinstance(emitter, WatchedEmitter)  # noqa: S101 - just made so
    emitter.watcher = watcher


def watch_errors(instance: Instance, watcher: Watcher) -> None:
    """Let somebody look at the invocations of an instance that fail, from now on."""
    errors = instance.errors
    errors.__class__ = WatchedErrors
    assert isinstance(errors, WatchedErrors)  # noqa: S101 - just made so
    errors.watcher = watcher


def unwatch_calls(instance: Instance) -> None:
    """Let nobody look at the messages of an instance any more. Calls under way end as they have begun."""
    instance.errors.observed.__class__ = Observed


def unwatch_emissions(instance: Instance) -> None:
    """Let nobody look at the values that leave it any more."""
    instance.emitter.__class__ = Emitter


def unwatch_errors(instance: Instance) -> None:
    """Let nobody look at its errors any more."""
    instance.errors.__class__ = ErrorPolicy


def is_watched(instance: Instance) -> bool:
    """Return whether somebody looks at anything of an instance."""
    parts = instance.errors, instance.emitter, instance.errors.observed
    return any(isinstance(part, WatchedErrors | WatchedEmitter | WatchedObserved) for part in parts)


def watch_alike(instance: Instance, former: Instance) -> None:
    """Let whoever looks at an instance look at the one that takes its place."""
    if isinstance(former.errors.observed, WatchedObserved):
        watch_calls(instance, former.errors.observed.watcher)
    if isinstance(former.emitter, WatchedEmitter):
        watch_emissions(instance, former.emitter.watcher)
    if isinstance(former.errors, WatchedErrors):
        watch_errors(instance, former.errors.watcher)
