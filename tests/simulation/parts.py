"""The components of simulated graphs: handlers that do as they are told, and report to the ledger."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any, ClassVar, Literal

import msgspec
import trio

from engine.contracts.chain import Chain, Link
from engine.contracts.component import Builtin, Component
from engine.contracts.groups import (
    AcknowledgedOutcome,
    GatheringHandler,
    Group,
    GroupedOutcome,
    Place,
    Receipt,
    item_place_of,
    place_of,
)
from engine.contracts.handler import Emission, Handler, HandlerError, InstanceContext, Kept, Message, Outcome
from engine.contracts.lanes import APOCRYPHAL, CANONICAL
from engine.contracts.source import Produced, SourceHandler
from proto.component import Code, ComponentDefinition, Port, PortLane, Ports
from tests.simulation.chains import SimulatedChain
from tests.simulation.ledger import Ledger


class HopelessError(ValueError):
    """An error that would come again."""


class Part(Handler):
    """Forwards each message as a new value. Subclasses write ``emissions``.

    Attributes:
        is_instant: it awaits nothing for a message, and never fails.
    """

    is_instant: ClassVar[bool] = True

    lane = CANONICAL  # of its port, unless the run says otherwise

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        self.context = context
        self.config = context.config
        self.ledger = ledger
        self.node = context.node_id

    def make(self, parent: bytes) -> Emission:
        """An emission of a value that never was before."""
        return (0, self.ledger.make_value(self.node, parent, self.config["pad"], self.lane))

    async def initialize(self) -> Outcome:
        self.ledger.initialized(self.node, self)
        await self._misbehave(self.config.get("initialize"))
        return Outcome()

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        self.ledger.enter(self.node)
        try:
            return [await self._outcome(message) for message in batch]
        finally:
            self.ledger.leave()

    async def _outcome(self, message: Message) -> Outcome:
        self.ledger.begin(self.node, message)
        try:
            emissions = await self.emissions(message)
        except ValueError as error:
            is_permanent = isinstance(error, HopelessError)
            return Outcome(error=HandlerError("ValueError", str(error), is_permanent=is_permanent))
        return Outcome(self.ledger.thin(self.node, emissions))

    async def emissions(self, message: Message) -> Sequence[Emission]:
        return (self.make(message.value),)

    async def cleanup(self) -> Outcome:
        self.ledger.cleaned_up(self)
        await self._misbehave(self.config.get("cleanup"))
        return Outcome()

    async def _misbehave(self, how: str | None) -> None:
        if how == "throw":
            raise OSError("out of reach")
        if how == "hang":
            await trio.sleep_forever()
        if how == "slow":
            await trio.sleep(0.1)
        if how == "aside":
            await self.context.on_slice_end()


class Slow(Part):
    """Takes its seconds for each message."""

    is_instant: ClassVar[bool] = False

    async def emissions(self, message: Message) -> Sequence[Emission]:
        await trio.sleep(self.config["seconds"])
        return (self.make(message.value),)


class Aside(Part):
    """Works in slices, and stands aside between them."""

    is_instant: ClassVar[bool] = False

    async def emissions(self, message: Message) -> Sequence[Emission]:
        for _ in range(5):
            self.ledger.leave()
            try:
                await self.context.on_slice_end()
            finally:
                self.ledger.enter(self.node, is_ending=True)
            self.ledger.go_on(self.node)
            await trio.sleep(self.config["seconds"] / 5)
        return (self.make(message.value),)


class Thrower(Part):
    """Throws at some values, at a third of them for ever and at the others once; of the former it knows some."""

    is_instant: ClassVar[bool] = False

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        super().__init__(context, ledger)
        self._thrown: set[bytes] = set()
        self._before: list[bytes] | None = None  # the call of a chain that is under way

    def begin_call(self, *, is_over: bool) -> None:
        """A chain begins a call, or has ended one: as long as it has not, the call never was."""
        self._before = None if is_over else list(self._thrown)

    def snapshot(self, now: float) -> Kept | None:
        del now
        return Kept(rest=list(self._thrown) if self._before is None else self._before)

    def restore(self, kept: Kept, now: float) -> None:
        del now
        self._thrown = set(kept.rest)

    async def emissions(self, message: Message) -> Sequence[Emission]:
        number = len(message.value) + sum(message.value)
        if number % self.config["modulus"] == 0 and (number % 3 == 0 or message.value not in self._thrown):
            self._thrown.add(message.value)
            hopeless = number % 6 == 0
            self.ledger.throw(self.node, message.value, hopeless=hopeless)
            raise (HopelessError if hopeless else ValueError)(f"cannot take {message.value.decode()}")
        return (self.make(message.value),)


class Crasher(Part):
    """Now and then its whole batch is lost in an exception."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        if sum(batch[0].value) % self.config["modulus"] == 0:
            for message in batch:
                self.ledger.begin(self.node, message)
                self.ledger.throw(self.node, message.value)
            raise RuntimeError("crashed")
        return await super().process(batch)


