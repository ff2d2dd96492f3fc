"""An execution whose injections and commands are on disk before they are obeyed.

Whatever it has accepted goes into its log first, and is taken in when it is there, in the order of the log: so the
log says what a restart has to do again. What the graph itself does needs no log, because it follows from that.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import trio

from engine.cooperative.slices import Breaks, Steps
from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.checkpoints import CheckpointCounters, Checkpoints, Moment, Progress
from engine.durability.entries import (
    Accepted,
    Called,
    Injected,
    Told,
    Verb,
    end_of_input_in,
    entry_of,
    messages_in,
    told_to_pause,
)
from engine.durability.kept_revision import begin_with, kept_revision
from engine.durability.outside_calls import KeptCalls, OutsideCalls
from engine.durability.passage import Passage
from engine.errors import CannotGoOnError, EngineError, IllegalTransitionError, InputsClosedError, NotKeptError
from engine.execution.cutting import cut_of
from engine.execution.endings import BEGUN
from engine.execution.execution import Execution
from engine.execution.injection import Located, relocated
from engine.execution.injector import charge_of
from engine.execution.lifecycle import Command
from engine.execution.revisions import Revision
from engine.keeping.keeper import Keeper
from engine.keeping.records import KeptBreakpoint, record_of_breakpoints
from proto.execution import ExecutionSnapshot, ExecutionState, InjectionReceipt


class DurableExecution(Execution):
    """An execution that outlives its process.

    Args:
        log: of what it accepts.
        keeper: writes its checkpoints.
        counters: of the checkpoints of all executions.
        rest: as of any execution.

    Attributes:
        log: of what it accepts.
        is_told_to_pause: whether the last such command was to pause.
        is_told_to_stop: whether it is to end, and not to go on in another process.
        settled: set when its end is on disk.
        calls: the keys of its calls to the outside.
        checkpoints: what a restart begins from.
    """

    is_durable = True

    def __init__(self, *, log: AcceptanceLog, keeper: Keeper, counters: CheckpointCounters, **rest: Any) -> None:
        super().__init__(**rest)
        self.log = log
        self._keeper = keeper
        self.calls = OutsideCalls(self.id, log)
        self.checkpoints = Checkpoints(
            log, keeper, self._limits, counters, self._at_present, self._generation, self.shared.account
        )
        self._is_open = trio.Event()  # set then, too, or when it ends: what comes from outside is behind that
        self._is_in = trio.Event()  # set when what the log says is in: before that no moment is whole
        self._entries: Sequence[Accepted] = ()  # that are to be done again, and the messages in them
        self._again: list[Located] = []
        self.shared.call_keys = self.calls
        self.is_told_to_pause = False
        self.is_told_to_stop = False
        self.settled = trio.Event()
        self._passage = Passage()
        self._kept_calls = KeptCalls()
        self._is_resting = False  # what is written from then on is for the next process
        self._is_going_on = False  # until what the log says is in: what fails before that is tried again later

    @property
    def is_suspended(self) -> bool:
        """True where it has come to rest and is to go on: in another process, or when it can."""
        if self._is_going_on and not self._scopes.timeout.cancelled_caught:
            return not self.is_told_to_stop
        return self.state is ExecutionState.CANCELLED and not self.is_told_to_stop

    @property
    def input_ended(self) -> str:
        """The reason why no more input comes; "" while more may."""
        return self._input.why if self._input.is_closed else ""

    async def run(self) -> None:
        """Run the execution from its beginning to its end, with checkpoints as long as it runs."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._take_checkpoints)
            await super().run()
            nursery.cancel_scope.cancel()

    async def _take_checkpoints(self) -> None:
        await self._is_in.wait()
        await self.started.wait()
        await self.checkpoints.run()

    def _tell(self) -> None:
        """Tell those who watch of its state; not that it rests, which is no end of it."""
        if not (self._lifecycle.is_terminal and self.is_suspended):
            super()._tell()

    async def remember(self) -> None:
        """Take a checkpoint of what was done to its edges, which is in no log.

        Raises:
            EngineError: it cannot be taken; a restart may undo what was done.
        """
        if self._is_in.is_set():
            await self.checkpoints.take()

    async def remember_breakpoints(self, kept: Sequence[KeptBreakpoint]) -> None:
        """Write its breakpoints.

        Raises:
            NotKeptError: they cannot be written.
        """
        if not self.is_ending:
            await self._keeper.keep([record_of_breakpoints(self.owner, self.id, kept)])

    async def take_last_checkpoint(self) -> None:
        """Take a checkpoint, if anything has happened since the last one, before it comes to rest."""
        if self._is_in.is_set() and self.checkpoints.age_seconds and self._scopes.nursery is not None:
            await self.checkpoints.try_to_take()

    def _generation(self) -> int:
        """Return a number that grows with each message that comes, is processed, or leaves."""
        shared = self.shared
        return shared.in_flight.generation + shared.counters.processed + shared.outputs.count

    def _is_quiet(self) -> bool:
        """Return whether nothing is on its way, or waits for a command or for its time."""
        if self.shared.in_flight.count or self.state is ExecutionState.PAUSED:
            return False
        handlers = [handler for instance in self.instances for handler in instance.handlers]
        return not any(handler.held_messages() and handler.due() is not None for handler in handlers)

    def _at_present(self) -> Steps[Moment]:
        """Return the moment of the first step, which is between two entries of the log."""
        self._require_living("take a checkpoint of")
        position, generation, is_told_to_pause = self.log.position, self._generation(), self.is_told_to_pause
        keys = self.calls.at_present(is_quiet=self._is_quiet())
        revision = kept_revision(self.revisions, self.shared.handled_by)
        checkpoint = yield from cut_of(
            self.shared, self.instances, self.injector, self.edge_control, self._moment()
        )
        calls = yield from self.calls.needed_after(checkpoint, keys)
        return Moment(checkpoint, Progress(position, is_told_to_pause, calls, revision), generation)

    # Going over to another revision

    async def begin_change(self) -> None:
        await self._is_in.wait()
        try:
            await self._passage.close()
            await self.checkpoints.begin_alone()
        except BaseException:
            self._passage.open()
            raise

    async def keep_change(self) -> None:
        await self.checkpoints.take_alone()

    async def _wait_kept(self) -> None:
        """Return when its revision is on disk: what comes may be for nodes that the one before has not got.

        Raises:
            NotKeptError: it cannot be written.
        """
        await self._passage.wait_open()
        while self.checkpoints.is_owing:
            self._require_open()
            await self.checkpoints.take()
            await self._passage.wait_open()

    def end_change(self) -> None:
        self.checkpoints.end_alone()
        self._passage.open()

    # Commands: each is looked at, written, and obeyed

    async def inject(self, messages: Sequence[Located], *, final: bool, cause: str = "") -> InjectionReceipt:
        """Accept messages; when this returns they are on disk.

        Raises:
            NotKeptError: they cannot be written; none of them was taken in.
            EngineError: as of any execution, and then none of them was taken in.
        """
        self._require_open()
        if not self._is_open.is_set():
            await self._is_open.wait()
            self._require_open()
        if not messages and not final:
            return InjectionReceipt(0, queued=False)
        self.shared.in_flight.add(1)  # the request: the input does not end by itself while this waits for the disk
        try:
            graph = self.graph
            await self.injector.wait_room(messages)
            await self._wait_kept()
            with self._passage.accepting():
                self._require_open()
                if self.graph is not graph:
                    messages = relocated(messages, graph, self.graph)
                return await self._write_and_take(messages, cause, is_final=final)
        finally:
            self.shared.in_flight.finish(1)

    async def _write_and_take(
        self, messages: Sequence[Located], cause: str, *, is_final: bool
    ) -> InjectionReceipt:
        self._charge(messages)
        self.intake.number(messages)
        entry = entry_of(self.graph, messages, is_final=is_final)
        held: list[int] = []
        try:
            await self.log.append(
                entry, lambda: held.append(self._take(messages, cause, is_final=is_final)), len(messages)
            )
        except EngineError:
            self._release(messages)
            raise
        return InjectionReceipt(accepted=len(messages), queued=held[0] > 0 and not self.injector.is_open)

    def _take(self, messages: Sequence[Located], cause: str, *, is_final: bool) -> int:
        """Take in messages that are in the log, and charged; return how many are held."""
        if self._is_resting:
            return 0
        self._require_living("inject into")
        self.intake.report(messages, cause)
        held = self.injector.accept(messages)
        if messages:
            self.intake.note()
        if held:
            self._drain()
        if is_final:
            self._close_input()
        return held

    async def pause(self) -> None:
        """Hold all messages, here and after a restart.

        Raises:
            NotKeptError: it cannot be written; nothing has changed.
            IllegalTransitionError: the execution is not running.
        """
        self._require("pause")
        await self._write_command("pause")
        if not self._is_resting:
            await super().pause()

    async def resume(self) -> None:
        """Go on, here and after a restart.

        Raises:
            NotKeptError: it cannot be written; nothing has changed.
            IllegalTransitionError: the execution is not paused.
        """
        self._require("resume")
        await self._write_command("resume")
        if not self._is_resting:
            await super().resume()

    async def end_input(self) -> None:
        """Take no more input, here and after a restart.

        Raises:
            NotKeptError: it cannot be written; nothing has changed.
            IllegalTransitionError: the execution is neither running nor paused.
        """
        self._require_living("complete")
        await self._write_command("complete")

    async def stop(self, *, drain: bool) -> None:
        """End, and do not go on after a restart; return when it has left nothing behind and that is on disk.

        A store that fails does not keep it from ending.

        Raises:
            IllegalTransitionError: it has ended already.
        """
        if self._lifecycle.is_terminal:
            raise IllegalTransitionError(self.id, "stop", self.state, self.ending)
        verb: Verb = "drain" if drain else "stop"
        try:
            await self._write_command(verb)
        except NotKeptError:  # that it is no more is written when it has ended, as far as that is possible
            self._obey(verb)
        except IllegalTransitionError:  # it has ended meanwhile, or come to rest without a word of this
            if self.is_suspended:
                raise
        if not self._lifecycle.is_terminal:
            await super().stop(drain=drain)
        await self.settled.wait()

    def abandon(self) -> None:
        """End at once, and do not go on after a restart."""
        self.is_told_to_stop = True
        super().abandon()

    def suspend(self) -> None:
        """Come to rest at once, to go on in another process."""
        self._is_resting = not self.is_ending
        super().abandon()

    async def close_writing(self) -> None:
        """Write nothing of it any more, and return when nothing is on its way to the disk; once it has ended."""
        self._is_open.set()
        await self.log.close(lambda: IllegalTransitionError(self.id, "write", self.state, self.ending))
        await self.checkpoints.close()

    async def _write_command(self, verb: Verb) -> None:
        await self.log.append(Told(verb), partial(self._obey, verb))

    def _obey(self, verb: Verb) -> None:
        """Take note of a command; what takes time follows."""
        if verb == "complete":
            if not self._is_resting:
                self._require_living("complete")
                self._close_input()
        elif verb == "stop":
            self.abandon()
        elif verb == "drain":
            self.is_told_to_stop = True
            self.is_told_to_pause = False
        else:
            self.is_told_to_pause = verb == "pause"

    # The beginning, and going on after a restart

    def number_beginning(self, messages: Sequence[Located]) -> None:
        """Give the messages that it begins with their numbers, before they are written."""
        self.intake.number(messages)

    def begin_with(self, messages: Sequence[Located]) -> None:
        """Take these messages, which are in the log, and no others after them; unless it has ended already."""
        self._take_again(messages, BEGUN)
        self.begin()

    def begin(self) -> None:
        """Take note that what it begins with is in."""
        self._is_in.set()
        self._is_open.set()

    def give_up(self) -> None:
        """Let nobody wait for it any more: it was never begun."""
        self.started.set()
        self.finished.set()
        self.settled.set()

    async def begin_again(
        self,
        former: ExecutionSnapshot,
        first_sequence: int,
        progress: Progress | None,
        entries: Sequence[Accepted],
        revision: Revision | None = None,
    ) -> None:
        """Be an execution that an earlier process has left, and number from there on; for before it runs.

        Args:
            former: as that process knew it.
            first_sequence: the next number.
            progress: what is kept beside its checkpoint.
            entries: of the log, to be done again.
            revision: that it runs, where it was reloaded.

        Raises:
            CannotGoOnError: the graph has not got the place of a message.
            MemoryBoundError: there is no memory for them.
        """
        self.shared.number_from(first_sequence)
        if progress is not None:
            if progress.revision is not None and revision is not None:
                begin_with(self.revisions, self.shared.handled_by, revision, progress.revision)
            self.is_told_to_pause = progress.is_told_to_pause
            self._kept_calls = progress.calls
        self.created_at = former.created_at
        created = datetime.fromisoformat(former.created_at).timestamp()
        self._spent_seconds = max(0.0, self._clock.milliseconds() / 1000 - created)
        self._is_going_on = True
        self._entries = entries
        breaks = Breaks()
        for entry in entries:
            if isinstance(entry, Injected):
                messages = messages_in(self.graph, entry)
                self._charge(messages)
                self._again += messages
                await breaks.offer()
        self.shared.in_flight.add(1)  # what the log says: the input does not end by itself before that is in

    async def go_on(self, *, drain: bool) -> None:
        """Do again what the log says, in its order, as soon as it runs.

        Args:
            drain: whether it is to end then.

        Raises:
            CannotGoOnError: it did not come so far, and has come to rest.
        """
        await self.started.wait()
        if self._scopes.timeout.cancelled_caught or (self.is_told_to_stop and self.is_ending):  # that is its end
            return
        if self._scopes.nursery is None or self.is_ending:
            self.suspend()
            await self.finished.wait()
            raise CannotGoOnError(self._error.message if self._error is not None else "it was cut off")
        self.calls.begin_again(self._kept_calls, [each for each in self._entries if isinstance(each, Called)])
        self.is_told_to_pause = told_to_pause(self._entries, before=self.is_told_to_pause)
        end_of_input = end_of_input_in(self._entries)
        self._is_going_on = False
        if self.is_told_to_pause and self._lifecycle.allows("pause"):
            await super().pause()
        elif not self.is_told_to_pause and self._lifecycle.allows("resume"):  # its breakpoints are there now
            await super().resume()
        self._take_again(self._again, end_of_input)
        self._entries, self._again = (), []
        self.shared.in_flight.finish(1)
        self.begin()
        if drain:
            self.is_told_to_stop = True
            self._scopes.nursery.start_soon(partial(super().stop, drain=True))

    def _take_again(self, messages: Sequence[Located], end_of_input: str) -> None:
        if self._scopes.nursery is None or self.is_ending:
            return
        self.intake.report(messages, "")
        self.injector.preload(messages)
        if messages:
            self.intake.note()
            self._drain()
        if end_of_input:
            self._close_input(end_of_input)

    def _drain(self) -> None:
        if self.injector.is_open and self._scopes.nursery is not None:
            self._scopes.nursery.start_soon(self.injector.drain)

    # Memory, and what is allowed

    def _charge(self, messages: Sequence[Located]) -> None:
        if self.shared.account is not None:
            self.shared.account.charge(charge_of(messages), "held")

    def _release(self, messages: Sequence[Located]) -> None:
        if self.shared.account is not None and not self.finished.is_set():  # then it is closed as a whole
            self.shared.account.release(charge_of(messages), "held")

    def _require_open(self) -> None:
        self._require_living("inject into")
        if self._input.is_closed:
            raise InputsClosedError(self.id, self._input.why)

    def _require(self, command: Command) -> None:
        self._refuse_while_ending(command)
        if not self._lifecycle.allows(command):
            raise IllegalTransitionError(self.id, command, self.state)
