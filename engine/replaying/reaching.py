"""A moment of a recording, reached by running it again up to there: the execution as a checkpoint.

The run begins with the nearest checkpoint before, or with the execution. Nodes take one message at a time and none
run as one, so the moment is just behind the record that names it: a value that has begun its way waits where it
leads, and nobody has been handed it yet. Between two steps of tasks everything is somewhere, so there it is cut.

Numbers of the run are its own. Those of what waits are known by place: the tenth value along an edge is the tenth.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint, NodeState
from engine.contracts.handler import Message
from engine.contracts.observer import FlowObserver
from engine.contracts.surroundings import Vault
from engine.cooperative.slices import Steps, in_slices
from engine.documents.mask import Mask
from engine.errors import EngineError, IllegalTransitionError
from engine.execution.execution import Execution
from engine.journal.head import Head, decode_head
from engine.journal.moment import Moment, Waiting, read_moment, waiting
from engine.journal.records import Checkpointed, Commanded, Emitted, Injected, Record, Refused, Revised
from engine.journal.shape import RecordingError
from engine.replaying.budget import REPLAY_BYTES, Budget
from engine.replaying.recorded_vault import recorded_vault
from engine.replaying.rerun import run_script
from engine.replaying.script import Step, checkpoint_in, read_script, seconds_of
from engine.testing.simulated_time import SimulatedTime


class Reached(msgspec.Struct, frozen=True):
    """A moment that was reached.

    Attributes:
        checkpoint: the execution at that moment.
        numbers: what waits in it, by the numbers that were recorded, with those that it has here.
        states: what its nodes keep by key, as JSON texts.
        last: the last value along each edge, with its number, as far as the run knows it.
        seconds: when it was, after the recording began.
        at: the number of the record that was reached.
        since: the number of the checkpoint that the run began with; 0 where it began with the execution.
        mask: of the secrets that the run used.
    """

    checkpoint: Checkpoint
    numbers: dict[int, int]
    states: dict[str, dict[str, bytes]]
    last: dict[int, Waiting] = {}
    seconds: float = 0.0
    at: int = 0
    since: int = 0
    mask: Mask | None = None


async def reach(
    head: Head,
    records: Callable[[], Iterable[Record]],
    time: SimulatedTime,
    at: int,
    vault: Vault | None = None,
    limit_bytes: int = REPLAY_BYTES,
) -> Reached:
    """Run a recording again up to the record of a number. The clock of the program must be ``time.clock``.

    Args:
        head: of the recording.
        records: gives them in order, from the beginning each time; or from that of a checkpoint before ``at``.
        time: of the run.
        at: the number; of records that are none of inputs, emissions and commands, the last one before it counts.
        vault: the variables and secrets that the graph may name.
        limit_bytes: what may be kept of the recording and of the run.

    Raises:
        RecordingError: that moment cannot be reached.
    """
    found = nearest(records(), at)
    begins_from = None
    if found is not None:
        begins_from = await checkpoint_in(found)
    first = 0 if begins_from is None else begins_from.sequence
    head = _head_at(head, records(), first)
    target = _Target(head)
    for record in records():
        if record.number > at:
            break
        if record.number < first:
            continue
        if isinstance(record, Revised) and not record.is_again:
            raise RecordingError(
                f"it was reloaded at {record.number}, and has no checkpoint between that and {at}"
            )
        target.take(record)
    if not target.number:
        if begins_from is None or found is None:
            raise RecordingError(f"nothing has happened by {at}")
        return Reached(
            with_offered(begins_from),
            _own_numbers(begins_from),
            {},
            seconds=seconds_of(head, begins_from),
            at=begins_from.sequence - 1,
            since=found.number,
        )
    budget, around = Budget(limit_bytes), recorded_vault(head, vault)
    script = read_script(head, records(), at, budget, begins_from)
    stop = _Reaching(target, time)
    trio.lowlevel.add_instrument(stop)
    try:
        await run_script(script, time, vault=around, budget=budget, stop=stop)
    finally:
        trio.lowlevel.remove_instrument(stop)
    steps = stop.found()
    checkpoint = with_offered(await in_slices(steps))
    numbers = {} if begins_from is None else _own_numbers(begins_from)
    here = _own_numbers(checkpoint)
    known = {**numbers, **stop.numbers}
    return Reached(
        checkpoint,
        {recorded: own for recorded, own in known.items() if own in here},
        stop.states,
        stop.last,
        target.seconds,
        target.number,
        0 if found is None else found.number,
        stop.mask,
    )


def moment_in(head: Head, reached: Reached) -> Moment:
    """Return a moment that was reached as it is shown."""
    moment = Moment(head)
    recorded = {own: number for number, own in reached.numbers.items()}
    moment.begin_from(reached.checkpoint, recorded, with_hands=True)
    for node, known in zip(head.nodes, moment.nodes, strict=True):
        known.state = reached.states.get(node.id, known.state if reached.since else {})
    moment.last = reached.last
    if reached.mask is not None:
        moment.hide(reached.mask)
    moment.number, moment.seconds, moment.since = reached.at, reached.seconds, reached.since
    if len(recorded) < sum(len(queue) for queue in moment.queues.values()):
        moment.note("some of what waits has other numbers than it was recorded with")
    return moment


def _head_at(head: Head, records: Iterable[Record], first: int) -> Head:
    """Return the head of what ran when a record came: it may have been reloaded before."""
    for record in records:
        if isinstance(record, Revised) and (record.number < first or record.is_again):
            later = decode_head(record.head)
            head = msgspec.structs.replace(later, began_ms=head.began_ms, is_from_start=head.is_from_start)
        elif record.number >= first and not isinstance(record, Checkpointed):
            break
    return head


async def look_at(
    head: Head,
    records: Callable[[], Iterable[Record]],
    chunks: Callable[[], AsyncGenerator[bytes]],
    time: SimulatedTime,
    at: int,
    vault: Vault | None = None,
) -> tuple[Moment, bool]:
    """Return the moment behind a record, and whether it was run again up to there: as its level needs it.

    Args:
        head: of the recording.
        records: as for ``reach``.
        chunks: gives those of the same records.
        time: of a run; the clock of the program must be ``time.clock``.
        at: the number of the record.
        vault: the variables and secrets that the graph may name.

    Raises:
        RecordingError: that moment cannot be reached, or the recording is damaged.
    """
    if head.level != "full":
        return moment_in(head, await reach(head, records, time, at, vault)), True
    found = nearest(records(), at)
    since = None if found is None else (found.number, found.sequence)
    return await read_moment(head, chunks(), at, since=since, is_whole=head.is_from_start), False


def nearest(records: Iterable[Record], at: int) -> Checkpointed | None:
    """Return the last checkpoint whose moment is at or before the record of a number; None where there is none."""
    found = None
    for record in records:
        if isinstance(record, Checkpointed) and record.sequence <= at + 1 and record.body:
            found = record
    return found


def with_offered(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint in which what waited to be accepted waits before its nodes: it was accepted later."""
    offered: dict[str, list[Message]] = {}
    for node_id, message in checkpoint.offered:
        offered.setdefault(node_id, []).append(message)
    if not offered:
        return checkpoint
    nodes = tuple(
        msgspec.structs.replace(state, waiting=(*state.waiting, *offered.get(state.id, ())))
        for state in checkpoint.nodes
    )
    return msgspec.structs.replace(checkpoint, nodes=nodes, offered=())


