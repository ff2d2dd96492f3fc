"""The errors of the engine, named by whose fault they are.

    EngineError
    ├── NotFoundError                  the caller names something that does not exist
    │   ├── GraphNotFoundError
    │   ├── ExecutionNotFoundError
    │   ├── ComponentNotFoundError
    │   ├── NodeNotFoundError
    │   ├── EdgeNotFoundError
    │   ├── WaitingNotFoundError
    │   ├── BreakpointNotFoundError
    │   ├── RecordingNotFoundError
    │   ├── RecordNotFoundError
    │   └── VersionNotFoundError
    ├── InvalidError                   the caller sent something that is wrong; carries every problem
    │   ├── InvalidGraphError
    │   ├── InvalidComponentError
    │   ├── InvalidInjectionError
    │   ├── InvalidBreakpointError
    │   ├── InvalidParametersError
    │   ├── InvalidEdgeCommandError
    │   ├── CheckpointUnreadableError
    │   ├── CheckpointVersionError
    │   ├── CheckpointMismatchError
    │   ├── NotDurableError
    │   └── InvalidRecordingError
    ├── InvalidRoutineError            as InvalidError, in the words and the spelling of the platform
    ├── ConflictError                  the command does not fit the present state
    │   ├── IllegalTransitionError
    │   ├── InputsClosedError
    │   ├── ExecutionExistsError
    │   ├── EdgeCommandError
    │   ├── HeldEdgesError
    │   ├── ComponentExistsError
    │   ├── ComponentBreaksGraphsError
    │   ├── ComponentBuiltInError
    │   ├── ComponentInUseError
    │   ├── NameAmbiguousError
    │   ├── TooManyBreakpointsError
    │   ├── NothingHeldError
    │   ├── VerbRefusedError
    │   ├── CannotGoOnError
    │   ├── ReloadUnderWayError
    │   ├── ReloadRefusedError
    │   ├── NothingToRollBackError
    │   └── QuotaError
    ├── PreconditionFailedError        the change was meant for another version than there is
    ├── NotKeptError                   the store has failed; nothing was changed
    └── OverloadedError                a bound was met; try again later
        ├── TooManyExecutionsError
        ├── WorkersBusyError
        ├── InboxFullError
        ├── HeldQueueFullError
        ├── InjectionRateError
        └── MemoryBoundError       memory that tenants cause is bounded (engine.memory.ledger)
            ├── OwnerMemoryError       what belongs to one owner holds as much as it may
            ├── ProcessMemoryError     what belongs to all of them together does
            └── ResidentMemoryError    the process takes so much of the machine that it takes in nothing new

Errors inside handlers are not here: they are values (:class:`engine.contracts.handler.HandlerError`).
"""

from collections.abc import Sequence

from proto.problem import Problem


class EngineError(Exception):
    """The parent of all errors that a caller of :class:`engine.runtime.Runtime` can meet.

    ``code`` is a stable name for programs. ``accepted`` counts the messages of the same request that had been
    taken in before; the rest was refused. ``problems`` says more than the message, where there is more to say.
    """

    code = "engine.error"
    accepted = 0
    problems: tuple[Problem, ...] = ()


class NotFoundError(EngineError):
    """The caller names something that does not exist."""

    kind = "Thing"

    def __init__(self, identifier: str) -> None:
        super().__init__(f"{self.kind} not found: {identifier}")
        self.identifier = identifier


class GraphNotFoundError(NotFoundError):
    """No graph with this id is loaded."""

    code = "graph.not_found"
    kind = "Graph"


class ExecutionNotFoundError(NotFoundError):
    """No execution with this id is running or kept in the history."""

    code = "execution.not_found"
    kind = "Execution"


class RecordingNotFoundError(NotFoundError):
    """Nothing of this name was recorded, or it is not kept any more."""

    code = "recording.not_found"
    kind = "Recording"


class RecordNotFoundError(NotFoundError):
    """A recording has no record of this number, or not any more."""

    code = "recording.no_record"
    kind = "Record"


class ComponentNotFoundError(NotFoundError):
    """No component with this id is built in or registered."""

    code = "component.not_found"
    kind = "Component"


class NodeNotFoundError(NotFoundError):
    """The execution's graph has no node of this id, and no node that uses a graph."""

    code = "node.not_found"
    kind = "Node"


class EdgeNotFoundError(NotFoundError):
    """The execution's graph has no edge of this name."""

    code = "edge.not_found"
    kind = "Edge"


