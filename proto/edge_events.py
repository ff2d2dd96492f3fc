"""Events of commands to the edges of an execution, for live clients and for whoever records them."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from proto.edge_command import EdgeVerb


class EdgeEvent(msgspec.Struct, frozen=True, rename="camel"):
    """A command to an edge was obeyed.

    Attributes:
        execution_id: the execution.
        edge: the name of the edge: its id, or its index; ``input:`` and a node's id for what is injected there.
        index: its place in the graph's edges; -1 for what is injected.
        node_id: the node that it leads to.
        messages: how many messages the command concerned.
        sequences: the numbers of the first 1,000 of them.
    """

    name: ClassVar[str] = "edge:"

    execution_id: str
    edge: str
    index: int
    node_id: str
    messages: int
    sequences: tuple[int, ...]


class EdgePaused(EdgeEvent, frozen=True, rename="camel"):
    """It is held: what waits on it stays, and so does what comes."""

    name: ClassVar[str] = "edge:paused"


class EdgeResumed(EdgeEvent, frozen=True, rename="camel"):
    """It is held no more; the messages are those that had waited."""

    name: ClassVar[str] = "edge:resumed"


class EdgeStepped(EdgeEvent, frozen=True, rename="camel"):
    """Messages were let through it while it is held."""

    name: ClassVar[str] = "edge:stepped"


class EdgeDropped(EdgeEvent, frozen=True, rename="camel"):
    """Messages that waited were dropped by somebody's command; not those of an overflow policy."""

    name: ClassVar[str] = "edge:dropped"


class EdgeEdited(EdgeEvent, frozen=True, rename="camel"):
    """A message that waits was given another value."""

    name: ClassVar[str] = "edge:edited"


class EdgeMoved(EdgeEvent, frozen=True, rename="camel"):
    """A message that waits became the first or the last."""

    name: ClassVar[str] = "edge:moved"


class EdgeInserted(EdgeEvent, frozen=True, rename="camel"):
    """A new message was put onto it."""

    name: ClassVar[str] = "edge:inserted"


class EdgeRedirected(EdgeEvent, frozen=True, rename="camel"):
    """Messages that waited were led to another edge, whose name is ``to``, and whose index is ``to_index``."""

    name: ClassVar[str] = "edge:redirected"

    to: str
    to_index: int


EdgeChange = EdgePaused | EdgeResumed | EdgeStepped | EdgeDropped | EdgeEdited | EdgeMoved | EdgeInserted

EDGE_EVENTS: Mapping[EdgeVerb, type[EdgeChange]] = {
    "paused": EdgePaused,
    "resumed": EdgeResumed,
    "stepped": EdgeStepped,
    "dropped": EdgeDropped,
    "edited": EdgeEdited,
    "moved": EdgeMoved,
    "inserted": EdgeInserted,
}
"""The event of each deed that can be done to one edge alone."""
