"""A consistent cut of an execution: the states, messages and counters of one moment, none of them half done.

An invocation is a transaction. So in a checkpoint each message is where it was before its invocation, or its
invocation has ended and what it made is here, too: what has left is at the next nodes, what has not is in hand.
Times are relative to the moment of the cut, which is a time of day: what was due in an hour and is begun from ten
minutes later is due in fifty, and what is overdue is due at once.

A checkpoint knows nothing that lives. It is made by ``Execution.checkpoint``, read by whoever wants to look at
that moment, encoded by ``engine.checkpoint.encoding``, and given to a new execution as ``begins_from``.
"""

from typing import Any

import msgspec

from engine.contracts.handler import Emission, HandlerError, LogLine, Message

At = tuple[int, int]
"""A place in a group: the index of the group in the checkpoint, and of the item in its array."""


class PlacedMessage(Message, frozen=True, gc=False):
    """A message with a place in a group (``engine.contracts.groups``).

    Attributes:
        at: the place.
    """

    at: At | None = None


class MadeOutcome(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The part of an invocation's outcome that has not left its node; as ``engine.contracts.handler.Outcome``.

    Attributes:
        emissions: that have not left, in order.
        logs: lines that have not been logged.
        error: that has not been seen to.
        lanes: of the emissions; empty where the message's is theirs.
        made_from: of the emissions.
        places: of the emissions, or of the error; empty where that of the message is theirs.
        done: the places that are done with when it has left; None where its instance knows.
    """

    emissions: tuple[Emission, ...] = ()
    logs: tuple[LogLine, ...] = ()
    error: HandlerError | None = None
    lanes: tuple[int, ...] = ()
    made_from: tuple[int, ...] = ()
    places: tuple[At | None, ...] = ()
    done: tuple[At, ...] | None = None


class Attempts(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The state of a message that is tried again.

    Attributes:
        failed: how many attempts have failed.
        error: of the last one.
        due_seconds: when the next one is, after the cut.
    """

    failed: int
    error: HandlerError
    due_seconds: float


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that a node has taken from its inbox and not finished; or what it gives out of none.

    Attributes:
        messages: in order; none where a handler has given something out by itself.
        outcomes: of the first of them; the others have not been begun, or count as not begun.
        attempts: where the one message is tried again.
        lane: of what is given out of no message.
        opening: where an array is being taken apart: its group, and the index of the next item to leave; the
            emissions are those of the items from that one on.
    """

    messages: tuple[Message, ...] = ()
    outcomes: tuple[MadeOutcome, ...] = ()
    attempts: Attempts | None = None
    lane: int = 0
    opening: At | None = None


class HandlerState(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a handler (``engine.contracts.handler.Kept``).

    Attributes:
        messages: as there.
        groups: as there, by index in the checkpoint.
        rest: as there.
    """

    messages: tuple[Message, ...] = ()
    groups: tuple[int, ...] = ()
    rest: Any = None


class NodeCounters(msgspec.Struct, frozen=True, array_like=True):
    """Counters of a node (``engine.counters.counters.InstanceCounters``)."""

    invocations: int = 0
    emitted: int = 0
    errors: int = 0
    total_latency_seconds: float = 0.0
    max_latency_seconds: float = 0.0
    latencies: tuple[int, ...] = ()


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """A node at the moment of the cut.

    Attributes:
        id: in the graph.
        component: its component's id.
        waiting: messages before it, oldest first; also those whose senders waited for room.
        taken: messages that it has taken, in the order of their taking, and what it has made and not sent.
        handler: what its handler keeps; None where that is nothing.
        held: how many messages its handler holds, by the account of ``waiting`` and ``taken``: before the outcomes
            that are in hand have left.
        counters: of its work.
        opened: arrays that it has taken apart.
        peak: the most messages that have waited before it.
        dropped: messages that its full inbox has dropped.
    """

    id: str
    component: str
    waiting: tuple[Message, ...] = ()
    taken: tuple[Taken, ...] = ()
    handler: HandlerState | None = None
    held: int = 0
    counters: NodeCounters = NodeCounters()
    opened: int = 0
    peak: int = 0
    dropped: int = 0


class EdgeState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An edge: its ends, such as ``node:port``, and its counters (``engine.counters.edge_counters``).

    Its index in the checkpoint is what the messages call it by.
    """

    source: str
    target: str
    sent: int = 0
    taken: int = 0
    dropped: int = 0
    peak: int = 0
    blocked_seconds: float = 0.0


class GroupState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A group of items (``engine.contracts.groups.Group``).

    Attributes:
        opener: id of the node that took the array apart.
        lane: of the array.
        outer: the place of the array itself, if it has one.
        awaited: how many nodes have not gathered it.
    """

    opener: str
    lane: int
    outer: At | None
    awaited: int


class LateEffects(msgspec.Struct, frozen=True, kw_only=True):
    """Effects of nodes that run as one which are still to be seen to: they are when the execution begins.

    Attributes:
        logs: node and line.
        errors: node and error of invocations that have failed; they are counted and reported then.
        outputs: node, port, lane, value, and whether it is an error's.
        failure: node, value and error of the invocation that fails the execution.
    """

    logs: tuple[tuple[str, LogLine], ...] = ()
    errors: tuple[tuple[str, HandlerError], ...] = ()
    outputs: tuple[tuple[str, str, int, bytes, bool], ...] = ()
    failure: tuple[str, bytes, HandlerError] | None = None


class KeptRun(msgspec.Struct, frozen=True, array_like=True):
    """Outputs of one port that are kept: the number of the last one, their lane, and the values or their sizes."""

    node: str
    port: str
    last: int
    lane: int
    values: tuple[bytes | int, ...]


class KeptLog(msgspec.Struct, frozen=True, array_like=True):
    """A log line that is kept; ``meta`` is JSON text."""

    timestamp: str
    node_id: str
    level: str
    message: str
    meta: bytes | None = None


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An execution at one moment.

    Attributes:
        execution_id: whose moment it is.
        graph_id: its graph.
        graph_version: the number of the graph's version.
        taken_ms: the moment, in milliseconds since the epoch.
        sequence: the next sequence number: what has a smaller one is in this cut, unless it is ``offered``.
        is_paused: whether it was paused.
        input_end: why no more input is coming; None where more may come.
        flushed: how many nodes have said their last word, in the graph's order.
        has_lanes: whether any message may be apocryphal.
        created_at: when the execution was made, ISO 8601 in UTC.
        started_at: when it began to run, likewise.
        nodes: in the order of the graph.
        edges: likewise.
        groups: that are not gathered by all.
        held_edges: node and edge of each edge that somebody holds by name; ``NO_EDGE`` for what is injected there.
        held: injected while it was paused: the node and the message, in order; accepted.
        offered: injected, numbered and waiting for room: they are not accepted yet and in nothing else.
        late: what remains of calls of nodes that run as one.
        processed: messages that are finished.
        dropped: messages that full inboxes have dropped.
        backpressure_events: waits, refusals and drops at full queues.
        outputs: how many values have left the graph.
        port_outputs: how many by node and port.
        kept_outputs: the last of them, in the order in which they left.
        logged: how many lines were logged.
        logs: the last of them.
    """

    execution_id: str
    graph_id: str
    graph_version: int | None = None
    taken_ms: float
    sequence: int = 1
    is_paused: bool = False
    input_end: str | None = None
    flushed: int = 0
    has_lanes: bool = False
    created_at: str = ""
    started_at: str | None = None
    nodes: tuple[NodeState, ...] = ()
    edges: tuple[EdgeState, ...] = ()
    groups: tuple[GroupState, ...] = ()
    held_edges: tuple[tuple[str, int], ...] = ()
    held: tuple[tuple[str, Message], ...] = ()
    offered: tuple[tuple[str, Message], ...] = ()
    late: LateEffects = LateEffects()
    processed: int = 0
    dropped: int = 0
    backpressure_events: int = 0
    outputs: int = 0
    port_outputs: tuple[tuple[str, str, int], ...] = ()
    kept_outputs: tuple[KeptRun, ...] = ()
    logged: int = 0
    logs: tuple[KeptLog, ...] = ()
