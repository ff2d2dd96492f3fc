"""Things that a breakpoint holds: shown, told of, waited for, and what is done where nothing is held."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import Emission, HandlerError, LogLine, Message
from engine.debugging.breakpoint import Breakpoint, Hold, Phase
from engine.debugging.hits import Sight, hit_of, verbs_of
from engine.errors import EngineError, IllegalTransitionError
from engine.execution.execution import Execution
from proto.breakpoint import BreakpointHit
from proto.breakpoint_events import BreakpointEvent, BreakpointFailed, BreakpointWasHit

Tell = Callable[[BreakpointEvent], None]


class Holding:
    """The holding of one execution's breakpoints.

    Args:
        execution: it.
        tell: tells those who watch it live.
    """

    def __init__(self, execution: Execution, tell: Tell) -> None:
        self._execution = execution
        self._shared = execution.shared
        self._control = execution.edge_control
        self._tell = tell
        self._numbers = count(1)
        self._standing: set[int] = set()  # holds for which the execution stands still

    @property
    def _graph(self) -> LoadedGraph:
        """The graph that the execution runs now."""
        return self._execution.graph

    async def _ask(self, breakpoint_: Breakpoint, values: Sequence[bytes]) -> list[bool]:
        condition = breakpoint_.condition
        if condition is None:
            return [True] * len(values)
        met = await condition.judge(values, self._shared.mask)
        if condition.failures and not breakpoint_.has_told_failure:
            breakpoint_.has_told_failure = True
            self._tell(BreakpointFailed(self._execution.id, breakpoint_.id, condition.failure))
        return met

    def _sight(
        self,
        breakpoint_: Breakpoint,
        node: CompiledNode,
        on: str,
        message: Message,
        error: HandlerError | None = None,
        emitted: int = 0,
    ) -> BreakpointHit:
        return self._hit(breakpoint_, Sight(node, on, message, value=message.value, error=error, emitted=emitted))

    def _hit(self, breakpoint_: Breakpoint, sight: Sight) -> BreakpointHit:
        instance = self._execution.instances[sight.node.index]
        return hit_of(self._graph, self._shared, breakpoint_, sight, instance)

    def _begin(
        self,
        breakpoint_: Breakpoint,
        phase: Phase,
        node: CompiledNode,
        hit: BreakpointHit,
        message: Message | None,
        *,
        may_retry: bool = True,
    ) -> Hold:
        verbs = verbs_of(phase, node, self._graph, may_retry=may_retry)
        hold = Hold(next(self._numbers), breakpoint_.id, phase, node, hit, message, verbs)
        breakpoint_.holds[hold.number] = hold
        breakpoint_.note(hit)
        self._tell_hit(breakpoint_, hit, hold)
        return hold

    async def _stop(
        self,
        breakpoint_: Breakpoint,
        phase: Phase,
        node: CompiledNode,
        hit: BreakpointHit,
        message: Message | None,
        emission: Emission | None = None,
        *,
        may_retry: bool = True,
    ) -> Hold:
        """Hold something in the hand of its node until somebody lets it go."""
        hold = self._begin(breakpoint_, phase, node, hit, message, may_retry=may_retry)
        hold.emission = emission
        try:
            if self._control.is_closed or breakpoint_.is_removed:
                return hold
            if breakpoint_.places.scope == "execution":
                await self._stand_still(hold)
            await hold.wait()
        finally:
            self._end(breakpoint_, hold)
        await self._move_on(hold)
        return hold

    def _end(self, breakpoint_: Breakpoint, hold: Hold) -> None:
        breakpoint_.holds.pop(hold.number, None)
        account = self._shared.account
        if account is not None and hold.charged_bytes:
            account.release(hold.charged_bytes, "held")
        hold.charged_bytes = 0

    async def _act(self, breakpoint_: Breakpoint, node: CompiledNode, hit: BreakpointHit) -> None:
        """Do what a breakpoint does that holds nothing."""
        breakpoint_.note(hit)
        self._tell_hit(breakpoint_, hit, None)
        if breakpoint_.wanted.action == "log":
            value = bytes(hit.value).decode(errors="replace")
            self._shared.log(node, LogLine("info", f"Breakpoint {breakpoint_.id}, {hit.on}: {value}"))
        elif breakpoint_.wanted.action == "pause":
            try:
                await self._execution.pause()
            except IllegalTransitionError:
                return  # it is paused
            except EngineError as error:
                self._shared.log(node, LogLine("warn", f"Breakpoint {breakpoint_.id} cannot pause: {error}"))
        await self._shared.pace.keep()  # there may be one for each of many messages

    def _tell_hit(self, breakpoint_: Breakpoint, hit: BreakpointHit, hold: Hold | None) -> None:
        fields = {name: getattr(hit, name) for name in BreakpointHit.__struct_fields__}
        self._tell(
            BreakpointWasHit(
                **fields,
                execution_id=self._execution.id,
                breakpoint_id=breakpoint_.id,
                action=breakpoint_.wanted.action,
                scope=breakpoint_.places.scope,
                hold=None if hold is None else hold.number,
                verbs=() if hold is None else hold.verbs,
            )
        )

    async def _stand_still(self, hold: Hold) -> None:
        """Pause the execution for as long as something is held, if it is not paused already.

        That is no command, which a restart would obey again: then nothing is held.
        """
        self._standing.add(hold.number)
        execution = self._execution
        before = execution.standing_pause
        execution.standing_pause = execution.pauses + 1
        try:
            await Execution.pause(execution)
        except IllegalTransitionError:
            execution.standing_pause = before
        if hold.is_answered:
            await self._move_on(hold)

    async def _move_on(self, hold: Hold) -> None:
        """Let the execution go on that was paused for things that are held, with the last of them.

        Where somebody has resumed it meanwhile and paused it again, it stays so.
        """
        self._standing.discard(hold.number)
        execution = self._execution
        number = execution.standing_pause
        if number and not self._standing:
            execution.standing_pause = 0
            if execution.pauses == number:
                with suppress(IllegalTransitionError):
                    await Execution.resume(execution)
