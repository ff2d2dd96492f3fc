"""The task in which a source produces, beside that of its node.

It ends with the node's task, whatever ends that: so a source that a reload halts reads no more before its
successor does. Once no further input is coming it is cancelled, and what it has given leaves with the last words
of all nodes. What a source raises is an error of its node; it is run again after a while, each time after a longer
one.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from engine.contracts.source import Produced, SourceHandler
from engine.execution.failure import handler_error
from engine.execution.shared import ExecutionShared

FIRST_PAUSE_SECONDS = 0.5
"""The pause after a first failure of a source; it is doubled with each further one."""

LONGEST_PAUSE_SECONDS = 60.0
"""The longest pause between two attempts: what was away for an hour is noticed a minute after it has come back."""


class Producing:
    """The production of one instance.

    Args:
        source: its handler.
        node_id: of its node.
        shared: of its execution.
        wake: lets the instance look at what is due.
    """

    def __init__(
        self, source: SourceHandler, node_id: str, shared: ExecutionShared, wake: Callable[[], None]
    ) -> None:
        self._source = source
        self._node_id = node_id
        self._shared = shared
        self.wake = wake

    async def beside(self, work: Callable[[], Awaitable[None]]) -> None:
        """Produce as long as something else works, at most.

        Raises:
            trio.EndOfChannel: it has.
        """
        has_ended = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._produce_until_end_of_input)
            try:
                await work()
            except trio.EndOfChannel:
                has_ended = True
            nursery.cancel_scope.cancel()
        if has_ended:
            raise trio.EndOfChannel

    async def _produce_until_end_of_input(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._produce)
            await self._shared.input.wait_closed()
            nursery.cancel_scope.cancel()

    async def _produce(self) -> None:
        source, failures = self._source, 0
        while not source.has_ended:
            await source.wait_left()  # of what an earlier run has given
            before = source.position
            try:
                await source.run(self)
            except Exception as error:  # noqa: BLE001 - whatever a source raises is that source's failure
                failures = 0 if source.position != before else failures + 1
                await source.give(Produced(error=handler_error(_only(error))), self)
                await trio.sleep(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(failures, 10)))
            else:
                source.has_ended = True
        self._shared.input.note_ended(self._node_id)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Count as a running handler in the block."""
        gate = self._shared.gate
        await gate.enter()
        try:
            yield
        finally:
            gate.leave()


def _only(error: Exception) -> Exception:
    """Return the one exception in a group of one, which a nursery makes of it."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