class WaitingNotFoundError(NotFoundError):
    """No message of this number waits on the edge: it has been taken, or it never was there."""

    code = "message.not_waiting"
    kind = "Waiting message"


class BreakpointNotFoundError(NotFoundError):
    """The execution has no breakpoint of this id, or not any more."""

    code = "breakpoint.not_found"
    kind = "Breakpoint"


class VersionNotFoundError(NotFoundError):
    """No version of this number is kept."""

    code = "version.not_found"

    def __init__(self, identifier: str, number: int | str, kept: Sequence[int]) -> None:
        shown = f"{kept[0]} to {kept[-1]}" if len(kept) > 1 else ", ".join(map(str, kept))
        EngineError.__init__(self, f"Version {number} of {identifier} is not kept; there is {shown or 'none'}")
        self.identifier = identifier


class InvalidError(EngineError):
    """The caller sent something that is wrong. ``problems`` holds every single thing, never none."""

    code = "invalid"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class InvalidGraphError(InvalidError):
    """A graph definition that cannot be loaded; nothing of it was stored."""

    code = "graph.invalid"


class InvalidComponentError(InvalidError):
    """A component definition that cannot be registered; nothing of it was stored."""

    code = "component.invalid"


class InvalidInjectionError(InvalidError):
    """An injected message that names no port of the graph, or whose value is refused."""

    code = "injection.invalid"

    @property
    def first(self) -> int:
        """Return the index of the first wrong message: paths are ``messages[3].port``, or ``port`` of one."""
        place, bracket, _ = self.problems[0].path.removeprefix("messages[").partition("]")
        return int(place) if bracket else 0


class InvalidBreakpointError(InvalidError):
    """A breakpoint that names nothing of the graph, or whose condition is none; nothing was set."""

    code = "breakpoint.invalid"


class InvalidParametersError(InvalidError):
    """Values for a graph's parameters of which one is missing, or does not fit; nothing was started."""

    code = "parameters.invalid"


class InvalidEdgeCommandError(InvalidError):
    """A command to an edge that is wrong in itself: its value, its condition, what it names."""

    code = "edge.command_invalid"


class CheckpointUnreadableError(InvalidError):
    """Bytes that are no checkpoint, or a damaged one.

    Args:
        why: the reason.
    """

    code = "checkpoint.unreadable"

    def __init__(self, why: str) -> None:
        super().__init__([Problem(self.code, "", f"The checkpoint cannot be read: {why}")])


class CheckpointVersionError(InvalidError):
    """A checkpoint that was written by another version of the runtime.

    Args:
        found: the version of its form.
        known: the one that can be read.
    """

    code = "checkpoint.version"

    def __init__(self, found: int, known: int) -> None:
        text = f"The checkpoint is of version {found}, and version {known} is what can be read here"
        super().__init__([Problem(self.code, "", text)])


class CheckpointMismatchError(InvalidError):
    """A checkpoint from which this graph cannot go on."""

    code = "checkpoint.mismatch"


class InvalidRecordingError(InvalidError):
    """A recording that cannot be read, or cannot be run again; nothing of it was kept."""

    code = "recording.invalid"


class InvalidRoutineError(EngineError):
    """A routine definition that cannot be compiled or loaded; nothing of it was stored.

    Its sentence and code are the platform's; ``problems`` holds every single thing, never none.
    """

    code = "COMPILATION_ERROR"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("Compilation failed")
        self.problems = tuple(problems)


class NotDurableError(InvalidError):
    """A durable execution of what cannot be one: nothing was started."""

    code = "execution.not_durable"


class ConflictError(EngineError):
    """The command does not fit the present state. Nothing has changed."""

    code = "conflict"


_REMEDIES = {
    ("pause", "paused"): "it holds its messages already",
    ("resume", "running"): "it holds nothing that could go on",
    ("", "pending"): "try again when it is running",
    ("", "initializing"): "try again when it is running",
    ("", "ending"): "it takes no commands any more; start another one",
}
"""The advice about a command that a state does not take; without a command, about any."""


