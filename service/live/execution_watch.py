"""One watched execution: takes notes while the engine works, and makes chunks of events of them afterwards.

In the engine's midst only a note is taken, in less than a microsecond. Encoding is the business of a task of its
own, which works in slices and rests between two flushes, so that many events go together. Where notes come faster
than that for long, further ones are only counted, before anything is spent on them.
"""

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

import trio

from engine.contracts.handler import Message
from engine.contracts.observer import FlowObserver
from engine.execution.lifecycle import TERMINAL
from engine.runtime import Runtime
from engine.wall_clock import epoch_ms
from proto.codec import encode
from proto.events import (
    ComponentInvoked,
    EventsSkipped,
    ExecutionCompleted,
    ExecutionFailed,
    ExecutionPaused,
    ExecutionResumed,
    ExecutionStarted,
    PortEmit,
    PortOutput,
)
from proto.execution import ExecutionError, ExecutionSnapshot, ExecutionState
from proto.reload import HandledBy
from service.live.encoding import Encoded, FlowEncoder, mark_of
from service.live.feed import Chunk, Feed, FeedMemory, Reader
from service.live.limits import (
    FLUSH_SECONDS,
    NOTE_BYTES,
    NOTES,
    PATIENCE_SECONDS,
    SELECTIONS,
    SLICE_BYTES,
    SLICE_NOTE_BYTES,
    SLICE_NOTES,
)
from service.live.pending_events import Hop, Invocation, Note, OutputEvent, Ready, Whole
from service.live.sampling import Sampler
from service.live.selection import Selection
from service.problems import SubscriptionLimitError

LifecycleEvent = ExecutionStarted | ExecutionPaused | ExecutionResumed | ExecutionCompleted | ExecutionFailed


class Subscriber(Protocol):
    """Somebody who reads a feed."""

    def wake(self) -> None:
        """Hear that there is something to read."""

    def cut(self, reason: str) -> None:
        """Disconnect it, because it is too far behind."""


class View:
    """The feed of one selection, and those who look."""

    def __init__(self, selection: Selection, feed: Feed) -> None:
        self.selection = selection
        self.feed = feed
        self.sampler = Sampler(selection.max_per_second)
        self.is_open = False
        self.is_behind = False
        self.subscribers: dict[Reader, Subscriber] = {}


class _Joined:
    """Here a reader begins: what was noted before it came is not for it."""

    def __init__(self, view: View, reader: Reader) -> None:
        self.view = view
        self.reader = reader


class _Lost:
    """Notes that were not taken here; how many of them each view wanted."""

    def __init__(self) -> None:
        self.counts: dict[View, int] = {}


