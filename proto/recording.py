"""Recordings on the wire: what is kept of one, its records, and what followed from what."""

from typing import Any, Literal

import msgspec

from proto.graph import Recording
from proto.message import Lane

RecordKind = Literal[
    "injected",
    "emitted",
    "invoked",
    "written",
    "fired",
    "answered",
    "logged",
    "failed",
    "command",
    "refused",
    "made",
    "dropped",
    "checkpoint",
    "lost",
    "revised",
]


class RecordingSummary(msgspec.Struct, frozen=True, rename="camel"):
    """A recording in a list.

    Attributes:
        id: of the recording; that of its execution, where it was made here.
        execution_id: of what was recorded.
        graph_id: likewise.
        graph_name: likewise.
        graph_version: likewise.
        level: what was noted: ``inputs``, or ``full``.
        state: ``recording``, or why nothing more is noted.
        first: the number of the first record that is kept; 0 where there is none.
        last: that of the last one.
        size_bytes: of all that is kept.
        lost: records that could not be kept.
        is_complete: whether nothing is lacking from where it began.
        began_ms: when it began, in milliseconds since 1970.
        ended_ms: when it ended; 0 before.
    """

    id: str
    execution_id: str
    graph_id: str
    graph_name: str
    graph_version: int
    level: Recording
    state: str
    first: int
    last: int
    size_bytes: int
    lost: int
    is_complete: bool
    began_ms: int
    ended_ms: int


class HistoryRecord(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One record of an execution. What does not belong to its kind is left out.

    Attributes:
        sequence: its number: of what was injected, and of what went along an edge, the message's sequence number.
        kind: what happened.
        time_ms: when, in milliseconds since 1970.
        node_id: at which node.
        port: at which port of it: of what was injected or answered, an input, of what was emitted, an output.
        edge: the index of the edge that it went along; absent of what left the graph.
        target_node_id: where that led.
        target_port: likewise.
        value: the value.
        omitted_bytes: the size that it had, where it is left out because it is too large.
        lane: its lane.
        cause: the number of the record that it followed from; absent where nobody can say.
        error: the error's name and sentence.
        key: of the state, that was set.
        level: of the line that was logged.
        message: that line; or what the execution was told.
        count: how many were lost, refused or dropped.
        made_of: the numbers of the messages that something was made of, or that were refused or dropped.
        emitted: of an answer, how many values the node made of it.
        is_last: of a firing, whether it was because no more input was coming.
    """

    sequence: int
    kind: RecordKind
    time_ms: float
    node_id: str = ""
    port: str = ""
    edge: int | None = None
    target_node_id: str = ""
    target_port: str = ""
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    omitted_bytes: int = 0
    lane: Lane = "canonical"
    cause: int = 0
    error: dict[str, Any] | None = None
    key: str = ""
    level: str = ""
    message: str = ""
    count: int = 0
    made_of: list[int] = []
    emitted: int = 0
    is_last: bool = False


class LineageReply(msgspec.Struct, frozen=True, rename="camel"):
    """The lineage of a message: what it came of, and what came of it.

    Attributes:
        sequence: its number.
        record: the record of it.
        causes: the records that it followed from, the nearest first, up to what was injected.
        consequences: the records that followed from it, in their order.
        is_complete: whether all of them are listed, and the recording has all that could be.
    """

    sequence: int
    record: HistoryRecord
    causes: list[HistoryRecord]
    consequences: list[HistoryRecord]
    is_complete: bool


class NodeDifference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The first difference between what a node emitted and what it emitted again.

    Attributes:
        node_id: the node.
        port: its output port.
        place: which of the values that left by that port, counted from 1.
        sequence: the number of the record; of what was not emitted before, that of the cause, or 0.
        kind: ``value``, ``missing``, ``extra``, or ``order`` where the same values came in another order.
        expected: the value that was recorded.
        actual: the value that came now.
    """

    node_id: str
    port: str
    place: int
    sequence: int
    kind: Literal["value", "missing", "extra", "order"]
    expected: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    actual: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class ReplayReply(msgspec.Struct, frozen=True, rename="camel"):
    """The outcome of a recording that was run again.

    Attributes:
        is_same: whether every node emitted what it did before.
        compared: values that were compared.
        injected: messages that were injected again.
        against: what it was compared with: the recording, or a run of the recorded code.
        differences: the first one of each node, the earliest first.
        complaints: what else was not as it was, such as a request that nobody had recorded an answer to.
        state: how the run ended.
    """

    is_same: bool
    compared: int
    injected: int
    against: Literal["recording", "rerun"]
    differences: list[NodeDifference]
    complaints: list[str]
    state: str
