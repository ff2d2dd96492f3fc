"""The key of a message, by which components tell streams apart that come along one edge."""

from engine.builtin.parts.fields import Field
from engine.builtin.parts.json_path import Document
from engine.builtin.parts.refusal import RefusedError

KEYS_LIMIT = 10_000
"""Keys that one node tells apart at a time. As many as one execution holds messages while it is paused."""


class MessageKey:
    """The field that holds a message's key; where none is named, all messages have one key.

    Args:
        name: a field, or a dotted path; "" for none.
    """

    def __init__(self, name: str) -> None:
        self.fields = (Field(name),) if name else ()

    def of(self, document: Document) -> str:
        """Return the key of a message: a string as it is, any other scalar as JSON says it.

        Raises:
            RefusedError: it has none, or one that is an object, an array, or too long.
        """
        for field in self.fields:
            key = field.key(document)
            if key is None:
                raise RefusedError("MissingKey", f'the message has no field "{field.name}"')
            return key
        return ""


def refuse_key(kept: int) -> None:
    """Raise where a node that tells so many keys apart is handed a further one."""
    if kept >= KEYS_LIMIT:
        raise RefusedError("TooManyKeys", f"This node tells {KEYS_LIMIT} keys apart, and this one is new")
