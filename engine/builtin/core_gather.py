"""``symbia.core.gather`` puts together again what ``symbia.core.each`` took apart, in the order of the items.

It is told when no message of a group is on its way any more, so it need not know how many values will come of the
items, by which ways, or whether any does. Groups leave in the order in which they were opened, unless the node
says otherwise, each as soon as it is complete.
"""

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from math import inf
from operator import itemgetter
from typing import Any

import msgspec
import trio

from engine.builtin.declare import declare, port
from engine.builtin.parts.kept import lane_of
from engine.contracts.component import Builtin
from engine.contracts.groups import GatheringHandler, Group, GroupedOutcome, item_place_of
from engine.contracts.handler import (
    NOTHING,
    Handler,
    HandlerError,
    InstanceContext,
    Kept,
    Message,
    Outcome,
    Snapshot,
)
from engine.memory.lease import MESSAGE_BYTES
from proto.codec import encode
from proto.component import ConfigField
from proto.graph import OnItemError

GROUPS_LIMIT = 10_000
"""Groups that one node waits for. As many as a paused execution holds messages."""

HELD_LIMIT_MESSAGES = 200_000
HELD_LIMIT_BYTES = 64 * 1024 * 1024
"""Values that one node holds of all its groups: two of the largest arrays, and a few of the largest values."""

TIMEOUT_LIMIT_MS = 3_600_000
"""One hour, as for delays."""

_GROUP_BYTES = 800
"""The bytes of a group beside its values."""

OUT, INCOMPLETE = 0, 1
IN, FAILED = 0, 1

DEFINITION = declare(
    "symbia.core.gather",
    "Gather",
    "Puts together what `symbia.core.each` took apart, in its order.",
    inputs=(
        port("in", "What has become of an item."),
        port("failed", "The error value of an item, from an `error` port.", {"type": "object"}),
    ),
    outputs=(
        port("out", "The values of all items in their order.", {"type": "array"}),
        port("incomplete", "The values that had come when the time was over.", {"type": "array"}),
    ),
    config={
        "onItemError": ConfigField(
            type="string",
            description="What a value on `failed` does: `fail` makes one error of the whole array, `skip` leaves "
            'the item out, `collect` puts `{"error": ...}` in its place.',
            default="fail",
            enum=("fail", "skip", "collect"),
        ),
        "ordered": ConfigField(
            type="boolean",
            description="Whether arrays leave in the order in which they were taken apart; otherwise each leaves "
            "as soon as it is complete.",
            default=True,
        ),
        "timeoutMs": ConfigField(
            type="number",
            description="Milliseconds after which what has come of an array leaves by `incomplete`; 0 for never.",
            default=0,
            minimum=0,
            maximum=TIMEOUT_LIMIT_MS,
        ),
        "_inside": ConfigField(
            type="boolean",
            description="Whether an array that is not complete in time is an error; `forEach` sets it.",
            default=False,
        ),
        "_silent": ConfigField(
            type="boolean",
            description="Whether another node tells of an array's error; `forEach` sets it.",
            default=False,
        ),
    },
)


class _Failure(msgspec.Struct):
    """The words of an error value."""

    name: str = "Error"
    message: str = ""


class Gathered:
    """The values of one group that have come so far: index of the item, JSON text, and whether it is an error."""

    __slots__ = ("is_complete", "lane", "opened_seconds", "size_bytes", "values")

    def __init__(self, lane: int, opened_seconds: float) -> None:
        self.values: list[tuple[int, bytes, bool]] = []
        self.size_bytes = 0
        self.lane = lane
        self.opened_seconds = opened_seconds
        self.is_complete = False


