"""The answer to an invocation that ended in an error, as its node asks for it.

retry ──(attempts used up, or hopeless)──> error port ──(no edge there)──> go on, or fail the execution
"""

from collections.abc import Sequence

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import Handler, HandlerError, Message, Outcome
from engine.execution.emitter import Emitter
from engine.execution.failure import UnsentError, bounded, error_value, shown_value, unsent_error
from engine.execution.hand import HAND
from engine.execution.masking import masked_error
from engine.execution.observed import Observed
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionError
from proto.graph import OnError

RETRY_AFTER_LIMIT_SECONDS = 300.0
"""The longest wait that others may ask for (``Retry-After``): as long as an execution lasts by default. A minute
is common, more are mistakes."""


class ErrorPolicy:
    """The policy of one instance.

    Args:
        node: of the instance.
        shared: of its execution.
        observed: calls the handler again, and counts the errors.
        on_error: what an error does that no edge takes, unless the node says otherwise.

    Attributes:
        emitter: by which error values leave, and all else that the instance emits: what cannot leave is an error.
        retries: whether a message may be tried again.
        goes_on: whether an error that no edge takes lets the execution go on.
    """

    def __init__(self, node: CompiledNode, shared: ExecutionShared, observed: Observed, on_error: OnError) -> None:
        self._node = node
        self._shared = shared
        self.observed = observed
        self._on_error: OnError = node.definition.on_error or on_error
        self.retries = self._on_error == "retry"
        self.goes_on = self._on_error == "continue"
        self.emitter = Emitter(node, shared, observed.counters, self.fail)

    async def handle(self, handler: Handler, message: Message, error: HandlerError) -> None:
        """Retry, send to the error port, go on, or fail the execution: as the node asks for."""
        error = masked_error(self._shared.mask, error)
        self.observed.count_error(error)
        self._record(message, error)
        await self.go_on(handler, message, error, 0, None)

    async def go_on(
        self, handler: Handler, message: Message, error: HandlerError, failed: int, due: float | None
    ) -> None:
        """See to an error that has been counted, where some attempts more than the first one have failed.

        ``due`` is when the next one is, by Trio's clock; None where nobody has said yet.
        """
        HAND.get().failing = error
        try:
            remaining = await self._retry(handler, message, error, failed, due) if self.retries else error
            if remaining is not None:
                await self._route(message, remaining)
        except trio.Cancelled:
            self.emitter.cut.note_one()
            raise
        HAND.get().failing = None

    async def fail(self, message: Message, error: HandlerError) -> None:
        """Handle a failed invocation as ``handle`` does, but never try it again: it has had effects already."""
        error = masked_error(self._shared.mask, error)
        self.observed.count_error(error)
        self._record(message, error)
        HAND.get().failing = error
        try:
            await self._route(message, error)
        except trio.Cancelled:
            self.emitter.cut.note_one()
            raise
        HAND.get().failing = None

    async def fail_all(self, messages: Sequence[Message], error: HandlerError) -> None:
        """Fail with one error all of several messages that the handler is not given."""
        failed = 0
        hand = HAND.get()
        hand.outcomes = (Outcome(error=msgspec.structs.replace(error, is_permanent=True)),) * len(messages)
        try:
            for message in messages:
                hand.first = failed
                await self.fail(message, error)
                failed += 1
        except trio.Cancelled:
            self.emitter.cut.note(failed + self.emitter.cut.left, len(messages))
            raise
        hand.put_down()

    async def _retry(
        self, handler: Handler, message: Message, error: HandlerError, failed: int, due: float | None
    ) -> HandlerError | None:
        """Try the message again, waiting twice as long each time; return the last error, or None for success.

        What would fail again is not tried, and what was asked to come back later waits that long at least.
        """
        policy = self._node.definition.retry
        hand = HAND.get()
        for attempt in range(failed, policy.max_attempts - 1):
            if error.is_permanent:
                break
            if due is None:
                asked_seconds = min(error.retry_after_seconds, RETRY_AFTER_LIMIT_SECONDS)
                due = trio.current_time() + max(policy.backoff_ms / 1000 * 2**attempt, asked_seconds)
            hand.attempts = attempt, due
            await trio.sleep_until(due)
            due = None
            outcome = await self.observed.invoke_again(handler, message)
            hand.attempts = hand.failing = None
            hand.outcomes, hand.first, hand.logged = (outcome,), 0, 0
            await self.emitter.log_all(outcome.logs)
            hand.logged = 1
            if outcome.error is None:
                await self.emitter.emit_all(outcome, message)
                return None
            error = hand.failing = masked_error(self._shared.mask, outcome.error)
            self.observed.count_error(error)
            self._record(message, error)
        return error

    def _record(self, message: Message, error: HandlerError) -> None:
        if self._shared.recorder is not None:
            self._shared.recorder.failed(self._node, message, error)

    async def _route(self, message: Message, error: HandlerError) -> None:
        """Send the error by the error port; where that leads nowhere, go on, or fail the execution."""
        node = self._node
        error = bounded(error)
        if node.routes[node.error_port]:
            try:
                await self.emitter.emit([(node.error_port, self.value(message, error))], message.lane)
            except UnsentError as unsent:  # not even the error finds memory: as if it had no edge
                error = unsent_error(unsent)
            else:
                return
        elif self._shared.outputs.is_heard:
            self._shared.outputs.note_error(node, message.lane, self.value(message, error))
        if not self.goes_on:
            self.end(message, error)
            try:
                await trio.sleep_forever()  # the execution is being cancelled; nothing more may leave this node
            finally:
                self.emitter.cut.note(1, 1)  # the message has failed, and the execution with it
        self._shared.note_refused(error)

    def end(self, message: Message, error: HandlerError) -> None:
        """Let the execution fail."""
        text = f"Node {self._node.id} failed: {error.name}: {error.message}"
        failure = ExecutionError(text, self._node.id, error.stack or None, shown_value(message))
        by = self._shared.handled_by.get(self._node.id)
        if by is not None:
            failure = msgspec.structs.replace(failure, version=by.version, revision=by.revision)
        self._shared.fail(failure)

    def value(self, message: Message, error: HandlerError) -> bytes:
        return error_value(self._node, message, error, self._shared.limits.value_bytes)
