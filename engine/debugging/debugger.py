"""The breakpoints of one execution: set, looked at, removed; and what they hold, let go.

They last as long as the execution. What is held goes on when its breakpoint is removed, and all of it when the
execution drains; a stop cuts it off, like all that is in flight.
"""

from collections.abc import Sequence
from contextlib import suppress
from itertools import count, islice

import msgspec
import trio

from engine.contracts.handler import Message
from engine.debugging.breakpoint import SHOWN_HOLDS, Breakpoint, Hold
from engine.debugging.condition import Surroundings, open_condition
from engine.debugging.holding import Tell
from engine.debugging.places import find_places
from engine.debugging.shown import shown_json
from engine.debugging.watching import Watching
from engine.errors import (
    BreakpointNotFoundError,
    EngineError,
    IllegalTransitionError,
    InvalidBreakpointError,
    NothingHeldError,
    TooManyBreakpointsError,
    VerbRefusedError,
)
from engine.execution.execution import Execution
from engine.execution.injection import check_value
from engine.keeping.records import KeptBreakpoint
from engine.limits import EngineLimits
from engine.schemas.misfit import misfit
from engine.wall_clock import WallClock
from proto.breakpoint import BreakpointRequest, BreakpointSnapshot
from proto.breakpoint_events import (
    BreakpointEvent,
    BreakpointReleased,
    BreakpointRemoved,
    BreakpointSet,
    BreakpointWasHit,
)
from proto.component import ERROR_PORT
from proto.problem import Problem

BREAKPOINT_BYTES = 32 * 1024
"""Bytes charged for a breakpoint: itself, its last hits with the beginnings of their values, and its condition."""


