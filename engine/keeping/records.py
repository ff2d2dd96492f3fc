"""Components, graphs and ends of executions as records of a store, and back. Pure.

A version of a graph or of a component is one record, written once; the thing is all of its versions, the one with
the greatest number being the present one. An execution is one record, written when it starts and again when it has
ended.
"""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from proto.breakpoint import BreakpointRequest
from proto.codec import MalformedJsonError, decode_as, encode
from proto.component import ComponentDefinition
from proto.execution import Completion, ExecutionError, ExecutionSnapshot, ExecutionState, LogEntry
from proto.graph import GraphDefinition, TopologySummary
from proto.statistics import ExecutionStatistics
from store.errors import StoreCorruptError
from store.protocol import Record, RecordChange, Removal

Shape = TypeVar("Shape")

COMPONENT, GRAPH, EXECUTION = "component", "graph", "execution"

CHECKPOINT, PROGRESS = "checkpoint", "progress"
"""A moment of a durable execution, and how far its log is in that."""

BREAKPOINTS = "breakpoints"
"""Those of a durable execution, all in one record."""

MODULE = "module"
"""The bytes of a WebAssembly module, by component and SHA-256: however many versions have it, each has it once."""

CUT_OFF = "The service ended while this ran; what it had in hand is lost"

_NUMBER_DIGITS = 10
_MANY = 2**60
"""Elements that a record may have: it was bounded when it came."""


class KeptVersion(msgspec.Struct, frozen=True, rename="camel"):
    """A version of a graph, as it is kept.

    Attributes:
        definition: as its author wrote it.
        topology: what its shape implies.
        edge_count: the edges that it has when it is written out.
        number: counted from 1.
        sha256: of the definition.
        size_bytes: of memory that it takes when it is loaded.
        made_at: ISO 8601 in UTC.
        made_by: the id of who made it; "" where nobody asks.
        uses: the graphs inside it, by path, as each was named.
    """

    definition: GraphDefinition
    topology: TopologySummary
    edge_count: int
    number: int
    sha256: str
    size_bytes: int
    made_at: str
    made_by: str = ""
    uses: dict[str, str] = {}


class KeptComponent(msgspec.Struct, frozen=True, rename="camel"):
    """A version of a component, as it is kept; its module, if it is one, is a record of its own.

    Attributes:
        definition: with its source at hand, and the hash of that or of its module.
        number: counted from 1.
        sha256: of the definition.
        size_bytes: of memory that it takes when it is loaded.
        made_at: ISO 8601 in UTC.
        made_by: the id of who made it; "" where nobody asks.
    """

    definition: ComponentDefinition
    number: int
    sha256: str
    size_bytes: int
    made_at: str
    made_by: str = ""


