"""The durable executions of a runtime: which ones are, how each begins and ends on disk, and how it goes on.

Of a durable execution there are in the store its record, the log of what it has accepted, and its last checkpoint.
They come with it and go with its end, each time together.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial

import msgspec
import trio

from engine.checkpoint.checkpoint import Checkpoint
from engine.compile.loaded_graph import LoadedGraph
from engine.cooperative.slices import Breaks
from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.checkpoints import CheckpointCounters, Progress, read_checkpoint
from engine.durability.durable_execution import DurableExecution
from engine.durability.entries import (
    KIND,
    Accepted,
    Injected,
    Told,
    decode_entry,
    encode_entry,
    entry_of,
    stream_of,
    told_to_pause,
)
from engine.errors import CannotGoOnError, EngineError, NotDurableError, NotKeptError
from engine.execution.injection import Located
from engine.history import Finished, History, Suspended
from engine.keeping.keeper import Keeper
from engine.keeping.records import (
    BREAKPOINTS,
    PROGRESS,
    KeptBeginning,
    KeptBreakpoint,
    KeptExecution,
    beginning,
    breakpoints_in,
    record_of_execution,
    removal_of_execution,
    removals_of_checkpoint,
)
from engine.library import Library
from engine.memory.starvation import Spawn
from engine.wall_clock import WallClock
from proto.execution import ExecuteOptions, ExecutionError, ExecutionState
from proto.problem import Problem
from store.errors import StoreError
from store.protocol import Append, Change, Drop, Entry, Record

ROLES = ("pipeline", "service")
"""Roles of graphs whose executions are durable where nobody says otherwise."""

SPARE_NUMBERS = 10**9
"""Sequence numbers that an execution may use without a word about it in the store. After a restart they go on that
far behind the last one that is known: none is used twice."""

END_SECONDS = 5.0
"""The time for writing an end, where the process ends meanwhile."""


class Interrupted(msgspec.Struct, frozen=True):
    """A durable execution of an earlier process.

    Attributes:
        owner: whose it is.
        kept: its record.
        graph: the version of its graph that it began with or was changed to, compiled anew.
        entries: of its log, from its last checkpoint on.
        last: the number of the last of them, or of the last one in the checkpoint.
        found: its last checkpoint, if there is one.
        verdict: ``stop`` where it was told to stop, ``drain`` likewise, "" otherwise.
        breakpoints: that it had.
    """

    owner: str
    kept: KeptExecution
    graph: LoadedGraph
    entries: tuple[Accepted, ...]
    last: int
    found: tuple[Progress, Checkpoint] | None = None
    verdict: str = ""
    breakpoints: tuple[KeptBreakpoint, ...] = ()

    @property
    def is_told_to_pause(self) -> bool:
        """True where the last such command was to pause, in the log or before its last checkpoint."""
        return told_to_pause(self.entries, before=self.found is not None and self.found[0].is_told_to_pause)


class DurableExecutions:
    """The durable executions of a runtime.

    Args:
        keeper: writes and reads them.
        library: has their graphs.
        clock: the time of day.
        spawn: starts a task that outlives whoever asks.
        history: takes those that end before they could go on.

    Attributes:
        counters: of all checkpoints.
    """

    def __init__(self, keeper: Keeper, library: Library, clock: WallClock, spawn: Spawn, history: History) -> None:
        self.counters = CheckpointCounters()
        self._history = history
        self._keeper = keeper
        self._library = library
        self._clock = clock
        self._spawn = spawn
        self._interrupted: dict[str, Suspended] = {}
        self._let_go: set[str] = set()

    def are_wanted(self, graph: LoadedGraph, options: ExecuteOptions) -> bool:
        """Return whether an execution of a graph is to be durable: as its options, its graph, or its role say.

        Raises:
            NotDurableError: they say so, and it cannot be.
        """
        said = graph.definition.durable if options.durable is None else options.durable
        if said is False:
            return False
        reason = ""
        if not self._keeper.is_keeping:
            reason = (
                "There is no store, so no execution goes on after a restart: set DATA_DIR, or say durable: false"
            )
        elif not self._library.is_kept(graph.id):
            reason = "The graph comes from a catalog and is not kept here, so no execution of it can go on later"
        if reason and said is True:
            raise NotDurableError([Problem("durable.impossible", "durable", reason)])
        return not reason and (said is True or graph.definition.metadata.get("role") in ROLES)

    def open_log(self, owner: str, execution_id: str, last: int = 0) -> AcceptanceLog:
        """Return the log of an execution, to be gone on with after an entry."""
        return AcceptanceLog(
            self._keeper,
            stream_of(owner, execution_id),
            self._spawn,
            lambda: int(self._clock.milliseconds()),
            last,
        )

    async def begin(
        self, execution: DurableExecution, kept: KeptBeginning, inputs: Sequence[Located] | None
    ) -> None:
        """Write that an execution begins, and with what.

        Raises:
            NotKeptError: it cannot be written.
        """
        log = execution.log
        changes: list[Change] = [record_of_execution(execution.owner, beginning(execution.head(), kept))]
        if inputs is not None:
            execution.number_beginning(inputs)
            body = encode_entry(entry_of(execution.graph, inputs, is_beginning=True))
            changes.append(Append(log.stream, [Entry(1, body, int(self._clock.milliseconds()))]))
            log.position = 1
        await self._keeper.keep(changes)

    async def forget(self, execution: DurableExecution) -> None:
        """Write that an execution which was about to begin is none."""
        with trio.move_on_after(END_SECONDS, shield=True):
            await execution.close_writing()
            await self._keep_at_least(self._removals(execution.owner, execution.id))

    async def rest(self, execution: DurableExecution) -> None:
        """Let nothing more be written of an execution that goes on later, here or in another process."""
        with trio.move_on_after(END_SECONDS, shield=True):
            await execution.close_writing()
        execution.settled.set()

    async def settle(self, execution: DurableExecution, finished: Finished) -> None:
        """Write how an execution has ended, or where the store does not take that, that it is no more.

        That is the last that is written of it: a message or a checkpoint written later would stay for ever.
        """
        with trio.move_on_after(END_SECONDS, shield=True):
            await execution.close_writing()
            await self._write_end(execution.owner, finished.kept())
        execution.settled.set()

    async def _write_end(self, owner: str, kept: KeptExecution) -> None:
        removals = self._removals(owner, kept.snapshot.id)
        try:
            await self._keeper.keep([record_of_execution(owner, kept), *removals[1:]])
        except NotKeptError:
            await self._keep_at_least(removals)

    async def _keep_at_least(self, removals: Sequence[Change]) -> None:
        try:
            await self._keeper.keep(removals)
        except NotKeptError:  # the keeper has complained; it goes on after a restart, and can be stopped then
            return

    def _removals(self, owner: str, execution_id: str) -> list[Change]:
        stream = stream_of(owner, execution_id)
        return [
            removal_of_execution(owner, execution_id),
            *removals_of_checkpoint(owner, execution_id),
            Drop(stream),
        ]

    # After a restart

    @property
    def interrupted(self) -> list[Suspended]:
        """The executions that cannot go on yet, in the order in which they were made."""
        return list(self._interrupted.values())

    def find(self, execution_id: str) -> Suspended | None:
        """Return an execution that cannot go on yet; None where there is none of this id."""
        return self._interrupted.get(execution_id)

    def versions_of(self, graph_id: str) -> set[int]:
        """Return the numbers of a graph's versions that executions which cannot go on yet have begun with."""
        return {each.snapshot().graph_version for each in self._interrupted.values() if each.graph_id == graph_id}

    def take(self, owner: str, kept: KeptExecution) -> None:
        """Take note of an execution that an earlier process has left."""
        self._hold(owner, kept, "it has not been tried yet")

    async def sweep(self) -> None:
        """Take away logs and checkpoints of executions that are none, once all that there are have been taken."""
        living = {(each.owner, each.id) for each in self._interrupted.values()}
        orphans = {(owner, key) for owner, key in await self._keeper.streams(KIND) if (owner, key) not in living}
        async for record in self._keeper.kept(PROGRESS):
            if (record.owner, record.key) not in living:
                orphans.add((record.owner, record.key))
        for owner, execution_id in sorted(orphans):
            await self._keep_at_least(self._removals(owner, execution_id)[1:])

    async def go_on(self, resume: Callable[[Interrupted], Awaitable[None]]) -> int:
        """Let go on what can go on; return how many do.

        Args:
            resume: lets one go on; raises an ``EngineError`` where it cannot.
        """
        gone_on = 0
        for suspended in self.interrupted:
            owner, kept = suspended.owner, suspended.before
            try:
                found = await read_checkpoint(self._keeper, owner, suspended.id)
                position = 0 if found is None else found[0].position
                entries, last, verdict = await self._read(owner, suspended.id, position)
                if verdict == "stop":
                    await suspended.end()
                    continue
                if found is not None and found[0].revision is not None:  # it was changed while it ran
                    head = msgspec.structs.replace(kept.snapshot, graph_version=found[0].revision.graph_version)
                    kept = msgspec.structs.replace(kept, snapshot=head)
                graph = await self._library.graph_in_version(kept.snapshot.graph_id, kept.snapshot.graph_version)
                if suspended.id not in self._interrupted:  # somebody has ended it meanwhile
                    continue
                kept = await self._numbered(owner, kept, entries, found)
                breakpoints = await self._breakpoints_of(owner, suspended.id)
                await resume(Interrupted(owner, kept, graph, entries, last, found, verdict, breakpoints))
            except (EngineError, StoreError) as error:
                if (
                    suspended.id in self._let_go or suspended.id in self._interrupted
                ):  # nobody has ended it meanwhile
                    self._hold(owner, kept, getattr(error, "reason", str(error)))
            else:
                gone_on += 1
            finally:
                self._let_go.discard(suspended.id)
        return gone_on

    async def _breakpoints_of(self, owner: str, execution_id: str) -> tuple[KeptBreakpoint, ...]:
        body = await self._keeper.read(BREAKPOINTS, owner, execution_id)
        return () if body is None else tuple(breakpoints_in(Record(BREAKPOINTS, owner, execution_id, body)))

    def let_go(self, execution_id: str) -> None:
        """Take note that an execution is one that goes on, from this moment.

        Raises:
            CannotGoOnError: somebody has ended it meanwhile.
        """
        if self._interrupted.pop(execution_id, None) is None:
            raise CannotGoOnError("it was ended meanwhile")
        self._let_go.add(execution_id)

    async def _read(self, owner: str, execution_id: str, position: int) -> tuple[tuple[Accepted, ...], int, str]:
        """Return the entries of a log behind a position, the number of the last one, and whether it is to end."""
        entries: list[Accepted] = []
        last = position
        verdict = ""
        breaks = Breaks()
        async with aclosing(self._keeper.entries(stream_of(owner, execution_id), position)) as found:
            async for entry in found:
                accepted = decode_entry(entry.body)
                last = entry.number
                if isinstance(accepted, Told) and accepted.verb in ("stop", "drain"):
                    verdict = accepted.verb
                entries.append(accepted)
                await breaks.offer()
        return tuple(entries), last, verdict

    async def _numbered(
        self,
        owner: str,
        kept: KeptExecution,
        entries: Sequence[Accepted],
        found: tuple[Progress, Checkpoint] | None,
    ) -> KeptExecution:
        """Return an execution with the first number that it may use now, which is on disk if that is possible."""
        assert kept.durable is not None  # noqa: S101 - it was taken for a durable one
        injected = [entry.first + len(entry.messages) for entry in entries if isinstance(entry, Injected)]
        in_checkpoint = 0 if found is None else found[1].sequence
        first = max([kept.durable.first_sequence, in_checkpoint, *injected]) + SPARE_NUMBERS
        durable = msgspec.structs.replace(kept.durable, first_sequence=first)
        numbered = msgspec.structs.replace(kept, durable=durable)
        try:
            await self._keeper.keep([record_of_execution(owner, numbered)])
        except NotKeptError:  # a store that is full is no reason to stand still
            return numbered
        return numbered

    def _hold(self, owner: str, kept: KeptExecution, reason: str) -> None:
        """Keep an execution at hand that cannot go on yet, with the reason."""
        message = f"It cannot go on yet: {reason}"
        snapshot = msgspec.structs.replace(
            kept.snapshot, state=ExecutionState.PENDING, error=ExecutionError(message)
        )
        statistics = msgspec.structs.replace(kept.statistics, state=ExecutionState.PENDING)
        execution_id = kept.snapshot.id
        self._interrupted[execution_id] = Suspended(
            owner,
            msgspec.structs.replace(kept, snapshot=snapshot, statistics=statistics, ending=message),
            before=kept,
            end=partial(self._end, execution_id),
        )

    async def _end(self, execution_id: str) -> None:
        """End an execution that cannot go on, as one that was stopped."""
        suspended = self._interrupted.pop(execution_id, None)
        if suspended is None:
            return
        cancelled, kept = ExecutionState.CANCELLED, suspended.before
        ended = msgspec.structs.replace(
            kept,
            snapshot=msgspec.structs.replace(kept.snapshot, state=cancelled, completed_at=self._clock.timestamp()),
            statistics=msgspec.structs.replace(kept.statistics, state=cancelled),
            ending="it was stopped; start another one",
            durable=None,
        )
        self._history.add(Finished.of(suspended.owner, ended))
        await self._write_end(suspended.owner, ended)