def waiting_in(state: NodeState) -> Sequence[Message]:
    """Return the messages of a node that nobody has begun with: before it, and in its hand."""
    in_hand = [message for taken in state.taken for message in taken.messages[len(taken.outcomes) :]]
    return [*state.waiting, *in_hand]


def _own_numbers(checkpoint: Checkpoint) -> dict[int, int]:
    own = {message.sequence for state in checkpoint.nodes for message in waiting_in(state)}
    own.update(message.sequence for _, message in (*checkpoint.held, *checkpoint.offered))
    return {number: number for number in own if number}


class _Target:
    """The record that a run is to reach, and what comes at each place up to there.

    Args:
        head: of the recording.

    Attributes:
        number: that of the record; 0 as long as there is none.
        seconds: when that was.
        command: what is told then, where it is a command.
        coming: the numbers of what is injected, of what goes along each edge, and of what leaves each port of the
            graph, in order.
    """

    def __init__(self, head: Head) -> None:
        self._head = head
        self.number = 0
        self.seconds = 0.0
        self.command = ""
        self.coming: dict[Hashable, deque[int]] = {}

    def take(self, record: Record) -> None:
        """Take a record."""
        if isinstance(record, Injected):
            self._note((), record)
        elif isinstance(record, Emitted):
            node = self._head.nodes[record.node]
            self._note(record.edge if record.edge >= 0 else (node.id, node.outputs[record.port]), record)
        elif isinstance(record, Commanded) and record.command in _COMMANDS:
            self.number, self.seconds, self.command = record.number, record.at, record.command
        elif isinstance(record, Refused):
            refused = set(record.messages)
            self.coming[()] = deque(number for number in self.coming.get((), ()) if number not in refused)

    def _note(self, place: Hashable, record: Injected | Emitted) -> None:
        self.coming.setdefault(place, deque()).append(record.number)
        self.number, self.seconds, self.command = record.number, record.at, ""


