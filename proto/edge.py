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
        is_held: whether somebody holds it: what waits on it stays, within a capacity of its own.
        tag: changes with each command to it: what ``If-Match`` is held against.
        sent_per_second: messages that began their way, in a second; since it was last looked at, one second at
            least, or since the execution began.
        taken_per_second: messages that left it, likewise.
        oldest_age_ms: the age of the first that waits, at most; null where none waits.
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
    is_held: bool = False
    tag: str = ""
    sent_per_second: float = 0.0
    taken_per_second: float = 0.0
    oldest_age_ms: int | None = None


class WaitingMessage(msgspec.Struct, frozen=True, rename="camel"):
    """A message that waits on an edge.

    Attributes:
        sequence: its number in the execution.
        lane: its lane (docs/lanes.md).
        size_bytes: of its value.
        value: its JSON text; null where it is left out because it is large.
        is_omitted: whether it was.
        age_ms: how long ago it was sent or injected, at most.
        is_synthetic: whether somebody has put it there, and no node has emitted it.
        tag: changes with its value: what ``If-Match`` is held against.
    """

    sequence: int
    lane: Lane
    size_bytes: int
    value: msgspec.Raw
    is_omitted: bool = False
    age_ms: int = 0
    is_synthetic: bool = False
    tag: str = ""