class Debugger:
    """The breakpoints of one execution.

    Args:
        execution: it; it has not ended.
        surroundings: of their conditions.
        limits: bounds of a value, and of their number.
        clock: for the times that people see.
        tell: tells those who watch live.
    """

    def __init__(
        self, execution: Execution, surroundings: Surroundings, limits: EngineLimits, clock: WallClock, tell: Tell
    ) -> None:
        self._execution = execution
        self._surroundings = surroundings
        self._limits = limits
        self._clock = clock
        self._tell_live = tell
        self._watching = Watching(execution, self._tell)
        self._breakpoints: dict[str, Breakpoint] = {}
        self._numbers = count(1)
        self._being_set = 0
        self._is_closed = False

    def _tell(self, event: BreakpointEvent) -> None:
        """Tell whoever watches, and whoever records."""
        self._tell_live(event)
        recorder = self._execution.shared.recorder
        if recorder is not None and (text := recorded(event)):
            recorder.commanded(text)

    # The breakpoints

    async def set(self, wanted: BreakpointRequest, identifier: str = "") -> BreakpointSnapshot:
        """Set a breakpoint; it looks at what comes from now on, and at what waits.

        ``identifier`` is that of one of an earlier process, whose number is no other's then.

        Raises:
            InvalidBreakpointError: it names nothing of the graph, or its condition is none.
            TooManyBreakpointsError: there are as many as there may be.
            MemoryBoundError: there is no memory for it.
            IllegalTransitionError: the execution ends, or drains.
        """
        find_places(wanted, self._execution.graph)
        self._check_open()
        if len(self._breakpoints) + self._being_set >= self._limits.breakpoints:
            raise TooManyBreakpointsError(self._limits.breakpoints)
        account = self._execution.shared.account
        if account is not None:
            account.charge(BREAKPOINT_BYTES, "executions")
        try:
            return await self._set(wanted, identifier or f"b{next(self._numbers)}")
        except BaseException:
            self._release_memory()
            raise

    async def begin_again(self, kept: Sequence[KeptBreakpoint]) -> None:
        """Set those of an earlier process; what cannot be set any more is none."""
        numbers = [int(each.id[1:]) for each in kept if each.id[1:].isdecimal()]
        self._numbers = count(max(numbers, default=0) + 1)
        for each in kept:
            with suppress(EngineError):
                await self.set(each.wanted, each.id)

    def kept(self) -> list[KeptBreakpoint]:
        """Return all of them as they are kept."""
        return [KeptBreakpoint(each.id, each.wanted) for each in self._breakpoints.values()]

    async def _set(self, wanted: BreakpointRequest, identifier: str) -> BreakpointSnapshot:
        condition = None
        if wanted.when is not None:
            self._being_set += 1
            try:
                condition = await open_condition(wanted.when, f"breakpoint {identifier}", self._surroundings)
            finally:
                self._being_set -= 1
        try:
            self._check_open()
            places = find_places(wanted, self._execution.graph)  # which may have been changed meanwhile
        except EngineError:
            if condition is not None:
                await condition.close()
            raise
        made = Breakpoint(identifier, wanted, places, condition, self._clock.timestamp())
        self._breakpoints[identifier] = made
        self._watching.add(made)
        snapshot = self._snapshot(made)
        self._tell(BreakpointSet(self._execution.id, snapshot))
        return snapshot

    def _release_memory(self) -> None:
        account = self._execution.shared.account
        if account is not None and not self._execution.finished.is_set():  # then it is closed as a whole
            account.release(BREAKPOINT_BYTES, "executions")

    def _check_open(self) -> None:
        execution = self._execution
        if self._is_closed or execution.finished.is_set():
            raise IllegalTransitionError(execution.id, "set a breakpoint in", "ending")

    def all(self) -> list[BreakpointSnapshot]:
        """Return all of them, the oldest first."""
        return [self._snapshot(each) for each in self._breakpoints.values()]

    def one(self, identifier: str) -> BreakpointSnapshot:
        """Return one of them.

        Raises:
            BreakpointNotFoundError: there is none of this id.
        """
        return self._snapshot(self._find(identifier))

    async def remove(self, identifier: str) -> None:
        """Remove a breakpoint; what it holds goes on.

        Raises:
            BreakpointNotFoundError: there is none of this id.
        """
        found = self._find(identifier)
        del self._breakpoints[identifier]
        await self._watching.remove(found)
        self._release_memory()
        self._tell(BreakpointRemoved(self._execution.id, identifier))
        if found.condition is not None:
            await found.condition.close()

    def _find(self, identifier: str) -> Breakpoint:
        found = self._breakpoints.get(identifier)
        if found is None:
            raise BreakpointNotFoundError(identifier[:100])
        return found

    def _snapshot(self, found: Breakpoint) -> BreakpointSnapshot:
        for hold in list(islice(found.holds.values(), SHOWN_HOLDS)):
            self._look_after(found, hold)
        return found.snapshot()

    # What they hold

    async def obey(
        self,
        identifier: str,
        verb: str,
        *,
        hold: int | None = None,
        value: bytes | None = None,
        port: str | None = None,
    ) -> BreakpointSnapshot:
        """Do something with what a breakpoint holds, and return the breakpoint.

        Args:
            identifier: of the breakpoint.
            verb: what to do, of those that what is held takes.
            hold: the number of what is meant; that which is held longest when absent.
            value: JSON text, of ``edit`` and ``retry``.
            port: of ``skip``: the output port by which the value leaves; its only one when absent.

        Raises:
            BreakpointNotFoundError: there is none of this id.
            NothingHeldError: it does not hold what is meant.
            VerbRefusedError: what is held does not take the verb.
            InvalidBreakpointError: the value is none that may be.
            MemoryBoundError: there is no memory for the value.
        """
        found = self._find(identifier)
        held = self._held(found, hold)
        if verb not in held.verbs:
            raise VerbRefusedError(f"What is held takes no {verb[:40]!r}; it takes {', '.join(held.verbs)}")
        if value is not None:
            await self._check_value(held, value)
            held = self._held(found, held.number)  # it may have gone meanwhile
        if verb == "edit" and value is None:
            raise VerbRefusedError("edit takes the new value")
        if value is not None:
            self._edit(found, held, value)
        if verb == "edit":
            self._tell(BreakpointReleased(self._execution.id, found.id, held.number, verb))
        elif verb == "drop" and held.phase == "input":
            await self._drop(found, held)
        else:
            await self._watching.let_go(found, held, verb, self._port(held, port) if verb == "skip" else 0)
        return self._snapshot(found)

    def _held(self, found: Breakpoint, number: int | None) -> Hold:
        if number is None:
            held = next((each for each in list(found.holds.values()) if self._look_after(found, each)), None)
        else:
            held = found.holds.get(number)
            if held is not None and not self._look_after(found, held):
                held = None
        if held is None or held.is_answered:
            raise NothingHeldError(found.id, number)
        return held

    def _port(self, held: Hold, name: str | None) -> int:
        node = held.node
        ways = [index for index, each in enumerate(node.outputs) if each != ERROR_PORT]
        if name is None and len(ways) == 1:
            return ways[0]
        if name is None or name not in node.output_of:
            raise VerbRefusedError(f"skip takes the port by which the value leaves: {', '.join(node.outputs)}")
        return node.output_of[name]

    async def _check_value(self, held: Hold, value: bytes) -> None:
        """Refuse a value that may not travel here, or does not fit the schema of the port that it goes to."""
        problem = await check_value(value, self._limits)
        schemas = held.node.schemas
        if problem is None and schemas is not None:
            schema, port = None, held.hit.port
            if held.emission is not None:
                schema = schemas.outputs[held.emission[0]]
            elif held.message is not None:
                schema = schemas.inputs[held.message.port]
            if schema is not None:
                ends = [(schema, f"{held.node.id}:{port}")]
                error = await misfit(ends, value, self._execution.workers, self._execution.owner)
                problem = None if error is None else Problem("breakpoint.value", "value", error.message)
        if problem is not None:
            raise InvalidBreakpointError([problem])

    def _look_after(self, found: Breakpoint, held: Hold) -> bool:
        """Bring what is held before a node up to date with its edge; return False where it is there no more."""
        message = held.message
        if held.phase != "input" or message is None:
            return True
        present = self._watching.waiting(held)
        if present is None:
            self._watching.forget(found, held)
            return False
        if present is not message:
            self._show(held, present)
        return True

    def _edit(self, found: Breakpoint, held: Hold, value: bytes) -> None:
        message = held.message
        if held.phase == "input" and message is not None:
            self._watching.edit(held, value)
            self._look_after(found, held)
            return
        account = self._execution.shared.account
        if account is not None:
            account.charge(len(value), "held")
            account.release(held.charged_bytes, "held")
            held.charged_bytes = len(value)
        if held.emission is not None:
            held.emission = held.emission[0], value
            self._show_value(held, value)
        elif message is not None:
            self._show(held, msgspec.structs.replace(message, value=value))

    def _show(self, held: Hold, message: Message) -> None:
        held.message = message
        self._show_value(held, message.value)

    def _show_value(self, held: Hold, value: bytes) -> None:
        held.edited = True
        shown, is_cut = shown_json(value, self._execution.shared.mask)
        held.hit = msgspec.structs.replace(held.hit, value=shown, truncated=is_cut, size_bytes=len(value))

    async def _drop(self, found: Breakpoint, held: Hold) -> None:
        self._watching.drop(held)
        await self._watching.let_go(found, held, "drop")

    # The end

    async def close(self) -> None:
        """Let all go, and stop at nothing any more: the execution drains."""
        self._is_closed = True
        for each in list(self._breakpoints.values()):
            await self._watching.remove(each)

    async def end(self) -> None:
        """Let go of what evaluates conditions, once the execution is over."""
        self._is_closed = True
        breakpoints, self._breakpoints = self._breakpoints, {}
        async with trio.open_nursery() as nursery:
            for each in breakpoints.values():
                if each.condition is not None:
                    nursery.start_soon(each.condition.close)


def recorded(event: BreakpointEvent) -> str:
    """Return an event as a recording has it, such as ``breakpoint:hit b1: input of double, 7, held as 3``.

    Hits that held nothing are left out, but for snapshots: their record says which moment that was.
    """
    match event:
        case BreakpointSet():
            return f"{event.name} {event.breakpoint.id}"
        case BreakpointWasHit():
            told = "snapshot" if event.hold is None else f"held as {event.hold}"
            is_told = event.hold is not None or event.action == "snapshot"
            seen = f"{event.name} {event.breakpoint_id}: {event.on} of {event.node}, {event.sequence}, {told}"
            return seen if is_told else ""
        case BreakpointReleased():
            return f"{event.name} {event.breakpoint_id}: {event.hold}, {event.verb}"
        case _:
            return f"{event.name} {event.breakpoint_id}"
