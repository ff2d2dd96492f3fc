"""The notes that an observer keeps of events until they are encoded. Each knows who wants it, and how it looks."""

import msgspec

from engine.contracts.handler import Message
from proto.breakpoint_events import BreakpointWasHit
from proto.codec import encode
from proto.edge_events import EdgeEvent
from proto.events import (
    ComponentFailed,
    ComponentInvoked,
    ComponentLogged,
    ControlEvent,
    Event,
    PortEmit,
    PortOutput,
)
from service.live.encoding import Encoded, FlowEncoder
from service.live.sampling import Sampler
from service.live.selection import Selection

Place = tuple[str, str]
"""A node's id and a port's name."""


class Hop(msgspec.Struct, frozen=True, gc=False):
    """A value began its way along an edge."""

    source: Place
    target: Place
    message: Message
    timestamp: int
    now: float
    mark: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.message.value)

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return PortEmit.name in selection.events and selection.covers_hop(
            self.message.edge, self.source[0], self.target[0]
        )

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; None where the selection's rate leaves it out."""
        skipped = sampler.admit(self.message.edge, self.now)
        if skipped is None:
            return None
        return encoder.hop(
            self.source,
            self.target,
            self.message.value,
            self.timestamp,
            self.message.sequence,
            skipped=skipped,
            max_value_bytes=selection.max_value_bytes,
            mark=self.mark,
        )


class OutputEvent(msgspec.Struct, frozen=True, gc=False):
    """A value left the graph."""

    source: Place
    value: bytes
    timestamp: int
    now: float
    mark: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.value)

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return PortOutput.name in selection.events and selection.covers_node(self.source[0])

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; None where the selection's rate leaves it out."""
        skipped = sampler.admit(self.source, self.now)
        if skipped is None:
            return None
        limit = selection.max_value_bytes
        return encoder.output(
            self.source, self.value, self.timestamp, skipped=skipped, max_value_bytes=limit, mark=self.mark
        )


class Invocation(msgspec.Struct, frozen=True, gc=False):
    """A handler is called."""

    place: Place
    timestamp: int
    now: float
    mark: bytes = b""

    size = 0

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return ComponentInvoked.name in selection.events and selection.covers_node(self.place[0])

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; None where the selection's rate leaves it out."""
        del selection
        skipped = sampler.admit(("invoked", self.place), self.now)
        if skipped is None:
            return None
        return encoder.invocation(*self.place, self.timestamp, skipped=skipped, mark=self.mark)


class NodeEvent(msgspec.Struct, frozen=True, gc=False):
    """A failed invocation or a log line: an event of one node that comes whole."""

    event: ComponentFailed | ComponentLogged

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.event.message)

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return self.event.name in selection.events and selection.covers_node(self.event.node_id)

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; it is never left out."""
        del encoder, selection, sampler
        return self.event.name, encode(self.event)


class ControlNote(msgspec.Struct, frozen=True):
    """Something was done to the execution by hand, or a breakpoint was hit."""

    event: ControlEvent

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        event = self.event
        if isinstance(event, EdgeEvent):
            return 8 * len(event.sequences)
        return len(event.value) if isinstance(event, BreakpointWasHit) else 0

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        event = self.event
        if isinstance(event, EdgeEvent):
            return event.name in selection.events and selection.covers_hop(
                event.index, event.node_id, event.node_id
            )
        return event.name in selection.events and (
            not isinstance(event, BreakpointWasHit) or event.hold is not None or selection.covers_node(event.node)
        )

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; it is never left out."""
        del encoder, selection, sampler
        return self.event.name, encode(self.event)


class Whole(msgspec.Struct, frozen=True):
    """An event of the execution itself.

    Attributes:
        event: of one of the kinds in ``proto.events``.
        is_lifecycle: whether everybody gets it, and nothing may leave it out.
        is_last: whether the execution has ended.
    """

    event: Event
    is_lifecycle: bool = False
    is_last: bool = False

    size = 0

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return self.is_lifecycle or self.event.name in selection.events

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; it is never left out."""
        del encoder, selection, sampler
        return self.event.name, encode(self.event)


class Ready(msgspec.Struct, frozen=True):
    """An event of the execution itself that was encoded beforehand, because it is large.

    Attributes:
        name: of the event.
        payload: its JSON text.
    """

    name: str
    payload: bytes

    @property
    def size(self) -> int:
        """Bytes that it holds."""
        return len(self.payload)

    def is_wanted(self, selection: Selection) -> bool:
        """Return whether somebody with this selection hears of it."""
        return self.name in selection.events

    def encoded(self, encoder: FlowEncoder, selection: Selection, sampler: Sampler) -> Encoded | None:
        """Return the event; it is never left out."""
        del encoder, selection, sampler
        return self.name, self.payload


Note = Hop | OutputEvent | Invocation | NodeEvent | ControlNote | Whole | Ready
