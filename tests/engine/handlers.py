"""Components for the engine's tests: real handlers, run by the real engine, that write down what is done to them.

All of them keep one ``Journal``. What they do is told by their node's configuration, so that a test's graph says
everything about the test.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.contracts.component import Builtin, Component
from engine.contracts.handler import Emission, Handler, HandlerError, InstanceContext, LogLine, Message, Outcome
from proto.component import Code, ComponentDefinition, Port, Ports


class Entry(msgspec.Struct, frozen=True):
    """One thing that was done to a node's handler, with the message's value where there was one."""

    node: str
    what: str
    value: Any = None


class Journal:
    """What was done to all handlers of a test, in order, and how many of them are at work now."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.running = 0
        self.gates: dict[str, trio.Event] = {}

    def write(self, node: str, what: str, value: Any = None) -> None:
        self.entries.append(Entry(node, what, value))

    def values(self, node: str, what: str = "process") -> list[Any]:
        """The values of one node's entries of one kind, in order."""
        return [entry.value for entry in self.entries if entry.node == node and entry.what == what]

    def nodes(self, what: str) -> list[str]:
        """The nodes that something was done to, in order."""
        return [entry.node for entry in self.entries if entry.what == what]

    def gate(self, node: str) -> trio.Event:
        """What a ``test.gated`` node waits for in each invocation."""
        return self.gates.setdefault(node, trio.Event())


class Witness(Handler):
    """Writes down every call; ``handle`` does one message's work, and what it raises is that message's error."""

    def __init__(self, context: InstanceContext, journal: Journal) -> None:
        self.context = context
        self.config = context.config
        self.journal = journal

    async def initialize(self) -> Outcome:
        self.journal.write(self.context.node_id, "initialize")
        return Outcome()

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        outcomes = []
        self.journal.running += 1
        try:
            for message in batch:
                self.journal.write(self.context.node_id, "process", msgspec.json.decode(message.value))
                try:
                    outcomes.append(Outcome(await self.handle(message)))
                except Exception as error:  # noqa: BLE001 - one message's error is not its neighbours'
                    outcomes.append(Outcome(error=HandlerError(type(error).__name__, str(error), "the stack")))
        finally:
            self.journal.running -= 1
        return outcomes

    async def handle(self, message: Message) -> Sequence[Emission]:
        return ((0, message.value),)

    async def cleanup(self) -> Outcome:
        self.journal.write(self.context.node_id, "cleanup")
        return Outcome()


class Thrower(Witness):
    """Throws at the values in ``at``, each as many times as ``times`` says (for ever when absent)."""

    def __init__(self, context: InstanceContext, journal: Journal) -> None:
        super().__init__(context, journal)
        self._thrown: dict[bytes, int] = {}

    async def handle(self, message: Message) -> Sequence[Emission]:
        thrown = self._thrown.get(message.value, 0)
        at = self.config.get("at")
        wanted = at is None or msgspec.json.decode(message.value) in at
        if wanted and thrown < self.config.get("times", 1_000_000):
            self._thrown[message.value] = thrown + 1
            raise ValueError(f"cannot take {message.value.decode()}")
        return ((0, message.value),)


class Asker(Witness):
    """Fails at every message with an error of its own: ``permanent``, or to be tried again ``after`` seconds."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        for message in batch:
            self.journal.write(self.context.node_id, "process", msgspec.json.decode(message.value))
        error = HandlerError(
            "Asked",
            "not now",
            is_permanent=self.config.get("permanent", False),
            retry_after_seconds=self.config.get("after", 0.0),
        )
        return [Outcome(error=error)] * len(batch)


class Crasher(Witness):
    """Its whole ``process`` raises, so that it has no outcome for any message of the batch."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        raise RuntimeError(f"crashed over {len(batch)} messages")


class Slow(Witness):
    """Takes ``seconds`` for each message."""

    async def handle(self, message: Message) -> Sequence[Emission]:
        await trio.sleep(self.config["seconds"])
        return ((0, message.value),)


class Gated(Witness):
    """Waits in each invocation for its gate in the journal."""

    async def handle(self, message: Message) -> Sequence[Emission]:
        await self.journal.gate(self.context.node_id).wait()
        return ((0, message.value),)


class Spinner(Witness):
    """Works for ever in slices, and stands aside between two of them as a guest does."""

    async def handle(self, message: Message) -> Sequence[Emission]:
        del message
        while True:
            self.journal.running -= 1
            await self.context.on_slice_end()
            self.journal.running += 1
            await trio.sleep(0.001)


