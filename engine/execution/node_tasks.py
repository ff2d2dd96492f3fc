"""The tasks of an execution's instances, begun and ended a few at a time.

Trio runs every task that can run before it looks at the network again. A thousand tasks that begin, or are
cancelled, in the same moment are one pass of tens of milliseconds in which nobody else is heard; a hundred such
executions at once are seconds. So the tasks are begun, ended and cleaned up after in groups, and all executions of
a process take turns with their groups: one group a pass.

That a group is not ended with the others means that it is shielded from whatever ends the execution. Nothing but
``dismiss`` ends it, and whoever lets them begin calls that in any case.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import trio

from engine.contracts.handler import Handler, HandlerError, Outcome
from engine.execution.failure import handler_error
from engine.execution.instance import Instance

T = TypeVar("T")

GROUP = 25
"""Instances that begin or end together: about a millisecond."""

_CUT_OFF = Outcome(error=HandlerError("CleanupCutOff", "cleanup did not end within its deadline"))

_turns: trio.lowlevel.RunVar[trio.StrictFIFOLock] = trio.lowlevel.RunVar("crews")


class NodeTasks:
    """The instances of one execution at work.

    Args:
        instances: all of them.
        nursery: in which their groups run.
    """

    def __init__(self, instances: Sequence[Instance], nursery: trio.Nursery) -> None:
        self._instances = instances
        self._nursery = nursery
        self._scopes: list[trio.CancelScope] = []

    async def begin(self) -> None:
        """Let every instance run; return when the last one is about to."""
        await self.add(self._instances)

    async def add(self, instances: Sequence[Instance]) -> None:
        """Let further instances run, or some run again that have ended; return when the last one is about to."""
        for group in in_groups(instances):
            async with turn():
                scope, begun = trio.CancelScope(shield=True), trio.Event()
                self._scopes.append(scope)
                self._nursery.start_soon(self._run, group, scope, begun)
                await begun.wait()

    async def _run(self, group: Sequence[Instance], scope: trio.CancelScope, begun: trio.Event) -> None:
        try:
            with scope:
                async with trio.open_nursery() as nursery:
                    for instance in group:
                        nursery.start_soon(instance.run)
                    begun.set()
        finally:
            self._scopes.remove(scope)

    async def dismiss(self) -> None:
        """Let every instance end, whatever happens to the calling task meanwhile."""
        with trio.CancelScope(shield=True):
            while scope := next((each for each in self._scopes if not each.cancel_called), None):
                async with turn():
                    scope.cancel()
                    await trio.lowlevel.checkpoint()  # the pass in which they go


async def clean_up(
    instances: Sequence[Instance], seconds: float, others: Sequence[tuple[Instance, Handler]] = ()
) -> None:
    """Let the handlers of all instances free what they have, whatever happens to the calling task meanwhile.

    None waits for another, and each group has so many seconds; ``others`` are handlers that had worked before.
    Errors are reported and change nothing.
    """
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as nursery:
            if others:
                nursery.start_soon(clean_up_after, others, seconds)
            for group in in_groups(instances):
                busy = [(instance, handler) for instance in group for handler in instance.retire()]
                async with turn():
                    if busy:
                        nursery.start_soon(_clean_up_group, busy, trio.current_time() + seconds)
                    await trio.lowlevel.checkpoint()


async def clean_up_after(pairs: Sequence[tuple[Instance, Handler]], seconds: float) -> None:
    """Let handlers that work no more free what they have, each reported by an instance; cut off when cancelled."""
    busy = [(instance, each) for instance, each in pairs if type(each).cleanup is not Handler.cleanup]
    await _clean_up_group(busy, trio.current_time() + seconds)


async def _clean_up_group(group: Sequence[tuple[Instance, Handler]], deadline: float) -> None:
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = deadline
        for instance, handler in group:
            nursery.start_soon(_clean_up, instance, handler)


async def _clean_up(instance: Instance, handler: Handler) -> None:
    outcome = _CUT_OFF
    try:
        outcome = await handler.cleanup()
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
        outcome = Outcome(error=handler_error(error))
    finally:
        instance.report_cleanup(outcome)


def in_groups(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return the items, so many at a time as begin or end together."""
    for start in range(0, len(items), GROUP):
        yield items[start : start + GROUP]


@asynccontextmanager
async def turn() -> AsyncIterator[None]:
    """Wait for the turn to begin or end a group, first come, first served among all executions."""
    try:
        turns = _turns.get()
    except LookupError:
        turns = trio.StrictFIFOLock()
        _turns.set(turns)
    async with turns:
        yield