class Gather(GatheringHandler):
    """The groups that have been opened and not given out, in the order of their opening."""

    keeps = "messages"

    def __init__(self, config: Mapping[str, Any], value_bytes: int) -> None:
        self._on_item_error: OnItemError = config["onItemError"]
        self._seconds = config["timeoutMs"] / 1000
        self._ordered: bool = config["ordered"]
        self._is_inside: bool = config["_inside"]
        self._is_silent: bool = config["_silent"]
        self._value_bytes = value_bytes
        self._open: OrderedDict[Group, Gathered] = OrderedDict()
        self._complete: deque[Group] = deque()
        self._closed: list[Group] = []
        self._held = 0
        self._held_bytes = 0

    def has_room(self) -> bool:
        return len(self._open) < GROUPS_LIMIT

    def open(self, group: Group) -> None:
        self._open[group] = Gathered(group.lane, trio.current_time())

    def complete(self, group: Group) -> bool:
        gathered = self._open.get(group)
        if gathered is None:
            return False
        gathered.is_complete = True
        if not self._ordered:
            self._complete.append(group)
        return True

    def take_closed(self) -> Sequence[Group]:
        closed, self._closed = self._closed, []
        return closed

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        return [self._take(message) for message in batch]

    def _take(self, message: Message) -> Outcome:
        place = item_place_of(message)
        gathered = None if place is None else self._open.get(place.group)
        if place is None or gathered is None:
            is_told = self._is_inside and place is not None  # its array has failed, and that was said
            return NOTHING if is_told else _refused(is_late=place is not None)
        size = len(message.value)
        if self._held >= HELD_LIMIT_MESSAGES or self._held_bytes + size > HELD_LIMIT_BYTES:
            limits = f"{HELD_LIMIT_MESSAGES} values and {HELD_LIMIT_BYTES} bytes"
            return Outcome(error=HandlerError("HeldLimitExceeded", f"This node holds at most {limits}"))
        gathered.values.append((place.index, message.value, message.port == FAILED))
        gathered.size_bytes += size
        gathered.lane = max(gathered.lane, message.lane)
        self._held += 1
        self._held_bytes += size
        return NOTHING

    def _next(self) -> tuple[Group, float] | None:
        """Return the group that leaves next, and when."""
        if self._complete:
            return self._complete[0], -inf
        group, gathered = next(iter(self._open.items()), (None, None))
        if group is None or gathered is None:
            return None
        if gathered.is_complete and self._ordered:
            return group, -inf
        return (group, gathered.opened_seconds + self._seconds) if self._seconds else None

    def due(self) -> float | None:
        following = self._next()
        return None if following is None else following[1]

    def release(self, now: float) -> Outcome:
        following = self._next()
        return NOTHING if following is None or following[1] > now else self._given(following[0])

    def flush(self) -> Outcome:
        group = next(iter(self._open), None)
        return NOTHING if group is None else self._given(group)

    def _given(self, group: Group) -> Outcome:
        """Give a group out."""
        gathered = self._open.pop(group)
        if gathered.is_complete and not self._ordered:
            self._complete.remove(group)
        if gathered.is_complete:
            self._closed.append(group)
        values = gathered.values
        self._held -= len(values)
        self._held_bytes -= gathered.size_bytes
        values.sort(key=itemgetter(0))
        made_from = (len(values),)
        error = self._error_of(gathered)
        if error is not None and self._is_silent:
            return NOTHING
        if error is not None:
            return GroupedOutcome(error=error, made_from=made_from, places=(group.outer,))
        texts = [
            b'{"error":%b}' % value if is_error else value
            for _, value, is_error in values
            if not is_error or self._on_item_error == "collect"
        ]
        size = 1 + sum(map(len, texts)) + len(texts)
        if size > self._value_bytes:
            text = f"The array would have {size} bytes; {self._value_bytes} are allowed (value_bytes)"
            too_large = HandlerError("ValueTooLarge", text)
            return GroupedOutcome(error=too_large, made_from=made_from, places=(group.outer,))
        emission = (OUT if gathered.is_complete else INCOMPLETE, b"[" + b",".join(texts) + b"]")
        return GroupedOutcome((emission,), lanes=(gathered.lane,), made_from=made_from, places=(group.outer,))

    def _error_of(self, gathered: Gathered) -> HandlerError | None:
        """Return the error of an array of which items have failed or are late, where that is one."""
        if self._is_inside and not gathered.is_complete:
            text = f"Not all items were done with in {self._seconds * 1000:.16g} ms (timeoutMs)"
            return HandlerError("ItemsIncomplete", text)
        if self._on_item_error != "fail":
            return None
        failed = [(index, value) for index, value, is_error in gathered.values if is_error]
        if not failed:
            return None
        index, value = failed[0]
        try:
            failure = msgspec.json.decode(value, type=_Failure)
        except msgspec.DecodeError:
            failure = _Failure()
        more = f", and {len(failed) - 1} more" if failed[1:] else ""
        text = f"Item {index} failed: {failure.name}: {failure.message}{more}"
        details = {"item": index, "failed": len(failed), "itemError": msgspec.Raw(value)}
        return HandlerError("ItemFailed", text, details=encode(details), is_permanent=True)

    def complete_groups(self) -> int:
        return len(self._closed) + sum(gathered.is_complete for gathered in self._open.values())

    def snapshot(self, now: float) -> Snapshot | None:
        if not self._open and not self._closed:
            return None
        opened = [
            (each.is_complete, each.lane, each.opened_seconds - now, tuple(each.values))
            for each in self._open.values()
        ]
        groups, complete = (*self._open, *self._closed), tuple(self._complete)

        def make() -> Kept:
            index_of = {group: index for index, group in enumerate(groups)}
            return Kept(groups=groups, rest=(opened, [index_of[group] for group in complete]))

        return make

    def restore(self, kept: Kept, now: float) -> None:
        opened, complete = msgspec.convert(
            kept.rest, tuple[list[tuple[bool, int, float, list[tuple[int, bytes, bool]]]], list[int]]
        )
        groups: Sequence[Group] = kept.groups
        if len(groups) < len(opened) or not all(0 <= index < len(opened) for index in complete):
            raise ValueError("groups are missing")
        for group, (is_complete, lane, since, values) in zip(groups, opened, strict=False):
            gathered = self._open[group] = Gathered(lane_of(lane), now + since)
            gathered.is_complete = is_complete
            gathered.values = values
            gathered.size_bytes = sum([len(value) for _, value, _ in values])
            self._held += len(values)
            self._held_bytes += gathered.size_bytes
        self._complete = deque([groups[index] for index in complete])
        self._closed = list(groups[len(opened) :])

    def held_messages(self) -> int:
        return self._held

    def held_bytes(self) -> int:
        return self._held_bytes + MESSAGE_BYTES * self._held + _GROUP_BYTES * len(self._open)

    def state(self) -> Mapping[str, bytes]:
        return {"open": encode(len(self._open))} if self._open else {}


def _refused(*, is_late: bool) -> Outcome:
    if is_late:
        text = "The array of this item has left already, or is gathered elsewhere"
        return Outcome(error=HandlerError("GroupClosed", text, is_permanent=True))
    text = "The message follows from no item of an array: it did not come by way of symbia.core.each"
    return Outcome(error=HandlerError("NotInGroup", text, is_permanent=True))


def _make(context: InstanceContext) -> Handler:
    return Gather(context.config, context.value_bytes)


GATHER = Builtin(DEFINITION, _make, grouping="gather")