class IllegalTransitionError(ConflictError):
    """A command that an execution in this state does not take; the message says the state, why, and what to do.

    Args:
        execution_id: the execution.
        command: as it follows "cannot".
        state: the execution's.
        why: it is in this state, and what to do, where that is more than the state says.
    """

    code = "execution.illegal_state"

    def __init__(self, execution_id: str, command: str, state: str, why: str = "") -> None:
        why = why or _REMEDIES.get((command, state)) or _REMEDIES.get(("", state), "")
        super().__init__(f"Cannot {command} execution {execution_id}: it is {state}{why and f'; {why}'}")
        self.execution_id = execution_id
        self.state = state


class InputsClosedError(ConflictError):
    """An injection into an execution of which it is known that no more input is coming; the message says why."""

    code = "execution.inputs_closed"

    def __init__(self, execution_id: str, why: str) -> None:
        super().__init__(f"Execution {execution_id} takes no more input: {why}")


class EdgeCommandError(ConflictError):
    """A command that an edge does not take as it is: it is not held, or lies where arrays are taken apart."""

    code = "edge.illegal_command"


class HeldEdgesError(ConflictError):
    """The edges of an execution that are held already are as many as may be."""

    code = "edge.too_many_held"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} edges of an execution can be held at once; pause the execution instead")


class ExecutionExistsError(ConflictError):
    """An execution of this id is under way or is somebody else's, so no other can stand in its place."""

    code = "execution.exists"

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"Execution {execution_id} is under way; stop it first, or start another one")


class ComponentExistsError(ConflictError):
    """A component with this id is built in or registered already."""

    code = "component.exists"

    def __init__(self, identifier: str) -> None:
        super().__init__(f"Component already registered: {identifier}")
        self.problems = (Problem(self.code, "id", "Replace it with PUT, or choose another id"),)


class ComponentBuiltInError(ConflictError):
    """A built-in component is there for everybody and stays."""

    code = "component.built_in"

    def __init__(self, identifier: str) -> None:
        super().__init__(f"Component {identifier} is built in and can be neither removed nor replaced; others can")


class ComponentBreaksGraphsError(ConflictError):
    """Loaded graphs follow the component and could not use its new version; ``problems`` says why of each."""

    code = "component.breaks_graphs"

    def __init__(self, identifier: str, problems: Sequence[Problem]) -> None:
        super().__init__(
            f"The new version of {identifier} does not fit graphs that use it, so the old one stays; change or "
            f"unload them, or let them name {identifier}@<version>"
        )
        self.problems = tuple(problems)


class ComponentInUseError(ConflictError):
    """Loaded graphs use the component; the message names some of them."""

    code = "component.in_use"

    def __init__(self, identifier: str, graph_ids: Sequence[str]) -> None:
        named = ", ".join(graph_ids[:3]) + (" and others" if len(graph_ids) > 3 else "")
        super().__init__(f"Component {identifier} is in use by graph {named}; unload that first")


class ReloadUnderWayError(ConflictError):
    """The execution is being changed already, or a change of it is on trial."""

    code = "reload.under_way"

    def __init__(self, number: int, state: str) -> None:
        super().__init__(f"Reload {number} is {state}; wait for its end, or roll it back while it is on trial")


class ReloadRefusedError(ConflictError):
    """A change of an execution that cannot be made; ``problems`` say why. Nothing has changed."""

    code = "reload.refused"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = tuple(problems)


class NothingToRollBackError(ConflictError):
    """The execution runs what it began with, or its former revisions are not kept any more."""

    code = "reload.nothing_to_roll_back"

    def __init__(self, execution_id: str) -> None:
        super().__init__(f"Execution {execution_id} has no earlier revision that it could be taken back to")


class NameAmbiguousError(ConflictError):
    """Several graphs have the name of the one that is to be replaced."""

    code = "graph.name_ambiguous"

    def __init__(self, name: str, graph_ids: Sequence[str]) -> None:
        named = ", ".join(graph_ids[:3]) + (" and others" if len(graph_ids) > 3 else "")
        super().__init__(f"{len(graph_ids)} graphs are named {name[:100]} ({named}); replace one by its id")


class PreconditionFailedError(EngineError):
    """The change was meant for another version than there is; nothing has changed."""

    code = "version.precondition_failed"

    def __init__(self, identifier: str, tag: str | None) -> None:
        present = "it does not exist" if tag is None else f'its present version is "{tag}"'
        super().__init__(f"{identifier} is not as the request expects: {present}; look at it anew, and try again")
        self.tag = tag


class TooManyBreakpointsError(ConflictError):
    """The execution has as many breakpoints as it may."""

    code = "breakpoint.limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"An execution has at most {limit} breakpoints; remove one")