class Fan(Witness):
    """Emits ``copies`` copies of every value."""

    async def handle(self, message: Message) -> Sequence[Emission]:
        return ((0, message.value),) * int(self.config["copies"])


class Holder(Witness):
    """Holds every value for ``seconds``; without them, until it is flushed. Full at ``limit`` values.

    With ``gathers``, what it holds waits for more and is not in flight.
    """

    keeps = "messages"

    def __init__(self, context: InstanceContext, journal: Journal) -> None:
        super().__init__(context, journal)
        self._held: list[tuple[float, bytes]] = []
        self.counts_as_in_flight = "seconds" in self.config and not self.config.get("gathers", False)

    async def handle(self, message: Message) -> Sequence[Emission]:
        self._held.append((trio.current_time() + self.config.get("seconds", 0), message.value))
        return ()

    def due(self) -> float | None:
        return self._held[0][0] if self._held and "seconds" in self.config else None

    def is_full(self) -> bool:
        return len(self._held) >= int(self.config.get("limit", 1_000_000))

    def release(self, now: float) -> Outcome:
        ready = [value for due, value in self._held if due <= now]
        del self._held[: len(ready)]
        return Outcome([(0, value) for value in ready], made_from=[1] * len(ready))

    def flush(self) -> Outcome:
        self.journal.write(self.context.node_id, "flush")
        ready = [(0, value) for _, value in self._held]
        self._held.clear()
        return Outcome(ready, made_from=[1] * len(ready))

    def held_messages(self) -> int:
        return len(self._held)

    def held_bytes(self) -> int:
        return sum(len(value) for _, value in self._held)


class Source(Witness):
    """Emits ``values`` from ``initialize``, and logs that it does."""

    async def initialize(self) -> Outcome:
        await super().initialize()
        emissions = [(0, msgspec.json.encode(value)) for value in self.config["values"]]
        return Outcome(emissions, logs=[LogLine("info", "begun")])


class Frail(Witness):
    """Fails in ``initialize`` or ``cleanup``, as the configuration says.

    ``throw`` raises, ``report`` returns an error, ``hang`` never ends, ``aside`` waits where a guest does between
    two slices, and a number takes that many seconds.
    """

    async def initialize(self) -> Outcome:
        await super().initialize()
        return await self._fail(self.config.get("initialize"))

    async def cleanup(self) -> Outcome:
        await super().cleanup()
        outcome = await self._fail(self.config.get("cleanup"))
        self.journal.write(self.context.node_id, "cleaned up")
        return outcome

    async def _fail(self, how: str | float | None) -> Outcome:
        if how == "throw":
            raise OSError("out of reach")
        if how == "hang":
            await trio.sleep_forever()
        if how == "aside":
            await self.context.on_slice_end()
        if isinstance(how, int | float):
            await trio.sleep(how)
        return Outcome(error=HandlerError("Refusal", "not today") if how == "report" else None)


class LaneWitness(Witness):
    """Writes down the lane of every message beside its value."""

    async def handle(self, message: Message) -> Sequence[Emission]:
        self.journal.write(self.context.node_id, "lane", message.lane)
        return ((0, message.value),)


HANDLERS: dict[str, type[Witness]] = {
    "forward": Witness,
    "throw": Thrower,
    "ask": Asker,
    "crash": Crasher,
    "slow": Slow,
    "gated": Gated,
    "spin": Spinner,
    "fan": Fan,
    "hold": Holder,
    "source": Source,
    "frail": Frail,
    "lane": LaneWitness,
}


def components(
    journal: Journal, handlers: Mapping[str, Callable[[InstanceContext, Journal], Handler]] = HANDLERS
) -> dict[str, Component]:
    """The components of the tests by id; each has inputs ``in`` and ``other``, and output ``out``."""

    def make(component_id: str, kind: Callable[[InstanceContext, Journal], Handler]) -> Component:
        ports = Ports(inputs=(Port("in"), Port("other")), outputs=(Port("out"),))
        definition = ComponentDefinition(
            component_id, component_id, "1.0.0", ports, Code("builtin"), stateless=True
        )
        return Builtin(definition, lambda context: kind(context, journal))

    return {component_id: make(component_id, kind) for component_id, kind in handlers.items()}