class Flood(Part):
    """Emits several values for each."""

    async def emissions(self, message: Message) -> Sequence[Emission]:
        return [self.make(message.value) for _ in range(self.config["modulus"])]


class Diverging(Flood):
    """The same by a port whose values are apocryphal."""

    lane = APOCRYPHAL


class Source(Part):
    """Emits when it is initialised."""

    async def initialize(self) -> Outcome:
        await super().initialize()
        return Outcome([self.make(b"null") for _ in range(self.config["modulus"])])


class Ticker(Part):
    """Emits again and again, until no more input is coming."""

    is_source = True

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        super().__init__(context, ledger)
        self._next = trio.current_time()

    def snapshot(self, now: float) -> Kept | None:
        return Kept(rest=self._next - now)

    def restore(self, kept: Kept, now: float) -> None:
        self._next = now + kept.rest

    def due(self) -> float | None:
        return self._next

    def release(self, now: float) -> Outcome:
        self.ledger.check_not_resting(self.node, "release")
        if self.ledger.endings.is_told:
            self.ledger.violate(f"{self.node} was asked for more when no more input was coming")
        self._next = now + TICK_SECONDS
        return Outcome(self.ledger.thin(self.node, [self.make(b"null")]))


class Slip(Receipt):
    """The receipt of one value of a pump."""

    def __init__(self, ledger: Ledger, value: bytes) -> None:
        self._ledger = ledger
        self._value = value

    def settle(self, refusal: HandlerError | None) -> None:
        del refusal
        self._ledger.acknowledge(self._value)


class PumpComponent(Builtin):
    """A pump, some of which wait for what comes of their values."""

    def acknowledges(self, config: Mapping[str, Any]) -> bool:
        return bool(config["modulus"] % 4 == 3)


class Pump(Part, SourceHandler):
    """Produces some batches, now and then with a pause, and ends."""

    is_source = True

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        SourceHandler.__init__(self)
        Part.__init__(self, context, ledger)

    async def fetch(self) -> Produced:
        if self.ledger.endings.is_told:
            await trio.lowlevel.checkpoint()  # it is being cancelled
        batch = int(self.reached or 0) + 1
        if batch % 3 == 0:
            await trio.sleep(0.2)
        placeholders = [(0, b"")] * (batch % 4)
        return Produced(
            placeholders, position=batch, again_seconds=batch % 2 * 0.1, is_end=batch >= self.config["modulus"]
        )

    def _take(self) -> Outcome:
        self.ledger.check_not_resting(self.node, "release")
        outcome = SourceHandler._take(self)
        values = [self.make(b"null") for _ in outcome.emissions]
        emissions = self.ledger.thin(self.node, values)
        if self.config["modulus"] % 4 != 3 or not emissions:
            return Outcome(emissions)
        self.ledger.unacknowledged.update(value for _, value in emissions)
        return AcknowledgedOutcome(emissions, receipts=[Slip(self.ledger, value) for _, value in emissions])

    def snapshot(self, now: float) -> Kept | None:
        return SourceHandler.snapshot(self, now)

    def flush(self) -> Outcome:
        self.ledger.flushed(self)
        return SourceHandler.flush(self)