class NothingHeldError(ConflictError):
    """The breakpoint does not hold what is meant: somebody has let it go, or it never did."""

    code = "breakpoint.nothing_held"

    def __init__(self, breakpoint_id: str, hold: int | None) -> None:
        what = "nothing" if hold is None else f"nothing of the number {hold}"
        super().__init__(f"Breakpoint {breakpoint_id} holds {what}; look at it anew")


class VerbRefusedError(ConflictError):
    """A verb that what is held does not take; the message says which ones it does, or what is missing."""

    code = "breakpoint.verb_refused"


class CannotGoOnError(ConflictError):
    """A durable execution cannot go on after a restart, for now."""

    code = "execution.cannot_go_on"


class QuotaError(ConflictError):
    """The owner has as many graphs, components or executions as they may; waiting alone frees none."""

    code = "quota.exceeded"


class NotKeptError(EngineError):
    """A change cannot be kept, because the store fails; nothing was changed."""

    code = "store.failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This cannot be kept, and nothing was changed: {reason}")


class OverloadedError(EngineError):
    """A bound was met. ``retry_after_seconds`` says when to try again."""

    code = "overloaded"
    retry_after_seconds = 1


class TooManyExecutionsError(OverloadedError):
    """The limit of concurrent executions is reached."""

    code = "execution.limit"

    def __init__(self, limit: int) -> None:
        super().__init__(f"Maximum concurrent executions reached: {limit}")
        self.problems = (Problem(self.code, "", "Stop one, or wait until one ends"),)


class WorkersBusyError(OverloadedError):
    """The owner's work that waits for worker processes is as much as is allowed; the message names the bound."""

    code = "workers.busy"


class InboxFullError(OverloadedError):
    """A node's inbox stayed full for as long as an injection may wait, or its policy refuses at once."""

    code = "injection.inbox_full"

    def __init__(self, node_id: str, waited_seconds: float) -> None:
        waited = f" for {waited_seconds:g} s" if waited_seconds else ""
        super().__init__(f"The inbox of node {node_id} is full{waited}; send more slowly, or try again later")
        self.node_id = node_id


class HeldQueueFullError(OverloadedError):
    """The execution is paused, or is being changed, and holds as many injected messages as it may."""

    code = "injection.held_queue_full"

    def __init__(self, execution_id: str, limit: int, *, is_paused: bool = True) -> None:
        why = "is paused" if is_paused else "is being changed"
        remedy = "resume it" if is_paused else "try again when that is over"
        super().__init__(f"Execution {execution_id} {why} and already holds {limit} messages; {remedy}")


class InjectionRateError(OverloadedError):
    """The owner injects more bytes per second than they may."""

    code = "injection.rate"

    def __init__(self, bytes_per_second: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"More than {bytes_per_second} bytes per second were injected; send more slowly, "
            f"or try again in {retry_after_seconds} s"
        )
        self.retry_after_seconds = retry_after_seconds


class MemoryBoundError(OverloadedError):
    """Memory that tenants cause is at a bound; nothing was taken in.

    Args:
        size_bytes: what was asked for.
        bound_bytes: the bound.
        setting: the setting that sets it.
        whose: what is at the bound, where that is only a part of what is held.
    """

    code = "memory.bound"
    whose = "What tenants hold"
    remedy = "try again later"

    def __init__(self, size_bytes: int, bound_bytes: int, setting: str, *, whose: str = "") -> None:
        super().__init__(
            f"{whose or self.whose} is at its bound of {bound_bytes} bytes of memory ({setting}), and "
            f"{size_bytes} more were asked for; {self.remedy}"
        )


class OwnerMemoryError(MemoryBoundError):
    """All that belongs to one owner holds as much memory as is allowed."""

    code = "memory.owner_bound"
    whose = "What you hold here"
    remedy = "let executions drain, stop or delete some, or unload graphs, and try again"


class ProcessMemoryError(MemoryBoundError):
    """All that belongs to all owners together holds as much memory as is allowed."""

    code = "memory.process_bound"
    whose = "What all callers hold here"
    retry_after_seconds = 5


class ResidentMemoryError(MemoryBoundError):
    """The process takes so much of the machine's memory that it takes in nothing new."""

    code = "memory.resident"
    retry_after_seconds = 5

    def __init__(self, reason: str) -> None:
        OverloadedError.__init__(self, f"{reason}; nothing new is taken in until it has less, try again later")
