"""An execution just behind one of its records, put together of what was noted: queues, states, counts.

It begins with the start of the execution or with a checkpoint, and each record changes it. That needs every value
on every edge, so it is for recordings that are ``full``; of others a moment is reached by running them again.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint, NodeState
from engine.checkpoint.encoding import decoded
from engine.contracts.handler import NO_EDGE, Message
from engine.cooperative.slices import in_slices
from engine.documents.mask import Mask
from engine.errors import EngineError
from engine.journal.head import Head, decode_head
from engine.journal.records import (
    Checkpointed,
    Commanded,
    Dropped,
    Emitted,
    Failed,
    Injected,
    Invoked,
    Lost,
    Reader,
    Record,
    Refused,
    Revised,
    Written,
)
from engine.journal.shape import RecordingError

SHOWN_BYTES = 64 * 1024
"""Bytes of a value that is shown; of a larger one its size is."""

_MOST_NOTES = 20
_STATES = {"pause": "paused", "resume": "running"}
_OWN_COMMANDS = ("complete", *_STATES)


class Waiting(NamedTuple):
    """A value that waits, or that was the last one; without its text where that is large."""

    number: int
    size_bytes: int
    value: bytes | None
    lane: int


class NodeMoment(msgspec.Struct):
    """A node at the moment.

    Attributes:
        invocations: of its handler.
        emitted: values that have left it.
        errors: invocations that have failed.
        held: messages that its handler holds; None where nobody knows.
        state: what it keeps by key; None where nobody knows.
    """

    invocations: int = 0
    emitted: int = 0
    errors: int = 0
    held: int | None = None
    state: dict[str, bytes] | None = None


class Moment:
    """The moment, as far as its records have been taken.

    Args:
        head: of the recording.
        is_whole: whether nothing is lacking before the first record that is taken.

    Attributes:
        head: of the graph that records speak of now.
        number: of the last record.
        seconds: when that was, after the recording began.
        nodes: by index.
        queues: what waits, by node and edge, and by number, in order.
        sent: values that have begun their way, by edge.
        last: the last of them, by edge.
        state: of the execution.
        injected: messages that have gone in.
        outputs: values that have left the graph.
        since: the number of the checkpoint that it began with; 0 without.
    """

    def __init__(self, head: Head, *, is_whole: bool = True) -> None:
        self.head = head
        own = {str(each.get("id")) for each in head.components}
        self.number = 0
        self.seconds = 0.0
        self.nodes = [
            NodeMoment(state={} if is_whole and base_id(node.component) in own else None) for node in head.nodes
        ]
        self.queues: dict[tuple[int, int], dict[int, Waiting]] = {}
        self.sent = [0] * len(head.edges)
        self.last: dict[int, Waiting] = {}
        self.state = "initializing" if is_whole else "running"
        self.injected = self.outputs = self.since = 0
        self._notes: dict[str, None] = {}
        self._where: dict[int, tuple[int, int]] = {}
        # By output port: the edge whose values are counted, because a value leaves once by all of its edges.
        self._first_edge = _first_edges(head)
        if not is_whole:
            self.note("the beginning is lacking: counts, queues and states are those since then")

    @property
    def notes(self) -> list[str]:
        """Sentences about what may not have been so."""
        return list(self._notes)

    def note(self, text: str) -> None:
        """Say that something may not have been so."""
        if len(self._notes) < _MOST_NOTES:
            self._notes[text] = None

    # A checkpoint

    def begin_from(
        self, checkpoint: Checkpoint, numbers: Mapping[int, int] | None = None, *, with_hands: bool = False
    ) -> None:
        """Be as a checkpoint says.

        Args:
            checkpoint: of the graph that was recorded.
            numbers: by which its messages are known; those that they have in it where absent.
            with_hands: whether what nodes have in hand, and have not begun, waits before them.
        """
        index_of = {node.id: index for index, node in enumerate(self.head.nodes)}
        numbers = {} if numbers is None else numbers
        for state in checkpoint.nodes:
            index = index_of.get(state.id)
            if index is None:
                continue
            self._begin_node(index, state)
            in_hand = [each for taken in state.taken for each in taken.messages[len(taken.outcomes) :]]
            for message in (*(in_hand if with_hands else ()), *state.waiting):
                self._wait(index, message, numbers)
        for node_id, message in (*checkpoint.held, *checkpoint.offered):
            if node_id in index_of:
                self._wait(index_of[node_id], message, numbers)
        for edge, counted in enumerate(checkpoint.edges[: len(self.sent)]):
            self.sent[edge] = counted.sent
        self.outputs = checkpoint.outputs
        self.state = "paused" if checkpoint.is_paused else "running"
        self.number = checkpoint.sequence - 1

    def _begin_node(self, index: int, state: NodeState) -> None:
        node, counters = self.nodes[index], state.counters
        node.invocations, node.emitted, node.errors = counters.invocations, counters.emitted, counters.errors
        node.held = state.held
        rest = None if state.handler is None else state.handler.rest
        if node.state is not None and isinstance(rest, dict):
            try:
                node.state = msgspec.convert(rest, dict[str, bytes])
            except msgspec.ValidationError:
                node.state = None

    def _wait(self, node: int, message: Message, numbers: Mapping[int, int]) -> None:
        number = numbers.get(message.sequence, message.sequence)
        edge = message.edge if 0 <= message.edge < len(self.sent) else NO_EDGE
        self._put(node, edge, waiting(number, message.value, message.lane))

    def hide(self, mask: Mask) -> None:
        """Let no secret be seen in it."""
        for queue in (*self.queues.values(), self.last):
            for key, each in queue.items():
                if each.value is not None:
                    queue[key] = each._replace(value=mask.json(each.value))
        for node in self.nodes:
            node.state = node.state and {mask.text(key): mask.json(value) for key, value in node.state.items()}

    # Records

    def take(self, record: Record) -> None:  # noqa: PLR0912 - one for each kind that changes something
        """Let something happen."""
        self.number, self.seconds = record.number, record.at
        match record:
            case Injected():
                self.injected += 1
                self._put(record.node, NO_EDGE, waiting(record.number, record.value, record.lane))
            case Emitted():
                self._emit(record)
            case Invoked():
                self.nodes[record.node].invocations += 1
                self._remove(record.cause)
                self.nodes[record.node].held = None
            case Written():
                self._write(record)
            case Failed():
                self.nodes[record.node].errors += 1
            case Dropped():
                for number in record.messages:
                    self._remove(number)
            case Refused():
                self.injected -= len(record.messages)
                for number in record.messages:
                    self._remove(number)
            case Commanded():
                self._obey(record.command)
            case Lost():
                self.note(f"{record.count:,} records before {record.number} were lost")
            case Revised():
                self.revise(decode_head(record.head))
            case _:
                pass

    def revise(self, head: Head) -> None:
        """Speak of another graph from now on; what waits on an edge that is gone came along no edge."""
        former, self.head = self.head, head
        known = {node.id: self.nodes[index] for index, node in enumerate(former.nodes)}
        self.nodes = [known.get(node.id) or NodeMoment(state={}) for node in head.nodes]
        index_of = {node.id: index for index, node in enumerate(head.nodes)}
        edge_of = {_ends(head, index): index for index in range(len(head.edges))}
        moved = {index: edge_of.get(_ends(former, index), NO_EDGE) for index in range(len(former.edges))}
        sent, last, queues = self.sent, self.last, self.queues
        self.sent, self.last, self.queues = [0] * len(head.edges), {}, {}
        self._where.clear()
        for edge, there in moved.items():
            if there >= 0:
                self.sent[there] = sent[edge]
                if edge in last:
                    self.last[there] = last[edge]
        for (node, edge), queue in queues.items():
            index = index_of.get(former.nodes[node].id)
            if index is None:
                continue
            for value in queue.values():
                self._put(index, moved.get(edge, NO_EDGE), value)
        self._first_edge = _first_edges(head)

    def _emit(self, record: Emitted) -> None:
        edge = record.edge
        if edge < 0:
            self.outputs += not record.is_error
            self.nodes[record.node].emitted += not record.is_error
            return
        value = waiting(record.number, record.value, record.lane)
        self.nodes[record.node].emitted += self._first_edge[record.node, record.port] == edge
        self.sent[edge] += 1
        self.last[edge] = value
        self._put(self.head.edges[edge].target[0], edge, value)

    def _write(self, record: Written) -> None:
        node = self.nodes[record.node]
        if node.state is None:
            node.state = {}
            self.note(f"of the state of {self.head.nodes[record.node].id} only what was set since is known")
        if record.value:
            node.state[record.key] = record.value
        else:
            node.state.pop(record.key, None)

    def _obey(self, command: str) -> None:
        kind, _, state = command.partition(" ")
        if kind == "state":
            self.state = state
        elif command in _OWN_COMMANDS:
            self.state = _STATES.get(command, self.state)
        else:
            self.note(f"somebody gave the command {kind[:100]} by hand; what waits may have been other messages")

    def _put(self, node: int, edge: int, value: Waiting) -> None:
        self.queues.setdefault((node, edge), {})[value.number] = value
        self._where[value.number] = node, edge

    def _remove(self, number: int) -> None:
        where = self._where.pop(number, None)
        if where is not None:
            self.queues[where].pop(number, None)


def _first_edges(head: Head) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for index, edge in enumerate(head.edges):
        found.setdefault(edge.source, index)
    return found


def _ends(head: Head, index: int) -> tuple[str, str, str, str]:
    """Return the ends of an edge by name."""
    edge = head.edges[index]
    (source, out), (target, into) = edge.source, edge.target
    from_node, to_node = head.nodes[source], head.nodes[target]
    return from_node.id, from_node.outputs[out], to_node.id, to_node.inputs[into]


def waiting(number: int, value: bytes, lane: int) -> Waiting:
    """Return a value as it is remembered."""
    return Waiting(number, len(value), value if len(value) <= SHOWN_BYTES else None, lane)


def base_id(component: str) -> str:
    """Return the id of a component without the version that a node asks for."""
    return component.partition("@")[0]


async def read_moment(
    head: Head,
    chunks: AsyncGenerator[bytes],
    at: int,
    *,
    since: tuple[int, int] | None = None,
    is_whole: bool = True,
) -> Moment:
    """Put the moment behind the record of a number together; of one behind that of the last, the last.

    Args:
        head: of the recording, which is ``full``.
        chunks: of it, from one on that can be read by itself.
        at: the number.
        since: the number of the checkpoint to begin with, which is among the chunks, and that of its moment.
        is_whole: without a checkpoint, whether nothing is lacking before the first chunk.

    Raises:
        RecordingError: it is damaged.
    """
    moment = Moment(head, is_whole=is_whole or since is not None)
    reader = Reader(head.shape)
    early: list[Record] | None = None if since is None else []
    async with aclosing(chunks):
        async for body in chunks:
            for record in reader.read(body):
                if since is not None and record.number < since[1] and record.number != since[0]:
                    if isinstance(record, Revised):
                        moment.revise(decode_head(record.head))
                    continue
                if since is not None and early is not None:
                    if record.number != since[0]:
                        early.append(record)  # it came while the checkpoint was made
                        continue
                    await _begin(moment, record)
                    moment.since = record.number
                    ready, early = early, None
                    for each in ready:
                        if each.number <= at:
                            moment.take(each)
                    continue
                if record.number > at:
                    return moment
                moment.take(record)
            await trio.lowlevel.checkpoint()
    if early is not None:
        raise RecordingError("its checkpoint is not where it should be")
    return moment


async def _begin(moment: Moment, record: Any) -> None:
    if not isinstance(record, Checkpointed):
        raise RecordingError(f"record {record.number} is no checkpoint")
    try:
        moment.begin_from(await in_slices(decoded(record.body)))
    except EngineError as error:
        raise RecordingError(f"its checkpoint {record.number} cannot be used: {error}") from error