class Holder(Part):
    """Holds values for a time (``delay``), or until there are enough of them (``gather``)."""

    keeps = "messages"

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        super().__init__(context, ledger)
        self._held: list[tuple[float, Message]] = []
        self._count = self.config.get("count", 1_000_000)
        self.counts_as_in_flight = "count" not in self.config

    def snapshot(self, now: float) -> Kept | None:
        return Kept(tuple(message for _, message in self._held), rest=[due - now for due, _ in self._held])

    def restore(self, kept: Kept, now: float) -> None:
        self._held = [(now + due, message) for due, message in zip(kept.rest, kept.messages, strict=True)]

    async def _outcome(self, message: Message) -> Outcome:
        self.ledger.begin(self.node, message)
        self._held.append((trio.current_time() + self.config["seconds"], message))
        self.ledger.held.add((self.node, message.value))
        return self._take(len(self._held) if len(self._held) >= self._count else 0)

    def _take(self, count: int) -> Outcome:
        if not count:
            return Outcome()
        taken = self._held[:count]
        del self._held[:count]
        self.ledger.held -= {(self.node, message.value) for _, message in taken}
        emissions = self.ledger.thin(self.node, [self.make(message.value) for _, message in taken])
        places: list[Place | None] = [place_of(message) for _, message in taken]
        done = [place for place in places if place is not None]
        if not emissions:
            return GroupedOutcome(done=done)
        lanes, counts = [message.lane for _, message in taken], [1] * len(taken)
        return GroupedOutcome(emissions, lanes=lanes, made_from=counts, places=places, done=done)

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        return sum(len(message.value) for _, message in self._held)

    def due(self) -> float | None:
        return self._held[0][0] if self._held and (self.counts_as_in_flight or self.config["seconds"]) else None

    def is_full(self) -> bool:
        return self.counts_as_in_flight and len(self._held) >= 20

    def release(self, now: float) -> Outcome:
        self.ledger.check_not_resting(self.node, "release")
        return self._take(sum(due <= now for due, _ in self._held))

    def flush(self) -> Outcome:
        self.ledger.check_not_resting(self.node, "flush")
        self.ledger.flushed(self)
        return self._take(len(self._held))


class TakerApart(Flood):
    """Takes each message apart: emits several values, each at a place of its own."""

    async def emissions(self, message: Message) -> Sequence[Emission]:
        return [self.make(message.value) for _ in range(self.config["modulus"] % 5)]  # or none


class PutterTogether(GatheringHandler, Part):
    """Holds what comes of each message that was taken apart, until nothing of it is on its way any more."""

    keeps = "messages"

    def __init__(self, context: InstanceContext, ledger: Ledger) -> None:
        super().__init__(context, ledger)
        self._open: dict[Group, list[Message]] = {}
        self._complete: list[Group] = []
        self._closed: list[Group] = []

    def has_room(self) -> bool:
        return True

    def complete_groups(self) -> int:
        return len(self._complete) + len(self._closed)

    def snapshot(self, now: float) -> Kept | None:
        del now
        groups = [*self._open, *self._closed]
        complete = [groups.index(group) for group in self._complete]
        values = [[(message.value, message.lane) for message in each] for each in self._open.values()]
        return Kept((), tuple(groups), (values, complete))

    def restore(self, kept: Kept, now: float) -> None:
        del now
        values, complete = kept.rest
        for group, each in zip(kept.groups, values, strict=False):
            self._open[group] = [Message(0, value, lane=lane) for value, lane in each]
        self._complete = [kept.groups[index] for index in complete]
        self._closed = list(kept.groups[len(values) :])

    def open(self, group: Group) -> None:
        self._open[group] = []

    def complete(self, group: Group) -> bool:
        if group not in self._open:
            self.ledger.violate(f"{self.node} was told twice that a group is complete")
        self._complete.append(group)
        return True

    def take_closed(self) -> Sequence[Group]:
        closed, self._closed = self._closed, []
        return closed

    async def _outcome(self, message: Message) -> Outcome:
        self.ledger.begin(self.node, message)
        place = item_place_of(message)
        if place is None:
            return Outcome(self.ledger.thin(self.node, [self.make(message.value)]))
        if place.group not in self._open or place.group in self._complete:
            self.ledger.violate(f"{message.value!r} came to {self.node} when its group was complete")
            return Outcome()
        self._open[place.group].append(message)
        self.ledger.held.add((self.node, message.value))
        return Outcome()

    def due(self) -> float | None:
        return -math.inf if self._complete else None

    def release(self, now: float) -> Outcome:
        del now
        self.ledger.check_not_resting(self.node, "release")
        group = self._complete.pop(0)
        messages = self._open.pop(group)
        self._closed.append(group)
        self.ledger.held -= {(self.node, message.value) for message in messages}
        lane = max([group.lane, *[message.lane for message in messages]])
        value = self.ledger.make_value(self.node, b"null", self.config["pad"], lane)
        emissions = self.ledger.thin(self.node, [(0, value)])
        counts = (len(messages),) * len(emissions)
        return GroupedOutcome(emissions, lanes=(lane,) * len(emissions), made_from=counts, places=(group.outer,))

    def flush(self) -> Outcome:
        self.ledger.check_not_resting(self.node, "flush")
        self.ledger.flushed(self)
        if self._open:
            self.ledger.violate(f"{len(self._open)} groups are open at {self.node} when it is flushed")
        return Outcome()

    def held_messages(self) -> int:
        return sum(map(len, self._open.values()))

    def held_bytes(self) -> int:
        return sum(len(message.value) for messages in self._open.values() for message in messages)


