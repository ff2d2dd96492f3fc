"""One node whose messages have places in groups, or that gives them theirs.

All that an invocation emits has the place of its message. So emissions leave message by message here, and not
batch by batch; and a message's place is let go when all that it has led to is on its way.
"""

from collections.abc import Sequence
from typing import Any

import trio
from msgspec import structs

from engine.contracts.groups import (
    PRESENT,
    AcknowledgedOutcome,
    Group,
    GroupedOutcome,
    Place,
    item_place_of,
    place_of,
)
from engine.contracts.handler import Emission, Handler, HandlerError, Message, Outcome
from engine.contracts.lanes import CANONICAL
from engine.execution.emitter import CAUSELESS
from engine.execution.grouped_shared import GroupedShared
from engine.execution.hand import HAND, TakenMessages
from engine.execution.instance import Instance

_ITEMS_AT_ONCE = 100
"""Items that are sent without a look at other tasks: a millisecond."""


class GroupedInstance(Instance):
    """An instance that opens groups, gathers them, or is between."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert isinstance(self._shared, GroupedShared)  # noqa: S101 - whoever makes it has looked
        self._groups = self._shared
        handler = self._handlers[0]
        self._opener = self._groups.opener(self.node.index)
        self._concurrency = self.node.config.get("concurrency", 0) if self._opener and self._opener.gathers else 0
        self._keeps_messages = handler.keeps == "messages"
        if self._keeps_messages:
            self.errors.retries = False  # what a later attempt has kept would be nobody's
        self._going_on: tuple[Group, int] | None = None  # of an array that was being taken apart: the next item
        plan = self._groups.graph.groups
        self._gathers = plan is not None and any(self.node.index in nodes for nodes in plan.gathers.values())
        if self._gathers:
            self._is_woken = True
            self._groups.gathers(self.node.index, handler, self._wake)

    def _has_on_its_way(self, handler: Handler) -> bool:
        if not self._gathers:
            return super()._has_on_its_way(handler)
        due = self._due(handler)
        return due is not None and due <= trio.current_time()

    def lets_go(self, *, is_error: bool) -> bool:
        return is_error or self._gathers or not self._keeps_messages

    def _resume(self, left: TakenMessages) -> None:
        self._going_on = None if left.group is None else (left.group, left.next_item)

    async def _try_again(
        self, handler: Handler, message: Message, failed: int, error: HandlerError, due: float
    ) -> None:
        PRESENT.set(self._place_of_error(message))
        await super()._try_again(handler, message, failed, error, due)

    def _place_of_error(self, message: Message) -> Place | None:
        """Return the place of an error: where arrays are gathered, it concerns the array."""
        place = item_place_of(message) if self._gathers else None
        return place_of(message) if place is None else place.group.outer

    def _end_trying(self, message: Message) -> None:
        place = place_of(message)
        if place is not None:
            self._groups.settle(place)

    async def _finish(
        self, handler: Handler, batch: Sequence[Message], outcomes: Sequence[Outcome], size: int = -1
    ) -> None:
        del size
        done = 0
        hand = HAND.get()
        try:
            for message, outcome in zip(batch, outcomes, strict=False):
                await self._finish_one(handler, message, outcome)
                done += 1
                hand.first = done
        except trio.Cancelled:
            self._note_cut_off(handler, batch, outcomes, done)
            raise
        hand.put_down()
        self.in_hand.settle(handler, len(outcomes))

    async def _finish_one(self, handler: Handler, message: Message, outcome: Outcome) -> None:
        place = place_of(message)
        PRESENT.set(place)
        outcome = self._joined(outcome)
        if outcome.logs:
            await self.emitter.log_all(outcome.logs)
            hand = HAND.get()
            hand.logged = hand.first + 1
        if outcome.error is not None:
            PRESENT.set(self._place_of_error(message))
            await self.errors.handle(handler, message, outcome.error)
        elif self._opener is not None and self._opener.gathers:
            await self._open(outcome, message, place)
        elif type(outcome) is not Outcome or outcome.lanes or not self._sent_at_once(outcome.emissions, message):
            await self._emit_at_places(outcome, message)
        if isinstance(outcome, GroupedOutcome):
            self._let_go(outcome.done)
        elif place is not None and self.lets_go(is_error=outcome.error is not None):
            self._groups.settle(place)

    def _sent_at_once(self, emissions: Sequence[Emission], message: Message) -> bool:
        """Send none or one emission where it need not wait; return False where it may have to, or there are more.

        A way for most messages; the other one does the same with three coroutines.
        """
        if not emissions:
            return True
        groups, (port, value) = self._groups, emissions[0]
        size = len(value)
        if len(emissions) > 1 or size > groups.limits.value_bytes or self.emitter.is_watched:
            return False
        if not groups.has_room(self.node, port, size):
            return False
        self.counters.emitted += 1
        groups.send_at_once(self.node, port, value, message.lane)
        return True

    async def _open(self, outcome: Outcome, message: Message, outer: Place | None) -> None:
        """Open a group with the items that a message was taken apart into, and let them leave."""
        assert self._opener is not None  # noqa: S101 - the caller has looked
        groups, opener = self._groups, self._opener
        if self._going_on is None and not groups.may_open(opener):
            text = "Too many arrays are under way to where they are gathered"
            await self.errors.handle(self._handlers[0], message, HandlerError("TooManyGroups", text))
            return
        hand = HAND.get()
        group, first = self._going_on or (groups.open(opener, message.lane, outer), 0)
        self._going_on = None
        hand.group, hand.first_item, hand.next_item = group, first, first
        left = 0
        try:
            for index, emission in enumerate(outcome.emissions, first):
                while self._concurrency and opener.under_way >= self._concurrency:
                    await opener.waiting.park()
                place = groups.begin(group, index)
                PRESENT.set(place)
                if not self._sent_at_once((emission,), message):
                    await self.emitter.emit_all(Outcome((emission,)), message)
                groups.settle(place)
                left += 1
                hand.next_item = index + 1
                if index % _ITEMS_AT_ONCE == _ITEMS_AT_ONCE - 1:
                    await trio.lowlevel.checkpoint()
                    await groups.pace.keep()
        except trio.Cancelled:
            self.emitter.cut.note(left + self.emitter.cut.left, len(outcome.emissions))
            raise
        hand.group = None
        groups.end_opening(group)

    async def _emit_at_places(self, outcome: Outcome, message: Message) -> None:
        """Let emissions leave: each at the place that its handler says, or all at that of the message."""
        if not isinstance(outcome, GroupedOutcome) or len(set(outcome.places)) < 2:
            if isinstance(outcome, GroupedOutcome):
                PRESENT.set(next(iter(outcome.places), None))
            await self.emitter.emit_all(outcome, message)
            return
        lanes = outcome.lanes or (message.lane,) * len(outcome.emissions)
        left = 0
        hand = HAND.get()
        try:
            for emission, lane, place in zip(outcome.emissions, lanes, outcome.places, strict=True):
                PRESENT.set(place)
                await self.emitter.emit_all(Outcome((emission,), lanes=(lane,)), message)
                left += 1
                hand.sent = left
        except trio.Cancelled:
            self.emitter.cut.note(left + self.emitter.cut.left, len(outcome.emissions))
            raise
        hand.sent = 0

    def _joined(self, outcome: Outcome) -> Outcome:
        """Return an outcome whose messages are let go with what was made of them, and not when that has left.

        Only where a source waits for that: what is gathered is in order as it is.
        """
        if not (self._groups.has_receipts and isinstance(outcome, GroupedOutcome) and outcome.emissions):
            return outcome
        if outcome.error is not None or not outcome.done or list(outcome.places) == list(outcome.done):
            return outcome
        joints: dict[Place, Place] = {}
        rest: Sequence[Place] = outcome.done
        for place in outcome.places or (outcome.done[-1],):
            at = place or outcome.done[-1]
            if at not in joints:
                joints[at] = self._groups.join(at, rest)
                if rest is not outcome.done:
                    rest[0].live += 1
                rest = (joints[at],)
        places = [joints[place or outcome.done[-1]] for place in outcome.places]
        done = [joints[next(reversed(joints))], *list(joints.values())[:-1]]
        return structs.replace(outcome, places=places, done=done)

    async def _give_out(self, handler: Handler, outcome: Outcome, cause: Message = CAUSELESS) -> None:
        if isinstance(outcome, AcknowledgedOutcome) and self._opener is not None:
            await self._give_out_acknowledged(handler, outcome, cause)
            return
        if outcome.error is not None and self._source is not None:
            self._source.refuse(outcome.error)
        outcome = self._joined(outcome)
        places = outcome.places if isinstance(outcome, GroupedOutcome) else ()
        PRESENT.set(next(iter(places), None))
        if len(set(places)) < 2 or outcome.error is not None:
            await super()._give_out(handler, outcome, cause)
        else:
            try:
                if self.kept_memory is not None:
                    self.kept_memory.lend()
                await self._emit_at_places(outcome, cause)
            except trio.Cancelled:
                self.in_hand.note_undone(handler, 0, sum(outcome.made_from[self.emitter.cut.take() :]))
                raise
        if isinstance(outcome, GroupedOutcome):
            self._let_go(outcome.done)
        if self._gathers:
            self._close()

    async def _give_out_acknowledged(self, handler: Handler, outcome: AcknowledgedOutcome, cause: Message) -> None:
        """Let the values of a source leave, each as a group that its receipt waits for."""
        assert self._opener is not None  # noqa: S101 - the caller has looked
        groups, hand = self._groups, HAND.get()
        await self.emitter.log_all(outcome.logs)
        hand.logged = 1
        pairs = zip(outcome.emissions, outcome.receipts, strict=True)
        for left, (emission, receipt) in enumerate(pairs, 1):
            group = groups.open(self._opener, CANONICAL, None)
            group.receipt = receipt
            place = groups.begin(group, 0)
            PRESENT.set(place)
            await super()._give_out(handler, Outcome((emission,), lanes=(CANONICAL,)), cause)
            groups.settle(place)
            groups.end_opening(group)
            hand.sent = left
            if left % _ITEMS_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
                await groups.pace.keep()
        hand.sent = 0
        PRESENT.set(None)

    def _close(self) -> None:
        """Let go of the complete groups that have just been given out."""
        for group in self._groups.gatherers[self.node.index].take_closed():
            self._groups.given_out(group)

    async def flush(self) -> None:
        await super().flush()
        self.is_concluded = not self._gathers
        while self._gathers and any(handler.held_messages() for handler in self._handlers):
            await super().flush()
            self.is_concluded = False
        self.is_concluded = True

    def _let_go(self, places: Sequence[Place]) -> None:
        for place in places:
            self._groups.settle(place)
