"""The mask of an execution that uses secrets, at the places where something leaves it.

Values go from node to node as they are: a request must carry its key. What is shown of them to anybody (events,
outputs, replies, what is sent to other services), what is logged, and what is said of errors is masked, at the few
places where it leaves. Executions without secrets have no mask, and pay nothing.
"""

from collections.abc import Sequence

import msgspec

from engine.contracts.handler import HandlerError, LogLine, Message, Outcome
from engine.contracts.observer import FlowObserver
from engine.documents.mask import Mask
from proto.execution import ExecutionError


def masked_error(mask: Mask | None, error: HandlerError) -> HandlerError:
    """Return an error of an invocation without secrets: its texts, and what it has besides."""
    if mask is None:
        return error
    return msgspec.structs.replace(
        error,
        name=mask.text(error.name),
        message=mask.text(error.message),
        stack=mask.text(error.stack),
        details=mask.json(error.details) if error.details else error.details,
    )


def masked_line(mask: Mask | None, line: LogLine) -> LogLine:
    """Return a log line without secrets."""
    if mask is None:
        return line
    meta = None if line.meta is None else mask.json(line.meta)
    return LogLine(mask.text(line.level), mask.text(line.message), meta)


def masked_failure(mask: Mask | None, error: ExecutionError) -> ExecutionError:
    """Return the reason why an execution failed, without secrets."""
    if mask is None:
        return error
    stack, value = error.stack, error.value
    return msgspec.structs.replace(
        error,
        message=mask.text(error.message),
        stack=None if stack is None else mask.text(stack),
        value=None if value is None else mask.text(value),
    )


def masked_outcomes(mask: Mask | None, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """Return what is told of outcomes: errors without secrets, and of the others that they were none."""
    if mask is None:
        return outcomes
    return [
        outcome if outcome.error is None else Outcome(error=masked_error(mask, outcome.error))
        for outcome in outcomes
    ]


def _masked_message(mask: Mask, message: Message) -> Message:
    value = mask.json(message.value)
    return message if value is message.value else msgspec.structs.replace(message, value=value)


class MaskingObserver(FlowObserver):
    """An observer that stands before another one, and lets no secret through. It is told of the way of messages.

    Args:
        inner: the other one.
        mask: of the execution's secrets.

    Attributes:
        inner: as given.
    """

    def __init__(self, inner: FlowObserver, mask: Mask) -> None:
        self.inner = inner
        self._mask = mask

    def injected(self, messages: Sequence[Message], cause: str) -> None:
        self.inner.injected([_masked_message(self._mask, message) for message in messages], cause)

    def invoked_together(self, node_id: str, ports: Sequence[str], batch: Sequence[Message]) -> None:
        self.inner.invoked_together(node_id, ports, [_masked_message(self._mask, message) for message in batch])

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        self.inner.sent(node_id, port, target_node, target_port, _masked_message(self._mask, message))


def guarded(observer: FlowObserver, mask: Mask | None) -> FlowObserver:
    """Return who is to be told in place of an observer: one that stands before it, where there are secrets."""
    return observer if mask is None else MaskingObserver(observer, mask)


def guarded_anew(told: Sequence[FlowObserver], mask: Mask | None) -> tuple[FlowObserver, ...]:
    """Return who is to be told in place of those who are, now that the secrets are others."""
    inner = (each.inner if isinstance(each, MaskingObserver) else each for each in told)
    return tuple(guarded(each, mask) for each in inner)


def without(told: Sequence[FlowObserver], observer: FlowObserver) -> tuple[FlowObserver, ...]:
    """Return those who are told, without an observer or who stands before it."""
    return tuple(
        each
        for each in told
        if each is not observer and not (isinstance(each, MaskingObserver) and each.inner is observer)
    )
