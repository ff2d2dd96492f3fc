"""Opens executions of test graphs with breakpoints."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio.testing

from engine.contracts.component import Component
from engine.contracts.observer import ExecutionObserver
from engine.debugging.condition import Surroundings
from engine.debugging.debugger import Debugger
from engine.execution.execution import Execution
from engine.limits import EngineLimits
from engine.wall_clock import WallClock
from proto.breakpoint import BreakpointRequest, BreakpointSnapshot, HeldMessage
from proto.breakpoint_events import BreakpointEvent
from proto.execution import Completion
from tests.engine.executions import document, open_execution
from tests.engine.handlers import Journal, components

FORK = document(
    {"a": "forward", "b": "forward", "c": "forward", "d": "forward"},
    ["a:out > b:in", "a:out > c:in", "b:out > d:in", "c:out > d:other"],
)
"""Edges 0 to 3: what goes into ``a`` comes to ``d`` by way of ``b``, and by way of ``c``."""


class Debugged:
    """An execution with breakpoints, and what live clients heard of them.

    Args:
        execution: it.
        debugger: its.
        journal: of its handlers.
        events: what was told.
    """

    def __init__(
        self, execution: Execution, debugger: Debugger, journal: Journal, events: list[BreakpointEvent]
    ) -> None:
        self.execution = execution
        self.debugger = debugger
        self.journal = journal
        self.events = events

    async def set(self, **wanted: Any) -> str:
        """Set a breakpoint, as a client writes it; return its id."""
        return (await self.debugger.set(msgspec.convert(wanted, BreakpointRequest))).id

    async def obey(self, identifier: str, verb: str, **more: Any) -> BreakpointSnapshot:
        """Do something with what is held, and wait until nothing moves."""
        snapshot = await self.debugger.obey(identifier, verb, **more)
        await trio.testing.wait_all_tasks_blocked()
        return snapshot

    def held(self, identifier: str) -> Sequence[HeldMessage]:
        """Return what a breakpoint holds."""
        return self.debugger.one(identifier).held

    def values(self, identifier: str) -> list[Any]:
        """Return the values that a breakpoint holds."""
        return [msgspec.json.decode(each.value) for each in self.held(identifier)]

    @property
    def heard(self) -> list[str]:
        """The names of what was told."""
        return [event.name for event in self.events]


@asynccontextmanager
async def open_debugged(
    graph: dict[str, Any],
    *,
    limits: EngineLimits | None = None,
    completion: Completion = "manual",
    more: Mapping[str, Component] | None = None,
    observers: Sequence[ExecutionObserver] = (),
) -> AsyncIterator[Debugged]:
    """A started execution with a debugger; conditions are evaluated by ``symbia.core.filter`` in ``more``."""
    journal = Journal()
    async with open_execution(
        graph, journal, limits=limits, completion=completion, more=more, observers=observers
    ) as execution:
        events: list[BreakpointEvent] = []
        component = (more or {}).get("symbia.core.filter") or components(journal)["forward"]
        surroundings = Surroundings(execution.id, execution.owner, component)
        debugger = Debugger(execution, surroundings, limits or EngineLimits(), WallClock(), events.append)
        execution.debugger = debugger
        yield Debugged(execution, debugger, journal, events)
