"""The one call of a handler that serves messages: counted, timed, and reported to those who watch.

No other code counts or reports what handlers do, so handlers need not know of it and all kinds of components are
observed alike. Only a chain, whose one call is many invocations, counts for itself (``engine.execution.chained``).
"""

from collections.abc import Sequence

import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.counters.counters import InstanceCounters
from engine.execution.failure import handler_error
from engine.execution.shared import ExecutionShared


class Observed:
    """The calls of one instance's handlers, counted, timed and reported.

    Args:
        node: of the instance.
        shared: of its execution.
        counters: that go on, where the instance takes the place of another; otherwise they begin.

    Attributes:
        counters: of the instance.
        state: of the instance, as its snapshot shows it.
    """

    def __init__(
        self, node: CompiledNode, shared: ExecutionShared, counters: InstanceCounters | None = None
    ) -> None:
        self.counters = counters or InstanceCounters()
        self.state = "created"
        self._node = node
        self._shared = shared
        self._told = 0  # messages of the next call that were reported with the last one, which did not reach them
        self._under_way = 0  # calls that have not ended
        self._begun_seconds = 0.0  # the sum of the times at which they began

    def seconds_under_way(self, now: float) -> float:
        """Return the time that calls have taken which are counted only when they end."""
        return self._under_way * now - self._begun_seconds

    async def invoke(self, handler: Handler, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Call the handler with a batch; return one outcome a message, whatever it does.

        Or fewer, where the handler wants to be rid of these first (``Handler.process``).
        """
        shared = self._shared
        await shared.gate.enter()
        started = trio.current_time()
        self.state = "processing"
        self._under_way += 1
        self._begun_seconds += started
        try:
            if shared.flow_observers:
                shared.report_invocations(self._node, batch[self._told :])
                note_writes(shared, handler)
            outcomes = await handler.process(batch)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is that handler's failure
            outcomes = [Outcome(error=handler_error(error))] * len(batch)
        finally:
            self._under_way -= 1
            if self._under_way:  # of a node that does several things at once
                self._begun_seconds -= started
            else:
                self.state, self._begun_seconds = "ready", 0.0
            shared.gate.leave()
        ended = trio.current_time()
        self._told = len(batch) - len(outcomes)
        self.counters.count_batch(len(outcomes), ended - started, ended)
        shared.counters.last_activity_seconds = ended
        if ended >= shared.ages.next_seconds:
            shared.mark_ages(ended)
        if shared.recorder is not None:
            record_writes(shared, self._node, handler, batch[: len(outcomes)])
            shared.recorder.called(self._node, batch, outcomes, started)
        if shared.call_observers:
            shared.report_call(self._node, batch, outcomes, started, ended)
        return outcomes

    async def invoke_again(self, handler: Handler, message: Message) -> Outcome:
        """Call the handler with a message that it has failed to process: one invocation more, no message more."""
        await self._shared.pace.keep()
        (outcome,) = await self.invoke(handler, [message])
        return outcome

    def count_error(self, error: HandlerError) -> None:
        """Count and report an invocation that ended in an error."""
        self.counters.errors += 1
        self._shared.report_failure(self._node, error)


def note_writes(shared: ExecutionShared, handler: Handler) -> None:
    """Let a handler take note of what its next call sets in its state, where everything is recorded."""
    if shared.recorder is not None and shared.recorder.is_full:
        handler.innermost().note_writes()


def record_writes(
    shared: ExecutionShared, node: CompiledNode, handler: Handler, batch: Sequence[Message] = ()
) -> None:
    """Record what a call with these messages has set, where everything is recorded."""
    if shared.recorder is not None and shared.recorder.is_full:
        noted = handler.innermost().noted_writes()
        if any(noted):
            shared.recorder.wrote(node, batch, noted)
