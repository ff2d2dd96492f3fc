"""Errors of invocations as values, within bounds. Pure."""

from collections.abc import Mapping

import msgspec

from engine.compile.loaded_graph import CompiledNode
from engine.contracts.handler import HandlerError, Message, Outcome
from proto import codec

ERROR_TEXT_CHARACTERS = 8_192
"""Characters of an error's message, and of its stack: they are for eyes, and are kept and shown in many places."""

CUT_VALUE_BYTES = 2_000
"""Shown of a value that an error value has no room for; as much as a log line shows."""


class EdgeFullError(Exception):
    """An edge was full, and its policy is to reject."""


class UnsentError(Exception):
    """An emission could not leave its node.

    Args:
        sent: emissions of the same list before it, which have left.
        reason: why it could not.
        name: the kind of error that it is.
    """

    def __init__(self, sent: int, reason: str, name: str = "MemoryBoundError") -> None:
        super().__init__(reason)
        self.sent = sent
        self.name = name


def unsent_error(error: UnsentError) -> HandlerError:
    """Return the error of the invocation whose emission could not leave."""
    return HandlerError(error.name, f"{error}; {error.sent} of its emissions had left before")


def letter_value(reason: str, edge: Mapping[str, str], waited_seconds: float, value: bytes, limit: int) -> bytes:
    """Make a dead letter: ``{reason, edge, source, target, waitedMs, value}``.

    Where that would be larger than ``limit`` bytes, it has only the beginning of the value, as a string; ``cut``
    says how large the value was.
    """
    fields = {"reason": reason, **edge, "waitedMs": round(waited_seconds * 1000, 3)}
    if len(value) + CUT_VALUE_BYTES <= limit:
        letter = codec.encode({**fields, "value": msgspec.Raw(value)})
        if len(letter) <= limit:
            return letter
    head = value[:CUT_VALUE_BYTES].decode(errors="ignore")
    return codec.encode({**fields, "value": head, "cut": len(value)})


def find_oversize(outcome: Outcome, limit_bytes: int) -> HandlerError | None:
    """Return why an outcome may not leave: one of its values is larger than a value may be. None where it may."""
    for _, value in outcome.emissions:
        if len(value) > limit_bytes:
            return HandlerError(
                "ValueTooLarge",
                f"A value of {len(value)} bytes was emitted; {limit_bytes} are allowed (value_bytes). "
                "Emit less, or several values",
            )
    return None


def handler_error(error: Exception) -> HandlerError:
    """Make what a handler raised its failure."""
    return bounded(HandlerError(name=type(error).__name__, message=str(error) or repr(error)))


def bounded(error: HandlerError) -> HandlerError:
    """Return the error with texts that are not endless."""
    if max(len(error.message), len(error.stack), len(error.name)) <= ERROR_TEXT_CHARACTERS:
        return error
    return HandlerError(_cut(error.name), _cut(error.message), _cut(error.stack), error.details)


def _cut(text: str) -> str:
    if len(text) <= ERROR_TEXT_CHARACTERS:
        return text
    return f"{text[:ERROR_TEXT_CHARACTERS]}… (cut: {len(text)} characters in all)"


def shown_value(message: Message) -> str | None:
    """Return a message's value for people, cut where it is long; None of what no message caused."""
    if not message.sequence:
        return None
    shown = message.value[:CUT_VALUE_BYTES].decode(errors="ignore")
    size = len(message.value)
    return shown if size <= CUT_VALUE_BYTES else f"{shown}… (cut: {size} bytes in all)"


def error_value(node: CompiledNode, message: Message, error: HandlerError, limit_bytes: int) -> bytes:
    """Make what leaves an ``error`` port: ``{message, name, stack, nodeId, port, value}`` and the error's details.

    Where that would be larger than a value may be, it has no details and only the beginning of the message's
    value, as a string; ``cut`` says how large the value was.
    """
    fields = {
        "message": error.message,
        "name": error.name,
        "stack": error.stack,
        "nodeId": node.id,
        "port": node.inputs[message.port] if node.inputs else "",
    }
    room = limit_bytes - 2 * CUT_VALUE_BYTES - 4 * (len(error.message) + len(error.stack))
    if len(message.value) + len(error.details or b"") <= room:
        details = codec.decode_as(error.details, dict[str, msgspec.Raw]) if error.details else {}
        return codec.encode({**details, **fields, "value": msgspec.Raw(message.value)})
    head = message.value[:CUT_VALUE_BYTES].decode(errors="ignore")
    return codec.encode({**fields, "value": head, "cut": len(message.value)})
