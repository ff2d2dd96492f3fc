"""An execution at one moment of what was noted of it, on the wire."""

from typing import Literal

import msgspec

from proto.message import Lane


class MomentValue(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A value at a moment.

    Attributes:
        sequence: the number of its record; where that is not known, the one that it has in the run.
        size_bytes: of its JSON text.
        value: that text; absent where it is left out because it is large, or because too much is shown already.
        lane: its lane.
    """

    sequence: int
    size_bytes: int
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    lane: Lane = "canonical"


class MomentEdge(msgspec.Struct, frozen=True, rename="camel"):
    """An edge at a moment.

    Attributes:
        edge: the name by which it is asked for.
        index: its place in the graph's edges.
        source: ``node:port``.
        target: ``node:port``.
        sent: values that have begun their way.
        waiting: how many of them nobody has been handed.
        messages: the first of those, the oldest first.
        last: the last value that has begun its way; null where none has, or nobody knows it.
    """

    edge: str
    index: int
    source: str
    target: str
    sent: int
    waiting: int
    messages: list[MomentValue]
    last: MomentValue | None


class MomentNode(msgspec.Struct, frozen=True, rename="camel"):
    """A node at a moment.

    Attributes:
        node_id: it.
        component: that it is a use of.
        invocations: of its handler.
        emitted: values that have left it.
        errors: invocations that have failed.
        waiting: messages before it, of all edges and of what was injected.
        injected: the first of those that came along no edge.
        held: messages that its handler holds; null where nobody knows.
        state: what it keeps by key; null where nobody knows. Large values are null.
    """

    node_id: str
    component: str
    invocations: int
    emitted: int
    errors: int
    waiting: int
    injected: list[MomentValue]
    held: int | None
    state: dict[str, msgspec.Raw] | None


class MomentReply(msgspec.Struct, frozen=True, rename="camel"):
    """An execution as it was just behind one of its records.

    Attributes:
        recording_id: of the recording.
        execution_id: of what was recorded.
        graph_id: likewise.
        sequence: the number of the record.
        time_ms: when that was, in milliseconds since 1970.
        state: of the execution.
        basis: ``records`` where the moment was put together of what was noted, ``run`` where the recording was run
            again up to it.
        since: the number of the checkpoint that was begun from; 0 where that was the start.
        injected: messages that had gone in.
        outputs: values that had left the graph.
        notes: what may not have been so.
        nodes: in the order of the graph.
        edges: likewise.
    """

    recording_id: str
    execution_id: str
    graph_id: str
    sequence: int
    time_ms: float
    state: str
    basis: Literal["records", "run"]
    since: int
    injected: int
    outputs: int
    notes: list[str]
    nodes: list[MomentNode]
    edges: list[MomentEdge]