class KeptBeginning(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The ways in which a durable execution runs, in whichever process.

    Attributes:
        completion: ``auto`` or ``manual``.
        timeout_ms: time that it may take from its creation on; 0 for no limit.
        parameters: values for the graph's parameters.
        first_sequence: the first sequence number that it may use in its present process.
    """

    completion: Completion
    timeout_ms: float = 0.0
    parameters: dict[str, msgspec.Raw] = {}
    first_sequence: int = 1


class KeptExecution(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """An execution, as it is kept.

    Attributes:
        snapshot: the last one; the first one while it is under way.
        statistics: where its messages were at its end.
        logs: its latest lines.
        logged: how many lines there were, kept or not.
        log_bytes: what the lines take.
        ending: why it ended, in words.
        durable: what it is begun from again, where it outlives its process.
    """

    snapshot: ExecutionSnapshot
    statistics: ExecutionStatistics
    logs: list[LogEntry] = []
    logged: int = 0
    log_bytes: int = 0
    ending: str = ""
    durable: KeptBeginning | None = None


class KeptBreakpoint(msgspec.Struct, frozen=True):
    """A breakpoint, as it is kept.

    Attributes:
        id: unique in its execution.
        wanted: as it was asked for.
    """

    id: str
    wanted: BreakpointRequest


def record_of_version(owner: str, graph_id: str, kept: KeptVersion) -> Record:
    """Return a version of a graph as a record."""
    return Record(GRAPH, owner, _key(graph_id, kept.number), encode(kept))


def removal_of_version(owner: str, graph_id: str, number: int) -> Removal:
    """Return the removal of a version of a graph."""
    return Removal(GRAPH, owner, _key(graph_id, number))


def version_in(record: Record) -> tuple[str, KeptVersion]:
    """Return the version in a record, and the id of its graph.

    Raises:
        StoreCorruptError: there is none in it.
    """
    return record.key.rpartition("/")[0], _decoded(record, KeptVersion)


def record_of_execution(owner: str, kept: KeptExecution) -> Record:
    """Return an execution as a record."""
    return Record(EXECUTION, owner, kept.snapshot.id, encode(kept))


def record_of_component(owner: str, kept: KeptComponent) -> Record:
    """Return a version of a component as a record."""
    return Record(COMPONENT, owner, _key(kept.definition.id, kept.number), encode(kept))


def removal_of_component(owner: str, component_id: str, number: int) -> Removal:
    """Return the removal of a version of a component."""
    return Removal(COMPONENT, owner, _key(component_id, number))


def component_in(record: Record) -> KeptComponent:
    """Return the version of a component in a record.

    Raises:
        StoreCorruptError: there is none in it.
    """
    return _decoded(record, KeptComponent)


def module_key(component_id: str, sha256: str) -> str:
    """Return the key of a module: a component's own, so that it goes with it and no other lacks it."""
    return f"{component_id}/{sha256}"


def record_of_module(owner: str, component_id: str, sha256: str, content: bytes) -> Record:
    """Return the bytes of a component's module as a record."""
    return Record(MODULE, owner, module_key(component_id, sha256), content)


def removal_of_module(owner: str, component_id: str, sha256: str) -> Removal:
    """Return the removal of a component's module."""
    return Removal(MODULE, owner, module_key(component_id, sha256))


def beginning(snapshot: ExecutionSnapshot, durable: KeptBeginning | None = None) -> KeptExecution:
    """Return an execution that has only just been made: all that its record says of it until it has ended."""
    statistics = ExecutionStatistics(snapshot.id, snapshot.state, 0, 0, (), (), None)
    return KeptExecution(snapshot=snapshot, statistics=statistics, durable=durable)


def cut_off(kept: KeptExecution) -> KeptExecution:
    """Return an execution that was under way when its process ended, as one that has failed."""
    failed = ExecutionState.FAILED
    return KeptExecution(
        snapshot=msgspec.structs.replace(kept.snapshot, state=failed, error=ExecutionError(CUT_OFF)),
        statistics=msgspec.structs.replace(kept.statistics, state=failed),
        ending=f"{CUT_OFF}; start another one",
    )


def removals_of_checkpoint(owner: str, execution_id: str) -> list[Removal]:
    """Return the removal of an execution's last checkpoint, and of what is kept beside it."""
    return [Removal(kind, owner, execution_id) for kind in (CHECKPOINT, PROGRESS, BREAKPOINTS)]


def record_of_breakpoints(owner: str, execution_id: str, kept: Sequence[KeptBreakpoint]) -> RecordChange:
    """Return the breakpoints of an execution as a record; its removal where there are none."""
    if not kept:
        return Removal(BREAKPOINTS, owner, execution_id)
    return Record(BREAKPOINTS, owner, execution_id, encode(kept))


def breakpoints_in(record: Record) -> list[KeptBreakpoint]:
    """Return the breakpoints in a record.

    Raises:
        StoreCorruptError: there are none in it.
    """
    return _decoded(record, list[KeptBreakpoint])


def removal_of_execution(owner: str, execution_id: str) -> Removal:
    """Return the removal of an execution."""
    return Removal(EXECUTION, owner, execution_id)


def execution_in(record: Record) -> KeptExecution:
    """Return the execution in a record.

    Raises:
        StoreCorruptError: there is none in it.
    """
    return _decoded(record, KeptExecution)


def _key(graph_id: str, number: int) -> str:
    """Return the key of a version: keys of one graph are in the order of their numbers."""
    return f"{graph_id}/{number:0{_NUMBER_DIGITS}}"


def _decoded(record: Record, shape: type[Shape]) -> Shape:
    try:
        return decode_as(record.body, shape, _MANY)
    except (MalformedJsonError, msgspec.ValidationError) as error:
        message = f"The {record.kind} {record.key} in the store cannot be read: {error}"
        raise StoreCorruptError(message) from error
