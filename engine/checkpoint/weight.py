"""The memory that a checkpoint takes when somebody goes on from it, roughly."""

from collections.abc import Sequence

from engine.checkpoint.checkpoint import Checkpoint
from engine.contracts.handler import Message
from engine.cooperative.slices import Steps
from engine.memory.lease import MESSAGE_BYTES

_TOGETHER = 2_000
"""Messages between two yields: some tenths of a millisecond."""


def weight_of(checkpoint: Checkpoint) -> Steps[int]:
    """Return the bytes of its messages, and of what is around them."""
    size = 0
    for node in checkpoint.nodes:
        size += yield from _of(node.waiting)
        for taken in node.taken:
            size += yield from _of(taken.messages)
        size += 0 if node.handler is None else (yield from _of(node.handler.messages))
        yield
    for start in range(0, len(checkpoint.held), _TOGETHER):
        size += yield from _of([message for _, message in checkpoint.held[start : start + _TOGETHER]])
        yield
    return size


def _of(messages: Sequence[Message]) -> Steps[int]:
    size = MESSAGE_BYTES * len(messages)
    for start in range(0, len(messages), _TOGETHER):
        size += sum([len(message.value) for message in messages[start : start + _TOGETHER]])
        if start:
            yield
    return size
