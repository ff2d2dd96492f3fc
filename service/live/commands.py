"""The words of clients, as structs: the payloads of their events, and what they are answered."""

from typing import Any

import msgspec

from proto.bottleneck import BottleneckReport
from proto.breakpoint import BreakpointSnapshot
from proto.codec import MalformedJsonError, decode_raw_values, shape_problem
from proto.edge_command import EdgeState
from proto.execution import ExecuteOptions, ExecutionError, ExecutionState
from proto.graph import Recording
from proto.message import Injection
from proto.problem import ErrorBody, Problem
from proto.reload import ReloadPlan, ReloadReport, ReloadRequest
from service.live.selection import Edges, Id, Names, Rate, ValueBytes
from service.problems import UnreadableBodyError


class OfExecution(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A command to one execution."""

    execution_id: Id


class Stop(OfExecution, frozen=True, rename="camel"):
    """``execution:stop``; with ``drain`` what was accepted is processed first."""

    drain: bool = False


class Reload(ReloadRequest, frozen=True, kw_only=True, rename="camel"):
    """``execution:reload``: the execution, and how it is to be changed."""

    execution_id: Id

    def request(self) -> ReloadRequest:
        """Return the change alone."""
        return ReloadRequest(**{name: getattr(self, name) for name in ReloadRequest.__struct_fields__})


class Record(OfExecution, frozen=True, rename="camel"):
    """``execution:record``: what is noted of it from now on, in place of what was noted before."""

    level: Recording


class Start(ExecuteOptions, frozen=True, kw_only=True, rename="camel"):
    """``execution:start``: a graph, how it is to run, and what is wanted of its events."""

    graph_id: Id
    events: Names | None = None
    nodes: Names | None = None
    edges: Edges | None = None
    max_per_second: Rate | None = None
    max_value_bytes: ValueBytes | None = None
    batch: bool = False


class Inject(OfExecution, frozen=True, rename="camel"):
    """``execution:inject``: one message, or several in order; ``final`` says that no more input comes."""

    node_id: str | msgspec.UnsetType = msgspec.UNSET
    port: str | msgspec.UnsetType = msgspec.UNSET
    value: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    messages: tuple[Injection, ...] | msgspec.UnsetType = msgspec.UNSET
    final: bool = False

    def injections(self) -> tuple[Injection, ...]:
        """Return the messages.

        Raises:
            UnreadableBodyError: it has neither of the two forms, or both.
        """
        is_single = self.node_id is not msgspec.UNSET or self.port is not msgspec.UNSET or len(self.value) > 0
        if self.messages is not msgspec.UNSET:
            if is_single:
                raise _missing("Send either nodeId, port and value, or messages, not both", "messages")
            return self.messages
        if self.port is msgspec.UNSET:
            raise _missing("nodeId and port are required", "port")
        if not self.value:
            raise _missing("value is required; send null for none", "value")
        node_id = "" if self.node_id is msgspec.UNSET else self.node_id  # of the graph's own ports
        return (Injection(node_id, self.port, self.value),)


class CommandReply(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The answer to a client's command: ids and the state, and what else the command has to say."""

    execution_id: str
    graph_id: str | None = None
    state: ExecutionState | None = None
    started_at: str | None = None
    error: ExecutionError | None = None
    node_id: str | None = None
    port: str | None = None
    accepted: int | None = None
    queued: bool | None = None
    unprocessed: int | None = None
    edges: tuple[EdgeState, ...] | None = None
    messages: int | None = None
    sequences: tuple[int, ...] | None = None
    undecided: int | None = None
    bottleneck: BottleneckReport | None = None
    breakpoint_id: str | None = None
    breakpoint: BreakpointSnapshot | None = None
    breakpoints: list[BreakpointSnapshot] | None = None
    reload: ReloadReport | None = None
    plan: ReloadPlan | None = None


class RefusalReply(ErrorBody, frozen=True, rename="camel", omit_defaults=True):
    """The answer to a client's event that is refused: the shape of the HTTP interface, and the id meant."""

    execution_id: str | None = None
    graph_id: str | None = None
    accepted: int = 0


class ErrorEvent(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The event ``error``: what was refused, and why."""

    message: str
    code: str
    execution_id: str | None = None
    graph_id: str | None = None
    problems: tuple[Problem, ...] = ()


def read_payload(data: bytes, shape: Any) -> Any:
    """Read a payload as a struct.

    Raises:
        UnreadableBodyError: it is no JSON, or of another shape.
    """
    try:
        data.decode()  # decoding skips over msgspec.Raw without a look at its encoding
        return decode_raw_values(data, shape)
    except msgspec.ValidationError as error:
        problem = shape_problem(error, shape, code="event.shape")
        place = f" at {problem.path}" if problem.path else ""
        raise UnreadableBodyError(f"{problem.message}{place}", [problem]) from error
    except (MalformedJsonError, UnicodeDecodeError) as error:
        raise UnreadableBodyError(f"The payload cannot be read: {error}") from error


def _missing(message: str, path: str) -> UnreadableBodyError:
    return UnreadableBodyError(message, [Problem(code="event.shape", path=path, message=message)])