TICK_SECONDS = 0.7

PARTS: dict[str, type[Part]] = {
    "fast": Part,
    "relay": Part,
    "slow": Slow,
    "aside": Aside,
    "throw": Thrower,
    "crash": Crasher,
    "flood": Flood,
    "source": Source,
    "tick": Ticker,
    "pump": Pump,
    "delay": Holder,
    "gather": Holder,
    "take apart": TakerApart,
    "put together": PutterTogether,
}

GROUPING: dict[str, Literal["each", "gather"]] = {"take apart": "each", "put together": "gather"}


CHAINABLE = frozenset({"fast", "slow", "aside", "throw", "flood", "source"})
"""Those that may stand in a chain: they hold nothing, and are never lost in an exception."""


class ChainablePart(Builtin):
    """A component whose handlers may run as one with others'."""

    chain_domain = "simulation"

    def __init__(
        self,
        definition: ComponentDefinition,
        make: Callable[[InstanceContext], Handler],
        random: Random,
        violate: Callable[[str], None],
    ) -> None:
        super().__init__(definition, make)
        self._random = random
        self._violate = violate

    def join(self, handlers: Sequence[Handler], links: Sequence[Link]) -> Chain:
        """Of the simulated kind."""
        return SimulatedChain(handlers, links, self._random, self._violate)


def parts(ledger: Ledger, random: Random, *, diverging: bool = False) -> dict[str, Component]:
    """The components by id, all reporting to one ledger; ``random`` decides what their chains do.

    Where they are ``diverging``, what floods does so by a port whose values are apocryphal.
    """

    def component(kind: str, part: type[Part]) -> Component:
        lane: PortLane = "inherit"
        if kind == "flood" and diverging:
            part, lane = Diverging, "apocryphal"
        ports = Ports(inputs=(Port("in"), Port("other")), outputs=(Port("out", lane=lane, lane_note="as drawn"),))
        definition = ComponentDefinition(kind, kind, "1.0.0", ports, Code("builtin"))
        definition = msgspec.structs.replace(definition, stateless=kind in ("fast", "relay", "slow", "throw"))
        if kind in CHAINABLE:
            return ChainablePart(definition, lambda context: part(context, ledger), random, ledger.violate)
        # What a part hands on is a new value, so that each is known; to the engine that makes no difference.
        relayed = (0, 0) if kind == "relay" else ()
        make = partial(part, ledger=ledger)
        kind_of = PumpComponent if kind == "pump" else Builtin
        return kind_of(definition, make, produces=kind == "pump", grouping=GROUPING.get(kind, ""), relayed=relayed)

    return {kind: component(kind, part) for kind, part in PARTS.items()}
