"""The restart of a process, as executions live through it: at its end they come to rest, in the next they go on.

Their graphs and components come first (``engine.restoring``); what is on disk of an execution, and which of them
can go on, is in ``engine.durability``.
"""

from functools import partial
from typing import Any

import msgspec
import trio

from engine.durability.checkpoints import DurabilityStatistics
from engine.durability.durable_execution import DurableExecution
from engine.durability.durable_executions import Interrupted
from engine.execution.lifecycle import TERMINAL
from engine.execution.revisions import Revision
from engine.handle import debugger_of
from engine.history import Finished
from engine.journal.recordings import Recordings
from engine.keeping.keeper import Keeper
from engine.keeping.records import EXECUTION, cut_off, execution_in, record_of_execution
from engine.library import Library
from engine.memory.starvation import Spawn
from engine.reload.target import found_again
from engine.restoring import Restored
from engine.running.assembly import Assembly, refuse_unfit
from engine.running.executions import Executions
from proto.codec import decode_as

SUSPENSION_SECONDS = 5.0
"""The time for last checkpoints at the end of a runtime; what has none by then repeats more after a restart."""


class Restarting:
    """The restart of a runtime's executions.

    Args:
        assembly: makes them again.
        executions: those that there are.
        library: takes in the graphs and components before them.
        keeper: reads what an earlier process has left.
        recordings: likewise.
        spawn: starts a task that outlives whoever asks.
    """

    def __init__(
        self,
        assembly: Assembly,
        executions: Executions,
        library: Library,
        keeper: Keeper,
        recordings: Recordings,
        spawn: Spawn,
    ) -> None:
        self._assembly = assembly
        self._executions = executions
        self._durable = executions.durable
        self._library = library
        self._keeper = keeper
        self._recordings = recordings
        self._spawn = spawn

    async def restore(self, *, goes_on: bool) -> Restored:
        """Take in what an earlier process has left; :meth:`engine.runtime.Runtime.restore` says the rest."""
        restored = await self._library.restoring.begin()
        executions = 0
        async for record in self._keeper.kept(EXECUTION):
            kept = execution_in(record)
            if kept.snapshot.state not in TERMINAL and kept.durable is not None:
                self._durable.take(record.owner, kept)
                continue
            if kept.snapshot.state not in TERMINAL:
                kept = cut_off(kept)
                self._keeper.keep_later(record_of_execution(record.owner, kept))
            self._executions.history.add(Finished.of(record.owner, kept))
            executions += 1
        await self._durable.sweep()
        await self._recordings.restore()
        gone_on = await self.go_on() if goes_on else 0
        return msgspec.structs.replace(restored, executions=executions, gone_on=gone_on)

    async def go_on(self) -> int:
        """Let durable executions of an earlier process go on that do not yet; return how many do now."""
        return await self._durable.go_on(self._resume)

    async def _resume(self, interrupted: Interrupted) -> None:
        """Let a durable execution go on.

        Raises:
            EngineError: it cannot, for now.
        """
        graph, kept = interrupted.graph, interrupted.kept
        way = kept.durable
        assert way is not None  # noqa: S101 - it was taken for a durable one
        progress, checkpoint = interrupted.found or (None, None)
        revision: Revision | None = None
        if progress is not None and progress.revision is not None:
            changes, library, clock = progress.revision, self._library, self._assembly.clock
            configs = decode_as(changes.configs, dict[str, dict[str, Any]])
            revision = await found_again(
                graph, changes.components, configs, library, way.parameters, clock.timestamp
            )
            graph, values = revision.graph, revision.values
        else:
            values = await self._assembly.beginning_again(graph, way)
        account = self._assembly.open_account(graph, (), values.used_bytes)
        if progress is not None and checkpoint is not None:  # the command counts, and not how far it had come
            waits = interrupted.is_told_to_pause or bool(interrupted.breakpoints)
            checkpoint = msgspec.structs.replace(checkpoint, is_paused=waits)
        try:
            if checkpoint is not None:
                await refuse_unfit(checkpoint, graph, account)
            execution = self._assembly.made(
                kept.snapshot.id,
                graph,
                way,
                values,
                account,
                is_durable=True,
                last_entry=interrupted.last,
                begins_from=checkpoint,
            )
            assert isinstance(execution, DurableExecution)  # noqa: S101 - as it was asked for
            await execution.begin_again(kept.snapshot, way.first_sequence, progress, interrupted.entries, revision)
            self._durable.let_go(kept.snapshot.id)
        except BaseException:
            account.close()
            raise
        self._executions.underway[execution.id] = execution
        self._spawn(partial(self._executions.run, execution, account))
        if interrupted.breakpoints:  # before anything passes them
            await execution.started.wait()
            await debugger_of(execution, self._library).begin_again(interrupted.breakpoints)
        await execution.go_on(drain=interrupted.verdict == "drain")

    async def suspend(self) -> None:
        """Bring durable executions to rest, so that they go on in another process."""
        durable = self._executions.durable_underway()
        with trio.move_on_after(SUSPENSION_SECONDS):
            async with trio.open_nursery() as nursery:
                for execution in durable:
                    nursery.start_soon(execution.take_last_checkpoint)
        for execution in durable:
            execution.suspend()
        for execution in durable:
            await execution.finished.wait()

    def statistics(self) -> DurabilityStatistics:
        """Return the counters of durable executions and of their checkpoints."""
        durable = self._executions.durable_underway()
        ages = [each.checkpoints.age_seconds for each in durable]
        oldest = max(ages, default=0.0)
        return DurabilityStatistics(len(durable), len(self._durable.interrupted), oldest, self._durable.counters)
