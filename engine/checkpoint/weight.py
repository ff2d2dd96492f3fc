"""The memory that a checkpoint takes when somebody goes on from it, roughly."""

from collections.abc import Iterable

from engine.checkpoint.checkpoint import Checkpoint
from engine.contracts.handler import Message
from engine.memory.lease import MESSAGE_BYTES


def weight_of(checkpoint: Checkpoint) -> int:
    """Return the bytes of its messages, and of what is around them."""
    size = 0
    for node in checkpoint.nodes:
        size += _of(node.waiting)
        size += sum(_of(taken.messages) for taken in node.taken)
        size += 0 if node.handler is None else _of(node.handler.messages)
    return size + _of(message for _, message in checkpoint.held)


def _of(messages: Iterable[Message]) -> int:
    return sum([len(message.value) + MESSAGE_BYTES for message in messages])
