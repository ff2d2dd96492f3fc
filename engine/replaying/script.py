"""A recording as a script: what goes in and when, what was answered, and what every node emitted. Pure."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.checkpoint.encoding import decoded
from engine.contracts.handler import NO_EDGE
from engine.contracts.lanes import NAMES
from engine.cooperative.slices import in_slices
from engine.errors import EngineError
from engine.journal.foreign import ForeignError, check_value
from engine.journal.head import Head
from engine.journal.records import (
    LARGE_BYTES,
    Answered,
    Checkpointed,
    Commanded,
    Emitted,
    Fired,
    Injected,
    Invoked,
    Lost,
    Record,
    Refused,
    Revised,
)
from engine.journal.shape import RecordingError
from engine.replaying.budget import Budget
from proto.message import Injection

FIRED = "fired"
"""The command that no more than time passes: a node gave out something that was due."""

Place = tuple[str, str]
"""A node's id and the name of one of its output ports."""

AnswerKey = tuple[int, int, bytes]
"""The index of a node, that of its input port, and the value for which it asked."""


class Emission(msgspec.Struct, frozen=True, gc=False):
    """A value that left a node, and the number by which people find it."""

    sequence: int
    value: bytes


class Step(msgspec.Struct, frozen=True):
    """Something that was done to the execution: messages, or a command.

    Attributes:
        at: seconds since it began to be recorded.
        first: the number of its first record.
        messages: that were injected together.
        command: what it was told.
    """

    at: float
    first: int
    messages: tuple[Injection, ...] = ()
    command: str = ""


class Script(msgspec.Struct, frozen=True):
    """A recording, as it is lived through again.

    Attributes:
        head: of it.
        steps: what was done, in order.
        answers: what was answered from outside, each with its moment, in order.
        emissions: of each output port, in order; empty where they were not noted.
        orders: of each node, by index, along which edges the messages came that it was handed; empty where that
            was not noted.
        until: the number of the last record that counts.
        seconds: when it ends.
        end: the last state that the execution entered; empty where that is not known.
        revised: the number of the record that it was reloaded by: it goes up to there; 0 where it was not.
        begins_from: the moment that it begins from; None where that is the start of the execution.
    """

    head: Head
    steps: list[Step]
    answers: Mapping[AnswerKey, deque[Answered]]
    emissions: Mapping[Place, list[Emission]]
    orders: Mapping[int, list[int]]
    until: int
    seconds: float
    end: str
    revised: int = 0
    begins_from: Checkpoint | None = None


def check_beginning(head: Head, *, has_checkpoint: bool = False) -> None:
    """Refuse a recording that cannot be run again.

    Raises:
        RecordingError: it begins neither with its execution nor with a checkpoint, or lacks records, or code.
    """
    if not head.is_whole and not has_checkpoint:
        raise RecordingError(
            "parts of it are lacking: its oldest records were let go of, or some could not be written"
        )
    if not head.is_from_start and not has_checkpoint:
        raise RecordingError(
            "it does not begin with the execution, so that nobody knows what its nodes remembered"
        )
    if head.lacking:
        lacking = ", ".join(head.lacking[:10])
        raise RecordingError(f"it lacks the modules of {lacking}: give them with --component")


def read_script(
    head: Head,
    records: Iterable[Record],
    until: int | None = None,
    budget: Budget | None = None,
    begins_from: Checkpoint | None = None,
) -> Script:
    """Read a recording.

    Args:
        head: of it.
        records: all of them, in order; or, with a checkpoint, those from its moment on.
        until: the number of the last record that is wanted; all of them are when absent.
        budget: what may be kept of it; the default when absent.
        begins_from: a checkpoint of it; what had happened by then is left out.

    Raises:
        RecordingError: it cannot be run again, or is damaged.
    """
    check_beginning(head, has_checkpoint=begins_from is not None)
    budget = budget or Budget()
    reader = _ScriptReader(head)
    first, last, at, revised = 0, 0, 0.0, 0
    if begins_from is not None:
        first, at = begins_from.sequence, seconds_of(head, begins_from)
        reader.begin_from(begins_from)
    for record in records:
        if until is not None and record.number > until:
            break
        if record.number < first:
            continue
        if isinstance(record, Revised) and not record.is_again:
            reader.end, revised = "", record.number
            break
        value = getattr(record, "value", b"")
        budget.take(len(value) if len(value) <= LARGE_BYTES else 0)  # large ones are there once
        budget.check()
        reader.take(record)
        last, at = record.number, record.at
    steps = [step for step in reader.steps() if step.messages or step.command]
    orders, end = reader.orders, until or last
    return Script(head, steps, reader.answers, reader.emissions, orders, end, at, reader.end, revised, begins_from)