class ExecutionWatch(FlowObserver):
    """The watch over one execution. ``run`` is its task; it ends with the execution.

    Attributes:
        owner: whose the execution is.
        nodes: of its graph.
        edges: likewise.

    Args:
        execution: as it is now.
        runtime: the real one, to watch the flow where somebody wants it.
        memory: shared by all feeds.
    """

    def __init__(self, execution: ExecutionSnapshot, runtime: Runtime, memory: FeedMemory) -> None:
        self.execution_id = execution.id
        self.owner = runtime.execution(execution.id).owner
        self.nodes = self.edges = 0
        self.is_ended = False
        self.has_newcomer = False
        self.views: dict[Selection, View] = {}
        self.handled_by: dict[str, HandledBy] = {}
        self.marks: dict[str, bytes] = {}
        self.change(runtime.execution(execution.id).handled_by())
        self.busy = trio.CancelScope()
        self._runtime = runtime
        self._memory = memory
        self._account = runtime.ledger.account(self.owner)
        self._flushing = trio.Lock()
        self._is_encoding = False
        self._state = execution.state
        self._encoder = FlowEncoder(execution.id)
        self._notes: deque[Note | _Lost | _Joined] = deque()
        self._waiting_notes = 0
        self._note_bytes = 0
        self._something = trio.Event()
        self._flow = ExitStack()
        self._is_flow_watched = False
        self._wanted: frozenset[str] = frozenset()

    # Who watches

    def subscribe(self, selection: Selection, subscriber: Subscriber) -> tuple[View, Reader]:
        """Let somebody read from now on.

        Raises:
            SubscriptionLimitError: the execution is watched in too many ways.
        """
        view = self.views.get(selection)
        if view is None:
            if len(self.views) >= SELECTIONS:
                raise SubscriptionLimitError(
                    f"Execution {self.execution_id} is watched with {SELECTIONS} different selections already; "
                    "choose what another subscriber has chosen, or come back later"
                )
            view = self.views[selection] = View(selection, Feed(self._memory, self._account))
        reader = view.feed.open_reader()
        view.subscribers[reader] = subscriber
        self.has_newcomer = True
        joined = _Joined(view, reader)
        if self._notes or self._is_encoding:
            self._notes.append(joined)
        else:
            self._begin(joined)
        self._attach()
        return view, reader

    def unsubscribe(self, view: View, reader: Reader) -> None:
        """Let somebody read no more."""
        del view.subscribers[reader]
        view.feed.close_reader(reader)
        if not view.subscribers:
            del self.views[view.selection]
        self._attach()

    def _begin(self, joined: _Joined) -> None:
        view, reader = joined.view, joined.reader
        if reader in view.subscribers:
            view.is_open = True
            view.feed.begin(reader)

    def wants(self, event_name: str) -> bool:
        """Return whether a view shows an event."""
        return event_name in self._wanted

    def _attach(self) -> None:
        """Watch the flow if somebody wants it, and only then: it costs the engine something."""
        self._wanted = frozenset().union(*(selection.events for selection in self.views))
        wants_flow = not self.is_ended and any(selection.wants_flow for selection in self.views)
        if wants_flow and not self._is_flow_watched:
            watching: AbstractContextManager[None] = self._runtime.execution(self.execution_id).watch(self)
            self._flow.enter_context(watching)
        elif self._is_flow_watched and not wants_flow:
            self._flow.close()
        self._is_flow_watched = wants_flow

    def change(self, handled_by: Mapping[str, HandledBy]) -> None:
        """Take note of who handles the messages of nodes from now on."""
        self.handled_by.update(handled_by)
        self.marks.update({node_id: mark_of(by) for node_id, by in handled_by.items()})

    def who_handles(self, node_id: str) -> tuple[str, int]:
        """Return the version and the revision that handle the messages of a node that was changed."""
        by = self.handled_by.get(node_id)
        return ("", 0) if by is None else (by.version, by.revision)

    # Notes, taken in the midst of the engine's work

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        if PortEmit.name in self._wanted:
            source, target = (node_id, port), (target_node, target_port)
            self.note_flow(
                Hop(source, target, message, epoch_ms(), trio.current_time(), self.marks.get(node_id, b""))
            )

    def emitted(self, node_id: str, port: str, value: bytes) -> None:
        if PortOutput.name in self._wanted:
            mark = self.marks.get(node_id, b"")
            self.note_flow(OutputEvent((node_id, port), value, epoch_ms(), trio.current_time(), mark))

    def invoked(self, node_id: str, port: str, message: Message) -> None:
        del message
        if ComponentInvoked.name in self._wanted:
            mark = self.marks.get(node_id, b"")
            self.note_flow(Invocation((node_id, port), epoch_ms(), trio.current_time(), mark))

    def note_flow(self, note: Note) -> None:
        """Take a note, or only count it where too many wait."""
        size = note.size
        is_full = self._waiting_notes >= NOTES or self._note_bytes > NOTE_BYTES
        if is_full or not self._memory.has_room(self._account, size):
            self._lose(note)
            return
        self._waiting_notes += 1
        self._note_bytes += size
        self._memory.hold(self._account, size)
        self._notes.append(note)
        if self._waiting_notes == 1:
            self._something.set()

    def _lose(self, note: Note) -> None:
        last = self._notes[-1] if self._notes else None
        if not isinstance(last, _Lost):
            last = _Lost()
            self._notes.append(last)
            self._something.set()
        for view in self.views.values():
            if note.is_wanted(view.selection):
                last.counts[view] = last.counts.get(view, 0) + 1

    def note_state(self, execution: ExecutionSnapshot) -> None:
        """Note that the execution entered another state."""
        event = lifecycle_event(execution, self._state)
        self._state = execution.state
        self.is_ended = execution.state in TERMINAL
        if event is not None:
            self._notes.append(Whole(event, is_lifecycle=True, is_last=self.is_ended))
            self._something.set()
        if self.is_ended:
            self._attach()

    def note_whole(self, note: Whole | Ready) -> None:
        """Note an event of the whole execution, of those that come at a bounded rate."""
        if not self.is_ended:
            self._notes.append(note)
            self._something.set()

    def cut_all(self, reason: str) -> None:
        """Disconnect everybody who watches, because nothing can be told any more."""
        for view in self.views.values():
            for subscriber in tuple(view.subscribers.values()):
                subscriber.cut(reason)

    # Chunks

    async def run(self) -> None:
        """Make chunks of the notes, until the execution has ended and all of them are made."""
        try:
            await self._run()
        finally:
            self._memory.release(self._account, self._note_bytes)
            self._note_bytes = 0
            self._notes.clear()

    async def _run(self) -> None:
        with self.busy, self._flow:
            while not (self.is_ended and not self._notes):
                await self._something.wait()
                self._something = trio.Event()
                await self.flush()
                if not self.is_ended:
                    await trio.sleep(FLUSH_SECONDS)

    async def flush(self) -> None:
        """Encode what waits, in slices, not faster than those read who do read."""
        async with self._flushing:
            while self._notes:
                await self._encode_some()
                for view in tuple(self.views.values()):
                    await self._wait_read(view)

    @staticmethod
    async def _wait_read(view: View) -> None:
        """Let a view's readers catch up, for a moment; wait no more for one that did not, until it has."""
        if not view.feed.is_crowded:
            view.is_behind = False
        elif not view.is_behind:
            with trio.move_on_after(PATIENCE_SECONDS) as patience:
                while view.feed.is_crowded:  # noqa: ASYNC110 - readers tell nobody that they have read
                    await trio.sleep(PATIENCE_SECONDS / 20)
            view.is_behind = patience.cancelled_caught

    async def _encode_some(self) -> None:
        """Make a chunk of the next notes, for one view after the other; who comes meanwhile is not shown it."""
        self._is_encoding = True
        try:
            notes = self._next_slice()
            await self._show_all(notes)
        finally:
            self._is_encoding = False
        await trio.lowlevel.checkpoint()

    async def _show_all(self, notes: "list[Note | _Lost]") -> None:
        work = len(notes) + sum(0 if isinstance(note, _Lost) else note.size for note in notes) // SLICE_NOTE_BYTES
        first = notes[0] if notes else None
        is_lifecycle = isinstance(first, Whole) and first.is_lifecycle
        is_last = isinstance(first, Whole) and first.is_last
        done = 0
        for view in tuple(self.views.values()):
            if view.is_open and view.subscribers:
                self._show(view, notes, is_lifecycle=is_lifecycle, is_last=is_last)
                done += work
                if done >= SLICE_NOTES:
                    done = 0
                    await trio.lowlevel.checkpoint()

    def _next_slice(self) -> list[Note | _Lost]:
        """Return the notes that go into one chunk: some of the flow, or one lifecycle event alone."""
        notes: list[Note | _Lost] = []
        room = SLICE_BYTES
        while self._notes and len(notes) < SLICE_NOTES:
            note = self._notes[0]
            is_lifecycle = isinstance(note, Whole) and note.is_lifecycle
            room -= 0 if isinstance(note, _Lost | _Joined) else note.size
            if notes and (is_lifecycle or isinstance(note, _Joined) or room < 0):
                break
            self._notes.popleft()
            if isinstance(note, _Joined):
                self._begin(note)
                continue
            notes.append(note)
            if is_lifecycle:
                break
            if not isinstance(note, _Lost | Whole | Ready):
                self._note_bytes -= note.size
                self._memory.release(self._account, note.size)
                self._waiting_notes -= 1
        return notes

    def _show(self, view: View, notes: list[Note | _Lost], *, is_lifecycle: bool, is_last: bool) -> None:
        events: list[Encoded] = []
        lost = 0
        for note in notes:
            if isinstance(note, _Lost):
                lost += note.counts.get(view, 0)
            elif note.is_wanted(view.selection):
                event = note.encoded(self._encoder, view.selection, view.sampler)
                if event is not None:
                    events.append(event)
        if is_last:
            events = [*self._sampled(view), *events]
        if not events and not lost:
            return
        chunk = Chunk(events, is_lifecycle=is_lifecycle, is_last=is_last)
        chunk.lost = lost
        for reader in view.feed.append(chunk):
            view.subscribers[reader].cut("too many lifecycle events wait for it")
        for subscriber in view.subscribers.values():
            subscriber.wake()

    def _sampled(self, view: View) -> list[Encoded]:
        """Return the count of what the sampling left out last, which no further event can tell."""
        left_out = view.sampler.left_out()
        if not left_out:
            return []
        event = EventsSkipped(self.execution_id, left_out, "sampled")
        return [(event.name, encode(event))]


def lifecycle_event(execution: ExecutionSnapshot, before: ExecutionState) -> LifecycleEvent | None:
    """Return the event of a change of state; None where nobody is told of it."""
    identifier, state, ended = execution.id, execution.state, execution.completed_at or ""
    if state is ExecutionState.RUNNING:
        if before is ExecutionState.PAUSED:
            return ExecutionResumed(identifier, state)
        return ExecutionStarted(identifier, execution.graph_id, state, execution.started_at or "")
    if state is ExecutionState.PAUSED:
        return ExecutionPaused(identifier, state)
    if state is ExecutionState.FAILED:
        error = execution.error or ExecutionError("The execution failed")
        return ExecutionFailed(identifier, state, error, execution.metrics, ended, execution.unprocessed)
    if state in TERMINAL:
        return ExecutionCompleted(identifier, state, execution.metrics, ended, execution.unprocessed)
    return None