_COMMANDS = ("pause", "resume", "complete")


class _Reaching(trio.abc.Instrument):
    """The stop of a run at a target.

    Args:
        target: it.
        time: of the run.

    Attributes:
        observer: hears what happens.
        numbers: of what came, by the recorded ones.
        states: of the nodes, at the moment of the cut.
        last: the last value along each edge.
    """

    def __init__(self, target: _Target, time: SimulatedTime) -> None:
        self.observer: FlowObserver = _Hearing(self._hear)
        self.numbers: dict[int, int] = {}
        self.states: dict[str, dict[str, bytes]] = {}
        self.last: dict[int, Waiting] = {}
        self._target = target
        self._time = time
        self._scope = trio.CancelScope()
        self._execution: Execution | None = None
        self._is_reached = False
        self._steps: Steps[Checkpoint] | None = None
        self._error: EngineError | None = None

    @property
    def scope(self) -> trio.CancelScope:
        return self._scope

    def begin(self, execution: Execution) -> None:
        self._execution = execution

    def note_step(self, step: Step) -> None:
        self._is_reached = self._is_reached or (step.first == self._target.number and bool(step.command))

    def _hear(self, place: Hashable, message: Message | None) -> None:
        coming = self._target.coming.get(place)
        number = 0 if message is None else message.sequence
        if message is not None and isinstance(place, int):
            recorded = coming[0] if coming else number
            self.last[place] = waiting(recorded, message.value, message.lane)
        if coming:
            recorded = coming.popleft()
            self.numbers[recorded] = number
            if recorded == self._target.number and self._execution is not None:
                self._is_reached = True
                self._execution.shared.gate.bar()  # the present call ends, and no other begins

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Cut, where the target was reached in the step: now everything is somewhere."""
        del task
        if not self._is_reached or self._steps is not None or self._error is not None or self._execution is None:
            return
        try:
            self._steps = self._execution.cut()
        except IllegalTransitionError as error:
            self._error = error
        else:
            for each in self._execution.instances:
                state = each.handlers[0].innermost().state() if each.handlers else {}
                if state:
                    self.states[each.node.id] = dict(state)
        self._scope.cancel()

    @property
    def mask(self) -> Mask | None:
        """The mask of the secrets that the run uses."""
        return None if self._execution is None else self._execution.shared.mask

    def found(self) -> Steps[Checkpoint]:
        """Return the steps that make the checkpoint.

        Raises:
            RecordingError: there was no such moment in the run.
        """
        if self._steps is not None:
            return self._steps
        if self._error is not None:
            raise RecordingError(f"it had not begun or had ended by then: {self._error}")
        raise RecordingError(f"what was recorded as {self._target.number} has not come again")


class _Hearing(FlowObserver):
    """An observer of what comes where.

    Args:
        hear: is told the place, and the message; None of what leaves the graph.
    """

    def __init__(self, hear: Callable[[Hashable, Message | None], None]) -> None:
        self._hear = hear

    def injected(self, messages: Sequence[Message], cause: str) -> None:
        del cause
        for message in messages:
            self._hear((), message)

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        del node_id, port, target_node, target_port
        self._hear(message.edge, message)

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        del value
        self._hear((node_id, port), None)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        del value, lane
        self._hear((node_id, port), None)


def edited(reached: Reached, values: Mapping[int, bytes]) -> tuple[Checkpoint, list[int]]:
    """Return the checkpoint of a moment with other values in what waits, and the numbers of what waits nowhere."""
    wanted: dict[int, bytes] = {}
    lacking = []
    for number, value in values.items():
        own = reached.numbers.get(number)
        if own is None:
            lacking.append(number)
        else:
            wanted[own] = value
    checkpoint = reached.checkpoint
    if not wanted:
        return checkpoint, lacking

    def changed(message: Message) -> Message:
        value = wanted.get(message.sequence)
        return message if value is None else msgspec.structs.replace(message, value=value)

    nodes = []
    for state in checkpoint.nodes:
        taken = []
        for each in state.taken:
            done = len(each.outcomes)
            messages = (*each.messages[:done], *map(changed, each.messages[done:]))
            taken.append(msgspec.structs.replace(each, messages=messages))
        waiting = tuple(map(changed, state.waiting))
        nodes.append(msgspec.structs.replace(state, waiting=waiting, taken=tuple(taken)))
    held: Any = tuple((node_id, changed(message)) for node_id, message in checkpoint.held)
    return msgspec.structs.replace(checkpoint, nodes=tuple(nodes), held=held), lacking
