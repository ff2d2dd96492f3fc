"""People who set breakpoints in a simulated execution, and say how what is held goes on."""

import contextlib
from collections.abc import Sequence
from random import Random
from zlib import crc32

import trio

from engine.contracts.component import Builtin
from engine.contracts.handler import Handler, HandlerError, InstanceContext, Message, Outcome
from engine.debugging.condition import Surroundings
from engine.debugging.debugger import Debugger
from engine.errors import ConflictError, NotFoundError
from engine.execution.execution import Execution
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.breakpoint import BreakpointAction, BreakpointOn, BreakpointRequest, BreakpointScope, HeldMessage
from proto.breakpoint_events import BreakpointEvent, BreakpointReleased, BreakpointWasHit
from proto.component import Code, ComponentDefinition, Port, Ports
from tests.simulation.ledger import Ledger
from tests.simulation.plan import Action

_ANSWERS = {
    "input": ("continue", "continue", "continue", "step", "next", "edit", "drop"),
    "output": ("continue", "next"),
    "error": ("continue",),
    "behind": ("continue", "next"),
}
"""What is answered to what is held: all that leaves the ledger able to tell what comes of it."""

_SCOPES: Sequence[BreakpointScope] = ("edge", "node")
_KINDS: Sequence[BreakpointOn] = ("input", "input", "output", "error", "log", "state")
_ACTIONS: Sequence[BreakpointAction] = ("hold", "hold", "hold", "log", "snapshot")


class Judging(Handler):
    """A condition: it takes its time or none, and decides by the value; some values it throws at."""

    async def process(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        marks = [crc32(message.value) for message in batch]
        if marks[0] % 2:
            await trio.sleep(marks[0] % 3 / 100)
        error = Outcome(error=HandlerError("TypeError", "no such field"))
        return [
            error if mark % 7 == 0 else Outcome(((mark % 2, message.value),))
            for mark, message in zip(marks, batch, strict=True)
        ]


def _make_judging(context: InstanceContext) -> Handler:
    del context
    return Judging()


_PORTS = Ports(inputs=(Port("in"),), outputs=(Port("out"), Port("rejected")))
JUDGING = Builtin(ComponentDefinition("judge", "judge", "1.0.0", _PORTS, Code("builtin")), _make_judging)


class Stops:
    """All breakpoints of one run.

    Args:
        execution: of the run.
        ledger: told of values that were changed, and of what must not be handed over.
        limits: of the run.
    """

    def __init__(self, execution: Execution, ledger: Ledger, limits: EngineLimits) -> None:
        self._execution = execution
        self._ledger = ledger
        surroundings = Surroundings(execution.id, "", JUDGING)
        clock = WallClock(trio.current_time)
        self._debugger = Debugger(execution, surroundings, limits, clock, self._hear)
        self._edits = 0

    async def obey(self, name: str, action: Action) -> None:
        """Set a breakpoint, remove one, or let go what one holds."""
        random = Random(f"{name} {action}")
        self._ledger.trace.append(f"{name}: {action.verb}")
        if not self._execution.started.is_set():
            raise ConflictError("It has not begun")
        self._execution.debugger = self._debugger
        if action.verb == "break":
            await self._debugger.set(self._drawn(action, random))
            return
        present = self._debugger.all()
        if not present:
            raise ConflictError("There is none")
        chosen = random.choice(present)
        if action.verb == "mend":
            await self._debugger.remove(chosen.id)
        elif chosen.held:
            await self._answer(chosen.id, random.choice(chosen.held), random)

    def _drawn(self, action: Action, random: Random) -> BreakpointRequest:
        when = "value" if random.random() < 0.5 else None
        after, what = random.choice((0, 0, 1, 3)), random.choice(_ACTIONS)
        if self._execution.graph.edges and action.edge >= 0:
            edge = action.edge % len(self._execution.graph.edges)
            scope: BreakpointScope = random.choice(_SCOPES)
            name = self._execution.edge_control.names[edge]
            return BreakpointRequest(edge=name, when=when, after=after, scope=scope, action=what)
        on: BreakpointOn = random.choice(_KINDS)
        node = action.node if on in ("input", "output") or random.random() < 0.5 else None
        return BreakpointRequest(node=node, on=on, level=None, when=when, after=after, action=what)

    async def _answer(self, identifier: str, held: HeldMessage, random: Random) -> None:
        phase = "behind" if "drop" in held.verbs and "edit" not in held.verbs else held.on
        verb = random.choice(_ANSWERS[phase if phase in _ANSWERS else "input"])
        if verb not in held.verbs or (verb == "edit" and held.edge is None):
            verb = "continue"
        value = None
        if verb == "edit":
            self._edits += 1
            value = b'[ "stopped %d" ]' % self._edits
            self._ledger.note_value(value, int(held.lane == "apocryphal"))
        self._ledger.is_dropping = verb == "drop"
        try:
            await self._debugger.obey(identifier, verb, hold=held.hold, value=value)
        finally:
            self._ledger.is_dropping = False

    def _hear(self, event: BreakpointEvent) -> None:
        ledger = self._ledger
        if isinstance(event, BreakpointWasHit):
            ledger.trace.append(f"hit {event.breakpoint_id} {event.on} {event.node} {event.sequence}")
            ledger.in_hands.add(event.node)
            if event.hold is not None and "edit" in event.verbs and event.on in ("input", "step"):
                ledger.stopped[event.hold] = (event.node, event.sequence)
        elif isinstance(event, BreakpointReleased) and event.verb != "edit":
            ledger.stopped.pop(event.hold, None)

    async def let_all_go(self) -> None:
        """Remove all breakpoints."""
        for each in self._debugger.all():
            with contextlib.suppress(ConflictError, NotFoundError):  # it may end meanwhile
                await self._debugger.remove(each.id)
        control = self._execution.edge_control
        is_over = self._execution.finished.is_set()
        if not is_over and any(queue not in control._by_hand for queue in control.held()):
            self._ledger.violate("an edge is held for nobody")
