"""Edges of an execution: each as a thing to look at, and what waits on it."""

import msgspec

from proto.graph import Overflow
from proto.message import Lane


class EdgeSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    """One edge of an execution at one moment.

    Attributes:
        edge: the name by which it is asked for: its ``id`` where its author gave it one, and its index otherwise.
        index: its place in the graph's edges, those of the graphs inside included.
        source: ``node:port``.
        target: ``node:port``.
        sent: messages that began their way.
        waiting: messages that wait in the target's inbox, or before it.
        waiting_bytes: bytes of the values of those in the inbox.
        oldest_sequence: the number of the first of those; null where none waits.
        peak: the most that waited when the target turned to them.
        dropped: messages dropped by the target's overflow policy.
        blocked_seconds: time that the source spent waiting for room.
        capacity: messages that the target's inbox holds, of all its edges.
        overflow: what that inbox does when it is full.
    """

    edge: str
    index: int
    source: str
    target: str
    sent: int
    waiting: int
    waiting_bytes: int
    oldest_sequence: int | None
    peak: int
    dropped: int
    blocked_seconds: float
    capacity: int
    overflow: Overflow


class WaitingMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A message that waits on an edge.

    Attributes:
        sequence: its number in the execution.
        lane: its lane (docs/lanes.md).
        size_bytes: of its value.
        value: its JSON text; null where it is left out because it is large.
        is_omitted: whether it was.
    """

    sequence: int
    lane: Lane
    size_bytes: int
    value: msgspec.Raw
    is_omitted: bool = False
