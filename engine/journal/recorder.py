"""The recorder of one execution: it takes note of what happens, and hands on chunks of bytes.

It is called in the midst of the engine's work, so it does as little as it can: messages that are injected become
bytes together, in one call, and of everything else a tuple is kept until a chunk is full. Nothing is looked up
that whoever reads can look up.

Which message a value follows from is known by the task that sends it. A task calls a handler with a batch and then
sends what came of it, in order; so what each message of the batch has emitted is counted when the handler returns,
and used up as its values leave.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import NO_EDGE, HandlerError, LogLine, Message, Outcome, Writes
from engine.contracts.observer import FlowObserver
from engine.cooperative.slices import Steps, at_once, in_slices
from engine.documents.mask import Mask
from engine.journal.checkpointing import Checkpointing
from engine.journal.records import LARGE_BYTES, digest_of, encode_chunk
from proto.edge import DropReason
from proto.graph import Recording as Level

CHUNK_BYTES = 64 * 1024
"""Bytes of a chunk, roughly: a thousand notes of small values, encoded in a fraction of a millisecond."""

NOTE_BYTES = 48
"""Bytes of a note beside its value, and somewhat more than it becomes."""

_MESSAGE_BYTES = 16
"""Bytes of a message that was injected together with others beside its value."""

SEGMENT_BYTES = 1024 * 1024
"""Bytes after which large values are written out again: what comes before may be let go of as a whole."""

_BLOB, _INJECTED, _EMITTED, _INVOKED, _WRITTEN, _FIRED, _ANSWERED = range(7)
_LOGGED, _FAILED, _COMMANDED, _LOST, _REFUSED, _MADE = range(7, 13)
_REVISED, _DROPPED, _CHECKPOINTED = range(13, 16)


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A part of a recording.

    Attributes:
        first: the number of its first record.
        last: that of its last one.
        body: its bytes (``engine.journal.records``).
        begins_segment: whether it can be read without those before it.
        moment: of a checkpoint, which is alone in its chunk, the number up to which everything is in it; 0 of
            other records.
    """

    first: int
    last: int
    body: bytes
    begins_segment: bool = False
    moment: int = 0