async def checkpoint_in(record: Checkpointed) -> Checkpoint:
    """Return the checkpoint of a record.

    Raises:
        RecordingError: it cannot be read.
    """
    try:
        return await in_slices(decoded(record.body))
    except EngineError as error:
        raise RecordingError(f"its checkpoint {record.number} cannot be used: {error}") from error


def seconds_of(head: Head, checkpoint: Checkpoint) -> float:
    """Return when a checkpoint was taken, in seconds since the recording began."""
    return max(0.0, (checkpoint.taken_ms - head.began_ms) / 1000)


class _ScriptReader:
    """A script that is being read."""

    def __init__(self, head: Head) -> None:
        self._head = head
        # Where the first edge of each output port leads: a value counts once, whatever its edges.
        self._targets: dict[tuple[int, int], tuple[int, int]] = {}
        self._done: list[Injected | Commanded | Fired] = []
        self._refused: set[int] = set()
        self.answers: dict[AnswerKey, deque[Answered]] = {}
        self.emissions: dict[Place, list[Emission]] = {}
        self.orders: dict[int, list[int]] = {}
        self._edges: dict[int, int] = {}  # by the number of a message that no node has been handed yet
        self._in_hand: set[int] = set()  # of messages that no inbox will see, because nodes had them at the start
        self.end = ""
        self._take: Mapping[type[msgspec.Struct], Callable[..., None]] = {
            Injected: self._note,
            Commanded: self._note_command,
            Refused: lambda record: self._refused.update(record.messages),
            Answered: self._note_answer,
            Emitted: self._note_emission,
            Invoked: self._note_invocation,
            Fired: self._note_firing,
            Lost: _refuse_lost,
        }

    def begin_from(self, checkpoint: Checkpoint) -> None:
        """Begin with what was there at a moment; before any record."""
        for state in checkpoint.nodes:
            waiting = {message.sequence: message.edge for message in state.waiting if message.sequence}
            self._edges.update(waiting)
            self._in_hand.update(message.sequence for taken in state.taken for message in taken.messages)

    def take(self, record: Record) -> None:
        """Take one more record."""
        take = self._take.get(type(record))
        if take is not None:
            take(record)

    def _note(self, record: Injected) -> None:
        _check_json(record.value)
        self._done.append(record)

    def _note_command(self, record: Commanded) -> None:
        kind, _, state = record.command.partition(" ")
        if kind == "state":
            self.end = state
        self._done.append(record)

    def _note_answer(self, record: Answered) -> None:
        for _, value in record.emissions:
            _check_json(value)
        self.answers.setdefault((record.node, record.port, record.value), deque()).append(record)

    def _note_emission(self, record: Emitted) -> None:
        source = record.node, record.port
        if record.edge >= 0:
            self._edges[record.number] = record.edge
            target = self._head.edges[record.edge].target
            if self._targets.setdefault(source, target) != target:
                return
        node = self._head.nodes[record.node]
        emissions = self.emissions.setdefault((node.id, node.outputs[record.port]), [])
        emissions.append(Emission(record.number, record.value))

    def _note_invocation(self, record: Invoked) -> None:
        if record.cause not in self._in_hand:
            self.orders.setdefault(record.node, []).append(self._edges.pop(record.cause, NO_EDGE))

    def _note_firing(self, record: Fired) -> None:
        if not record.is_last:
            self._done.append(record)

    def steps(self) -> Iterator[Step]:
        """Yield what was done; messages that were injected in one moment together."""
        messages: list[Injection] = []
        at, first = 0.0, 0
        for record in self._done:
            if not isinstance(record, Injected) or record.at != at:
                yield Step(at, first, tuple(messages))
                messages = []
            if isinstance(record, Commanded):
                yield Step(record.at, record.number, command=record.command)
            elif isinstance(record, Fired):
                yield Step(record.at, record.number, command=FIRED)
            elif record.number not in self._refused:
                if not messages:
                    at, first = record.at, record.number
                messages.append(self._injection(record))
        yield Step(at, first, tuple(messages))

    def _injection(self, record: Injected) -> Injection:
        node = self._head.nodes[record.node]
        return Injection(node.id, node.inputs[record.port], msgspec.Raw(record.value), NAMES[record.lane])


def _refuse_lost(record: Lost) -> None:
    raise RecordingError(f"{record.count} records before record {record.number} were lost")


def _check_json(value: bytes) -> None:
    """Refuse a value that is no JSON: whoever has written the file may have put anything there.

    Raises:
        RecordingError: it is none.
    """
    try:
        check_value(value)
    except ForeignError as error:
        raise RecordingError(str(error)) from error
