"""Edges of an execution: each as a thing to look at, and what waits on it."""

from typing import Literal

import msgspec

from proto.graph import EdgeOverflow, EdgePolicy
from proto.message import Lane

DropReason = Literal["overflow", "expired", "dead-letter", "command"]
"""The reasons for which a message is taken out of a queue: it was full, the message had waited for too long, it
goes on as a dead letter for one of these two, or somebody has dropped it by hand."""


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
        dropped: messages taken out by a policy, its own or the target's, whatever the reason.
        blocked_seconds: time that the source spent waiting for room.
        capacity: messages that may wait on it; without a policy, in the target's inbox, of all its edges.
        overflow: what happens when these are there.
        is_held: whether somebody holds it: what waits on it stays, within a capacity of its own.
        tag: changes with each command to it: what ``If-Match`` is held against.
        sent_per_second: messages that began their way, in a second; since it was last looked at, one second at
            least, or since the execution began.
        taken_per_second: messages that left it, likewise.
        oldest_age_ms: the age of the first that waits, at most; null where none waits.
        expired: messages that had waited for too long; of ``dropped``.
        dead_lettered: messages that went on as dead letters; of ``dropped``.
        policy: as the graph's author wrote it; null where there is none.
        dead_letters_of: the name of the edge whose dead letters it carries; null for all others.
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
    overflow: EdgeOverflow
    is_held: bool = False
    tag: str = ""
    sent_per_second: float = 0.0
    taken_per_second: float = 0.0
    oldest_age_ms: int | None = None
    expired: int = 0
    dead_lettered: int = 0
    policy: EdgePolicy | None = None
    dead_letters_of: str | None = None


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