class Recorder(FlowObserver):
    """The recorder of one execution. At the level ``full`` it is an observer of the execution's flow, too.

    Args:
        level: what is noted.
        graph: of the execution.
        next_number: gives the number of a record.
        keep: takes each chunk that is full.
        mask: of the secrets that the execution uses; None where it uses none.
        describe: makes the head of a recording of another graph that the execution changes to.
        segment_bytes: after which what comes before may be let go of as a whole.

    Attributes:
        checkpointing: hears of what was noted, and takes checkpoints; None where nobody does.
    """

    hears_hops: ClassVar[bool] = True

    def __init__(
        self,
        level: Level,
        graph: LoadedGraph,
        next_number: Callable[[], int],
        keep: Callable[[Chunk], None],
        mask: Mask | None = None,
        describe: Callable[[LoadedGraph], Steps[bytes]] | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.level = level
        self.is_full = level == "full"
        self.checkpointing: Checkpointing | None = None
        self._next = next_number
        self._keep = keep
        self._describe = describe
        self._prepared: tuple[LoadedGraph, bytes] | None = None
        self._head = b""  # of the graph that it has changed to
        self._began = trio.current_time()
        self._notes: list[object] = []
        # Of the notes; no number is 0. Numbers rise, but those of messages that wait for a disk before they go in.
        self._first = self._last = self._sealed = 0
        self._size_bytes = 0
        self._segment_limit = segment_bytes
        self._segment_bytes = segment_bytes  # the first chunk begins a segment
        self._written: set[bytes] = set()  # digests of the segment
        self._causes: dict[object, int | deque[list[int]]] = {}
        self._know(graph, mask)

    def _know(self, graph: LoadedGraph, mask: Mask | None) -> None:
        self._graph = graph
        self.mask = mask
        self._outside = frozenset(node.index for node in graph.nodes if node.reaches_outside)
        self._outputs = [node.output_of for node in graph.nodes]
        self._widths = [[max(1, len(targets)) for targets in node.routes] for node in graph.nodes]

    def number_by(self, next_number: Callable[[], int]) -> None:
        """Let the numbers of records come from here from now on: they are greater than those before."""
        self._next = next_number

    # What happens at any level

    def injected_together(self, located: Sequence[tuple[int, Message]]) -> None:
        """Note messages that go in; they have their numbers."""
        if not located:
            return
        sizes = [len(message.value) for _, message in located]
        size = sum(sizes)
        if self.mask is not None or size > CHUNK_BYTES or max(sizes) > LARGE_BYTES:
            for node, message in located:
                shortened = self._shortened(message)
                note = (_INJECTED, self._now(), ((node, shortened),))
                self._note(note, message.sequence, len(shortened.value))
            return
        last = located[-1][1].sequence
        self._first = self._first or located[0][1].sequence
        self._note((_INJECTED, self._now(), located), last, size + _MESSAGE_BYTES * len(located))

    def refused(self, located: Sequence[tuple[int, Message]]) -> None:
        """Note that some of the messages were not taken in that have been noted."""
        if located:
            number = self._next()
            self._note((_REFUSED, number, self._now(), [message.sequence for _, message in located]), number)

    def fired(self, node: CompiledNode, outcome: Outcome, *, is_last: bool) -> None:
        """Note that a handler gives out something without a message."""
        number = self._next()
        self._note((_FIRED, number, self._now(), node.index, is_last), number)
        if self.is_full:
            made = deque(self._made_of(node, outcome, number)) if outcome.made_from else number
            self._causes[trio.lowlevel.current_task()] = made

    def called(
        self, node: CompiledNode, batch: Sequence[Message], outcomes: Sequence[Outcome], began: float
    ) -> None:
        """Note that a handler has returned: what was answered from outside, and who caused what leaves next."""
        if node.index in self._outside:
            for message, outcome in zip(batch, outcomes, strict=False):
                self._note_answer(node.index, message, outcome, began)
        if not self.is_full:
            return
        if len(batch) == 1 and not outcomes[0].made_from:
            # What leaves next follows from the one message; it may have been told of with one before it.
            self._causes[trio.lowlevel.current_task()] = batch[0].sequence
            return
        widths = self._widths[node.index]
        causes: deque[list[int]] = deque()
        for message, outcome in zip(batch, outcomes, strict=False):
            if outcome.made_from:
                causes += self._made_of(node, outcome, message.sequence)
            elif outcome.emissions:
                causes.append([message.sequence, sum([widths[port] for port, _ in outcome.emissions])])
        self._causes[trio.lowlevel.current_task()] = causes

    def _made_of(self, node: CompiledNode, outcome: Outcome, cause: int) -> Iterator[list[int]]:
        """Note what each emission was made of; yield the number of that, and how often the emission leaves."""
        widths, origins, at = self._widths[node.index], outcome.origins, 0
        for count, (port, _) in zip(outcome.made_from, outcome.emissions, strict=False):
            number = self._next()
            messages = [message.sequence for message in origins[at : at + count]]
            at += count
            self._note((_MADE, number, self._now(), node.index, cause, count, messages), number, 9 * len(messages))
            yield [number, widths[port]]

    def failed(self, node: CompiledNode, message: Message, error: HandlerError) -> None:
        """Note that an invocation has failed; what leaves next is its error."""
        if self.is_full:
            causes = self._causes.get(trio.lowlevel.current_task())
            if isinstance(causes, deque):
                if causes and causes[0][0] == message.sequence:
                    causes.popleft()
                causes.appendleft([message.sequence, self._widths[node.index][node.error_port]])
        number = self._next()
        self._note((_FAILED, number, self._now(), node.index, message.sequence, error.name, error.message), number)

    def commanded(self, command: str) -> None:
        """Note that the execution was told something, or is in another state."""
        number = self._next()
        self._note((_COMMANDED, number, self._now(), command), number)

    def lost(self, count: int) -> int:
        """Note that so many records could not be kept until now; return how many more go with them.

        What comes behind can be read without them.
        """
        more = 0
        if self._written and self._notes:  # they may name values that are lost
            more = self._last - self._first + 1
            self._notes, self._first, self._size_bytes = [], 0, 0
        self._begin_segment()
        number = self._next()
        self._note((_LOST, number, self._now(), count + more), number)
        return more

    async def prepare(self, graph: LoadedGraph) -> None:
        """Make ready for a change to another graph, so that it takes no time when it is made."""
        if self._describe is not None:
            self._prepared = graph, await in_slices(self._describe(graph))

    def revise(self, graph: LoadedGraph, mask: Mask | None) -> None:
        """Note that the execution runs another graph from now on."""
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared[0] is graph:
            self._head = prepared[1]
        elif self._describe is not None:
            self._head = at_once(self._describe(graph))
        self._know(graph, mask)
        self._causes.clear()
        if self._head:
            self._note_head(is_again=False)

    def _note_head(self, *, is_again: bool) -> None:
        number = self._next()
        self._note(
            (_REVISED, number, self._now(), self._head, is_again), number, 0 if is_again else len(self._head)
        )

    def _note_answer(self, node: int, message: Message, outcome: Outcome, began: float) -> None:
        number, error = self._next(), outcome.error
        value = self._shown(message.value)
        emissions = [(port, self._shown(made)) for port, made in outcome.emissions]
        told: tuple[object, ...] | None = None
        if error is not None:
            name, said, details, mask = error.name, error.message, error.details or b"", self.mask
            if mask is not None:  # the error of a request names its address, and whatever key is in it
                name, said, details = mask.text(name), mask.text(said), mask.json(details) if details else b""
            told = (name, said, details, error.is_permanent)
        size = sum([len(made) for _, made in emissions], len(value))
        asked = began - self._began
        element = (
            _ANSWERED,
            number,
            self._now(),
            max(asked, 0.0),
            node,
            message.sequence,
            message.port,
            value,
            emissions,
            told,
        )
        self._note(element, number, size)

    # What happens at the level ``full``, beside that

    def logged(self, node: CompiledNode, line: LogLine) -> None:
        """Note a line that a handler has logged; it is masked and bounded."""
        number = self._next()
        note = (_LOGGED, number, self._now(), node.index, line.level, line.message, line.meta or b"")
        self._note(note, number, len(line.message))

    def wrote(self, node: CompiledNode, batch: Sequence[Message], writes: Sequence[Writes]) -> None:
        """Note what invocations have set in the state; of the messages of a batch, or of none.

        Where there are more invocations than messages, or fewer, nobody says which one wrote what.
        """
        is_known = len(batch) == len(writes)
        for index, of_one in enumerate(writes):
            for key, value in of_one:
                number = self._next()
                cause = batch[index].sequence if is_known else 0
                text = key if self.mask is None else self.mask.text(key)
                shown = b"" if value is None else self._shown(value)
                note = (_WRITTEN, number, self._now(), node.index, cause, text, shown)
                self._note(note, number, len(text) + len(shown))

    def dropped(self, node: CompiledNode, messages: Sequence[Message], reason: DropReason) -> None:
        """Note that a node never gets messages that it was sent."""
        number = self._next()
        sequences = [message.sequence for message in messages]
        note = (_DROPPED, number, self._now(), node.index, reason, sequences)
        self._note(note, number, 9 * len(sequences))

    def invoked_together(self, node_id: str, ports: Sequence[str], batch: Sequence[Message]) -> None:
        del ports
        count = len(batch)
        number = self._next()
        for _ in range(count - 1):
            self._next()
        if count == 1:
            self._causes[trio.lowlevel.current_task()] = batch[0].sequence
        node = self._graph.index_of[node_id]
        self._first = self._first or number
        sequences = [message.sequence for message in batch]
        self._note((_INVOKED, number, self._now(), node, sequences), number + count - 1, 8 * count)

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        del target_node, target_port
        node, value = self._graph.index_of[node_id], message.value
        size = len(value)
        if size > LARGE_BYTES:
            value = self._large(value)
        at, number = trio.current_time() - self._began, message.sequence
        note = (
            _EMITTED,
            number,
            at,
            node,
            self._outputs[node][port],
            message.edge,
            self._cause(),
            value,
            message.lane,
        )
        self._note(note, number, size)

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self._note_output(node_id, port, value, lane, is_error=False)

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        self._note_output(node_id, port, value, lane, is_error=True)

    def _note_output(self, node_id: str, port: str, value: bytes, lane: int, *, is_error: bool) -> None:
        number, node = self._next(), self._graph.index_of[node_id]
        size = len(value)
        if size > LARGE_BYTES:
            value = self._large(value)
        at, index = self._now(), self._outputs[node][port]
        self._note(
            (_EMITTED, number, at, node, index, NO_EDGE, self._cause(), value, lane, is_error), number, size
        )

    def _cause(self) -> int:
        """Return the number of what the next value follows from that leaves by this task."""
        causes = self._causes.get(trio.lowlevel.current_task(), 0)
        if isinstance(causes, int):
            return causes
        while causes and causes[0][1] <= 0:
            causes.popleft()
        if not causes:
            return 0
        causes[0][1] -= 1
        return causes[0][0]

    # Chunks

    def begin_segment(self) -> None:
        """Let what is noted from now on be read without what came before: a checkpoint of this moment follows."""
        self.seal()
        self._begin_segment()

    def checkpointed(self, sequence: int, body: bytes) -> None:
        """Note a checkpoint that was taken when a segment began."""
        self.seal()
        number = self._next()
        self._notes.append((_CHECKPOINTED, number, self._now(), sequence, body))
        self._first, self._last = self._first or number, number
        self.seal(sequence)

    def seal(self, moment: int = 0) -> None:
        """Hand on what has been noted; ``moment`` is that of a checkpoint."""
        if not self._notes:
            return
        body = encode_chunk(self._notes)
        begins = self._segment_bytes >= self._segment_limit
        self._segment_bytes = len(body) - len(self._head) if begins else self._segment_bytes + len(body)
        if self._last <= self._sealed:
            self._last = self._next()
        first, last = min(self._first, self._sealed + 1), self._last
        self._sealed = last
        self._notes, self._first, self._size_bytes = [], 0, 0
        if self._segment_bytes >= self._segment_limit:
            self._begin_segment()
        self._keep(Chunk(first, last, body, begins_segment=begins, moment=moment))
        if self.checkpointing is not None and not moment:
            self.checkpointing.have_come(len(body))

    def _begin_segment(self) -> None:
        """Let the next chunk begin a segment: it can be read without those before it."""
        self._written.clear()
        self._segment_bytes = self._segment_limit
        if self._head:
            self._note_head(is_again=True)

    def _now(self) -> float:
        return trio.current_time() - self._began

    def _note(self, note: object, number: int, size_bytes: int = 0) -> None:
        self._notes.append(note)
        self._first = self._first or number
        self._last = max(self._last, number)
        self._size_bytes += size_bytes + NOTE_BYTES
        if self._size_bytes > CHUNK_BYTES:
            self.seal()

    def _shortened(self, message: Message) -> Message:
        value = self._shown(message.value)
        return message if value is message.value else msgspec.structs.replace(message, value=value)

    def _shown(self, value: bytes) -> bytes:
        """Return a value as it is written: without secrets, and by its digest where it is large."""
        if self.mask is not None:
            value = self.mask.json(value)
        return value if len(value) <= LARGE_BYTES else self._large(value)

    def _large(self, value: bytes) -> bytes:
        """Write a large value, if it has not been; return what stands in its place in this chunk."""
        digest = digest_of(value)
        if digest not in self._written:
            self._written.add(digest)
            self._notes.append((_BLOB, digest, value))
            self._size_bytes += len(value)
        return digest
